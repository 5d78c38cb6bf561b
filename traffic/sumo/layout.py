"""A road network as SUMO's plain XML: nodes, edges and lane-precise connections.

How the two descriptions meet:

- A node becomes a SUMO node of type ``priority``; under a controller ``traffic_light``, with the junction's
  key as id of the node and of its traffic light. Characters that SUMO ids may not have are written ``%XX``.
- A link becomes the edge ``e<link>``. Where it has turn bays, it is cut at their start: ``e<link>.u`` with
  the running lanes leads to ``e<link>`` with all lanes. A bay that leaves less than `MIN_EDGE_M` is a lane of
  the whole link. SUMO knows no edge from a node to itself, so such a link is cut in the middle.
- A connection of a lane group becomes one SUMO connection for each lane. Right turns take the exit's lanes
  from the right, left and U-turns from the left, through traffic keeps its place.
- Link indices (places in the state strings of a traffic light) are ours: one for each movement of the
  junction, in the order of movements, then one for each movement with more lanes than its exit, for the
  lanes that have to merge there: these must give way.
- A one-way road is laid out on both sides of its line, other roads to the right of it.

The functions are pure: same network, same text. Pedestrian crossings are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

import numpy as np

from traffic.network import Turn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from traffic.network import RoadNetwork

    Points = NDArray[np.float64]

__all__ = [
    "LANE_WIDTH_M",
    "MIN_EDGE_M",
    "SumoConnection",
    "SumoLayout",
    "connections_xml",
    "edges_xml",
    "lay_out",
    "nodes_xml",
    "sumo_id",
]

LANE_WIDTH_M = 3.2
"""Width that SUMO gives a lane."""

MIN_EDGE_M = 15.0
"""Least length of either part of a link that is cut at the start of its bays."""

_CORNER_M = 4.0  # what netconvert leaves between the crossing road and the stop line
_BAY_START_M = 4.0  # what it takes from a bay at its start
_UTM = re.compile(r"EPSG:32([67])(\d\d)")
_NO_XML = "\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff"
_CONTROL = re.compile(f"[{_NO_XML}]")
_FORBIDDEN = re.compile(rf"""[\s|\\'";,<>&*%{_NO_XML}]|^:""")
_OURS = re.compile(r"[nb]\d+")


@dataclass(frozen=True)
class SumoConnection:
    """From one lane to another.

    Attributes
    ----------
    from_edge, from_lane, to_edge, to_lane
        Edge ids and lanes, counted from the right.
    movement
        The movement that it belongs to; -1 at the start of a bay.
    signal, link_index
        Traffic light and place in its state strings; empty and -1 where there is none.
    """

    from_edge: str
    from_lane: int
    to_edge: str
    to_lane: int
    movement: int
    signal: str = ""
    link_index: int = -1


@dataclass(frozen=True, eq=False)
class SumoLayout:
    """How a network is laid out in SUMO.

    Attributes
    ----------
    node_id
        SUMO id of each node.
    bay_m
        Length of the part of each link that has its bays, from the node at its end; 0 where it is not cut.
    right_bays
        Bays on the right-hand side of each link that is cut.
    connections
        All connections, in the order of movements, then those at the starts of bays.
    signals
        For each junction, its movements and whether the place is for merging lanes, by link index.
    """

    node_id: tuple[str, ...]
    bay_m: tuple[float, ...]
    right_bays: tuple[int, ...]
    connections: tuple[SumoConnection, ...]
    signals: tuple[tuple[tuple[int, bool], ...], ...]

    @cached_property
    def link_edges(self) -> tuple[tuple[str, ...], ...]:
        """Edges of each link, in the direction of travel."""
        return tuple(
            (f"e{link}.u", f"e{link}") if bay_m else (f"e{link}",) for link, bay_m in enumerate(self.bay_m)
        )


def sumo_id(key: str) -> str:
    """Return `key` as a SUMO id that no node without a controller can have."""
    text = _FORBIDDEN.sub(lambda found: _percent(found[0]), key)
    return _percent(text[0]) + text[1:] if _OURS.fullmatch(text) else text


def lay_out(network: RoadNetwork) -> SumoLayout:
    """Decide on ids, bays, connections and link indices."""
    names = [f"n{node}" for node in range(len(network.nodes))]
    for node, key in zip(network.junctions.node.tolist(), network.junctions.key, strict=True):
        names[node] = sumo_id(key)
    at_node = _links_at_nodes(network)
    bays = [_bays(network, link, groups, at_node) for link, groups in enumerate(_groups_of_links(network))]
    right = [bay[1] for bay in bays]
    found = _movement_connections(network, right)
    signals = _signals(network, found)
    index_of = {place: (j, i) for j, places in enumerate(signals) for i, place in enumerate(places)}
    connections: list[SumoConnection] = []
    for movement, in_link, from_lane, out_link, to_lane, merges in found:
        cut = bays[out_link][0] > 0
        junction, index = index_of.get((movement, merges), (-1, -1))
        signal = sumo_id(network.junctions.key[junction]) if junction >= 0 else ""
        target = f"e{out_link}.u" if cut else f"e{out_link}"
        connection = SumoConnection(f"e{in_link}", from_lane, target, to_lane, movement, signal, index)
        connections.append(connection)
    for link, (bay_m, right_bays) in enumerate(bays):
        if bay_m > 0:
            connections += _bay_connections(network, link, right_bays)
    return SumoLayout(
        node_id=tuple(names),
        bay_m=tuple(bay[0] for bay in bays),
        right_bays=tuple(right),
        connections=tuple(connections),
        signals=signals,
    )


def nodes_xml(network: RoadNetwork, layout: SumoLayout) -> str:
    """Return the ``.nod.xml``: nodes of the network and the nodes at which bays start."""
    lines = _location(network.crs)
    signals = {int(n) for n, links in zip(network.junctions.node, layout.signals, strict=True) if links}
    for node, name in enumerate(layout.node_id):
        x_m, y_m = float(network.nodes.x_m[node]), float(network.nodes.y_m[node])
        kind = f'type="traffic_light" tl={quoteattr(name)}' if node in signals else 'type="priority"'
        lines.append(f'<node id={quoteattr(name)} x="{x_m:.2f}" y="{y_m:.2f}" {kind}/>')
    for link, bay_m in enumerate(layout.bay_m):
        if bay_m > 0:
            x_m, y_m = _cut(network.shape(link), bay_m)[1][0].tolist()
            lines.append(f'<node id="b{link}" x="{x_m:.2f}" y="{y_m:.2f}" type="priority"/>')
    return _document("nodes", lines)


def edges_xml(network: RoadNetwork, layout: SumoLayout) -> str:
    """Return the ``.edg.xml``: the edges of all links."""
    links = network.links
    centred = _one_way(network)
    lines = []
    for link, bay_m in enumerate(layout.bay_m):
        start, end = layout.node_id[links.from_node[link]], layout.node_id[links.to_node[link]]
        rest = f'priority="{10 - int(links.road_class[link])}" speed="{float(links.speed_m_s[link]):.2f}"'
        rest += ' spreadType="center"' if centred[link] else ""
        name = network.link_name(link)
        rest += f" name={quoteattr(_CONTROL.sub(' ', name))}" if name else ""
        shape, lanes = network.shape(link), int(links.lanes[link])
        if bay_m > 0:
            running = int(links.running_lanes[link])
            upper, shape = _cut(shape, bay_m)
            lines.append(_edge(f"e{link}.u", start, f"b{link}", running, upper, rest))
            start = f"b{link}"
        lines.append(_edge(f"e{link}", start, end, lanes, shape, rest))
    return _document("edges", lines)


def connections_xml(network: RoadNetwork, layout: SumoLayout) -> str:
    """Return the ``.con.xml``: all connections, and which edges have none.

    At the start of a bay nobody slows down, whatever the lateral shift of the lanes.
    """
    lines = []
    connected = set()
    for c in layout.connections:
        connected.add(c.from_edge)
        text = f'<connection from="{c.from_edge}" to="{c.to_edge}"'
        text += f' fromLane="{c.from_lane}" toLane="{c.to_lane}"'
        if c.movement < 0:
            speed = float(network.links.speed_m_s[int(c.to_edge[1:])])
            text += f' speed="{speed:.2f}" keepClear="false"'
        lines.append(f"{text}/>")
    edges = (edge for edges in layout.link_edges for edge in edges)
    lines += [f'<connection from="{edge}"/>' for edge in edges if edge not in connected]
    return _document("connections", lines)


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode(errors="surrogatepass"))


def _document(root: str, lines: Iterable[str]) -> str:
    body = "".join(f"    {line}\n" for line in lines)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>\n{body}</{root}>\n'


def _edge(name: str, start: str, end: str, lanes: int, shape: Points, rest: str) -> str:
    points = " ".join(f"{x:.2f},{y:.2f}" for x, y in shape.tolist())
    ends = f"from={quoteattr(start)} to={quoteattr(end)}"
    return f'<edge id="{name}" {ends} numLanes="{lanes}" {rest} shape="{points}"/>'


def _location(crs: str) -> list[str]:
    """Tell SUMO the projection, where it is a zone of UTM, so that its tools know longitude and latitude."""
    zone = _UTM.fullmatch(crs.upper())
    if not zone:
        return []
    south = " +south" if zone[1] == "7" else ""
    projection = f"+proj=utm +zone={int(zone[2])}{south} +ellps=WGS84 +datum=WGS84 +units=m +no_defs"
    nowhere = "10000000000.00,10000000000.00,-10000000000.00,-10000000000.00"
    boundaries = f'convBoundary="{nowhere}" origBoundary="{nowhere}"'
    return [f'<location netOffset="0.00,0.00" {boundaries} projParameter="{projection}"/>']


def _cut(shape: Points, from_end_m: float) -> tuple[Points, Points]:
    """Cut a line at a distance from its end; both parts have the point of the cut."""
    steps = np.hypot(*np.diff(shape, axis=0).T)
    along = np.r_[0.0, np.cumsum(steps)]
    at = along[-1] - from_end_m
    point = np.array([np.interp(at, along, shape[:, 0]), np.interp(at, along, shape[:, 1])])
    before, after = along < at - 0.01, along > at + 0.01
    return np.vstack([shape[before], point]), np.vstack([point, shape[after]])


def _one_way(network: RoadNetwork) -> list[bool]:
    """Whether no other link lies on the same line in the other direction."""
    ends = zip(network.links.from_node.tolist(), network.links.to_node.tolist(), strict=True)
    pairs: dict[tuple[int, int], list[int]] = {}
    for link, pair in enumerate(ends):
        pairs.setdefault(pair, []).append(link)
    alone = [True] * len(network.links)
    for (start, end), links in pairs.items():
        others = pairs.get((end, start), [])
        backwards = [network.shape(other)[::-1] for other in others]
        for link in links:
            shape = network.shape(link)
            alone[link] = not any(
                b.shape == shape.shape and np.allclose(b, shape, rtol=0.0) for b in backwards
            )
    return alone


def _groups_of_links(network: RoadNetwork) -> list[range]:
    bounds = np.searchsorted(network.lane_groups.link, np.arange(len(network.links) + 1)).tolist()
    return [range(first, stop) for first, stop in pairwise(bounds)]


def _links_at_nodes(network: RoadNetwork) -> dict[int, list[int]]:
    at_node: dict[int, list[int]] = {}
    for ends in (network.links.from_node, network.links.to_node):
        for link, node in enumerate(ends.tolist()):
            at_node.setdefault(node, []).append(link)
    return at_node


def _bays(network: RoadNetwork, link: int, groups: range, at_node: dict[int, list[int]]) -> tuple[float, int]:
    """Return where to cut a link, metres from its end node (0: nowhere), and its bays on the right.

    A lane group that joins bays and running lanes has their mean length, so the number of bays in it follows
    from what is missing to the length of the link.
    """
    links, table = network.links, network.lane_groups
    bays = int(links.lanes[link] - links.running_lanes[link])
    length_m = float(links.length_m[link])
    shape = network.shape(link)
    drawn_m = float(np.hypot(*np.diff(shape, axis=0).T).sum())
    whole = drawn_m / 2 if links.from_node[link] == links.to_node[link] else 0.0
    missing = [float(table.lanes[g]) * (length_m - float(table.length_m[g])) for g in groups]
    if bays == 0 or sum(missing) <= 0:
        return whole, 0
    bay_m = length_m - sum(missing) / bays
    cut_m = max(bay_m, MIN_EDGE_M) + _BAY_START_M + _setback_m(network, link, at_node)
    if cut_m + _BAY_START_M + MIN_EDGE_M > drawn_m:
        return whole, 0
    counts = [round(part / (length_m - bay_m)) for part in missing]
    right = 0
    for position, (group, count) in enumerate(zip(groups, counts, strict=True)):
        lanes = int(table.lanes[group])
        if count == lanes or position < len(counts) - 1:
            right += count
        if count < lanes:
            break
    return cut_m, min(right, bays)


def _setback_m(network: RoadNetwork, link: int, at_node: dict[int, list[int]]) -> float:
    """Estimate the distance from the node at the end of a link to the stop line that netconvert will draw."""
    links = network.links
    node, own = int(links.to_node[link]), int(links.from_node[link])
    others = [i for i in at_node[node] if own not in {int(links.from_node[i]), int(links.to_node[i])}]
    widest = max((int(links.lanes[i]) for i in others), default=0)
    return widest * LANE_WIDTH_M + _CORNER_M


def _bay_connections(network: RoadNetwork, link: int, right_bays: int) -> list[SumoConnection]:
    """Connect the running lanes to themselves and the outer ones to the bays beside them."""
    lanes, running = int(network.links.lanes[link]), int(network.links.running_lanes[link])
    return [
        SumoConnection(f"e{link}.u", min(max(lane - right_bays, 0), running - 1), f"e{link}", lane, -1)
        for lane in range(lanes)
    ]


def _movement_connections(
    network: RoadNetwork, right_bays: list[int]
) -> list[tuple[int, int, int, int, int, bool]]:
    """Return (movement, in-link, lane, out-link, lane, merges) of every lane of every movement."""
    table = network.lane_groups
    lanes_of: list[list[int]] = [[] for _ in range(len(network.movements))]
    for group, movement in zip(
        network.connections.lane_group.tolist(), network.connections.movement.tolist(), strict=True
    ):
        first = int(table.first_lane[group])
        lanes_of[movement] += range(first, first + int(table.lanes[group]))
    found = []
    for movement, (in_link, out_link, turn) in enumerate(
        zip(
            network.movements.in_link.tolist(),
            network.movements.out_link.tolist(),
            network.movements.turn.tolist(),
            strict=True,
        )
    ):
        lanes = sorted(set(lanes_of[movement]))
        targets = _targets(lanes, Turn(turn), int(network.links.running_lanes[out_link]), right_bays[in_link])
        # Of lanes that lead into one, SUMO lets the leftmost go first.
        found += [
            (movement, in_link, lane, out_link, target, target in targets[position + 1 :])
            for position, (lane, target) in enumerate(zip(lanes, targets, strict=True))
        ]
    return found


def _targets(lanes: list[int], turn: Turn, exits: int, right_bays: int) -> list[int]:
    """Return the lane of the exit that each lane leads to."""
    count = len(lanes)
    if turn is Turn.RIGHT:
        return [min(position, exits - 1) for position in range(count)]
    if turn is Turn.THROUGH:
        shift = min(max(lanes[0] - right_bays, 0), max(exits - count, 0))
        return [min(position + shift, exits - 1) for position in range(count)]
    return [max(exits - count + position, 0) for position in range(count)]


def _signals(
    network: RoadNetwork, found: list[tuple[int, int, int, int, int, bool]]
) -> tuple[tuple[tuple[int, bool], ...], ...]:
    """Give every controlled movement, and merging lanes, their link index."""
    junction_of = {node: j for j, node in enumerate(network.junctions.node.tolist())}
    places: list[set[tuple[bool, int]]] = [set() for _ in junction_of]
    for movement, in_link, _, _, _, merges in found:
        junction = junction_of.get(int(network.links.to_node[in_link]), -1)
        if junction >= 0:
            places[junction].add((merges, movement))
    return tuple(tuple((movement, merges) for merges, movement in sorted(of)) for of in places)
