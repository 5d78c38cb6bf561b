"""Streets around a junction that belong to it: turning lanes around corners, divided ends of roads."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from traffic.osm.evidence import is_roundabout

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from traffic.osm.streets import Streets

__all__ = ["channel_vertices", "near_vertices"]

REACH_M = 40.0
RING_M = 100.0


def near_vertices(
    streets: Streets, sources: Sequence[int], limit_m: float, *, closed: Collection[int] = ()
) -> dict[int, tuple[float, tuple[int, ...]]]:
    """Return vertices within `limit_m` along streets in either direction.

    Returns
    -------
    reach
        By vertex: the distance and the vertices of the path, the source left out.
    """
    reach: dict[int, tuple[float, tuple[int, ...]]] = {}
    heap: list[tuple[float, int, tuple[int, ...]]] = [(0.0, vertex, ()) for vertex in sorted(sources)]
    while heap:
        gap, vertex, path = heapq.heappop(heap)
        if vertex in reach:
            continue
        reach[vertex] = (gap, path)
        for end in streets.ends[vertex]:
            total = gap + streets.streets[end.street].length_m
            other = streets.other(end)
            if total > limit_m or other in reach or other in closed or is_roundabout(streets, end.street):
                continue
            heapq.heappush(heap, (total, other, (*path, other)))
    return reach


def channel_vertices(streets: Streets, members: Sequence[int], others: Collection[int]) -> set[int]:
    """Return vertices from which two different short ways lead to the junction `members`.

    The ring of both ways is at most 100 m long and each way at most 40 m. Vertices of `others`, which
    belong to other junctions, are not passed.
    """
    own = set(members)
    reach = near_vertices(streets, members, REACH_M, closed=others)
    branch = {vertex: path[0] if path else -1 for vertex, (_, path) in reach.items()}
    tree = {(path[-2] if len(path) > 1 else -1, vertex) for vertex, (_, path) in reach.items() if path}
    found: set[int] = set()
    seen: set[int] = set()
    for vertex in sorted(reach):
        for end in streets.ends[vertex]:
            other = streets.other(end)
            if end.street in seen or other not in reach or other == vertex:
                continue
            seen.add(end.street)
            if vertex in own and other in own:
                continue
            first_use = _claim_tree_street(tree, own, vertex, other)
            ring = reach[vertex][0] + streets.streets[end.street].length_m + reach[other][0]
            if not first_use and ring <= RING_M and _two_ways(branch, own, vertex, other):
                found.update(reach[vertex][1], reach[other][1])
    return found - own


def _claim_tree_street(tree: set[tuple[int, int]], own: set[int], vertex: int, other: int) -> bool:
    """Whether the street between two vertices is that of the shortest way (the first such street is)."""
    for near, far in ((vertex, other), (other, vertex)):
        key = (-1 if near in own else near, far)
        if key in tree:
            tree.discard(key)
            return True
    return False


def _two_ways(branch: dict[int, int], own: set[int], vertex: int, other: int) -> bool:
    return vertex in own or other in own or branch[vertex] != branch[other]
