"""Junctions by hand: gaps of known length, lines where vehicles stand, ways that must be kept clear.

At the speed of the road all times are lengths over `SPEED_M_S`; a car enters with its front `ENTRY_M` after the beginning of
its lane at the end of the second in which it departs.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.traffic.microscopic.lane_roads import SPEED_M_S, network, signals, vehicles, world_after
from traffic.microscopic import _kernels_tables as t
from traffic.microscopic.lanes import LaneNetwork
from traffic.microscopic.model import Drivers, MicroscopicModel, Vehicles

ENTRY_M = 5.1
NO_LIGHTS = signals()
GIVES_WAY = [(0, 1, True), (1, 0, False)]


def meeting_roads(minor_m: float, major_m: float, *, merges: bool = False) -> LaneNetwork:
    """Return two roads that cross, or lead into one; the first gives way, before the junction."""
    ways = [(0, 2), (1, 2)] if merges else [(0, 2), (1, 3)]
    return network([minor_m, major_m, 300.0, 300.0], ways, foes=GIVES_WAY)


def minor_delay_s(roads: LaneNetwork, *, merges: bool, lookahead_s: float) -> float:
    """Return what a car loses that sees from afar another one come, both at the speed of the road."""
    cars = vehicles([(0.0, (0, 2)), (0.0, (1, 2 if merges else 3))])
    drivers = Drivers(sight_m=100.0, lookahead_s=lookahead_s)
    result = MicroscopicModel(roads, cars, drivers=drivers).run(NO_LIGHTS, 60)
    assert result.arrived == 2
    return float(result.edge_delay_s[0])


@pytest.mark.parametrize("merges", [False, True])
def test_who_goes_first_is_out_of_the_way_a_lookahead_before_the_other_comes(merges: bool) -> None:
    """He needs 15 m, his way and his length, so 1 s; the other comes 24 m, 1.6 s, after him."""
    roads = meeting_roads(200.0, 224.0, merges=merges)
    assert minor_delay_s(roads, merges=merges, lookahead_s=0.59) == 0.0
    assert minor_delay_s(roads, merges=merges, lookahead_s=0.61) > 0.0


def test_who_merges_second_comes_a_lookahead_after_the_other_has_left() -> None:
    """The other comes 24 m, 1.6 s, before him and needs 1 s; he decides 29 m before the junction, where he has to brake."""
    roads = meeting_roads(ENTRY_M + 15 * SPEED_M_S + 29.0, ENTRY_M + 15 * SPEED_M_S + 5.0, merges=True)
    assert minor_delay_s(roads, merges=True, lookahead_s=0.59) == 0.0
    assert minor_delay_s(roads, merges=True, lookahead_s=0.61) > 0.0


def test_who_crosses_second_needs_no_lookahead() -> None:
    """Nobody is within the reach of 18 m in which he could not brake when the other is out of the way."""
    roads = meeting_roads(ENTRY_M + 15 * SPEED_M_S + 29.0, ENTRY_M + 15 * SPEED_M_S + 13.9)
    assert minor_delay_s(roads, merges=False, lookahead_s=5.0) == 0.0


@pytest.mark.parametrize(("decel_m_s2", "passes"), [(1.3, False), (1.4, True)])
def test_nobody_merges_before_one_who_cannot_slow_down_to_his_speed(decel_m_s2: float, passes: bool) -> None:
    """At 8 m/s and 4 m before the line he decides for the last time, with 3.5 s to spare.

    The other is then 60 m before the junction, where it has 8 m/s after braking by (15^2 - 8^2) / 120 = 1.34 m/s2.
    """
    slow = 8.0
    roads = network(
        [ENTRY_M + 24 * slow + 4.0, ENTRY_M + 24 * SPEED_M_S + 60.0, 900.0], [(0, 2), (1, 2)], foes=GIVES_WAY
    )
    cars = vehicles([(0.0, (0, 2)), (0.0, (1, 2))])
    cars = replace(cars, fastest_m_s=np.array([slow, SPEED_M_S]), decel_m_s2=np.array([4.5, decel_m_s2]))
    result = MicroscopicModel(roads, cars, drivers=Drivers(sight_m=100.0)).run(NO_LIGHTS, 40)
    assert (result.edge_delay_s[0] == 0.0) == passes


def stream_beside_one() -> tuple[tuple[float, tuple[int, ...]], ...]:
    """Return a car on the first road that gives way to a stream without a gap on the second."""
    return (0.0, (0, 2)), *((1.8 * k, (1, 3)) for k in range(60))


@pytest.mark.parametrize("stop_m", [0.0, 3.0])
def test_who_waits_for_a_gap_stands_where_his_way_says(stop_m: float) -> None:
    roads = replace(meeting_roads(200.0, 200.0), stop_m=np.array([stop_m, 0.0]))
    world = world_after(MicroscopicModel(roads, vehicles(stream_beside_one()), teleport_s=0), NO_LIGHTS, 80)
    inside = stop_m > 0.0
    assert world.car[0, t.SPEED] == pytest.approx(0.0, abs=1e-9)
    assert world.at[0, t.TRACK] == (world.lanes if inside else 0)
    assert world.car[0, t.POSITION] == pytest.approx(stop_m - 0.1 if inside else 199.9, abs=1e-9)


def standing_across(beyond_m: float, *, meets_until_m: float = 7.0) -> LaneNetwork:
    """Return two roads that cross; the second goes on over `beyond_m` to a light, and is not kept clear."""
    roads = network(
        [200.0, 200.0, 300.0, beyond_m, 300.0],
        [(0, 2), (1, 3), (3, 4)],
        foes=[(0, 1, False), (1, 0, False)],
        lights=[-1, -1, 0],
    )
    return replace(
        roads,
        keeps_clear=np.array([True, False, False]),
        meets_until_m=np.array([meets_until_m, meets_until_m]),
    )


RED_THEN_GREEN = signals([t.RED] * 60 + [t.GREEN] * 200)


def assert_waits_for_green(roads: LaneNetwork, cars_across: int) -> None:
    """Assert that who crosses stands at his line until those who stand across his way have green."""
    cars = vehicles([*((3.0 * k, (1, 3, 4)) for k in range(cars_across)), (10.0, (0, 2))])
    crossing = cars_across
    model = MicroscopicModel(roads, cars, teleport_s=0)
    world = world_after(model, RED_THEN_GREEN, 60)
    assert world.at[crossing, t.TRACK] == 0
    assert world.car[crossing, t.SPEED] == pytest.approx(0.0, abs=1e-9)
    assert world.car[crossing, t.POSITION] == pytest.approx(199.9, abs=1e-9)
    assert model.run(RED_THEN_GREEN, 120).arrived == cars_across + 1


def passes_at_once(roads: LaneNetwork, cars_across: int) -> bool:
    cars = vehicles([*((3.0 * k, (1, 3, 4)) for k in range(cars_across)), (10.0, (0, 2))])
    result = MicroscopicModel(roads, cars, teleport_s=0).run(RED_THEN_GREEN, 60)
    return bool(result.edge_delay_s[0] == 0.0)


def test_nobody_drives_into_one_who_stands_inside() -> None:
    """The second of two at the light stands from 4.5 to 9.5 m of his way through the junction, which is crossed from 3 to 7."""
    assert_waits_for_green(standing_across(8.0), 2)
    assert passes_at_once(standing_across(8.0, meets_until_m=4.4), 2)
    assert passes_at_once(standing_across(8.0), 1)


def test_nobody_drives_into_one_who_hangs_over_the_beginning_of_his_lane() -> None:
    """Who stands at the light, 1.5 m behind the junction, has his rear at 6.5 m of his way through it."""
    assert_waits_for_green(standing_across(2.5), 1)
    assert passes_at_once(standing_across(2.5, meets_until_m=6.4), 1)


def test_who_gives_way_waits_for_one_who_hangs_over_the_beginning_of_his_lane() -> None:
    roads = replace(standing_across(2.5), keeps_clear=np.zeros(3, dtype=bool), yields=np.array([True, False]))
    assert_waits_for_green(roads, 1)


def test_one_who_waits_inside_for_his_gap_is_in_nobodys_way() -> None:
    roads = replace(meeting_roads(200.0, 200.0), stop_m=np.array([5.0, 0.0]))
    cars = vehicles([(0.0, (0, 2)), *((3.0 * k, (1, 3)) for k in range(20))])
    model = MicroscopicModel(roads, cars, drivers=Drivers(impatience_s=0.0))
    waits = world_after(model, NO_LIGHTS, 50)
    assert waits.at[0, t.TRACK] == waits.lanes
    assert waits.car[0, t.POSITION] == pytest.approx(4.9, abs=1e-9)
    assert model.run(NO_LIGHTS, 50).edge_delay_s[1] == 0.0


def road_with_short_lane(before_m: float, short_m: float, *, way_m: float = 10.0) -> LaneNetwork:
    """Return a road that goes on, beyond a junction that is kept clear, over `short_m` to a light."""
    roads = network([before_m, short_m, 300.0], [(0, 1), (1, 2)], lights=[-1, 0], way_m=way_m)
    return replace(roads, keeps_clear=np.array([True, False]))


def one_after_the_other(headway_s: float, fastest_m_s: float) -> Vehicles:
    cars = vehicles([(0.0, (0, 1, 2)), (headway_s, (0, 1, 2))])
    return replace(cars, fastest_m_s=np.full(2, fastest_m_s))


def test_who_sees_past_the_junction_follows_one_who_drives_on() -> None:
    """The lane beyond never has room for two, and the second is 19 m before the line when the first is on it."""
    roads = road_with_short_lane(ENTRY_M + 14 * SPEED_M_S - 11.0, 14.0)
    result = MicroscopicModel(roads, one_after_the_other(2.0, SPEED_M_S)).run(signals([t.GREEN]), 60)
    assert (result.arrived, result.delay_s) == (2, 0.0)


@pytest.mark.parametrize(("way_m", "sees"), [(12.0, True), (20.0, False)])
def test_who_does_not_see_past_the_junction_waits_for_room(way_m: float, sees: bool) -> None:
    """At 5 m/s one sees 18.3 m; where he would have to brake, 5 m before the line, that ends 13.3 m behind it."""
    roads = road_with_short_lane(ENTRY_M + 40 * 5.0 + 5.0, 14.0, way_m=way_m)
    result = MicroscopicModel(roads, one_after_the_other(6.0, 5.0)).run(signals([t.GREEN]), 200)
    assert result.arrived == 2
    assert (result.delay_s == 0.0) == sees


def test_nobody_follows_one_who_brakes_for_a_red_light_into_a_junction() -> None:
    """The first, 6 m before the light, begins to brake a second before the other, 4 m before the line, has to decide."""
    roads = road_with_short_lane(ENTRY_M + 40 * 5.0 - 16.0, 12.0)
    model = MicroscopicModel(roads, one_after_the_other(5.0, 5.0), teleport_s=0)
    world = world_after(model, signals([t.RED]), 100)
    assert world.at[:, t.TRACK].tolist() == [1, 0]
    assert world.car[0, t.POSITION] == pytest.approx(11.0, abs=1e-9)


@pytest.mark.parametrize(
    ("minor_sees", "major_sees", "goes"),
    [
        (t.GAPS, t.GREEN, False),
        (t.GREEN, t.GREEN, True),
        (t.GAPS, t.RED, True),
        (t.GAPS, t.YELLOW, True),
    ],
)
def test_nobody_gives_way_at_green_or_to_one_who_has_to_stop(
    minor_sees: int, major_sees: int, goes: bool
) -> None:
    roads = replace(meeting_roads(200.0, 224.0), light=np.array([0, 1], dtype=np.int32))
    drivers = Drivers(sight_m=100.0, lookahead_s=5.0)
    model = MicroscopicModel(roads, vehicles([(0.0, (0, 2)), (0.0, (1, 3))]), drivers=drivers)
    lost = model.run(signals([minor_sees], [major_sees]), 60).edge_delay_s[0]
    assert (lost == 0.0) == goes


def test_nobody_gives_way_to_a_foe_who_gives_way_to_him() -> None:
    """The first way gives way to the second, this one to the third, this one to the first: and only the third is in use."""
    pairs = ((0, 1), (1, 2), (2, 0))
    foes = [row for one, other in pairs for row in ((one, other, True), (other, one, False))]
    roads = network([200.0, 200.0, 224.0, 300.0, 300.0, 300.0], [(0, 3), (1, 4), (2, 5)], foes=foes)
    drivers = Drivers(sight_m=100.0, lookahead_s=5.0)
    model = MicroscopicModel(roads, vehicles([(0.0, (0, 3)), (0.0, (2, 5))]), drivers=drivers)
    lost = model.run(NO_LIGHTS, 60).edge_delay_s
    assert lost[0] == 0.0
    assert lost[2] > 0.0


@pytest.mark.parametrize(("ahead_m", "speed_m_s"), [(21.0, 10.8), (23.0, 15.0)])
def test_who_merges_keeps_his_distance_to_one_inside(ahead_m: float, speed_m_s: float) -> None:
    """At 15 m/s he needs 15 m as a gap, 22.5 m from front to front; 19 m before the line he can brake to 10.8 m/s."""
    minor_m = ENTRY_M + 15 * SPEED_M_S + 19.0
    roads = meeting_roads(minor_m, minor_m - ahead_m, merges=True)
    drivers = Drivers(sight_m=100.0, lookahead_s=0.0)
    model = MicroscopicModel(roads, vehicles([(0.0, (0, 2)), (0.0, (1, 2))]), drivers=drivers)
    assert world_after(model, NO_LIGHTS, 16).car[0, t.SPEED] == SPEED_M_S
    assert world_after(model, NO_LIGHTS, 17).car[0, t.SPEED] == pytest.approx(speed_m_s, abs=1e-9)


def test_who_stands_beyond_the_junction_is_seen_before_it() -> None:
    """One stands 1 m before the light at the end of 20 m: the next one brakes in time to keep 2.5 m."""
    roads = network([200.0, 20.0, 300.0], [(0, 1), (1, 2)], lights=[-1, 0])
    cars = vehicles([(0.0, (0, 1, 2)), (10.0, (0, 1, 2))])
    model = MicroscopicModel(roads, cars, teleport_s=0)
    seen = [world_after(model, signals([t.RED]), second).car[1, t.SPEED] for second in range(11, 45)]
    assert -np.diff(seen).min() <= 4.5 + 1e-9
    world = world_after(model, signals([t.RED]), 45)
    assert world.car[:, t.POSITION] == pytest.approx([19.0, 11.5], abs=1e-9)


def test_who_gives_way_sees_a_gap_from_as_far_as_he_can_see() -> None:
    alone = vehicles([(0.0, (0, 2))])
    roads = meeting_roads(200.0, 200.0)

    def lost_s(sight_m: float) -> float:
        return MicroscopicModel(roads, alone, drivers=Drivers(sight_m=sight_m)).run(NO_LIGHTS, 60).delay_s

    assert lost_s(34.0) == 0.0  # 33.1 m before the junction he would have to brake
    assert lost_s(4.5) > 0.0
