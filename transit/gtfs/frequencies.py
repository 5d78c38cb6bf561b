"""Trips that run every so many minutes: one trip is written, and Jasyl makes all of them from it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from transit.coded import NONE, Coded
from transit.gtfs.values import coded, positions_in, times_s, whole
from transit.timetable import Repeats, StopTimes, Trips

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.gtfs.problem_list import ProblemList
    from transit.gtfs.tables import Table

__all__ = ["repeated_trips"]

_MOST_TRIPS = 1_000_000
_LONGEST_S = 86_400


class _Run(NamedTuple):
    """One trip that is made of another."""

    trip: int
    start_s: int
    headway_s: int
    exact: bool


def repeated_trips(
    table: Table, trips: Trips, times: StopTimes, known: frozenset[str], problems: ProblemList
) -> tuple[Trips, StopTimes]:
    """Return trips and stop times in which trips of ``frequencies.txt`` are written out.

    The trip that is written stands for the others and does not run itself. Those have its identifier, with the time of
    their start; they have no block, because one vehicle cannot run all of them.
    """
    runs = _runs(table, trips, known, problems)
    made = {run.trip for run in runs}
    if not made:
        return trips, times
    every = [_Run(trip, NONE, 0, exact=True) for trip in range(len(trips)) if trip not in made] + runs
    every.sort(key=lambda run: (run.trip, run.start_s))
    return _written_out(every, trips, times)


def _runs(table: Table, trips: Trips, known: frozenset[str], problems: ProblemList) -> list[_Run]:
    key = coded(table, "trip_id")
    trip = positions_in(key, {name: k for k, name in enumerate(trips.key)})
    strange = np.array([name not in known for name in key.names] + [True], dtype=bool)[key.code]
    problems.errors(table, strange, "trip_id", "must be a trip of trips.txt")
    start_s, bad_start = times_s(table, "start_time", problems)
    end_s, bad_end = times_s(table, "end_time", problems)
    headway_s, bad_headway = whole(table, "headway_secs", problems, most=_LONGEST_S)
    exact, _ = whole(table, "exact_times", problems, most=1, warn=True)
    unread = bad_start | bad_end | bad_headway
    problems.errors(table, (start_s < 0) & ~bad_start, "start_time", "must be given")
    problems.errors(table, (end_s < 0) & ~bad_end, "end_time", "must be given")
    problems.errors(table, (headway_s <= 0) & ~bad_headway, "headway_secs", "must be 1 or more")
    good = (trip != NONE) & ~unread & (start_s >= 0) & (end_s >= 0) & (headway_s > 0)
    backwards = good & (end_s <= start_s)
    problems.errors(table, backwards, "end_time", "must be after start_time")
    good &= ~backwards
    return _unrolled(table, np.flatnonzero(good), (trip, start_s, end_s, headway_s, exact), problems)


def _unrolled(
    table: Table, rows: NDArray[np.int64], columns: tuple[NDArray[np.int32], ...], problems: ProblemList
) -> list[_Run]:
    trip, start_s, end_s, headway_s, exact = columns
    order = rows[np.lexsort((start_s[rows], trip[rows]))]
    runs: list[_Run] = []
    until: dict[int, int] = {}
    for row in order.tolist():
        number, start, end = int(trip[row]), int(start_s[row]), int(end_s[row])
        line = int(table.line[row])
        if start < until.get(number, start):
            rule, shown = (
                "must not be before the end_time of the row before of the trip",
                table.value("start_time", row),
            )
            problems.error(table.file, "start_time", rule, line=line, value=shown)
            continue
        starts = range(start, end, int(headway_s[row]))
        if len(runs) + len(starts) > _MOST_TRIPS:
            rule = f"must not make more than {_MOST_TRIPS} trips in all"
            problems.error(
                table.file, "headway_secs", rule, line=line, value=table.value("headway_secs", row)
            )
            continue
        until[number] = end
        runs += [_Run(number, at, int(headway_s[row]), bool(exact[row] == 1)) for at in starts]
    return runs


def _written_out(runs: list[_Run], trips: Trips, times: StopTimes) -> tuple[Trips, StopTimes]:
    of = np.array([run.trip for run in runs], dtype=np.int64)
    start_s = np.array([run.start_s for run in runs], dtype=np.int32)
    made = start_s != NONE
    counts = np.diff(trips.first)[of]
    first = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    rows = np.arange(first[-1]) - np.repeat(first[:-1], counts) + np.repeat(trips.first[:-1][of], counts)
    shift = np.where(made, start_s - times.departure_s[trips.first[:-1][of]], 0).astype(np.int32)
    later = np.repeat(shift, counts)
    block = trips.block.take(of)
    exact = np.array([run.exact for run in runs], dtype=bool)
    repeats = Repeats(
        tuple(trips.key[k] for k in of.tolist()),
        start_s,
        np.array([run.headway_s for run in runs], dtype=np.int32),
        exact,
    )
    return Trips(
        _unique_keys(runs, trips.key),
        trips.route[of],
        trips.service[of],
        trips.direction[of],
        trips.headsign.take(of),
        Coded(block.names, np.where(made, NONE, block.code).astype(np.int32)),
        trips.shape[of],
        first,
        repeats,
    ), replace(
        times,
        stop=times.stop[rows],
        sequence=times.sequence[rows],
        arrival_s=times.arrival_s[rows] + later,
        departure_s=times.departure_s[rows] + later,
        exact=times.exact[rows] & np.repeat(exact, counts),
        distance_m=times.distance_m[rows],
        given=None if times.given is None else times.given[rows],
    )


def _unique_keys(runs: list[_Run], keys: tuple[str, ...]) -> tuple[str, ...]:
    taken = set(keys)
    found: list[str] = []
    for run in runs:
        key = keys[run.trip]
        if run.start_s != NONE:
            key = f"{key}@{run.start_s // 3600:02}:{run.start_s // 60 % 60:02}:{run.start_s % 60:02}"
            while key in taken:
                key += "'"
            taken.add(key)
        found.append(key)
    return tuple(found)
