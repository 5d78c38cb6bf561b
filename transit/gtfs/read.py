"""From a feed in the General Transit Feed Specification (GTFS) to a timetable."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from traffic.errors import InputError
from transit.gtfs.frequencies import repeated_trips
from transit.gtfs.places import read_agencies, read_routes, read_shapes, read_stops
from transit.gtfs.problem_list import ProblemList
from transit.gtfs.services import WEEKDAYS, read_services
from transit.gtfs.source import open_feed
from transit.gtfs.tables import Table, read_table
from transit.gtfs.times import Geography, read_stop_times
from transit.gtfs.trips import TripRows, read_trips
from transit.problems import FeedProblem, Severity
from transit.timetable import Shapes, Timetable, Trips

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

__all__ = ["GtfsFeed", "read_gtfs"]

# of each file: the columns that it must have, and others that are read
_COLUMNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "agency.txt": (("agency_timezone",), ("agency_id",)),
    "stops.txt": (("stop_id", "stop_lat", "stop_lon"), ("stop_name", "location_type")),
    "routes.txt": (("route_id",), ("agency_id", "route_short_name", "route_long_name", "route_type")),
    "trips.txt": (
        ("route_id", "service_id", "trip_id"),
        ("trip_headsign", "direction_id", "block_id", "shape_id"),
    ),
    "stop_times.txt": (
        ("trip_id", "stop_id", "stop_sequence"),
        ("arrival_time", "departure_time", "timepoint", "shape_dist_traveled"),
    ),
    "calendar.txt": (("service_id", *WEEKDAYS, "start_date", "end_date"), ()),
    "calendar_dates.txt": (("service_id", "date", "exception_type"), ()),
    "shapes.txt": (
        ("shape_id", "shape_pt_lat", "shape_pt_lon", "shape_pt_sequence"),
        ("shape_dist_traveled",),
    ),
    "frequencies.txt": (("trip_id", "start_time", "end_time", "headway_secs"), ("exact_times",)),
}
_NEEDED = ("agency.txt", "stops.txt", "routes.txt", "trips.txt", "stop_times.txt")


@dataclass(frozen=True, eq=False)
class GtfsFeed:
    """What a feed says, and what is wrong with it.

    Attributes
    ----------
    timetable
        Of everything that holds together.
    problems
        By file and line: of severity ``error`` where something was left out, else ``warning``.
    """

    timetable: Timetable
    problems: tuple[FeedProblem, ...]


def read_gtfs(path: str | os.PathLike[str], *, strict: bool = False) -> GtfsFeed:
    """Read a feed from a zip file, or from a folder of its files.

    What does not hold together is left out and told; the rest is used. A trip with a broken stop time is left out whole.

    Parameters
    ----------
    strict
        Refuse a feed of which something would be left out.

    Raises
    ------
    InputError
        If nothing of the feed can be used, or, where `strict`, not all of it.
    """
    found, source = ProblemList(), Path(path)
    tables = _tables(source, found)
    try:
        timetable = _timetable(tables, found)
    except InputError as error:
        raise _placed(source, error) from error
    problems = found.ordered()
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    if (strict and errors) or not len(timetable.trips):
        raise _refusal(source, errors, strict=strict)
    return GtfsFeed(timetable, problems)


def _placed(source: Path, error: InputError) -> InputError:
    file = source if error.file is None else source / error.file
    return InputError(error.rule, file=file, field=error.field, value=error.value, hint=error.hint)


def _refusal(source: Path, errors: list[FeedProblem], *, strict: bool) -> InputError:
    first = errors[0] if errors else None
    rule = "must not have an error" if strict and errors else "must have a trip that can be used"
    hint = "Mend what is told, or read it without strict" if strict and errors else "Mend what is told"
    more = f" and {len(errors) - 1} more" if len(errors) > 1 else ""
    return InputError(rule, file=source, value=f"{first}{more}" if first else "no trips", hint=hint)


def _tables(source: Path, problems: ProblemList) -> dict[str, Table]:
    files = open_feed(source, problems)
    tables: dict[str, Table] = {}
    for file, (needed, others) in _COLUMNS.items():
        if file not in files:
            continue
        try:
            tables[file] = read_table(file, files[file], needed, others, problems)
        except InputError as error:
            if file in _NEEDED:
                raise _placed(source, error) from error
            tables.pop(file, None)
            problems.error(file, error.field or "file content", f"{error.rule}: the file is left out")
    missing = [file for file in _NEEDED if file not in tables]
    if not missing and not {"calendar.txt", "calendar_dates.txt"} & set(tables):
        missing = ["calendar.txt or calendar_dates.txt"]
    if missing:
        told = "; ".join(str(problem) for problem in problems.ordered() if problem.file in missing)
        hint = "Add the file, or get the feed again" + (f" ({told})" if told else "")
        raise InputError(f"must hold {' and '.join(missing)}", file=source, hint=hint)
    return tables


def _timetable(tables: dict[str, Table], problems: ProblemList) -> Timetable:
    zone, agencies = read_agencies(tables["agency.txt"], problems)
    stops, stop_keys = read_stops(tables["stops.txt"], problems)
    routes = read_routes(tables["routes.txt"], agencies, problems)
    services, days = read_services(tables.get("calendar.txt"), tables.get("calendar_dates.txt"), problems)
    shapes, travelled = _shapes(tables.get("shapes.txt"), problems)
    rows = read_trips(
        tables["trips.txt"], routes.key, services, (shapes.key, "shapes.txt" in tables), problems
    )
    used, first, times = read_stop_times(
        tables["stop_times.txt"],
        {key: k for k, key in enumerate(rows.key)},
        rows.known,
        rows.shape,
        Geography(stops, stop_keys, shapes, travelled),
        problems,
    )
    problems.errors(
        rows.table, ~used, "trip_id", "must have stop times that hold together: the trip is left out"
    )
    _tell_short(rows.take(used), first, problems)
    trips = _trips(rows.take(used), first)
    if "frequencies.txt" in tables:
        trips, times = repeated_trips(tables["frequencies.txt"], trips, times, rows.known, problems)
    return Timetable(zone, stops, routes, services, days, trips, times, shapes, agencies)


def _shapes(table: Table | None, problems: ProblemList) -> tuple[Shapes, NDArray[np.float64]]:
    if table is None:
        return Shapes((), np.zeros(1, np.int64), np.zeros(0), np.zeros(0)), np.zeros(0)
    return read_shapes(table, problems)


def _tell_short(rows: TripRows, first: NDArray[np.int64], problems: ProblemList) -> None:
    problems.warnings(rows.table, np.diff(first) < 2, "trip_id", "must have two stop times or more")


def _trips(rows: TripRows, first: NDArray[np.int64]) -> Trips:
    return Trips(
        rows.key, rows.route, rows.service, rows.direction, rows.headsign, rows.block, rows.shape, first
    )
