"""The buses of a timetable (GTFS) on the streets of a network: ways, signals on them, blocks, passengers.

The timetable is real, and so are ways and signals as far as the network has them. How fast buses run between signals is not
recorded: each trip takes in the mean what its timetable gives it, divided among its links by their speeds. Blocks that the
timetable does not have, and passengers, are generated. What comes out says how policies compare, not how punctual the city is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pyproj import Transformer

from scenarios.bus_day import SIGNAL_S, STOP_S, BusDay, by_hour, passenger_rates
from scenarios.bus_ways import BUS_LIMIT_M_S, SPEED_SHARE, STOPPING_S
from scenarios.road_matching import OFF, RoadMatcher
from transit.coded import NONE, Coded
from transit.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from numpy.typing import NDArray

    from scenarios.road_matching import MatchedLine
    from traffic.network import RoadNetwork
    from traffic.progress import Progress
    from transit.timetable import Timetable

__all__ = ["busiest_day", "timetable_bus_day"]

_OFF_M_S = 0.75 * 40.0 / 3.6
_PACE = (0.5, 3.0)
_TURN_ROUND_S, _SAME_TERMINAL_M = 240, 400.0
_USUAL_HEADWAY_S = 900.0
_DEGREE_M = np.radians(1.0) * 6_371_008.8


def busiest_day(timetable: Timetable) -> date:
    """Return the first of the days with the most trips."""
    days = sorted(set().union(*timetable.days))
    return max(days, key=lambda day: len(timetable.trips_on(day)))


def timetable_bus_day(
    network: RoadNetwork,
    timetable: Timetable,
    day: date,
    *,
    passengers_h: float,
    seed: int = 1,
    progress: Progress | None = None,
) -> BusDay:
    """Return a day of a timetable over a network; trips of other days have no ways."""
    rng = np.random.default_rng([seed, 2_027])
    trips = timetable.trips_on(day)
    ways = _Ways(network, timetable)
    running, passengers, traffic = by_hour()
    pieces: list[Sequence[tuple[float, int]]] = [()] * len(timetable.times)
    rates = np.zeros(len(timetable.times))
    headway_s = _headways(timetable, trips)
    rate_of: dict[int, NDArray[np.float64]] = {}
    for done, trip in enumerate(trips.tolist()):
        first, last = int(timetable.trips.first[trip]), int(timetable.trips.first[trip + 1])
        way = ways.of_trip(trip)
        start_s, end_s = timetable.times.departure_s[first], timetable.times.arrival_s[last - 1]
        factor = float(running[int(start_s) // 3600 % 24])
        pieces[first:last] = [*way.at_pace(way.pace(float(end_s - start_s), factor)), ()]
        pattern = int(timetable.pattern[trip])
        if pattern not in rate_of:
            rate_of[pattern] = passenger_rates(last - first, headway_s[pattern], passengers_h, rng)
        rates[first:last] = rate_of[pattern]
        if progress is not None and done % 100 == 0:
            progress(done, len(trips), "ways of trips")
    blocks = _blocks(timetable, trips)
    whole = replace(timetable, trips=replace(timetable.trips, block=blocks))
    lines = Lines(pieces, rates, running, passengers, traffic)
    vehicles = len(set(blocks.code[trips].tolist()))
    return BusDay(
        whole, lines, day, vehicles, "timetable; running times and passengers generated", ways.matched
    )


class _Stretch(NamedTuple):
    """From one stop to the next: free seconds up to each signal on the way, and up to the stop."""

    free_s: tuple[float, ...]
    movement: tuple[int, ...]


@dataclass(frozen=True)
class _Way:
    stretches: tuple[_Stretch, ...]

    def pace(self, planned_s: float, factor: float) -> float:
        """Return by what free times are multiplied so that a trip takes as long as planned, in the mean."""
        free_s = sum(sum(stretch.free_s) for stretch in self.stretches)
        signals = sum(len(stretch.movement) - 1 for stretch in self.stretches)
        left_s = planned_s - SIGNAL_S * signals - STOP_S * len(self.stretches)
        return round(min(max(left_s / (free_s * factor), _PACE[0]), _PACE[1]), 2)

    def at_pace(self, pace: float) -> list[tuple[tuple[float, int], ...]]:
        """Return the pieces between stops, as `Lines` has them."""
        return [
            tuple((free_s * pace, m) for free_s, m in zip(row.free_s, row.movement, strict=True))
            for row in self.stretches
        ]


class _Ways:
    """The ways of trips: those with the same shape and stops have the same."""

    def __init__(self, network: RoadNetwork, timetable: Timetable) -> None:
        self.timetable, self.matcher = timetable, RoadMatcher(network)
        self._project = Transformer.from_crs("EPSG:4326", network.crs, always_xy=True)
        self._speed_m_s = SPEED_SHARE * np.minimum(network.links.speed_m_s, BUS_LIMIT_M_S)
        node = network.links.to_node[network.movements.in_link]
        self._signals = np.isin(node, network.junctions.node)
        self._lines: dict[bytes, MatchedLine] = {}
        self._ways: dict[tuple[bytes, bytes], _Way] = {}

    @property
    def matched(self) -> float:
        """Part of all ways that is in the network."""
        known = self._lines.values()
        length_m = sum(line.at_m[-1] for line in known)
        return float(sum(line.matched * line.at_m[-1] for line in known) / length_m) if length_m else 0.0

    def of_trip(self, trip: int) -> _Way:
        """Return the way of a trip."""
        trips, times = self.timetable.trips, self.timetable.times
        rows = slice(int(trips.first[trip]), int(trips.first[trip + 1]))
        lon, lat = self._points(trip, rows)
        line_key = lon.tobytes() + lat.tobytes()
        key = (line_key, times.distance_m[rows].tobytes())
        if key not in self._ways:
            if line_key not in self._lines:
                x_m, y_m = self._project.transform(lon, lat)
                self._lines[line_key] = self.matcher.matched(np.asarray(x_m), np.asarray(y_m))
            self._ways[key] = self._way(self._lines[line_key], times.distance_m[rows])
        return self._ways[key]

    def _points(self, trip: int, rows: slice) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        shapes, stops = self.timetable.shapes, self.timetable.stops
        shape = int(self.timetable.trips.shape[trip])
        if shape != NONE:
            points = slice(int(shapes.first[shape]), int(shapes.first[shape + 1]))
            return shapes.lon[points], shapes.lat[points]
        stop = self.timetable.times.stop[rows]
        return stops.lon[stop], stops.lat[stop]

    def _way(self, line: MatchedLine, stops_m: NDArray[np.float64]) -> _Way:
        speed = np.where(line.link == OFF, _OFF_M_S, self._speed_m_s[np.maximum(line.link, 0)])
        free_s = np.concatenate(([0.0], np.cumsum(np.diff(line.at_m) / speed[1:])))
        signals = [passing for passing in line.passings if self._signals[passing.movement]]
        at_m = np.array([passing.at_m for passing in signals])
        places = np.searchsorted(at_m, stops_m, side="right")
        stretches = []
        for k in range(len(stops_m) - 1):
            passed = range(int(places[k]), int(places[k + 1]))
            knots_m = [stops_m[k], *(at_m[n] for n in passed), stops_m[k + 1]]
            times = np.diff(np.interp(knots_m, line.at_m, free_s))
            times[-1] += STOPPING_S
            movements = (*(signals[n].movement for n in passed), -1)
            stretches.append(_Stretch(tuple(times.tolist()), movements))
        return _Way(tuple(stretches))


def _headways(timetable: Timetable, trips: NDArray[np.int64]) -> dict[int, float]:
    """Return the median headway of each pattern."""
    pattern, start = timetable.pattern[trips], timetable.times.departure_s[timetable.trips.first[trips]]
    found = {}
    for number in np.unique(pattern).tolist():
        gaps = np.diff(np.sort(start[pattern == number]))
        gaps = gaps[gaps > 0]
        found[number] = float(np.median(gaps)) if len(gaps) else _USUAL_HEADWAY_S
    return found


def _blocks(timetable: Timetable, trips: NDArray[np.int64]) -> Coded:
    """Return the blocks of the timetable; where it has none, who has waited longest at the terminal runs the next trip."""
    given, table, times = timetable.trips.block, timetable.trips, timetable.times
    names: list[str | None] = given.texts()
    start_s = times.departure_s[table.first[trips]]
    waiting: dict[int, list[tuple[int, int, str]]] = {}
    made = 0
    for trip in trips[np.argsort(start_s, kind="stable")].tolist():
        if names[trip] is not None:
            continue
        first, last = int(table.first[trip]), int(table.first[trip + 1]) - 1
        queue = waiting.setdefault(int(table.route[trip]), [])
        ready = (
            place
            for place, (ready_s, stop, _) in enumerate(queue)
            if ready_s <= times.departure_s[first] and _near(timetable, stop, int(times.stop[first]))
        )
        place = next(ready, None)
        if place is None:
            made += 1
        name = f"generated block {made}" if place is None else queue.pop(place)[2]
        names[trip] = name
        queue.append((int(times.arrival_s[last]) + _TURN_ROUND_S, int(times.stop[last]), name))
        queue.sort()
    return Coded.of(names)


def _near(timetable: Timetable, one: int, two: int) -> bool:
    if one == two:
        return True
    lon, lat = timetable.stops.lon, timetable.stops.lat
    east_m = (lon[one] - lon[two]) * _DEGREE_M * np.cos(np.radians(lat[one]))
    return bool(np.hypot(east_m, (lat[one] - lat[two]) * _DEGREE_M) <= _SAME_TERMINAL_M)
