"""The three rivals: what their descriptions promise."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from signals.greens import movement_greens
from signals.objective import Objective
from signals.optimize import usable_sequences
from signals.plan import Plan, PlanSet
from signals.webster import optimum_cycle_s
from signals.webster_plans import webster_durations_s, webster_plan
from simulation.rivals import green_wave, isolated_webster, random_restart
from tests.signals.small_cities import (
    corridor_city,
    locked,
    road_of_signals,
    two_stage_sequence,
    two_stages,
)
from tests.traffic.small_networks import demand, movement
from traffic.errors import InputError
from traffic.flow import FlowModel

DURATION_S = 900


@pytest.fixture(scope="module")
def city():
    return corridor_city(4, 0.08)


@pytest.fixture(scope="module")
def sequences(city):
    return usable_sequences(*city[:3], limit=3)


def judged(city, plans) -> float:
    network, _, flows = city
    result = FlowModel(network, flows).run(movement_greens(network, plans), DURATION_S, DURATION_S)
    return Objective().judge(network, result)


def test_webster_shares_the_cycle_by_critical_flow_ratios():
    sequence = two_stage_sequence(two_stages(0, [0], [1]), 1)
    # lost 8 s; the rest of 60 s in proportion 3 to 1, after the change of 4 s each
    assert webster_durations_s(sequence, np.array([0.45, 0.15, 0.0]), 60) == (43, 17)
    assert webster_durations_s(sequence, np.array([0.3, 0.3, 0.0]), 60) == (30, 30)
    assert webster_durations_s(sequence, np.array([0.3, 0.3, 0.0]), 17) is None


def test_webster_takes_his_own_cycle():
    junction = two_stages(0, [0], [1])
    sequence = two_stage_sequence(junction, 1)
    plan = webster_plan(junction, [sequence], np.array([0.35, 0.25, 0.0]), None, "webster")
    assert plan.cycle_s == round(optimum_cycle_s(sequence.lost_s, 0.6))
    full = webster_plan(junction, [sequence], np.array([0.6, 0.5, 0.0]), None, "webster")
    assert full.cycle_s == junction.cycle_max_s


def test_a_wave_on_a_one_way_road_meets_green_at_every_signal():
    net = road_of_signals(4)
    junctions = [two_stages(k, [movement(net, k, k + 1)]) for k in range(4)]
    stages = [[two_stage_sequence(junction, 1)] for junction in junctions]
    plans = green_wave(net, junctions, demand(net, {0: 0.2}), sequences=stages, duration_s=DURATION_S)
    offsets = [plan.offset_s for plan in plans]
    assert len({plan.cycle_s for plan in plans}) == 1
    assert [(b - a) % plans[0].cycle_s for a, b in pairwise(offsets)] == [20, 20, 20]


def test_isolated_plans_differ_in_cycle_and_have_no_offset(city, sequences):
    network, junctions, flows = city
    plans = isolated_webster(network, junctions, flows.scaled(2.0), sequences=sequences)
    assert {plan.offset_s for plan in plans} == {0}
    assert len({plan.cycle_s for plan in plans}) > 1


def test_green_wave_is_the_best_of_its_cycles(city, sequences):
    best = green_wave(*city, sequences=sequences, duration_s=DURATION_S)
    for cycle in (60, 100):
        one = green_wave(*city, cycles=(cycle,), sequences=sequences, duration_s=DURATION_S)
        assert judged(city, best) <= judged(city, one) + 1e-9


def test_random_search_repeats_and_improves_with_its_tries(city, sequences):
    def search(tries: int):
        rng = np.random.default_rng(7)
        return random_restart(*city, tries=tries, rng=rng, sequences=sequences, duration_s=DURATION_S)

    few, many = search(3), search(30)
    assert search(3) == few
    assert judged(city, many) < judged(city, few)


def test_random_search_keeps_its_time(city, sequences):
    ticks = iter(range(100))
    random_restart(*city, seconds=5.0, sequences=sequences, duration_s=60, clock=lambda: float(next(ticks)))
    assert next(ticks) == 6


def test_locked_junctions_keep_their_plans(city, sequences):
    network, junctions, flows = city
    fixed = locked(junctions, {1, 2})
    own = [
        webster_plan(j, s, np.full(len(j.groups), 0.1), 80, "own")
        for j, s in zip(fixed, sequences, strict=True)
    ]
    start = PlanSet(
        "before", network.name, tuple(plan.with_offset(11 + 20 * k) for k, plan in enumerate(own))
    )
    given = {"start": start, "sequences": sequences}
    found = (
        isolated_webster(network, fixed, flows, **given),
        green_wave(network, fixed, flows, cycles=(80,), duration_s=DURATION_S, **given),
        random_restart(network, fixed, flows, tries=20, duration_s=DURATION_S, **given),
    )
    for plans in found:
        assert plans.plans[1:3] == start.plans[1:3]
        assert plans[0] != start[0]


def test_a_wave_goes_on_from_a_locked_junction():
    net = road_of_signals(4)
    junctions = locked([two_stages(k, [movement(net, k, k + 1)]) for k in range(4)], {2})
    stages = [[two_stage_sequence(junction, 1)] for junction in junctions]
    plans = tuple(Plan(j, 60, 13, s[0].stages, (34, 26)) for j, s in zip(junctions, stages, strict=True))
    start = PlanSet("before", net.name, plans)
    given = {"start": start, "sequences": stages, "duration_s": DURATION_S}
    found = green_wave(net, junctions, demand(net, {0: 0.2}), cycles=(60,), **given)
    # 300 m at 15 m/s from signal to signal
    assert [plan.offset_s for plan in found] == [(13 + 20 * k) % 60 for k in (-2, -1, 0, 1)]


@pytest.mark.parametrize("rival", [isolated_webster, green_wave, random_restart])
def test_a_locked_junction_without_a_plan_is_refused(city, sequences, rival):
    network, junctions, flows = city
    with pytest.raises(InputError, match="plan in force must be known"):
        rival(network, locked(junctions, {3}), flows, sequences=sequences)
