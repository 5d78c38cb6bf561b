"""Changes of lanes by hand: who makes room for whom, second by second."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.traffic.microscopic.lane_roads import SPEED_M_S, network, signals, vehicles, world_after
from traffic.microscopic import _kernels_tables as t
from traffic.microscopic.model import MicroscopicModel

ENTRY_M = 5.1
LANE_M = 300.0
# 60 m and 10 s before the end of a lane that does not lead on drivers begin to look for another one
LOOKS_AT = 7
assert ENTRY_M + 6 * SPEED_M_S > LANE_M - 60.0 - 10.0 * SPEED_M_S > ENTRY_M + 5 * SPEED_M_S


def two_lanes(right_s: float, left_s: float) -> MicroscopicModel:
    """Return a car on the right lane, which does not lead on, and one on the left lane, by their departures."""
    roads = network([LANE_M] * 3, [(1, 2)], edges=[2, 1])
    cars = vehicles([(right_s, (0, 1)), (left_s, (0, 1))])
    lanes = np.array([0, 1] if right_s < left_s else [1, 0], dtype=np.int32)
    return MicroscopicModel(roads, replace(cars, depart_lane=lanes))


def speeds(seen: list[t.World], who: int) -> list[float]:
    return [float(world.car[who, t.SPEED]) for world in seen]


def test_who_follows_on_the_other_lane_opens_a_gap() -> None:
    """15 m behind, 7.5 m as a gap, he brakes by 1 m/s, then to what is safe at 8.5 m: then there is gap enough for both."""
    model = two_lanes(0.0, 1.0)
    seen = [world_after(model, signals(), LOOKS_AT + second) for second in range(3)]
    assert speeds(seen, 0) == [15.0, 15.0, 15.0]
    assert speeds(seen, 1) == pytest.approx([15.0, 14.0, 40.0 / 3.0], abs=1e-9)
    assert [world.at[0, t.TRACK] for world in seen] == [0, 0, 1]


def test_who_has_to_change_drops_behind_one_beside_him() -> None:
    """15 m behind him he brakes by 1 m/s, then to what is safe at 8.5 m, and is behind him then."""
    model = two_lanes(1.0, 0.0)
    seen = [world_after(model, signals(), LOOKS_AT + 1 + second) for second in range(3)]
    assert speeds(seen, 0) == [15.0, 15.0, 15.0]
    assert speeds(seen, 1) == pytest.approx([15.0, 14.0, 40.0 / 3.0], abs=1e-9)
    assert [world.at[1, t.TRACK] for world in seen] == [0, 0, 1]


@pytest.mark.parametrize(("fastest_m_s", "changes"), [(9.1, True), (9.2, False)])
def test_who_changes_to_an_empty_lane_keeps_behind_one_who_has_just_left_it(
    fastest_m_s: float, changes: bool
) -> None:
    """A second after he has entered at v, the other has his rear 25 m beyond the place of that: a gap of 22.5 - v.

    He needs v + (2 v - 13.5) to stand, the other, with 5 m/s, 0.5 m: he changes up to 9.125 m/s.
    """
    roads = network([30.0, 30.0, 300.0], [(1, 2)], edges=[2, 1])
    cars = replace(
        vehicles([(0.0, (0, 1)), (5.0, (0, 1))]),
        depart_lane=np.array([1, 0], dtype=np.int32),
        fastest_m_s=np.array([5.0, fastest_m_s]),
    )
    world = world_after(MicroscopicModel(roads, cars), signals(), 7)
    assert world.at[0, t.TRACK] == world.lanes
    assert (world.car[1, t.POSITION], world.at[1, t.TRACK]) == (ENTRY_M + fastest_m_s, int(changes))


@pytest.mark.parametrize(("inside_m", "changes"), [(41.0, True), (41.2, False)])
def test_nobody_changes_lanes_right_before_one_who_comes_out_of_the_junction(
    inside_m: float, changes: bool
) -> None:
    """With 10 m/s he has his rear at 10.1 m, so 67.6 m less what the other has driven inside the junction are the gap.

    The other needs 33 m with 15 m/s, he 6.5 m: 41.1 m at most.
    """
    roads = network(
        [ENTRY_M + 6 * SPEED_M_S - inside_m, 100.0, 100.0, 300.0],
        [(0, 2), (2, 3)],
        edges=[1, 2, 1],
        way_m=60.0,
    )
    cars = replace(
        vehicles([(0.0, (0, 1, 2)), (5.0, (1, 2))]),
        depart_lane=np.array([0, 0], dtype=np.int32),
        fastest_m_s=np.array([SPEED_M_S, 10.0]),
    )
    world = world_after(MicroscopicModel(roads, cars), signals(), 7)
    assert world.at[0, t.TRACK] == world.lanes
    assert world.car[0, t.POSITION] == pytest.approx(inside_m, abs=1e-9)
    assert (world.car[1, t.POSITION], world.at[1, t.TRACK]) == (ENTRY_M + 10.0, 1 + int(changes))


def two_lanes_on(departs: list[float], lanes: list[int], fastest_m_s: list[float]) -> MicroscopicModel:
    roads = network([400.0, 400.0, 300.0, 300.0], [(0, 2), (1, 3)], edges=[2, 2])
    cars = vehicles([(time, (0, 1)) for time in departs])
    return MicroscopicModel(
        roads,
        replace(cars, depart_lane=np.array(lanes, dtype=np.int32), fastest_m_s=np.array(fastest_m_s)),
    )


@pytest.mark.parametrize("lane", [0, 1])
def test_who_gets_on_better_on_the_other_lane_changes_once_that_has_added_up(lane: int) -> None:
    """10 s behind one with 5 m/s: 32.5 m as a gap, then 22.5 m, safe at 12.17 m/s, which is 0.19 of 15 m/s less.

    A second later, with 15.33 m, 9.78 m/s are safe: 0.35 more, and 0.2 are enough to change.
    """
    model = two_lanes_on([0.0, 10.0], [lane, lane], [5.0, SPEED_M_S])
    seen = [world_after(model, signals(), second) for second in (12, 13, 14)]
    assert [world.at[1, t.TRACK] for world in seen] == [lane, lane, 1 - lane]
    right = 1.0 if lane == 0 else -1.0
    assert seen[1].car[1, t.GAIN] == pytest.approx(right * (15.0 - 73.0 / 6.0) / 15.0, abs=1e-9)


@pytest.mark.parametrize(
    ("asked", "taken"), [(t.ANY_BEST, [0, 1, 0]), (t.RIGHTMOST, [0, 0, 0]), (1, [1, 1, 1]), (7, [1, 1, 1])]
)
def test_who_enters_takes_the_lane_that_is_asked_for_or_the_emptiest(asked: int, taken: list[int]) -> None:
    model = two_lanes_on([0.0, 3.0, 6.0], [asked] * 3, [SPEED_M_S] * 3)
    assert world_after(model, signals(), 8).at[:, t.TRACK].tolist() == taken
