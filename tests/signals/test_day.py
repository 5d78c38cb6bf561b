"""The schedule of a day: its demand, what is measured, and what is chosen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from signals.build import build_junctions
from signals.day import DayDemand, candidate_sets, schedule_day
from signals.day_costs import DayCosts
from signals.greens import movement_greens
from signals.transition import Method
from tests.signals.hand_plans import crossroads_plans
from tests.signals.small_cities import even_demand
from tests.traffic.hand_networks import crossroads
from traffic.errors import InputError
from traffic.flow import FlowModel

SCALES = (*[0.3] * 7, *[1.0] * 13, *[0.3] * 4)


@pytest.fixture(scope="module")
def network():
    return crossroads()


@pytest.fixture(scope="module")
def sets(network):
    """A plan for little traffic, and one of a longer cycle for much."""
    one = replace(crossroads_plans(), name="short", network_name=network.name)
    plan = one[0]
    return one, one.with_plans([plan.with_durations([d + 10 for d in plan.durations_s])], name="long")


@pytest.fixture(scope="module")
def day(network):
    return DayDemand.of_profile(network, even_demand(network, 0.15), SCALES)


def test_the_demand_of_a_day_by_profile(network, day):
    base = even_demand(network, 0.15)
    assert day.interval_s == 3600
    assert day.levels[0] is day.levels[23]
    whole = day.whole()
    assert whole.periods == 24
    np.testing.assert_allclose(whole.entry_veh_s, np.outer(SCALES, base.entry_veh_s[0]), rtol=1e-12)
    assert day.due_veh().sum() == pytest.approx(base.entry_veh_s.sum() * 3600 * sum(SCALES))
    assert day.representatives(5) == (7, 0)  # the busiest first; there are two levels only


def test_periods_of_a_demand_are_put_together_by_their_vehicles(network):
    base = even_demand(network, 0.1)
    both = replace(
        base,
        entry_veh_s=np.concatenate([base.entry_veh_s, 3 * base.entry_veh_s]),
        link_veh_s=np.concatenate([base.link_veh_s, 3 * base.link_veh_s]),
        movement_share=np.repeat(base.movement_share, 2, axis=0),
        exit_share=np.repeat(base.exit_share, 2, axis=0),
    )
    mean = DayDemand.of_profile(network, both, [1.0] * 24).levels[0]
    mean.check(network)
    np.testing.assert_allclose(mean.entry_veh_s, 2 * base.entry_veh_s)
    np.testing.assert_allclose(mean.movement_share, base.movement_share, atol=1e-15)


def test_days_that_are_none_are_refused(network):
    base = even_demand(network, 0.1)
    for levels, interval, rule in (
        ((base,) * 23, 3600, "24 levels"),
        ((base,) * 144, 600, "multiple of 900"),
        ((base.scaled(0.0),) * 24, 3600, "vehicles in some interval"),
    ):
        with pytest.raises(InputError, match=rule):
            DayDemand(interval, levels)


def test_costs_are_those_of_the_flow_model(network, day, sets):
    costs = DayCosts(network, day, sets)
    cost = costs.intervals()
    assert cost.shape == (24, 2)
    run = FlowModel(network, day.levels[8]).run(movement_greens(network, sets[1]), 4500, 900)
    assert cost[8, 1] == float(run.series.delay_s[1:].sum())
    assert cost[7, 0] == cost[8, 0]
    # the same plans under another name: a switch of nothing
    same = DayCosts(network, day, (sets[0], replace(sets[0], name="again"))).switch(7, 0, 1, Method.DWELL)
    assert same.delay_veh_s == 0.0
    assert 0 <= same.seconds < sets[0][0].cycle_s


def test_transitions_cost_what_their_greens_do(network, day, sets):
    costs = DayCosts(network, day, sets)
    found = {method: costs.switch(8, 0, 1, method) for method in Method}
    assert all(cost.delay_veh_s >= 0 and cost.other_method == 0 for cost in found.values())
    assert found[Method.SHORTWAY].seconds <= found[Method.LONGWAY].seconds


def test_the_schedule_is_no_worse_than_the_single_set_and_uses_no_more_sets(network, day, sets):
    found = schedule_day(network, day, sets, most_sets=2)
    assert found.schedule_s <= found.single_s
    single = schedule_day(network, day, sets, most_sets=1)
    assert len(single.schedule.plan_sets) == 1
    assert single.schedule_s == single.single_s
    assert single.schedule.plan_sets[0].name == found.single.name
    total = sum(row.vehicles for row in found.rows)
    assert total == pytest.approx(day.due_veh().sum())
    mean = sum(row.vehicles * row.schedule_s for row in found.rows) / total
    assert mean == pytest.approx(found.schedule_s)
    assert [row.entry for row in found.rows] == list(found.schedule.day_type("monday").entries)
    assert found.rows[-1].until_s == 86_400


def test_a_single_set_over_the_day_is_the_flow_model_under_its_plans(network, day, sets):
    found = schedule_day(network, day, sets[:1], most_sets=3)
    run = FlowModel(network, day.whole()).run(movement_greens(network, sets[0]), 86_400, 900)
    assert found.schedule_s == pytest.approx(run.delay_s / day.due_veh().sum(), rel=1e-9)
    assert not found.dropped


def test_candidates_are_optimised_for_representative_intervals(network, day):
    junctions = build_junctions(network, demand=day.levels[8])
    made = candidate_sets(network, junctions, day, 3, steps=1)
    assert [plans.name for plans in made] == ["set 1", "set 2"]
    assert made[0][0].cycle_s <= made[1][0].cycle_s
    again = candidate_sets(network, junctions, day, 3, steps=1)
    assert again == made
    with pytest.raises(InputError, match="1 or more"):
        candidate_sets(network, junctions, day, 0)
