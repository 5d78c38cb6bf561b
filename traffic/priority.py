"""Who gives way to whom: the movements of a node ranked by the rules of the road (driving on the right).

Two movements conflict where their paths cross or merge. Paths are read off the order of the legs around the node: a
vehicle comes in on one side of its leg and goes out on the other, and two paths cross if their ends alternate around
the circle.

At a signalised node the list of a movement counts while it is shown permissive: turns to the left give way to
oncoming traffic, turns to the right to the traffic that they merge with. Elsewhere it always counts: the lesser road
gives way to the major one (by `RoadClass`, then by which street goes straight on), equal roads give way to the right, and
turns to the left give way to oncoming traffic. Roads that come in side by side and go on as one, as a ramp and a
motorway, do not give way to each other; where there is no room for both, the node model divides it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from traffic.arrays import frozen, require_index
from traffic.network import Turn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traffic.network import RoadNetwork

__all__ = ["GapClass", "GiveWay", "GiveWayKind", "give_way"]

_TURN_AROUND = 2.0 * np.pi
_SIDE_RAD = 0.02  # half the angle between the two directions of a leg
_LOOK_BACK_M = 25.0  # a leg's bearing is taken to this point
_OPPOSING_RAD = 2.0 * np.pi / 3.0
_STRAIGHT_RAD = np.pi / 4.0
_MERGE_RAD = 0.1


class GiveWayKind(IntEnum):
    """Why a movement gives way."""

    OPPOSING = 0  # to oncoming traffic
    CROSSING = 1  # to traffic of another leg whose path it crosses
    MERGING = 2  # to traffic of another leg that goes into the same link


class GapClass(IntEnum):
    """Which critical gap and follow-up time hold for a movement that gives way."""

    SIGNAL = 0  # permissive turn at a signal
    MAJOR_LEFT = 1  # left turn or U-turn off the major road
    MINOR_RIGHT = 2
    MINOR_THROUGH = 3
    MINOR_LEFT = 4


@dataclass(frozen=True, eq=False)
class GiveWay:
    """For each movement, the movements of the same node that it gives way to.

    Attributes
    ----------
    begin
        Movement m gives way to ``to_movement[begin[m]:begin[m + 1]]``; shape (movements + 1,).
    to_movement
        Indices into `Movements`, ascending for each movement.
    kind
        A `GiveWayKind` value for each pair.
    part
        Part of the other movement's flow in which each pair's first has to find gaps. Who merges needs a gap in one lane
        only (HCM 2010, chapter 19: the conflicting flow of a merge is that of the major road over its lanes); a left
        and a right turn into a road of two lanes or more take one each: 0.
    gap_class
        A `GapClass` value for each movement.
    """

    begin: NDArray[np.int32]
    to_movement: NDArray[np.int32]
    kind: NDArray[np.uint8]
    part: NDArray[np.float64]
    gap_class: NDArray[np.uint8]

    def __post_init__(self) -> None:
        object.__setattr__(self, "begin", frozen(self.begin, np.int32))
        object.__setattr__(self, "to_movement", frozen(self.to_movement, np.int32))
        object.__setattr__(self, "kind", frozen(self.kind, np.uint8))
        object.__setattr__(self, "part", frozen(self.part, np.float64))
        object.__setattr__(self, "gap_class", frozen(self.gap_class, np.uint8))
        require_index("to_movement", self.to_movement, max(len(self.gap_class), 1))

    def of(self, movement: int) -> NDArray[np.int32]:
        """Return the movements that `movement` gives way to."""
        return self.to_movement[self.begin[movement] : self.begin[movement + 1]]


def give_way(network: RoadNetwork) -> GiveWay:
    """Return who gives way to whom at every node of `network`."""
    movements = network.movements
    first, second = _pairs_at_nodes(network)
    geometry = _Geometry(network)
    crosses, merges = geometry.conflicts(first, second)
    opposing = geometry.opposing(first, second)
    rank = _approach_rank(network)
    signal = np.zeros(len(network.nodes), dtype=bool)
    signal[network.junctions.node] = True
    at_signal = signal[network.links.to_node[movements.in_link[first]]]
    turn_a, turn_b = movements.turn[first], movements.turn[second]
    leftish = turn_a >= Turn.LEFT
    straight_or_right = turn_b <= Turn.THROUGH
    oncoming = opposing & leftish & straight_or_right
    order = np.sign(rank[movements.in_link[first]] - rank[movements.in_link[second]])
    angle = np.abs(movements.angle_rad)
    bends_more = merges & (angle[first] > angle[second] + _MERGE_RAD)
    from_right = geometry.from_right(first, second)
    u_turn = turn_a == Turn.U_TURN
    side_by_side = geometry.side_by_side(first, second)
    equal = np.where(opposing, oncoming, np.where(side_by_side, bends_more, from_right))
    elsewhere = (order > 0) | ((order == 0) & equal) | (u_turn & (turn_b != Turn.U_TURN))
    elsewhere &= ~((order < 0) & ~u_turn)
    # a ramp beside the road has a lane to speed up on: its traffic takes turns with that of the road
    elsewhere &= ~(side_by_side & merges & ~u_turn)
    joins = (turn_a == Turn.RIGHT) & (turn_b == Turn.THROUGH) & merges
    at_lights = oncoming | joins | (u_turn & straight_or_right)
    at_lights |= (turn_a == Turn.THROUGH) & elsewhere
    lanes = network.links.running_lanes[movements.out_link[first]]
    own_lane = (turn_a == Turn.LEFT) & (turn_b == Turn.RIGHT) & (lanes > 1)
    part = np.where(merges, np.where(own_lane, 0.0, 1.0 / lanes), 1.0)
    yields = (crosses | merges) & np.where(at_signal, at_lights, elsewhere)
    kind = np.where(
        opposing, GiveWayKind.OPPOSING, np.where(merges, GiveWayKind.MERGING, GiveWayKind.CROSSING)
    )
    first, second, kind = first[yields], second[yields], kind[yields]
    count = np.bincount(first, minlength=len(movements))
    return GiveWay(
        begin=np.r_[0, np.cumsum(count)],
        to_movement=second,
        kind=kind,
        part=part[yields],
        gap_class=_gap_classes(network, signal, first[kind != GiveWayKind.OPPOSING]),
    )


def _pairs_at_nodes(network: RoadNetwork) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return all ordered pairs of movements of one node that come from different links, sorted."""
    node = network.links.to_node[network.movements.in_link]
    order = np.argsort(node, kind="stable")
    count = np.bincount(node, minlength=len(network.nodes))
    start = np.cumsum(count) - count
    first = np.repeat(np.arange(len(node)), count[node])
    offset = np.arange(len(first)) - np.repeat(np.cumsum(count[node]) - count[node], count[node])
    second = order[start[node[first]] + offset] if len(first) else first
    apart = network.movements.in_link[first] != network.movements.in_link[second]
    return first[apart], second[apart]


class _Geometry:
    """Bearings of the legs and what follows from them; arguments are arrays of movements."""

    def __init__(self, network: RoadNetwork) -> None:
        movements = network.movements
        node = network.links.to_node[movements.in_link]
        near_end = _point_along(network, from_end=True)[movements.in_link]
        near_start = _point_along(network, from_end=False)[movements.out_link]
        centre = np.column_stack([network.nodes.x_m, network.nodes.y_m])[node]
        self.comes = _bearing(near_end - centre) + _SIDE_RAD
        self.goes = _bearing(near_start - centre) - _SIDE_RAD
        self.in_link = movements.in_link
        self.out_link = movements.out_link

    def conflicts(
        self, a: NDArray[np.int64], b: NDArray[np.int64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return where the paths cross, and where they merge."""
        start = self.comes[a]
        span = (self.goes[a] - start) % _TURN_AROUND
        inside_in = (self.comes[b] - start) % _TURN_AROUND < span
        inside_out = (self.goes[b] - start) % _TURN_AROUND < span
        merges = self.out_link[a] == self.out_link[b]
        return (inside_in != inside_out) & ~merges, merges

    def _turned(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
        turned: NDArray[np.float64] = (self.comes[b] - self.comes[a] + np.pi) % _TURN_AROUND - np.pi
        return turned

    def opposing(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return where the legs of a and b lie opposite each other."""
        return np.abs(self._turned(a, b)) > _OPPOSING_RAD

    def from_right(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return where b comes from the right of a."""
        return self._turned(a, b) > 0.0

    def side_by_side(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return where b comes from nearly the same side as a, as on a ramp."""
        return np.abs(self._turned(a, b)) < _STRAIGHT_RAD


def _bearing(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    bearing: NDArray[np.float64] = np.arctan2(vector[:, 1], vector[:, 0])
    return bearing


def _point_along(network: RoadNetwork, *, from_end: bool) -> NDArray[np.float64]:
    """Return the point `_LOOK_BACK_M` from one end of each link, or its other end if it is shorter."""
    x, y = network.shape_x_m, network.shape_y_m
    start = network.links.shape_start.astype(np.int64)
    last = np.r_[start[1:], len(x)] - 1
    along = np.r_[0.0, np.cumsum(np.hypot(np.diff(x), np.diff(y)))]
    if from_end:
        target = np.maximum(along[last] - _LOOK_BACK_M, along[start])
    else:
        target = np.minimum(along[start] + _LOOK_BACK_M, along[last])
    left = np.clip(np.searchsorted(along, target, side="right") - 1, start, np.maximum(last - 1, start))
    step = along[left + 1] - along[left]
    part = np.divide(target - along[left], step, out=np.zeros_like(step), where=step > 0)
    return np.column_stack(
        [x[left] + part * (x[left + 1] - x[left]), y[left] + part * (y[left + 1] - y[left])]
    )


def _approach_rank(network: RoadNetwork) -> NDArray[np.float64]:
    """Return the rank of each link at its end; the lower goes first.

    Whole numbers are road classes; a link of the same class whose street does not go straight on ranks behind.
    """
    links, movements = network.links, network.movements
    a, b = movements.in_link, movements.out_link
    straight = (np.abs(movements.angle_rad) < _STRAIGHT_RAD) & (links.road_class[b] == links.road_class[a])
    same_name = (links.name[a] == links.name[b]) & (links.name[a] >= 0)
    same_way = (links.osm_way[a] == links.osm_way[b]) & (links.osm_way[a] != 0)
    rank = links.road_class.astype(np.float64) + 0.5
    goes_on = a[straight]
    rank[goes_on] = links.road_class[goes_on] + 0.25
    street_goes_on = a[straight & (same_name | same_way)]
    rank[street_goes_on] = links.road_class[street_goes_on]
    return rank


def _gap_classes(
    network: RoadNetwork, signal: NDArray[np.bool_], minor: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Return gap classes; `minor` are the movements that give way to another road."""
    movements = network.movements
    turn = movements.turn
    gap_class = np.full(len(movements), GapClass.MINOR_RIGHT, dtype=np.uint8)
    gap_class[turn == Turn.THROUGH] = GapClass.MINOR_THROUGH
    gap_class[turn >= Turn.LEFT] = GapClass.MAJOR_LEFT
    is_minor = np.zeros(len(movements), dtype=bool)
    is_minor[minor] = True
    gap_class[(turn >= Turn.LEFT) & is_minor] = GapClass.MINOR_LEFT
    gap_class[signal[network.links.to_node[movements.in_link]]] = GapClass.SIGNAL
    return gap_class
