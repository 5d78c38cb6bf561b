"""How many stop visits positions can show: those that a vehicle came to, passed or left while it was seen on its trip."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from transit.matching import Fate
from transit.matching_tables import group_of_names

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.coded import Coded
    from transit.matching import Match, Matcher, MatchRules
    from transit.matching_tables import MatchingTables
    from transit.visits import StopVisits

__all__ = ["possible_visits"]


class _Ways(NamedTuple):
    """Where each vehicle was seen on each trip of each day, from the first to the last place along its path."""

    vehicle: NDArray[np.int64]
    trip: NDArray[np.int64]
    day: NDArray[np.int64]
    least_m: NDArray[np.float64]
    most_m: NDArray[np.float64]


def possible_visits(matcher: Matcher, found: Match, vehicle: Coded) -> int:
    """Return how many stop visits could be found, the found ones included.

    These are the stops between the first and the last place at which a vehicle was seen on its trip. A stop counts only if the
    vehicle was seen before or beyond where it may stand at it: one that only waits for its start has not left it.

    Parameters
    ----------
    vehicle
        Of each position that was matched.
    """
    ways = _ways(found, vehicle)
    between = _between(ways, matcher.tables, matcher.rules)
    there = np.unique(np.concatenate([between, _found(found.visits, matcher, vehicle)]), axis=0)
    return len(there)


def _ways(found: Match, vehicle: Coded) -> _Ways:
    positions = found.positions
    rows = np.flatnonzero(positions.fate == Fate.MATCHED)
    keys = (vehicle.code[rows], positions.trip[rows], positions.day[rows])
    order = np.lexsort(keys)
    vehicles, trip, day = (key[order].astype(np.int64) for key in keys)
    new = np.ones(len(order), dtype=bool)
    new[1:] = np.any([key[1:] != key[:-1] for key in (vehicles, trip, day)], axis=0)
    first = np.flatnonzero(new)
    s = positions.distance_m[rows][order]
    least = np.minimum.reduceat(s, first) if len(first) else s
    most = np.maximum.reduceat(s, first) if len(first) else s
    return _Ways(vehicles[first], trip[first], day[first], least, most)


def _between(ways: _Ways, tables: MatchingTables, rules: MatchRules) -> NDArray[np.int64]:
    """Return vehicle, trip, day and stop (from 0) of what lies between; shape (visits, 4)."""
    paths, path = tables.paths, tables.runs.path[ways.trip].astype(np.int64)
    begin = paths.stop_first[path].astype(np.int64)
    stops = paths.stop_first[path + 1] - begin
    way = np.repeat(np.arange(len(path)), stops)
    stop = np.arange(len(way)) - np.repeat(np.cumsum(stops) - stops, stops)
    at = begin[way] + stop
    s, zone = paths.stop_s[at], _zones(tables, rules)[at]
    least, most = ways.least_m[way], ways.most_m[way]
    rows = (least <= s) & (s <= most) & ((least < s - zone) | (most > s + zone))
    columns = (ways.vehicle[way], ways.trip[way], ways.day[way], stop)
    return np.column_stack([column[rows] for column in columns]).astype(np.int64)


def _zones(tables: MatchingTables, rules: MatchRules) -> NDArray[np.float64]:
    """Return how far from each stop of each path a vehicle may stand and be at it: not beyond half way to the next one."""
    first, s = tables.paths.stop_first, tables.paths.stop_s
    begins, ends = np.zeros(len(s), dtype=bool), np.zeros(len(s), dtype=bool)
    begins[first[:-1]] = ends[first[1:] - 1] = True
    zone = np.where(begins | ends, rules.terminal_m, rules.stop_m)
    half = 0.5 * np.diff(s)
    zone[1:] = np.where(begins[1:], zone[1:], np.minimum(zone[1:], half))
    zone[:-1] = np.where(ends[:-1], zone[:-1], np.minimum(zone[:-1], half))
    return zone


def _found(visits: StopVisits, matcher: Matcher, vehicle: Coded) -> NDArray[np.int64]:
    trips, times = matcher.timetable.trips, matcher.timetable.times
    trip = group_of_names(visits.trip, matcher.timetable.trip_number)
    most = int(times.sequence.max()) + 1
    rising = np.repeat(np.arange(len(trips)), np.diff(trips.first)) * most + times.sequence
    stop = np.searchsorted(rising, trip * most + visits.sequence) - trips.first[trip]
    mine = group_of_names(visits.vehicle, {name: k for k, name in enumerate(vehicle.names)})
    return np.column_stack([mine, trip, visits.day.astype(np.int64), stop]).astype(np.int64)
