"""The optimiser as a whole: never worse than its start, repeatable, and obedient to the engineer."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from scenarios.loader import City, build, load
from signals.build import build_junctions
from signals.greens import movement_greens
from signals.objective import Objective
from signals.optimize import Optimized, optimize, usable_sequences
from signals.plan import PlanSet
from signals.profile import ProfileModel
from signals.splits import delay_splits
from tests.signals.junctions import crossroads, network_of
from tests.traffic.small_networks import demand
from traffic.errors import InputError
from traffic.flow import FlowModel

STEPS = 14
DURATION_S = 900


@pytest.fixture(scope="module")
def city() -> City:
    return build(load("grid-3x2"))


@pytest.fixture(scope="module")
def found(city: City) -> Optimized:
    return optimize(city.network, city.junctions, city.demand, seed=3, steps=STEPS, duration_s=DURATION_S)


def _start(city: City, cycle_s: int = 100) -> PlanSet:
    """Plans with splits by delay at one cycle, offsets 10 s apart."""
    model = ProfileModel(city.network, city.junctions, usable_sequences(city.junctions), city.demand)
    timings, _ = delay_splits(model, np.full(len(city.junctions), cycle_s))
    timings.offset_s[:] = 10 * np.arange(len(city.junctions))
    return model.to_plans(timings, name="in force")


def _judge(city: City, plans: PlanSet, objective: Objective) -> float:
    result = FlowModel(city.network, city.demand).run(
        movement_greens(city.network, plans), DURATION_S, DURATION_S
    )
    return objective.judge(city.network, result)


def test_better_than_its_start(city: City, found: Optimized) -> None:
    assert found.objective_after < found.objective_before
    assert found.log[0].name == "start"
    assert found.log[0].judged == found.objective_before
    assert found.objective_after == min(step.judged for step in found.log if step.judged is not None)
    # The figure is that of the flow model, nothing else.
    assert _judge(city, found.plans, Objective()) == found.objective_after
    assert found.offset_bound_ratio <= 1.0
    assert found.seed == 3


def test_a_plan_for_each_junction(city: City, found: Optimized) -> None:
    assert [plan.junction for plan in found.plans] == list(city.junctions)
    assert found.plans.network_name == city.network.name


def test_same_seed_and_steps_give_the_same_plans(city: City, found: Optimized) -> None:
    again = optimize(city.network, city.junctions, city.demand, seed=3, steps=STEPS, duration_s=DURATION_S)
    assert again.plans == found.plans
    assert again.log == found.log
    assert again.objective_after == found.objective_after


def test_steps_decide_alone_whatever_the_clock_says(city: City) -> None:
    results = []
    for seconds in (0.001, 1e6):
        clock = count(0.0, 1e3)
        results.append(
            optimize(
                city.network,
                city.junctions,
                city.demand,
                seconds=seconds,
                steps=3,
                duration_s=DURATION_S,
                clock=lambda clock=clock: next(clock),
            )
        )
    assert results[0].plans == results[1].plans
    assert [step.name for step in results[0].log] == [step.name for step in results[1].log]
    assert len(results[0].log) == 4  # the start, and three steps


def test_seconds_run_out_by_the_given_clock(city: City) -> None:
    ticks = count(0.0, 1.0)
    result = optimize(
        city.network,
        city.junctions,
        city.demand,
        seconds=2.5,
        duration_s=DURATION_S,
        clock=lambda: float(next(ticks)),
    )
    # One reading before the work, one after each step: 1, 2 and 3 s, and one for the result.
    assert len(result.log) == 3
    assert result.seconds == 4.0


def test_never_worse_than_the_plans_in_force(city: City, found: Optimized) -> None:
    """The optimiser's own plans as a start: after a few steps there may be nothing better."""
    again = optimize(
        city.network, city.junctions, city.demand, steps=2, start=found.plans, duration_s=DURATION_S
    )
    assert again.objective_before == found.objective_after
    assert again.objective_after <= again.objective_before
    # No candidate was judged, so the start stays, to the last bit.
    assert again.plans == found.plans


def test_locked_junction_keeps_its_plan(city: City) -> None:
    locked = tuple(replace(j, locked=True) if j.index in {1, 4} else j for j in city.junctions)
    town = replace(city, junctions=locked)
    start = _start(town)
    result = optimize(
        city.network, locked, city.demand, seed=1, steps=STEPS, start=start, duration_s=DURATION_S
    )
    assert result.objective_after < result.objective_before
    assert [result.plans[j] for j in (1, 4)] == [start[j] for j in (1, 4)]
    changed = [j for j in (0, 2, 3, 5) if result.plans[j] != start[j]]
    assert changed


def test_all_locked_is_the_start(city: City) -> None:
    locked = tuple(replace(j, locked=True) for j in city.junctions)
    start = _start(replace(city, junctions=locked))
    result = optimize(city.network, locked, city.demand, steps=STEPS, start=start, duration_s=DURATION_S)
    assert result.plans.plans == start.plans
    assert result.objective_after == result.objective_before


def test_fixed_order_is_kept(city: City) -> None:
    fixed = []
    for junction in city.junctions:
        orders = [sequence.names() for sequence in usable_sequences((junction,))[0]]
        fixed.append(replace(junction, fixed_order=orders[-1]))
    result = optimize(city.network, fixed, city.demand, steps=STEPS, duration_s=DURATION_S)
    assert [plan.sequence.names() for plan in result.plans] == [junction.fixed_order for junction in fixed]
    assert result.objective_after <= result.objective_before


def test_should_stop_ends_the_work_after_the_step(city: City) -> None:
    answers = iter((False, False, True))
    result = optimize(
        city.network,
        city.junctions,
        city.demand,
        steps=100,
        duration_s=DURATION_S,
        should_stop=lambda: next(answers),
    )
    assert len(result.log) == 3
    assert result.objective_after <= result.objective_before


def test_progress_tells_every_step(city: City) -> None:
    told: list[tuple[float, float, str]] = []
    ticks = count(0.0, 4.0)
    result = optimize(
        city.network,
        city.junctions,
        city.demand,
        seconds=10.0,
        steps=3,
        duration_s=DURATION_S,
        progress=lambda done, total, note="": told.append((done, total, note)),
        clock=lambda: float(next(ticks)),
    )
    assert [(done, total) for done, total, _ in told] == [
        (4.0, 10.0),
        (8.0, 10.0),
        (10.0, 10.0),
        (10.0, 10.0),
    ]
    names = [step.name for step in result.log]
    assert [note.split(":")[0] for _, _, note in told] == names


@pytest.mark.parametrize("seconds", [0.0, -1.0, np.nan, np.inf])
def test_refuses_bad_seconds(city: City, seconds: float) -> None:
    with pytest.raises(InputError, match="seconds: must be more than 0 s"):
        optimize(city.network, city.junctions, city.demand, seconds=seconds)


def test_refuses_bad_steps(city: City) -> None:
    with pytest.raises(InputError, match="steps: must be 0 or more"):
        optimize(city.network, city.junctions, city.demand, steps=-1)


@pytest.mark.parametrize("field", ["stop_s", "bus_weight", "overflow"])
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_refuses_a_bad_objective(field: str, value: float) -> None:
    with pytest.raises(InputError, match=rf"objective\.{field}: must be 0 or more"):
        Objective(**{field: value})


def test_refuses_weights_of_another_network(city: City) -> None:
    for field in ("link_weight", "bus_share"):
        with pytest.raises(
            InputError, match=rf"objective\.{field}: must have {len(city.network.links)} rows"
        ):
            Objective(**{field: np.ones(3)}).weights(city.network)
    with pytest.raises(InputError, match=r"objective\.bus_share\[0\]: must be at most 1"):
        Objective(bus_share=np.array([1.5]))


def test_buses_weigh_as_much_as_the_vehicles_that_they_stand_for(city: City) -> None:
    links = len(city.network.links)
    objective = Objective(
        stop_s=4.0, link_weight=np.full(links, 2.0), bus_share=np.full(links, 0.1), bus_weight=21.0
    )
    weights = objective.weights(city.network)
    assert weights.delay == pytest.approx(np.full(links, 2.0 * 3.0), rel=1e-12)
    assert weights.stop_s == pytest.approx(np.full(links, 24.0), rel=1e-12)


def test_one_junction_without_traffic_in_any_cycle() -> None:
    net = network_of(crossroads(crossing=False))
    junctions = build_junctions(net)
    result = optimize(net, junctions, demand(net, {0: 0.0}), steps=2, duration_s=300)
    assert (result.objective_before, result.objective_after) == (0.0, 0.0)
    assert result.offset_bound_ratio == 1.0
    assert len(result.plans) == 1
