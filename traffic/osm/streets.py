"""Streets: chains of pieces between the vertices at which a driver has a choice."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from traffic.network import RoadClass
    from traffic.osm.roads import Piece, Roads

__all__ = ["End", "Street", "Streets", "join_pieces"]

_HEADING_M = 25.0


@dataclass(frozen=True)
class Street:
    """A chain of pieces, all open in the same directions.

    Attributes
    ----------
    start, end
        Vertices; a one-way street leads from start to end.
    one_way
        Whether it may be driven from start to end only.
    parts
        Pieces in order, each with whether it runs against its way.
    nodes
        Indices of the nodes of the extract, from start to end.
    along_m
        Distance of each node from the start.
    points
        Positions of the nodes; shape (n, 2), metres.
    part_end
        Index into `nodes` at which each part ends.
    """

    start: int
    end: int
    one_way: bool
    parts: tuple[tuple[Piece, bool], ...]
    nodes: tuple[int, ...]
    along_m: NDArray[np.float64]
    points: NDArray[np.float64]
    part_end: tuple[int, ...]

    @property
    def length_m(self) -> float:
        """Length along the road."""
        return float(self.along_m[-1])

    def bearing(self, *, at_end: bool) -> float:
        """Return the direction (radians) from one end into the street, over its first 25 m."""
        points = self.points[::-1] if at_end else self.points
        along = self.along_m[-1] - self.along_m[::-1] if at_end else self.along_m
        reach = min(_HEADING_M, self.length_m)
        x, y = (np.interp(reach, along, points[:, axis]) for axis in (0, 1))
        return float(np.arctan2(y - points[0, 1], x - points[0, 0]))


@dataclass(frozen=True)
class End:
    """One end of a street at a vertex."""

    street: int
    at_end: bool
    bearing_rad: float
    enters: bool
    """Whether traffic may come from the street to the vertex."""
    leaves: bool
    """Whether traffic may go from the vertex into the street."""


@dataclass(frozen=True, eq=False)
class Streets:
    """All streets and the roads that they are made of."""

    roads: Roads
    streets: tuple[Street, ...]
    gateways: frozenset[int] = frozenset()

    @cached_property
    def ends(self) -> Mapping[int, tuple[End, ...]]:
        """Ends of streets at each vertex."""
        ends: dict[int, list[End]] = defaultdict(list)
        for index, street in enumerate(self.streets):
            two_way = not street.one_way
            ends[street.start].append(End(index, False, street.bearing(at_end=False), two_way, True))  # noqa: FBT003
            ends[street.end].append(End(index, True, street.bearing(at_end=True), True, two_way))  # noqa: FBT003
        return {vertex: tuple(own) for vertex, own in ends.items()}

    def position(self, vertex: int) -> NDArray[np.float64]:
        """Return the position of a vertex, in metres."""
        node = self.roads.vertex_node[vertex]
        return np.array([self.roads.x_m[node], self.roads.y_m[node]])

    def other(self, end: End) -> int:
        """Return the vertex at the far end."""
        street = self.streets[end.street]
        return street.start if end.at_end else street.end

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Name of the longest named part of each street, or an empty string."""
        return tuple(self._name(street) for street in self.streets)

    def _name(self, street: Street) -> str:
        totals: dict[str, float] = defaultdict(float)
        begin = 0
        for (piece, _), end in zip(street.parts, street.part_end, strict=True):
            name = self.roads.tags[piece.way].name
            if name:
                totals[name] += float(street.along_m[end] - street.along_m[begin])
            begin = end
        return max(totals, key=lambda name: (totals[name], name)) if totals else ""

    def road_class(self, street: int) -> RoadClass:
        """Return the most important class among the parts."""
        return min(self.roads.tags[piece.way].road_class for piece, _ in self.streets[street].parts)


def join_pieces(roads: Roads, pieces: Sequence[Piece], gateways: frozenset[int]) -> Streets:
    """Join pieces at vertices at which traffic can only go on."""
    at: dict[int, list[int]] = defaultdict(list)
    for index, piece in enumerate(pieces):
        at[piece.start].append(index)
        at[piece.end].append(index)
    passing = {v for v, own in at.items() if v not in gateways and _goes_on(pieces, own, v)}
    used: set[int] = set()
    chains = []
    for first, piece in enumerate(pieces):
        for vertex in (piece.start, piece.end):
            if first not in used and vertex not in passing:
                chains.append(_walk(pieces, at, passing, vertex, first))
                used.update(index for index, _ in chains[-1])
    for first, piece in enumerate(pieces):
        if first not in used:  # a ring without any junction
            chains.append(_walk(pieces, at, passing - {piece.start}, piece.start, first))
            used.update(index for index, _ in chains[-1])
    return Streets(roads, tuple(_street(roads, pieces, chain) for chain in chains), gateways)


def _goes_on(pieces: Sequence[Piece], own: Sequence[int], vertex: int) -> bool:
    """Whether exactly two pieces meet at `vertex`, open in the same directions."""
    if len(own) != 2 or own[0] == own[1]:
        return False
    (in_a, out_a), (in_b, out_b) = (_open(pieces[index], vertex) for index in own)
    return in_a == out_b and out_a == in_b


def _open(piece: Piece, vertex: int) -> tuple[bool, bool]:
    """Whether traffic may come from the piece to `vertex`, and go into it."""
    if piece.end == vertex:
        return piece.forward, piece.backward
    return piece.backward, piece.forward


def _walk(
    pieces: Sequence[Piece], at: Mapping[int, list[int]], passing: set[int], vertex: int, first: int
) -> list[tuple[int, bool]]:
    """Pieces from `vertex` on, each with whether it is walked against its direction."""
    chain, index = [], first
    while True:
        against = pieces[index].end == vertex and pieces[index].start != vertex
        chain.append((index, against))
        vertex = pieces[index].start if against else pieces[index].end
        if vertex not in passing:
            return chain
        index = at[vertex][0] if at[vertex][1] == index else at[vertex][1]


def _street(roads: Roads, pieces: Sequence[Piece], chain: list[tuple[int, bool]]) -> Street:
    index, against = chain[0]
    if not (pieces[index].backward if against else pieces[index].forward):
        chain = [(index, not against) for index, against in reversed(chain)]
    first, against = chain[0]
    last, last_against = chain[-1]
    nodes: list[int] = []
    part_end = []
    for index, reverse in chain:
        own = pieces[index].nodes[::-1] if reverse else pieces[index].nodes
        nodes.extend(own if not nodes else own[1:])
        part_end.append(len(nodes) - 1)
    points = np.column_stack([roads.x_m[nodes], roads.y_m[nodes]])
    steps = np.hypot(*np.diff(points, axis=0).T)
    return Street(
        start=pieces[first].end if against else pieces[first].start,
        end=pieces[last].start if last_against else pieces[last].end,
        one_way=not (pieces[first].forward and pieces[first].backward),
        parts=tuple((pieces[index], reverse) for index, reverse in chain),
        nodes=tuple(nodes),
        along_m=np.r_[0.0, np.cumsum(steps)],
        points=points,
        part_end=tuple(part_end),
    )
