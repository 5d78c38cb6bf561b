"""What Jasyl takes from OpenStreetMap, before any of it becomes a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from traffic.arrays import frozen, require, require_finite, require_index
from traffic.errors import InputError
from traffic.road_tables import F1, I1, L1

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["OsmExtract", "OsmGap", "OsmPlaces", "OsmRestriction", "OsmSignals"]


@dataclass(frozen=True)
class OsmRestriction:
    """A turn restriction over a node.

    Attributes
    ----------
    kind
        The OSM value: ``"no_left_turn"``, ``"only_straight_on"``, ...
    """

    osm_id: int
    kind: str
    from_way: int
    via_node: int
    to_way: int


@dataclass(frozen=True)
class OsmGap:
    """A drivable way that the file cuts up, as it refers to nodes that are not in the file.

    Attributes
    ----------
    way, name
        OSM id and name of the way.
    missing
        OSM ids of the nodes.
    near
        Index of the node of the way next to the first gap; `None` where the file holds none of its nodes.
    """

    way: int
    name: str
    missing: tuple[int, ...]
    near: int | None


@dataclass(frozen=True, eq=False)
class OsmSignals:
    """Nodes tagged as traffic signals.

    Attributes
    ----------
    node
        Indices into the nodes of the extract.
    tags
        Their tags.
    carrier
        Why the node cannot be driven over: the kind of way that it lies on (``"footway"``), or ``""``
        where it lies on a drivable way, or ``"nothing"``.
    """

    node: I1
    tags: tuple[Mapping[str, str], ...]
    carrier: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "node", frozen(self.node, np.int32))

    def __len__(self) -> int:
        return len(self.node)


@dataclass(frozen=True, eq=False)
class OsmPlaces:
    """Settlements and quarters: nodes with a ``place`` tag."""

    lon: F1
    lat: F1
    kind: tuple[str, ...]
    name: tuple[str, ...]
    population: L1

    def __post_init__(self) -> None:
        object.__setattr__(self, "lon", frozen(self.lon, np.float64))
        object.__setattr__(self, "lat", frozen(self.lat, np.float64))
        object.__setattr__(self, "population", frozen(self.population, np.int64))

    def __len__(self) -> int:
        return len(self.kind)

    @classmethod
    def none(cls) -> OsmPlaces:
        """Return an empty table."""
        return cls(np.empty(0), np.empty(0), (), (), np.empty(0, dtype=np.int64))


@dataclass(frozen=True, eq=False)
class OsmExtract:
    """Roads, signals and turn restrictions of one OSM file or place.

    Attributes
    ----------
    source
        File or place name, for messages.
    node_id, lon, lat
        All nodes used; coordinates in degrees (WGS 84).
    way_id, way_begin
        Drivable ways; the nodes of way i are ``way_node[way_begin[i]:way_begin[i + 1]]``, so that
        `way_begin` has one row more than `way_id`.
    way_node
        Indices into the nodes.
    way_tags
        Tags of each way, only the keys that are used (`traffic.osm.tags.WAY_KEYS`).
    signals, places, restrictions
        See there.
    crossing_node, stop_node, give_way_node, barrier_node
        Indices of nodes on drivable ways: pedestrian crossings, stop and give-way signs, and barriers that
        close a road to cars.
    counts
        What else was seen: ``"ways closed to general traffic"``, ``"speed cameras"``, ``"bus stops"``,
        ``"restrictions over a way"``, ...
    gaps
        Ways that the file cuts up.
    """

    source: str
    node_id: L1
    lon: F1
    lat: F1
    way_id: L1
    way_begin: I1
    way_node: I1
    way_tags: tuple[Mapping[str, str], ...]
    signals: OsmSignals
    places: OsmPlaces
    restrictions: tuple[OsmRestriction, ...]
    crossing_node: I1
    stop_node: I1
    give_way_node: I1
    barrier_node: I1
    counts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    gaps: tuple[OsmGap, ...] = ()

    def __post_init__(self) -> None:
        for name, dtype in (
            ("node_id", np.int64),
            ("lon", np.float64),
            ("lat", np.float64),
            ("way_id", np.int64),
        ):
            object.__setattr__(self, name, frozen(getattr(self, name), dtype))
        indices = ("way_begin", "way_node", "crossing_node", "stop_node", "give_way_node", "barrier_node")
        for name in indices:
            object.__setattr__(self, name, frozen(getattr(self, name), np.int32))
        object.__setattr__(self, "counts", MappingProxyType(dict(self.counts)))
        for name in indices[1:]:
            require_index(name, getattr(self, name), len(self.node_id))
        require_index("signals.node", self.signals.node, len(self.node_id))
        require_finite("lon", self.lon)
        require_finite("lat", self.lat)
        require(np.abs(self.lon) <= 180, "lon", "must be from -180 to 180 degrees", self.lon)
        require(np.abs(self.lat) <= 90, "lat", "must be from -90 to 90 degrees", self.lat)
        if not len(self.way_id) == len(self.way_tags) == len(self.way_begin) - 1:
            raise InputError(f"must have {len(self.way_id)} rows", field="way_tags", value=len(self.way_tags))
        require(
            np.diff(self.way_begin) >= 2, "way_begin", "a way needs 2 nodes or more", np.diff(self.way_begin)
        )

    def nodes_of(self, way: int) -> I1:
        """Return the node indices of way number `way`."""
        return self.way_node[self.way_begin[way] : self.way_begin[way + 1]]
