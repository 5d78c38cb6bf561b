"""Cycle times: candidates, and groups of coordinated junctions with a cycle each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from signals.splits import delay_splits, shortest_cycles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from signals.offsets import PairwiseModel
    from signals.profile import ProfileModel, Timings

__all__ = ["candidate_cycles", "common_cycle", "cycle_groups", "next_cycle"]

_FIRST_CYCLE_S = 100
_CYCLE_STEPS_S = (20, 10)


def candidate_cycles(model: ProfileModel, *, step_s: int = _CYCLE_STEPS_S[0]) -> tuple[int, ...]:
    """Return even cycle times, evenly spread from the longest that all junctions allow down to what most need."""
    longest = min((junction.cycle_max_s for junction in model.junctions), default=120)
    least = shortest_cycles(model)
    shortest = int(np.quantile(least, 0.25)) if len(least) else longest
    last = longest - longest % 2
    return tuple(range(last, min(max(shortest, 30), last) - 1, -step_s))[::-1]


def next_cycle(tried: Mapping[int, float], cycles: Sequence[int]) -> int | None:
    """Return the cycle to try next: beside the best one so far, in long steps and then in shorter ones.

    Parameters
    ----------
    tried
        Objective at each cycle so far.
    cycles
        Candidate cycles.
    """
    if not tried:
        return min(cycles, key=lambda cycle: (abs(cycle - _FIRST_CYCLE_S), cycle))
    best = min(tried, key=lambda cycle: (tried[cycle], cycle))
    for step in _CYCLE_STEPS_S:
        for cycle in (best + step, best - step):
            if cycle not in tried and min(cycles) <= cycle <= max(cycles):
                return cycle
    return None


def common_cycle(model: ProfileModel, cycle_s: int, base: Timings) -> Timings:
    """Return timings at one common cycle, split by least delay with the stage sequences of `base`.

    A junction that cannot run at the common cycle keeps the nearest one that it can.
    """
    return delay_splits(model, np.full(len(model.junctions), cycle_s), base=base)[0]


def cycle_groups(pairs: PairwiseModel, cost: NDArray[np.float64], *, count: int) -> NDArray[np.int64]:
    """Return the group of each junction: who gains more from coordination than a cycle of its own would save.

    Neighbouring groups merge, the greatest gain first, while what their links gain from good offsets is more
    than what the common cycle costs them.

    Parameters
    ----------
    cost
        Cost of each junction at each candidate cycle; shape (junctions, cycles).
    count
        Number of all junctions; those outside of `pairs` stay alone.
    """
    group = np.arange(count)
    table = cost.copy()
    gain = pairs.cost.mean(axis=1) - pairs.cost.min(axis=1) if len(pairs.first) else np.empty(0)
    first, second = pairs.junctions[pairs.first], pairs.junctions[pairs.second]
    while True:
        one, two = group[first], group[second]
        apart = one != two
        if not apart.any():
            return group
        between = np.column_stack([np.minimum(one, two), np.maximum(one, two)])[apart]
        links, row = np.unique(between, axis=0, return_inverse=True)
        total = np.bincount(row.ravel(), weights=gain[apart])
        a, b = links[:, 0], links[:, 1]
        loss = (table[a] + table[b]).min(axis=1) - table[a].min(axis=1) - table[b].min(axis=1)
        surplus = total - loss
        best = int(np.argmax(surplus))
        if surplus[best] <= 0:
            return group
        # All pairs that are each other's best merge at once: the order does not matter to them.
        choice = np.full(count, -np.inf)
        np.maximum.at(choice, a, surplus)
        np.maximum.at(choice, b, surplus)
        mutual = (surplus > 0) & (surplus >= choice[a]) & (surplus >= choice[b])
        taken = np.zeros(count, dtype=bool)
        for place in np.flatnonzero(mutual).tolist():
            keep, gone = int(a[place]), int(b[place])
            if taken[keep] or taken[gone]:
                continue
            taken[[keep, gone]] = True
            table[keep] += table[gone]
            group[group == gone] = keep
