"""Who may choose a route: what is open, what it takes, when it is decided."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.traffic.microscopic.lane_roads import SPEED_M_S, network, signals, vehicles, world_after
from traffic.microscopic import _kernels_tables as t
from traffic.microscopic.lanes import LaneNetwork
from traffic.microscopic.model import Lights, MicroscopicModel
from traffic.microscopic.routes import alternative_routes

SHORT, LONG = (0, 1, 3), (0, 2, 3)
GREEN = signals([t.GREEN])


def two_ways(*, lights: tuple[int, ...] | None = None) -> LaneNetwork:
    return network([200.0, 100.0, 150.0, 200.0], [(0, 1), (0, 2), (1, 3), (2, 3)], lights=lights)


def model(departs: list[float], decides: list[float], roads: LaneNetwork | None = None) -> MicroscopicModel:
    cars = vehicles([(time, LONG) for time in departs])
    cars = replace(cars, others=((SHORT,),) * len(departs), decide_s=np.array(decides))
    return MicroscopicModel(roads or two_ways(), cars, teleport_s=0)


def taken(model: MicroscopicModel, lights: Lights, seconds: int) -> list[tuple[int, ...]]:
    world = world_after(model, lights, seconds)
    last = world.at[:, t.LAST_STAGE].tolist()
    first = [
        int(world.option[k, t.FIRST_STAGE])
        for stage in last
        for k in np.flatnonzero(world.option[:, 1] == stage)
    ]
    return [tuple(world.stage[a : b + 1, t.EDGE].tolist()) for a, b in zip(first, last, strict=True)]


def test_the_fastest_route_comes_first_and_others_in_traffic() -> None:
    assert alternative_routes(two_ways(), [(0, 3)]) == {(0, 3): (SHORT, LONG)}
    assert alternative_routes(two_ways(), [(3, 0)]) == {(3, 0): ()}
    assert alternative_routes(two_ways(), [(1, 1)]) == {(1, 1): ((1,),)}


def test_without_traffic_the_shortest_route_is_taken() -> None:
    assert taken(model([0.0, 10.0], [0.0, 10.0]), GREEN, 60) == [SHORT, SHORT]


def test_who_decides_later_avoids_a_queue_and_who_has_decided_does_not() -> None:
    times = [2.0 * k for k in range(20)]
    queue = two_ways(lights=(-1, -1, 0, -1))
    late = model([*times, 150.0], [*[0.0] * 20, 150.0], queue)
    assert taken(late, signals([t.RED]), 200) == [*[SHORT] * 20, LONG]
    early = model([*times, 150.0], [0.0] * 21, queue)
    assert taken(early, signals([t.RED]), 200) == [SHORT] * 21


@pytest.mark.parametrize("seconds", [40, 250])
def test_the_pace_is_the_mean_speed_of_the_last_three_minutes(seconds: int) -> None:
    run = model([3.0 * k for k in range(40)], [0.0] * 40, two_ways(lights=(-1, -1, 0, -1)))
    lights = signals([t.RED] * 30 + [t.GREEN] * 20)
    seen = [np.full(4, SPEED_M_S)] * t.WINDOW_S
    for second in range(seconds):
        world = world_after(run, lights, second)
        speed = np.full(4, SPEED_M_S)
        for edge in range(4):
            there = world.car[world.at[:, t.TRACK] == edge, t.SPEED]
            if len(there):
                speed[edge] = there.mean()
        seen.append(speed)
    wanted = np.mean(seen[-t.WINDOW_S :], axis=0)
    assert world_after(run, lights, seconds).pace == pytest.approx(wanted, abs=1e-9)
