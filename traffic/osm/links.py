"""Nodes and directed links of the network from consolidated streets."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from traffic.lanes import LANE_WIDTH_M, REFUGE_WIDTH_M
from traffic.osm.evidence import angle_between
from traffic.osm.lanes import breaks, lane_profile, runs_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from traffic.osm.consolidate import Consolidation
    from traffic.osm.lanes import LaneProfile
    from traffic.osm.streets import Street, Streets

__all__ = ["Draft", "DraftLink", "DraftNode", "draft_network", "is_internal"]

_BESIDE_RAD = np.radians(30.0)
_BESIDE_M = 60.0

INTERNAL_M = 120.0
"""A street from a junction back to itself lies inside it up to this length; a longer one is a loop."""


@dataclass(frozen=True)
class DraftNode:
    """A node of the network to be.

    Attributes
    ----------
    vertices
        Its vertices; none for a node along a street.
    sites
        Signals (positions in the list of sites).
    """

    x_m: float
    y_m: float
    radius_m: float
    vertices: tuple[int, ...]
    sites: tuple[int, ...]
    osm_id: int
    gateway: bool


@dataclass(frozen=True, eq=False)
class DraftLink:
    """A link of the network to be: one direction of a street or of a part of it.

    Attributes
    ----------
    first, last
        Vertices at either end; -1 where the street was cut.
    against
        Whether it runs from the end of the street to its start.
    first_way, last_way
        OSM ids of the ways at either end.
    length_m
        Along the street, and through the half of the junction at either end.
    refuge
        Whether people on foot can wait between it and the other carriageway at its end.
    """

    street: int
    against: bool
    from_node: int
    to_node: int
    first: int
    last: int
    shape: NDArray[np.float64]
    length_m: float
    profile: LaneProfile
    first_way: int
    last_way: int
    name: str
    refuge: bool = False


@dataclass(frozen=True)
class Draft:
    """Nodes and links before turns are known."""

    nodes: tuple[DraftNode, ...]
    links: tuple[DraftLink, ...]
    node_of_vertex: Mapping[int, int]
    internal: tuple[int, ...]


def is_internal(street: Street, consolidation: Consolidation) -> bool:
    """Whether a street lies inside a junction."""
    cluster = consolidation.cluster
    if street.start == street.end or street.length_m > INTERNAL_M:
        return False
    return street.start in cluster and cluster[street.start] == cluster.get(street.end)


def draft_network(
    streets: Streets, consolidation: Consolidation, node_id: NDArray[np.int64], way_id: NDArray[np.int64]
) -> Draft:
    """Make nodes of junctions, crossings and changes of the road, and links of what lies between them."""
    builder = _Builder(streets, consolidation, node_id, way_id)
    for index in range(len(streets.streets)):
        builder.add_street(index)
    links = _with_refuges(streets, builder.links)
    return Draft(tuple(builder.nodes), links, builder.node_of_vertex, tuple(builder.internal))


def _with_refuges(streets: Streets, links: Sequence[DraftLink]) -> tuple[DraftLink, ...]:
    """Mark one-way links beside whose end the other carriageway of the road begins, with room for an island between."""
    leaving: dict[int, list[DraftLink]] = defaultdict(list)
    for link in links:
        if streets.streets[link.street].one_way:
            leaving[link.from_node].append(link)
    marked = []
    for link in links:
        beside = streets.streets[link.street].one_way and any(
            other.street != link.street and _beside(link, other) and _room_between(link, other)
            for other in leaving[link.to_node]
        )
        marked.append(replace(link, refuge=True) if beside else link)
    return tuple(marked)


def _beside(link: DraftLink, other: DraftLink) -> bool:
    """Whether `other` begins next to the end of `link` and runs the other way."""
    here, there = link.shape[-1], other.shape[0]
    back, ahead = link.shape[-2] - here, other.shape[1] - there
    turn = angle_between(float(np.arctan2(*back[::-1])), float(np.arctan2(*ahead[::-1])))
    return turn < _BESIDE_RAD and 0.0 < float(np.hypot(*(there - here))) <= _BESIDE_M


def _room_between(link: DraftLink, other: DraftLink) -> bool:
    """Whether a refuge island fits between the carriageways of `link`, at its end, and of `other`, at its start."""
    along = link.shape[-1] - link.shape[-2]
    over = other.shape[0] - link.shape[-1]
    apart = abs(float(along[0] * over[1] - along[1] * over[0])) / float(np.hypot(*along))
    bays = link.profile.left_bay_lanes + link.profile.right_bay_lanes
    lanes = link.profile.running_lanes + bays + other.profile.running_lanes
    return apart - lanes * LANE_WIDTH_M / 2.0 >= REFUGE_WIDTH_M


class _Builder:
    def __init__(
        self,
        streets: Streets,
        consolidation: Consolidation,
        node_id: NDArray[np.int64],
        way_id: NDArray[np.int64],
    ) -> None:
        self.streets = streets
        self.consolidation = consolidation
        self.node_id = node_id
        self.way_ids = way_id.tolist()
        self.nodes: list[DraftNode] = []
        self.links: list[DraftLink] = []
        self.internal: list[int] = []
        self.node_of_vertex: dict[int, int] = {}
        self.cuts: dict[int, list[tuple[float, int]]] = defaultdict(list)
        self._vertex_nodes()
        self._mid_block_nodes()

    def _vertex_nodes(self) -> None:
        members: dict[int, list[int]] = defaultdict(list)
        for vertex in sorted(self.streets.ends):
            members[self.consolidation.cluster.get(vertex, vertex)].append(vertex)
        for root, own in members.items():
            cuts = self.consolidation.cuts.get(root, ())
            points = np.array(
                [self.streets.position(vertex) for vertex in own]
                + [_point(self.streets.streets[street], along) for street, along in cuts]
            )
            middle = (points.min(axis=0) + points.max(axis=0)) / 2
            for street, along in cuts:
                self.cuts[street].append((along, len(self.nodes)))
            sites = self.consolidation.sites.get(root, ())
            self.node_of_vertex.update(dict.fromkeys(own, len(self.nodes)))
            self.nodes.append(
                DraftNode(
                    x_m=float(middle[0]),
                    y_m=float(middle[1]),
                    radius_m=float(np.hypot(*(points - middle).T).max()),
                    vertices=tuple(own),
                    sites=sites,
                    osm_id=int(min(self.node_id[self.streets.roads.vertex_node[v]] for v in own)),
                    gateway=bool(self.streets.gateways.intersection(own)),
                )
            )

    def _mid_block_nodes(self) -> None:
        for block in self.consolidation.mid_blocks:
            points = np.array([_point(self.streets.streets[street], along) for street, along in block.cuts])
            middle = points.mean(axis=0)
            radius = float(np.hypot(*(points - middle).T).max())
            for street, along in block.cuts:
                self.cuts[street].append((along, len(self.nodes)))
            self._add_plain(middle, radius, block.sites, 0)

    def _add_plain(
        self, point: NDArray[np.float64], radius: float, sites: tuple[int, ...], osm_id: int
    ) -> int:
        self.nodes.append(
            DraftNode(float(point[0]), float(point[1]), radius, (), sites, osm_id, gateway=False)
        )
        return len(self.nodes) - 1

    def add_street(self, index: int) -> None:
        """Cut a street at crossings and changes and make its links."""
        street = self.streets.streets[index]
        if is_internal(street, self.consolidation) and index not in self.cuts:
            self.internal.append(index)
            return
        stops = [(0.0, self.node_of_vertex[street.start], street.start)]
        stops += [(along, node, -1) for along, node in self._inner_stops(index, street)]
        stops.append((street.length_m, self.node_of_vertex[street.end], street.end))
        for here, there in pairwise(stops):
            self._add_link(index, here, there, against=False)
            if not street.one_way:
                self._add_link(index, here, there, against=True)

    def _inner_stops(self, index: int, street: Street) -> list[tuple[float, int]]:
        stops = sorted(self.cuts.get(index, []))
        for along in breaks(self.streets, street):
            if all(abs(along - other) >= 50.0 for other, _ in stops):
                stops.append(
                    (along, self._add_plain(_point(street, along), 0.0, (), self._nearest_id(street, along)))
                )
        stops.sort()
        if self.node_of_vertex[street.start] == self.node_of_vertex[street.end] and not stops:
            along = street.length_m / 2
            stops = [
                (along, self._add_plain(_point(street, along), 0.0, (), self._nearest_id(street, along)))
            ]
        return stops

    def _nearest_id(self, street: Street, along: float) -> int:
        return int(self.node_id[street.nodes[int(np.abs(street.along_m - along).argmin())]])

    def _add_link(
        self, index: int, here: tuple[float, int, int], there: tuple[float, int, int], *, against: bool
    ) -> None:
        street = self.streets.streets[index]
        (begin, from_node, first), (end, to_node, last) = here, there
        runs = runs_of(self.streets, self.way_ids, street, begin, end, against=against)
        shape = _part(street, begin, end)
        if against:
            shape = shape[::-1]
            from_node, to_node, first, last = to_node, from_node, last, first
        inside = _inside(self.nodes[from_node], shape) + _inside(self.nodes[to_node], shape[::-1])
        self.links.append(
            DraftLink(
                street=index,
                against=against,
                from_node=from_node,
                to_node=to_node,
                first=first,
                last=last,
                shape=shape,
                length_m=end - begin + inside,
                profile=lane_profile(runs, bays=last >= 0),
                first_way=runs[0].osm_way,
                last_way=runs[-1].osm_way,
                name=self.streets.names[index],
            )
        )


def _inside(node: DraftNode, shape: NDArray[np.float64]) -> float:
    """Return how far it is from the start of a shape back to the middle of its junction, along the road."""
    if node.radius_m == 0.0:
        return 0.0
    ahead = shape[1] - shape[0]
    back = shape[0] - (node.x_m, node.y_m)
    return max(float(back @ ahead) / max(float(np.hypot(*ahead)), 1e-9), 0.0)


def _point(street: Street, along: float) -> NDArray[np.float64]:
    return np.array([np.interp(along, street.along_m, street.points[:, axis]) for axis in (0, 1)])


def _part(street: Street, begin: float, end: float) -> NDArray[np.float64]:
    """Return the points between two distances from the start, both ends included."""
    if begin <= 0.0 and end >= street.length_m:
        return street.points
    inner = (street.along_m > begin + 1e-6) & (street.along_m < end - 1e-6)
    return np.vstack([_point(street, begin), street.points[inner], _point(street, end)])
