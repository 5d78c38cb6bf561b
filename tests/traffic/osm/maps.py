"""Tiny OpenStreetMap files, drawn in metres around a point in Almaty."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

import networkx as nx
import numpy as np
from pyproj import Transformer

from traffic.network import Turn
from traffic.osm.build import build_network
from traffic.osm.read import read_osm

if TYPE_CHECKING:
    from pathlib import Path

    from traffic.network import RoadNetwork
    from traffic.quality import QualityReport

_FROM_UTM = Transformer.from_crs("EPSG:32643", "EPSG:4326", always_xy=True)
_ORIGIN = (655_000.0, 4_790_000.0)


@dataclass
class OsmMap:
    """Nodes by id with a position in metres, ways and turn restrictions."""

    nodes: dict[int, tuple[float, float, dict[str, str]]] = field(default_factory=dict)
    ways: list[tuple[int, list[int], dict[str, str]]] = field(default_factory=list)
    relations: list[tuple[int, list[tuple[str, str, int]], dict[str, str]]] = field(default_factory=list)

    def node(self, osm_id: int, x: float, y: float, **tags: str) -> None:
        self.nodes[osm_id] = (x, y, {key.replace("__", ":"): value for key, value in tags.items()})

    def signal(self, osm_id: int, x: float, y: float, **tags: str) -> None:
        self.node(osm_id, x, y, highway="traffic_signals", **tags)

    def way(self, osm_id: int, nodes: list[int], highway: str = "secondary", **tags: str) -> None:
        named = {key.replace("__", ":"): value for key, value in tags.items()}
        self.ways.append((osm_id, nodes, {"highway": highway, **named}))

    def restriction(self, osm_id: int, kind: str, from_way: int, via: int, to_way: int) -> None:
        members = [("way", "from", from_way), ("node", "via", via), ("way", "to", to_way)]
        self.relations.append((osm_id, members, {"type": "restriction", "restriction": kind}))

    def write(self, path: Path) -> Path:
        lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<osm version="0.6">']
        for osm_id, (x, y, tags) in sorted(self.nodes.items()):
            lon, lat = _FROM_UTM.transform(x + _ORIGIN[0], y + _ORIGIN[1])
            lines.append(
                f'<node id="{osm_id}" version="1" lat="{lat:.9f}" lon="{lon:.9f}">{_tags(tags)}</node>'
            )
        for osm_id, nodes, tags in self.ways:
            refs = "".join(f'<nd ref="{node}"/>' for node in nodes)
            lines.append(f'<way id="{osm_id}" version="1">{refs}{_tags(tags)}</way>')
        for osm_id, members, tags in self.relations:
            refs = "".join(f'<member type="{t}" ref="{ref}" role="{role}"/>' for t, role, ref in members)
            lines.append(f'<relation id="{osm_id}" version="1">{refs}{_tags(tags)}</relation>')
        path.write_text("\n".join([*lines, "</osm>"]), encoding="utf-8")
        return path


def _tags(tags: dict[str, str]) -> str:
    return "".join(f"<tag k={quoteattr(key)} v={quoteattr(value)}/>" for key, value in tags.items())


def cross(*, signal: bool = True, arm_m: float = 300.0, **tags: str) -> OsmMap:
    """Two streets of 300 m arms that cross in node 1; ways 10 (west to east) and 11 (south to north)."""
    osm = OsmMap()
    if signal:
        osm.signal(1, 0, 0)
    else:
        osm.node(1, 0, 0)
    for osm_id, (x, y) in {2: (-1, 0), 3: (1, 0), 4: (0, -1), 5: (0, 1)}.items():
        osm.node(osm_id, x * arm_m, y * arm_m)
    osm.way(10, [2, 1, 3], name="Abay", **tags)
    osm.way(11, [4, 1, 5], name="Dostyk", **tags)
    return osm


def divided_cross(gap_m: float = 20.0, arm_m: float = 300.0) -> OsmMap:
    """Two divided roads: nodes 1 (SW), 2 (SE), 3 (NE), 4 (NW) of the inner square are signals.

    Ways 10 (eastbound), 11 (westbound), 12 (northbound), 13 (southbound).
    """
    osm = OsmMap()
    half = gap_m / 2
    for osm_id, (x, y) in {1: (-half, -half), 2: (half, -half), 3: (half, half), 4: (-half, half)}.items():
        osm.signal(osm_id, x, y)
    ends = {
        20: (-arm_m, -half), 21: (arm_m, -half), 22: (arm_m, half), 23: (-arm_m, half),
        24: (half, -arm_m), 25: (half, arm_m), 26: (-half, arm_m), 27: (-half, -arm_m),
    }  # fmt: skip
    for osm_id, (x, y) in ends.items():
        osm.node(osm_id, x, y)
    osm.way(10, [20, 1, 2, 21], "primary", oneway="yes", name="Abay")
    osm.way(11, [22, 3, 4, 23], "primary", oneway="yes", name="Abay")
    osm.way(12, [24, 2, 3, 25], "primary", oneway="yes", name="Dostyk")
    osm.way(13, [26, 4, 1, 27], "primary", oneway="yes", name="Dostyk")
    return osm


def path_m(points: list[tuple[float, float]]) -> float:
    """Return the length of a line."""
    return float(np.hypot(*np.diff(np.array(points), axis=0).T).sum())


def build(osm: OsmMap, folder: Path, **options: Any) -> tuple[RoadNetwork, QualityReport]:
    """Write the map, read it and make the network."""
    return build_network(read_osm(osm.write(folder / "map.osm")), name="map", **options)


def movements_of(network: RoadNetwork) -> set[tuple[int, int]]:
    """Return the movements as pairs of OSM way ids, U-turns left out."""
    table = network.movements
    keep = table.turn != Turn.U_TURN
    ways = network.links.osm_way
    return set(zip(ways[table.in_link[keep]].tolist(), ways[table.out_link[keep]].tolist(), strict=True))


def incoming(network: RoadNetwork, node: int) -> list[int]:
    """Return the links that end at a node."""
    return np.flatnonzero(network.links.to_node == node).tolist()


def turns_of(network: RoadNetwork) -> list[int]:
    """Return the number of movements of each `Turn`."""
    return np.bincount(network.movements.turn, minlength=4).tolist()


def assert_sound(network: RoadNetwork, report: QualityReport) -> None:
    """Check what holds for every import."""
    links = network.links
    size = len(links)
    assert not np.any(links.from_node == links.to_node)
    ends = network.nodes.gateway[links.to_node]
    starts = network.nodes.gateway[links.from_node]
    graph = nx.DiGraph()
    graph.add_nodes_from(range(size))
    graph.add_edges_from(
        zip(network.movements.in_link.tolist(), network.movements.out_link.tolist(), strict=True)
    )
    graph.add_edges_from((link, -1) for link in np.flatnonzero(ends).tolist())
    graph.add_edges_from((-1, link) for link in np.flatnonzero(starts).tolist())
    graph.remove_nodes_from([node for node in (-1,) if graph.has_node(node) and not graph.degree(node)])
    if size > 1:
        assert nx.is_strongly_connected(graph)
    assert set(network.connections.movement.tolist()) == set(range(len(network.movements)))
    assert report.signal_nodes == report.signals_matched + len(report.unmatched)
    assert all(report.unmatched.values())
    governed = [osm_id for ids in network.junctions.osm_nodes for osm_id in ids]
    assert len(governed) == len(set(governed)) == report.signals_matched
    assert not set(governed) & report.unmatched.keys()
    for link in range(size):
        drawn = path_m([(float(x), float(y)) for x, y in network.shape(link)])
        inside = links.length_m[link] - drawn
        assert -1e-6 <= inside <= 150.0
