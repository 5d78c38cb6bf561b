"""Buses in the objective: what plans cost them in closed form, and plans that heed them cost them less."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from signals.bus_flow import BusFlow
from signals.greens import movement_greens
from signals.hcm import incremental_delay_s
from signals.objective import Objective
from signals.optimize import optimize
from tests.signals.small_cities import grid_city
from traffic.errors import InputError
from traffic.flow import FlowModel
from traffic.greens import MovementGreens, SignalState

GREEN, RED = int(SignalState.PROTECTED), int(SignalState.RED)


def one_signal(cycle: int, green: int) -> MovementGreens:
    state = np.array([GREEN] * green + [RED] * (cycle - green), np.uint8)
    return MovementGreens(np.array([0, -1]), np.array([cycle, 1]), state)


@pytest.mark.parametrize(("cycle", "green"), [(60, 30), (120, 60), (90, 30)])
def test_an_empty_street_costs_half_of_the_red_in_red(cycle: int, green: int) -> None:
    """Who comes in whole seconds waits r, r - 1, ..., 1: r (r + 1) / 2C."""
    zero = np.zeros(2)
    flow = BusFlow(np.array([0.01, 0.02]), np.array([0.01, 0.02]), zero, np.array([0.5, 0.5]))
    red = cycle - green
    expected = red * (red + 1) / (2 * cycle)
    assert flow.mean_delay_s(one_signal(cycle, green)).tolist() == pytest.approx([expected, 0.0])


def test_traffic_adds_its_queue_and_its_luck() -> None:
    """y = 0.25 as in the closed form of D/D/1; sums over whole seconds, and d2 of the Highway Capacity Manual."""
    flow = BusFlow(np.array([0.01, 0.0]), np.array([0.2, 0.1]), np.array([0.25, 0.1]), np.array([0.8, 0.5]))
    in_red = np.arange(30)
    uniform = (30 - in_red + 0.25 * in_red).sum() + np.maximum(7.5 - 0.75 * in_red, 0.0).sum()
    expected = uniform / 60 + incremental_delay_s(0.5, 0.8 * 0.5 * 3600)
    assert flow.mean_delay_s(one_signal(60, 30))[0] == pytest.approx(expected)


def test_where_no_bus_comes_nothing_is_counted() -> None:
    zero = np.zeros(2)
    assert not BusFlow(zero, np.array([0.1, 0.1]), zero, zero).mean_delay_s(one_signal(60, 30)).any()


def test_buses_are_counted_among_the_vehicles() -> None:
    network, junctions, demand = grid_city(3, 2, 0.1)
    buses = np.full(len(network.movements), 0.002)
    flow = BusFlow.of(network, demand, buses)
    goal = Objective(stop_s=0.0, buses=flow, bus_weight=20.0)
    share = flow.link_share(network)
    assert (share <= 1.0).all()
    assert goal.delay_weight(network) == pytest.approx(1.0 + 19.0 * share)
    greens = movement_greens(network, optimize(network, junctions, demand, steps=0, duration_s=60).plans)
    result = FlowModel(network, demand).run(greens, 600, 600)
    others = ((1.0 - share) * (result.link_delay_s + result.entry_delay_s)).sum()
    waiting = 20.0 * 600.0 * (buses * flow.mean_delay_s(greens)).sum()
    assert goal.judge(network, result, greens) == pytest.approx((others + waiting) / result.vehicles)
    assert replace(goal, bus_weight=0.0).judge(network, result, greens) == pytest.approx(
        others / result.vehicles
    )
    with pytest.raises(InputError, match="greens"):
        goal.judge(network, result)


def test_plans_that_heed_buses_are_better_by_what_they_are_to_be_good_at() -> None:
    """Buses on one street only: better than the start, and than plans for cars alone, with what buses cost counted."""
    network, junctions, demand = grid_city(4, 3, 0.1)
    through = np.argsort(-demand.movement_veh_s(network), kind="stable")[:12]
    buses = np.zeros(len(network.movements))
    buses[through] = 0.02
    goal = Objective(buses=BusFlow.of(network, demand, buses))
    cars = optimize(network, junctions, demand, steps=12, duration_s=900)
    heeding = optimize(
        network, junctions, demand, objective=goal, candidates=[cars.plans], steps=14, duration_s=900
    )
    greens = movement_greens(network, cars.plans)
    plain = goal.judge(network, FlowModel(network, demand).run(greens, 900, 900), greens)
    assert heeding.objective_after < heeding.objective_before
    assert heeding.objective_after < plain


@pytest.mark.parametrize("name", ["bus_veh_s", "flow_ratio"])
def test_flows_that_cannot_be_are_refused(name: str) -> None:
    good = dict.fromkeys(("bus_veh_s", "vehicle_veh_s", "flow_ratio", "saturation_veh_s"), np.zeros(2))
    for wrong in (np.array([0.0, -1.0]), np.array([0.0, np.nan])):
        with pytest.raises(InputError, match=name):
            BusFlow(**{**good, name: wrong})
    with pytest.raises(InputError, match="rows"):
        BusFlow(**{**good, "flow_ratio": np.zeros(3)})
