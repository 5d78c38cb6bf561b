"""The slow plain twin of matching: all trips and places, all of the past, no beam, no window, no stream.

It takes positions of one vehicle in the order of time, and returns for each the trip and the place on its path, or None.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from transit.matching import MatchRules
from transit.matching_tables import matching_tables

if TYPE_CHECKING:
    from transit.matching_tables import MatchingTables
    from transit.positions import Positions
    from transit.timetable import Timetable


class Place(NamedTuple):
    """Where a position may be."""

    trip: int
    day: int
    s: float
    off: float
    due: float


class State(NamedTuple):
    """Where a vehicle is thought to be since a position, and the choices that led to it."""

    cost: float
    place: Place
    time: float
    x: float
    y: float
    choices: tuple[Place | None, ...]


def places_on_path(
    tables: MatchingTables, path: int, x: float, y: float, gate: float
) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    paths = tables.paths
    for k in range(paths.first[path], paths.first[path + 1] - 1):
        a = np.array([paths.x[k], paths.y[k]])
        step = np.array([paths.x[k + 1], paths.y[k + 1]]) - a
        share = float(np.clip(np.dot([x, y] - a, step) / max(np.dot(step, step), 1e-300), 0.0, 1.0))
        off = math.hypot(*([x, y] - a - share * step))
        s = float(paths.s[k] + share * (paths.s[k + 1] - paths.s[k]))
        if off > gate:
            continue
        if found and s - found[-1][0] < 150.0:
            if off < found[-1][1]:
                found[-1] = (s, off)
        elif len(found) < 4:
            found.append((s, off))
    return found


def stop_s(tables: MatchingTables, trip: int) -> np.ndarray:
    path = tables.runs.path[trip]
    return tables.paths.stop_s[tables.paths.stop_first[path] : tables.paths.stop_first[path + 1]]


def due_at(tables: MatchingTables, timetable: Timetable, trip: int, s: float) -> float:
    rows = slice(timetable.trips.first[trip], timetable.trips.first[trip + 1])
    at = stop_s(tables, trip)
    arrival, departure = timetable.times.arrival_s[rows], timetable.times.departure_s[rows]
    if s <= at[0]:
        return float(departure[0])
    if s > at[-1]:
        return float(arrival[-1])
    k = int(np.searchsorted(at, s))
    share = (s - at[k - 1]) / (at[k] - at[k - 1])
    return float(departure[k - 1] + share * (arrival[k] - departure[k - 1]))


def possible(
    timetable: Timetable,
    tables: MatchingTables,
    rules: MatchRules,
    time: float,
    x: float,
    y: float,
    block: str | None,
) -> list[Place]:
    found = []
    for trip in range(len(timetable.trips)):
        if block is not None and timetable.trips.block[trip] != block:
            continue
        for day in range(len(tables.day)):
            for s, off in places_on_path(tables, int(tables.runs.path[trip]), x, y, rules.gate_m):
                late = time - float(tables.runs.day_s[day]) - due_at(tables, timetable, trip, s)
                if not -rules.early_s <= late <= rules.late_s:
                    continue
                begun = s - stop_s(tables, trip)[0]
                waits = late >= 0 or begun <= rules.terminal_m
                due = abs(late) / (rules.late_scale_s if waits else rules.early_scale_s)
                if late < -rules.ahead_s and rules.terminal_m < begun < 2000.0:
                    due = math.inf
                found.append(Place(trip, day, s, off, due))
    return found


def step_cost(
    timetable: Timetable,
    tables: MatchingTables,
    rules: MatchRules,
    old: State,
    new: Place,
    time: float,
    x: float,
    y: float,
) -> float:
    straight = math.hypot(x - old.x, y - old.y)
    reach = 100.0 + rules.speed_m_s * (time - old.time)
    anew = rules.restart_cost + new.due
    if straight > reach:
        return math.inf
    if (new.trip, new.day) == (old.place.trip, old.place.day):
        forward = new.s - old.place.s
        if forward < -60.0 and new.s - stop_s(tables, new.trip)[0] <= rules.terminal_m:
            return anew
        if forward < -60.0 or forward > reach:
            return math.inf
        bend = abs(max(forward, 0.0) - straight) / (rules.detour_m + 0.15 * straight)
        return bend + max(-forward, 0.0) / rules.detour_m
    blocks = timetable.trips.block
    first = timetable.trips.first
    begins = timetable.times.departure_s[first[new.trip]]
    ends = timetable.times.arrival_s[first[old.place.trip + 1] - 1]
    follows = new.day == old.place.day and begins >= ends - rules.late_scale_s
    if follows and blocks[new.trip] is not None and blocks[new.trip] == blocks[old.place.trip]:
        left = stop_s(tables, old.place.trip)[-1] - old.place.s
        skipped = new.s - stop_s(tables, new.trip)[0]
        return 1.0 + min(10.0, max(left, 0.0) / 200.0) + min(10.0, max(skipped, 0.0) / 200.0) + new.due
    return anew


def ref_match(
    timetable: Timetable, made: Positions, rules: MatchRules, block: str | None
) -> list[tuple[int, float] | None]:
    """Return trip and place of each position by the Viterbi algorithm over all hypotheses."""
    tables = matching_tables(timetable, gate_m=rules.gate_m)
    x, y = tables.flat(made.lon, made.lat)
    states: list[State] = []
    lost = 0
    for k, time in enumerate(made.time_s.tolist()):
        now = possible(timetable, tables, rules, time, float(x[k]), float(y[k]), block)
        new = [old._replace(cost=old.cost + rules.skip_cost, choices=(*old.choices, None)) for old in states]
        best = min(states, key=lambda state: state.cost, default=None)
        for place in now:
            emission = 0.5 * (place.off / rules.noise_m) ** 2
            if best is None:
                before = [(place.due, (None,) * lost, None)]
            else:
                before = [(best.cost + rules.restart_cost + place.due, best.choices, None)]
                for old in states:
                    cost = old.cost + step_cost(
                        timetable, tables, rules, old, place, time, float(x[k]), float(y[k])
                    )
                    before.append((cost, old.choices, old))
            cost, choices, old = min(before, key=lambda way: way[0])
            if math.isinf(cost):
                continue
            s = place.s
            if old and (old.place.trip, old.place.day) == (place.trip, place.day) and s >= old.place.s - 60.0:
                s = max(s, old.place.s)
            taken = place._replace(s=s)
            new.append(State(cost + emission, taken, time, float(x[k]), float(y[k]), (*choices, taken)))
        lost += not new
        states = new
    chosen = min(states, key=lambda state: state.cost).choices if states else (None,) * lost
    return [None if place is None else (place.trip, place.s) for place in chosen]
