"""Where the signals of an extract stand on its streets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from traffic.osm.extract import OsmExtract
    from traffic.osm.roads import Roads
    from traffic.osm.streets import Streets

__all__ = ["SignalSite", "locate_signals"]


@dataclass(frozen=True)
class SignalSite:
    """A signal node on the streets.

    Attributes
    ----------
    osm_id
        Id of the node.
    node
        Its index in the extract.
    vertex
        The vertex that it is; -1 where it stands along a street.
    street, along_m
        The street and the distance from its start; -1 where it is a vertex.
    to_start, to_end
        Whether it faces traffic towards the start or the end of the street.
    """

    osm_id: int
    node: int
    vertex: int = -1
    street: int = -1
    along_m: float = 0.0
    to_start: bool = False
    to_end: bool = False


def locate_signals(
    extract: OsmExtract, streets: Streets, nodes: Mapping[int, Mapping[str, str]]
) -> tuple[tuple[SignalSite, ...], dict[int, str]]:
    """Find signal nodes on the streets.

    Parameters
    ----------
    nodes
        Tags of each signal node, by its index in the extract.

    Returns
    -------
    sites
        Those found, by OSM id.
    lost
        Why the others were not found, by OSM id.
    """
    at_vertex = {int(streets.roads.vertex_node[vertex]): vertex for vertex in streets.ends}
    along: dict[int, tuple[int, int]] = {}
    for index, street in enumerate(streets.streets):
        for position in range(1, len(street.nodes) - 1):
            if street.nodes[position] in nodes:
                along.setdefault(street.nodes[position], (index, position))
    sites = []
    missing = []
    for node in sorted(nodes, key=lambda node: int(extract.node_id[node])):
        osm_id = int(extract.node_id[node])
        if node in at_vertex:
            sites.append(SignalSite(osm_id, node, vertex=at_vertex[node]))
        elif node in along:
            sites.append(_along(streets, osm_id, nodes[node], *along[node]))
        else:
            missing.append(node)
    return tuple(sites), _why_lost(extract, streets.roads, missing)


def _along(streets: Streets, osm_id: int, tags: Mapping[str, str], street: int, position: int) -> SignalSite:
    own = streets.streets[street]
    part = next(i for i, end in enumerate(own.part_end) if position <= end)
    against = own.parts[part][1]
    facing = tags.get("traffic_signals:direction", tags.get("direction", "both"))
    ahead = facing == ("backward" if against else "forward")
    behind = facing == ("forward" if against else "backward")
    return SignalSite(
        osm_id,
        own.nodes[position],
        street=street,
        along_m=float(own.along_m[position]),
        to_start=not own.one_way and not ahead,
        to_end=own.one_way or not behind,
    )


def _why_lost(extract: OsmExtract, roads: Roads, missing: Iterable[int]) -> dict[int, str]:
    carriers = dict(zip(extract.signals.node.tolist(), extract.signals.carrier, strict=True))
    taken = {node for piece in roads.pieces for node in piece.nodes}
    used = np.array(sorted(taken))
    tree = cKDTree(np.column_stack([roads.x_m[used], roads.y_m[used]]))
    reasons = {}
    for node in missing:
        carrier = carriers.get(node, "")
        if node in taken:
            reason = "on a road that is not joined to the main network"
        elif carrier == "":
            reason = "on a road left out by choice of classes"
        else:
            gap = tree.query([roads.x_m[node], roads.y_m[node]])[0]
            where = "off any way" if carrier == "nothing" else f"on a {carrier}"
            reason = f"{where}, not on a road for cars ({gap:.0f} m from the nearest road point)"
        reasons[int(extract.node_id[node])] = reason
    return reasons
