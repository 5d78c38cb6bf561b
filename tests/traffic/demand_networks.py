"""Small road networks for the tests of demand."""

from __future__ import annotations

import numpy as np

from traffic.assemble import JunctionSpec, LinkSpec, NodeSpec, assemble
from traffic.network import RoadClass, RoadNetwork


def link(nodes, tail, head, *, speed_m_s=14.0, lanes=2, road_class=RoadClass.SECONDARY, **more):
    ends = np.array([[nodes[i].x_m, nodes[i].y_m] for i in (tail, head)])
    return LinkSpec(tail, head, ends, speed_m_s, lanes, road_class, **more)


def both_ways(nodes, pairs, **more):
    return [link(nodes, *pair, **more) for a, b in pairs for pair in ((a, b), (b, a))]


def cross(*, lanes=2, block_m=300.0, **more) -> RoadNetwork:
    """One signalised junction (node 0) with four gateways: 1 east, 2 north, 3 west, 4 south."""
    nodes = [NodeSpec(0.0, 0.0, osm_id=100, junction=JunctionSpec("centre", "Centre"))]
    for x, y in ((1, 0), (0, 1), (-1, 0), (0, -1)):
        nodes.append(NodeSpec(x * block_m, y * block_m, osm_id=100 + len(nodes), gateway=True))
    links = both_ways(nodes, [(k, 0) for k in (1, 2, 3, 4)], lanes=lanes, **more)
    return assemble("cross", "EPSG:32643", nodes, links)


def grid(columns: int, rows: int, *, block_m: float = 300.0, **more) -> RoadNetwork:
    """Signalised junctions in columns and rows, a gateway at the end of every street."""
    nodes, pairs = [], []
    for r in range(rows):
        for c in range(columns):
            spec = JunctionSpec(f"j{c}-{r}", f"{c} / {r}")
            nodes.append(NodeSpec(c * block_m, r * block_m, junction=spec))
    at = {(c, r): r * columns + c for r in range(rows) for c in range(columns)}
    pairs += [(at[c, r], at[c + 1, r]) for r in range(rows) for c in range(columns - 1)]
    pairs += [(at[c, r], at[c, r + 1]) for r in range(rows - 1) for c in range(columns)]
    ends = [(c, r, 0, dr) for c in range(columns) for r, dr in ((0, -1), (rows - 1, 1))]
    ends += [(c, r, dc, 0) for r in range(rows) for c, dc in ((0, -1), (columns - 1, 1))]
    for c, r, dc, dr in ends:
        nodes.append(NodeSpec((c + dc) * block_m, (r + dr) * block_m, gateway=True))
        pairs.append((len(nodes) - 1, at[c, r]))
    return assemble(f"grid {columns}x{rows}", "EPSG:32643", nodes, both_ways(nodes, pairs, **more))
