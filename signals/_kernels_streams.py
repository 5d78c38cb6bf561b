"""One stream of a cyclic profile: its queue, its figures, its cost.

The functions take single arrays rather than the tables as a whole.
"""

from __future__ import annotations

import math

from signals._kernels_profile_tables import (
    BACK,
    CAPACITY,
    DELAY_WEIGHT,
    FLOW,
    OVERFLOW,
    STOP_WEIGHT,
    STOPS,
    STORAGE,
    UNIFORM,
)
from traffic._kernels_jit import F2, OutF1, helper, index

__all__ = ["CLOSED", "EMPTY", "cost_of", "figures", "serve"]

CLOSED = 1e3
EMPTY = 1e-9


@helper
def serve(
    arrive: OutF1,
    service: OutF1,
    depart: OutF1,
    seen: OutF1,
    watch: bool,
    scale: float,
    flow: float,
    capacity: float,
    stop_queue: float,
    result: OutF1,
) -> None:
    """Run the cyclic queue of a lane group that `scale` of the arrivals join; figures into `result`.

    `flow` and `capacity` are the sums of their arrivals and of their service. Above saturation the arrivals are scaled to
    the capacity: the cyclic queue then shows the saturated pattern and the growth of the queue is left to the overflow
    term. With `watch`, `seen` gets the departures as those see them who give way: no gap in a queue.
    """
    period = len(service)
    if flow > capacity:
        scale *= capacity / flow
    # The periodic queue is empty after the bin with the least sum of arrivals less service so far.
    balance = 0.0
    least = 0.0
    empty = period
    for second in range(period):
        balance += scale * arrive[second] - service[second]
        if balance < least:
            least = balance
            empty = second + 1
    left = 0.0
    gone = 0.0
    area = 0.0
    stops = 0.0
    back = 0.0
    begin = empty
    end = period
    for _ in range(2):
        for second in range(begin, end):
            t = index(second)
            arriving = scale * arrive[t]
            rate = service[t]
            if left == 0.0 and arriving <= rate:
                # Nobody waits: what follows would change no figure.
                depart[t] = arriving
                if watch:
                    seen[t] = arriving
                continue
            total = left + arriving
            if rate <= 0.0 or left <= EMPTY:
                gone = 0.0
            served = min(total, rate)
            after = total - served
            area += left + after
            if left >= stop_queue:
                stops += arriving
            else:
                met = left / stop_queue
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
def figures(
    arrive: OutF1,
    opened: OutF1,
    service: OutF1,
    depart: OutF1,
    left: OutF1,
    start: float,
    scale: float,
    stop_queue: float,
    result: OutF1,
) -> None:
    """Write the figures of a lane group whose queue was played into `result`; raise `service` to the departures.

    `left` is the queue at the end of each second, `start` that at the beginning of the first.
    """
    period = len(service)
    flow = 0.0
    capacity = 0.0
    area = 0.0
    stops = 0.0
    back = 0.0
    gone = 0.0
    least = start
    before = start
    for t in range(period):
        arriving = scale * arrive[t]
        served = depart[t]
        after = left[t]
        flow += arriving
        service[t] = max(service[t], served)
        capacity += service[t]
        if before > 0.0 or after > 0.0:
            area += 0.5 * (before + after)
            if before >= stop_queue:
                stops += arriving
            else:
                met = before / stop_queue
                stops += met * arriving + (1.0 - met) * min(arriving, after)
            if opened[t] <= 0.0 or before <= EMPTY:
                gone = 0.0
            if before > EMPTY or after > EMPTY:
                back = max(back, before + arriving + gone)
            gone += served
            least = min(least, after)
        before = after
    if least > EMPTY:
        capacity = 0.0
        for t in range(period):
            capacity += depart[t]
    result[FLOW] = flow / period
    result[CAPACITY] = capacity / period
    result[UNIFORM] = area / period - least
    result[STOPS] = stops / period
    result[BACK] = back - least


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
