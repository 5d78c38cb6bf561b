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
