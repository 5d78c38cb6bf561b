"""Records of buses as they come: stop visits, a TIDES package, or positions with the timetable that they are matched to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from traffic.errors import InputError
from transit.column_names import read_names
from transit.gtfs import read_gtfs
from transit.matched_records import MatchedRecord, matched_record
from transit.position_feeds import looks_like_feed
from transit.position_files import ColumnMap, PositionFile, holds_positions, read_positions
from transit.table_files import read_bytes
from transit.visit_columns import VisitMap
from transit.visit_files import holds_visits, read_visits

if TYPE_CHECKING:
    import os

    from transit.gtfs import GtfsFeed
    from transit.matching import MatchRules
    from transit.problems import FeedProblem
    from transit.timetable import Timetable
    from transit.visits import StopVisits

__all__ = ["Record", "match_file", "read_column_map", "read_record"]

_TIDES = ("stop_visits.csv", "vehicle_locations.csv")


@dataclass(frozen=True, eq=False)
class Record:
    """What a record holds.

    Attributes
    ----------
    name
        Of the file.
    visits
        Recorded or matched ones; of matched trips also the visits that nobody saw.
    problems
        Of the record, and of its timetable.
    fates
        How many positions came to what, where it has positions.
    stop_names
        By identifier, where a timetable says them.
    warnings
        What people should know before they use the figures.
    """

    name: str
    visits: StopVisits
    problems: tuple[FeedProblem, ...]
    fates: Mapping[str, int] = field(default_factory=dict)
    stop_names: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def read_record(
    path: str | os.PathLike[str],
    gtfs: str | os.PathLike[str] | None = None,
    zone: str | None = None,
    *,
    columns: ColumnMap | VisitMap | None = None,
    rules: MatchRules | None = None,
    all_trips: bool = False,
) -> Record:
    """Read a record.

    Parameters
    ----------
    path
        Stop visits, a folder of TIDES tables, or positions of vehicles.
    gtfs
        The timetable, which positions need. For stop visits it gives time zone and names of stops.
    zone
        IANA name of the time zone of times without one, where neither the record nor the timetable says it.
    columns
        What the columns of a table mean that is in no known format: of positions, or of stop visits.
    rules, all_trips
        Of positions: see `transit.matched_records.matched_record`.
    """
    file = _file_of(Path(path))
    visits = isinstance(columns, VisitMap)
    if columns is None:
        content = read_bytes(file)
        visits = not looks_like_feed(content) and holds_visits(content)
    if gtfs is None:
        if isinstance(columns, ColumnMap) or (columns is None and holds_positions(content)):
            hint = "Say where it is with --gtfs"
            raise InputError(
                "must come with a timetable, as it has positions of vehicles", file=file, hint=hint
            )
        found = read_visits(file, zone=zone, columns=columns)
        return Record(file.name, found.visits, found.problems)
    feed = read_gtfs(gtfs)
    names = dict(zip(feed.timetable.stops.key, feed.timetable.stops.name, strict=True))
    if visits:
        mapped = columns if isinstance(columns, VisitMap) else None
        found = read_visits(file, zone=_zone(zone, columns, feed.timetable), columns=mapped)
        return Record(file.name, found.visits, (*found.problems, *feed.problems), stop_names=names)
    located = columns if isinstance(columns, ColumnMap) else None
    read, matched = match_file(file, feed, zone, columns=located, rules=rules, all_trips=all_trips)
    return Record(
        file.name,
        matched.visits,
        (*read.problems, *feed.problems),
        matched.fates,
        names,
        matched.warnings,
    )


def match_file(
    path: str | os.PathLike[str],
    feed: GtfsFeed,
    zone: str | None = None,
    *,
    columns: ColumnMap | None = None,
    rules: MatchRules | None = None,
    all_trips: bool = False,
) -> tuple[PositionFile, MatchedRecord]:
    """Read positions and match them; parameters are those of `read_record`.

    Raises
    ------
    InputError
        If no position can be read, or none is on a trip.
    """
    read = read_positions(path, zone=_zone(zone, columns, feed.timetable), columns=columns)
    if not len(read.positions):
        told = f"{read.problems[0]}; {len(read.problems)} rows like this" if read.problems else "no rows"
        raise InputError("must have a position that can be used", file=path, value=told)
    matched = matched_record(feed.timetable, read.positions, rules, all_trips=all_trips)
    if matched.trouble is not None and not matched.matched:
        raise matched.trouble.error(path)
    return read, matched


def read_column_map(path: str | os.PathLike[str]) -> ColumnMap | VisitMap:
    """Read a map of columns: of positions where it names a longitude or latitude, else of stop visits."""
    names = read_names(path)
    inner = names.get("columns", names)
    positions = isinstance(inner, Mapping) and not {"lon", "lat"}.isdisjoint(inner)
    return (ColumnMap if positions else VisitMap).of(names, file=path)


def _file_of(path: Path) -> Path:
    """Return the file of visits in the folder of a TIDES package, else that of positions; or `path` where it is no folder."""
    if not path.is_dir():
        return path
    for name in _TIDES:
        if (path / name).is_file():
            return path / name
    hint = "Give a file of stop visits or positions"
    raise InputError(f"must be a file, or a folder with {' or '.join(_TIDES)}", file=path, hint=hint)


def _zone(zone: str | None, columns: ColumnMap | VisitMap | None, timetable: Timetable) -> str:
    return zone or (columns.zone if columns is not None else None) or timetable.zone
