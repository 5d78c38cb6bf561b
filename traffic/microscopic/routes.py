"""Ways from one edge to another that drivers choose from by the traffic."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from traffic.microscopic.lanes import LaneNetwork

__all__ = ["alternative_routes"]

_DRAWS = 12
_SLOWEST = 5.0  # how many times as long an edge may take as without traffic
_MOST_ROUTES = 6
_FROM_NOWHERE = -9999  # scipy's mark of a node that has none before it


def alternative_routes(
    network: LaneNetwork, pairs: Iterable[tuple[int, int]], *, seed: int = 0
) -> dict[tuple[int, int], tuple[tuple[int, ...], ...]]:
    """Return the fastest routes between pairs of edges, without traffic and in random states of it.

    Parameters
    ----------
    pairs
        First and last edges of routes.
    seed
        Of the states of traffic, in which half of the edges are up to five times slower.

    Returns
    -------
    dict
        Routes (edges) by pair, the one without traffic first; none where no way leads there.
    """
    wanted = sorted(set(pairs))
    starts = sorted({first for first, _ in wanted})
    found: dict[tuple[int, int], dict[tuple[int, ...], None]] = {pair: {} for pair in wanted}
    before, after = np.array(list(network.way_s), dtype=np.int64).reshape(-1, 2).T
    way_s = np.array(list(network.way_s.values()))
    edges = len(network.edge_lane) - 1
    first_lane = network.edge_lane[:-1]
    free_s = network.lane_length_m[first_lane] / network.lane_speed_m_s[first_lane]
    rng = np.random.default_rng([seed, 50_000])
    for draw in range(_DRAWS + 1):
        slower = np.ones(edges)
        if draw:
            slower = 1.0 + (_SLOWEST - 1.0) * rng.random(edges) * rng.integers(0, 2, edges)
        weight = (free_s * slower)[after] + way_s
        graph = csr_array((weight, (before, after)), shape=(edges, edges))
        _, previous = dijkstra(graph, indices=starts, return_predecessors=True)
        row = {start: previous[k] for k, start in enumerate(starts)}
        for first, last in wanted:
            route = _back(row[first], first, last)
            if route and len(found[first, last]) < _MOST_ROUTES:
                found[first, last].setdefault(route)
    return {pair: tuple(routes) for pair, routes in found.items()}


def _back(previous: NDArray[np.int32], first: int, last: int) -> tuple[int, ...]:
    """Follow the edges back from the last to the first one; empty where no way leads there."""
    route = [last]
    while route[-1] != first:
        edge = int(previous[route[-1]])
        if edge == _FROM_NOWHERE:
            return ()
        route.append(edge)
    return tuple(reversed(route))
