"""The timetable: which trip is to be at which stop, when, on which day; and what vehicle runs which trips (blocks).

Times of a day are seconds after the start of the service day, which is noon minus 12 hours (GTFS), so that they do not
jump when clocks are changed; they may be beyond 24 hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from traffic.errors import InputError
from transit.coded import NONE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.coded import Coded

__all__ = ["Repeats", "Routes", "Shapes", "StopTimes", "Stops", "Timetable", "Trips", "service_day_s"]

HALF_DAY_S = 43_200


@dataclass(frozen=True, eq=False)
class Stops:
    """Stops; all arrays of shape (stops,).

    Attributes
    ----------
    key
        Identifiers (GTFS ``stop_id``).
    lon, lat
        WGS 84, degrees; NaN where only the timetable is known.
    kind
        GTFS ``location_type``: 0 is a stop or platform, others are stations, entrances and the like. `None`: all are 0.
    """

    key: tuple[str, ...]
    name: tuple[str, ...]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    kind: NDArray[np.int8] | None = None

    def __len__(self) -> int:
        return len(self.key)


@dataclass(frozen=True, eq=False)
class Routes:
    """Routes.

    Attributes
    ----------
    key
        Identifiers (GTFS ``route_id``).
    name
        What passengers read: the short name, else the long one.
    kind
        GTFS ``route_type``; shape (routes,).
    """

    key: tuple[str, ...]
    name: tuple[str, ...]
    kind: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.key)


@dataclass(frozen=True, eq=False)
class Repeats:
    """Which trips were made from a trip that runs every so many minutes; all of shape (trips,).

    Attributes
    ----------
    key
        Identifier of the trip as the feed writes it (GTFS ``trip_id``): that of `Trips` where it was not made.
    start_s
        When the trip leaves its first stop, seconds after the start of the service day; -1 where it was not made.
    headway_s
        To the next one; 0 where it was not made.
    exact
        False where only the headway is kept, and not the times (GTFS ``exact_times`` 0).
    """

    key: tuple[str, ...]
    start_s: NDArray[np.int32]
    headway_s: NDArray[np.int32]
    exact: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Trips:
    """Trips; all arrays of shape (trips,) but for `first`.

    Attributes
    ----------
    key
        Identifiers (GTFS ``trip_id``).
    route, service
        Positions in the timetable's routes and services.
    direction
        0 or 1, or -1 where it is not said.
    headsign
        What the vehicle shows.
    block
        Trips of the same block are run by one vehicle, one after the other.
    shape
        Position in the timetable's shapes, or -1.
    first
        The stop times of trip k are those from ``first[k]`` to before ``first[k + 1]``; shape (trips + 1,).
    repeats
        Which trips were made from headways, where any was.
    """

    key: tuple[str, ...]
    route: NDArray[np.int32]
    service: NDArray[np.int32]
    direction: NDArray[np.int8]
    headsign: Coded
    block: Coded
    shape: NDArray[np.int32]
    first: NDArray[np.int64]
    repeats: Repeats | None = None

    def __len__(self) -> int:
        return len(self.key)


@dataclass(frozen=True, eq=False)
class StopTimes:
    """Stop times of all trips, one trip after the other; all arrays of shape (stop times,).

    Attributes
    ----------
    sequence
        GTFS ``stop_sequence``: rises within a trip, with or without gaps.
    arrival_s, departure_s
        Seconds after the start of the service day; where the feed gives none they lie between those that it gives.
    exact
        False where the feed gives no time, or says that it is approximate.
    distance_m
        Along the shape of the trip, or along straight lines between stops where it has none.
    given
        False where the feed gives no time. `None`: where it is not exact.
    """

    stop: NDArray[np.int32]
    sequence: NDArray[np.int32]
    arrival_s: NDArray[np.int32]
    departure_s: NDArray[np.int32]
    exact: NDArray[np.bool_]
    distance_m: NDArray[np.float64]
    given: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.stop)


@dataclass(frozen=True, eq=False)
class Shapes:
    """Lines that trips follow: the points of shape k are those from ``first[k]`` to before ``first[k + 1]``."""

    key: tuple[str, ...]
    first: NDArray[np.int64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.key)


@dataclass(frozen=True, eq=False)
class Timetable:
    """A timetable that holds together: every number is the position of something.

    Attributes
    ----------
    zone
        IANA name of the time zone of its times.
    services
        Identifiers of services (GTFS ``service_id``).
    days
        The days on which each service runs.
    agencies
        Identifiers of those who run it (GTFS ``agency_id``); one may be empty.
    """

    zone: str
    stops: Stops
    routes: Routes
    services: tuple[str, ...]
    days: tuple[frozenset[date], ...]
    trips: Trips
    times: StopTimes
    shapes: Shapes
    agencies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        ZoneInfo(self.zone)
        trips, times = self.trips, self.times
        _require_positions(trips.route, len(self.routes), "trips.route")
        _require_positions(trips.service, len(self.services), "trips.service")
        _require_positions(trips.shape, len(self.shapes), "trips.shape", least=NONE)
        _require_positions(times.stop, len(self.stops), "times.stop")
        first = trips.first
        if (
            len(first) != len(trips) + 1
            or first[0] != 0
            or first[-1] != len(times)
            or (np.diff(first) < 1).any()
        ):
            raise InputError(
                "must divide the stop times among the trips, one or more for each", field="trips.first"
            )
        inner = np.ones(len(times), dtype=bool)
        inner[first[:-1]] = False
        before = np.flatnonzero(inner) - 1
        if (times.departure_s < times.arrival_s).any():
            raise InputError("must not be before the arrival", field="times.departure_s")
        if (times.arrival_s[before + 1] < times.departure_s[before]).any():
            raise InputError("must not be before the departure from the stop before", field="times.arrival_s")
        if (times.sequence[before + 1] <= times.sequence[before]).any():
            raise InputError("must rise within a trip", field="times.sequence")

    def trips_on(self, day: date) -> NDArray[np.int64]:
        """Return the trips of a service day; shape (found,)."""
        running = np.array([day in days for days in self.days], dtype=bool)
        return np.flatnonzero(running[self.trips.service]) if len(self.trips) else np.zeros(0, dtype=np.int64)

    def start_s(self, day: date) -> int:
        """Return the POSIX second that the times of a service day count from."""
        return service_day_s(day, self.zone)

    @cached_property
    def trip_number(self) -> dict[str, int]:
        """Position of each trip by its identifier."""
        return {key: number for number, key in enumerate(self.trips.key)}

    @cached_property
    def pattern(self) -> NDArray[np.int32]:
        """Number of the pattern of each trip: the same for trips of a route with the same stops; shape (trips,)."""
        number: dict[tuple[int, int, bytes], int] = {}
        trips, found = self.trips, np.empty(len(self.trips), dtype=np.int32)
        for trip in range(len(trips)):
            stops = self.times.stop[trips.first[trip] : trips.first[trip + 1]].tobytes()
            key = (int(trips.route[trip]), int(trips.direction[trip]), stops)
            found[trip] = number.setdefault(key, len(number))
        return found


def service_day_s(day: date, zone: str) -> int:
    """Return the POSIX second of noon minus 12 hours: midnight, but on days when clocks are changed."""
    noon = datetime.combine(day, time(12), tzinfo=ZoneInfo(zone))
    return int(noon.timestamp()) - HALF_DAY_S


def _require_positions(values: NDArray[np.int32], count: int, field: str, *, least: int = 0) -> None:
    if len(values) and not (least <= values.min() and values.max() < count):
        wrong = values[(values < least) | (values >= count)][0]
        raise InputError(f"must be from {least} to {count - 1}", field=field, value=int(wrong))
