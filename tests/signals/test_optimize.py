"""The optimiser as a whole."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from signals.cycles import next_cycle
from signals.greens import movement_greens
from signals.objective import Objective
from signals.optimize import optimize, usable_sequences
from signals.plan import Plan, PlanSet
from signals.search import Search
from signals.sequence import LEAST_PLANNED_STAGE_S
from tests.signals.small_cities import (
    corridor_city,
    grid_city,
    locked,
    road_of_signals,
    two_stage_sequence,
    two_stages,
)
from tests.signals.test_profile import PLAIN
from tests.traffic.small_networks import demand, movement
from traffic.errors import InputError
from traffic.flow import FlowModel

DURATION_S = 900
STEPS = 12


@pytest.fixture(scope="module")
def city():
    return corridor_city(4, 0.1)


@pytest.fixture(scope="module")
def sequences(city):
    return usable_sequences(*city[:3], limit=3)


@pytest.fixture(scope="module")
def optimised(city, sequences):
    return optimize(*city, seed=1, steps=STEPS, sequences=sequences, duration_s=DURATION_S)


def judged(city, plans: PlanSet) -> float:
    network, _, demand = city
    result = FlowModel(network, demand).run(movement_greens(network, plans), DURATION_S, DURATION_S)
    return Objective().judge(network, result)


def test_the_result_is_what_the_flow_model_says(city, optimised):
    assert optimised.objective_after == pytest.approx(judged(city, optimised.plans), rel=1e-12)
    assert optimised.objective_after < optimised.objective_before
    assert optimised.objective_after == min(s.judged for s in optimised.log if s.judged is not None)


def test_no_stage_is_so_short_that_it_looks_like_a_fault():
    """The start has stages of a second or two at every junction, and the search is offered them."""
    network, junctions, demand = grid_city(4, 3, 0.12)
    plans = []
    for junction, several in zip(junctions, usable_sequences(network, junctions, demand), strict=True):
        sequence = next(s for s in several if (s.min_stage_s < LEAST_PLANNED_STAGE_S).any())
        durations = sequence.least_durations_s().astype(int)
        durations[int(np.argmax(durations))] += 40
        plans.append(Plan(junction, int(durations.sum()), 0, sequence.stages, tuple(durations.tolist())))
    start = PlanSet("short", network.name, tuple(plans))
    assert all(min(plan.durations_s) < LEAST_PLANNED_STAGE_S for plan in start)
    found = optimize(network, junctions, demand, start=start, seed=2, steps=9, duration_s=DURATION_S)
    assert min(second for plan in found.plans for second in plan.durations_s) >= LEAST_PLANNED_STAGE_S


def test_the_bound_ratio_is_a_ratio(optimised):
    assert 0.0 <= optimised.offset_bound_ratio <= 1.0 + 1e-9


def road(count: int, offsets: list[int]):
    """A one-way road with its stages and the plans in force: cycle 60 s, 30 s of green."""
    net = road_of_signals(count)
    junctions = [two_stages(k, [movement(net, k, k + 1)]) for k in range(count)]
    stages = [[two_stage_sequence(junction, 1)] for junction in junctions]
    plans = [Plan(j, 60, offsets[k], stages[k][0].stages, (34, 26)) for k, j in enumerate(junctions)]
    start = PlanSet("before", net.name, tuple(plans))
    given = {"sequences": stages, "start": start, "parameters": PLAIN, "duration_s": DURATION_S}
    return (net, junctions, demand(net, {0: 0.25})), given


@pytest.mark.parametrize("offset", [0, 20, 41])
def test_the_bound_ratio_of_two_junctions_is_that_of_enumeration(offset):
    """One pair has no loop and nothing disturbs the platoon, so bound and model are exact."""
    city, given = road(2, [7, offset])
    found = optimize(*city, steps=0, **given)
    search = Search(*city, given.pop("sequences"), objective=Objective(), seed=0, **given)
    costs = []
    for second in range(60):
        timings = search.start_timings.copy()
        timings.offset_s[1] = second
        costs.append(search.model.evaluate(timings))
    expected = (np.mean(costs) - costs[offset]) / (np.mean(costs) - min(costs))
    assert found.offset_bound_ratio == pytest.approx(expected, abs=1e-9)


def test_without_a_pair_there_is_no_bound_ratio():
    city, given = road(1, [0])
    assert optimize(*city, steps=0, **given).offset_bound_ratio is None


def test_same_seed_same_plans_however_long_it_takes(city, sequences, optimised):
    clock = iter(range(10_000))
    again = optimize(
        *city,
        seed=1,
        steps=STEPS,
        seconds=1.0,
        sequences=sequences,
        duration_s=DURATION_S,
        clock=lambda: float(next(clock)),
    )
    assert again.plans == optimised.plans
    assert again.log == optimised.log
    assert again.objective_after == optimised.objective_after


def test_a_stop_returns_the_best_so_far(city, sequences):
    seen: list[str] = []
    result = optimize(
        *city,
        seconds=1e6,
        sequences=sequences,
        duration_s=DURATION_S,
        progress=lambda _done, _total, note="": seen.append(note),
        should_stop=lambda: len(seen) >= 3,
    )
    assert len(result.log) == len(seen) == 3
    assert result.objective_after <= result.objective_before


def test_no_step_at_all_judges_the_start(city, sequences):
    result = optimize(*city, steps=0, sequences=sequences, duration_s=DURATION_S)
    assert result.objective_after == result.objective_before
    assert [step.name for step in result.log] == ["start"]


def test_the_result_is_never_worse_than_a_good_start(city, sequences, optimised):
    again = optimize(
        *city, seed=2, steps=6, start=optimised.plans, sequences=sequences, duration_s=DURATION_S
    )
    assert again.objective_before == pytest.approx(optimised.objective_after, rel=1e-12)
    assert again.objective_after <= again.objective_before


def test_locked_junctions_keep_their_plans(city, optimised):
    network, junctions, demand = city
    fixed = locked(junctions, {1, 2})
    plans = [plan.with_offset(plan.offset_s + 3) for plan in optimised.plans]
    start = PlanSet("before", network.name, tuple(_under(p, fixed[j]) for j, p in enumerate(plans)))
    result = optimize(network, fixed, demand, steps=STEPS, start=start, duration_s=DURATION_S)
    assert result.plans[1] == start[1]
    assert result.plans[2] == start[2]
    assert result.objective_after <= result.objective_before


def _under(plan, junction):
    return replace(plan, junction=junction)


def test_a_locked_junction_needs_its_plan(city, sequences):
    network, junctions, demand = city
    fixed = locked(junctions, {2})
    for work in (usable_sequences, partial(optimize, sequences=sequences, steps=0)):
        with pytest.raises(InputError, match="plan in force must be known") as caught:
            work(network, fixed, demand)
        assert caught.value.field == f"junction {fixed[2].key}"
        assert "timing sheet" in caught.value.hint


def test_a_start_out_of_the_fixed_order_is_refused(city, optimised):
    network, junctions, demand = city
    row, plan = 1, optimised.plans[1]
    names = plan.sequence.names()
    for order, fits in ((names[1:] + names[:1], True), ((*names, names[0]), False)):
        fixed = [replace(j, fixed_order=tuple(order)) if j.index == row else j for j in junctions]
        start = PlanSet(
            "before", network.name, tuple(_under(p, fixed[j]) for j, p in enumerate(optimised.plans))
        )
        if fits:
            assert usable_sequences(network, fixed, demand, start=start)[row][0].stages == plan.stages
            continue
        with pytest.raises(InputError, match="fixed order") as caught:
            usable_sequences(network, fixed, demand, start=start)
        assert caught.value.field == f"junction {junctions[row].key}"


def test_neighbours_of_a_locked_junction_are_coordinated_with_its_own_offset():
    """On a one-way road the pairwise model is exact, so the offsets found must be those of enumeration."""
    (net, junctions, flows), given = road(2, [7, 7])
    fixed = locked(junctions, {0})
    start = PlanSet("before", net.name, tuple(_under(p, fixed[j]) for j, p in enumerate(given["start"])))
    search = Search(net, fixed, flows, objective=Objective(), seed=0, **given | {"start": start})
    timings = search.start_timings.copy()
    search.model.evaluate(timings)
    found = search._coordinate(timings, np.random.default_rng(0))
    assert timings.offset_s[0] == 7
    costs = []
    for offset in range(60):
        timings.offset_s[1] = offset
        costs.append(search.model.evaluate(timings))
    assert found == pytest.approx(min(costs), rel=1e-9)


def test_all_junctions_locked_is_the_start(city, optimised):
    network, junctions, demand = city
    fixed = locked(junctions, set(range(len(junctions))))
    start = PlanSet("before", network.name, tuple(_under(p, fixed[j]) for j, p in enumerate(optimised.plans)))
    result = optimize(network, fixed, demand, start=start, duration_s=DURATION_S)
    assert result.plans == start


def test_a_grid_gets_better():
    network, junctions, demand = grid_city(3, 2, 0.1)
    result = optimize(network, junctions, demand, steps=8, duration_s=DURATION_S)
    assert result.objective_after < 0.9 * result.objective_before


def test_objective_weighs_links_and_buses(city, sequences):
    network, _, demand = city
    result = FlowModel(network, demand).run(
        movement_greens(network, optimize(*city, steps=0, sequences=sequences, duration_s=60).plans), 600, 600
    )
    plain = Objective(stop_s=0.0).judge(network, result)
    assert plain == pytest.approx(result.delay_s / result.vehicles, rel=1e-9)
    stops = Objective(stop_s=7.0).judge(network, result)
    assert stops - plain == pytest.approx(7.0 * result.stops / result.vehicles, rel=1e-9)
    links = len(network.links)
    double = Objective(stop_s=0.0, link_weight=np.full(links, 2.0)).judge(network, result)
    assert double == pytest.approx(2.0 * plain, rel=1e-12)
    buses = Objective(stop_s=0.0, bus_share=np.full(links, 0.1), bus_weight=21.0).judge(network, result)
    assert buses == pytest.approx(3.0 * plain, rel=1e-12)


def test_bad_input_is_refused(city):
    with pytest.raises(InputError, match="seconds"):
        optimize(*city, seconds=0.0)
    with pytest.raises(InputError, match="steps"):
        optimize(*city, steps=-1)
    with pytest.raises(InputError, match="stop_s"):
        Objective(stop_s=-1.0)
    with pytest.raises(InputError, match="link_weight"):
        Objective(link_weight=np.array([1.0, np.nan]))
    with pytest.raises(InputError, match="rows"):
        Objective(link_weight=np.ones(3)).weights(city[0])


def test_the_best_cycle_is_climbed_to():
    # a valley with its bottom at 72: from 100 down in steps of 20, then half a step to both sides
    def value(cycle: int) -> float:
        return float(abs(cycle - 72))

    tried: dict[int, float] = {}
    while (cycle := next_cycle(tried, (40, 60, 80, 100, 120))) is not None:
        tried[cycle] = value(cycle)
    assert list(tried) == [100, 120, 80, 60, 90, 70, 50]
    assert min(tried, key=tried.__getitem__) == 70
