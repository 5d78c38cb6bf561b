"""One stream of a cyclic profile: its green, its queue, its cost.

The functions take single arrays rather than the tables as a whole: handing over a table counts the
references of all its arrays, which takes longer than the work.
"""

from __future__ import annotations

import math

import numpy as np

from signals._kernels_profile_tables import (
    BACK,
    CAPACITY,
    DELAY_WEIGHT,
    FLOW,
    OVERFLOW,
    RUN_ALWAYS,
    RUN_FIRST,
    RUN_GAP,
    RUN_LAST,
    RUN_SIGNAL,
    STAGE_BEGIN,
    STAGE_END,
    STOP_WEIGHT,
    STOPS,
    STORAGE,
    UNIFORM,
)
from traffic._kernels_jit import F1, F2, I1, I2, OutF1, OutI1, helper

__all__ = ["CLOSED", "EMPTY", "cost_of", "gap_flow", "raise_green", "serve", "stage_starts"]

CLOSED = 1e3
EMPTY = 1e-9


@helper
def stage_starts(sequence: I2, duration: OutI1, starts: OutI1, row: int, of: int) -> int:
    """Write the start of each stage after the start of the cycle; return the number of stages.

    `row`: where the durations begin; `of`: the stage sequence.
    """
    count = int(sequence[of, STAGE_END]) - int(sequence[of, STAGE_BEGIN])
    total = 0
    for k in range(count):
        starts[k] = total
        total += duration[row + k]
    starts[count] = total
    return count


@helper
def _add_window(rate: OutF1, start: float, length: float, level: float) -> None:
    """Raise each bin to `level` times the share of it that lies in the cyclic window."""
    period = len(rate)
    first = int(np.floor(start))
    stop = start + length
    place = first % period
    t = float(first)
    while t < stop:
        inside = min(stop, t + 1.0) - max(start, t)
        rate[place] = max(rate[place], level * inside)
        t += 1.0
        place += 1
        if place == period:
            place = 0


@helper
def raise_green(
    run: I2,
    begin: int,
    end: int,
    starts: OutI1,
    cycle: int,
    offset: int,
    signal: int,
    before: float,
    after: float,
    level: float,
    rate: OutF1,
) -> None:
    """Raise `rate` to `level` in a part of the greens of a signal.

    The part begins `before` seconds after the start of green (less than 0: at its end) and ends `after` seconds
    after its end. `begin` and `end`: the runs of the stage sequence.
    """
    repeats = len(rate) // cycle
    for row in range(begin, end):
        if run[row, RUN_SIGNAL] != signal:
            continue
        if run[row, RUN_ALWAYS]:
            if before >= 0.0:
                rate[:] = level
            return
        first = int(run[row, RUN_FIRST])
        last = int(run[row, RUN_LAST])
        green = float(starts[last + 1] - starts[first] - run[row, RUN_GAP])
        if last < first:
            green += cycle
        start = float(offset + starts[first])
        length = green - before + after
        if before < 0.0:
            start += green
            length = after
        else:
            start += before
        if length > 0.0:
            for repeat in range(repeats):
                _add_window(rate, start + repeat * cycle, length, level)


@helper
def gap_flow(table: F1, first: int, steps: int, per_flow: float, opposing: float) -> float:
    """Return the flow of one lane that finds gaps in an opposing flow; the gap class begins at `first`."""
    place = opposing * per_flow
    if place >= steps - 1:
        return 0.0
    index = int(place)
    rest = place - index
    return float((1.0 - rest) * table[first + index] + rest * table[first + index + 1])


@helper
def serve(
    arrive: OutF1,
    service: OutF1,
    depart: OutF1,
    seen: OutF1,
    watch: bool,
    scale: float,
    stop_queue: float,
    result: OutF1,
) -> None:
    """Run the cyclic queue of a lane group that `scale` of the arrivals join; figures into `result`.

    Above saturation the arrivals are scaled to the capacity: the cyclic queue then shows the saturated
    pattern and the growth of the queue is left to the overflow term. With `watch`, `seen` gets the departures as
    those see them who give way: no gap in a queue.
    """
    period = len(service)
    flow = 0.0
    capacity = 0.0
    for t in range(period):
        flow += arrive[t]
        capacity += service[t]
    flow *= scale
    if flow > capacity:
        scale *= capacity / flow
    # The periodic queue is empty after the bin with the least sum of arrivals less service so far.
    balance = 0.0
    least = 0.0
    empty = period
    for t in range(period):
        balance += scale * arrive[t] - service[t]
        if balance < least:
            least = balance
            empty = t + 1
    left = 0.0
    gone = 0.0
    area = 0.0
    stops = 0.0
    back = 0.0
    begin = empty
    end = period
    for _ in range(2):
        for t in range(begin, end):
            arriving = scale * arrive[t]
            total = left + arriving
            if service[t] <= 0.0 or left <= EMPTY:
                gone = 0.0
            served = min(total, service[t])
            after = total - served
            area += left + after
            met = min(1.0, left / stop_queue)
            stops += met * arriving + (1.0 - met) * min(arriving, after)
            if left > EMPTY or after > EMPTY:
                back = max(back, total + gone)
            gone += served
            depart[t] = served
            if watch:
                seen[t] = CLOSED if after > EMPTY else served
            left = after
        begin = 0
        end = empty
    result[FLOW] = flow / period
    result[CAPACITY] = capacity / period
    result[UNIFORM] = 0.5 * area / period
    result[STOPS] = stops / period
    result[BACK] = back


@helper
def cost_of(
    value: F2, group: int, result: OutF1, period_s: float, randomness: float, overflow_weight: float
) -> float:
    """Return the cost of a lane group: vehicles in delay, on average, plus weighted stops and overflow."""
    flow = result[FLOW]
    capacity = max(result[CAPACITY], 1e-4)
    excess = flow / capacity - 1.0
    noise = randomness * (excess + 1.0) / (capacity * period_s)
    waiting = min(flow, capacity) * 0.25 * period_s * (excess + math.sqrt(excess * excess + noise))
    result[OVERFLOW] = waiting
    stops = result[STOPS] + max(flow - capacity, 0.0)
    cost = value[group, DELAY_WEIGHT] * (result[UNIFORM] + waiting) + value[group, STOP_WEIGHT] * stops
    over = result[BACK] + waiting - value[group, STORAGE]
    return float(cost + overflow_weight * max(over, 0.0))


@helper
def opposing_flow(
    foe_row: I1, foe_share: F1, begin: int, end: int, depart: OutF1, stride: int, t: int, live: OutF1
) -> float:
    """Return the flow that a part gives way to in second `t`; rows below 0 are streams that play along."""
    flow = 0.0
    for foe in range(begin, end):
        row = int(foe_row[foe])
        flow += foe_share[foe] * (depart[row * stride + t] if row >= 0 else live[-1 - row])
    return flow
