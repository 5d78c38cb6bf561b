"""Ways cut into pieces at the vertices that they share, bridges kept apart from what they cross."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from pyproj import Transformer

from traffic.errors import InputError
from traffic.network import RoadClass
from traffic.osm.tags import WayTags, read_way

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from traffic.network import F1
    from traffic.osm.extract import OsmExtract

__all__ = ["CLASSES", "Piece", "Roads", "cut_roads", "project", "select_ways"]

CLASSES: Mapping[str, RoadClass] = {
    "major": RoadClass.TERTIARY,
    "streets": RoadClass.RESIDENTIAL,
    "all": RoadClass.SERVICE,
}
"""Detail of an import: the least important class that is taken in.

Ways below it are taken in where they carry a traffic signal, since they are legs of a junction then, and where
they are short and lead from such a leg to another road that is taken in, since they lie inside the junction.
"""

_SHORT_M = 60.0


@dataclass(frozen=True)
class Piece:
    """Part of a way between two vertices.

    Attributes
    ----------
    way
        Position of the way in the extract.
    start, end
        Vertices.
    nodes
        Indices of the nodes of the extract, from start to end.
    forward, backward
        Whether it may be driven from start to end and from end to start.
    """

    way: int
    start: int
    end: int
    nodes: tuple[int, ...]
    forward: bool
    backward: bool


@dataclass(frozen=True, eq=False)
class Roads:
    """All roads of an import.

    Attributes
    ----------
    crs
        Projected coordinate system.
    x_m, y_m
        Positions of the nodes of the extract.
    tags
        By position of the way in the extract; ways left out are missing.
    pieces
        Parts of ways.
    vertex_node
        Node of the extract at each vertex.
    layers_apart
        Nodes shared by ways of different layers that were not joined.
    """

    crs: str
    x_m: F1
    y_m: F1
    tags: Mapping[int, WayTags]
    pieces: tuple[Piece, ...]
    vertex_node: NDArray[np.int64]
    layers_apart: int

    def length_m(self, nodes: tuple[int, ...]) -> float:
        """Return the length of a chain of nodes."""
        index = np.asarray(nodes)
        return float(np.hypot(np.diff(self.x_m[index]), np.diff(self.y_m[index])).sum())


def project(extract: OsmExtract) -> tuple[str, F1, F1]:
    """Return the UTM zone of the extract's middle and the positions of all nodes in it, in metres."""
    lon, lat = float(np.median(extract.lon)), float(np.median(extract.lat))
    zone = int((lon + 180.0) // 6.0) % 60 + 1
    crs = f"EPSG:{32600 + zone if lat >= 0 else 32700 + zone}"
    x_m, y_m = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(extract.lon, extract.lat)
    bad = ~(np.isfinite(x_m) & np.isfinite(y_m))
    if bad.any():
        node = int(np.flatnonzero(bad)[0])
        raise InputError(
            f"must lie within reach of {crs}",
            file=extract.source,
            field=f"node {extract.node_id[node]}",
            value=(float(extract.lon[node]), float(extract.lat[node])),
            hint="Import one city at a time",
        )
    return crs, np.asarray(x_m, dtype=np.float64), np.asarray(y_m, dtype=np.float64)


def select_ways(
    extract: OsmExtract, classes: str, country: str | None, signal_nodes: Collection[int], x_m: F1, y_m: F1
) -> tuple[dict[int, WayTags], Counter[str]]:
    """Return the tags of the ways that are taken in, and how many are left out, by reason."""
    if classes not in CLASSES:
        rule, hint = f"must be one of {', '.join(CLASSES)}", "Write streets for a city, major for a large one"
        raise InputError(rule, field="classes", value=classes, hint=hint)
    least = CLASSES[classes]
    signals = np.zeros(len(extract.node_id), dtype=bool)
    signals[list(signal_nodes)] = True
    read = {way: read_way(tags, country) for way, tags in enumerate(extract.way_tags)}
    below = [way for way, own in read.items() if own.road_class > least]
    legs = {way for way in below if signals[extract.nodes_of(way)].any()}
    on_leg, on_road = np.zeros_like(signals), np.zeros_like(signals)
    for way in read.keys() - set(below) | legs:
        on_road[extract.nodes_of(way)] = True
    for way in legs:
        on_leg[extract.nodes_of(way)] = True
    left_out = Counter[str]()
    for way in below:
        nodes = extract.nodes_of(way)
        ends = nodes[[0, -1]]
        short = np.hypot(np.diff(x_m[nodes]), np.diff(y_m[nodes])).sum() <= _SHORT_M
        if way not in legs and not (short and on_leg[ends].any() and on_road[ends].all()):
            left_out[f"{read.pop(way).road_class.name.lower()} roads left out by choice of classes"] += 1
    return read, left_out


def cut_roads(extract: OsmExtract, tags: Mapping[int, WayTags], crs: str, x_m: F1, y_m: F1) -> Roads:
    """Cut ways where they meet.

    Ways that share a node but have different layers, and of which neither ends there, pass over one another
    and are not joined. At a barrier that stops cars no piece is joined to another. Nodes that follow each other at
    one and the same place, as in a map where a node was drawn twice, are one.
    """
    uses = _uses(extract, tags)
    apart = _layers_apart(extract, tags, uses)
    barriers = set(extract.barrier_node.tolist())
    vertex_of: dict[tuple[int, ...], int] = {}
    vertex_node: list[int] = []

    twice = _drawn_twice(extract, tags, uses, x_m, y_m, barriers | apart.keys())

    def vertex(node: int, way: int, position: int) -> int:
        node = twice.get(node, node)
        key: tuple[int, ...] = (node,)
        if node in barriers:
            key = (node, way, position)
        elif node in apart:
            key = (node, apart[node].get(tags[way].layer, tags[way].layer))
        if key not in vertex_of:
            vertex_of[key] = len(vertex_node)
            vertex_node.append(node)
        return vertex_of[key]

    pieces: list[Piece] = []
    for way, read in tags.items():
        nodes = extract.nodes_of(way).tolist()
        cuts = [
            p
            for p, node in enumerate(nodes)
            if p in {0, len(nodes) - 1} or uses[node] > 1 or node in barriers
        ]
        for first, last in pairwise(cuts):
            part = tuple(nodes[first : last + 1])
            start = vertex(nodes[first], way, 2 * first)
            end = vertex(nodes[last], way, 2 * last - 1)
            if start == end and len(part) < 4:
                continue
            pieces.append(Piece(way, start, end, part, read.forward is not None, read.backward is not None))
    if not pieces:
        raise InputError(
            "must hold a road that leads from one place to another",
            file=extract.source,
            field="node.lat, node.lon",
            value="all nodes of each road lie at one place",
            hint="Mend the positions of the nodes",
        )
    layers_apart = sum(len(set(groups.values())) - 1 for groups in apart.values())
    return Roads(crs, x_m, y_m, tags, tuple(pieces), np.array(vertex_node), layers_apart)


def _uses(extract: OsmExtract, tags: Mapping[int, WayTags]) -> NDArray[np.int64]:
    """How often ways that are taken in pass over each node."""
    taken = np.zeros(len(extract.way_id), dtype=bool)
    taken[list(tags)] = True
    passed = extract.way_node[np.repeat(taken, np.diff(extract.way_begin))]
    return np.bincount(passed, minlength=len(extract.node_id))


def _drawn_twice(
    extract: OsmExtract,
    tags: Mapping[int, WayTags],
    uses: NDArray[np.int64],
    x_m: F1,
    y_m: F1,
    but: Collection[int],
) -> dict[int, int]:
    """Return the node that stands for each node that lies where its neighbour on a way lies, all except `but`.

    That is the one with a signal, else the one that most ways pass.
    """
    taken = np.zeros(len(extract.way_id), dtype=bool)
    taken[list(tags)] = True
    within = np.repeat(taken, np.diff(extract.way_begin))
    within[extract.way_begin[1:] - 1] = False  # the next node belongs to the next way
    before, after = extract.way_node[:-1], extract.way_node[1:]
    same = within[:-1] & (x_m[before] == x_m[after]) & (y_m[before] == y_m[after])
    places: dict[tuple[float, float], set[int]] = defaultdict(set)
    for pair in zip(before[same].tolist(), after[same].tolist(), strict=True):
        if not any(node in but for node in pair):
            places[float(x_m[pair[0]]), float(y_m[pair[0]])].update(pair)
    signals = set(extract.signals.node.tolist())
    found: dict[int, int] = {}
    for nodes in places.values():
        stands = max(nodes, key=lambda node: (node in signals, uses[node], -node))
        found.update(dict.fromkeys(nodes, stands))
    return found


def _layers_apart(
    extract: OsmExtract, tags: Mapping[int, WayTags], uses: NDArray[np.int64]
) -> dict[int, dict[int, int]]:
    """Nodes at which roads pass over one another: the vertex group of each layer, by node."""
    through: dict[int, set[int]] = defaultdict(set)
    layers: dict[int, set[int]] = defaultdict(set)
    for way, read in tags.items():
        nodes = extract.nodes_of(way).tolist()
        for position, node in enumerate(nodes):
            if uses[node] > 1:
                layers[node].add(read.layer)
                if 0 < position < len(nodes) - 1:
                    through[node].add(read.layer)
    apart = {}
    for node, levels in through.items():
        if len(levels) > 1:
            groups = {level: level for level in levels}
            for level in layers[node] - levels:  # a road that ends here joins the nearest level
                groups[level] = min((abs(other - level), other) for other in levels)[1]
            apart[node] = groups
    return apart
