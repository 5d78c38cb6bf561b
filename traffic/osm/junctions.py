"""What a signalised node is, and what people call it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from traffic.network import JunctionKind
from traffic.osm.evidence import angle_between
from traffic.specs import JunctionSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from traffic.osm.links import Draft, DraftLink
    from traffic.osm.signals import SignalSite
    from traffic.osm.turns import TurnRules

__all__ = ["junction_specs"]

_SAME_ROAD_RAD = np.radians(40.0)
_BACK_RAD = np.radians(150.0)
_HEADING_M = 30.0


def junction_specs(
    draft: Draft,
    sites: Sequence[SignalSite],
    rules: TurnRules,
    beside: Mapping[int, tuple[int, ...]],
    names: Mapping[int, str],
) -> dict[int, JunctionSpec]:
    """Describe the junction of each signalised node.

    Parameters
    ----------
    beside
        OSM ids of signals beside the road that belong to a node.
    names
        The engineer's names, by OSM id of a signal.
    """
    arriving: dict[int, list[int]] = defaultdict(list)
    leaving: dict[int, list[int]] = defaultdict(list)
    for index, link in enumerate(draft.links):
        arriving[link.to_node].append(index)
        leaving[link.from_node].append(index)
    specs = {}
    for node, own in enumerate(draft.nodes):
        if not own.sites or not _goes_on(draft, arriving[node], leaving[node], rules):
            continue
        ids = sorted({sites[site].osm_id for site in own.sites} | set(beside.get(node, ())))
        kind = _kind(draft, arriving[node], leaving[node], rules)
        given = next((names[osm_id] for osm_id in ids if osm_id in names), None)
        name = given or _name(draft, [*arriving[node], *leaving[node]], kind)
        specs[node] = JunctionSpec(key=f"osm:{ids[0]}", name=name, kind=kind, osm_nodes=tuple(ids))
    return specs


def _goes_on(draft: Draft, arriving: Sequence[int], leaving: Sequence[int], rules: TurnRules) -> bool:
    """Whether traffic passes the node, rather than ends or turns back there."""
    links = draft.links
    return any(
        links[a].street != links[b].street or links[a].against == links[b].against
        for a in arriving
        for b in leaving
        if (a, b) not in rules.banned
    )


def _kind(draft: Draft, arriving: Sequence[int], leaving: Sequence[int], rules: TurnRules) -> JunctionKind:
    """Return CROSSING where one road only passes the node: nothing turns, merges or crosses."""
    headings = []
    used: list[int] = []
    for in_link in arriving:
        heading = _heading(draft.links[in_link], at_end=True)
        ahead = [
            out
            for out in leaving
            if (in_link, out) not in rules.banned
            and angle_between(heading, _heading(draft.links[out], at_end=False)) < _BACK_RAD
            and draft.links[out].to_node != draft.links[in_link].from_node
        ]
        ahead = ahead or [out for out in leaving if (in_link, out) not in rules.banned]
        if len(ahead) > 1:
            return JunctionKind.INTERSECTION
        headings.append(heading)
        used += ahead
    if len(set(used)) < len(used):
        return JunctionKind.INTERSECTION
    axis = [angle_between(2 * headings[0], 2 * heading) / 2 for heading in headings]
    return JunctionKind.CROSSING if max(axis) <= _SAME_ROAD_RAD else JunctionKind.INTERSECTION


def _heading(link: DraftLink, *, at_end: bool) -> float:
    """Direction of travel over the first or the last 30 m."""
    points = link.shape[::-1] if at_end else link.shape
    gap = np.r_[0.0, np.cumsum(np.hypot(*np.diff(points, axis=0).T))]
    reach = min(_HEADING_M, float(gap[-1]))
    x, y = (np.interp(reach, gap, points[:, axis]) - points[0, axis] for axis in (0, 1))
    return float(np.arctan2(-y, -x) if at_end else np.arctan2(y, x))


def _name(draft: Draft, links: Sequence[int], kind: JunctionKind) -> str:
    """Join the names of the crossing streets, the more important and then the more frequent first."""
    rank: dict[str, list[int]] = {}
    for index in links:
        link = draft.links[index]
        if link.name:
            best = rank.setdefault(link.name, [int(link.profile.road_class), 0])
            best[0] = min(best[0], int(link.profile.road_class))
            best[1] -= 1
    names = sorted(rank, key=lambda name: (*rank[name], name))[:2]
    if not names:
        return "crossing" if kind is JunctionKind.CROSSING else "junction"
    return f"{names[0]} (crossing)" if kind is JunctionKind.CROSSING else " / ".join(names)
