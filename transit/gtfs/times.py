"""Stop times: those of a trip hold together, or the trip is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from transit.coded import NONE
from transit.gtfs.distances import FAR_M, along_trips
from transit.gtfs.values import NO_TIME, coded, numbers, positions_in, repeated, times_s, whole
from transit.timetable import StopTimes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from transit.coded import Coded
    from transit.gtfs.problem_list import ProblemList
    from transit.gtfs.tables import Table
    from transit.timetable import Shapes, Stops

__all__ = ["Geography", "read_stop_times"]


class Geography(NamedTuple):
    """Where things are.

    Attributes
    ----------
    stops, shapes
        What has a place.
    stop_keys
        Identifiers of all stops of the feed, with and without a place.
    shape_travelled
        What the feed says of the distance of each point of the shapes, or NaN.
    """

    stops: Stops
    stop_keys: tuple[str, ...]
    shapes: Shapes
    shape_travelled: NDArray[np.float64]


class _Rows(NamedTuple):
    """Rows of ``stop_times.txt`` of trips that are there, by trip and sequence."""

    table: Table
    trip: NDArray[np.int32]
    stop: NDArray[np.int32]
    sequence: NDArray[np.int32]
    arrival_s: NDArray[np.int32]
    departure_s: NDArray[np.int32]
    exact: NDArray[np.bool_]
    travelled: NDArray[np.float64]
    broken: NDArray[np.bool_]

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> _Rows:
        """Return some of the rows."""
        return _Rows(
            self.table.take(rows),
            self.trip[rows],
            self.stop[rows],
            self.sequence[rows],
            self.arrival_s[rows],
            self.departure_s[rows],
            self.exact[rows],
            self.travelled[rows],
            self.broken[rows],
        )


def read_stop_times(
    table: Table,
    trips: Mapping[str, int],
    known: frozenset[str],
    shape: NDArray[np.int32],
    places: Geography,
    problems: ProblemList,
) -> tuple[NDArray[np.bool_], NDArray[np.int64], StopTimes]:
    """Return which trips have stop times that hold together, where those of each begin, and the stop times.

    Parameters
    ----------
    trips
        Number of each trip that may be used, by its identifier.
    known
        Identifiers of all trips of the feed.
    shape
        Of each trip, or -1.
    """
    rows = _checked(table, trips, known, places, problems)
    rows = _ordered(rows, problems)
    rows = _whole_trips(rows, _out_of_order(rows, problems) | rows.broken)
    used = np.zeros(len(trips), dtype=bool)
    used[rows.trip] = True
    numbers_of, counts = np.unique(rows.trip, return_counts=True)
    first = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    along = along_trips(
        first,
        rows.stop,
        shape[numbers_of],
        places.stops,
        places.shapes,
        travelled=rows.travelled,
        shape_travelled=places.shape_travelled,
    )
    _tell_far(rows, shape, along.offset_m, problems)
    arrival_s, departure_s = _filled(rows, along.distance_m)
    given = rows.arrival_s != NO_TIME
    times = StopTimes(
        rows.stop, rows.sequence, arrival_s, departure_s, rows.exact & given, along.distance_m, given
    )
    return used, first, times


def _checked(
    table: Table, trips: Mapping[str, int], known: frozenset[str], places: Geography, problems: ProblemList
) -> _Rows:
    table, trip = _of_known_trips(table, trips, known, problems)
    stop_key = coded(table, "stop_id")
    stop = positions_in(stop_key, {key: k for k, key in enumerate(places.stops.key)})
    broken = _tell_stops(table, stop_key, stop, places, problems)
    sequence, wrong = whole(table, "stop_sequence", problems, most=10**9 - 1)
    problems.errors(table, (sequence < 0) & ~wrong, "stop_sequence", "must be given")
    arrival_s, bad_arrival = times_s(table, "arrival_time", problems)
    departure_s, bad_departure = times_s(table, "departure_time", problems)
    broken |= (sequence < 0) | bad_arrival | bad_departure
    one = ((arrival_s == NO_TIME) != (departure_s == NO_TIME)) & ~bad_arrival & ~bad_departure
    missing = arrival_s == NO_TIME
    for column, without in (("arrival_time", missing), ("departure_time", ~missing)):
        problems.warnings(table, one & without, column, "must be given with the other one: the same is taken")
    arrival_s = np.where(arrival_s == NO_TIME, departure_s, arrival_s)
    departure_s = np.where(departure_s == NO_TIME, arrival_s, departure_s)
    backwards = (departure_s < arrival_s) & ~bad_arrival & ~bad_departure
    problems.errors(table, backwards, "departure_time", "must not be before the arrival")
    timepoint, _ = whole(table, "timepoint", problems, most=1, warn=True)
    travelled, _ = numbers(table, "shape_dist_traveled", problems, least=0.0, most=np.inf)
    return _Rows(
        table, trip, stop, sequence, arrival_s, departure_s, timepoint != 0, travelled, broken | backwards
    )


def _of_known_trips(
    table: Table, trips: Mapping[str, int], known: frozenset[str], problems: ProblemList
) -> tuple[Table, NDArray[np.int32]]:
    """Return the rows of trips that may be used; those of trips that were left out have been told of already."""
    key = coded(table, "trip_id")
    problems.errors(table, key.code == NONE, "trip_id", "must be given")
    strange = np.array([name not in known for name in key.names] + [False], dtype=bool)[key.code]
    problems.errors(table, strange, "trip_id", "must be a trip of trips.txt")
    trip = positions_in(key, trips)
    return table.take(trip != NONE), trip[trip != NONE]


def _tell_stops(
    table: Table, key: Coded, stop: NDArray[np.int32], places: Geography, problems: ProblemList
) -> NDArray[np.bool_]:
    placed = positions_in(key, dict.fromkeys(places.stop_keys, 0)) != NONE
    problems.errors(table, key.code == NONE, "stop_id", "must be given")
    problems.errors(table, ~placed & (key.code != NONE), "stop_id", "must be a stop of stops.txt")
    problems.errors(table, placed & (stop == NONE), "stop_id", "must be a stop that has a place in stops.txt")
    if places.stops.kind is not None and len(places.stops):
        station = (stop != NONE) & (places.stops.kind[stop] != 0)
        problems.warnings(table, station, "stop_id", "must be a stop or platform (location_type 0)")
    lost: NDArray[np.bool_] = stop == NONE
    return lost


def _ordered(rows: _Rows, problems: ProblemList) -> _Rows:
    """Return rows by trip and sequence; what stands there twice is left out, or breaks its trip where it differs."""
    twice = repeated([rows.trip, rows.sequence]) & (rows.sequence >= 0)
    same = repeated([rows.trip, rows.sequence, rows.stop, rows.arrival_s, rows.departure_s])
    problems.warnings(rows.table, twice & same, "stop_sequence", "must not be given twice for a trip")
    problems.errors(rows.table, twice & ~same, "stop_sequence", "must not be given twice for a trip")
    order = np.lexsort((rows.sequence, rows.trip))
    return rows._replace(broken=rows.broken | (twice & ~same)).take(order[~(twice & same)[order]])


def _out_of_order(rows: _Rows, problems: ProblemList) -> NDArray[np.bool_]:
    """Say which rows break their trip: no time at an end, or one before the last departure."""
    bad = np.zeros(len(rows.trip), dtype=bool)
    if not len(bad):
        return bad
    starts = np.concatenate(([True], rows.trip[1:] != rows.trip[:-1]))
    ends = np.concatenate((starts[1:], [True]))
    bare = (starts | ends) & (rows.arrival_s == NO_TIME) & ~rows.broken
    problems.errors(rows.table, bare, "arrival_time", "must be given at the first and last stop of a trip")
    timed = np.flatnonzero((rows.arrival_s != NO_TIME) & ~rows.broken)
    one, other = timed[:-1], timed[1:]
    early = other[(rows.trip[one] == rows.trip[other]) & (rows.arrival_s[other] < rows.departure_s[one])]
    bad[early] = True
    problems.errors(rows.table, bad, "arrival_time", "must not be before the departure from the stop before")
    either: NDArray[np.bool_] = bad | bare
    return either


def _whole_trips(rows: _Rows, bad: NDArray[np.bool_]) -> _Rows:
    return rows.take(~np.isin(rows.trip, rows.trip[bad]))


def _filled(rows: _Rows, distance_m: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return times for all stops: between those that are given, the vehicle is taken to run at one speed."""
    missing = np.flatnonzero(rows.arrival_s == NO_TIME)
    if not len(missing):
        return rows.arrival_s, rows.departure_s
    timed = np.flatnonzero(rows.arrival_s != NO_TIME)
    after = np.searchsorted(timed, missing)
    one, other = timed[after - 1], timed[after]
    way_m, stops = distance_m[other] - distance_m[one], other - one
    share = np.where(
        way_m > 0.0, (distance_m[missing] - distance_m[one]) / np.where(way_m > 0.0, way_m, 1.0), 0.0
    )
    share = np.where(way_m > 0.0, share, (missing - one) / stops)
    start_s, end_s = rows.departure_s[one], rows.arrival_s[other]
    arrival_s, departure_s = rows.arrival_s.copy(), rows.departure_s.copy()
    arrival_s[missing] = departure_s[missing] = np.rint(start_s + share * (end_s - start_s))
    return arrival_s, departure_s


def _tell_far(
    rows: _Rows, shape: NDArray[np.int32], offset_m: NDArray[np.float64], problems: ProblemList
) -> None:
    far = offset_m > FAR_M
    again = np.zeros(len(far), dtype=bool)
    again[far] = repeated([shape[rows.trip[far]], rows.stop[far]])
    rule = f"must be within {FAR_M:g} m of the shape of its trip"
    problems.warnings(rows.table, far & ~again, "stop_id", f"{rule} (told once for a shape)")
