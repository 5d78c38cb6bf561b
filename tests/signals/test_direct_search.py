"""Search in the flow model itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from signals import direct_search
from signals.direct_search import DirectSearch, Judged
from signals.objective import Objective
from signals.optimize import optimize, usable_sequences
from signals.search import Search
from tests.signals.small_cities import grid_city

OBJECTIVE = Objective(stop_s=0.0)
DURATION_S = 900


@pytest.fixture(scope="module")
def city():
    return grid_city(4, 3, 0.12)


@pytest.fixture(scope="module")
def before(city):
    return optimize(*city, steps=0, duration_s=DURATION_S).plans


def waits(city, at: int, delay_s: float = 100.0):
    """Say that vehicles wait before the junction in row `at` only."""
    network, *_ = city
    return np.where(network.links.to_node == network.junctions.node[at], delay_s, 0.0)


def changed(one, other) -> set[int]:
    return {j for j, (a, b) in enumerate(zip(one, other, strict=True)) if a != b}


@pytest.mark.parametrize("seed", range(30))
def test_a_move_changes_free_junctions_only_and_keeps_every_cycle(city, before, seed):
    tried = []

    def judge(plans):
        tried.append(plans)
        return Judged(2.0, plans, waits(city, 3))

    free = np.array([1, 2, 3, 6, 7])
    search = DirectSearch(city[0], free, judge)
    search.improve(Judged(1.0, before, waits(city, 3)), (), np.random.default_rng(seed))
    assert len(tried) == 1
    assert changed(before, tried[0]) <= set(free.tolist())
    assert [plan.cycle_s for plan in tried[0]] == [plan.cycle_s for plan in before]
    assert tried[0].name == "optimised"
    assert {tried[0][j].name for j in changed(before, tried[0])} <= {"optimised"}


def test_moves_are_drawn_where_vehicles_wait(city, before):
    free = np.arange(len(before))
    search = DirectSearch(city[0], free, lambda plans: Judged(2.0, plans, waits(city, 3)))
    cost = waits(city, 3)
    rng = np.random.default_rng(5)
    drawn = np.array([search._centres(cost, rng)[0] for _ in range(400)])
    # 70 % of them there, and of the others one in twelve
    assert np.mean(drawn == 3) == pytest.approx(0.7 + 0.3 / len(before), abs=0.08)
    assert len(np.unique(drawn)) > len(before) // 2


def test_what_made_its_own_place_worse_is_taken_back(city, before, monkeypatch):
    """Two places: the first is told to get better and the second worse, so that only the first stays changed."""
    monkeypatch.setattr(direct_search, "_JUNCTIONS_PER_PLACE", 6)
    monkeypatch.setattr(direct_search, "_OFFSETS", 1.0)
    tried = []
    network = city[0]

    def judge(plans):
        tried.append(plans)
        owner = search._nearest(centres)
        delay = np.where(owner == 0, -1.0, 2.0 if len(tried) == 1 else 0.0) / np.bincount(owner)[owner]
        return Judged(float(delay.sum()), plans, delay)

    search = DirectSearch(network, np.arange(len(before)), judge)
    none = np.zeros(len(network.links))
    centres = search._centres(none, np.random.default_rng(2))
    assert len(centres) == 2
    found = search.improve(Judged(0.0, before, none), (), np.random.default_rng(2))
    assert len(tried) == 2
    assert found.plans is tried[1]
    assert found.value == pytest.approx(-1.0)
    owner = direct_search._distances_m(network, network.junctions.node, centres).argmin(axis=1)
    first, second = changed(before, tried[0]), changed(before, tried[1])
    assert {owner[j] for j in first} == {0, 1}
    assert second == {j for j in first if owner[j] == 0}


def test_green_goes_to_where_vehicles_wait(city, before, monkeypatch):
    """Informed exchanges never take green from the approach that waits."""
    monkeypatch.setattr(direct_search, "_OFFSETS", 0.0)
    monkeypatch.setattr(direct_search, "_SPLITS", 1.0)
    network = city[0]
    plan = next(plan for plan in before if len(plan.stages) > 1)
    plan = plan.with_durations(duration + 9 for duration in plan.durations_s)
    waiting = plan.junction.groups[min(plan.stages[0].groups - plan.stages[1].groups)].movements
    urge = np.zeros(len(network.movements))
    urge[list(waiting)] = 1.0
    holds = [direct_search._stage_urge(plan, k, urge) > 0 for k in range(len(plan.stages))]
    assert any(holds)
    assert not all(holds)
    informed = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        peek = np.random.default_rng(seed)
        peek.integers(1, direct_search._LONGEST_STEP_S + 1)
        if not peek.integers(2):
            continue
        for after in direct_search._resplit([plan], urge, rng):
            informed += 1
            taken = [
                k for k, (a, b) in enumerate(zip(plan.durations_s, after.durations_s, strict=True)) if b < a
            ]
            given = [
                k for k, (a, b) in enumerate(zip(plan.durations_s, after.durations_s, strict=True)) if b > a
            ]
            assert holds[taken[0]] <= holds[given[0]]
    assert informed > 5


def test_plans_are_taken_over_from_others(city, before, monkeypatch):
    monkeypatch.setattr(direct_search, "_OFFSETS", 0.0)
    monkeypatch.setattr(direct_search, "_SPLITS", 0.0)
    other = before.with_plans([replace(plan, offset_s=(plan.offset_s + 7) % plan.cycle_s) for plan in before])
    search = DirectSearch(city[0], np.arange(len(before)), lambda plans: Judged(0.0, plans, waits(city, 3)))
    found = search.improve(Judged(1.0, before, waits(city, 3)), [other], np.random.default_rng(1))
    moved = changed(before, found.plans)
    assert moved
    assert all(found.plans[j] == other[j] for j in moved)


def test_an_overloaded_grid_gets_better_by_trials():
    """Where queues block each other, trials find what the profile model does not see."""
    city = grid_city(4, 4, 0.3)
    given = {"objective": Objective(), "parameters": None, "start": None, "duration_s": 1800}
    search = Search(*city, usable_sequences(*city), seed=3, **given)
    rng, start = np.random.default_rng(3), search.best
    for _ in range(40):
        search.direct.improve(search.best, (), rng)
    assert search.best.value < 0.95 * start.value
    assert search.best.value == search._run(search.best.plans)[0].value
