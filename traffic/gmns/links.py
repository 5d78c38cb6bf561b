"""Links of a GMNS network that cars may use, each in one direction, with what is left out and why."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from traffic.defaults import default_speed_km_h
from traffic.errors import InputError
from traffic.gmns.cells import by_key, rows_of
from traffic.gmns.config import projection
from traffic.gmns.uses import Uses
from traffic.network import RoadClass
from traffic.units import KM_H

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traffic.gmns.cells import Row
    from traffic.gmns.config import GmnsConfig, Projection, Unit
    from traffic.gmns.records import GmnsFolder

__all__ = ["MOST_LANES", "CarLink", "GmnsRoads", "drawn_m", "is_crosswalk", "read_roads"]

MOST_LANES = 20
"""Lanes of a link at most."""

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_POINT = re.compile(rf"\s*({_NUMBER})\s+({_NUMBER})(?:\s+{_NUMBER}){{0,2}}\s*")
_LINE = re.compile(r"\s*(?:MULTI)?LINESTRING\s*(?:Z|M|ZM)?\s*([(][^A-Za-z]*[)])\s*", re.IGNORECASE)
_UNIT_FITS = 3.0
_LENGTH_FITS = 10.0
_CLASSES = {
    RoadClass.MOTORWAY: ("motorway", "freeway", "interstate"),
    RoadClass.TRUNK: ("trunk", "expressway", "highway", "ramp", "on-ramp", "off-ramp"),
    RoadClass.PRIMARY: ("primary", "arterial", "principal_arterial"),
    RoadClass.SECONDARY: ("secondary", "minor_arterial"),
    RoadClass.TERTIARY: ("tertiary", "collector"),
    RoadClass.UNCLASSIFIED: ("unclassified",),
    RoadClass.RESIDENTIAL: ("residential", "local", "living_street"),
    RoadClass.SERVICE: ("service", "driveway", "alley"),
}
_CLASS_OF = {name: road_class for road_class, names in _CLASSES.items() for name in names}


@dataclass(frozen=True, eq=False)
class CarLink:
    """One direction of a link.

    Attributes
    ----------
    row
        Its row of ``link.csv``; both directions of a link that is not directed have the same.
    from_node, to_node
        Ids of its nodes in the direction of travel.
    shape_m
        Points from start to end, metres; shape (n, 2).
    length_m
        As the file says; as it is drawn where it says none.
    lanes
        Lanes along the link in this direction; 0 where the file leaves it open.
    """

    row: Row
    key: str
    forward: bool
    from_node: str
    to_node: str
    shape_m: NDArray[np.float64]
    length_m: float
    speed_m_s: float
    lanes: int
    road_class: RoadClass
    name: str


@dataclass(frozen=True, eq=False)
class GmnsRoads:
    """The nodes and links of a file.

    Attributes
    ----------
    nodes
        All nodes by id.
    placed
        Position of each, metres; shape (2,).
    links
        What cars may use.
    others
        The other links, by id.
    left_out
        How many links were left out, by reason.
    warnings
        What was read otherwise than it stands in the file.
    """

    folder: GmnsFolder
    config: GmnsConfig
    crs: str
    nodes: dict[str, Row]
    placed: dict[str, NDArray[np.float64]]
    links: tuple[CarLink, ...]
    others: dict[str, Row]
    left_out: dict[str, int]
    warnings: tuple[str, ...]
    long_length: Unit
    uses: Uses


def read_roads(folder: GmnsFolder, config: GmnsConfig) -> GmnsRoads:
    """Read nodes and links, of which those that cars may use become roads."""
    return _Reader(folder, config).read()


def drawn_m(shape: NDArray[np.float64]) -> float:
    """Return the length of a line of points, shape (n, 2)."""
    return float(np.hypot(*np.diff(shape, axis=0).T).sum())


def is_crosswalk(row: Row) -> bool:
    """Whether a link is a crosswalk; those that cross a leg of a junction are not left out."""
    return "crosswalk" in row.text("facility_type").lower()


class _Reader:
    def __init__(self, folder: GmnsFolder, config: GmnsConfig) -> None:
        self.folder, self.config, self.uses = folder, config, Uses(folder)
        self.left_out: Counter[str] = Counter()
        self.turned = self.slow = self.unlike = 0
        self.warnings: list[str] = []
        self.nodes = by_key(rows_of(folder, "node", ("node_id", "x_coord", "y_coord")), "node_id")
        self.at = {key: position for position, key in enumerate(self.nodes)}
        told = [[row.number("x_coord"), row.number("y_coord")] for row in self.nodes.values()]
        if not told:
            raise InputError("must have a row", file=folder.file("node"), hint="Export the nodes too")
        points = np.array(told)
        self.project = self._projection(points)
        self.position = self.project(points)
        self._check_positions()
        geometry = rows_of(folder, "geometry", ("geometry_id", "geometry"))
        self.geometry = by_key(geometry, "geometry_id")

    def _projection(self, points: NDArray[np.float64]) -> Projection:
        try:
            return projection(self.config.crs, points)
        except InputError as error:
            file = self.folder.file("config")
            raise InputError(
                error.rule, file=file, field=error.field, value=error.value, hint=error.hint
            ) from error

    def _check_positions(self) -> None:
        lost = np.flatnonzero(~np.isfinite(self.position).all(axis=1))
        if len(lost):
            row = list(self.nodes.values())[lost[0]]
            rule = f"must have a place in {self.config.crs}"
            raise row.wrong("x_coord", rule, "Correct the position, or crs in config.csv")

    def read(self) -> GmnsRoads:
        columns = ("link_id", "from_node_id", "to_node_id")
        rows = by_key(rows_of(self.folder, "link", columns), "link_id")
        if not rows:
            rule, hint = "must have a row", "Export the links too"
            raise InputError(rule, file=self.folder.file("link"), hint=hint)
        drawn = {key: self._shape(row) for key, row in rows.items()}
        unit = self._length_unit(rows, drawn)
        links: list[CarLink] = []
        others: dict[str, Row] = {}
        for key, row in rows.items():
            reason = self._reason(row)
            if reason:
                others[key] = row
                self.left_out[reason] += not is_crosswalk(row)
                continue
            links += self._directions(key, row, drawn[key], unit)
        self._finish(links, others)
        return GmnsRoads(
            folder=self.folder,
            config=self.config,
            crs=self.project.crs,
            nodes=self.nodes,
            placed=dict(zip(self.nodes, self.position, strict=True)),
            links=tuple(links),
            others=others,
            left_out={reason: n for reason, n in self.left_out.most_common() if n},
            warnings=tuple(self.warnings),
            long_length=unit,
            uses=self.uses,
        )

    def _reason(self, row: Row) -> str:
        """Return why a link is no road for cars; empty where it is one."""
        if not self.uses.cars(row):
            return f"allowed_uses {row.text('allowed_uses').lower()}"
        drawn = row.text("geometry") or row.text("geometry_id")
        loop = row.text("from_node_id") == row.text("to_node_id")
        return "begins and ends at one node, without a geometry" if loop and not drawn else ""

    def _finish(self, links: list[CarLink], others: dict[str, Row]) -> None:
        if self.turned:
            self.warnings.append(
                f"{self.turned} geometries run from to_node_id to from_node_id; turned round"
            )
        if self.slow:
            self.warnings.append(f"{self.slow} links have no free_speed: that of their kind of road is taken")
        if not links:
            rule, hint = "must have a link that cars may use", "Correct allowed_uses"
            raise InputError(rule, file=self.folder.file("link"), value=len(others), hint=hint)
        if self.unlike:
            self.warnings.append(
                f"{self.unlike} links are drawn less than a tenth or more than ten times their length: as drawn"
            )

    def _shape(self, row: Row) -> NDArray[np.float64]:
        """Return the points of a link from `from_node_id` to `to_node_id`, metres."""
        ends = []
        for column in ("from_node_id", "to_node_id"):
            if row.text(column) not in self.at:
                raise row.wrong(column, "must be a node_id of node.csv", "Add the node, or correct the cell")
            ends.append(self.position[self.at[row.text(column)]])
        start, end = ends
        points = self._drawn(row)
        if points is None:
            return np.array([start, end])
        if row.text("dir_flag") == "-1":
            points = points[::-1]
        if _gap(points[0], start) + _gap(points[-1], end) > _gap(points[0], end) + _gap(points[-1], start):
            self.turned += self._reason(row) == ""
            points = points[::-1]
        return points

    def _drawn(self, row: Row) -> NDArray[np.float64] | None:
        told, column = row, "geometry"
        if not row.text("geometry"):
            key = row.text("geometry_id")
            if not key:
                return None
            if key not in self.geometry:
                rule, hint = "must be a geometry_id of geometry.csv", "Add the geometry, or empty the cell"
                raise row.wrong("geometry_id", rule, hint)
            told = self.geometry[key]
        text = told.text(column)
        line = _LINE.fullmatch(text)
        parts = [] if line is None else re.split(r"[)]\s*,\s*[(]", line[1].strip()[1:-1].strip("() "))
        found = [_POINT.fullmatch(point) for part in parts for point in part.split(",")]
        if len(found) < 2 or None in found:
            rule = "must be a LINESTRING or MULTILINESTRING of points x y"
            raise told.wrong(column, rule, "Write the geometry as WKT")
        points = self.project(np.array([[float(point[1]), float(point[2])] for point in found if point]))
        if not np.isfinite(points).all():
            rule = f"must have a place in {self.config.crs}"
            raise told.wrong(column, rule, "Correct the geometry, or crs in config.csv")
        new = np.r_[True, (np.diff(points, axis=0) != 0).any(axis=1)]
        if new.sum() < 2:
            raise told.wrong(column, "must have two points that differ", "Correct the geometry")
        return points[new]

    def _length_unit(self, rows: dict[str, Row], drawn: dict[str, NDArray[np.float64]]) -> Unit:
        """Return the unit of `length` in which links are as long as they are drawn.

        Files of earlier versions of the specification have lengths of links in `short_length`.
        """
        pairs = [
            (row.number("length"), drawn_m(drawn[key])) for key, row in rows.items() if row.text("length")
        ]
        config = self.config
        told = np.array([pair for pair in pairs if min(pair) > 0]).reshape(-1, 2)
        if not len(told):
            return config.long_length
        ratio = float(np.median(told[:, 0] / told[:, 1]))
        for unit in (config.long_length, config.short_length):
            if 1 / _UNIT_FITS < ratio * float(unit.si(Decimal(1))) < _UNIT_FITS:
                if unit != config.long_length:
                    self.warnings.append("length of links is in the unit short_length, as they are drawn")
                return unit
        rule = "must be the length of the geometry, in the unit long_length or short_length"
        hint = "Correct the units or crs in config.csv"
        file, value = self.folder.file("link"), f"{ratio:.3g} units a metre in the middle"
        raise InputError(rule, file=file, field="length", value=value, hint=hint)

    def _directions(self, key: str, row: Row, shape: NDArray[np.float64], unit: Unit) -> list[CarLink]:
        road_class = _CLASS_OF.get(row.text("facility_type").lower().replace(" ", "_"), RoadClass.SECONDARY)
        one = CarLink(
            row=row,
            key=key,
            forward=True,
            from_node=row.text("from_node_id"),
            to_node=row.text("to_node_id"),
            shape_m=shape,
            length_m=self._length_m(row, shape, unit),
            speed_m_s=self._speed_m_s(row, road_class),
            lanes=self._lanes(row),
            road_class=road_class,
            name=row.verbatim("name"),
        )
        if row.yes("directed", default=True):
            return [one]
        back = replace(one, forward=False, shape_m=shape[::-1], from_node=one.to_node, to_node=one.from_node)
        return [one, back]

    def _length_m(self, row: Row, shape: NDArray[np.float64], unit: Unit) -> float:
        drawn = drawn_m(shape)
        length = float(unit.si(row.decimal("length", Decimal(0))))
        if length < 0 or (length == 0 and row.text("length")):
            raise row.wrong("length", "must be more than 0", "Correct the length, or empty the cell")
        if length > 0 and (drawn == 0 or 1 / _LENGTH_FITS < length / drawn < _LENGTH_FITS):
            return length
        self.unlike += length > 0
        if drawn == 0:
            raise row.wrong("length", "must be given where both nodes lie at one place", "Give the length")
        return drawn

    def _speed_m_s(self, row: Row, road_class: RoadClass) -> float:
        if not row.text("free_speed"):
            self.slow += 1
            return default_speed_km_h(road_class.name.lower()) * KM_H
        speed = float(self.config.speed.si(row.decimal("free_speed")))
        if not 0 < speed <= 100:
            raise row.wrong("free_speed", "must be more than 0 and 100 m/s at most", "Correct the speed")
        return speed

    @staticmethod
    def _lanes(row: Row) -> int:
        lanes = row.whole("lanes", 0)
        if not 1 <= lanes <= MOST_LANES and row.text("lanes"):
            rule = f"must be from 1 to {MOST_LANES} where cars are allowed"
            raise row.wrong(
                "lanes", rule, "Correct the lanes, take cars from allowed_uses, or empty the cell"
            )
        return lanes


def _gap(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.hypot(*(one - other)))
