"""A certified lower bound on the cost of offsets in the pairwise model, and the ratio that it gives.

Relative offsets around a loop of junctions add up to a whole number of periods. Each pair's table is shared out among
the loops that it lies in; the least sum of each loop, by dynamic programming over relative offsets, can be had without
the others, so their total is a lower bound for any shares (Lagrangian decomposition). Good shares are found by
coordinate ascent: pair by pair, the soft least sums of its loops are made equal, at falling temperatures.

Loops are chordless: a chord cuts a loop into two that share it, and these bound no less than the whole. Pairs in no
loop are counted at their least cost, so the bound of a tree is its optimum.

Rounding: the shares are set so that they add up to the table to within a unit in the last place, and the bound is
lowered by more than all roundings of its sums together (about 1e-12 of the sizes of the tables), so that it holds for
the costs as stored.

The *bound ratio* is the improvement over the mean of random offsets, as a part of the largest improvement that the
bound allows: (mean - found) / (mean - bound). A constant that is added to the costs does not change it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from signals._kernels_offset_bound import balance_shares, loop_minima
from signals.offset_loops import short_loops
from traffic.arrays import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from signals.offsets import PairwiseModel

__all__ = ["bound_ratio", "loop_bound"]

_WARMEST, _COOLING = 0.02, 0.5
_LEVELS = 8


@dataclass(frozen=True, eq=False)
class _Loops:
    """Loops as runs of places, and the places of each edge.

    Attributes
    ----------
    begin
        First place of each loop; shape (loops + 1,).
    edge, sign
        Edge and its direction at each place; shape (places,).
    edge_begin, places
        The places of edge e are `places[edge_begin[e] : edge_begin[e + 1]]`.
    """

    begin: NDArray[np.int32]
    edge: NDArray[np.int32]
    sign: NDArray[np.int32]
    edge_begin: NDArray[np.int32]
    places: NDArray[np.int32]

    @classmethod
    def of(cls, pairs: PairwiseModel) -> _Loops:
        """Return the short chordless loops of `pairs`."""
        loops = short_loops(pairs)
        edge = np.array([e for loop in loops for e, _ in loop], dtype=np.int32)
        inside = np.bincount(edge, minlength=len(pairs.first))
        return cls(
            begin=frozen(np.cumsum([0, *(len(loop) for loop in loops)]), np.int32),
            edge=frozen(edge, np.int32),
            sign=frozen([sign for loop in loops for _, sign in loop], np.int32),
            edge_begin=frozen(np.concatenate([[0], np.cumsum(inside)]), np.int32),
            places=frozen(np.argsort(edge, kind="stable"), np.int32),
        )

    @property
    def inside(self) -> NDArray[np.int32]:
        """Number of loops that each edge lies in; shape (edges,)."""
        return np.diff(self.edge_begin)


def loop_bound(pairs: PairwiseModel, *, sweeps: int = 3) -> float:
    """Return a lower bound on the cost of any offsets in the pairwise model.

    Parameters
    ----------
    sweeps
        Sweeps over all pairs at each temperature; more give a better bound, and each keeps it valid.
    """
    loops = _Loops.of(pairs)
    free = math.fsum(pairs.cost[loops.inside == 0].min(axis=1)) if len(pairs.first) else 0.0
    if not len(loops.edge):
        return free - _rounding(pairs, pairs.cost, 1)
    period = pairs.period_s
    share = (pairs.cost / np.maximum(loops.inside, 1)[:, None])[loops.edge].ravel()
    work = np.zeros((5 + int(loops.inside.max())) * period)
    loop_of = frozen(np.repeat(np.arange(len(loops.begin) - 1), np.diff(loops.begin)), np.int32)
    order = np.arange(len(pairs.first), dtype=np.int32)
    best = _certified(pairs, loops, share)
    temperature = _WARMEST * float(np.ptp(pairs.cost, axis=1).mean())
    for _ in range(_LEVELS if temperature > 0 else 0):
        for _ in range(sweeps):
            balance_shares(
                period,
                loops.begin,
                loops.sign,
                loop_of,
                loops.edge_begin,
                loops.places,
                frozen(order, np.int32),
                temperature,
                share,
                work,
            )
            order = order[::-1]
        best = max(best, _certified(pairs, loops, share))
        temperature *= _COOLING
    return free + best


def _certified(pairs: PairwiseModel, loops: _Loops, share: NDArray[np.float64]) -> float:
    """Return the sum of the least sums of all loops, lowered by more than its roundings."""
    period = pairs.period_s
    rows = share.reshape(-1, period).copy()
    total = np.zeros_like(pairs.cost)
    np.add.at(total, loops.edge, rows)
    held = loops.inside > 0
    last = loops.places[loops.edge_begin[1:][held] - 1]
    rows[last] += pairs.cost[held] - total[held]
    least = np.zeros(len(loops.begin) - 1)
    loop_minima(
        period, loops.begin, loops.sign, frozen(rows.ravel(), np.float64), least, np.zeros(3 * period)
    )
    terms = int(np.diff(loops.begin).max()) + int(loops.inside.max())
    return math.fsum(least) - _rounding(pairs, rows, terms)


def _rounding(pairs: PairwiseModel, rows: NDArray[np.float64], terms: int) -> float:
    """Return more than the roundings of sums of up to `terms` entries of `rows`, each used once."""
    sizes = float(
        np.abs(rows).max(axis=1, initial=0.0).sum() + np.abs(pairs.cost).max(axis=1, initial=0.0).sum()
    )
    return 4.0 * float(np.finfo(np.float64).eps) * (terms + 4) * sizes


def bound_ratio(
    models: Sequence[PairwiseModel], shifts: Sequence[NDArray[np.integer]], *, sweeps: int = 1
) -> float | None:
    """Return the bound ratio (see the module) of offsets in one or several models; 1 is optimal.

    The improvements of all models are added up, and so are the largest that their bounds allow. `None` where
    no offset can change anything, as there is no pair or all relative offsets cost the same.
    """
    gained = allowed = 0.0
    for pairs, shift_s in zip(models, shifts, strict=True):
        gained += pairs.mean - pairs.total(shift_s)
        allowed += pairs.mean - loop_bound(pairs, sweeps=sweeps)
    return gained / allowed if allowed > 1e-9 else None
