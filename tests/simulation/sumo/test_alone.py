"""Plans of a light with no other near it: other cycles, and moves that keep what each stage needs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.plan import PlanSet
from simulation.sumo.alone import moved, with_cycle, with_other_cycles
from simulation.sumo.city import SumoCity, read_city
from simulation.sumo.config import read_config
from tests.simulation.sumo.nets import PROGRAM, crossing, needs_sumo

pytestmark = needs_sumo


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> SumoCity:
    return read_city(read_config(crossing(tmp_path_factory.mktemp("alone"), phases=PROGRAM)))


@pytest.fixture(scope="module")
def plans(city: SumoCity) -> PlanSet:
    return city.shipped()


@given(cycle_s=st.integers(1, 240))
def test_a_cycle_is_filled_and_no_stage_is_shorter_than_it_needs(plans: PlanSet, cycle_s: int) -> None:
    plan = plans[0]
    made = with_cycle(plan, cycle_s)
    if made is None:
        shortest_s = max(int(plan.sequence.planned_stage_s.sum()), plan.junction.cycle_min_s)
        possible = shortest_s <= cycle_s <= plan.junction.cycle_max_s
        assert cycle_s == plan.cycle_s or not possible
        return
    assert sum(made.durations_s) == made.cycle_s == cycle_s
    assert (np.array(made.durations_s) >= plan.sequence.planned_stage_s).all()
    assert 0 <= made.offset_s < cycle_s


def test_green_is_shared_as_it_was(plans: PlanSet) -> None:
    plan = plans[0]
    least = np.array(plan.sequence.planned_stage_s)
    before = np.array(plan.durations_s) - least
    made = with_cycle(plan, 2 * plan.cycle_s - int(least.sum()))
    assert made is not None
    assert np.abs(np.array(made.durations_s) - least - 2 * before).max() <= 1


@given(seed=st.integers(0, 10_000))
def test_a_move_changes_the_plan_and_keeps_it_feasible(plans: PlanSet, seed: int) -> None:
    plan = plans[0]
    made = moved(plan, np.random.default_rng(seed))
    if made is None:
        return
    assert made.durations_s != plan.durations_s
    assert sum(made.durations_s) == made.cycle_s
    assert plan.sequence.feasible(made.durations_s)


def test_moves_of_all_three_kinds_are_made(plans: PlanSet) -> None:
    plan = plans[0]
    found = [made for seed in range(200) if (made := moved(plan, np.random.default_rng(seed))) is not None]
    changed = {sum(a != b for a, b in zip(made.durations_s, plan.durations_s, strict=True)) for made in found}
    cycles = {made.cycle_s - plan.cycle_s for made in found}
    assert {1, 2} <= changed
    assert {0, 8, -8} <= cycles
    assert any(abs(change) > 8 for change in cycles)


def test_starts_have_every_cycle_and_offset(plans: PlanSet) -> None:
    plan = plans[0]
    found = with_other_cycles(plans, 120)
    shortest_s = max(int(plan.sequence.planned_stage_s.sum()), plan.junction.cycle_min_s)
    cycles = {start[0].cycle_s for start in found}
    assert cycles == {plan.cycle_s, *range(shortest_s + 6, 121, 6)}
    assert {start[0].offset_s for start in found if start[0].cycle_s == plan.cycle_s} == {
        k * plan.cycle_s // 4 for k in range(4)
    }
