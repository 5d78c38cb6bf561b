"""Small road networks for the flow model, built link by link without the assembler."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traffic.demand import FlowDemand
from traffic.greens import MovementGreens, SignalState
from traffic.network import (
    Connections,
    Crossings,
    JunctionKind,
    Junctions,
    LaneGroups,
    Links,
    Movements,
    Nodes,
    Places,
    RoadClass,
    RoadNetwork,
    Turn,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STATES = {
    "R": SignalState.RED,
    "g": SignalState.PERMISSIVE,
    "G": SignalState.PROTECTED,
    "y": SignalState.YELLOW,
}


@dataclass(frozen=True)
class Group:
    """A lane group: the links that its lanes lead to, its saturation flow (veh/s), its length if it is a bay."""

    to: tuple[int, ...] = ()
    lanes: int = 1
    saturation: float = 0.5
    bay_m: float | None = None


@dataclass(frozen=True)
class Road:
    """A link; without `groups` it has one lane group that leads nowhere."""

    start: int
    end: int
    length: float = 300.0
    groups: tuple[Group, ...] = (Group(),)
    speed: float = 15.0
    road_class: RoadClass = RoadClass.PRIMARY


def network(
    points: Sequence[tuple[float, float]],
    roads: Sequence[Road],
    *,
    signals: Sequence[int] = (),
    crossings: Sequence[int] = (),
    factors: Mapping[tuple[int, int], float] | None = None,
) -> RoadNetwork:
    """Build a network; movements follow from the lane groups, turns from the points.

    `signals` are nodes with a junction, `crossings` are links that pedestrians cross at their start.
    """
    pairs = sorted({(i, out) for i, road in enumerate(roads) for group in road.groups for out in group.to})
    groups = [(i, group) for i, road in enumerate(roads) for group in road.groups]
    first_lane = [
        sum(g.lanes for g in roads[i].groups[: roads[i].groups.index(group)]) for i, group in groups
    ]
    angles = [_angle(points, roads[a], roads[b]) for a, b in pairs]
    connections = [
        (row, pairs.index((i, out))) for row, (i, group) in enumerate(groups) for out in sorted(group.to)
    ]
    x, y = np.array(points, dtype=float).T
    ends = np.array([(road.start, road.end) for road in roads])
    junction_of = {node: row for row, node in enumerate(signals)}
    factors = {} if factors is None else factors
    return RoadNetwork(
        name="small",
        crs="EPSG:32643",
        nodes=Nodes(x, y, np.zeros(len(x)), np.ones(len(x))),
        links=Links(
            ends[:, 0],
            ends[:, 1],
            [road.length for road in roads],
            [road.speed for road in roads],
            [sum(group.lanes for group in road.groups) for road in roads],
            [sum(group.lanes for group in road.groups if group.bay_m is None) for road in roads],
            [road.road_class for road in roads],
            np.full(len(roads), -1),
            np.zeros(len(roads)),
            np.zeros(len(roads)),
            2 * np.arange(len(roads)),
        ),
        lane_groups=LaneGroups(
            [i for i, _ in groups],
            first_lane,
            [group.lanes for _, group in groups],
            [roads[i].length if group.bay_m is None else group.bay_m for i, group in groups],
            [group.saturation for _, group in groups],
        ),
        movements=Movements(
            [a for a, _ in pairs],
            [b for _, b in pairs],
            [_turn(angle) for angle in angles],
            angles,
            [factors.get(pair, 1.0) for pair in pairs],
        ),
        connections=Connections([row for row, _ in connections], [movement for _, movement in connections]),
        junctions=Junctions(
            list(signals),
            [JunctionKind.INTERSECTION] * len(signals),
            tuple(f"node {node}" for node in signals),
            tuple(f"node {node}" for node in signals),
            ((),) * len(signals),
        ),
        crossings=Crossings(
            [junction_of[roads[link].start] for link in crossings],
            np.full(len(crossings), -1),
            list(crossings),
            np.full(len(crossings), 12.0),
            np.zeros(len(crossings)),
        ),
        places=Places.none(),
        names=(),
        shape_x_m=x[ends].ravel(),
        shape_y_m=y[ends].ravel(),
    )


def _angle(points: Sequence[tuple[float, float]], a: Road, b: Road) -> float:
    def heading(road: Road) -> float:
        (x0, y0), (x1, y1) = points[road.start], points[road.end]
        return math.atan2(y1 - y0, x1 - x0)

    return math.remainder(heading(b) - heading(a), 2.0 * math.pi)


def _turn(angle: float) -> Turn:
    if abs(angle) > 0.9 * math.pi:
        return Turn.U_TURN
    if abs(angle) < 0.25 * math.pi:
        return Turn.THROUGH
    return Turn.LEFT if angle > 0 else Turn.RIGHT


def movement(net: RoadNetwork, a: int, b: int) -> int:
    """Return the movement from link `a` to link `b`."""
    return int(np.flatnonzero((net.movements.in_link == a) & (net.movements.out_link == b))[0])


def demand(
    net: RoadNetwork,
    entries: Mapping[int, float | Sequence[float]],
    shares: Mapping[tuple[int, int], float] | None = None,
    *,
    period_s: float = 1e6,
) -> FlowDemand:
    """Return a demand; entering flows in veh/s, by period where they are lists.

    Movements without a share get equal parts of what the others of their link leave; where there are none, all exit.
    """
    shares = {} if shares is None else shares
    flows = [np.atleast_1d(np.asarray(flow, dtype=float)) for flow in entries.values()]
    periods = max((len(flow) for flow in flows), default=1)
    share = np.zeros(len(net.movements))
    exits = np.zeros(len(net.links))
    for link in range(len(net.links)):
        rows = np.flatnonzero(net.movements.in_link == link)
        given = {row: shares.get((link, int(net.movements.out_link[row]))) for row in rows}
        rest = 1.0 - sum(value for value in given.values() if value is not None)
        free = [row for row, value in given.items() if value is None]
        for row, value in given.items():
            share[row] = rest / len(free) if value is None else value
        exits[link] = 0.0 if free else rest
    return FlowDemand(
        period_s=period_s,
        entry_link=np.array(list(entries), dtype=np.int32),
        entry_veh_s=np.array([np.broadcast_to(flow, periods) for flow in flows]).T.reshape(periods, -1),
        movement_share=np.tile(share, (periods, 1)),
        exit_share=np.tile(exits, (periods, 1)),
        link_veh_s=np.zeros((periods, len(net.links))),
        source="by hand",
    )


def greens(net: RoadNetwork, patterns: Mapping[tuple[int, int], str]) -> MovementGreens:
    """Return signal states from strings such as ``"RRGGGyy"``, one letter a second; no signal where none is given."""
    begin = np.full(len(net.movements), -1)
    period = np.ones(len(net.movements))
    state: list[int] = []
    for (a, b), pattern in patterns.items():
        row = movement(net, a, b)
        begin[row], period[row] = len(state), len(pattern)
        state += [STATES[letter] for letter in pattern]
    return MovementGreens(begin, period, np.array(state, dtype=np.uint8))


def one_road(
    *, length: float = 300.0, speed: float = 15.0, saturation: float = 0.5, last: float | None = None
) -> RoadNetwork:
    """Two links in a row; the first ends at a stop line."""
    first = Road(0, 1, length, (Group((1,), saturation=saturation),), speed)
    second = Road(1, 2, length, (Group(saturation=saturation if last is None else last),), speed)
    return network([(0, 0), (length, 0), (2 * length, 0)], [first, second], signals=[1])


ARM = [(300.0, 0.0), (0.0, 300.0), (-300.0, 0.0), (0.0, -300.0)]


def crossroads(
    *,
    signal: bool = True,
    minor: RoadClass = RoadClass.PRIMARY,
    groups: Sequence[tuple[str, int, float | None]] = (("R", 1, None), ("T", 1, None), ("L", 1, 60.0)),
    crossings: Sequence[int] = (),
) -> RoadNetwork:
    """Four arms: east, north, west, south. Links 0 to 3 lead in, 4 to 7 out.

    `groups` gives turns, lanes and bay length of the lane groups of every approach; the northern and southern arms have
    the road class `minor`.
    """
    step = {"R": 1, "T": 2, "L": 3}
    classes = [RoadClass.PRIMARY, minor] * 2
    roads = [
        Road(
            1 + arm,
            0,
            300.0,
            tuple(
                Group(tuple(4 + (arm + step[turn]) % 4 for turn in turns), lanes, 0.5 * lanes, bay)
                for turns, lanes, bay in groups
            ),
            road_class=classes[arm],
        )
        for arm in range(4)
    ]
    roads += [Road(0, 1 + arm, road_class=classes[arm]) for arm in range(4)]
    return network([(0.0, 0.0), *ARM], roads, signals=[0] if signal else [], crossings=crossings)
