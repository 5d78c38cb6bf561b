"""A SUMO network as a `RoadNetwork`, with the way back to SUMO's own names.

- An edge that cars may use becomes a link. Its length is that of the edge and, since our links begin where those
  before them end, of the way through the junction before it.
- A node becomes a node; under a traffic light it belongs to the junction of that light. A light may govern several
  nodes. One that is off or only flashes governs none: who goes first there is a matter of right of way.
- The connections from one edge to another are one movement. Neighbouring lanes with the same movements are a lane
  group; a lane that leads nowhere goes with its neighbour.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from traffic.errors import InputError
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
from traffic.sumo.net_file import NetConnection, NetEdge, NetLane, SumoNet
from traffic.sumo.vehicles import CarFollowing
from traffic.turns import end_headings, turn_angles

__all__ = ["SumoRoads", "road_network"]

_Turns = Mapping[tuple[str, str], list[NetConnection]]

_TURNS = {"r": Turn.RIGHT, "s": Turn.THROUGH, "l": Turn.LEFT, "t": Turn.U_TURN}
_BEND_RAD = np.radians(45.0)
_CLASSES = {
    "motorway": RoadClass.MOTORWAY,
    "trunk": RoadClass.TRUNK,
    "primary": RoadClass.PRIMARY,
    "secondary": RoadClass.SECONDARY,
    "tertiary": RoadClass.TERTIARY,
    "unclassified": RoadClass.UNCLASSIFIED,
    "residential": RoadClass.RESIDENTIAL,
    "living_street": RoadClass.RESIDENTIAL,
    "service": RoadClass.SERVICE,
}


@dataclass(frozen=True, eq=False)
class SumoRoads:
    """A road network and how it hangs together with the file that it comes from.

    Attributes
    ----------
    edge
        SUMO's id of each link.
    link_of
        Link of each edge that cars may use.
    connections
        For each movement, its connections from the right-hand lane to the left.
    movement_of
        Movement of each pair of edges that a connection leads between.
    """

    net: SumoNet
    network: RoadNetwork
    edge: tuple[str, ...]
    link_of: Mapping[str, int]
    connections: tuple[tuple[NetConnection, ...], ...]
    movement_of: Mapping[tuple[str, str], int]


def road_network(
    net: SumoNet, *, name: str | None = None, following: CarFollowing | None = None
) -> SumoRoads:
    """Return the road network of `net`.

    Parameters
    ----------
    following
        Vehicles that decide what lanes can carry; default: SUMO's passenger cars.
    """
    following = following or CarFollowing()
    edges = [edge for edge in net.edges.values() if edge.function == "normal" and _lanes(edge)]
    if not edges:
        raise InputError("must hold an edge that cars may use", file=net.path, field="edge")
    link_of = {edge.id: link for link, edge in enumerate(edges)}
    turns = _turns(net, link_of)
    nodes = _light_nodes(net, turns)
    main = _main_nodes(nodes)
    ends = sorted({end for edge in edges for end in (edge.from_node, edge.to_node)})
    node_ids = [end for end in ends if main.get(end, end) == end]
    row_of = {node: row for row, node in enumerate(node_ids)}
    node_of = {end: row_of[main.get(end, end)] for end in ends}
    shapes = [_shape(edge) for edge in edges]
    starts = np.cumsum([0, *(len(shape) for shape in shapes[:-1])]).astype(np.int32)
    x_m, y_m = np.concatenate(shapes).T
    names = sorted({edge.name for edge in edges if edge.name})
    speed = np.array([_speed_m_s(edge) for edge in edges])
    lanes = np.array([len(_lanes(edge)) for edge in edges])
    groups, connections = _lane_groups(edges, turns, link_of, following)
    links = Links(
        from_node=np.array([node_of[edge.from_node] for edge in edges]),
        to_node=np.array([node_of[edge.to_node] for edge in edges]),
        length_m=_lengths_m(net, edges, turns),
        speed_m_s=speed,
        lanes=lanes,
        running_lanes=lanes,
        road_class=np.array([_road_class(edge) for edge in edges]),
        name=np.array([names.index(edge.name) if edge.name else -1 for edge in edges]),
        osm_way=np.zeros(len(edges), dtype=np.int64),
        layer=np.zeros(len(edges), dtype=np.int32),
        shape_start=starts,
    )
    network = RoadNetwork(
        name=name or Path(net.path).name.split(".")[0],
        crs=net.projection,
        nodes=_nodes(net, node_ids, links),
        links=links,
        lane_groups=groups,
        movements=_movements(turns, link_of, (x_m, y_m, starts), _turn_factors(net, turns, following)),
        connections=connections,
        junctions=_junctions(net, nodes, main, node_of),
        crossings=_no_crossings(),
        places=Places.none(),
        names=tuple(names),
        shape_x_m=x_m,
        shape_y_m=y_m,
    )
    return SumoRoads(
        net=net,
        network=network,
        edge=tuple(edge.id for edge in edges),
        link_of=MappingProxyType(link_of),
        connections=tuple(tuple(found) for found in turns.values()),
        movement_of=MappingProxyType({pair: movement for movement, pair in enumerate(turns)}),
    )


def _lanes(edge: NetEdge) -> list[NetLane]:
    return [lane for lane in edge.lanes if lane.cars]


def _turns(net: SumoNet, link_of: Mapping[str, int]) -> dict[tuple[str, str], list[NetConnection]]:
    """Return the connections of cars by their edges, in the order of links."""
    found: dict[tuple[str, str], list[NetConnection]] = defaultdict(list)
    for c in net.connections:
        if c.from_edge in link_of and c.to_edge in link_of:
            ends = ((c.from_edge, c.from_lane), (c.to_edge, c.to_lane))
            lanes = [net.lane(f"{edge}_{lane}") for edge, lane in ends]
            if all(lane is not None and lane.cars for lane in lanes):
                found[c.from_edge, c.to_edge].append(c)
    for parts in found.values():
        parts.sort(key=lambda c: (c.from_lane, c.to_lane))
    return dict(
        sorted(
            found.items(), key=lambda item: (link_of[item[0][0]], item[1][0].from_lane, link_of[item[0][1]])
        )
    )


def _shape(edge: NetEdge) -> NDArray[np.float64]:
    """Return the middle of the edge's lanes, from the stop line before it to its own."""
    lanes = _lanes(edge)
    points = np.array(lanes[len(lanes) // 2].shape or edge.shape, dtype=np.float64)
    return points if len(points) > 1 else np.vstack([points, points + 0.1])


def _lengths_m(net: SumoNet, edges: list[NetEdge], turns: _Turns) -> NDArray[np.float64]:
    inside: dict[str, list[float]] = defaultdict(list)
    for (_, to_edge), parts in turns.items():
        for c in parts:
            inside[to_edge].append(_way_through_m(net, c.via))
    return np.array(
        [
            max(lane.length_m for lane in _lanes(edge))
            + (float(np.mean(inside[edge.id])) if edge.id in inside else 0.0)
            for edge in edges
        ]
    )


def _way_through_m(net: SumoNet, via: str) -> float:
    """Return the length of the internal lanes from `via` on."""
    lanes = (net.lane(lane_id) for lane_id in net.way_through(via))
    return sum(lane.length_m for lane in lanes if lane is not None)


def _road_class(edge: NetEdge) -> RoadClass:
    kind = edge.kind.removeprefix("highway.").removesuffix("_link")
    return _CLASSES.get(kind, RoadClass.UNCLASSIFIED)


def _lane_groups(
    edges: list[NetEdge], turns: _Turns, link_of: Mapping[str, int], following: CarFollowing
) -> tuple[LaneGroups, Connections]:
    served: dict[tuple[str, int], set[int]] = defaultdict(set)
    for movement, parts in enumerate(turns.values()):
        for c in parts:
            served[c.from_edge, c.from_lane].add(movement)
    rows: list[tuple[int, int, int, float, float]] = []
    pairs: list[tuple[int, int]] = []
    for edge in edges:
        lanes = _lanes(edge)
        rate = following.saturation_veh_s(_speed_m_s(edge))
        for first, count, used, movements in _runs([served[edge.id, lane.index] for lane in lanes]):
            length = max(lane.length_m for lane in lanes[first : first + count])
            pairs += [(len(rows), movement) for movement in sorted(movements)]
            rows.append((link_of[edge.id], first, count, length, used * rate))
    link, first_lane, lanes_, length_, rates = (np.array(column) for column in zip(*rows, strict=True))
    pair = np.array(pairs, dtype=np.int32).reshape(-1, 2)
    return (
        LaneGroups(link=link, first_lane=first_lane, lanes=lanes_, length_m=length_, saturation_veh_s=rates),
        Connections(lane_group=pair[:, 0], movement=pair[:, 1]),
    )


def _runs(served: list[set[int]]) -> Iterator[tuple[int, int, int, frozenset[int]]]:
    """Yield first lane, number of lanes, lanes that lead on, and movements of each group of neighbouring lanes."""
    filled: list[tuple[frozenset[int], bool]] = []
    leading = [frozenset(lane) for lane in served if lane]
    for lane in served:
        if lane:
            filled.append((frozenset(lane), True))
        else:
            before = next((movements for movements, _ in reversed(filled) if movements), None)
            filled.append((before if before is not None else (leading[0] if leading else frozenset()), False))
    begin = 0
    for end in range(1, len(filled) + 1):
        if end == len(filled) or filled[end][0] != filled[begin][0]:
            part = filled[begin:end]
            yield begin, len(part), max(sum(used for _, used in part), 1), part[0][0]
            begin = end


def _speed_m_s(edge: NetEdge) -> float:
    return max(lane.speed_m_s for lane in _lanes(edge))


def _movements(
    turns: _Turns,
    link_of: Mapping[str, int],
    shape: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32]],
    factor: NDArray[np.float64],
) -> Movements:
    in_link = np.array([link_of[pair[0]] for pair in turns], dtype=np.int32)
    out_link = np.array([link_of[pair[1]] for pair in turns], dtype=np.int32)
    nothing = np.zeros(len(shape[2]))
    begin, end = end_headings(*shape, skip_start_m=nothing, skip_end_m=nothing)
    angle = turn_angles(end[in_link], begin[out_link])
    turn = [_turn(parts[0].direction, float(bend)) for parts, bend in zip(turns.values(), angle, strict=True)]
    return Movements(
        in_link=in_link,
        out_link=out_link,
        turn=np.array(turn, dtype=np.uint8),
        angle_rad=angle,
        saturation_factor=factor,
    )


def _turn_factors(net: SumoNet, turns: _Turns, following: CarFollowing) -> NDArray[np.float64]:
    """Return what the speed of each movement inside the junction leaves of the saturation flow."""
    factors = []
    for (from_edge, _), parts in turns.items():
        straight = _speed_m_s(net.edges[from_edge])
        inside = [lane.speed_m_s for c in parts if (lane := net.lane(c.via)) is not None]
        speed = min(float(np.mean(inside)), straight) if inside else straight
        factors.append(following.saturation_veh_s(speed) / following.saturation_veh_s(straight))
    return np.array(factors)


def _turn(direction: str, angle_rad: float) -> Turn:
    """Return the turn of a connection; those to one side only in part are turns where they bend enough."""
    if direction in _TURNS:
        return _TURNS[direction]
    if abs(angle_rad) < _BEND_RAD:
        return Turn.THROUGH
    return Turn.LEFT if angle_rad > 0 else Turn.RIGHT


def _nodes(net: SumoNet, ids: list[str], links: Links) -> Nodes:
    degree_in = np.bincount(links.to_node, minlength=len(ids))
    degree_out = np.bincount(links.from_node, minlength=len(ids))
    for node in ids:
        if node not in net.junctions:
            raise InputError("must be a junction of the file", file=net.path, field="edge", value=node)
    places = [net.junctions[node] for node in ids]
    return Nodes(
        x_m=np.array([place.x_m for place in places]),
        y_m=np.array([place.y_m for place in places]),
        osm_id=np.zeros(len(ids), dtype=np.int64),
        gateway=(degree_in == 0) | (degree_out == 0) | ((degree_in <= 1) & (degree_out <= 1)),
    )


def _light_nodes(net: SumoNet, turns: _Turns) -> dict[str, Counter[str]]:
    """Return the nodes of each traffic light that governs cars, with how many of its connections are there."""
    idle = {light for light, logic in net.programs().items() if not logic.controls}
    nodes: dict[str, Counter[str]] = defaultdict(Counter)
    for (from_edge, _), parts in turns.items():
        for c in parts:
            if c.light and c.light not in idle:
                nodes[c.light][net.edges[from_edge].to_node] += 1
    return nodes


def _main_nodes(nodes: Mapping[str, Counter[str]]) -> dict[str, str]:
    """Return the node that stands for all those that a traffic light governs alone, by each of them.

    What lies between two of them is a link from the node to itself.
    """
    lights = Counter(node for found in nodes.values() for node in found)
    main: dict[str, str] = {}
    for found in nodes.values():
        own = [node for node, _ in found.most_common() if lights[node] == 1]
        main |= dict.fromkeys(own, own[0] if own else "")
    return main


def _junctions(
    net: SumoNet, nodes: Mapping[str, Counter[str]], main: Mapping[str, str], node_of: Mapping[str, int]
) -> Junctions:
    lights = [light for light in net.programs() if light in nodes]
    places = [[node for node, _ in nodes[light].most_common()] for light in lights]
    first = [next((node for node in found if node in main), found[0]) for found in places]
    return Junctions(
        node=np.array([node_of[node] for node in first], dtype=np.int32),
        kind=np.full(len(lights), JunctionKind.INTERSECTION),
        key=tuple(lights),
        name=tuple(lights),
        osm_nodes=((),) * len(lights),
    )


def _no_crossings() -> Crossings:
    none = np.empty(0, dtype=np.int32)
    return Crossings(
        junction=none, in_link=none, out_link=none, length_m=np.empty(0), refuge=np.empty(0, dtype=bool)
    )
