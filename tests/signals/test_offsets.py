"""Offsets in the pairwise model: against enumeration, the bound, and the profile model itself."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signals.offset_bound import bound_ratio, loop_bound
from signals.offset_loops import short_loops
from signals.offsets import PairwiseModel, best_offsets, merged_model, pairwise_model
from signals.profile import ProfileModel
from tests.signals.small_cities import road_of_signals, two_stage_sequence, two_stages
from tests.signals.test_profile import PLAIN, timings
from tests.traffic.small_networks import demand, movement


@st.composite
def models(draw: st.DrawFn) -> PairwiseModel:
    """Up to five junctions, a period of up to six seconds, any edges."""
    count, period = draw(st.integers(2, 5)), draw(st.integers(2, 6))
    pairs = [(a, b) for a in range(count) for b in range(a + 1, count)]
    edges = sorted(draw(st.sets(st.sampled_from(pairs), min_size=1)))
    seed = draw(st.integers(0, 10_000))
    cost = np.random.default_rng(seed).random((len(edges), period)).round(3)
    first, second = np.array(edges).T
    return PairwiseModel(period, np.arange(count), first, second, cost)


def least(pairs: PairwiseModel) -> float:
    count = len(pairs.junctions)
    every = product(range(pairs.period_s), repeat=count - 1)
    return min(pairs.total(np.array((0, *rest))) for rest in every)


@given(models())
@settings(max_examples=60)
def test_bound_and_solution_enclose_the_optimum(pairs):
    optimum = least(pairs)
    found = pairs.total(best_offsets(pairs, np.random.default_rng(0), starts=4))
    assert found >= optimum - 1e-9
    assert loop_bound(pairs) <= optimum + 1e-9


@given(models())
@settings(max_examples=60)
def test_the_solution_is_never_worse_than_the_start(pairs):
    start = pairs.total(np.zeros(len(pairs.junctions), dtype=np.int64))
    assert pairs.total(best_offsets(pairs, np.random.default_rng(0))) <= start + 1e-9


@given(models(), st.data())
@settings(max_examples=60)
def test_fixed_offsets_stay_and_a_forest_of_the_others_is_solved_exactly(pairs, data):
    """With at most one junction free between fixed ones the forest is all of it, so enumeration must agree."""
    count = len(pairs.junctions)
    free = data.draw(st.integers(0, count - 1))
    fixed = np.arange(count) != free
    shift = best_offsets(pairs, np.random.default_rng(0), fixed=fixed)
    np.testing.assert_array_equal(shift[fixed], 0)
    trials = [np.where(fixed, 0, second) for second in range(pairs.period_s)]
    assert pairs.total(shift) == pytest.approx(min(pairs.total(trial) for trial in trials), abs=1e-12)


def test_a_chain_is_best_given_its_fixed_ends():
    """Both ends stay, so no offsets reach the sum of the least costs and a moved end would be seen."""
    rng = np.random.default_rng(8)
    pairs = PairwiseModel(7, np.arange(5), np.arange(4), np.arange(1, 5), rng.random((4, 7)))
    fixed = np.array([True, False, False, False, True])
    shift = best_offsets(pairs, np.random.default_rng(0), fixed=fixed)
    optimum = min(pairs.total(np.array((0, *inner, 0))) for inner in product(range(7), repeat=3))
    assert shift[fixed].tolist() == [0, 0]
    assert pairs.total(shift) == pytest.approx(optimum, abs=1e-12)
    assert optimum > float(pairs.cost.min(axis=1).sum()) + 1e-3


@given(models(), st.data())
@settings(max_examples=60)
def test_groups_that_move_as_one_cost_what_the_merged_model_says(pairs, data):
    count, period = len(pairs.junctions), pairs.period_s
    whole = st.lists(st.integers(0, period - 1), min_size=count, max_size=count)
    shift, move = (np.array(data.draw(whole), dtype=np.int32) for _ in range(2))
    group = np.array(data.draw(st.lists(st.integers(0, count - 1), min_size=count, max_size=count)))
    merged = merged_model(pairs, shift, group, count)
    change = merged.total(move) - merged.total(np.zeros(count, dtype=np.int32))
    assert pairs.total(shift + move[group]) - pairs.total(shift) == pytest.approx(change, abs=1e-9)


@given(models(), st.data())
@settings(max_examples=40)
def test_merges_never_worsen_and_fixed_offsets_stay(pairs, data):
    count = len(pairs.junctions)
    fixed = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    shift = best_offsets(pairs, np.random.default_rng(0), fixed=fixed, merges=20)
    plain = best_offsets(pairs, np.random.default_rng(0), fixed=fixed)
    np.testing.assert_array_equal(shift[fixed], 0)
    assert pairs.total(shift) <= pairs.total(plain) + 1e-12


def test_merges_find_better_offsets_of_a_grid():
    rows = [(a, b) for a in range(64) for b in (a + 1, a + 8) if b < 64 and (b != a + 1 or b % 8)]
    first, second = np.array(rows).T
    cost = np.random.default_rng(7).random((len(rows), 10))
    pairs = PairwiseModel(10, np.arange(64), first, second, cost)
    plain, merged = (
        pairs.total(best_offsets(pairs, np.random.default_rng(0), merges=merges)) for merges in (0, 300)
    )
    assert merged < plain - 0.1
    assert loop_bound(pairs) <= merged


def tree(count: int, period: int) -> PairwiseModel:
    rng = np.random.default_rng(5)
    second = np.arange(1, count)
    first = np.array([int(rng.integers(k)) for k in second])
    return PairwiseModel(period, np.arange(count), first, second, rng.random((count - 1, period)))


def test_a_tree_is_solved_exactly():
    pairs = tree(40, 30)
    shift = best_offsets(pairs, np.random.default_rng(0))
    assert pairs.total(shift) == pytest.approx(float(pairs.cost.min(axis=1).sum()), abs=1e-9)
    assert bound_ratio([pairs], [shift]) == pytest.approx(1.0, abs=1e-9)


def test_a_loop_is_bounded_exactly():
    rng = np.random.default_rng(2)
    pairs = PairwiseModel(5, np.arange(4), [0, 1, 2, 0], [1, 2, 3, 3], rng.random((4, 5)))
    assert loop_bound(pairs) == pytest.approx(least(pairs), abs=1e-9)


def test_sweeps_over_the_shares_only_raise_the_bound():
    rng = np.random.default_rng(3)
    rows = [(a, b) for a in range(9) for b in (a + 1, a + 3) if b < 9 and (b != a + 1 or b % 3)]
    first, second = np.array(rows).T
    pairs = PairwiseModel(8, np.arange(9), first, second, rng.random((len(rows), 8)))
    found = pairs.total(best_offsets(pairs, rng, starts=5))
    plain, raised = loop_bound(pairs, sweeps=0), loop_bound(pairs, sweeps=20)
    assert plain < raised <= found + 1e-9


def test_loops_have_no_chord_and_none_is_missed():
    """A grid of 3 x 3: four squares and the ring around them; the loops of 6 around two squares have a chord."""
    rows = [(a, b) for a in range(9) for b in (a + 1, a + 3) if b < 9 and (b != a + 1 or b % 3)]
    first, second = np.array(rows).T
    pairs = PairwiseModel(2, np.arange(9), first, second, np.zeros((len(rows), 2)))
    loops = short_loops(pairs)
    assert sorted(len(loop) for loop in loops) == [4, 4, 4, 4, 8]
    for loop in loops:
        ends = [(first[e], second[e])[::sign] for e, sign in loop]
        assert all(ends[k - 1][1] == ends[k][0] for k in range(len(ends)))


def test_a_long_loop_is_bounded_exactly():
    """Twelve junctions: more than the loops that are all listed."""
    rng = np.random.default_rng(6)
    cost = rng.random((12, 4))
    pairs = PairwiseModel(4, np.arange(12), [*range(11), 0], [*range(1, 12), 11], cost)
    best = {0: 0.0}
    for e in range(12):
        sign = 1 if e < 11 else -1
        sums: dict[int, float] = {}
        for total, value in best.items():
            for d in range(4):
                t = (total + sign * d) % 4
                sums[t] = min(sums.get(t, np.inf), value + cost[e, d])
        best = sums
    assert loop_bound(pairs) == pytest.approx(best[0], abs=1e-9)


def test_a_cold_loop_does_not_lose_the_bound():
    """Costs that disagree by far more than the temperature: exponentials vanish, the bound must stay."""
    cost = np.full((5, 8), 1e6)
    cost[:, 1] = 0.0
    pairs = PairwiseModel(8, np.arange(4), [0, 1, 2, 0, 0], [1, 2, 3, 3, 2], cost)
    assert loop_bound(pairs, sweeps=10) == pytest.approx(least(pairs), rel=1e-9)


def test_a_constant_does_not_change_the_ratio():
    rng = np.random.default_rng(4)
    cost = rng.random((3, 6))
    shift = np.array([0, 2, 5])
    one = PairwiseModel(6, np.arange(3), [0, 1, 0], [1, 2, 2], cost)
    other = PairwiseModel(6, np.arange(3), [0, 1, 0], [1, 2, 2], cost + 100.0)
    assert bound_ratio([one], [shift]) == pytest.approx(bound_ratio([other], [shift]), abs=1e-9)


def test_the_table_of_a_road_is_what_the_profile_model_says():
    """Behind the first signal nothing disturbs the platoon, so the pairwise model is exact there."""
    net = road_of_signals(2)
    junctions = [two_stages(k, [movement(net, k, k + 1)]) for k in range(2)]
    sequences = [[two_stage_sequence(junction, 1)] for junction in junctions]
    model = ProfileModel(net, junctions, sequences, demand(net, {0: 0.25}), parameters=PLAIN)
    plan = timings(model, 60, [7, 11], [[34, 26], [32, 28]])
    cost = model.evaluate(plan)
    pairs = pairwise_model(model, 60)
    assert len(pairs.first) == 1
    for shift in (0, 5, 23, 59):
        trial = plan.copy()
        trial.offset_s[1] = (plan.offset_s[1] + shift) % 60
        change = pairs.total(np.array([0, shift])) - pairs.total(np.array([0, 0]))
        assert model.evaluate(trial) - cost == pytest.approx(change, abs=1e-9)


def test_nothing_to_coordinate():
    pairs = PairwiseModel(60, np.arange(3), [], [], np.empty((0, 60)))
    np.testing.assert_array_equal(best_offsets(pairs, np.random.default_rng(0)), 0)
    assert loop_bound(pairs) == pytest.approx(0.0, abs=1e-12)
    assert bound_ratio([pairs], [np.zeros(3, dtype=np.int64)]) is None
    assert bound_ratio([], []) is None


def test_the_ratio_of_several_models_adds_up_their_improvements():
    # mean 2, found 1, bound 0; mean 30, found 40, bound 20
    small = PairwiseModel(3, np.arange(2), [0], [1], [[1.0, 0.0, 5.0]])
    large = PairwiseModel(3, np.arange(2), [0], [1], [[40.0, 20.0, 30.0]])
    shifts = [np.zeros(2, dtype=np.int64)] * 2
    assert bound_ratio([small], shifts[:1]) == pytest.approx(1 / 2, abs=1e-12)
    assert bound_ratio([small, large], shifts) == pytest.approx((1 - 10) / (2 + 10), abs=1e-12)
