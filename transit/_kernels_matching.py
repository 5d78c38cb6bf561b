"""Positions of many vehicles, in the order in which they come: put into the order of time, and matched."""

from __future__ import annotations

import math

from traffic._kernels_jit import F2, I1, OutF1, borrowed, helper, kernel
from transit._kernels_matching_beam import settle, step
from transit._kernels_matching_stops import close, decide
from transit._kernels_matching_tables import (
    BUFFER,
    CLOCK,
    DONE,
    DUPLICATE,
    HAS_SUSPECT,
    NEWEST,
    NO_PLACE,
    OUT_OF_ORDER,
    P_COLUMNS,
    P_GROUP,
    P_HEADING,
    P_SERIAL,
    P_TIME,
    P_X,
    P_Y,
    QUEUE,
    SUSPECT,
    UNKNOWN,
    WAITING,
    Grid,
    Out,
    Paths,
    Rules,
    Runs,
    Scratch,
    State,
)

__all__ = ["finish_vehicles", "push_positions"]


@helper
def _lost(out: Out, serial: float, fate: int) -> None:
    decide(out, serial, fate, -1.0, -1.0, math.nan, math.nan)


@helper
def _pop(
    out: Out,
    vehicle: int,
    paths: Paths,
    grid: Grid,
    runs: Runs,
    rules: Rules,
    state: State,
    scratch: Scratch,
) -> None:
    """Match the first position that waits."""
    order = state.order[vehicle]
    time_s, x, y = order[QUEUE + P_TIME], order[QUEUE + P_X], order[QUEUE + P_Y]
    heading, serial, group = order[QUEUE + P_HEADING], order[QUEUE + P_SERIAL], int(order[QUEUE + P_GROUP])
    order[WAITING] -= 1.0
    order[DONE] = time_s
    for i in range(QUEUE, QUEUE + int(order[WAITING]) * P_COLUMNS):
        order[i] = order[i + P_COLUMNS]
    step(
        out,
        vehicle,
        paths,
        grid,
        runs,
        rules,
        state.beam[vehicle],
        state.window[vehicle],
        state.way[vehicle],
        scratch,
        time_s,
        x,
        y,
        heading,
        serial,
        group,
    )


@helper
def _queue(order: OutF1, position: OutF1, out: Out) -> None:
    """Put a position among those that wait, by time."""
    time_s = position[P_TIME]
    if time_s <= order[DONE]:
        _lost(out, position[P_SERIAL], DUPLICATE if time_s == order[DONE] else OUT_OF_ORDER)
        return
    k = int(order[WAITING])
    while k > 0 and order[QUEUE + (k - 1) * P_COLUMNS + P_TIME] > time_s:
        k -= 1
    if k > 0 and order[QUEUE + (k - 1) * P_COLUMNS + P_TIME] == time_s:
        _lost(out, position[P_SERIAL], DUPLICATE)
        return
    for i in range(QUEUE + int(order[WAITING]) * P_COLUMNS - 1, QUEUE + k * P_COLUMNS - 1, -1):
        order[i + P_COLUMNS] = order[i]
    for i in range(P_COLUMNS):
        order[QUEUE + k * P_COLUMNS + i] = position[i]
    order[WAITING] += 1.0
    if not order[NEWEST] >= time_s:
        order[NEWEST] = time_s


@helper
def _flush(
    out: Out,
    vehicle: int,
    paths: Paths,
    grid: Grid,
    runs: Runs,
    rules: Rules,
    state: State,
    scratch: Scratch,
) -> None:
    """Match what waits, settle everything, and forget the vehicle's clock."""
    while state.order[vehicle, WAITING] > 0.0:
        _pop(out, vehicle, paths, grid, runs, rules, state, scratch)
    settle(
        out, vehicle, paths, runs, rules, state.beam[vehicle], state.window[vehicle], state.way[vehicle], True
    )
    close(out, vehicle, paths, runs, rules, state.way[vehicle])
    state.beam[vehicle, 0] = 0.0
    state.order[vehicle, NEWEST] = math.nan
    state.order[vehicle, DONE] = -math.inf


@helper
def _take(
    out: Out,
    vehicle: int,
    paths: Paths,
    grid: Grid,
    runs: Runs,
    rules: Rules,
    state: State,
    scratch: Scratch,
    position: OutF1,
) -> None:
    """Take a position as it comes.

    One whose clock is far from that of the positions before is put aside. Where the next one agrees with it, there was a
    pause, or the clock was set; where it agrees with those before, the clock of the one was wrong.
    """
    order = state.order[vehicle]
    time_s = position[P_TIME]
    if abs(time_s - order[NEWEST]) > rules.clock_s:
        if order[HAS_SUSPECT] == 0.0 or abs(time_s - order[SUSPECT + P_TIME]) > rules.clock_s:
            if order[HAS_SUSPECT] > 0.0:
                _lost(out, order[SUSPECT + P_SERIAL], CLOCK)
            order[HAS_SUSPECT] = 1.0
            for i in range(P_COLUMNS):
                order[SUSPECT + i] = position[i]
            return
        _flush(out, vehicle, paths, grid, runs, rules, state, scratch)
        _queue(order, order[SUSPECT : SUSPECT + P_COLUMNS], out)
    elif order[HAS_SUSPECT] > 0.0:
        _lost(out, order[SUSPECT + P_SERIAL], CLOCK)
    order[HAS_SUSPECT] = 0.0
    _queue(order, position, out)
    while order[WAITING] > BUFFER - 1 or (
        order[WAITING] > 0.0 and order[NEWEST] - order[QUEUE + P_TIME] >= rules.reorder_s
    ):
        _pop(out, vehicle, paths, grid, runs, rules, state, scratch)


@kernel
def push_positions(
    paths: Paths,
    grid: Grid,
    runs: Runs,
    rules: Rules,
    state: State,
    scratch: Scratch,
    out: Out,
    positions: F2,
    vehicles: I1,
    begin: int,
    room: int,
) -> int:
    """Take positions (rows of P columns; NaN x: no place) from `begin` on; return how far one came.

    It ends early where fewer than `room` visits could still be written.
    """
    road, near, plan = borrowed(paths), borrowed(grid), borrowed(runs)
    memory, work, found = borrowed(state), borrowed(scratch), borrowed(out)
    one = work.before[len(work.before) - 1]
    for k in range(begin, len(vehicles)):
        if found.rows[0] + room > len(found.visit):
            return k
        serial, group = positions[k, P_SERIAL], positions[k, P_GROUP]
        if not (math.isfinite(positions[k, P_X]) and math.isfinite(positions[k, P_Y])):
            _lost(found, serial, NO_PLACE)
        elif not math.isfinite(positions[k, P_TIME]):
            _lost(found, serial, CLOCK)
        elif group < 0.0:
            _lost(found, serial, UNKNOWN)
        else:
            for i in range(P_COLUMNS):
                one[i] = positions[k, i]
            _take(found, vehicles[k], road, near, plan, rules, memory, work, one)
    return len(vehicles)


@kernel
def finish_vehicles(
    paths: Paths,
    grid: Grid,
    runs: Runs,
    rules: Rules,
    state: State,
    scratch: Scratch,
    out: Out,
    begin: int,
    end: int,
    room: int,
) -> int:
    """Settle everything about vehicles begin .. end - 1; return how far one came."""
    road, near, plan = borrowed(paths), borrowed(grid), borrowed(runs)
    memory, work, found = borrowed(state), borrowed(scratch), borrowed(out)
    for vehicle in range(begin, end):
        if found.rows[0] + room > len(found.visit):
            return vehicle
        order = memory.order[vehicle]
        after = order[HAS_SUSPECT] > 0.0 and not order[SUSPECT + P_TIME] <= order[NEWEST]
        if order[HAS_SUSPECT] > 0.0 and not after:
            _lost(found, order[SUSPECT + P_SERIAL], CLOCK)
        _flush(found, vehicle, road, near, plan, rules, memory, work)
        if after:
            _queue(order, order[SUSPECT : SUSPECT + P_COLUMNS], found)
            _flush(found, vehicle, road, near, plan, rules, memory, work)
        order[HAS_SUSPECT] = 0.0
    return end
