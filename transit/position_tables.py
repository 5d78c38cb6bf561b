"""Positions from tables, by what their columns mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from traffic.errors import InputError
from transit.coded import NONE, Coded
from transit.column_names import checked_names, read_names
from transit.positions import Positions
from transit.table_times import check_zone

if TYPE_CHECKING:
    import os

    from transit.table_files import Table

__all__ = ["FORMATS", "ColumnMap", "table_positions"]

_SPEEDS_M_S = {"m/s": 1.0, "km/h": 1 / 3.6, "mph": 0.44704, "knots": 0.514444}
_KINDS = {"trip": "TRIP_ID", "route": "ROUTE_ID", "block": "BLOCK_ID"}


@dataclass(frozen=True)
class ColumnMap:
    """What the columns of a table are called.

    Attributes
    ----------
    time, lon, lat, vehicle
        Must be there.
    heading, speed, trip, route, block
        May be.
    operator
        Whose vehicle it is, where two operators may have vehicles of the same number.
    assignment, assignment_kind
        What the vehicle is assigned to, and whether that is ``TRIP_ID``, ``ROUTE_ID`` or ``BLOCK_ID``.
    trip_else
        Where `trip` is empty.
    speed_unit
        ``m/s``, ``km/h``, ``mph`` or ``knots``.
    zone
        IANA name of the time zone of times without an offset from UTC.
    """

    time: str
    lon: str
    lat: str
    vehicle: str
    heading: str | None = None
    speed: str | None = None
    trip: str | None = None
    route: str | None = None
    block: str | None = None
    operator: str | None = None
    assignment: str | None = None
    assignment_kind: str | None = None
    trip_else: str | None = None
    speed_unit: str = "m/s"
    zone: str | None = None

    def __post_init__(self) -> None:
        if self.speed_unit not in _SPEEDS_M_S:
            rule = f"must be one of {', '.join(_SPEEDS_M_S)}"
            raise InputError(rule, field="columns.speed_unit", value=self.speed_unit)
        if self.zone is not None:
            check_zone(self.zone, "columns.zone")

    @classmethod
    def of(cls, names: Mapping[str, Any], *, file: object = None) -> ColumnMap:
        """Return the map that a dictionary, or the table ``[columns]`` in it, describes."""
        return cls(**checked_names(names, cls, ("time", "lon", "lat", "vehicle"), file=file))

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> ColumnMap:
        """Read a map from a TOML file with a table ``[columns]``."""
        return cls.of(read_names(path), file=path)

    def needed(self) -> tuple[str, ...]:
        """Return the columns that a table must have, and by which its format is known."""
        kinds = (self.assignment, self.assignment_kind, self.operator)
        return (self.time, self.lon, self.lat, self.vehicle, *(name for name in kinds if name))


FORMATS: dict[str, ColumnMap] = {
    "tides": ColumnMap(
        time="event_timestamp",
        lon="longitude",
        lat="latitude",
        vehicle="vehicle_id",
        heading="heading",
        speed="speed",
        trip="trip_id_scheduled",
        trip_else="trip_id_performed",
    ),
    "avl": ColumnMap(
        time="time",
        lon="longitude",
        lat="latitude",
        vehicle="vehicleId",
        heading="heading",
        speed="speed",
        assignment="assignmentId",
        assignment_kind="assignmentType",
    ),
    # direction and start (dir, oday, start) name the trip, but timetables name it otherwise
    "hfp": ColumnMap(
        time="tst",
        lon="long",
        lat="lat",
        vehicle="veh",
        operator="oper",
        heading="hdg",
        speed="spd",
        route="route",
    ),
}
"""What the columns of known formats mean."""


def table_positions(table: Table, meaning: ColumnMap, zone: str | None) -> Positions:
    """Return the positions of a table; what is wrong with it is added to its problems."""
    if zone is not None:
        check_zone(zone, "zone")
    table.require(meaning.needed(), "positions of vehicles")
    time_s = table.times(meaning.time, zone or meaning.zone or "UTC", needed=True)
    lon = table.numbers(meaning.lon, least=-180, most=180, needed=True)
    lat = table.numbers(meaning.lat, least=-90, most=90, needed=True)
    vehicle = table.texts(meaning.vehicle)
    table.tell(vehicle.code == NONE, meaning.vehicle, "must say which vehicle it is", needed=True)
    if meaning.operator:
        vehicle = _pairs(table.texts(meaning.operator), vehicle)
    assigned = {name: table.texts(getattr(meaning, name)) for name in _KINDS}
    if meaning.trip_else:
        assigned["trip"] = _either(assigned["trip"], table.texts(meaning.trip_else))
    if meaning.assignment and meaning.assignment_kind:
        given, kind = table.texts(meaning.assignment), table.texts(meaning.assignment_kind)
        known = kind.is_any(list(_KINDS.values()))
        rule = f"must be one of {', '.join(_KINDS.values())}: taken for no assignment"
        table.tell(~known & (given.code != NONE), meaning.assignment_kind, rule, needed=False)
        for name, word in _KINDS.items():
            code = np.where(kind.is_any([word]), given.code, NONE).astype(np.int32)
            assigned[name] = Coded(given.names, code)
    speed = table.numbers(meaning.speed, least=0) * _SPEEDS_M_S[meaning.speed_unit]
    good = np.isfinite(time_s) & np.isfinite(lon) & np.isfinite(lat) & (vehicle.code != NONE)
    number = table.line - 1  # the header is no record
    columns = (lon, lat, table.numbers(meaning.heading).astype(np.float32), speed.astype(np.float32))
    texts = (vehicle, assigned["trip"], assigned["route"], assigned["block"])
    return Positions(
        time_s[good],
        columns[0][good],
        columns[1][good],
        columns[2][good],
        columns[3][good],
        texts[0].take(good),
        texts[1].take(good),
        texts[2].take(good),
        texts[3].take(good),
        number[good],
    )


def _either(first: Coded, other: Coded) -> Coded:
    """Return the one text, or the other where there is none."""
    both = Coded.joined([first, other])
    mine, theirs = both.code[: len(first)], both.code[len(first) :]
    return Coded(both.names, np.where(mine == NONE, theirs, mine).astype(np.int32))


def _pairs(first: Coded, second: Coded) -> Coded:
    """Return ``first/second``; none where the second is none."""
    key = np.where(
        second.code == NONE, NONE, (first.code.astype(np.int64) + 1) * len(second.names) + second.code
    )
    different, code = np.unique(key, return_inverse=True)
    names: list[str] = []
    numbers = np.full(len(different), NONE, dtype=np.int32)
    for k, value in enumerate(different.tolist()):
        if value == NONE:
            continue
        numbers[k] = len(names)
        a, b = divmod(value, len(second.names))
        names.append(f"{first.names[a - 1]}/{second.names[b]}" if a else second.names[b])
    return Coded(tuple(names), numbers[code])
