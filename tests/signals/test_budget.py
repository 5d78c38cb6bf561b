"""The time that the optimiser may take, and how it goes on from good plans."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from signals.budget import Budget, TimedLocalSearch
from signals.greens import movement_greens
from signals.objective import Objective
from signals.optimize import optimize, usable_sequences
from signals.profile import ProfileModel
from signals.wire import write_plans
from tests.signals.small_cities import grid_city
from traffic.errors import InputError
from traffic.flow import FlowModel

DURATION_S = 900


@pytest.fixture(scope="module")
def city():
    return grid_city(3, 2, 0.08)


@pytest.fixture(scope="module")
def sequences(city):
    return usable_sequences(*city[:3], limit=3)


@pytest.fixture(scope="module")
def old(city, sequences):
    """Return good plans for the demand before it changed."""
    return optimize(*city, seed=1, steps=6, sequences=sequences, duration_s=DURATION_S).plans


@pytest.fixture(scope="module")
def changed(city):
    network, junctions, demand = city
    return network, junctions, demand.scaled(1.3)


@pytest.fixture
def judging(monkeypatch):
    """Let time pass in the flow model only: one second for each run. Return the clock."""
    passed = [0.0]
    run = FlowModel.run

    def timed(self, *args, **kwargs):
        passed[0] += 1.0
        return run(self, *args, **kwargs)

    monkeypatch.setattr(FlowModel, "run", timed)
    return lambda: passed[0]


@pytest.mark.parametrize("seconds", [3, 7, 12, 25])
def test_no_more_runs_of_the_flow_model_than_there_is_time_for(city, sequences, judging, seconds):
    run = partial(optimize, *city, seed=1, sequences=sequences, duration_s=DURATION_S)
    found = run(seconds=float(seconds), clock=judging)
    assert found.seconds == judging()
    assert seconds - 1 <= judging() <= seconds
    # the time only decides when to stop: all steps but the one in hand are those that steps without a limit are
    whole = run(steps=len(found.log)).log
    assert found.log[:-1] == whole[: len(found.log) - 1]


def test_the_shortest_time_judges_the_start(city, sequences, judging):
    found = optimize(*city, seconds=0.1, sequences=sequences, duration_s=DURATION_S, clock=judging)
    assert [step.name for step in found.log] == ["start"]
    assert judging() == 1.0
    assert found.offset_bound_ratio is None


def test_a_local_search_leaves_off_when_the_time_is_over(changed, sequences, old):
    network, junctions, demand = changed
    model = ProfileModel(network, junctions, sequences, demand, duration_s=DURATION_S)
    free = np.ones(len(junctions), dtype=bool)
    now = [0.0]

    def searched(*budget: float | None) -> float:
        now[0] = 0.0
        search = TimedLocalSearch(model, free, Budget(*budget, clock=lambda: now[0]))
        now[0] = 5.0
        model.evaluate(start, epsilon=0.02)
        search.descend(np.random.default_rng(3), passes=1, costly=0.5)
        return model.cost

    start = model.from_plans(old)
    model.evaluate(start, epsilon=0.02)
    before = model.cost
    assert searched(5.0) == pytest.approx(before, rel=1e-6)
    assert searched(6.0) < 0.99 * before
    assert searched(6.0) == searched(None)


def test_the_bound_is_left_out_where_it_takes_too_much_of_the_time():
    budget = Budget(20.0, clock=lambda: 0.0)
    assert not budget.allows_bound()
    budget.keep_for_bound(0.2)
    assert budget.allows_bound()
    assert budget.bound_s == pytest.approx(2.0)
    budget.keep_for_bound(0.4)
    assert not budget.allows_bound()
    assert Budget(None).allows_bound()


@pytest.mark.parametrize("steps", [0, 1, 3, 8])
def test_going_on_from_good_plans_never_makes_them_worse(changed, old, steps):
    network, _, demand = changed
    result = FlowModel(network, demand).run(movement_greens(network, old), DURATION_S, DURATION_S)
    found = optimize(*changed, start=old, warm=True, seed=2, steps=steps, duration_s=DURATION_S)
    assert found.objective_before == pytest.approx(Objective().judge(network, result), rel=1e-12)
    assert found.objective_after <= found.objective_before
    names = [step.name for step in found.log]
    assert names[:2] == ["start", "adapted"][: steps + 1]
    assert not any("cycle" in name for name in names)


def test_good_plans_are_adapted_to_a_changed_demand(changed, old):
    """One run of the flow model after that of the start: what the scan of cycles has not done by then."""
    warm = optimize(*changed, start=old, warm=True, seed=2, steps=1, duration_s=DURATION_S)
    assert warm.objective_after < warm.objective_before
    cold = optimize(*changed, start=old, seed=2, steps=1, duration_s=DURATION_S)
    assert warm.objective_after < cold.objective_after


def test_going_on_keeps_the_stages_and_cycles_that_controllers_have(changed, old):
    found = optimize(*changed, start=old, warm=True, seed=2, steps=6, duration_s=DURATION_S)
    assert found.plans != old
    for plan, before in zip(found.plans, old, strict=True):
        assert plan.stages == before.stages
        assert plan.cycle_s in (before.cycle_s, before.cycle_s // 2, 2 * before.cycle_s)


def test_going_on_gives_the_same_file_for_the_same_seed_and_steps(changed, old, tmp_path):
    files = [tmp_path / "one.json", tmp_path / "two.json"]
    for file in files:
        found = optimize(*changed, start=old, warm=True, seed=5, steps=6, duration_s=DURATION_S)
        write_plans(found.plans, file)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_going_on_needs_plans(city):
    with pytest.raises(InputError, match="plans to start from") as caught:
        optimize(*city, warm=True)
    assert caught.value.field == "warm"
