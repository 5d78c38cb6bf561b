"""Lanes and connections as the microscopic model knows them, and the lanes that a route may use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["LaneNetwork"]

_SHORT_M = 100.0
_GIVING_WAY_S = 1.5  # what drivers who choose a route expect; SUMO's default


@dataclass(frozen=True, eq=False)
class LaneNetwork:
    """Lanes sorted by edge and from the right, connections sorted by the lane that they leave.

    Attributes
    ----------
    edge_lane
        First lane of each edge, and the number of lanes; shape (edges + 1,).
    lane_length_m, lane_speed_m_s
        Of each lane.
    from_lane, to_lane
        Lanes of each connection.
    way_length_m, way_speed_m_s
        Length and speed of its way through the junction.
    stop_m
        Where on this way a vehicle waits for its gap; 0: before the junction.
    light, place
        Signal of each connection and its place there; -1 without one.
    keeps_clear
        Whether nobody enters the way without room beyond it, as others cross it.
    foe_begin, foe, yields
        The connections whose way meets that of connection c, from ``foe_begin[c]`` to ``foe_begin[c + 1]`` of `foe`, and
        whether c gives way to them.
    meets_from_m, meets_until_m
        Where on the way of the foe that is.
    """

    edge_lane: NDArray[np.int32]
    lane_length_m: NDArray[np.float64]
    lane_speed_m_s: NDArray[np.float64]
    from_lane: NDArray[np.int32]
    to_lane: NDArray[np.int32]
    way_length_m: NDArray[np.float64]
    way_speed_m_s: NDArray[np.float64]
    stop_m: NDArray[np.float64]
    light: NDArray[np.int32]
    place: NDArray[np.int32]
    keeps_clear: NDArray[np.bool_]
    foe_begin: NDArray[np.int32]
    foe: NDArray[np.int32]
    yields: NDArray[np.bool_]
    meets_from_m: NDArray[np.float64]
    meets_until_m: NDArray[np.float64]

    @cached_property
    def lane_edge(self) -> NDArray[np.int32]:
        """Edge of each lane."""
        return np.repeat(np.arange(len(self.edge_lane) - 1, dtype=np.int32), np.diff(self.edge_lane))

    @cached_property
    def _onwards(self) -> dict[tuple[int, int], list[tuple[int, int]]]:
        """Lane and lane after it by the edges of both."""
        found: dict[tuple[int, int], list[tuple[int, int]]] = {}
        edges = self.lane_edge
        for before, after in zip(self.from_lane.tolist(), self.to_lane.tolist(), strict=True):
            found.setdefault((int(edges[before]), int(edges[after])), []).append((before, after))
        return found

    @cached_property
    def way_s(self) -> dict[tuple[int, int], float]:
        """Time through the junction without traffic, by the edges before and after it, seconds."""
        edges = self.lane_edge
        yields = np.zeros(len(self.from_lane), dtype=bool)
        yields[np.repeat(np.arange(len(self.from_lane)), np.diff(self.foe_begin))[self.yields]] = True
        taken = self.way_length_m / self.way_speed_m_s + _GIVING_WAY_S * (yields & (self.light < 0))
        found: dict[tuple[int, int], float] = {}
        for before, after, way_s in zip(
            edges[self.from_lane].tolist(), edges[self.to_lane].tolist(), taken.tolist(), strict=True
        ):
            found[before, after] = min(way_s, found.get((before, after), np.inf))
        return found

    def lanes_that_lead_on(self, route: Sequence[int], *, short_m: float = _SHORT_M) -> list[int]:
        """Return for each edge of a route the lanes to be in, as bits from the right.

        Where the next edge is shorter than `short_m`, only those lanes count that lead into its lanes to be in; all lanes of
        an edge from which the route has no connection.
        """
        wanted = [0] * len(route)
        wanted[-1] = (1 << int(self.edge_lane[route[-1] + 1] - self.edge_lane[route[-1]])) - 1
        for k in range(len(route) - 2, -1, -1):
            edge, following = route[k], route[k + 1]
            first, first_after = int(self.edge_lane[edge]), int(self.edge_lane[following])
            pairs = self._onwards.get((edge, following), [])
            short = self.lane_length_m[first_after] < short_m
            fit = [b for b, a in pairs if not short or (wanted[k + 1] >> (a - first_after)) & 1]
            lanes = fit or [before for before, _ in pairs] or range(first, int(self.edge_lane[edge + 1]))
            wanted[k] = sum(1 << (lane - first) for lane in set(lanes))
        return wanted
