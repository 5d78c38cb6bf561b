"""The paths that movements take across a junction.

A junction is drawn as legs that meet in its node: each leg is the arriving and the leaving link of one road,
side by side with their median between. A stop line lies where the leg is clear of its neighbours and of the
pedestrian crossing. A path runs from the middle of a lane at the stop line to the middle of a lane of the
exit, as the cubic curve closest to a circular arc (flatter for left turns). U-turns are as wide as a car
needs: into a lane further out or, where the road is too narrow, out to the right first. Position and width of the legs
come from the network's shapes and lanes, so that the drawing also holds for consolidated junctions, whose
inside is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin
from typing import TYPE_CHECKING

import numpy as np

from signals.curves import U_TURN_RADIUS_M, curves, u_turns
from traffic.arrays import rows_by
from traffic.legs import LegEnd, leg_names, legs_at
from traffic.network import JunctionKind, RoadClass, Turn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from signals.aspects import SignalSettings
    from traffic.legs import Leg
    from traffic.network import RoadNetwork

    F1 = NDArray[np.float64]
    I1 = NDArray[np.int32]

__all__ = ["CrossingAreas", "MovementPaths", "movement_paths"]

_LOOK_M = 40.0  # where a leg lies is seen at this distance along its links
_HEADING_M = (20.0, 60.0)  # and which way they head between these
_LEFT_ROUNDNESS = 0.5  # left turns are cut short, so that opposing ones pass in front of each other
_MEDIAN_MAX_M = 15.0
_STOP_LINE_MAX_M = 35.0
_SHARP_RAD = pi / 9  # legs closer than this share their first metres anyway
_FLAT_RAD = pi * 5 / 6


@dataclass(frozen=True, eq=False)
class CrossingAreas:
    """Where people walk: rectangles across the legs; shape (crossings,).

    Attributes
    ----------
    bearing_rad
        Direction of the leg seen from the junction, anticlockwise from east.
    near_m, far_m
        From the node, along the leg.
    right_m, left_m
        From the leg's axis, seen from the junction; to the left is positive.
    """

    bearing_rad: F1
    near_m: F1
    far_m: F1
    right_m: F1
    left_m: F1

    @property
    def width_m(self) -> F1:
        """From kerb to kerb; shape (crossings,)."""
        return self.left_m - self.right_m

    def contain(self, crossing: I1, points_m: NDArray[np.float64], *, margin_m: float) -> NDArray[np.bool_]:
        """Tell which points, shape (pairs, points, 2), lie on the `crossing`, shape (pairs,), or near it."""
        cosine, sine = np.cos(self.bearing_rad[crossing, None]), np.sin(self.bearing_rad[crossing, None])
        x, y = points_m[..., 0], points_m[..., 1]
        along, across = x * cosine + y * sine, y * cosine - x * sine
        inside: NDArray[np.bool_] = along >= self.near_m[crossing, None] - margin_m
        inside &= along <= self.far_m[crossing, None] + margin_m
        inside &= across >= self.right_m[crossing, None] - margin_m
        inside &= across <= self.left_m[crossing, None] + margin_m
        return inside


@dataclass(frozen=True, eq=False)
class MovementPaths:
    """Paths of all movements at junctions, one or two (outermost lanes) for each, sorted by junction.

    Attributes
    ----------
    movement, junction
        Indices into the network's tables; shape (paths,).
    points_m
        Positions along the path, relative to the node; shape (paths, SAMPLES, 2).
    along_m
        Distance from the stop line; shape (paths, SAMPLES).
    ahead_m
        How much further out than its own link asks for the stop line is drawn, as the other direction of the leg ends
        there; shape (paths,). Who enters may start that much nearer.
    missing_m
        What the path is shorter than the straight line between the ends of its links, as where a leg of a large
        junction enters it sideways; shape (paths,). Who clears the junction has this way to go as well.
    entry, exit
        Rank of the path's ends in the anticlockwise order of all link ends of the junction; shape (paths,).
    bearing_rad
        Direction of each link's leg seen from the junction at its downstream end (in-links), anticlockwise
        from east; NaN for links that do not end at a junction; shape (links,).
    in_leg, out_leg
        Name of each link's leg at the junction at its downstream end, and at its upstream end; empty for
        links without a junction there; length (links,).
    crossings
        Where people walk.
    """

    movement: I1
    junction: I1
    points_m: NDArray[np.float64]
    along_m: NDArray[np.float64]
    ahead_m: F1
    missing_m: F1
    entry: I1
    exit: I1
    bearing_rad: F1
    in_leg: tuple[str, ...]
    out_leg: tuple[str, ...]
    crossings: CrossingAreas


@dataclass(eq=False)
class _Ends:
    """Where the lanes of each link begin at one of its ends; shape (links,)."""

    bearing: F1
    distance: F1
    median: F1
    ahead: F1  # of where the link alone would have its end
    across: F1  # lanes between the leg's axis and the kerb side of the link
    rank: I1
    leg: list[str]

    @classmethod
    def empty(cls, links: int) -> _Ends:
        bearing, distance, median, ahead, across = (np.full(links, np.nan) for _ in range(5))
        rank = np.full(links, -1, dtype=np.int32)
        return cls(bearing, distance, median, ahead, across, rank, [""] * links)


def movement_paths(network: RoadNetwork, settings: SignalSettings) -> MovementPaths:
    """Return the paths of all movements at signalised junctions."""
    arriving, leaving = _place_legs(network, settings)
    row = np.full(len(network.nodes), -1, dtype=np.int32)
    row[network.junctions.node] = np.arange(len(network.junctions), dtype=np.int32)
    movement, lane_in, lane_out = _outer_lanes(network)
    junction = row[network.links.to_node[network.movements.in_link[movement]]]
    kept = np.flatnonzero(junction >= 0)
    order = kept[np.lexsort((movement[kept], junction[kept]))]
    movement, lane_in, lane_out = movement[order], lane_in[order], lane_out[order]
    in_link, out_link = network.movements.in_link[movement], network.movements.out_link[movement]
    width = settings.lane_width_m
    start, outward_in = _lane_ends(arriving, in_link, lane_in, width, side=1.0)
    around = (network.movements.turn[movement] == Turn.U_TURN) & (
        arriving.rank[in_link] == leaving.rank[out_link] + 1
    )
    lane_out = np.where(around, _u_turn_lanes(arriving, leaving, in_link, out_link, lane_in, width), lane_out)
    end, outward_out = _lane_ends(leaving, out_link, lane_out, width, side=-1.0)
    roundness = np.where(network.movements.turn[movement] == Turn.LEFT, _LEFT_ROUNDNESS, 1.0)
    points = curves(start, -outward_in, end, outward_out, roundness)
    points[around] = u_turns(start[around], -outward_in[around], end[around])
    steps = np.hypot(*np.moveaxis(np.diff(points, axis=1), -1, 0))
    along = np.concatenate([np.zeros((len(points), 1)), np.cumsum(steps, axis=1)], axis=1)
    return MovementPaths(
        movement=movement.astype(np.int32),
        junction=junction[order],
        points_m=points,
        along_m=along,
        ahead_m=arriving.ahead[in_link],
        missing_m=np.maximum(_between_m(network, in_link, out_link) - along[:, -1], 0.0),
        entry=arriving.rank[in_link],
        exit=leaving.rank[out_link],
        bearing_rad=arriving.bearing,
        in_leg=tuple(arriving.leg),
        out_leg=tuple(leaving.leg),
        crossings=_crossing_areas(network, arriving, leaving, settings),
    )


def _between_m(network: RoadNetwork, in_link: I1, out_link: I1) -> F1:
    """Distance from the end of each `in_link` to the start of its `out_link`."""
    x, y, first = network.shape_x_m, network.shape_y_m, network.links.shape_start.astype(np.int64)
    last = np.concatenate([first[1:], [len(x)]]) - 1
    start, end = last[in_link], first[out_link]
    distance: F1 = np.hypot(x[end] - x[start], y[end] - y[start])
    return distance


def _crossing_areas(
    network: RoadNetwork, arriving: _Ends, leaving: _Ends, settings: SignalSettings
) -> CrossingAreas:
    crossings, links, width = network.crossings, network.links, settings.lane_width_m
    into, out_of = crossings.in_link, crossings.out_link
    comes, goes = into >= 0, out_of >= 0
    left = (arriving.median + arriving.across * width)[into]
    right = -(leaving.median + leaving.across * width)[out_of]
    # One carriageway alone ends where its lanes end.
    right = np.where(goes, right, left - links.lanes[into] * width)
    left = np.where(comes, left, right + links.running_lanes[out_of] * width)
    far = np.where(comes, arriving.distance[into], leaving.distance[out_of])
    mid_block = network.junctions.kind[crossings.junction] == JunctionKind.CROSSING
    depth = settings.crossing_depth_m
    return CrossingAreas(
        bearing_rad=np.where(comes, arriving.bearing[into], leaving.bearing[out_of]),
        # People cross a mid-block junction in its middle.
        near_m=np.where(mid_block, -depth, far - depth),
        far_m=far,
        right_m=right,
        left_m=left,
    )


def _outer_lanes(network: RoadNetwork) -> tuple[I1, I1, I1]:
    """Movement, lane at the stop line and lane at the exit of each path."""
    groups, links = network.lane_groups, network.links
    count = len(network.movements)
    first, last = np.full(count, 1 << 20, dtype=np.int64), np.full(count, -1, dtype=np.int64)
    low = groups.first_lane[network.connections.lane_group].astype(np.int64)
    high = low + groups.lanes[network.connections.lane_group] - 1
    np.minimum.at(first, network.connections.movement, low)
    np.maximum.at(last, network.connections.movement, high)
    exits = links.running_lanes[network.movements.out_link].astype(np.int64)
    spread = last - first
    turn = network.movements.turn
    # Right turns keep to the right of the exit; the others to the left, where the middle of the road is.
    right = turn == Turn.RIGHT
    lane_first = np.where(right, 0, np.maximum(exits - 1 - spread, 0))
    lane_last = np.where(right, np.minimum(spread, exits - 1), exits - 1)
    wide = np.flatnonzero(spread > 0)
    movement = np.concatenate([np.arange(count), wide]).astype(np.int32)
    lane_in = np.concatenate([first, last[wide]]).astype(np.int32)
    lane_out = np.concatenate([lane_first, lane_last[wide]]).astype(np.int32)
    return movement, lane_in, lane_out


def _lane_ends(
    ends: _Ends, link: I1, lane: I1, width_m: float, *, side: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middle of each lane at its end, relative to the node, and the direction outwards."""
    bearing = ends.bearing[link]
    outward = np.column_stack([np.cos(bearing), np.sin(bearing)])
    left = np.column_stack([-outward[:, 1], outward[:, 0]])
    offset = side * (ends.median[link] + (ends.across[link] - lane - 0.5) * width_m)
    return outward * ends.distance[link][:, None] + left * offset[:, None], outward


def _u_turn_lanes(
    arriving: _Ends, leaving: _Ends, in_link: I1, out_link: I1, lane_in: I1, width_m: float
) -> I1:
    """Exit lane of a U-turn: the innermost that is far enough across, else the outermost."""
    own = arriving.median[in_link] + (arriving.across[in_link] - lane_in - 0.5) * width_m
    innermost = own + leaving.median[out_link] + 0.5 * width_m
    further = np.ceil(np.maximum(2.0 * U_TURN_RADIUS_M - innermost, 0.0) / width_m)
    lanes: I1 = np.maximum(leaving.across[out_link] - 1.0 - further, 0.0).astype(np.int32)
    return lanes


def _place_legs(network: RoadNetwork, settings: SignalSettings) -> tuple[_Ends, _Ends]:
    links = network.links
    arriving, leaving = _Ends.empty(len(links)), _Ends.empty(len(links))
    signalised = network.junctions.node
    ending = rows_by(links.to_node, np.isin(links.to_node, signalised))
    starting = rows_by(links.from_node, np.isin(links.from_node, signalised))
    far_in, far_out = _seen_at(network, _LOOK_M)
    ends_in, ends_out = _seen_at(network, 0.0)
    near, far = _seen_at(network, _HEADING_M[0]), _seen_at(network, _HEADING_M[1])
    heading_in, heading_out = (_direction(b - a) for a, b in zip(near, far, strict=True))
    mates = _crossed_together(network)
    for node, kind in zip(network.junctions.node.tolist(), network.junctions.kind.tolist(), strict=True):
        ins, outs = ending.get(node, []), starting.get(node, [])
        legs = legs_at(
            [_leg_end(network, link, float(heading_in[link]), arrives=True) for link in ins],
            [_leg_end(network, link, float(heading_out[link]), arrives=False) for link in outs],
            mates,
        )
        drawn = [_Drawn.of(leg, far_in, far_out, settings.lane_width_m) for leg in legs]
        drawn.sort(key=lambda leg: leg.bearing)
        names = leg_names([leg.bearing for leg in drawn])
        setback = settings.crossing_depth_m * (2.0 if kind == JunctionKind.CROSSING else 1.0)
        for rank, leg in enumerate(drawn):
            # the links of a large junction end well before its node
            clear = leg.clear_of(drawn)
            distance = max(clear, leg.reach_m(ends_in, ends_out)) + setback
            for end, table, slot in ((leg.leg.leaving, leaving, 0), (leg.leg.arriving, arriving, 1)):
                if end is not None:
                    own = leg.along_m(ends_in[end.link] if slot else ends_out[end.link])
                    table.ahead[end.link] = distance - setback - max(clear, own)
                    table.bearing[end.link] = leg.bearing
                    table.distance[end.link] = distance
                    table.median[end.link] = leg.median
                    table.across[end.link] = end.lanes if len(leg.leg.ends) == 2 else end.lanes / 2.0
                    table.rank[end.link] = 2 * rank + slot
                    table.leg[end.link] = names[rank]
    return arriving, leaving


def _crossed_together(network: RoadNetwork) -> dict[int, int]:
    """Return the leaving link of each arriving one that people cross together with it."""
    crossings = network.crossings
    both = (crossings.in_link >= 0) & (crossings.out_link >= 0)
    return dict(zip(crossings.in_link[both].tolist(), crossings.out_link[both].tolist(), strict=True))


def _direction(vector: NDArray[np.float64]) -> F1:
    return np.arctan2(vector[:, 1], vector[:, 0])


def _leg_end(network: RoadNetwork, link: int, heading: float, *, arrives: bool) -> LegEnd:
    links = network.links
    return LegEnd(
        link=link,
        far_node=int(links.from_node[link] if arrives else links.to_node[link]),
        bearing_rad=heading,
        lanes=int(links.lanes[link] if arrives else links.running_lanes[link]),
        name=int(links.name[link]),
        road_class=RoadClass(links.road_class[link]),
        crossing=None,
        refuge=False,
    )


@dataclass(frozen=True, eq=False)
class _Drawn:
    """A leg with its direction and its extent to either side of its axis (left: where traffic arrives)."""

    leg: Leg
    bearing: float
    median: float
    left: float
    right: float

    @classmethod
    def of(cls, leg: Leg, far_in: F1, far_out: F1, width_m: float) -> _Drawn:
        arriving, leaving = leg.arriving, leg.leaving
        seen = [far_in[arriving.link]] if arriving else []
        seen += [far_out[leaving.link]] if leaving else []
        x, y = (sum(float(point[axis] / np.hypot(*point)) for point in seen) for axis in (0, 1))
        bearing = float(np.arctan2(y, x))
        if arriving is None or leaving is None:
            half = leg.ends[0].lanes * width_m / 2.0
            return cls(leg, bearing, 0.0, half, half)
        gap = seen[0] - seen[1]
        apart = -sin(bearing) * float(gap[0]) + cos(bearing) * float(gap[1])
        lanes = (arriving.lanes + leaving.lanes) * width_m / 2.0
        median = min(max(apart - lanes, 0.0) / 2.0, _MEDIAN_MAX_M)
        return cls(leg, bearing, median, median + arriving.lanes * width_m, median + leaving.lanes * width_m)

    def reach_m(self, ends_in: F1, ends_out: F1) -> float:
        """Distance from the node, along the leg, at which its links end or start."""
        arriving, leaving = self.leg.arriving, self.leg.leaving
        points = [ends_in[arriving.link]] if arriving else []
        points += [ends_out[leaving.link]] if leaving else []
        return max(self.along_m(point) for point in points)

    def along_m(self, point: F1) -> float:
        """Distance of a point from the node, along the leg."""
        return float(point[0] * cos(self.bearing) + point[1] * sin(self.bearing))

    def clear_of(self, others: list[_Drawn]) -> float:
        """Distance from the node at which the leg is clear of all other legs."""
        distance = 0.0
        for other in others:
            angle = (other.bearing - self.bearing) % (2 * pi)
            own, its = (self.left, other.right) if angle < pi else (self.right, other.left)
            between = min(angle, 2 * pi - angle)
            if _SHARP_RAD < between < _FLAT_RAD:
                distance = max(distance, (its + own * cos(between)) / sin(between))
        return min(distance, _STOP_LINE_MAX_M)


def _seen_at(network: RoadNetwork, look_m: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points at `look_m` before the end and after the start of each link, relative to the node there."""
    x, y, start = network.shape_x_m, network.shape_y_m, network.links.shape_start.astype(np.int64)
    last = np.concatenate([start[1:], [len(x)]]) - 1
    steps = np.hypot(np.diff(x), np.diff(y))
    steps[start[1:] - 1] = 0.0
    along = np.concatenate([[0.0], np.cumsum(steps)])
    length = along[last] - along[start]
    look = np.minimum(look_m, 0.9 * length)

    def point(target: F1, node: I1) -> NDArray[np.float64]:
        low = np.clip(np.searchsorted(along, target, side="right") - 1, start, last - 1)
        step = along[low + 1] - along[low]
        part = np.clip((target - along[low]) / np.where(step > 0, step, 1.0), 0.0, 1.0)
        at_x = x[low] + part * (x[low + 1] - x[low]) - network.nodes.x_m[node]
        at_y = y[low] + part * (y[low + 1] - y[low]) - network.nodes.y_m[node]
        return np.column_stack([at_x, at_y])

    arriving = point(along[last] - look, network.links.to_node)
    return arriving, point(along[start] + look, network.links.from_node)
