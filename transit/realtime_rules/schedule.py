"""The timetable as GTFS-Realtime refers to it: by identifiers of trips, routes and stops."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from transit.coded import NONE
from transit.gtfs.plane import flat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from transit.timetable import Timetable

__all__ = ["Calls", "Schedule", "clock", "schedule_of"]


class Calls(NamedTuple):
    """Stop times of a trip."""

    sequence: tuple[int, ...]
    stop: tuple[str, ...]
    given: tuple[bool, ...]


class Schedule(NamedTuple):
    """Look-ups by identifier.

    Attributes
    ----------
    trips
        One of the timetable's trips for each trip of the feed: where several were made from one, the first.
    starts
        When trips with exact headway start, ``"HH:MM:SS"``.
    by_headway
        Trips of which only the headway is kept.
    """

    timetable: Timetable
    trips: Mapping[str, int]
    starts: Mapping[str, frozenset[str]]
    by_headway: frozenset[str]
    routes: frozenset[str]
    stops: Mapping[str, int]

    def route(self, trip: int) -> str:
        """Return the route of a trip."""
        return self.timetable.routes.key[int(self.timetable.trips.route[trip])]

    def first_arrival(self, trip: int) -> str:
        """Return when a trip begins."""
        trips = self.timetable.trips
        return clock(int(self.timetable.times.arrival_s[trips.first[trip]]))

    def calls(self, trip: int) -> Calls:
        """Return the stop times of a trip."""
        trips, times = self.timetable.trips, self.timetable.times
        rows = slice(int(trips.first[trip]), int(trips.first[trip + 1]))
        given = times.exact if times.given is None else times.given
        stops = tuple(self.timetable.stops.key[stop] for stop in times.stop[rows].tolist())
        return Calls(tuple(times.sequence[rows].tolist()), stops, tuple(given[rows].tolist()))

    def is_station(self, stop: int) -> bool:
        """Say whether a stop is none where vehicles call."""
        kind = self.timetable.stops.kind
        return kind is not None and bool(kind[stop] != 0)

    def off_area_m(self, lon: float, lat: float) -> float:
        """Return how far a place is from the box around all shapes, or all stops where there is no shape."""
        shapes, stops = self.timetable.shapes, self.timetable.stops
        line = len(shapes.lon) > 3
        lons, lats = (shapes.lon, shapes.lat) if line else (stops.lon, stops.lat)
        if not len(lons):
            return 0.0
        nearest = float(np.clip(lon, lons.min(), lons.max())), float(np.clip(lat, lats.min(), lats.max()))
        x, y = flat(np.array([nearest[0]]), np.array([nearest[1]]), (lon, lat))
        return float(max(abs(x[0]), abs(y[0])))

    def off_line_m(self, trip: int, lon: float, lat: float) -> float:
        """Return how far a place is from the shape of a trip; 0 where it has none."""
        number, shapes = int(self.timetable.trips.shape[trip]), self.timetable.shapes
        if number == NONE:
            return 0.0
        points = slice(int(shapes.first[number]), int(shapes.first[number + 1]))
        x, y = flat(shapes.lon[points], shapes.lat[points], (lon, lat))
        return _from_origin(x, y)


def _from_origin(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    dx, dy = np.diff(x), np.diff(y)
    length2 = dx * dx + dy * dy
    share = np.clip(-(x[:-1] * dx + y[:-1] * dy) / np.where(length2 > 0.0, length2, 1.0), 0.0, 1.0)
    return float(np.hypot(x[:-1] + share * dx, y[:-1] + share * dy).min())


@lru_cache(maxsize=4)
def schedule_of(timetable: Timetable) -> Schedule:
    """Return the look-ups of a timetable."""
    trips, repeats = timetable.trips, timetable.trips.repeats
    keys = trips.key if repeats is None else repeats.key
    number: dict[str, int] = {}
    for trip, key in enumerate(keys):
        number.setdefault(key, trip)
    starts: dict[str, set[str]] = {}
    by_headway: set[str] = set()
    if repeats is not None:
        for trip in np.flatnonzero(repeats.start_s != NONE).tolist():
            if repeats.exact[trip]:
                starts.setdefault(keys[trip], set()).add(clock(int(repeats.start_s[trip])))
            else:
                by_headway.add(keys[trip])
    return Schedule(
        timetable,
        number,
        {key: frozenset(found) for key, found in starts.items()},
        frozenset(by_headway),
        frozenset(timetable.routes.key),
        {key: stop for stop, key in enumerate(timetable.stops.key)},
    )


def clock(seconds: int) -> str:
    """Return seconds of a service day as ``"HH:MM:SS"``."""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
