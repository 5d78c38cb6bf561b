"""Records of buses as they come: stop visits, a TIDES package, or positions with the timetable that they are matched to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from traffic.errors import InputError
from transit.gtfs import read_gtfs
from transit.matched_visits import completed
from transit.matching import match
from transit.position_feeds import looks_like_feed
from transit.position_files import read_positions
from transit.table_files import read_bytes
from transit.visit_files import holds_visits, read_visits

if TYPE_CHECKING:
    import os

    from transit.problems import FeedProblem
    from transit.timetable import Timetable
    from transit.visits import StopVisits

__all__ = ["Record", "read_record"]

_TIDES_VISITS = "stop_visits.csv"


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
    """

    name: str
    visits: StopVisits
    problems: tuple[FeedProblem, ...]
    fates: Mapping[str, int] = field(default_factory=dict)
    stop_names: Mapping[str, str] = field(default_factory=dict)


def read_record(
    path: str | os.PathLike[str],
    gtfs: str | os.PathLike[str] | None = None,
    zone: str | None = None,
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
    """
    file = Path(path)
    if file.is_dir():
        if not (file / _TIDES_VISITS).is_file():
            hint = "Give a file of stop visits or positions"
            rule = f"must be a file, or a folder with {_TIDES_VISITS}"
            raise InputError(rule, file=file, hint=hint)
        file /= _TIDES_VISITS
    if gtfs is None:
        found = read_visits(file, zone=zone)
        return Record(file.name, found.visits, found.problems)
    feed = read_gtfs(gtfs)
    names = dict(zip(feed.timetable.stops.key, feed.timetable.stops.name, strict=True))
    content = read_bytes(file)
    if not looks_like_feed(content) and holds_visits(content):
        found = read_visits(file, zone=zone or feed.timetable.zone)
        problems = (*found.problems, *feed.problems)
        return Record(file.name, found.visits, problems, stop_names=names)
    return _matched(file, feed.timetable, feed.problems, zone, names)


def _matched(
    file: Path,
    timetable: Timetable,
    problems: tuple[FeedProblem, ...],
    zone: str | None,
    names: Mapping[str, str],
) -> Record:
    read = read_positions(file, zone=zone or timetable.zone)
    found = match(timetable, read.positions)
    fates = {fate.name.lower(): count for fate, count in found.counts().items()}
    visits = completed(found.visits, timetable)
    return Record(file.name, visits, (*read.problems, *problems), fates, names)
