"""Signals that do not stand on the road but belong to a junction beside them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from traffic.osm.extract import OsmExtract
    from traffic.osm.links import Draft
    from traffic.osm.roads import Roads
    from traffic.osm.signals import SignalSite

__all__ = ["BESIDE_M", "signals_beside"]

BESIDE_M = 25.0
"""A signal on a footway, cycleway or bus lane this close to a signal of a junction is one of the junction."""


def signals_beside(
    extract: OsmExtract,
    roads: Roads,
    draft: Draft,
    sites: Sequence[SignalSite],
    lost: Mapping[int, str],
) -> tuple[dict[int, tuple[int, ...]], dict[int, str]]:
    """Give signals off the road to the junction that they stand at.

    Returns
    -------
    beside
        OSM ids by node of the draft.
    lost
        Those that remain, with the reason.
    """
    owners: list[int] = []
    where: list[tuple[float, float]] = []
    for node, own in enumerate(draft.nodes):
        marks = [sites[site].node for site in own.sites]
        if own.sites:
            marks += [int(roads.vertex_node[vertex]) for vertex in own.vertices]
        owners += [node] * len(marks)
        where += [(float(roads.x_m[mark]), float(roads.y_m[mark])) for mark in marks]
    tree = cKDTree(np.array(where).reshape(-1, 2))
    index = {int(extract.node_id[node]): node for node in extract.signals.node.tolist()}
    beside: dict[int, list[int]] = defaultdict(list)
    remaining = {}
    for osm_id, reason in lost.items():
        node = index.get(osm_id, -1)
        gap, mark = tree.query([roads.x_m[node], roads.y_m[node]]) if node >= 0 else (np.inf, 0)
        if gap <= BESIDE_M:
            beside[owners[int(mark)]].append(osm_id)
        else:
            remaining[osm_id] = reason
    return {node: tuple(ids) for node, ids in beside.items()}, remaining
