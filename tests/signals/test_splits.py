"""Splits by least delay."""

from __future__ import annotations

import numpy as np
import pytest

from signals.cycles import candidate_cycles, common_cycle, cycle_groups
from signals.offsets import PairwiseModel
from signals.profile import ProfileModel
from signals.splits import delay_splits, shortest_cycles
from signals.stages import stage_sequences
from tests.signals.small_cities import grid_city, two_stage_sequence, two_stages
from tests.signals.test_profile import PLAIN
from tests.traffic.small_networks import Group, Road, demand, network
from traffic.errors import InputError


def crossing_model(one: float, other: float) -> ProfileModel:
    """Two one-way streets that cross; saturation flow 0.5 veh/s."""
    points = [(-300.0, 0.0), (0.0, 0.0), (300.0, 0.0), (0.0, -300.0), (0.0, 300.0)]
    roads = [
        Road(0, 1, groups=(Group((1,)),)),
        Road(1, 2),
        Road(3, 1, groups=(Group((3,)),)),
        Road(1, 4),
    ]
    net = network(points, roads, signals=[1])
    junction = two_stages(0, [0], [1])
    flows = demand(net, {0: one, 2: other})
    return ProfileModel(net, [junction], [[two_stage_sequence(junction, 1)]], flows, parameters=PLAIN)


def best_by_trying(model: ProfileModel, cycle: int) -> tuple[int, float]:
    found = []
    for first in range(9, cycle - 9 + 1):
        plan, _ = delay_splits(model, np.array([cycle]))
        plan.duration_s[0, :2] = first, cycle - first
        found.append((model.evaluate(plan), first))
    cost, first = min(found)
    return first, cost


def test_equal_flows_get_equal_greens():
    plan, _ = delay_splits(crossing_model(0.15, 0.15), np.array([60]))
    assert plan.duration_s[0, :2].tolist() == [30, 30]


@pytest.mark.parametrize(("one", "other"), [(0.2, 0.1), (0.05, 0.25), (0.3, 0.25)])
def test_no_other_split_costs_less(one, other):
    model = crossing_model(one, other)
    plan, cost = delay_splits(model, np.array([70]))
    _, least = best_by_trying(model, 70)
    assert cost[0] == pytest.approx(least, rel=1e-9)
    assert plan.duration_s[0].sum() == 70


def test_stretched_splits_are_as_good_as_fresh_ones():
    model = crossing_model(0.2, 0.1)
    base, _ = delay_splits(model, np.array([50]))
    _, warm = delay_splits(model, np.array([90]), base=base)
    _, cold = delay_splits(model, np.array([90]))
    assert warm[0] == pytest.approx(cold[0], rel=1e-9)


@pytest.fixture(scope="module")
def model():
    net, junctions, flows = grid_city(3, 3, 0.12)
    return ProfileModel(net, junctions, [stage_sequences(j, limit=3) for j in junctions], flows)


@pytest.mark.parametrize("cycle", [40, 64, 120])
def test_splits_are_safe_at_any_cycle(model, cycle):
    plan, cost = delay_splits(model, np.full(9, cycle))
    plans = model.to_plans(plan, name="splits")
    assert [p.cycle_s for p in plans] == np.maximum(cycle, shortest_cycles(model)).tolist()
    assert (cost > 0).all()


def test_splits_of_some_junctions_leave_the_others_alone(model):
    only = np.arange(9) == 4
    plan, cost = delay_splits(model, np.full(9, 80), only=only)
    assert plan.duration_s[4].sum() == 80
    assert not plan.duration_s[~only].any()
    assert not cost[~only].any()


def test_a_cycle_that_is_too_short_for_every_sequence_is_made_longer(model):
    plan, _ = delay_splits(model, np.full(9, 1))
    np.testing.assert_array_equal(plan.period_s, shortest_cycles(model))


def test_impossible_bounds_are_refused():
    model = crossing_model(0.1, 0.1)
    tight = two_stages(0, [0], [1])
    object.__setattr__(tight, "cycle_max_s", 20)
    object.__setattr__(tight, "cycle_min_s", 10)
    sequence = two_stage_sequence(two_stages(0, [0], [1]), 1)
    net = model.network
    short = ProfileModel(net, [tight], [[sequence]], demand(net, {0: 0.1, 2: 0.1}), parameters=PLAIN)
    plan, _ = delay_splits(short, np.array([20]))
    assert plan.duration_s[0, :2].sum() == 20
    object.__setattr__(tight, "cycle_max_s", 12)
    with pytest.raises(InputError, match="fits into a cycle"):
        delay_splits(short, np.array([12]))


def test_candidate_cycles_are_even_and_allowed(model):
    cycles = candidate_cycles(model)
    assert cycles == tuple(sorted(cycles))
    assert all(cycle % 2 == 0 and cycle <= 120 for cycle in cycles)
    assert cycles[-1] == 120


def test_a_common_cycle_keeps_the_sequences_that_fit(model):
    base, _ = delay_splits(model, np.full(9, 90))
    plan = common_cycle(model, 100, base)
    np.testing.assert_array_equal(plan.sequence, base.sequence)
    np.testing.assert_array_equal(plan.duration_s.sum(axis=1), 100)


def test_junctions_join_when_coordination_gains_more_than_the_common_cycle_costs():
    # junctions 0 and 1 want different cycles by 1; coordination gains 3 between them, nothing towards 2
    table = np.array([[1.0, 2.0], [2.0, 1.0], [5.0, 9.0]])
    cost = np.array([[0.0, 6.0], [4.0, 4.0]])
    pairs = PairwiseModel(2, np.arange(3), [0, 1], [1, 2], cost)
    group = cycle_groups(pairs, table, count=3)
    assert group[0] == group[1] != group[2]
    apart = cycle_groups(pairs, table * 100, count=3)
    assert len(set(apart.tolist())) == 3
