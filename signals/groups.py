"""Signal groups: which movements switch together, which left turns are protected.

Movements that share a lane are in one group, since the first vehicle of the lane blocks the others. Lanes of
their own have groups of their own. Each pedestrian crossing has a group; a mid-block crossing has two in all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traffic.network import Turn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from signals.aspects import SignalSettings
    from signals.conflicts import MovementConflicts
    from traffic.demand import FlowDemand
    from traffic.network import RoadNetwork

    F1 = NDArray[np.float64]
    I1 = NDArray[np.int32]
    B1 = NDArray[np.bool_]

__all__ = ["protected_left_turns", "shared_lane_sets", "turn_letters"]

_LETTERS = ((Turn.U_TURN, "U"), (Turn.LEFT, "L"), (Turn.THROUGH, "T"), (Turn.RIGHT, "R"))
_VEH_H = 3600.0


def turn_letters(turns: set[int]) -> str:
    """Return the letters of a group's turns from left to right: ``"LTR"``."""
    return "".join(letter for turn, letter in _LETTERS if turn in turns)


def shared_lane_sets(network: RoadNetwork) -> I1:
    """Return, for each movement, the first movement of those that it must switch together with."""
    first = np.arange(len(network.movements), dtype=np.int32)
    group, movement = network.connections.lane_group, network.connections.movement
    shared = np.flatnonzero(group[1:] == group[:-1])
    one, other = movement[shared], movement[shared + 1]
    while (first[one] != first[other]).any():
        least = np.minimum(first[one], first[other])
        np.minimum.at(first, one, least)
        np.minimum.at(first, other, least)
    return first


def protected_left_turns(
    network: RoadNetwork,
    conflicts: MovementConflicts,
    switched: I1,
    settings: SignalSettings,
    demand: FlowDemand | None,
) -> B1:
    """Return which movements may not go together with opposing traffic; shape (movements,).

    Highway Capacity Manual 2000, chapter 10, appendix A: a left turn with lanes of its own is protected by
    its flow, by the product of its flow and the opposing one, by the number of opposing lanes, or by their
    speed; left turns side by side from two lanes always are.

    Parameters
    ----------
    switched
        What `shared_lane_sets` returned.
    demand
        Flows; without them only geometry and speed decide.
    """
    movements, count = network.movements, len(network.movements)
    left, opposing = conflicts.one[conflicts.opposing], conflicts.other[conflicts.opposing]
    lanes = np.zeros(count, dtype=np.int64)
    served = network.lane_groups.lanes[network.connections.lane_group]
    np.add.at(lanes, network.connections.movement, served)
    straight = movements.turn[opposing] == Turn.THROUGH
    opposing_lanes, speed = np.zeros(count, dtype=np.int64), np.zeros(count)
    np.maximum.at(opposing_lanes, left[straight], lanes[opposing[straight]])
    np.maximum.at(speed, left, network.links.speed_m_s[movements.in_link[opposing]])
    busy = np.zeros(count, dtype=bool)
    for period in range(demand.periods if demand else 0):
        flow = demand.movement_veh_s(network, period) * _VEH_H if demand else np.zeros(count)
        against = np.zeros(count)
        np.add.at(against, left, flow[opposing])
        limit = np.array(settings.protected_left_products)[np.clip(opposing_lanes, 1, 3) - 1]
        busy |= (flow >= settings.protected_left_veh_h) | (flow * against >= limit)
    busy |= opposing_lanes >= settings.protected_left_opposing_lanes
    busy |= speed >= settings.protected_left_speed_m_s
    turns_left = (movements.turn == Turn.LEFT) | (movements.turn == Turn.U_TURN)
    mixed = np.zeros(count, dtype=bool)
    mixed[switched[~turns_left]] = True
    side_by_side = (movements.turn == Turn.LEFT) & (lanes >= settings.protected_left_lanes)
    meets = np.zeros(count, dtype=bool)
    meets[left] = True
    protected = meets & ((busy & ~mixed[switched]) | side_by_side)
    # What switches together is protected together.
    whole = np.zeros(count, dtype=bool)
    whole[switched[protected]] = True
    result: B1 = whole[switched]
    return result
