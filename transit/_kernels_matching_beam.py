"""The hidden Markov model of one vehicle: hypotheses about trip and place, the best kept, the past settled step by step."""

from __future__ import annotations

import math

from traffic._kernels_jit import OutF1, OutF2, helper
from transit._kernels_matching_places import candidates, why_not
from transit._kernels_matching_stops import advance, close, decide, remember
from transit._kernels_matching_tables import (
    BEAM,
    C_COST,
    C_DAY,
    C_DUE,
    C_OFF,
    C_S,
    C_TRIP,
    CONTRADICTED,
    E_COLUMNS,
    E_DAY,
    E_OFF,
    E_PARENT,
    E_S,
    E_TRIP,
    H_COLUMNS,
    H_COST,
    H_DAY,
    H_S,
    H_TIME,
    H_TRIP,
    H_X,
    H_Y,
    MATCHED,
    SLOT,
    TOO_EARLY,
    W_REASON,
    W_SERIAL,
    W_TIME,
    W_X,
    W_Y,
    WINDOW,
    Grid,
    Out,
    Paths,
    Rules,
    Runs,
    Scratch,
)

__all__ = ["settle", "step"]

_BACK_M = 60.0  # by which a position may seem to be behind the one before
_REACH_M = 100.0  # by which it may seem to be further than the vehicle could go
_DETOUR_SHARE = 0.15  # of the straight line, by which a path may bend without cost to speak of
_NEXT_COST = 1.0
_CUT_M = 200.0  # of a trip, left out at its end or start, cost one
_CUT_MOST = 10.0
_WIDTH = 25.0  # hypotheses this much worse than the best are given up
_NEVER = 1e30


@helper
def _transition(
    paths: Paths,
    runs: Runs,
    rules: Rules,
    beam: OutF1,
    h: int,
    candidate: OutF2,
    c: int,
    time_s: float,
    x: float,
    y: float,
) -> float:
    """Return the cost of coming from a hypothesis to a candidate, or a number beyond any cost."""
    base = 1 + h * H_COLUMNS
    lapse_s = time_s - beam[base + H_TIME]
    straight = math.hypot(x - beam[base + H_X], y - beam[base + H_Y])
    reach = _REACH_M + rules.speed_m_s * lapse_s
    if straight > reach:
        return _NEVER
    s = candidate[c, C_S]
    if candidate[c, C_TRIP] == beam[base + H_TRIP] and candidate[c, C_DAY] == beam[base + H_DAY]:
        forward = s - beam[base + H_S]
        start = paths.stop_s[paths.stop_first[runs.path[int(candidate[c, C_TRIP])]]]
        if forward < -_BACK_M and s - start <= rules.terminal_m:
            return rules.restart_cost + candidate[c, C_DUE]  # it was on its way to the start
        if forward < -_BACK_M or forward > reach:
            return _NEVER
        cost = abs(max(forward, 0.0) - straight) / (rules.detour_m + _DETOUR_SHARE * straight)
        return cost + max(-forward, 0.0) / rules.detour_m
    before, after = int(beam[base + H_TRIP]), int(candidate[c, C_TRIP])
    cost = candidate[c, C_DUE]
    follows = runs.start_s[after] >= runs.end_s[before] - rules.late_scale_s
    same_day = candidate[c, C_DAY] == beam[base + H_DAY]
    if same_day and follows and runs.block[after] >= 0 and runs.block[after] == runs.block[before]:
        path = runs.path[before]
        left_m = paths.stop_s[paths.stop_first[path + 1] - 1] - beam[base + H_S]
        skipped_m = s - paths.stop_s[paths.stop_first[runs.path[after]]]
        cost += (
            _NEXT_COST
            + min(_CUT_MOST, max(left_m, 0.0) / _CUT_M)
            + min(_CUT_MOST, max(skipped_m, 0.0) / _CUT_M)
        )
        return cost
    return cost + rules.restart_cost


@helper
def _rank(rank: OutF2, count: int, cost: float, parent: int, choice: int) -> int:
    """Put a hypothesis into its place among the best; return how many there are."""
    if count == BEAM and cost >= rank[count - 1, 0]:
        return count
    row = count if count < BEAM else BEAM - 1
    while row > 0 and rank[row - 1, 0] > cost:
        rank[row, 0] = rank[row - 1, 0]
        rank[row, 1] = rank[row - 1, 1]
        rank[row, 2] = rank[row - 1, 2]
        row -= 1
    rank[row, 0] = cost
    rank[row, 1] = parent
    rank[row, 2] = choice
    return min(count + 1, BEAM)


@helper
def _forget(rules: Rules, beam: OutF1, window: OutF1, time_s: float) -> None:
    """Give up hypotheses about which nothing was heard for long."""
    hypotheses, kept = int(beam[0]), 0
    for h in range(hypotheses):
        if time_s - beam[1 + h * H_COLUMNS + H_TIME] <= rules.forget_s:
            _keep(beam, window, h, kept)
            kept += 1
    beam[0] = kept


@helper
def _keep(beam: OutF1, window: OutF1, h: int, row: int) -> None:
    """Move a hypothesis, and what it takes the last position for, to another row."""
    if h == row:
        return
    for i in range(H_COLUMNS):
        beam[1 + row * H_COLUMNS + i] = beam[1 + h * H_COLUMNS + i]
    count = int(window[1])
    if count > 0:
        base = 2 + ((int(window[0]) + count - 1) % WINDOW) * SLOT + 5
        for i in range(E_COLUMNS):
            window[base + row * E_COLUMNS + i] = window[base + h * E_COLUMNS + i]


@helper
def _ancestor(window: OutF1, h: int) -> int:
    """Return which hypothesis about the first position of the window leads to hypothesis h about the last."""
    first, count = int(window[0]), int(window[1])
    for back in range(count - 1, 0, -1):
        h = int(window[2 + ((first + back) % WINDOW) * SLOT + 5 + h * E_COLUMNS + E_PARENT])
    return h


@helper
def _settle_first(
    out: Out,
    vehicle: int,
    paths: Paths,
    runs: Runs,
    rules: Rules,
    beam: OutF1,
    window: OutF1,
    way: OutF1,
    chosen: int,
) -> None:
    """Settle the first position of the window for good, as hypothesis `chosen` about it has it."""
    base = 2 + int(window[0]) * SLOT
    entry = base + 5 + chosen * E_COLUMNS
    serial, time_s = window[base + W_SERIAL], window[base + W_TIME]
    x, y = window[base + W_X], window[base + W_Y]
    trip, day, s = window[entry + E_TRIP], window[entry + E_DAY], window[entry + E_S]
    if trip >= 0.0:
        total, agree = 0.0, 0.0
        for h in range(int(beam[0])):
            likely = math.exp(beam[1 + H_COST] - beam[1 + h * H_COLUMNS + H_COST])
            total += likely
            other = base + 5 + _ancestor(window, h) * E_COLUMNS
            if window[other + E_TRIP] == trip and window[other + E_DAY] == day:
                agree += likely
        sure = agree / total if total > 0.0 else 1.0
        off = window[entry + E_OFF]
        decide(out, serial, MATCHED, trip, day, s, off)
        advance(out, vehicle, paths, runs, rules, way, time_s, x, y, trip, day, s, off, sure)
    else:
        reason = int(window[base + W_REASON])
        decide(out, serial, reason, -1.0, -1.0, math.nan, math.nan)
        if reason != CONTRADICTED:
            remember(way, time_s, x, y)
    window[0] = (int(window[0]) + 1) % WINDOW
    window[1] -= 1.0


@helper
def settle(
    out: Out,
    vehicle: int,
    paths: Paths,
    runs: Runs,
    rules: Rules,
    beam: OutF1,
    window: OutF1,
    way: OutF1,
    everything: bool,
) -> None:
    """Settle positions from the first on that all hypotheses agree about, or that are as far back as one looks; or all."""
    while window[1] > 0.0:
        chosen, agreed = _ancestor(window, 0), True
        for h in range(1, int(beam[0])):
            if _ancestor(window, h) != chosen:
                agreed = False
                break
        if not (agreed or everything or int(window[1]) == WINDOW):
            return
        if not agreed:
            kept = 0
            for h in range(int(beam[0])):
                if _ancestor(window, h) == chosen:
                    _keep(beam, window, h, kept)
                    kept += 1
            beam[0] = kept
        _settle_first(out, vehicle, paths, runs, rules, beam, window, way, chosen)


@helper
def _extend(
    beam: OutF1, window: OutF1, scratch: Scratch, kept: int, time_s: float, x: float, y: float
) -> None:
    """Make the best of `scratch.rank` the hypotheses, and what they take the last position for the end of the window."""
    hypotheses = int(beam[0])
    for h in range(hypotheses):
        for i in range(H_COLUMNS):
            scratch.before[h, i] = beam[1 + h * H_COLUMNS + i]
    slot = 2 + ((int(window[0]) + int(window[1]) - 1) % WINDOW) * SLOT + 5
    least = scratch.rank[0, 0]
    for row in range(kept):
        parent, choice = int(scratch.rank[row, 1]), int(scratch.rank[row, 2])
        base, entry = 1 + row * H_COLUMNS, slot + row * E_COLUMNS
        if choice < 0:
            for i in range(H_COLUMNS):
                beam[base + i] = scratch.before[parent, i]
            window[entry + E_TRIP] = -1.0
        else:
            trip, day = scratch.candidate[choice, C_TRIP], scratch.candidate[choice, C_DAY]
            s = scratch.candidate[choice, C_S]
            if (
                parent >= 0
                and scratch.before[parent, H_TRIP] == trip
                and scratch.before[parent, H_DAY] == day
            ):
                s = max(s, scratch.before[parent, H_S])
            beam[base + H_TRIP], beam[base + H_DAY], beam[base + H_S] = trip, day, s
            beam[base + H_TIME], beam[base + H_X], beam[base + H_Y] = time_s, x, y
            window[entry + E_TRIP], window[entry + E_DAY], window[entry + E_S] = trip, day, s
            window[entry + E_OFF] = scratch.candidate[choice, C_OFF]
        beam[base + H_COST] = scratch.rank[row, 0] - least
        window[entry + E_PARENT] = max(parent, 0)
    beam[0] = kept


@helper
def step(
    out: Out,
    vehicle: int,
    paths: Paths,
    grid: Grid,
    runs: Runs,
    rules: Rules,
    beam: OutF1,
    window: OutF1,
    way: OutF1,
    scratch: Scratch,
    time_s: float,
    x: float,
    y: float,
    heading: float,
    serial: float,
    group: int,
) -> None:
    """Take the next position of a vehicle in the order of time."""
    oldest = beam[1 + H_TIME]
    if beam[0] > 0.0:
        for h in range(1, int(beam[0])):
            oldest = min(oldest, beam[1 + h * H_COLUMNS + H_TIME])
        if time_s - oldest > rules.forget_s:
            best_is_old = time_s - beam[1 + H_TIME] > rules.forget_s
            if best_is_old:
                settle(out, vehicle, paths, runs, rules, beam, window, way, True)
                close(out, vehicle, paths, runs, rules, way)
                beam[0] = 0.0
            else:
                _forget(rules, beam, window, time_s)
    count = candidates(
        paths, grid, runs, rules, time_s, x, y, heading, group, scratch.place, scratch.candidate
    )
    hypotheses = int(beam[0])
    reason = CONTRADICTED if count > 0 else why_not(runs, rules, time_s, group)
    if hypotheses == 0 and count == 0:
        decide(out, serial, reason, -1.0, -1.0, math.nan, math.nan)
        remember(way, time_s, x, y)
        return
    kept = 0
    for c in range(count):
        best, parent = _NEVER, -1
        trip = int(scratch.candidate[c, C_TRIP])
        block = runs.block[trip]
        if hypotheses == 0:
            best = scratch.candidate[c, C_DUE]
            if best >= TOO_EARLY:
                continue
        else:
            best, parent = rules.restart_cost + scratch.candidate[c, C_DUE], 0
        for h in range(hypotheses):
            cost = beam[1 + h * H_COLUMNS + H_COST]
            if cost >= best:
                break  # hypotheses are in the order of their cost
            before = int(beam[1 + h * H_COLUMNS + H_TRIP])
            if before != trip and (block < 0 or runs.block[before] != block):
                continue  # no better than to begin anew
            cost += _transition(paths, runs, rules, beam, h, scratch.candidate, c, time_s, x, y)
            if cost < best:
                best, parent = cost, h
        kept = _rank(scratch.rank, kept, best + scratch.candidate[c, C_COST], parent, c)
    for h in range(hypotheses):
        kept = _rank(scratch.rank, kept, beam[1 + h * H_COLUMNS + H_COST] + rules.skip_cost, h, -1)
    if kept == 0:  # too early for all
        decide(out, serial, why_not(runs, rules, time_s, group), -1.0, -1.0, math.nan, math.nan)
        remember(way, time_s, x, y)
        return
    while scratch.rank[kept - 1, 0] > scratch.rank[0, 0] + _WIDTH:
        kept -= 1
    slot = 2 + ((int(window[0]) + int(window[1])) % WINDOW) * SLOT
    window[slot + W_SERIAL], window[slot + W_TIME], window[slot + W_REASON] = serial, time_s, reason
    window[slot + W_X], window[slot + W_Y] = x, y
    window[1] += 1.0
    _extend(beam, window, scratch, kept, time_s, x, y)
    settle(out, vehicle, paths, runs, rules, beam, window, way, False)
