"""The tables of roads: nodes, links, lane groups, movements and connections."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from traffic.arrays import require, require_finite, set_columns, table_length

__all__ = ["Connections", "LaneGroups", "Links", "Movements", "Nodes", "RoadClass", "Turn"]

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
        set_columns(
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
        set_columns(
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
        set_columns(
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
        set_columns(
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
        set_columns(self, lane_group=(self.lane_group, np.int32), movement=(self.movement, np.int32))
        table_length(self, name="connections")
        ordered = np.r_[True, np.diff(self.lane_group) >= 0][: len(self.lane_group)]
        rule = "connections must be sorted by lane group"
        require(ordered, "connections.lane_group", rule, self.lane_group)

    def __len__(self) -> int:
        return len(self.movement)
