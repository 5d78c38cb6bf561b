"""Units and coordinate system of a GMNS network: its ``config.csv``.

Numbers are converted as decimals, so that a value that was written in kilometres and is read in metres is the same to its last
digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from traffic.errors import InputError
from traffic.gmns.cells import rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from traffic.gmns.cells import Row
    from traffic.gmns.records import GmnsFolder

__all__ = ["LOCAL", "GmnsConfig", "Projection", "Unit", "projection", "read_config"]

LOCAL = "local"
"""Coordinate system of positions in metres that are not tied to the earth."""

_WGS84 = "4326"
_GEOMETRY = "wkt"


@dataclass(frozen=True)
class Unit:
    """A unit as a fraction of metres or of metres per second."""

    times: Decimal
    per: Decimal = Decimal(1)

    def si(self, value: Decimal) -> Decimal:
        """Return `value` in metres or metres per second."""
        return value * self.times / self.per

    def told(self, value: float) -> str:
        """Return an SI value in this unit, with as many digits as it takes to read the same value."""
        number = Decimal(repr(value)) * self.per / self.times
        short = Decimal(f"{number:.15g}")
        return format((short if float(self.si(short)) == value else number).normalize(), "f")


_LENGTHS = {
    Unit(Decimal(1)): ("m", "meter", "meters", "metre", "metres"),
    Unit(Decimal(1000)): ("km", "kilometer", "kilometers", "kilometre", "kilometres"),
    Unit(Decimal("0.3048")): ("ft", "foot", "feet"),
    Unit(Decimal("1609.344")): ("mi", "mile", "miles"),
}
_SPEEDS = {
    Unit(Decimal(1)): ("m/s", "mps"),
    Unit(Decimal(1), Decimal("3.6")): ("km/h", "kmh", "kph", "kmph"),
    Unit(Decimal("0.44704")): ("mph", "mi/h"),
}
_UNIT_OF: Mapping[str, Mapping[str, Unit]] = {
    "length": {name: unit for unit, names in _LENGTHS.items() for name in names},
    "speed": {name: unit for unit, names in _SPEEDS.items() for name in names},
}


@dataclass(frozen=True)
class GmnsConfig:
    """What ``config.csv`` says.

    Attributes
    ----------
    name
        Name of the data set; may be empty.
    short_length, long_length, speed
        Units of widths and positions along a link, of the lengths of links, and of speeds.
    crs
        Coordinate system of all positions, e.g. ``"EPSG:32619"`` or `LOCAL`.
    """

    name: str
    short_length: Unit
    long_length: Unit
    speed: Unit
    crs: str


def read_config(
    folder: GmnsFolder, *, crs: str | None = None, length: str | None = None, speed: str | None = None
) -> GmnsConfig:
    """Read ``config.csv``.

    Parameters
    ----------
    crs, length, speed
        What holds instead of the file, or without one: e.g. ``"EPSG:4326"``, ``"meter"``, ``"kph"``.
    """
    rows = rows_of(folder, "config")
    row = rows[0] if rows else None
    if len(rows) > 1:
        rule, hint = "must be the only row", "Remove the other rows"
        field, value = f"row {rows[1].line}", rows[1].text("dataset_name")
        raise InputError(rule, file=rows[1].file, field=field, value=value, hint=hint)
    file = folder.file("config")
    if row is not None and row.text("geometry_field_format").lower() not in {"", _GEOMETRY}:
        raise row.wrong("geometry_field_format", f"must be {_GEOMETRY}", "Convert the geometries to WKT")
    return GmnsConfig(
        name="" if row is None else row.text("dataset_name"),
        short_length=_unit(row, file, "short_length", "length", length),
        long_length=_unit(row, file, "long_length", "length", length),
        speed=_unit(row, file, "speed", "speed", speed),
        crs=_crs(row, file, crs),
    )


def _unit(row: Row | None, file: str, column: str, kind: str, given: str | None) -> Unit:
    known = _UNIT_OF[kind]
    text = given or ("" if row is None else row.text(column))
    found = known.get(text.lower())
    if found is None:
        rule = f"must be a unit of {kind}: {', '.join(known)}"
        hint = f"Write it into config.csv, or give --{kind}-unit"
        field = f"--{kind}-unit" if given else f"row {row.line}, {column}" if row is not None else column
        raise InputError(rule, file=None if given else file, field=field, value=text or "none", hint=hint)
    return found


def _crs(row: Row | None, file: str, given: str | None) -> str:
    told = "" if row is None else row.text("crs")
    text = given or told or _WGS84
    if text == LOCAL:
        return LOCAL
    name = f"EPSG:{text}" if text.isascii() and text.isdecimal() else text
    try:
        system = CRS.from_user_input(name)
        known = system.is_projected or system.is_geographic
    except CRSError:
        known = False
    if not known:
        field = "--crs" if given else f"row {row.line}, crs" if row is not None else "crs"
        rule, hint = "must be a coordinate system", f"Give an EPSG number such as 32619, or {LOCAL}"
        raise InputError(rule, file=None if given else file, field=field, value=text, hint=hint)
    return name


@dataclass(frozen=True)
class Projection:
    """From the positions of a file to metres in `crs`."""

    crs: str
    transformer: Any = None

    def __call__(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return points, shape (n, 2), in metres; those that have no place in the system are infinite."""
        if self.transformer is None:
            return points
        return np.column_stack(self.transformer.transform(points[:, 0], points[:, 1]))


def projection(crs: str, points: NDArray[np.float64]) -> Projection:
    """Return the way to metres.

    A system that is in metres already stays, unless it is a Mercator map, on which a metre is none; others are projected to the
    zone of Universal Transverse Mercator about the middle of the points.

    Parameters
    ----------
    points
        Easting and northing, or longitude and latitude, of all nodes; shape (n, 2).
    """
    if crs == LOCAL:
        return Projection(crs)
    system = CRS.from_user_input(crs)
    if _true_to_scale(system):
        return Projection(crs)
    degrees = Transformer.from_crs(system, CRS.from_epsg(4326), always_xy=True)
    longitude, latitude = degrees.transform(*np.median(points, axis=0))
    if not (-180 <= longitude <= 180 and -84 <= latitude <= 84):
        rule, hint = "must be the coordinate system of the nodes", "Correct it, or give --crs"
        raise InputError(rule, field="crs", value=crs, hint=hint)
    zone = min(int((longitude + 180) // 6) + 1, 60)
    target = f"EPSG:{(32600 if latitude >= 0 else 32700) + zone}"
    return Projection(target, Transformer.from_crs(system, CRS.from_user_input(target), always_xy=True))


def _true_to_scale(system: CRS) -> bool:
    """Whether positions are in metres of the ground."""
    if not system.is_projected or system.coordinate_operation is None:
        return False
    method = system.coordinate_operation.method_name
    mercator = "Mercator" in method and "Transverse" not in method and "Oblique" not in method
    return not mercator and all(axis.unit_conversion_factor == 1.0 for axis in system.axis_info[:2])
