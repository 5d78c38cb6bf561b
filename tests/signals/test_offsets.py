"""Offsets in the pairwise model: against brute force, closed forms and what every solution must keep."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.loader import build, load
from signals.offsets import PairwiseModel, best_offsets, bound_ratio, loop_bound, pairwise_model
from signals.profile import ProfileModel, Timings
from signals.splits import delay_splits
from signals.stages import stage_sequences
from tests.signals.test_profile import street, street_junction, street_model, street_plan

TRIANGLE = ((0, 1), (1, 2), (0, 2))
SQUARE = ((0, 1), (1, 2), (2, 3), (0, 3))
BRACED = ((0, 1), (1, 2), (2, 3), (0, 3), (0, 2))
CHAIN = ((0, 1), (1, 2), (2, 3))
SHAPES = st.sampled_from((TRIANGLE, SQUARE, BRACED, CHAIN))


def _random_pairs(shape: tuple[tuple[int, int], ...], period: int, seed: int) -> PairwiseModel:
    rng = np.random.default_rng(seed)
    first, second = np.array(shape).T
    cost = rng.uniform(0.0, 10.0, (len(shape), period))
    return PairwiseModel(period, np.arange(max(second) + 1), first, second, cost)


def _least(pairs: PairwiseModel) -> float:
    """The least cost of all offsets; the first junction's may stay 0."""
    count = len(pairs.junctions)
    shifts = product(range(pairs.period_s), repeat=count - 1)
    return min(pairs.total(np.array((0, *shift))) for shift in shifts)


@given(shape=SHAPES, period=st.integers(2, 7), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_bound_is_below_the_best_offsets(shape: tuple[tuple[int, int], ...], period: int, seed: int) -> None:
    pairs = _random_pairs(shape, period, seed)
    least = _least(pairs)
    for steps in (1, 10, 30):
        assert loop_bound(pairs, steps=steps) <= least + 1e-9
    # Each pair's own best is a bound too; loops know more.
    assert loop_bound(pairs) >= pairs.cost.min(axis=1).sum() - 1e-9


@given(shape=SHAPES, period=st.integers(2, 7), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_offsets_are_between_the_least_cost_and_the_start(
    shape: tuple[tuple[int, int], ...], period: int, seed: int
) -> None:
    pairs = _random_pairs(shape, period, seed)
    shift = best_offsets(pairs, np.random.default_rng(seed))
    assert shift.shape == pairs.junctions.shape
    assert ((shift >= 0) & (shift < period)).all()
    assert _least(pairs) - 1e-9 <= pairs.total(shift) <= pairs.total(np.zeros_like(shift)) + 1e-9
    assert bound_ratio(pairs, shift) <= 1.0 + 1e-9


@pytest.mark.parametrize("seed", range(10))
def test_offsets_of_a_chain_and_a_triangle_are_the_best(seed: int) -> None:
    chain = _random_pairs(CHAIN, 11, seed)
    shift = best_offsets(chain, np.random.default_rng(0))
    assert chain.total(shift) == pytest.approx(chain.cost.min(axis=1).sum(), abs=1e-9)
    assert bound_ratio(chain, shift) == pytest.approx(1.0, abs=1e-9)
    triangle = _random_pairs(TRIANGLE, 11, seed)
    # One loop: the bound is the least cost itself.
    assert loop_bound(triangle) == pytest.approx(_least(triangle), abs=1e-9)


def test_mean_is_that_of_all_offsets() -> None:
    pairs = _random_pairs(TRIANGLE, 5, 3)
    totals = [pairs.total(np.array(shift)) for shift in product(range(5), repeat=3)]
    assert pairs.mean == pytest.approx(np.mean(totals), abs=1e-9)
    assert min(totals) == pytest.approx(_least(pairs), abs=1e-9)


def test_bound_ratio_at_its_ends() -> None:
    # One pair: the mean is 2, the best 0, the worst 5.
    pairs = PairwiseModel(3, [0, 1], [0], [1], [[1.0, 5.0, 0.0]])
    ratios = [bound_ratio(pairs, np.array(shift)) for shift in ((2, 0), (0, 0), (1, 0))]
    assert ratios == pytest.approx([1.0, 0.5, -1.5], abs=1e-12)
    flat = PairwiseModel(3, [0, 1], [0], [1], [[2.0, 2.0, 2.0]])
    assert bound_ratio(flat, np.array([0, 1])) == 1.0


def test_a_constant_changes_no_ratio() -> None:
    pairs = _random_pairs(BRACED, 7, 1)
    more = PairwiseModel(7, pairs.junctions, pairs.first, pairs.second, pairs.cost + 50.0)
    shift = np.array([0, 3, 1, 5])
    assert bound_ratio(more, shift) == pytest.approx(bound_ratio(pairs, shift), abs=1e-9)


def test_lone_junctions_have_nothing_to_coordinate() -> None:
    pairs = PairwiseModel(60, [0, 1], [], [], np.zeros((0, 60)))
    assert best_offsets(pairs, np.random.default_rng(0)).tolist() == [0, 0]
    assert (loop_bound(pairs), pairs.mean, bound_ratio(pairs, np.zeros(2, dtype=int))) == (0.0, 0.0, 1.0)


def test_pair_of_signals_on_a_one_way_street() -> None:
    # Travel takes 20 s; with the same greens no one waits at the second signal from offset 20 on.
    net = street(2)
    plans = [street_plan(street_junction(net, row)) for row in range(2)]
    model, _ = street_model(plans, net, 0.2)
    pairs = pairwise_model(model, 60)
    assert pairs.junctions.tolist() == [0, 1]
    assert (pairs.first.tolist(), pairs.second.tolist()) == ([0], [1])
    shift = best_offsets(pairs, np.random.default_rng(0))
    assert (shift[1] - shift[0]) % 60 == 20
    assert pairs.total(np.array([0, 20])) == pytest.approx(0.0, abs=1e-9)
    # 3 s later 0.42 vehicles wait on average (see the profile model's tests).
    assert pairs.total(np.array([0, 23])) == pytest.approx(0.42, abs=1e-9)
    assert pairs.total(np.array([7, 30])) == pytest.approx(0.42, abs=1e-9)


def test_pairwise_costs_are_those_of_the_profile_model_on_a_street() -> None:
    net = street(2)
    plans = [street_plan(street_junction(net, row)) for row in range(2)]
    model, _ = street_model(plans, net, 0.25)
    pairs = pairwise_model(model, 60)
    alone = model.figures().uniform_veh[0]
    for offset in range(60):
        timings = model.timings()
        timings.offset_s[1] = offset
        assert model.evaluate(timings) - alone == pytest.approx(pairs.total(np.array([0, offset])), abs=1e-9)


@pytest.fixture(scope="module")
def grid() -> tuple[ProfileModel, Timings, PairwiseModel]:
    """Six junctions with loops at 80 s, offsets 0."""
    city = build(load("grid-3x2"))
    sequences = [stage_sequences(junction) for junction in city.junctions]
    model = ProfileModel(city.network, city.junctions, sequences, city.demand)
    timings, _ = delay_splits(model, np.full(len(city.junctions), 80))
    model.evaluate(timings)
    return model, timings, pairwise_model(model, 80)


def test_grid_offsets_improve_on_the_start(grid: tuple[ProfileModel, Timings, PairwiseModel]) -> None:
    _, _, pairs = grid
    assert len(pairs.first) == 7  # 3 x 2 junctions: 4 + 3 streets between neighbours
    nothing = np.zeros(6, dtype=np.int32)
    shift = best_offsets(pairs, np.random.default_rng(0))
    assert pairs.total(shift) < pairs.total(nothing)
    assert bound_ratio(pairs, nothing) < bound_ratio(pairs, shift) <= 1.0
    assert loop_bound(pairs) <= pairs.total(shift)
    moved = pairs.total((shift + 13) % 80)
    assert moved == pytest.approx(pairs.total(shift), abs=1e-9)


def _first_square(pairs: PairwiseModel) -> PairwiseModel:
    """Four junctions around a loop, with the streets between them."""
    for four in combinations(range(len(pairs.junctions)), 4):
        rows = np.flatnonzero(np.isin(pairs.first, four) & np.isin(pairs.second, four))
        if len(rows) == 4:
            first, second = (
                np.searchsorted(four, pairs.first[rows]),
                np.searchsorted(four, pairs.second[rows]),
            )
            return PairwiseModel(pairs.period_s, range(4), first, second, pairs.cost[rows])
    raise AssertionError


def test_grid_bound_against_coarse_brute_force(grid: tuple[ProfileModel, Timings, PairwiseModel]) -> None:
    square = _first_square(grid[2])
    assert sorted(np.bincount(np.concatenate([square.first, square.second]))) == [2, 2, 2, 2]
    coarse = min(square.total(np.array((0, *shift))) for shift in product(range(0, 80, 8), repeat=3))
    found = square.total(best_offsets(square, np.random.default_rng(0)))
    # A single loop: the bound is exact, and no offsets in steps of 8 s are better than those found.
    assert loop_bound(square) <= found + 1e-9
    assert found <= coarse + 1e-9
    assert loop_bound(square) >= coarse - _variation(square, 8)


def _variation(pairs: PairwiseModel, step: int) -> float:
    """The most that the costs can change when the offsets are rounded to `step` seconds."""
    shifts = range(-step, step + 1)
    apart = [np.abs(np.roll(pairs.cost, k, axis=1) - pairs.cost).max(axis=1) for k in shifts]
    return float(np.max(apart, axis=0).sum())


def test_same_seed_gives_the_same_offsets(grid: tuple[ProfileModel, Timings, PairwiseModel]) -> None:
    _, _, pairs = grid
    one, other = (best_offsets(pairs, np.random.default_rng(4)) for _ in range(2))
    assert one.tobytes() == other.tobytes()
