"""The search for the best stages against all orders tried out, and against integer programming."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from signals import stage_search
from signals.stage_search import best_stages
from signals.stage_solver import solve_stages
from signals.structure import RATIO_UNIT, WALK_WEIGHT, Reduced

Stages = tuple[tuple[int, ...], ...]
_STEP = RATIO_UNIT // 10


@st.composite
def _reduced(draw: st.DrawFn, most: int = 6) -> Reduced:
    size = draw(st.integers(1, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    full = np.triu(rng.random((size, size)) < rng.uniform(0.2, 0.9), 1)
    full |= full.T
    yields = (rng.random((size, size)) < 0.3) & ~full
    np.fill_diagonal(yields, val=False)
    times = rng.integers(1, 9, (2, size, size)) * full
    ratios = rng.integers(0, 5, size) * _STEP if rng.random() < 0.7 else np.zeros(size, dtype=int)
    return Reduced(
        full=tuple(map(tuple, full.tolist())),
        gives_way=tuple(map(tuple, yields.tolist())),
        vehicle_s=tuple(map(tuple, times[0].tolist())),
        walk_s=tuple(map(tuple, times[1].tolist())),
        vehicles=tuple((rng.random(size) < 0.8).tolist()),
        ratios=tuple(ratios.tolist()),
        walking_stage_s=int(rng.integers(3, 12)),
    )


def _cost(reduced: Reduced, stages: Stages | None) -> float:
    """Return the cost of an order by its definition; infinite where it is none."""
    if stages is None:
        return np.inf
    size, total = len(reduced.full), 0.0
    for stage, after in zip(stages, stages[1:] + stages[:1], strict=True):
        ends = [g for g in stage if g not in after]
        starts = [h for h in after if h not in stage]
        for g, h in product(range(size), repeat=2):
            if reduced.gives_way[g][h] and g in ends and h in stage and h in after:
                return np.inf
        for weight, times in ((reduced.second_weight, reduced.vehicle_s), (WALK_WEIGHT, reduced.walk_s)):
            total += weight * max((times[g][h] for g in ends for h in starts), default=0)
        total += reduced.change_weight * bool(ends)
        if not any(reduced.vehicles[g] for g in stage):
            total += reduced.second_weight * reduced.walking_stage_s
    held = np.array([[g in stage for stage in stages] for g in range(size)], dtype=float)
    if not held.any(axis=1).all():
        return np.inf
    shares = linprog(np.ones(len(stages)), A_ub=-held, b_ub=-np.array(reduced.ratios, dtype=float))
    return total + float(shares.fun)


def _largest(reduced: Reduced) -> list[tuple[int, ...]]:
    """Return all sets without conflict to which nothing can be added, by trying out every set."""
    size = len(reduced.full)
    sets = [[g for g in range(size) if bits >> g & 1] for bits in range(1, 1 << size)]
    clear = [s for s in sets if not any(reduced.full[g][h] for g in s for h in s)]
    return [tuple(s) for s in clear if not any(set(s) < set(other) for other in clear)]


@given(reduced=_reduced(most=5), count=st.integers(1, 3))
def test_no_order_is_better(reduced: Reduced, count: int) -> None:
    sets = _largest(reduced)
    tried = (order for most in range(1, count + 1) for order in product(sets, repeat=most))
    least = min(_cost(reduced, order) for order in tried)
    found = best_stages(reduced, count)
    assert _cost(reduced, found) == pytest.approx(least, rel=1e-12)


@given(reduced=_reduced(), count=st.integers(1, 5), banning=st.booleans())
def test_integer_programming_finds_the_same(reduced: Reduced, count: int, banning: bool) -> None:
    banned = None
    best = best_stages(reduced, count)
    if banning and best is not None:
        banned = tuple(g in best[0] for g in range(len(reduced.full)))
    found = best_stages(reduced, count, banned)
    solved = min(_cost(reduced, solve_stages(reduced, most, banned)) for most in range(1, count + 1))
    assert _cost(reduced, found) == pytest.approx(solved, rel=1e-12)
    if banned is not None and found is not None:
        assert not any(all(g in stage for g, held in enumerate(banned) if held) for stage in found)


def test_what_is_too_much_to_try_out_is_left_to_the_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    size = 4
    full = tuple(tuple(g != h for h in range(size)) for g in range(size))
    times = tuple(tuple(3 * (g != h) for h in range(size)) for g in range(size))
    none = tuple((False,) * size for _ in range(size))
    reduced = Reduced(full, none, times, times, (True,) * size, (0,) * size, 7)
    expected = best_stages(reduced, size)
    asked: list[int] = []

    def solve(reduced: Reduced, count: int, banned: tuple[bool, ...] | None) -> Stages | None:
        asked.append(count)
        return solve_stages(reduced, count, banned)

    best_stages.cache_clear()
    monkeypatch.setattr(stage_search, "solve_stages", solve)
    monkeypatch.setattr(stage_search, "_STEPS", 3)
    assert _cost(reduced, best_stages(reduced, size)) == _cost(reduced, expected) > 0
    best_stages.cache_clear()
    monkeypatch.setattr(stage_search, "_MOST_ROWS", 3)
    assert _cost(reduced, best_stages(reduced, size)) == _cost(reduced, expected)
    assert asked == [size, size]
    best_stages.cache_clear()
