"""The tables of what stands at roads: signalised junctions, pedestrian crossings, places."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from traffic.arrays import require, require_finite, set_columns, table_length
from traffic.errors import InputError

__all__ = ["Crossings", "JunctionKind", "Junctions", "Places"]

F1 = NDArray[np.float64]
I1 = NDArray[np.int32]
U1 = NDArray[np.uint8]
B1 = NDArray[np.bool_]


class JunctionKind(IntEnum):
    """What a controller governs."""

    INTERSECTION = 0
    CROSSING = 1


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
        set_columns(self, node=(self.node, np.int32), kind=(self.kind, np.uint8))
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
        set_columns(
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
        set_columns(
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
