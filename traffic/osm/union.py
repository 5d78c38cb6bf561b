"""Union of vertices that keeps within a size and heeds the engineer's word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from traffic.osm.streets import Streets

__all__ = ["VertexUnion"]


class VertexUnion:
    """Disjoint sets of vertices.

    Parameters
    ----------
    apart
        Sets of vertices of which no two may be joined.
    """

    def __init__(self, streets: Streets, apart: Iterable[frozenset[int]]) -> None:
        self._streets = streets
        self._root: dict[int, int] = {}
        self._members: dict[int, list[int]] = {}
        self._apart = tuple(apart)

    def find(self, vertex: int) -> int:
        """Return the representative of the set: its least vertex."""
        return self._root.get(vertex, vertex)

    def same(self, first: int, second: int) -> bool:
        """Whether two vertices are in one set."""
        return self.find(first) == self.find(second)

    def members(self, vertex: int) -> tuple[int, ...]:
        """Return all vertices of the set of `vertex`, in order."""
        return tuple(self._members.get(self.find(vertex), [vertex]))

    def fits(self, vertices: Sequence[int], extent_m: float) -> bool:
        """Whether the sets of `vertices` could be one set not wider than `extent_m`."""
        union = sorted({member for vertex in vertices for member in self.members(vertex)})
        if any(len(group.intersection(union)) > 1 for group in self._apart):
            return False
        if self._streets.gateways.intersection(union):
            return False
        points = np.array([self._streets.position(vertex) for vertex in union])
        gaps = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
        return bool(gaps.max() <= extent_m)

    def join(self, first: int, second: int, extent_m: float) -> bool:
        """Join two sets if the result is allowed and not wider than `extent_m`."""
        if self.same(first, second):
            return True
        if not self.fits([first, second], extent_m):
            return False
        self.force(first, second)
        return True

    def force(self, first: int, second: int) -> None:
        """Join two sets without any check."""
        union = sorted({*self.members(first), *self.members(second)})
        for vertex in {self.find(first), self.find(second)}:
            self._members.pop(vertex, None)
        self._members[union[0]] = union
        self._root.update(dict.fromkeys(union, union[0]))

    def clusters(self) -> dict[int, int]:
        """Return the representative of every vertex that was joined to another."""
        return {vertex: root for vertex, root in sorted(self._root.items()) if len(self._members[root]) > 1}
