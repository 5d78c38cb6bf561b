"""Ways of generated bus routes: shortest paths through the movements of a road network, with stops along them.

Generated, not observed: they fill a city's main streets with as many buses as it has, and say nothing about its real routes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from traffic.errors import InputError
from traffic.network import RoadClass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traffic.network import RoadNetwork

__all__ = [
    "BUS_LIMIT_M_S",
    "LEAST_STOPS",
    "SPEED_SHARE",
    "STOPPING_S",
    "BusStop",
    "Piece",
    "Way",
    "WayFinder",
]

SPEED_SHARE = 0.75
"""Of the limit, in free traffic."""
BUS_LIMIT_M_S = 50.0 / 3.6
_APART_M, _NEAREST_M = 420.0, 300.0
STOPPING_S = 14.0
"""Braking and pulling out."""
_VARIETY = 0.35  # standard deviation of the logarithm of a link's cost to a route
_TURN_S = 8.0
LEAST_STOPS = 4


class BusStop(NamedTuple):
    """A place along a link, metres from its start."""

    link: int
    at_m: float


class Piece(NamedTuple):
    """A part of the way from one stop to the next: free seconds, and the movement at its end, or -1."""

    free_s: float
    movement: int


@dataclass(frozen=True)
class Way:
    """One direction of a route.

    Attributes
    ----------
    pieces
        From each stop to the next; one less than there are stops.
    distance_m
        Of each stop from the first.
    """

    stops: tuple[BusStop, ...]
    pieces: tuple[tuple[Piece, ...], ...]
    distance_m: tuple[float, ...]


class WayFinder:
    """Finds ways in a road network."""

    def __init__(self, network: RoadNetwork) -> None:
        self.network = network
        links, movements = network.links, network.movements
        self.speed_m_s = SPEED_SHARE * np.minimum(links.speed_m_s, BUS_LIMIT_M_S)
        self.link_s = links.length_m / self.speed_m_s
        self.movement = {
            (int(a), int(b)): m
            for m, (a, b) in enumerate(
                zip(movements.in_link.tolist(), movements.out_link.tolist(), strict=True)
            )
        }
        angle = np.abs(movements.angle_rad)
        self._turn_s = np.where(angle > np.pi / 4, _TURN_S, 0.0) + np.where(angle > 0.75 * np.pi, 600.0, 0.0)
        self.middle_m = np.column_stack(
            [
                (network.nodes.x_m[links.from_node] + network.nodes.x_m[links.to_node]) / 2,
                (network.nodes.y_m[links.from_node] + network.nodes.y_m[links.to_node]) / 2,
            ]
        )
        pairs = {
            (int(a), int(b)): k for k, (a, b) in enumerate(zip(links.from_node, links.to_node, strict=True))
        }
        self.opposite = np.array(
            [pairs.get((int(b), int(a)), -1) for a, b in zip(links.from_node, links.to_node, strict=True)]
        )
        usable = (
            (self.opposite >= 0)
            & (links.road_class >= RoadClass.PRIMARY)
            & (links.length_m >= _NEAREST_M / 3)
        )
        self.terminals = np.flatnonzero(usable)
        if len(self.terminals) < 2:
            raise InputError(
                "must have streets with two directions for buses", field="network", value=network.name
            )

    def span_m(self) -> float:
        """Return the diagonal of the area."""
        return float(np.hypot(*np.ptp(self.middle_m, axis=0)))

    def ways(self, begin: int, end: int, rng: np.random.Generator) -> tuple[Way, Way] | None:
        """Return a way from one link to another and one back, or `None` where there is none that is long enough."""
        cost = self.link_s * np.exp(rng.normal(0.0, _VARIETY, len(self.link_s)))
        there = self._way(begin, end, cost)
        back = self._way(int(self.opposite[end]), int(self.opposite[begin]), cost)
        return None if there is None or back is None else (there, back)

    def _way(self, begin: int, end: int, cost: NDArray[np.float64]) -> Way | None:
        movements = self.network.movements
        weight = cost[movements.out_link] + self._turn_s
        count = len(self.link_s)
        graph = csr_array((weight, (movements.in_link, movements.out_link)), shape=(count, count))
        _, before = dijkstra(graph, indices=begin, return_predecessors=True)
        links = [end]
        while links[-1] != begin:
            previous = int(before[links[-1]])
            if previous < 0:
                return None
            links.append(previous)
        return self._with_stops(links[::-1])

    def _with_stops(self, links: list[int]) -> Way | None:
        """Return the way over these links with a stop about every 420 m; all routes over a link have the same places."""
        stops: list[BusStop] = []
        distances: list[float] = []
        pieces: list[list[Piece]] = []
        passed_m, own_m, run_s = 0.0, 0.0, 0.0
        for position, link in enumerate(links):
            length_m, speed = float(self.network.links.length_m[link]), float(self.speed_m_s[link])
            own_m = 0.0
            for at_m in _places(length_m):
                if stops and passed_m + at_m - distances[-1] < _NEAREST_M:
                    continue
                run_s += (at_m - own_m) / speed
                if stops:
                    pieces[-1].append(Piece(run_s + STOPPING_S, -1))
                stops.append(BusStop(link, at_m))
                distances.append(passed_m + at_m)
                pieces.append([])
                own_m, run_s = at_m, 0.0
            run_s += (length_m - own_m) / speed
            passed_m += length_m
            if stops and position + 1 < len(links):
                pieces[-1].append(Piece(run_s, self.movement[link, links[position + 1]]))
            run_s = 0.0
        if len(stops) < LEAST_STOPS:
            return None
        start_m = distances[0]
        return Way(
            tuple(stops), tuple(tuple(row) for row in pieces[:-1]), tuple(d - start_m for d in distances)
        )


def _places(length_m: float) -> list[float]:
    """Return where the stops of a link are, metres from its start."""
    if length_m < _NEAREST_M / 2:
        return []
    count = max(round(length_m / _APART_M), 1)
    return [(k + 0.5) * length_m / count for k in range(count)]
