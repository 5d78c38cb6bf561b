"""Where roads leave the extract, and which roads can be reached from everywhere."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from traffic.errors import InputError
from traffic.network import RoadClass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traffic.osm.roads import Piece, Roads
    from traffic.road_tables import B1

__all__ = ["STUB_M", "connected_pieces", "find_gateways", "largest_strong_part", "without_stubs"]

STUB_M = 20.0
"""Dead ends shorter than this are left out."""

_AHEAD_MIN_M, _AHEAD_MAX_M = 60.0, 400.0
_AHEAD_RAD = np.radians(30.0)
_EDGE_M = 60.0


def find_gateways(roads: Roads) -> frozenset[int]:
    """Return the vertices at which a major road leaves the extract.

    That is where a road of class tertiary or above ends and is one-way (it must go on somewhere), or the
    edge of the extract is within 60 m, or the extract has no road from 60 to 400 m ahead within 30 degrees to
    either side. Where a two-way road ends and others lie ahead it is a dead end of the city.
    """
    ends: dict[int, list[Piece]] = defaultdict(list)
    for piece in roads.pieces:
        ends[piece.start].append(piece)
        ends[piece.end].append(piece)
    loose = [(v, own[0]) for v, own in ends.items() if len(own) == 1 and own[0].start != own[0].end]
    loose = [(v, p) for v, p in loose if roads.tags[p.way].road_class <= RoadClass.TERTIARY]
    if not loose:
        return frozenset()
    used = np.unique(np.concatenate([piece.nodes for piece in roads.pieces]))
    points = np.column_stack([roads.x_m[used], roads.y_m[used]])
    tree, low, high = cKDTree(points), points.min(axis=0), points.max(axis=0)
    found = set()
    for vertex, piece in loose:
        if not (piece.forward and piece.backward):
            found.add(vertex)
            continue
        here, back = _end_of(roads, piece, vertex)
        on_edge = np.minimum(here - low, high - here).min() < _EDGE_M
        near = points[tree.query_ball_point(here, _AHEAD_MAX_M)] - here
        if on_edge or not _ahead(near, here - back).any():
            found.add(vertex)
    return frozenset(found)


def _end_of(roads: Roads, piece: Piece, vertex: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Position of an end of a piece, and of its node before that at some distance."""
    nodes = piece.nodes if piece.end == vertex else piece.nodes[::-1]
    chain = np.column_stack([roads.x_m[list(nodes)], roads.y_m[list(nodes)]])
    gap = np.hypot(*(chain - chain[-1]).T)
    far = np.flatnonzero(gap >= 30.0)
    return chain[-1], chain[far[-1]] if len(far) else chain[0]


def _ahead(offsets: NDArray[np.float64], heading: NDArray[np.float64]) -> B1:
    distance = np.hypot(*offsets.T)
    along = offsets @ heading / max(float(np.hypot(*heading)), 1e-9)
    return np.asarray((distance >= _AHEAD_MIN_M) & (along >= distance * np.cos(_AHEAD_RAD)))


def connected_pieces(
    roads: Roads, gateways: frozenset[int], *, source: str
) -> tuple[tuple[Piece, ...], dict[str, list[Piece]]]:
    """Return the pieces from which every other can be reached, and those dropped, by reason.

    Traffic that leaves at a gateway may come back at any.
    """
    size = len(roads.vertex_node)
    start = np.array([piece.start for piece in roads.pieces])
    end = np.array([piece.end for piece in roads.pieces])
    forward = np.array([piece.forward for piece in roads.pieces])
    backward = np.array([piece.backward for piece in roads.pieces])
    weights = np.array([roads.length_m(piece.nodes) for piece in roads.pieces])
    whole = _largest(_components(start, end, size, "weak")[start], weights)
    tails = np.r_[start[forward & whole], end[backward & whole]]
    heads = np.r_[end[forward & whole], start[backward & whole]]
    inside = np.zeros(size, dtype=bool)
    inside[start[whole]] = inside[end[whole]] = True
    own = np.array([v for v in sorted(gateways) if inside[v]], dtype=np.int64)
    outside = np.full(len(own), size)
    label = _components(np.r_[tails, own, outside], np.r_[heads, outside, own], size + 1, "strong")
    same = label[start] == label[end]
    kept = whole & same
    if not kept.any():
        raise InputError(
            "must hold roads on which traffic can go round or pass through",
            file=source,
            field="way.oneway",
            hint="Every road is one-way and leads nowhere; check the extract, or use a larger one",
        )
    kept &= _largest(np.where(kept, label[start], -1), np.where(kept, weights, 0.0))
    dropped: dict[str, list[Piece]] = {"not joined to the main network": [], "one-way without a way back": []}
    for piece, joined, keep in zip(roads.pieces, whole, kept, strict=True):
        if not keep:
            dropped["one-way without a way back" if joined else "not joined to the main network"].append(
                piece
            )
    return tuple(piece for piece, keep in zip(roads.pieces, kept, strict=True) if keep), dropped


def without_stubs(
    roads: Roads, pieces: Sequence[Piece], gateways: frozenset[int], signals: frozenset[int]
) -> tuple[tuple[Piece, ...], list[Piece]]:
    """Return the pieces without dead ends shorter than 20 m, and these; a piece with a signal stays."""
    uses = np.bincount(np.array([(p.start, p.end) for p in pieces]).ravel(), minlength=len(roads.vertex_node))
    kept, stubs = [], []
    for piece in pieces:
        ends = {piece.start, piece.end}
        dead = min(uses[vertex] for vertex in ends) == 1 and not ends & gateways
        if dead and roads.length_m(piece.nodes) < STUB_M and signals.isdisjoint(piece.nodes):
            stubs.append(piece)
        else:
            kept.append(piece)
    return (tuple(kept), stubs) if kept else (tuple(pieces), [])


def largest_strong_part(
    links: int,
    pairs: tuple[NDArray[np.int32], NDArray[np.int32]],
    entries: NDArray[np.int64],
    exits: NDArray[np.int64],
) -> B1:
    """Return which links can reach each other by the movements `pairs` (in-link, out-link).

    Parameters
    ----------
    entries, exits
        Links that start, and that end, at a gateway: traffic may go from each exit to each entry.
    """
    in_link, out_link = pairs
    outside_in = np.full(len(exits), links)
    outside_out = np.full(len(entries), links)
    tails = np.r_[np.asarray(in_link), exits, outside_out]
    heads = np.r_[np.asarray(out_link), outside_in, entries]
    label = _components(tails, heads, links + 1, "strong")[:links]
    return _largest(label, np.ones(links))


def _components(
    tails: NDArray[np.int64], heads: NDArray[np.int64], size: int, kind: str
) -> NDArray[np.int32]:
    graph = coo_array((np.ones(len(tails), dtype=np.int8), (tails, heads)), shape=(size, size))
    _, label = connected_components(graph.tocsr(), directed=True, connection=kind)
    return np.asarray(label)


def _largest(label: NDArray[np.int32], weights: NDArray[np.float64]) -> B1:
    """Return which rows carry the label of the greatest total weight."""
    valid = label >= 0
    total = np.bincount(label[valid], weights=weights[valid])
    return np.asarray(label == int(np.argmax(total)))
