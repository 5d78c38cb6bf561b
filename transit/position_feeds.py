"""Positions from a GTFS-Realtime feed, entity by entity: what comes before damage is kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError
from google.transit import gtfs_realtime_pb2 as gtfs_realtime

from traffic.errors import InputError
from transit.coded import Coded
from transit.positions import Positions
from transit.problems import FeedProblem, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["feed_moment_s", "feed_positions", "looks_like_feed"]

_HEADER, _ENTITY, _BYTES = 1, 2, 2
_VERSION_TAG = b"\x0a"  # field 1, bytes: gtfs_realtime_version within the header
_LONGEST_HEADER = 256
_MORE, _LOW = 0x80, 0x7F


class _Row(NamedTuple):
    time_s: float
    lon: float
    lat: float
    heading_deg: float
    speed_m_s: float
    vehicle: str
    trip: str
    route: str
    row: int


def looks_like_feed(content: bytes) -> bool:
    """Return whether bytes begin as a GTFS-Realtime message does: with a header that has a version."""
    return (
        content[:1] == b"\x0a"
        and len(content) > 2
        and content[1] < _LONGEST_HEADER // 2
        and content[2:3] == _VERSION_TAG
    )


def feed_moment_s(content: bytes) -> float:
    """Return the POSIX second at which a feed was written by its header, the last one of several feeds that follow each other.

    NaN where no header says it.
    """
    found = np.nan
    for field, part in _parts(content, "", []):
        try:
            found = np.fmax(found, _header_s(part)) if field == _HEADER else found
        except DecodeError:
            continue  # told by `feed_positions`
    return float(found)


def feed_positions(content: bytes, path: str, problems: list[FeedProblem]) -> Positions:
    """Return the positions of a feed; `row` is the number of the entity, from 1.

    A position without a time has that of the header. A vehicle without an identifier has its label, else that of its entity.
    """
    file = Path(path).name
    header_s, rows, number = np.nan, [], 0
    for field, part in _parts(content, file, problems):
        try:
            if field == _HEADER:
                header_s = _header_s(part)
            elif field == _ENTITY:
                number += 1
                row = _position(gtfs_realtime.FeedEntity.FromString(part), number, header_s, file, problems)
                rows += [] if row is None else [row]
        except DecodeError as error:
            rule = "must be a message of GTFS-Realtime: left out"
            problems.append(FeedProblem(Severity.ERROR, file, number, "entity", str(error)[:80], rule))
    if number and not rows and not problems:
        rule = "must have vehicle positions: this feed has trip updates or alerts"
        problems.append(FeedProblem(Severity.WARNING, file, 0, "entity", "", rule))
    if number == 0:
        hint = "An empty feed, or no GTFS-Realtime; fetch it again, and check that it is VehiclePositions"
        rule = "must have entities"
        if not problems:
            problems.append(FeedProblem(Severity.WARNING, file, 0, "entity", "", rule))
        elif np.isnan(header_s):
            raise InputError(rule, file=path, field="feed", value=problems[0].rule, hint=hint)
    return _table(rows)


def _table(rows: list[_Row]) -> Positions:
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [()] * len(_Row._fields)
    numbers = [np.array(column, dtype=np.float64) for column in columns[:5]]
    return Positions(
        numbers[0],
        numbers[1],
        numbers[2],
        numbers[3].astype(np.float32),
        numbers[4].astype(np.float32),
        Coded.of(columns[5]),
        Coded.of(columns[6]),
        Coded.of(columns[7]),
        Coded.none(len(rows)),
        np.array(columns[8], dtype=np.int64),
    )


def _header_s(part: bytes) -> float:
    header = gtfs_realtime.FeedHeader.FromString(part)
    return float(header.timestamp) if header.timestamp else np.nan


def _position(
    entity: Any, number: int, header_s: float, file: str, problems: list[FeedProblem]
) -> _Row | None:
    """Return the position of an entity, or none if it has none; what is wrong is told."""

    def tell(field: str, value: object, rule: str) -> None:
        problems.append(FeedProblem(Severity.ERROR, file, number, field, str(value), rule))

    vehicle = entity.vehicle
    if not entity.HasField("vehicle") or entity.is_deleted:
        return None
    if not vehicle.HasField("position"):
        tell("position", entity.id, "must be given: left out")
        return None
    at = vehicle.position
    lat, lon = float(at.latitude), float(at.longitude)
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        tell("position", f"{lat}, {lon}", "must be a place on earth: left out")
        return None
    time_s = float(vehicle.timestamp) if vehicle.timestamp else header_s
    if np.isnan(time_s):
        tell("timestamp", entity.id, "must be given, here or in the header: left out")
        return None
    trip = vehicle.trip
    name = vehicle.vehicle.id or vehicle.vehicle.label or entity.id
    if not name:
        tell("vehicle.id", entity.id, "must say which vehicle it is: left out")
        return None
    heading = float(at.bearing) if at.HasField("bearing") else np.nan
    speed = float(at.speed) if at.HasField("speed") else np.nan
    return _Row(time_s, lon, lat, heading, speed, name, trip.trip_id, trip.route_id, number)


def _parts(content: bytes, file: str, problems: list[FeedProblem]) -> Iterator[tuple[int, bytes]]:
    """Yield number and bytes of the parts of a message, as far as it can be read."""
    at = 0
    while at < len(content):
        begin = at
        tag, at = _varint(content, at)
        size, at = _varint(content, at) if tag >= 0 else (-1, at)
        if tag & 7 != _BYTES or size < 0 or at + size > len(content):
            cut = tag >= 0 and tag & 7 == _BYTES
            rule = (
                "must be whole: it is cut off, and what comes before is used"
                if cut
                else "must be GTFS-Realtime: what comes before is used"
            )
            problems.append(FeedProblem(Severity.ERROR, file, 0, f"byte {begin}", "", rule))
            return
        yield tag >> 3, content[at : at + size]
        at += size


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """Return a number of variable length and where it ends; -1 where it does not."""
    value = 0
    for k in range(10):
        if at + k >= len(content):
            break
        byte = content[at + k]
        value |= (byte & _LOW) << (7 * k)
        if not byte & _MORE:
            return value, at + k + 1
    return -1, at
