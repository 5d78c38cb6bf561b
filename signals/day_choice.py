"""Which plan set is in force when: exact dynamic programming over the intervals of a day.

The day repeats, so the switch at midnight counts too. At most so many sets may be used as a controller stores: every choice of
so many sets has its own dynamic programme, and the best of them is the best of all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    SwitchCost = Callable[[int, int, int], float]

__all__ = ["Choice", "best_choice"]


@dataclass(frozen=True)
class Choice:
    """The set of each interval, and what all intervals and switches cost together."""

    sets: tuple[int, ...]
    cost: float

    def switches(self) -> tuple[tuple[int, int, int], ...]:
        """Return (interval, set before, set after) of each switch; that of interval 0 is at midnight."""
        before = (self.sets[-1], *self.sets[:-1])
        return tuple(
            (k, one, other)
            for k, (one, other) in enumerate(zip(before, self.sets, strict=True))
            if one != other
        )


def best_choice(cost: NDArray[np.float64], switch_cost: SwitchCost, most_sets: int) -> Choice:
    """Return the choice of least cost.

    `switch_cost` is asked only for switches of choices that would be the best if all that is not known yet cost nothing:
    the result is as exact as if all were known.

    Parameters
    ----------
    cost
        Of each set in each interval; shape (intervals, sets).
    switch_cost
        Of the switch from one set to another at the start of an interval: (interval, before, after), 0 or more.
    most_sets
        How many sets may be used.
    """
    intervals, sets = cost.shape
    if most_sets < 1:
        raise InputError("must be 1 or more", field="sets", value=most_sets)
    known = np.zeros((intervals, sets, sets))
    asked = np.zeros(known.shape, dtype=bool)
    while True:
        choice = _least(cost, known, min(most_sets, sets))
        unknown = [switch for switch in choice.switches() if not asked[switch]]
        if not unknown:
            return choice
        for switch in unknown:
            value = switch_cost(*switch)
            if not value >= 0:
                raise InputError("must be 0 or more", field="switch cost", value=value)
            known[switch], asked[switch] = value, True


def _least(cost: NDArray[np.float64], switch: NDArray[np.float64], most_sets: int) -> Choice:
    """Return the best choice where all costs are known; of equal ones that of the first sets."""
    best = Choice((), math.inf)
    for used in combinations(range(cost.shape[1]), most_sets):
        at = list(used)
        own = switch[np.ix_(range(len(cost)), at, at)]
        for first in range(len(at)):
            found = _path(cost[:, at], own, first)
            if found.cost < best.cost:
                best = Choice(tuple(at[k] for k in found.sets), found.cost)
    return best


def _path(cost: NDArray[np.float64], switch: NDArray[np.float64], first: int) -> Choice:
    """Return the best choice that has set `first` in interval 0."""
    count = len(cost)
    total = np.full(cost.shape[1], math.inf)
    total[first] = cost[0, first]
    came = np.zeros(cost.shape, dtype=np.int64)
    for k in range(1, count):
        ways = total[:, None] + switch[k]
        came[k] = ways.argmin(axis=0)
        total = ways.min(axis=0) + cost[k]
    total = total + switch[0][:, first]
    last = int(total.argmin())
    sets = [last]
    for k in range(count - 1, 0, -1):
        sets.append(int(came[k, sets[-1]]))
    return Choice(tuple(reversed(sets)), float(total[last]))
