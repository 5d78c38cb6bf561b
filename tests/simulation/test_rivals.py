"""The rivals: safe plans, Webster's cycle within bounds, green waves by hand, a repeatable random search."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from scenarios.loader import City, build, load
from signals.optimize import flow_ratios
from signals.plan import PlanSet
from signals.stages import stage_sequences
from signals.webster import optimum_cycle_s
from simulation.rivals import Rivals, isolated_webster
from tests.signals.test_profile import street, street_junction
from tests.traffic.small_networks import demand
from traffic.demand import FlowDemand
from traffic.errors import InputError
from traffic.network import RoadNetwork

DURATION_S = 600


@pytest.fixture(scope="module")
def city() -> City:
    return build(load("grid-3x2"))


@pytest.fixture(scope="module")
def rivals(city: City) -> Rivals:
    return Rivals(city.network, city.junctions, city.demand, duration_s=DURATION_S)


def _clock(step_s: float = 1.0):
    """A clock that goes on by `step_s` whenever it is read."""
    ticks = count(0.0, step_s)
    return lambda: next(ticks)


def _known(net: RoadNetwork, flow_veh_s: float) -> FlowDemand:
    """Demand from the start of the street, its link flows filled in."""
    flows = demand(net, {0: flow_veh_s})
    return replace(flows, link_veh_s=np.full_like(flows.link_veh_s, flow_veh_s))


def _check(plans: PlanSet, city: City) -> None:
    """A plan for each junction; that they are safe is checked anew."""
    assert [plan.junction for plan in plans] == list(city.junctions)
    assert plans.network_name == city.network.name
    for plan in plans:
        again = replace(plan, durations_s=tuple(plan.durations_s))
        assert again.sequence.feasible(again.durations_s)
        assert plan.junction.cycle_min_s <= plan.cycle_s <= plan.junction.cycle_max_s


def test_plans_are_safe(city: City, rivals: Rivals) -> None:
    _check(rivals.isolated_webster(), city)
    _check(rivals.green_wave(), city)
    _check(rivals.random_restart(seconds=6.0, restarts=2, clock=_clock()), city)


def test_webster_alone(city: City, rivals: Rivals) -> None:
    plans = rivals.isolated_webster()
    assert [plan.offset_s for plan in plans] == [0] * len(city.junctions)
    assert isolated_webster(city.network, city.junctions, city.demand) == plans


def test_webster_cycle_of_one_signal() -> None:
    # Y = 0.4 / 0.8; the lost time is that of the only stage sequence.
    net = street(1)
    junction = street_junction(net, 0)
    flows = _known(net, 0.4)
    (sequence,) = {s.stages: s for s in stage_sequences(junction)}.values()
    ((ratio, walk),) = flow_ratios(net, [junction], flows.movement_veh_s(net))
    assert (ratio, walk) == (pytest.approx(0.5, abs=1e-12), 0.0)
    (plan,) = isolated_webster(net, [junction], flows)
    assert plan.cycle_s == round(optimum_cycle_s(sequence.lost_s, 0.5))
    assert junction.cycle_min_s < plan.cycle_s < junction.cycle_max_s
    # All beyond the shortest walk is green for the street.
    ((start, end),), _ = plan.green_windows()
    assert end - start == plan.cycle_s - 5 - 10


@pytest.mark.parametrize(("flow", "cycle"), [(0.79, 120), (0.001, 30)])
def test_webster_cycle_keeps_the_bounds(flow: float, cycle: int) -> None:
    net = street(1)
    junction = replace(street_junction(net, 0), cycle_min_s=30, cycle_max_s=120)
    (plan,) = isolated_webster(net, [junction], _known(net, flow))
    assert plan.cycle_s == cycle


@pytest.mark.parametrize("link_s", [20, 33, 95])
def test_green_wave_on_a_one_way_street(link_s: int) -> None:
    net = street(3, link_s=link_s)
    junctions = [street_junction(net, row) for row in range(3)]
    plans = Rivals(net, junctions, _known(net, 0.3), duration_s=DURATION_S).green_wave(cycles=(60,))
    assert [plan.cycle_s for plan in plans] == [60] * 3
    starts = [plan.offset_s + plan.green_windows()[0][0][0] for plan in plans]
    assert [(start - starts[0]) % 60 for start in starts] == [0, link_s % 60, 2 * link_s % 60]


def test_green_wave_is_the_best_of_its_cycles(rivals: Rivals) -> None:
    values = {cycle: rivals.judge(rivals.green_wave(cycles=(cycle,))) for cycle in (60, 80, 100)}
    best = rivals.green_wave()
    assert rivals.judge(best) == min(values.values())
    assert len(set(values.values())) > 1


def test_random_search_repeats_and_does_not_get_worse(rivals: Rivals) -> None:
    # The clock's readings: the start, one before each trial; a single reading ends the first search at once.
    first = rivals.random_restart(seconds=0.5, seed=2, restarts=1, clock=_clock())
    found, again = (rivals.random_restart(seconds=40.0, seed=2, restarts=1, clock=_clock()) for _ in range(2))
    assert found == again
    assert rivals.judge(found) < rivals.judge(first)
    other = rivals.random_restart(seconds=0.5, seed=3, restarts=1, clock=_clock())
    assert other != first


def test_random_restarts_return_the_best_of_all(rivals: Rivals) -> None:
    restarts = [
        rivals.judge(rivals.random_restart(seconds=0.5, seed=2, restarts=n, clock=_clock()))
        for n in (1, 2, 4)
    ]
    assert restarts == sorted(restarts, reverse=True)


@pytest.mark.parametrize("seconds", [0.0, -1.0, np.nan, np.inf])
def test_random_search_refuses_bad_seconds(rivals: Rivals, seconds: float) -> None:
    with pytest.raises(InputError, match="seconds: must be more than 0 s"):
        rivals.random_restart(seconds=seconds)


def test_random_search_refuses_no_restart(rivals: Rivals) -> None:
    with pytest.raises(InputError, match="restarts: must be 1 or more"):
        rivals.random_restart(seconds=1.0, restarts=0)
