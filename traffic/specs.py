"""Plain descriptions of nodes and roads, from which `traffic.assemble` makes a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from traffic.network import JunctionKind, RoadClass, Turn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["AssemblyNotes", "JunctionSpec", "LinkSpec", "NodeSpec"]


@dataclass(frozen=True)
class JunctionSpec:
    """The signal controller of a node: see `traffic.network.Junctions`."""

    key: str
    name: str
    kind: JunctionKind = JunctionKind.INTERSECTION
    osm_nodes: tuple[int, ...] = ()


@dataclass(frozen=True)
class NodeSpec:
    """A node to be.

    Attributes
    ----------
    x_m, y_m, osm_id, gateway
        See `traffic.network.Nodes`.
    junction
        Its signal controller, if it has one.
    radius_m
        Half-size of a junction that was consolidated from several nodes: shapes that reach closer to the
        node than this say nothing about the direction of the road.
    """

    x_m: float
    y_m: float
    osm_id: int = 0
    gateway: bool = False
    junction: JunctionSpec | None = None
    radius_m: float = 0.0


@dataclass(frozen=True, eq=False)
class LinkSpec:
    """A link to be.

    Attributes
    ----------
    from_node, to_node, speed_m_s, running_lanes, road_class, name, osm_way, layer
        See `traffic.network.Links`; the name is plain text.
    shape
        Points from start to end; shape (n, 2), metres.
    length_m
        Length along the road; `None`: of the shape.
    turn_lanes
        Marked turns of each lane at the stop line, bays included, from the right; `None`: by default rules.
    left_bay_lanes, right_bay_lanes, bay_length_m
        Turn bays beside the running lanes and their length (0: a default).
    saturation_veh_h_lane
        Saturation flow of a through lane; `None`: by default rules.
    crossing
        Whether people on foot cross the leg at `to_node`; `None`: by default rules.
    refuge
        Whether they may wait in the middle of it.
    """

    from_node: int
    to_node: int
    shape: NDArray[np.float64]
    speed_m_s: float
    running_lanes: int
    road_class: RoadClass
    length_m: float | None = None
    name: str = ""
    osm_way: int = 0
    layer: int = 0
    turn_lanes: tuple[frozenset[Turn], ...] | None = None
    left_bay_lanes: int = 0
    right_bay_lanes: int = 0
    bay_length_m: float = 0.0
    saturation_veh_h_lane: float | None = None
    crossing: bool | None = None
    refuge: bool = False


@dataclass(frozen=True)
class AssemblyNotes:
    """What the quality report should say of an assembly.

    Attributes
    ----------
    turn_lanes_ignored
        Links whose marked turn lanes contradict the geometry; they have the default lane use.
    forced_u_turns
        Links that can only be left by a U-turn.
    """

    turn_lanes_ignored: tuple[int, ...]
    forced_u_turns: tuple[int, ...]
