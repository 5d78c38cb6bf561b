"""The road network: tables of arrays that every other part of Jasyl stands on.

A network is a set of tables (structure of arrays) linked by dense indices::

    nodes <- links <- lane groups <- connections -> movements
      ^                                                |
      +-- junctions <- crossings        in_link, out_link

A *link* is one direction of a road between two nodes. Its lanes fall into *lane groups*: neighbouring
lanes from which the same movements leave. A *movement* leads from the end of one link to the start of
another; a *connection* says that a movement may be made from a lane group (a through movement can have
several). A node under a signal controller has a row in `junctions`, whatever the number of OSM nodes in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traffic.arrays import require, require_finite, require_index, set_columns
from traffic.junction_tables import Crossings, JunctionKind, Junctions, Places
from traffic.road_tables import Connections, LaneGroups, Links, Movements, Nodes, RoadClass, Turn

__all__ = [
    "Connections",
    "Crossings",
    "JunctionKind",
    "Junctions",
    "LaneGroups",
    "Links",
    "Movements",
    "Nodes",
    "Places",
    "RoadClass",
    "RoadNetwork",
    "Turn",
]

F1 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RoadNetwork:
    """A road network; one that breaks a rule cannot be constructed.

    Attributes
    ----------
    name
        The city or scenario.
    crs
        Projected coordinate system of all positions, e.g. ``"EPSG:32643"``.
    names
        Street names that `Links.name` points into.
    shape_x_m, shape_y_m
        Points of all links, one link after the other, from its start to its end.
    """

    name: str
    crs: str
    nodes: Nodes
    links: Links
    lane_groups: LaneGroups
    movements: Movements
    connections: Connections
    junctions: Junctions
    crossings: Crossings
    places: Places
    names: tuple[str, ...]
    shape_x_m: F1
    shape_y_m: F1

    def __post_init__(self) -> None:
        set_columns(self, shape_x_m=(self.shape_x_m, np.float64), shape_y_m=(self.shape_y_m, np.float64))
        object.__setattr__(self, "names", tuple(self.names))
        self._check_indices()
        self._check_shapes()
        self._check_movements()
        self._check_lanes()

    def _check_indices(self) -> None:
        nodes, links, groups = len(self.nodes), len(self.links), len(self.lane_groups)
        require_index("links.from_node", self.links.from_node, nodes)
        require_index("links.to_node", self.links.to_node, nodes)
        require_index("links.name", self.links.name, len(self.names), allow_none=True)
        require_index("lane_groups.link", self.lane_groups.link, links)
        require_index("movements.in_link", self.movements.in_link, links)
        require_index("movements.out_link", self.movements.out_link, links)
        require_index("connections.lane_group", self.connections.lane_group, groups)
        require_index("connections.movement", self.connections.movement, len(self.movements))
        require_index("junctions.node", self.junctions.node, nodes)
        require_index("crossings.junction", self.crossings.junction, len(self.junctions))
        require_index("crossings.in_link", self.crossings.in_link, links, allow_none=True)
        require_index("crossings.out_link", self.crossings.out_link, links, allow_none=True)

    def _check_shapes(self) -> None:
        require_finite("shape_x_m", self.shape_x_m)
        require_finite("shape_y_m", self.shape_y_m)
        counts = np.diff(np.r_[self.links.shape_start, len(self.shape_x_m)])
        require(counts >= 2, "links.shape_start", "a link needs 2 points or more", counts)

    def _check_movements(self) -> None:
        ends = self.links.to_node[self.movements.in_link]
        starts = self.links.from_node[self.movements.out_link]
        rule = "must start at the node where in_link ends"
        require(ends == starts, "movements.out_link", rule, self.movements.out_link)
        group_link = self.lane_groups.link[self.connections.lane_group]
        movement_link = self.movements.in_link[self.connections.movement]
        rule = "must belong to the link of its movement"
        require(group_link == movement_link, "connections.lane_group", rule, self.connections.lane_group)
        served = np.zeros(len(self.movements), dtype=bool)
        served[self.connections.movement] = True
        rule = "must be served by a lane group"
        require(served, "movements", rule, np.arange(len(self.movements)))

    def _check_lanes(self) -> None:
        lanes = np.zeros(len(self.links), dtype=np.int64)
        np.add.at(lanes, self.lane_groups.link, self.lane_groups.lanes)
        rule = "lane groups must take every lane of the link once"
        require(lanes == self.links.lanes, "lane_groups.lanes", rule, lanes)

    def shape(self, link: int) -> NDArray[np.float64]:
        """Return the points of `link`, shape (n, 2), from its start to its end."""
        starts = self.links.shape_start
        stop = starts[link + 1] if link + 1 < len(starts) else len(self.shape_x_m)
        part = slice(int(starts[link]), int(stop))
        return np.column_stack([self.shape_x_m[part], self.shape_y_m[part]])

    def link_name(self, link: int) -> str:
        """Return the street name of `link`, or an empty string."""
        index = int(self.links.name[link])
        return self.names[index] if index >= 0 else ""
