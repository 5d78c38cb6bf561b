"""Vertices and signals gathered into one junction for each controller.

Distance alone never joins two vertices: they must be linked by a short street, and something must say that
the street lies inside a junction. In this order:

1. *Split junctions.* Vertices joined by a street of at most 12 m; and by one of at most 60 m that leads
   across the median of a divided road (`traffic.osm.evidence`), unless it is a mere opening for U-turns.
   Small roundabouts.
2. *Signals.* A signal on a vertex governs its junction. A signal along a street governs the junction that
   it stands before (at most 50 m) or behind (25 m) if that junction has signals on another approach or of
   its own, or if it is closer than 20 m, or than 35 m and the crossing street is of class tertiary or
   above.
3. *One controller.* Signalised junctions joined by streets of at most 45 m, over unsignalised vertices
   too, as long as the junction stays within 110 m.
4. *Channels.* Unsignalised vertices from which two short streets lead into the same signalised junction:
   where a road divides before it, and turning lanes around its corners.
5. *Carriageways abreast.* Signals that face each other over the median of a divided road, within 15 m
   along it and 25 m across (40 m if the carriageways share their name), have one controller; so have those
   side by side on two carriageways of one name and direction, 5 to 25 m apart.
6. What remains along streets are *mid-block crossings*.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from traffic.network import RoadClass
from traffic.osm.channels import channel_vertices, near_vertices
from traffic.osm.evidence import crosses_divided_road, is_roundabout
from traffic.osm.facing import face_each_other, face_marks, facing_pairs
from traffic.osm.union import VertexUnion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from traffic.osm.signals import SignalSite
    from traffic.osm.streets import Streets

__all__ = ["Consolidation", "MidBlock", "consolidate"]

JIG_M = 12.0
MEDIAN_M = 60.0
BEFORE_M = 50.0
BEHIND_M = 25.0
ALONE_M = 20.0
ALONE_MAJOR_M = 35.0
CONTROLLER_M = 45.0
EXTENT_M = 110.0
WIDE_EXTENT_M = 150.0
ROUNDABOUT_M = 80.0
MID_BLOCK_M = 40.0


@dataclass(frozen=True)
class MidBlock:
    """A signalised crossing between junctions: where it cuts streets, and its signals."""

    cuts: tuple[tuple[int, float], ...]
    sites: tuple[int, ...]


@dataclass(frozen=True)
class Consolidation:
    """Which vertices make one junction.

    Attributes
    ----------
    cluster
        A representative of the junction, by vertex; vertices that stand alone are missing.
    sites
        Signals (positions in the list of sites) by representative.
    cuts
        Where junctions cut streets that pass beside their vertices: street and distance, by representative.
    mid_blocks
        Crossings along streets.
    """

    cluster: Mapping[int, int]
    sites: Mapping[int, tuple[int, ...]]
    cuts: Mapping[int, tuple[tuple[int, float], ...]]
    mid_blocks: tuple[MidBlock, ...]


def consolidate(
    streets: Streets,
    sites: Sequence[SignalSite],
    node_id: NDArray[np.int64],
    *,
    together: Iterable[frozenset[int]] = (),
    apart: Iterable[frozenset[int]] = (),
) -> Consolidation:
    """Gather vertices and signals.

    Parameters
    ----------
    node_id
        OSM ids of the nodes of the extract.
    together, apart
        The engineer's word: sets of OSM nodes that make one junction, and of which no two may be in one.
    """
    vertex_of = {int(node_id[streets.roads.vertex_node[vertex]]): vertex for vertex in sorted(streets.ends)}
    site_of = {site.osm_id: index for index, site in enumerate(sites) if site.vertex < 0}
    work = _Work(streets, sites, [_Word.of(group, vertex_of, site_of) for group in apart])
    work.force([_Word.of(group, vertex_of, site_of) for group in together])
    work.join_split_junctions()
    work.attach()
    work.join_controllers()
    work.join_channels()
    work.attach()
    return work.result()


@dataclass(frozen=True)
class _Word:
    """What the engineer named: vertices, and signals along streets."""

    vertices: frozenset[int]
    sites: frozenset[int]

    @classmethod
    def of(cls, nodes: frozenset[int], vertex_of: Mapping[int, int], site_of: Mapping[int, int]) -> _Word:
        return cls(
            frozenset(vertex_of[node] for node in nodes if node in vertex_of),
            frozenset(site_of[node] for node in nodes if node in site_of),
        )


class _Work:
    def __init__(self, streets: Streets, sites: Sequence[SignalSite], apart: Sequence[_Word]) -> None:
        self.streets = streets
        self.sites = sites
        self.apart = apart
        self.together: list[frozenset[int]] = []
        self.union = VertexUnion(streets, [word.vertices for word in apart])
        self.site_vertex = {index: site.vertex for index, site in enumerate(sites) if site.vertex >= 0}

    def force(self, together: Sequence[_Word]) -> None:
        """Join what the engineer says belongs together."""
        for word in together:
            first, *others = sorted(word.vertices) or [-1]
            for other in others:
                self.union.force(first, other)
            if first >= 0:
                self.site_vertex.update(dict.fromkeys(sorted(word.sites), first))
            else:
                self.together.append(word.sites)

    def _put(self, index: int, vertex: int) -> bool:
        """Give a signal to the junction of `vertex` unless the engineer forbids it."""
        members = set(self.union.members(vertex))
        others = {i for i, v in self.site_vertex.items() if v in members}
        for word in self.apart:
            if index in word.sites and (word.vertices & members or (word.sites - {index}) & others):
                return False
        self.site_vertex[index] = vertex
        return True

    def join_split_junctions(self) -> None:
        """Step 1."""
        streets = self.streets
        signals = {site.vertex for site in self.sites if site.vertex >= 0}
        short = [i for i, s in enumerate(streets.streets) if s.length_m <= MEDIAN_M and s.start != s.end]
        for index in sorted(short, key=lambda i: (streets.streets[i].length_m, i)):
            own = streets.streets[index]
            if is_roundabout(streets, index):
                continue
            ends = (own.start, own.end)
            if any(len(streets.ends[vertex]) < 3 for vertex in ends):
                continue
            if own.length_m <= JIG_M:
                self.union.join(*ends, EXTENT_M)
            elif crosses_divided_road(streets, index):
                opening = all(len(streets.ends[vertex]) == 3 for vertex in ends)
                if not opening or signals.intersection(ends):
                    self.union.join(*ends, WIDE_EXTENT_M)
        self._join_small_roundabouts()

    def _join_small_roundabouts(self) -> None:
        ring: dict[int, list[int]] = defaultdict(list)
        rings = VertexUnion(self.streets, ())
        tagged = [i for i, _ in enumerate(self.streets.streets) if is_roundabout(self.streets, i)]
        for index in tagged:
            rings.force(self.streets.streets[index].start, self.streets.streets[index].end)
        for index in tagged:
            ring[rings.find(self.streets.streets[index].start)].append(index)
        for own in ring.values():
            if sum(self.streets.streets[i].length_m for i in own) <= ROUNDABOUT_M:
                for index in own:
                    street = self.streets.streets[index]
                    self.union.join(street.start, street.end, EXTENT_M)

    def attach(self) -> None:
        """Step 2: give each signal its junction where it has one."""
        for index in self._waiting():
            own = self.streets.streets[self.sites[index].street]
            if own.length_m <= MEDIAN_M and self.union.same(own.start, own.end):
                self._put(index, own.start)
        self._attach_to_signalised()
        self._attach_to_unsignalised()
        self._attach_to_signalised()

    def _candidates(self, index: int) -> list[tuple[float, int, bool, int]]:
        """Vertices that a signal may govern: (distance, vertex, whether it stands before it, street end)."""
        site = self.sites[index]
        own = self.streets.streets[site.street]
        options = (
            (site.along_m, own.start, site.to_start, 2 * site.street),
            (own.length_m - site.along_m, own.end, site.to_end, 2 * site.street + 1),
        )
        return sorted(
            (gap, vertex, before, end)
            for gap, vertex, before, end in options
            if len(self.streets.ends[vertex]) >= 3 and gap <= (BEFORE_M if before else BEHIND_M)
        )

    def _waiting(self) -> list[int]:
        return [i for i in range(len(self.sites)) if i not in self.site_vertex]

    def _signalised(self) -> set[int]:
        return {self.union.find(vertex) for vertex in self.site_vertex.values()}

    def _attach_to_signalised(self) -> None:
        signalised = self._signalised()
        for index in self._waiting():
            for _, vertex, _, _ in self._candidates(index):
                if self.union.find(vertex) in signalised and self._put(index, vertex):
                    break

    def _attach_to_unsignalised(self) -> None:
        """Signals on two approaches of a junction, or on one close before it, make it signalised."""
        groups: dict[int, list[tuple[float, int, int, int]]] = defaultdict(list)
        for index in self._waiting():
            for gap, vertex, before, end in self._candidates(index):
                if before:
                    groups[self.union.find(vertex)].append((gap, index, vertex, end))
        order = sorted(
            groups, key=lambda root: (-len({e for *_, e in groups[root]}), min(groups[root]), root)
        )
        for root in order:
            free = [row for row in groups[root] if row[1] not in self.site_vertex]
            if len({end for *_, end in free}) >= 2:
                for _, index, vertex, _ in free:
                    self._put(index, vertex)
        for index in self._waiting():
            for gap, vertex, before, _ in self._candidates(index):
                if gap <= self._alone_limit(index, vertex, before=before) and self._put(index, vertex):
                    break

    def _alone_limit(self, index: int, vertex: int, *, before: bool) -> float:
        """How far a single signal may stand from the junction that it makes signalised."""
        name = self.streets.names[self.sites[index].street]
        others = [
            end.street
            for member in self.union.members(vertex)
            for end in self.streets.ends[member]
            if self.streets.names[end.street] != name or not name
        ]
        major = sum(self.streets.road_class(street) <= RoadClass.TERTIARY for street in others)
        if before and major and name:
            return ALONE_MAJOR_M
        return ALONE_M if before else ALONE_M / 2

    def join_controllers(self) -> None:
        """Step 3."""
        for vertex in sorted(set(self.site_vertex.values())):
            reach = near_vertices(self.streets, [vertex], CONTROLLER_M)
            signalised = self._signalised()
            for other, (_, path) in sorted(reach.items(), key=lambda item: (item[1][0], item[0])):
                if other == vertex or self.union.find(other) not in signalised:
                    continue
                chain = [vertex, *path]
                if not self.union.same(vertex, other) and self.union.fits(chain, EXTENT_M):
                    for a, b in pairwise(chain):
                        self.union.join(a, b, EXTENT_M)

    def join_channels(self) -> None:
        """Step 4."""
        for root in sorted(self._signalised()):
            members = self.union.members(root)
            signalised = self._signalised()
            others = {v for r in signalised if r != self.union.find(root) for v in self.union.members(r)}
            for vertex in sorted(channel_vertices(self.streets, members, others)):
                self.union.join(members[0], vertex, EXTENT_M)

    def result(self) -> Consolidation:
        """Do steps 5 and 6, and return the outcome."""
        groups = self._mid_block_groups()
        owner = self._join_opposite(groups)
        cluster = self.union.clusters()
        sites: dict[int, list[int]] = defaultdict(list)
        cuts: dict[int, list[tuple[int, float]]] = defaultdict(list)
        blocks = []
        for index, vertex in sorted(self.site_vertex.items()):
            sites[self.union.find(vertex)].append(index)
        for group, vertex in zip(groups, owner, strict=True):
            block = _mid_block(self.sites, group)
            if vertex < 0:
                blocks.append(block)
            else:
                sites[self.union.find(vertex)] += block.sites
                cuts[self.union.find(vertex)] += (cut for cut in block.cuts if not self._inside(cut, vertex))
        cluster.update({root: root for root in sites})
        return Consolidation(
            cluster=cluster,
            sites={root: tuple(sorted(own)) for root, own in sites.items()},
            cuts={root: tuple(sorted(own)) for root, own in cuts.items()},
            mid_blocks=tuple(blocks),
        )

    def _inside(self, cut: tuple[int, float], vertex: int) -> bool:
        """Whether a cut would leave a piece of road from the junction of `vertex` to itself."""
        street, along = self.streets.streets[cut[0]], cut[1]
        return (self.union.same(street.start, vertex) and along <= EXTENT_M) or (
            self.union.same(street.end, vertex) and street.length_m - along <= EXTENT_M
        )

    def _mid_block_groups(self) -> list[list[int]]:
        """Group the signals of one crossing: close to each other along one street, or over a median."""
        groups: list[list[int]] = []
        for index in self._waiting():
            own, others = [index], []
            for group in groups:
                near = any(self._one_crossing(index, other) for other in group)
                if near and not any(len(word.sites.intersection(own + group)) > 1 for word in self.apart):
                    own += group
                else:
                    others.append(group)
            groups = [*others, sorted(own)]
        return sorted(groups)

    def _one_crossing(self, first: int, second: int) -> bool:
        if any({first, second} <= word.sites for word in self.apart):
            return False
        if any({first, second} <= group for group in self.together):
            return True
        one, two = self.sites[first], self.sites[second]
        if one.street == two.street:
            return abs(one.along_m - two.along_m) <= MID_BLOCK_M
        faces = [face_marks(self.streets, site) for site in (one, two)]
        return face_each_other(*faces)

    def _join_opposite(self, groups: Sequence[Sequence[int]]) -> list[int]:
        """Join signals that face each other; return the vertex that each mid-block group falls to, or -1."""
        marks = [face_marks(self.streets, site) for site in self.sites]
        group_of = {index: number for number, group in enumerate(groups) for index in group}
        owner = [-1] * len(groups)
        for first, second in facing_pairs(self.streets, self.sites, marks):
            if any({first, second} <= word.sites for word in self.apart):
                continue
            at = self.site_vertex.get(first, -1), self.site_vertex.get(second, -1)
            if min(at) >= 0:
                self.union.join(*at, EXTENT_M)
            elif max(at) >= 0:
                number = group_of[first if at[0] < 0 else second]
                if owner[number] < 0 and self._allowed(groups[number], max(at)):
                    owner[number] = max(at)
        return owner

    def _allowed(self, group: Sequence[int], vertex: int) -> bool:
        members = set(self.union.members(vertex))
        return not any(word.sites.intersection(group) and word.vertices & members for word in self.apart)


def _mid_block(sites: Sequence[SignalSite], group: Sequence[int]) -> MidBlock:
    by_street: dict[int, list[float]] = defaultdict(list)
    for index in group:
        by_street[sites[index].street].append(sites[index].along_m)
    cuts = tuple((street, float(np.mean(along))) for street, along in sorted(by_street.items()))
    return MidBlock(cuts, tuple(group))
