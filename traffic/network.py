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
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traffic.arrays import frozen, require, require_finite, require_index, table_length
from traffic.errors import InputError

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
I1 = NDArray[np.int32]
L1 = NDArray[np.int64]
U1 = NDArray[np.uint8]
B1 = NDArray[np.bool_]


class Turn(IntEnum):
    """Direction of a movement, seen by the driver."""

    RIGHT = 0
    THROUGH = 1
    LEFT = 2
    U_TURN = 3


class RoadClass(IntEnum):
    """Importance of a road, from the OSM `highway` tag (ramps take the class of their road)."""

    MOTORWAY = 0
    TRUNK = 1
    PRIMARY = 2
    SECONDARY = 3
    TERTIARY = 4
    UNCLASSIFIED = 5
    RESIDENTIAL = 6
    SERVICE = 7


class JunctionKind(IntEnum):
    """What a controller governs."""

    INTERSECTION = 0
    CROSSING = 1


def _set(table: Any, **columns: tuple[object, type]) -> None:
    for name, (values, dtype) in columns.items():
        object.__setattr__(table, name, frozen(values, dtype))


@dataclass(frozen=True, eq=False)
class Nodes:
    """Where links meet.

    Attributes
    ----------
    x_m, y_m
        Position in the network's projected `crs`.
    osm_id
        A representative OSM node id; 0 where the node is not from OSM.
    gateway
        True where traffic may enter and leave the modelled area.
    """

    x_m: F1
    y_m: F1
    osm_id: L1
    gateway: B1

    def __post_init__(self) -> None:
        _set(
            self,
            x_m=(self.x_m, np.float64),
            y_m=(self.y_m, np.float64),
            osm_id=(self.osm_id, np.int64),
            gateway=(self.gateway, np.bool_),
        )
        table_length(self, name="nodes")
        require_finite("nodes.x_m", self.x_m)
        require_finite("nodes.y_m", self.y_m)

    def __len__(self) -> int:
        return len(self.x_m)


@dataclass(frozen=True, eq=False)
class Links:
    """One direction of a road between two nodes.

    Attributes
    ----------
    from_node, to_node
        Indices into `Nodes`.
    length_m, speed_m_s
        Length along the road and free speed; both positive.
    lanes
        Number of lanes at the downstream end, turn bays included, 1 or more.
    running_lanes
        Number of lanes along the link (without turn bays), 1 or more.
    road_class
        A `RoadClass` value.
    name
        Index into `RoadNetwork.names`; -1 where the road has no name.
    osm_way
        Id of the first OSM way; 0 where the link is not from OSM.
    layer
        OSM layer at the downstream end.
    shape_start
        Row i of the shape runs from `shape_start[i]` to `shape_start[i + 1]` in `RoadNetwork.shape_x_m`
        and `shape_y_m`; the table holds the first index of each link.
    """

    from_node: I1
    to_node: I1
    length_m: F1
    speed_m_s: F1
    lanes: I1
    running_lanes: I1
    road_class: U1
    name: I1
    osm_way: L1
    layer: I1
    shape_start: I1

    def __post_init__(self) -> None:
        _set(
            self,
            from_node=(self.from_node, np.int32),
            to_node=(self.to_node, np.int32),
            length_m=(self.length_m, np.float64),
            speed_m_s=(self.speed_m_s, np.float64),
            lanes=(self.lanes, np.int32),
            running_lanes=(self.running_lanes, np.int32),
            road_class=(self.road_class, np.uint8),
            name=(self.name, np.int32),
            osm_way=(self.osm_way, np.int64),
            layer=(self.layer, np.int32),
            shape_start=(self.shape_start, np.int32),
        )
        table_length(self, name="links")
        for field in ("length_m", "speed_m_s"):
            values = getattr(self, field)
            require_finite(f"links.{field}", values)
            require(values > 0, f"links.{field}", "must be more than 0", values)
        require(self.lanes >= 1, "links.lanes", "must be 1 or more", self.lanes)
        require(
            (self.running_lanes >= 1) & (self.running_lanes <= self.lanes),
            "links.running_lanes",
            "must be from 1 to the number of lanes",
            self.running_lanes,
        )
        classes = self.road_class
        require(classes <= max(RoadClass), "links.road_class", "must be a RoadClass", classes)

    def __len__(self) -> int:
        return len(self.length_m)


@dataclass(frozen=True, eq=False)
class LaneGroups:
    """Neighbouring lanes of a link from which the same movements leave.

    Attributes
    ----------
    link
        Index into `Links`; groups of one link are contiguous, ordered from the right-hand lane to the left.
    first_lane, lanes
        The lanes that the group takes, counted from 0 at the right-hand side.
    length_m
        Length of the lanes upstream of the stop line: of the bay for a turn bay, else of the link.
    saturation_veh_s
        Saturation flow of the whole group, before any reduction for turning.
    """

    link: I1
    first_lane: I1
    lanes: I1
    length_m: F1
    saturation_veh_s: F1

    def __post_init__(self) -> None:
        _set(
            self,
            link=(self.link, np.int32),
            first_lane=(self.first_lane, np.int32),
            lanes=(self.lanes, np.int32),
            length_m=(self.length_m, np.float64),
            saturation_veh_s=(self.saturation_veh_s, np.float64),
        )
        table_length(self, name="lane_groups")
        for field in ("length_m", "saturation_veh_s"):
            values = getattr(self, field)
            require_finite(f"lane_groups.{field}", values)
            require(values > 0, f"lane_groups.{field}", "must be more than 0", values)
        require(self.lanes >= 1, "lane_groups.lanes", "must be 1 or more", self.lanes)
        ordered = np.r_[True, np.diff(self.link) >= 0][: len(self.link)]
        require(ordered, "lane_groups.link", "groups of one link must be contiguous", self.link)

    def __len__(self) -> int:
        return len(self.link)


@dataclass(frozen=True, eq=False)
class Movements:
    """From the end of one link to the start of another.

    Attributes
    ----------
    in_link, out_link
        Indices into `Links`; the first ends at the node where the second starts. Sorted by `in_link`.
    turn
        A `Turn` value.
    angle_rad
        Change of heading, positive to the left, in (-pi, pi].
    saturation_factor
        Reduction of the saturation flow by the turn, in (0, 1].
    """

    in_link: I1
    out_link: I1
    turn: U1
    angle_rad: F1
    saturation_factor: F1

    def __post_init__(self) -> None:
        _set(
            self,
            in_link=(self.in_link, np.int32),
            out_link=(self.out_link, np.int32),
            turn=(self.turn, np.uint8),
            angle_rad=(self.angle_rad, np.float64),
            saturation_factor=(self.saturation_factor, np.float64),
        )
        table_length(self, name="movements")
        require(self.turn <= max(Turn), "movements.turn", "must be a Turn", self.turn)
        require_finite("movements.angle_rad", self.angle_rad)
        factor = self.saturation_factor
        require_finite("movements.saturation_factor", factor)
        require((factor > 0) & (factor <= 1), "movements.saturation_factor", "must be in (0, 1]", factor)
        ordered = np.r_[True, np.diff(self.in_link) >= 0][: len(self.in_link)]
        require(ordered, "movements.in_link", "movements must be sorted by in_link", self.in_link)

    def __len__(self) -> int:
        return len(self.in_link)


@dataclass(frozen=True, eq=False)
class Connections:
    """Which movements may be made from which lane group; sorted by lane group."""

    lane_group: I1
    movement: I1

    def __post_init__(self) -> None:
        _set(self, lane_group=(self.lane_group, np.int32), movement=(self.movement, np.int32))
        table_length(self, name="connections")
        ordered = np.r_[True, np.diff(self.lane_group) >= 0][: len(self.lane_group)]
        rule = "connections must be sorted by lane group"
        require(ordered, "connections.lane_group", rule, self.lane_group)

    def __len__(self) -> int:
        return len(self.movement)


@dataclass(frozen=True, eq=False)
class Junctions:
    """Nodes under a signal controller.

    Attributes
    ----------
    node
        Index into `Nodes`; each node at most once.
    kind
        A `JunctionKind` value.
    key
        Stable name that survives a new import: ``"osm:<smallest signal node id>"`` or the scenario's own.
    name
        What people call it: the crossing streets.
    osm_nodes
        The OSM ids of all signal nodes that the controller governs.
    """

    node: I1
    kind: U1
    key: tuple[str, ...]
    name: tuple[str, ...]
    osm_nodes: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        _set(self, node=(self.node, np.int32), kind=(self.kind, np.uint8))
        for field in ("key", "name", "osm_nodes"):
            object.__setattr__(self, field, tuple(getattr(self, field)))
        table_length(self, name="junctions")
        kinds = self.kind
        require(kinds <= max(JunctionKind), "junctions.kind", "must be a JunctionKind", kinds)
        for field, values in (("node", self.node.tolist()), ("key", self.key)):
            if len(set(values)) != len(values):
                twice = next(v for v in values if list(values).count(v) > 1)
                raise InputError("must be unique", field=f"junctions.{field}", value=twice)

    def __len__(self) -> int:
        return len(self.node)


@dataclass(frozen=True, eq=False)
class Crossings:
    """Pedestrian crossings at junctions; each crosses one leg.

    Attributes
    ----------
    junction
        Index into `Junctions`.
    in_link, out_link
        The link that ends at this leg and the one that starts there; -1 where the leg has none.
    length_m
        Kerb to kerb, refuge included.
    refuge
        True where people may wait between the two directions of the leg.
    """

    junction: I1
    in_link: I1
    out_link: I1
    length_m: F1
    refuge: B1

    def __post_init__(self) -> None:
        _set(
            self,
            junction=(self.junction, np.int32),
            in_link=(self.in_link, np.int32),
            out_link=(self.out_link, np.int32),
            length_m=(self.length_m, np.float64),
            refuge=(self.refuge, np.bool_),
        )
        table_length(self, name="crossings")
        require_finite("crossings.length_m", self.length_m)
        require(self.length_m > 0, "crossings.length_m", "must be more than 0", self.length_m)

    def __len__(self) -> int:
        return len(self.junction)


@dataclass(frozen=True, eq=False)
class Places:
    """Named settlements and quarters, the poles of generated demand; may be empty."""

    x_m: F1
    y_m: F1
    weight: F1
    name: tuple[str, ...]

    def __post_init__(self) -> None:
        _set(
            self,
            x_m=(self.x_m, np.float64),
            y_m=(self.y_m, np.float64),
            weight=(self.weight, np.float64),
        )
        object.__setattr__(self, "name", tuple(self.name))
        table_length(self, name="places")
        require_finite("places.weight", self.weight)
        require(self.weight >= 0, "places.weight", "must be 0 or more", self.weight)

    def __len__(self) -> int:
        return len(self.name)

    @classmethod
    def none(cls) -> Places:
        """Return an empty table."""
        return cls(np.empty(0), np.empty(0), np.empty(0), ())


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
        _set(self, shape_x_m=(self.shape_x_m, np.float64), shape_y_m=(self.shape_y_m, np.float64))
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
