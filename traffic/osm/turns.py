"""Which turns may be made: restrictions, and what lies between the carriageways of a junction."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from traffic.osm.extract import OsmRestriction
    from traffic.osm.links import Draft
    from traffic.osm.streets import End, Streets
    from traffic.overrides import TurnOverride

__all__ = ["Arc", "TurnRules", "street_bans", "turn_rules"]

Arc = tuple[int, bool]
"""A street and whether it is driven against its direction."""

_INSIDE_MAX_M = 250.0
_SIDE_RAD = np.radians(20.0)
_AHEAD_RAD = np.radians(50.0)


@dataclass(frozen=True)
class TurnRules:
    """Pairs of links (in-link, out-link) that may not be made, and U-turns that may."""

    banned: frozenset[tuple[int, int]]
    u_turns: frozenset[tuple[int, int]]


def street_bans(
    streets: Streets, restrictions: Sequence[OsmRestriction], node_id: Sequence[int], way_id: Sequence[int]
) -> tuple[frozenset[tuple[int, Arc, Arc]], Counter[str]]:
    """Return the turns (vertex, from, to) that restrictions ban, and how many restrictions had which fate."""
    at = {int(node_id[streets.roads.vertex_node[vertex]]): vertex for vertex in streets.ends}
    bans: set[tuple[int, Arc, Arc]] = set()
    fate: Counter[str] = Counter()
    for rule in restrictions:
        if rule.via_node not in at:
            fate["via node is no junction of the network"] += 1
            continue
        vertex = at[rule.via_node]
        ends = streets.ends[vertex]
        froms = [e for e in ends if e.enters and _way_at(streets, e, way_id) == rule.from_way]
        tos = [e for e in ends if e.leaves and _way_at(streets, e, way_id) == rule.to_way]
        pairs = [(a, b) for a in froms for b in tos]
        if len(pairs) > 1:
            pairs = [(a, b) for a, b in pairs if _agrees(rule.kind, a, b)]
        if not pairs:
            fate["from or to way does not meet the via node"] += 1
            continue
        fate["used"] += 1
        for first, second in pairs:
            source = (first.street, not first.at_end)
            if rule.kind.startswith("no_"):
                bans.add((vertex, source, (second.street, second.at_end)))
                continue
            for other in ends:
                target = (other.street, other.at_end)
                if (
                    other.leaves
                    and other is not second
                    and all(other is not b for a, b in pairs if a is first)
                ):
                    bans.add((vertex, source, target))
    return frozenset(bans), fate


def _way_at(streets: Streets, end: End, way_id: Sequence[int]) -> int:
    parts = streets.streets[end.street].parts
    return int(way_id[parts[-1 if end.at_end else 0][0].way])


def _agrees(kind: str, first: End, second: End) -> bool:
    """Whether the geometry of a turn is what the restriction names."""
    angle = (second.bearing_rad - first.bearing_rad - np.pi + np.pi) % (2 * np.pi) - np.pi
    if kind.endswith("left_turn"):
        return bool(angle > _SIDE_RAD) and first.street != second.street
    if kind.endswith("right_turn"):
        return bool(angle < -_SIDE_RAD) and first.street != second.street
    if kind.endswith("straight_on"):
        return bool(abs(angle) < _AHEAD_RAD)
    return first.street == second.street if kind.endswith("u_turn") else True


def turn_rules(
    streets: Streets,
    draft: Draft,
    bans: frozenset[tuple[int, Arc, Arc]],
    overrides: Sequence[TurnOverride] = (),
    vertex_of_node: Mapping[int, int] | None = None,
) -> tuple[TurnRules, Counter[str], tuple[TurnOverride, ...]]:
    """Return the turns between links that are banned, counts, and overrides that no pair of links makes.

    Inside a junction a turn can be made if a way leads over its internal streets that no restriction bans.
    At a mid-block crossing traffic stays on its street.

    Parameters
    ----------
    bans
        From `street_bans`.
    overrides, vertex_of_node
        The engineer's turns, and the vertex of each OSM node; these come before everything else.
    """
    arriving: dict[int, list[int]] = defaultdict(list)
    leaving: dict[int, list[int]] = defaultdict(list)
    for index, link in enumerate(draft.links):
        arriving[link.to_node].append(index)
        leaving[link.from_node].append(index)
    inside = _inside_arcs(streets, draft)
    banned: set[tuple[int, int]] = set()
    u_turns: set[tuple[int, int]] = set()
    for node, in_links in arriving.items():
        out_links = leaving[node]
        for in_link in in_links:
            reached = _reached(streets, draft, inside.get(node, {}), bans, in_link, out_links)
            banned.update((in_link, out) for out in out_links if out not in reached)
            if len(in_links) == len(out_links) == 2 and len(draft.nodes[node].vertices) > 1:
                u_turns.update((in_link, out) for out in reached)
    unused = _apply_overrides(draft, overrides, vertex_of_node or {}, banned)
    counts = Counter({"links without a way on, their bans dropped": _open_stuck(arriving, leaving, banned)})
    return TurnRules(frozenset(banned), frozenset(u_turns)), +counts, unused


def _inside_arcs(streets: Streets, draft: Draft) -> dict[int, dict[int, list[tuple[Arc, int]]]]:
    """By node and vertex: internal arcs that leave the vertex, with the vertex that they lead to."""
    inside: dict[int, dict[int, list[tuple[Arc, int]]]] = defaultdict(lambda: defaultdict(list))
    for index in draft.internal:
        street = streets.streets[index]
        node = draft.node_of_vertex[street.start]
        inside[node][street.start].append(((index, False), street.end))
        if not street.one_way:
            inside[node][street.end].append(((index, True), street.start))
    return inside


def _reached(
    streets: Streets,
    draft: Draft,
    inside: Mapping[int, list[tuple[Arc, int]]],
    bans: frozenset[tuple[int, Arc, Arc]],
    in_link: int,
    out_links: Sequence[int],
) -> set[int]:
    """Out-links that can be reached from an in-link through the junction."""
    link = draft.links[in_link]
    if link.last < 0:  # a cut of the street: straight on, or back
        return {out for out in out_links if draft.links[out].street == link.street}
    starts: dict[int, list[tuple[Arc, int]]] = defaultdict(list)
    for out in out_links:
        starts[draft.links[out].first].append(((draft.links[out].street, draft.links[out].against), out))
    found: set[int] = set()
    stack: list[tuple[Arc, int, float]] = [((link.street, link.against), link.last, 0.0)]
    seen = set()
    while stack:
        arc, vertex, gone = stack.pop(0)
        for target, out in starts.get(vertex, []):
            if (vertex, arc, target) not in bans:
                found.add(out)
        for target, far in inside.get(vertex, []):
            total = gone + streets.streets[target[0]].length_m
            back = target[0] == arc[0]
            if target in seen or back or total > _INSIDE_MAX_M or (vertex, arc, target) in bans:
                continue
            seen.add(target)
            stack.append((target, far, total))
    return found


def _apply_overrides(
    draft: Draft,
    overrides: Sequence[TurnOverride],
    vertex_of_node: Mapping[int, int],
    banned: set[tuple[int, int]],
) -> tuple[TurnOverride, ...]:
    unused = []
    for turn in overrides:
        node = draft.node_of_vertex.get(vertex_of_node.get(turn.via_node, -1), -1)
        froms = [i for i, a in enumerate(draft.links) if a.to_node == node and a.last_way == turn.from_way]
        tos = [i for i, b in enumerate(draft.links) if b.from_node == node and b.first_way == turn.to_way]
        u_turn = turn.from_way == turn.to_way
        pairs = {(a, b) for a in froms for b in tos if u_turn or not _reverse(draft, a, b)}
        if not pairs:
            unused.append(turn)
        elif turn.allowed:
            banned -= pairs
        else:
            banned |= pairs
    return tuple(unused)


def _reverse(draft: Draft, in_link: int, out_link: int) -> bool:
    first, second = draft.links[in_link], draft.links[out_link]
    return first.street == second.street and first.against != second.against


def _open_stuck(
    arriving: Mapping[int, list[int]],
    leaving: Mapping[int, list[int]],
    banned: set[tuple[int, int]],
) -> int:
    """Drop the bans of links that could not be left any more; return how many there were."""
    stuck = 0
    for node, in_links in arriving.items():
        out_links = leaving[node]
        for in_link in in_links:
            if out_links and all((in_link, out) in banned for out in out_links):
                stuck += 1
                banned.difference_update((in_link, out) for out in out_links)
    return stuck
