"""Positions of vehicles from files: the format is found, bad rows are told and left out, the others are kept.

GTFS-Realtime (`transit.position_feeds`), and tables (`transit.position_tables`): TIDES ``vehicle_locations``, AVL files as
TheTransitClock and WMATA write them, HSL's high-frequency positions, and any other CSV by a map of its columns. All may be
packed with gzip.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING

from traffic.errors import InputError
from transit.column_names import example_of
from transit.position_feeds import feed_moment_s, feed_positions, looks_like_feed
from transit.position_tables import FORMATS, ColumnMap, table_positions
from transit.positions import Positions
from transit.problems import FeedProblem
from transit.table_files import header_of, read_bytes, read_table

if TYPE_CHECKING:
    import os

    from transit.table_files import Table

__all__ = [
    "ColumnMap",
    "PositionFile",
    "PositionFormat",
    "detect",
    "holds_positions",
    "position_file",
    "read_positions",
]

_TIDES_POSITIONS = "vehicle_locations.csv"
_LIKELY = {
    "time": ("timestamp", "datetime", "date_time", "when", "ts", "t", "gps_time"),
    "lon": ("longitude", "lng", "long", "x"),
    "lat": ("latitude", "y"),
    "vehicle": ("vehicle_id", "vehicleid", "bus", "bus_id", "veh", "fleet_number", "id"),
}
"""What columns are often called: for the example in an error, nothing is read by it."""


class PositionFormat(StrEnum):
    """Formats of positions."""

    GTFS_REALTIME = "gtfs-realtime"
    TIDES = "tides"
    AVL = "avl"
    HFP = "hfp"
    CSV = "csv"


@dataclass(frozen=True, eq=False)
class PositionFile:
    """What a file holds.

    Attributes
    ----------
    positions
        Of the records that are right, in their order.
    problems
        What is wrong with the others.
    kind
        The format that it is in.
    written_s
        When it was written, where it says so (POSIX seconds): the time in the header of a GTFS-Realtime feed.
    """

    positions: Positions
    problems: tuple[FeedProblem, ...]
    kind: PositionFormat
    written_s: float = nan


def position_file(path: str | os.PathLike[str]) -> Path:
    """Return the file of positions of a TIDES package, where `path` is its folder; else `path`."""
    file = Path(path)
    if not file.is_dir():
        return file
    if not (file / _TIDES_POSITIONS).is_file():
        hint = "Give the file itself, or the folder of a TIDES package that has positions"
        raise InputError(f"must be a file, or a folder with {_TIDES_POSITIONS}", file=file, hint=hint)
    return file / _TIDES_POSITIONS


def detect(path: str | os.PathLike[str]) -> PositionFormat:
    """Return the format of a file by what it holds."""
    if looks_like_feed(read_bytes(path)):
        return PositionFormat.GTFS_REALTIME
    return _detect_table(read_table(path))


def holds_positions(content: bytes) -> bool:
    """Return whether what a file holds is a feed, or a table in a known format of positions, by its header alone."""
    names = header_of(content)
    return looks_like_feed(content) or any(names.issuperset(each.needed()) for each in FORMATS.values())


def read_positions(
    path: str | os.PathLike[str],
    *,
    kind: PositionFormat | None = None,
    zone: str | None = None,
    columns: ColumnMap | None = None,
) -> PositionFile:
    """Read positions from a file, or from the folder of a TIDES package.

    Parameters
    ----------
    kind
        The format; by default it is found.
    zone
        IANA name of the time zone of times without an offset from UTC: by default that of `columns`, else UTC.
    columns
        What the columns of a CSV mean; `kind` is then `PositionFormat.CSV`.

    Raises
    ------
    InputError
        If nothing of the file can be used: it is not there, empty, or in no known format.
    """
    if columns is not None and kind not in {None, PositionFormat.CSV}:
        raise InputError("must not be given with a map of columns", field="kind", value=str(kind))
    path = position_file(path)
    content = read_bytes(path)
    if not content.strip():
        hint = "An export or a download that failed leaves such a file: make it again"
        raise InputError("must not be empty", file=path, hint=hint)
    problems: list[FeedProblem] = []
    if kind is PositionFormat.GTFS_REALTIME or (
        kind is None and columns is None and looks_like_feed(content)
    ):
        positions = feed_positions(content, str(path), problems)
        found = tuple(problems), PositionFormat.GTFS_REALTIME
        return PositionFile(positions, *found, written_s=feed_moment_s(content))
    table = read_table(path)
    if columns is not None:
        chosen, meaning = PositionFormat.CSV, columns
    else:
        chosen = kind or _detect_table(table)
        if chosen is PositionFormat.CSV:
            raise InputError(
                "must come with a map of its columns", file=path, field="columns", hint=_how_to_map(table)
            )
        meaning = FORMATS[chosen.value]
    return PositionFile(table_positions(table, meaning, zone), tuple(table.problems), chosen)


def _detect_table(table: Table) -> PositionFormat:
    for name, meaning in FORMATS.items():
        if all(table.has(column) for column in meaning.needed()):
            return PositionFormat(name)
    known = "; ".join(f"{name}: {', '.join(meaning.needed())}" for name, meaning in FORMATS.items())
    value = ", ".join(table.columns)[:200]
    hint = f"{_how_to_map(table)}. Known are GTFS-Realtime and, by their columns, {known}"
    raise InputError(
        "must be a known format of positions", file=table.file, field="header", value=value, hint=hint
    )


def _how_to_map(table: Table) -> str:
    example = example_of(_LIKELY, table.columns)
    return f"Say which column is what in a file, and give it with --columns: {example}"
