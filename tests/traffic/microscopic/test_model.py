"""The microscopic model: closed forms, what vehicles may never do, and the same bytes for the same seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.traffic.microscopic.lane_roads import SPEED_M_S, network, signals, vehicles, world_after
from traffic.microscopic import _kernels_tables as t
from traffic.microscopic._kernels_following import (
    braking_m,
    chance,
    easing_speed,
    needed_m,
    safe_speed,
    travel_s,
)
from traffic.microscopic.model import Drivers, Lights, MicroscopicModel

SPEEDS = st.floats(0.0, 40.0)
DECELS = st.floats(0.5, 9.0)


@given(speed=SPEEDS, decel=DECELS, tau=st.floats(0.6, 3.0))
def test_the_safe_speed_is_the_one_whose_way_to_stand_fits(speed: float, decel: float, tau: float) -> None:
    assert safe_speed(needed_m(speed, decel, tau), decel, tau) == pytest.approx(speed, abs=1e-9)


@given(speed=SPEEDS, decel=DECELS)
def test_braking_is_the_sum_of_the_steps(speed: float, decel: float) -> None:
    covered, left = 0.0, speed - decel
    while left > 0.0:
        covered += left
        left -= decel
    assert braking_m(speed, decel) == pytest.approx(covered, abs=1e-9)


@given(room=st.floats(0.0, 300.0), target=st.floats(0.0, 30.0), decel=DECELS)
def test_who_eases_off_is_slow_enough_in_time(room: float, target: float, decel: float) -> None:
    speed, covered = easing_speed(room, target, decel), 0.0
    while speed > target + 1e-9:
        covered += speed
        speed = max(speed - decel, target)
    assert covered <= room + 1e-6


def test_travel_times_are_those_of_constant_acceleration() -> None:
    assert travel_s(50.0, 10.0, 2.0, 10.0) == 5.0
    assert travel_s(25.0, 0.0, 2.0, 100.0) == 5.0
    assert travel_s(25.0 + 100.0, 0.0, 2.0, 10.0) == pytest.approx(5.0 + 10.0)
    assert travel_s(0.0, 3.0, 2.0, 10.0) == 0.0


def test_luck_is_uniform_and_differs_by_vehicle_second_and_seed() -> None:
    drawn = np.array([[chance(seed, who, s) for who in range(50) for s in range(50)] for seed in (1, 2)])
    assert 0.0 <= drawn.min() <= drawn.max() < 1.0
    assert len(np.unique(drawn)) == drawn.size
    assert drawn.mean() == pytest.approx(0.5, abs=0.02)
    assert abs(np.corrcoef(drawn)[0, 1]) < 0.05


def test_who_is_alone_loses_nothing_but_for_dawdling() -> None:
    roads = network([300.0, 300.0], [(0, 1)])
    alone = MicroscopicModel(roads, vehicles([(0.0, (0, 1))])).run(signals(), 120)
    assert (alone.arrived, alone.delay_s, alone.halts) == (1, 0.0, 0)
    dawdling = MicroscopicModel(roads, vehicles([(0.0, (0, 1))], sigma=0.5)).run(signals(), 120)
    expected = 0.5 * 0.5 * 2.6 / SPEED_M_S  # half of sigma times acceleration, as a share of the speed
    assert dawdling.delay_s / (610.0 / SPEED_M_S) == pytest.approx(expected, rel=0.2)


@pytest.mark.parametrize("factor", [1.0, 1.2])
def test_who_brakes_for_a_slow_road_arrives_with_its_speed(factor: float) -> None:
    """From 15 m/s over 10.5 to 6 m/s, by 4.5 m/s each second, in the last 31.5 m: 0.3 s and 0.6 s are lost."""
    slow = 6.0
    roads = network([5.1 + 15 * SPEED_M_S + 31.5, 300.0], [(0, 1)])
    roads = replace(
        roads,
        lane_speed_m_s=np.array([SPEED_M_S, slow]) / factor,
        way_speed_m_s=np.array([slow]) / factor,
    )
    model = MicroscopicModel(roads, vehicles([(0.0, (0, 1))], factor=factor))
    seen = [float(world_after(model, signals(), second).car[0, t.SPEED]) for second in range(16, 21)]
    assert seen == pytest.approx([15.0, 15.0, 10.5, 6.0, 6.0], abs=1e-9)
    assert model.run(signals(), 100).edge_delay_s == pytest.approx([0.9, 0.0], abs=1e-9)


def test_who_waits_to_enter_loses_these_seconds() -> None:
    """A second after the first the next one can enter with 13 m/s, its fastest: 7.5 m behind one with 15 m/s."""
    cars = replace(vehicles([(0.0, (0,)), (0.0, (0,))]), fastest_m_s=np.array([SPEED_M_S, 13.0]))
    result = MicroscopicModel(network([300.0], []), cars).run(signals(), 60)
    assert (result.arrived, result.delay_s, result.delay_per_veh_s) == (2, 1.0, 0.5)
    assert result.edge_delay_s.tolist() == [1.0]
    faster = world_after(MicroscopicModel(network([300.0], []), vehicles([(0.0, (0,))] * 2)), signals(), 2)
    assert faster.car[:, t.SPEED].tolist() == [15.0, 13.0]


def test_who_cannot_enter_loses_all_seconds() -> None:
    """Two stand at the light in 20 m, three wait before the road: 5 s are lost each second."""
    cars = replace(vehicles([(0.0, (0, 1))] * 5), depart_speed_m_s=np.zeros(5))
    model = MicroscopicModel(network([20.0, 100.0], [(0, 1)], lights=[0]), cars, teleport_s=0)
    before, after = (model.run(signals([t.RED]), seconds) for seconds in (50, 60))
    assert (after.under_way, after.waiting_to_enter) == (2, 3)
    assert after.delay_s - before.delay_s == pytest.approx(50.0, abs=1e-9)
    assert after.edge_delay_s - before.edge_delay_s == pytest.approx([50.0, 0.0], abs=1e-9)
    assert after.delay_per_veh_s == after.delay_s / 5


def test_a_queue_leaves_one_reaction_and_one_length_after_the_other() -> None:
    roads = network([600.0, 600.0], [(0, 1)], lights=[0])
    cars = vehicles([(2.0 * k, (0, 1)) for k in range(75)])
    light = signals([t.RED] * 200 + [t.GREEN] * 400)
    passed = [_passed(MicroscopicModel(roads, cars), light, 200 + green) for green in (20, 80)]
    assert passed[1] - passed[0] == pytest.approx(60.0 / (1.0 + 7.5 / SPEED_M_S), abs=1.0)


def _passed(model: MicroscopicModel, light: Lights, duration_s: int) -> int:
    world = world_after(model, light, duration_s)
    return int(world.track[0, t.TRACK_OUT])


def test_nobody_passes_red_and_yellow_stops_who_can() -> None:
    roads = network([200.0, 200.0], [(0, 1)], lights=[0])
    cars = vehicles([(3.0 * k, (0, 1)) for k in range(20)], sigma=0.5)
    assert _passed(MicroscopicModel(roads, cars), signals([t.RED] * 90), 400) == 0
    assert _passed(MicroscopicModel(roads, cars), signals([t.YELLOW] * 90), 400) == 0
    assert _passed(MicroscopicModel(roads, cars), signals([t.GREEN] * 90), 400) == 20


@pytest.mark.parametrize("stop_m", [0.0, 3.0])
def test_who_gives_way_lets_a_stream_pass_and_then_goes(stop_m: float) -> None:
    crossing = network([200.0] * 4, [(0, 1), (2, 3)], foes=[(0, 1, True), (1, 0, False)], stop_m=stop_m)
    stream = [(1.8 * k, (2, 3)) for k in range(60)]
    model = MicroscopicModel(crossing, vehicles([*stream, (0.0, (0, 1))]), teleport_s=0)
    until_the_last = world_after(model, signals(), 100)
    assert until_the_last.track[1, t.TRACK_OUT] == 0
    after = model.run(signals(), 300)
    assert after.arrived == 61
    protected = network(
        [200.0] * 4, [(0, 1), (2, 3)], foes=[(0, 1, True), (1, 0, False)], lights=[0, -1], stop_m=stop_m
    )
    at_once = world_after(MicroscopicModel(protected, vehicles([(0.0, (0, 1))])), signals([t.GREEN]), 40)
    assert at_once.totals[t.REACHED] == 1


def test_who_has_waited_long_hopes_that_others_brake() -> None:
    """A stream without a gap: nobody gets across as long as he is patient."""
    roads = network([200.0] * 4, [(0, 1), (2, 3)], foes=[(0, 1, True), (1, 0, False)])
    stream = [(2.5 * k, (2, 3)) for k in range(240)]
    cars = vehicles([(20.0, (0, 1)), *stream])

    def passed(impatience_s: float) -> int:
        model = MicroscopicModel(roads, cars, drivers=Drivers(impatience_s=impatience_s), teleport_s=0)
        return int(world_after(model, signals([t.GREEN]), 500).track[1, t.TRACK_OUT])

    assert (passed(0.0), passed(180.0)) == (0, 1)


def test_junctions_are_kept_clear() -> None:
    foes = [(0, 2, False), (2, 0, True)]
    roads = network(
        [300.0, 20.0, 300.0, 300.0, 300.0], [(0, 1), (1, 2), (3, 4)], foes=foes, lights=[-1, 0, -1]
    )
    cars = vehicles([*((2.5 * k, (0, 1, 2)) for k in range(30)), (100.0, (3, 4))])
    world = world_after(MicroscopicModel(roads, cars, teleport_s=0), signals([t.RED]), 200)
    lanes = world.lanes
    assert world.ends[lanes, t.FIRST] == t.NOBODY, "nobody stands inside"
    assert world.totals[t.REACHED] == 1, "so who crosses gets through"


def test_who_is_in_the_wrong_lane_changes_in_time() -> None:
    roads = network([300.0, 300.0, 300.0], [(0, 2)], edges=[2, 1])
    cars = vehicles([(0.0, (0, 1)), (1.0, (0, 1)), (4.0, (0, 1))])
    wrong = cars.depart_lane.copy()
    wrong[1] = 1
    cars.depart_lane[:] = wrong
    assert MicroscopicModel(roads, cars).run(signals(), 200).arrived == 3


def test_vehicles_use_both_lanes_of_a_queue() -> None:
    roads = network([300.0] * 4, [(0, 2), (1, 3)], edges=[2, 2], lights=[0, 0])
    cars = vehicles([(2.0 * k, (0, 1)) for k in range(30)], sigma=0.5)
    world = world_after(MicroscopicModel(roads, cars), signals([t.RED] * 100 + [t.GREEN] * 100), 200)
    assert abs(world.track[0, t.TRACK_OUT] - world.track[1, t.TRACK_OUT]) <= 4


def test_who_halts_too_long_goes_on_at_the_next_edge() -> None:
    roads = network([200.0, 200.0], [(0, 1)], lights=[0])
    model = MicroscopicModel(roads, vehicles([(0.0, (0, 1))]), teleport_s=60)
    result = model.run(signals([t.RED]), 300)
    assert (result.teleports, result.arrived) == (1, 1)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(1, 10_000),
    times=st.lists(st.tuples(st.floats(0.0, 120.0), st.integers(0, 1)), min_size=1, max_size=60),
    green=st.integers(1, 39),
    sigma=st.floats(0.0, 1.0),
)
def test_vehicles_are_conserved_never_overlap_and_runs_repeat(
    seed: int, times: list[tuple[float, int]], green: int, sigma: float
) -> None:
    roads = network(
        [120.0, 60.0, 120.0, 60.0],
        [(0, 1), (2, 3)],
        foes=[(0, 1, True), (1, 0, False)],
        lights=[0, 1],
    )
    routes = ((0, 1), (2, 3))
    cars = vehicles([(time, routes[which]) for time, which in times], sigma=sigma)
    light = signals([t.GAPS] * green + [t.RED] * (40 - green), [t.RED] * green + [t.GREEN] * (40 - green))
    model = MicroscopicModel(roads, cars, teleport_s=0)
    result, again = model.run(light, 150, seed=seed), model.run(light, 150, seed=seed)
    assert (result.delay_s, result.halts) == (again.delay_s, again.halts)
    assert result.edge_delay_s.sum() == pytest.approx(result.delay_s)
    assert result.vehicles == len(times) == result.arrived + result.under_way + result.waiting_to_enter
    world = world_after(model, light, 150, seed=seed)
    for track in range(len(world.ends)):
        who = world.ends[track, t.FIRST]
        while (behind := world.at[who, t.BEHIND] if who >= 0 else t.NOBODY) >= 0:
            rear = world.car[who, t.POSITION] - world.car[who, t.LENGTH]
            assert world.car[behind, t.POSITION] <= rear + 1e-9
            who = behind
