"""A schematic of Almaty: its real avenues at about the right places, drawn from a table of streets.

Streets are polylines in longitude and latitude (`streets/almaty.toml`). Where two of them cross there is a
junction; crossings closer together than 70 m become one. Trunk roads meet only primary and secondary streets,
others pass under them. Streets end at their last junction, unless the table has them leave the area.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from scenarios.polylines import Crossing, along, crossings, groups_within, lengthened, part
from scenarios.sketch import Sketch, Street
from traffic.assemble import JunctionSpec
from traffic.network import Places, RoadClass, RoadNetwork

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["CRS", "build_almaty"]

CRS = "EPSG:32643"
"""UTM zone 43 north."""

_MERGE_M = 70.0
_REACH_M = 90.0
_STUB_MIN_M = 120.0
_SIGNAL_LEGS = 3


@dataclass(frozen=True, eq=False)
class _Avenue:
    street: Street
    points: NDArray[np.float64]
    gateways: frozenset[str]


def build_almaty() -> RoadNetwork:
    """Build the schematic of Almaty; no random numbers, so that every build is the same."""
    table = tomllib.loads(files("scenarios").joinpath("streets/almaty.toml").read_text(encoding="utf-8"))
    avenues = [_avenue(row) for row in table["street"]]
    meetings = [c for c in crossings([a.points for a in avenues]) if _joined(avenues, c)]
    node_of = groups_within(np.array([(c.x_m, c.y_m) for c in meetings]), _MERGE_M)
    sketch = Sketch()
    for node in range(int(node_of.max()) + 1):
        members = [meetings[i] for i in np.flatnonzero(node_of == node).tolist()]
        sketch.add_node(float(np.mean([c.x_m for c in members])), float(np.mean([c.y_m for c in members])))
    for index, avenue in enumerate(avenues):
        _draw(sketch, avenue, _stops(meetings, node_of, index))
    _signalise(sketch, avenues, meetings, node_of)
    return sketch.network("almaty", CRS, places=_places(table["place"]))


def _project(positions: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    from pyproj import Transformer  # noqa: PLC0415 - heavy, and only this scenario needs it

    lon, lat = np.array(positions, dtype=np.float64).T
    x_m, y_m = Transformer.from_crs("EPSG:4326", CRS, always_xy=True).transform(lon, lat)
    # Millimetres: the last bits of a projection differ between versions of PROJ.
    return np.round(np.column_stack([x_m, y_m]), 3)


def _avenue(row: dict[str, Any]) -> _Avenue:
    gateways = frozenset(row.get("gateways", ()))
    street = Street(row["name"], RoadClass[row["class"].upper()], row["lanes"])
    points = _project(row["points"])
    return _Avenue(
        street,
        lengthened(
            points,
            start_m=0.0 if "start" in gateways else _REACH_M,
            end_m=0.0 if "end" in gateways else _REACH_M,
        ),
        gateways,
    )


def _joined(avenues: Sequence[_Avenue], crossing: Crossing) -> bool:
    """Whether the two streets meet at their crossing or pass each other on two levels."""
    classes = sorted(avenues[index].street.road_class for index in (crossing.first, crossing.second))
    return not (classes[0] <= RoadClass.TRUNK and classes[1] > RoadClass.SECONDARY)


def _stops(meetings: Sequence[Crossing], node_of: NDArray[np.int64], avenue: int) -> list[tuple[float, int]]:
    """Nodes along one avenue, each once, with the distance from its start."""
    where: dict[int, list[float]] = {}
    for crossing, node in zip(meetings, node_of.tolist(), strict=True):
        for index, distance in ((crossing.first, crossing.first_m), (crossing.second, crossing.second_m)):
            if index == avenue:
                where.setdefault(node, []).append(distance)
    return sorted((float(np.mean(distances)), node) for node, distances in where.items())


def _draw(sketch: Sketch, avenue: _Avenue, stops: list[tuple[float, int]]) -> None:
    """Draw the roads between the nodes of an avenue, and those to its gateways."""
    if not stops:
        return
    length = float(along(avenue.points)[-1])
    ends = (("start", 0, stops[0][0], 0.0), ("end", -1, length - stops[-1][0], length))
    gateways = []
    for name, point, left_over, distance in ends:
        if name in avenue.gateways and left_over >= _STUB_MIN_M:
            x_m, y_m = avenue.points[point].tolist()
            gateways.append((distance, sketch.add_node(x_m, y_m, gateway=True)))
    places = sorted(stops + gateways)
    for (near_m, near), (far_m, far) in pairwise(places):
        sketch.add_road(near, far, avenue.street, between=part(avenue.points, near_m, far_m))


def _signalise(
    sketch: Sketch, avenues: Sequence[_Avenue], meetings: Sequence[Crossing], node_of: NDArray[np.int64]
) -> None:
    """Put a signal on every node with three legs or more and name it after its streets."""
    taken: dict[str, int] = {}
    for node, legs in enumerate(sketch.degree().tolist()):
        members = np.flatnonzero(node_of == node).tolist()
        if legs < _SIGNAL_LEGS or not members:
            continue
        indices = {index for i in members for index in (meetings[i].first, meetings[i].second)}
        streets = [avenues[index].street for index in sorted(indices)]
        names = [street.name for street in sorted(streets, key=lambda street: street.road_class)]
        key = "almaty:" + "_".join(re.sub(r"[^a-z0-9]+", "-", name.lower()) for name in names)
        taken[key] = taken.get(key, 0) + 1
        key = key if taken[key] == 1 else f"{key}_{taken[key]}"
        spec = sketch.nodes[node]
        junction = JunctionSpec(key, " / ".join(names))
        sketch.nodes[node] = replace(spec, junction=junction)


def _places(rows: Sequence[dict[str, Any]]) -> Places:
    points = _project([row["position"] for row in rows])
    return Places(
        x_m=points[:, 0],
        y_m=points[:, 1],
        weight=np.array([row["weight"] for row in rows]),
        name=tuple(row["name"] for row in rows),
    )
