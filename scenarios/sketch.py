"""Synthetic cities from two-way streets: what the scenario builders share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from traffic.assemble import JunctionSpec, LinkSpec, NodeSpec, assemble
from traffic.network import RoadClass
from traffic.units import KM_H

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traffic.network import Places, RoadNetwork

__all__ = ["STUB_M", "SYNTHETIC_CRS", "SYNTHETIC_ORIGIN_M", "Sketch", "Street"]

SYNTHETIC_CRS = "EPSG:32631"
"""Coordinate system of cities that are nowhere: UTM zone 31 north."""

SYNTHETIC_ORIGIN_M = (500_000.0, 100_000.0)
"""Where they are drawn: in the Gulf of Guinea, so that nobody takes them for a place."""

STUB_M = 250.0
"""Length of the link from a gateway to the first junction."""

_SPEED_M_S = {
    RoadClass.TRUNK: 80 * KM_H,
    RoadClass.PRIMARY: 60 * KM_H,
    RoadClass.SECONDARY: 60 * KM_H,
    RoadClass.TERTIARY: 50 * KM_H,
}
_WITH_BAYS = frozenset((RoadClass.TRUNK, RoadClass.PRIMARY, RoadClass.SECONDARY))
_WITH_REFUGE = frozenset((RoadClass.TRUNK, RoadClass.PRIMARY))
_BAY_M = 60.0
_LEFT_RAD = (np.radians(45.0), np.radians(150.0))


@dataclass(frozen=True)
class Street:
    """A street that looks the same along its whole length: class and running lanes in each direction."""

    name: str
    road_class: RoadClass
    lanes: int


@dataclass(frozen=True, eq=False)
class _Road:
    start: int
    end: int
    street: Street
    shape: NDArray[np.float64]

    def bearing_rad(self, node: int) -> float:
        """Direction of the road as it leaves `node`."""
        ends = self.shape[:2] if node == self.start else self.shape[:-3:-1]
        step = ends[1] - ends[0]
        return float(np.arctan2(step[1], step[0]))


@dataclass
class Sketch:
    """Nodes and two-way roads to which the usual furniture is added: speeds, left-turn bays, refuges."""

    nodes: list[NodeSpec] = field(default_factory=list)
    _roads: list[_Road] = field(default_factory=list)

    def add_node(
        self, x_m: float, y_m: float, *, junction: JunctionSpec | None = None, gateway: bool = False
    ) -> int:
        """Add a node and return its index."""
        self.nodes.append(NodeSpec(x_m, y_m, gateway=gateway, junction=junction))
        return len(self.nodes) - 1

    def add_road(
        self, start: int, end: int, street: Street, *, between: NDArray[np.float64] | None = None
    ) -> None:
        """Add a road of both directions; `between` holds the points between the nodes, shape (n, 2)."""
        first, last = self.nodes[start], self.nodes[end]
        middle = np.empty((0, 2)) if between is None else between
        shape = np.vstack([[first.x_m, first.y_m], middle, [last.x_m, last.y_m]])
        self._roads.append(_Road(start, end, street, shape))

    def degree(self) -> NDArray[np.int64]:
        """Return the number of roads at each node."""
        ends = [node for road in self._roads for node in (road.start, road.end)]
        return np.bincount(np.array(ends, dtype=np.int64), minlength=len(self.nodes))

    def network(self, name: str, crs: str, *, places: Places | None = None) -> RoadNetwork:
        """Make the network; each road gives two links, forward and back."""
        bearings: list[list[float]] = [[] for _ in self.nodes]
        for road in self._roads:
            bearings[road.start].append(road.bearing_rad(road.start))
            bearings[road.end].append(road.bearing_rad(road.end))
        links = []
        for road in self._roads:
            links.append(self._link(road, road.start, road.end, road.shape, bearings))
            links.append(self._link(road, road.end, road.start, road.shape[::-1], bearings))
        return assemble(name, crs, self.nodes, links, places=places)

    def _link(
        self, road: _Road, start: int, end: int, shape: NDArray[np.float64], bearings: list[list[float]]
    ) -> LinkSpec:
        street = road.street
        arriving = road.bearing_rad(end) + np.pi
        change = np.mod(np.array(bearings[end]) - arriving + np.pi, 2 * np.pi) - np.pi
        has_left = bool(((change > _LEFT_RAD[0]) & (change < _LEFT_RAD[1])).any())
        with_bay = has_left and street.road_class in _WITH_BAYS and self.nodes[end].junction is not None
        length_m = float(np.hypot(*np.diff(shape, axis=0).T).sum())
        return LinkSpec(
            from_node=start,
            to_node=end,
            shape=shape,
            speed_m_s=_SPEED_M_S[street.road_class],
            running_lanes=street.lanes,
            road_class=street.road_class,
            name=street.name,
            left_bay_lanes=int(with_bay),
            bay_length_m=min(_BAY_M, length_m / 3),
            refuge=street.road_class in _WITH_REFUGE,
        )
