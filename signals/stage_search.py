"""The best stages of a junction, tried out one after the other, which takes a solver far longer."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from signals._kernels_stages import best_order
from signals.stage_solver import solve_stages
from signals.structure import WALK_WEIGHT, Reduced
from traffic.arrays import frozen

__all__ = ["best_stages"]

_MOST_ROWS = 30  # bits of a set
_STEPS = 5_000_000
_FORBIDDEN = -1.0
_UNDECIDED = -2.0


@lru_cache(maxsize=16384)
def best_stages(
    reduced: Reduced, count: int, banned: tuple[bool, ...] | None = None
) -> tuple[tuple[int, ...], ...] | None:
    """Return the rows in each of at most `count` stages, or `None` where no such stages serve all rows.

    `banned` is a stage that may not be used. Where there are too many stages to be tried out, a solver decides.
    """
    bits = sum(1 << row for row, held in enumerate(banned or ()) if held)
    sets = [rows for rows in reduced.largest_sets if not bits or rows & bits != bits]
    size = len(reduced.full)
    if not sets:
        return None
    if size > _MOST_ROWS:
        return solve_stages(reduced, count, banned)
    member = np.array([[rows >> row & 1 for row in range(size)] for rows in sets], dtype=bool)
    best = np.empty(count, dtype=np.int32)
    cost = best_order(
        frozen(sets, np.int32),
        frozen(_own_cost(reduced, member), np.float64),
        frozen(_change_cost(reduced, member), np.float64),
        frozen(reduced.ratios, np.float64),
        1,
        count,
        _STEPS,
        np.empty((max(len(sets), count) + 1, size + max(len(sets), count) + 1)),
        np.empty(count + 1),
        np.empty(count, dtype=np.int32),
        best,
    )
    if cost == _UNDECIDED:
        return solve_stages(reduced, count, banned)
    if cost < 0.0:
        return None
    return tuple(tuple(np.flatnonzero(member[k]).tolist()) for k in best if k >= 0)


def _own_cost(reduced: Reduced, member: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return what each stage costs: one without vehicles is lost as a whole."""
    on_foot = ~(member & np.array(reduced.vehicles)).any(axis=1)
    return np.where(on_foot, float(reduced.second_weight * reduced.walking_stage_s), 0.0)


def _change_cost(reduced: Reduced, member: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return what each change from one stage to another costs; less than 0 where it may not be."""
    stages = len(member)
    ends = member[:, None] & ~member[None]
    starts = ~member[:, None] & member[None]
    cost = np.full((stages, stages), float(reduced.change_weight))
    for weight, times in ((reduced.second_weight, reduced.vehicle_s), (WALK_WEIGHT, reduced.walk_s)):
        meet = ends[..., None] & starts[..., None, :]
        cost += weight * np.where(meet, np.array(times), 0).max(axis=(2, 3))
    # One that gives way may not end while those that it gives way to stay green.
    stays = member[:, None] & member[None]
    trapped = (ends[..., None] & stays[..., None, :] & np.array(reduced.gives_way)).any(axis=(2, 3))
    cost[trapped] = _FORBIDDEN
    np.fill_diagonal(cost, 0.0)
    return cost
