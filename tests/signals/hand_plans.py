"""A junction and a plan for `tests.traffic.hand_networks.crossroads`, put together by hand."""

from __future__ import annotations

import numpy as np

from signals.junction import Conflict, GroupKind, Junction, SignalGroup
from signals.plan import Plan, PlanSet, Stage

NORTH_SOUTH, NORTH_SOUTH_LEFT, EAST_WEST, EAST_WEST_LEFT, WALK = range(5)


def crossroads_junction() -> Junction:
    """Two streets, left turns that give way, and a crossing over the eastern arm."""
    conflict = np.zeros((5, 5), dtype=np.uint8)
    for one in (NORTH_SOUTH, NORTH_SOUTH_LEFT):
        for other in (EAST_WEST, EAST_WEST_LEFT):
            conflict[one, other] = conflict[other, one] = Conflict.FULL
    conflict[NORTH_SOUTH_LEFT, NORTH_SOUTH] = Conflict.YIELD
    conflict[EAST_WEST_LEFT, EAST_WEST] = Conflict.YIELD
    conflict[NORTH_SOUTH, WALK] = Conflict.YIELD
    for other in (EAST_WEST, EAST_WEST_LEFT):
        conflict[WALK, other] = conflict[other, WALK] = Conflict.FULL
    intergreen = np.where(conflict == Conflict.FULL, 5, 0)
    intergreen[WALK, EAST_WEST : EAST_WEST_LEFT + 1] = 14
    movements = ((3, 4, 9, 10), (5, 11), (0, 1, 6, 7), (2, 8))
    names = ("NS", "NS-L", "EW", "EW-L")
    groups = [
        SignalGroup(name, GroupKind.VEHICLE, of, (), 5, None, 3, 3, 1)
        for name, of in zip(names, movements, strict=True)
    ]
    groups.append(SignalGroup("P-E", GroupKind.PEDESTRIAN, (), (0,), 7, None, 3, 0, 0))
    return Junction(0, "centre", "centre", tuple(groups), conflict, intergreen, 30, 120)


def crossroads_plans(*, offset_s: int = 0) -> PlanSet:
    """80 s: north-south with its left turns; then these alone; then east-west with its left turns."""
    stages = ({NORTH_SOUTH, NORTH_SOUTH_LEFT, WALK}, {NORTH_SOUTH_LEFT}, {EAST_WEST, EAST_WEST_LEFT})
    plan = Plan(
        crossroads_junction(),
        80,
        offset_s,
        tuple(Stage(frozenset(groups)) for groups in stages),
        (30, 15, 35),
    )
    return PlanSet("by hand", "crossroads", (plan,))
