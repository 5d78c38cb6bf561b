"""Fills in the quality report of an import."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traffic.network import JunctionKind
from traffic.osm.evidence import angle_between
from traffic.osm.wrong_tags import wrong_tags
from traffic.quality import Dropped, QualityReport, Suspicion

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from traffic.network import RoadNetwork
    from traffic.osm.extract import OsmExtract
    from traffic.osm.links import Draft
    from traffic.osm.roads import Piece, Roads
    from traffic.overrides import WayOverride
    from traffic.specs import AssemblyNotes

__all__ = ["Facts", "quality_report"]

CUT_ROAD = "road cut where a node is not in the file"
SHORT_LINK_M = 10.0
LONG_LINK_M = 50_000.0
WIDE_JUNCTION_M = 120.0
MANY_LEGS = 6
PARALLEL_RAD = np.radians(15.0)


@dataclass(frozen=True, eq=False)
class Facts:
    """What the import knows beside the network that it made.

    Attributes
    ----------
    links, cut_links
        Links of the draft that are in the network (in its order), and those that banned turns cut off.
    nodes
        Node of the network by node of the draft.
    overridden
        What the engineer says of ways.
    """

    extract: OsmExtract
    roads: Roads
    draft: Draft
    links: NDArray[np.int64]
    cut_links: NDArray[np.int64]
    nodes: Mapping[int, int]
    signal_nodes: int
    lost: Mapping[int, str]
    beside: int
    left_out: Mapping[str, int]
    dropped: Mapping[str, Sequence[Piece]]
    restrictions: Mapping[str, int]
    notes: AssemblyNotes
    overridden: Sequence[WayOverride]
    warnings: Sequence[str]


def quality_report(name: str, network: RoadNetwork, facts: Facts) -> QualityReport:
    """Count and list what an engineer should know of an import."""
    links, junctions = network.links, network.junctions
    profiles = [facts.draft.links[i].profile for i in facts.links.tolist()]
    ignored = set(facts.notes.turn_lanes_ignored)
    ignored |= {i for i, p in enumerate(profiles) if p.ignored}
    counts = Counter(facts.extract.counts)
    counts.update(facts.left_out)
    counts["pedestrian crossings"] = len(facts.extract.crossing_node)
    counts["stop signs"] = len(facts.extract.stop_node)
    counts["give-way signs"] = len(facts.extract.give_way_node)
    counts["barriers on roads"] = len(facts.extract.barrier_node)
    counts["nodes shared by roads of different layers, not joined"] = facts.roads.layers_apart
    counts["gateways"] = int(network.nodes.gateway.sum())
    counts["links left by a U-turn only"] = len(facts.notes.forced_u_turns)
    kind = junctions.kind
    return QualityReport(
        name=name,
        source=facts.extract.source,
        signal_nodes=facts.signal_nodes,
        unmatched=dict(sorted(facts.lost.items())),
        beside_road=facts.beside,
        intersections=int((kind == JunctionKind.INTERSECTION).sum()),
        crossings=int((kind == JunctionKind.CROSSING).sum()),
        nodes=len(network.nodes),
        links=len(links),
        movements=len(network.movements),
        link_km=float(links.length_m.sum()) / 1000.0,
        lane_km=float((links.length_m * links.running_lanes).sum()) / 1000.0,
        defaults={
            "lanes": sum(profile.lanes_default for profile in profiles),
            "speed": sum(profile.speed_default for profile in profiles),
        },
        dropped=tuple(_dropped(facts)),
        restrictions=dict(sorted(facts.restrictions.items())),
        turn_lanes_ignored=len(ignored),
        wrong_tags=tuple(wrong_tags(facts.extract, facts.roads.tags, facts.overridden)),
        suspicions=(*_gaps(network, facts), *_suspicions(network, facts)),
        counts={what: count for what, count in sorted(counts.items()) if count},
        warnings=tuple(_warnings(facts)),
        seconds=0.0,
    )


def _dropped(facts: Facts) -> Iterator[Dropped]:
    for reason, pieces in facts.dropped.items():
        if pieces:
            km = sum(facts.roads.length_m(piece.nodes) for piece in pieces) / 1000.0
            yield Dropped(reason, len(pieces), km)
    cut = [facts.draft.links[i].length_m for i in facts.cut_links.tolist()]
    if cut:
        yield Dropped("joined only by turns that may not be made", len(cut), sum(cut) / 1000.0)


def _warnings(facts: Facts) -> Iterator[str]:
    yield from facts.warnings
    source = facts.extract.source
    over_ways = facts.extract.counts.get("restrictions over a way (not supported)", 0)
    if over_ways:
        yield f"{source}: {over_ways} turn restrictions over a way are not supported; ban the turns yourself"


def _gaps(network: RoadNetwork, facts: Facts) -> Iterator[Suspicion]:
    """Yield the roads that the file cuts up, with the junction next to the cut; not those left out by class."""
    at = network.junctions.node
    x_m, y_m = network.nodes.x_m[at], network.nodes.y_m[at]
    ids = facts.extract.way_id
    left_out = set(ids.tolist()) - set(ids[list(facts.roads.tags)].tolist())
    for gap in facts.extract.gaps:
        if gap.way in left_out:
            continue
        more = f" and {len(gap.missing) - 1} more" if len(gap.missing) > 1 else ""
        detail = f"node {gap.missing[0]}{more}"
        if gap.near is None:
            detail += ", the file has none of its nodes"
        elif len(at):
            away_m = np.hypot(x_m - facts.roads.x_m[gap.near], y_m - facts.roads.y_m[gap.near])
            nearest = int(away_m.argmin())
            key, name = network.junctions.key[nearest], network.junctions.name[nearest]
            detail += f", {away_m[nearest]:.0f} m from {key} {name}"
        where = f"way {gap.way} {gap.name}".rstrip()
        yield Suspicion(CUT_ROAD, where, detail, (gap.way, *gap.missing))


def _suspicions(network: RoadNetwork, facts: Facts) -> Iterator[Suspicion]:
    links = network.links
    for link in np.flatnonzero(links.length_m < SHORT_LINK_M).tolist():
        way = int(links.osm_way[link])
        yield Suspicion("very short link", f"way {way}, link {link}", f"{links.length_m[link]:.1f} m", (way,))
    for link in np.flatnonzero(links.length_m > LONG_LINK_M).tolist():
        way, length_km = int(links.osm_way[link]), links.length_m[link] / 1000.0
        yield Suspicion("very long link", f"way {way}, link {link}", f"{length_km:,.0f} km", (way,))
    draft_node = {index: node for node, index in facts.nodes.items()}
    arriving, leaving = _by_node(links.to_node), _by_node(links.from_node)
    for row, node in enumerate(network.junctions.node.tolist()):
        key, ids = network.junctions.key[row], network.junctions.osm_nodes[row]
        where = f"{key} {network.junctions.name[row]}"
        width = 2.0 * facts.draft.nodes[draft_node[node]].radius_m
        if width > WIDE_JUNCTION_M:
            yield Suspicion("wide junction", where, f"{width:.0f} m", ids)
        headings = [_bearing(network, link, at_end=True) for link in arriving.get(node, ())]
        intersection = network.junctions.kind[row] == JunctionKind.INTERSECTION
        if len(headings) > MANY_LEGS:
            yield Suspicion("more than 6 approaches", where, str(len(headings)), ids)
        if intersection and len(headings) == 1:
            yield Suspicion("one approach", where, f"{len(leaving.get(node, ()))} exits", ids)
        near = min((angle_between(a, b) for i, a in enumerate(headings) for b in headings[:i]), default=np.pi)
        if near < PARALLEL_RAD:
            yield Suspicion("near-parallel approaches", where, f"{np.degrees(near):.0f} degrees", ids)


def _by_node(column: NDArray[np.int32]) -> dict[int, list[int]]:
    rows: dict[int, list[int]] = {}
    for link, node in enumerate(column.tolist()):
        rows.setdefault(node, []).append(link)
    return rows


def _bearing(network: RoadNetwork, link: int, *, at_end: bool) -> float:
    """Direction from a junction outwards, over 30 m of the shape."""
    points = network.shape(link)[::-1] if at_end else network.shape(link)
    gap = np.r_[0.0, np.cumsum(np.hypot(*np.diff(points, axis=0).T))]
    reach = min(30.0, float(gap[-1]))
    x, y = (np.interp(reach, gap, points[:, axis]) - points[0, axis] for axis in (0, 1))
    return float(np.arctan2(y, x))
