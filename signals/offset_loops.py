"""Short chordless loops of a graph of junctions."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from signals.offsets import PairwiseModel

__all__ = ["Loop", "short_loops"]

Loop = list[tuple[int, int]]
"""Edges around a loop, with 1 where it leads from the edge's first junction to its second, else -1."""

_Graph = list[dict[int, tuple[int, int]]]

_LONGEST_EVERY = 8
_LONGEST = 30
_MOST = 40
_MOST_PATHS = 5000


def short_loops(pairs: PairwiseModel) -> list[Loop]:
    """Return every chordless loop of up to 8 edges, and for each edge in none of these a shortest one of up to 30.

    A loop has a chord where an edge joins two of its junctions that are not next to each other in it. Where a
    junction starts more than 40 loops, as in a dense graph, it keeps the 40 shortest.
    """
    graph: _Graph = [{} for _ in pairs.junctions]
    ends = list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    for edge, (a, b) in enumerate(ends):
        graph[a][b] = (edge, 1)
        graph[b][a] = (edge, -1)
    rings = [ring for start in range(len(graph)) for ring in _chordless(graph, start)]
    inside = np.zeros(len(ends), dtype=bool)
    loops = [_edges(graph, ring) for ring in rings]
    inside[[edge for loop in loops for edge, _ in loop]] = True
    for edge in np.flatnonzero(~inside).tolist():
        a, b = ends[edge]
        if not inside[edge] and (ring := _path(graph, b, a, edge)):
            loops.append(_edges(graph, ring))
            inside[[e for e, _ in loops[-1]]] = True
    return loops


def _edges(graph: _Graph, ring: list[int]) -> Loop:
    return [graph[a][b] for a, b in zip(ring, ring[1:] + ring[:1], strict=True)]


def _chordless(graph: _Graph, start: int) -> list[list[int]]:
    """Return the chordless loops whose first junction is `start`, as their junctions in turn, the shortest first."""
    far = _distances(graph, start)
    rings: list[list[int]] = []
    paths = [[start, w] for w in graph[start] if w > start]
    for length in range(3, _LONGEST_EVERY + 1):
        longer = []
        for path in paths:
            for junction in _next(graph, path):
                if start in graph[junction]:
                    if junction > path[1]:
                        rings.append([*path, junction])
                elif length - 1 + far.get(junction, _LONGEST_EVERY) <= _LONGEST_EVERY:
                    longer.append([*path, junction])
        paths = longer
        if len(rings) >= _MOST or len(paths) > _MOST_PATHS:
            break
    return rings[:_MOST]


def _next(graph: _Graph, path: list[int]) -> Iterator[int]:
    """Yield the junctions that go on from the end of `path` without a chord to its inner junctions."""
    inner = path[1:-1]
    for junction in graph[path[-1]]:
        near = graph[junction]
        if junction > path[0] and junction not in path and not any(other in near for other in inner):
            yield junction


def _distances(graph: _Graph, start: int) -> dict[int, int]:
    """Return the edges from `start` to the junctions behind it in order that are near enough for a loop."""
    far = {start: 0}
    queue = deque([start])
    while queue:
        junction = queue.popleft()
        if far[junction] >= _LONGEST_EVERY - 2:
            break
        for other in graph[junction]:
            if other > start and other not in far:
                far[other] = far[junction] + 1
                queue.append(other)
    return far


def _path(graph: _Graph, start: int, goal: int, avoided: int) -> list[int] | None:
    """Return the junctions of a shortest path without the edge `avoided`, or `None` beyond the longest loop."""
    came = {start: -1}
    level = [start]
    for _ in range(_LONGEST - 1):
        after = []
        for junction in level:
            for other, (edge, _) in graph[junction].items():
                if other not in came and edge != avoided:
                    came[other] = junction
                    after.append(other)
        if goal in came:
            break
        level = after
    if goal not in came:
        return None
    path = [goal]
    while path[-1] != start:
        path.append(came[path[-1]])
    return path[::-1]
