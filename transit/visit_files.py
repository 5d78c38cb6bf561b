"""Recorded stop visits from files: TIDES ``stop_visits``, MBTA arrival-departure files, Auckland's delays.

The format is found from the header. What each column is taken for stands with the function that reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from traffic.errors import InputError
from transit.coded import NONE, Coded
from transit.column_names import example_of
from transit.problems import FeedProblem
from transit.table_files import Table, header_of, read_table
from transit.table_times import days_of, local_to_posix
from transit.tides_package import package_zone
from transit.visit_columns import OWN, VisitMap, mapped_visits
from transit.visits import Point, Relationship, StopVisits, trip_ends

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

__all__ = ["VisitFile", "VisitFormat", "detect_visits", "holds_visits", "read_visits"]

_MBTA_ZONE = "America/New_York"
_AUCKLAND_ZONE = "Pacific/Auckland"
_CLOCK_ZERO_S = -25_567 * 86_400  # 1900-01-01, which the times of a day stand at in MBTA's files
_DAY_S = 86_400
_DAY_STARTS_H = 4.0  # nights belong to the day before
_NEEDED = {
    "TIDES": ("service_date", "trip_id_performed", "trip_stop_sequence", "stop_id"),
    "MBTA": ("service_date", "route_id", "half_trip_id", "stop_id", "point_type", "scheduled", "actual"),
    "AUCKLAND": ("observed_by_utc", "route_short_name", "stop_id", "event", "delay_min"),
    "TABLE": OWN.needed(),
}

_OF_POSITIONS = "event_timestamp"
_LIKELY = {
    "stop": ("stop_id", "stop_code", "halt"),
    "trip": ("trip_id", "journey", "journey_id"),
    "route": ("route_id", "line", "line_id"),
    "scheduled_departure": ("scheduled", "planned", "planned_departure", "departure_planned"),
    "departure": ("actual", "actual_departure", "departure_actual", "observed"),
}
"""What columns are often called: for the example in an error, nothing is read by it."""


class VisitFormat(StrEnum):
    """Formats of recorded stop visits."""

    TIDES = "tides"
    MBTA = "mbta"
    AUCKLAND = "auckland"
    TABLE = "table"  # that `transit.table_out.write_visits` makes
    CSV = "csv"


@dataclass(frozen=True, eq=False)
class VisitFile:
    """What a file holds.

    Attributes
    ----------
    visits
        Of the rows that are right.
    problems
        What is wrong with the others.
    kind
        The format that it is in.
    """

    visits: StopVisits
    problems: tuple[FeedProblem, ...]
    kind: VisitFormat


def read_visits(
    path: str | os.PathLike[str],
    *,
    kind: VisitFormat | None = None,
    zone: str | None = None,
    columns: VisitMap | None = None,
) -> VisitFile:
    """Read recorded stop visits; a file packed with gzip too.

    Parameters
    ----------
    kind
        The format; by default it is found from the header.
    zone
        IANA name of the time zone: times without an offset are of it, and so are hours of the day. MBTA's and Auckland's files
        have their own. TIDES files do not say it: by default it is that of ``datapackage.json`` beside them, as Jasyl writes it,
        else UTC, as for other tables.
    columns
        What the columns of a table mean that is in no known format.
    """
    table = read_table(path)
    if columns is not None:
        visits = mapped_visits(table, columns, zone or columns.zone or "UTC")
        return VisitFile(visits, tuple(table.problems), VisitFormat.CSV)
    chosen = kind or detect_visits(table)
    if chosen is VisitFormat.MBTA:
        visits = _mbta(table, zone or _MBTA_ZONE)
    elif chosen is VisitFormat.AUCKLAND:
        visits = _auckland(table, zone or _AUCKLAND_ZONE)
    elif chosen is VisitFormat.TABLE:
        visits = mapped_visits(table, OWN, zone or "UTC")
    elif chosen is VisitFormat.TIDES:
        visits = _tides(table, zone or package_zone(Path(path).parent) or "UTC", Path(path).parent)
    else:
        raise InputError(
            "must come with a map of its columns", file=path, field="columns", hint=_how_to_map(table)
        )
    return VisitFile(visits, tuple(table.problems), chosen)


def holds_visits(content: bytes) -> bool:
    """Return whether what a file holds is a table in a known format of stop visits, by its header alone."""
    names = header_of(content)
    return any(_is_of(names, columns) for columns in _NEEDED.values())


def detect_visits(table: Table) -> VisitFormat:
    """Return the format of a table by its header."""
    for name, columns in _NEEDED.items():
        if _is_of(table.columns.keys(), columns):
            return VisitFormat[name]
    known = "; ".join(f"{name}: {', '.join(columns)}" for name, columns in _NEEDED.items() if name != "TABLE")
    value = ", ".join(table.columns)[:200]
    hint = f"{_how_to_map(table)}. Known by their columns are {known}"
    raise InputError(
        "must be a known format of stop visits", file=table.file, field="header", value=value, hint=hint
    )


def _is_of(names: AbstractSet[str], columns: tuple[str, ...]) -> bool:
    """Return whether a table with these columns is in a format; TIDES positions may have all columns of its visits, too."""
    return names >= set(columns) and _OF_POSITIONS not in names


def _how_to_map(table: Table) -> str:
    example = example_of(_LIKELY, table.columns)
    return f"Say which column is what in a file, and give it with --columns: {example}"


def _mbta(table: Table, zone: str) -> StopVisits:
    """Read MBTA's arrival-departure file.

    ``scheduled`` and ``actual`` are clock times of the zone (1900-01-02: after midnight) despite their ``Z``. By the data
    dictionary they are departures; at end points, where nothing departs, they are taken for arrivals. ``earliness``
    (negative: late) is not read: at middle points it is larger than scheduled less actual by 5 s and more, as if counted
    from another event. An empty ``actual`` is a visit that nobody saw. ``half_trip_id`` is the trip.
    """
    table.require(_NEEDED["MBTA"], "MBTA arrival-departure")
    date_s = table.times("service_date", "UTC", needed=True)
    clock = {name: table.times(name, "UTC") - _CLOCK_ZERO_S for name in ("scheduled", "actual")}
    known = np.isfinite(date_s)
    wall = {name: local_to_posix(date_s + value, zone) for name, value in clock.items()}
    kinds = table.texts("point_type")
    point = _mapped(kinds, {"Startpoint": Point.START, "Endpoint": Point.END}, Point.MIDDLE)
    table.tell(
        ~kinds.is_any(["Startpoint", "Midpoint", "Endpoint"]),
        "point_type",
        "must be Startpoint, Midpoint or Endpoint: taken for a middle point",
        needed=False,
    )
    ends = point == Point.END
    visits = StopVisits.of(
        zone,
        len(table),
        day=np.where(known, np.nan_to_num(date_s) // _DAY_S, 0),
        route=table.texts("route_id"),
        direction=_mapped(table.texts("direction"), {"Outbound": 0, "Inbound": 1}, -1),
        trip=table.texts("half_trip_id"),
        stop=table.texts("stop_id"),
        sequence=np.nan_to_num(table.numbers("time_point_order")),
        point=point,
        relationship=np.where(np.isfinite(wall["actual"]), Relationship.SCHEDULED, Relationship.MISSING),
        scheduled_arrival_s=np.where(ends, wall["scheduled"], np.nan),
        scheduled_departure_s=np.where(ends, np.nan, wall["scheduled"]),
        arrival_s=np.where(ends, wall["actual"], np.nan),
        departure_s=np.where(ends, np.nan, wall["actual"]),
        scheduled_headway_s=table.numbers("scheduled_headway"),
        headway_s=table.numbers("headway"),
    )
    return visits if known.all() else visits.take(known)


def _auckland(table: Table, zone: str) -> StopVisits:
    """Read Auckland's delays: route, stop, arrival or departure, and how late.

    When it happened is not in the file: it had by the time of the snapshot (``observed_by_utc``, with its offset), which
    stands for it here, and the scheduled time is that less the delay. Deviations are therefore right, hours nearly so, and
    headways cannot be counted. There are no trips. Outliers are kept as they are.
    """
    table.require(_NEEDED["AUCKLAND"], "Auckland delays")
    time_s = table.times("observed_by_utc", zone, needed=True)
    delay_s = 60.0 * table.numbers("delay_min", needed=True)
    event = table.texts("event")
    arrives, departs = event.is_any(["arr"]), event.is_any(["dep"])
    table.tell(~(arrives | departs), "event", "must be arr or dep", needed=True)
    due_s = time_s - delay_s
    visits = StopVisits.of(
        zone,
        len(table),
        day=days_of(time_s, zone, start_h=_DAY_STARTS_H),
        route=table.texts("route_short_name"),
        stop=table.texts("stop_id"),
        scheduled_arrival_s=np.where(arrives, due_s, np.nan),
        arrival_s=np.where(arrives, time_s, np.nan),
        scheduled_departure_s=np.where(departs, due_s, np.nan),
        departure_s=np.where(departs, time_s, np.nan),
    )
    known = np.isfinite(due_s) & (arrives | departs)
    return visits if known.all() else visits.take(known)


def _tides(table: Table, zone: str, folder: Path) -> StopVisits:
    """Read a TIDES table; routes, directions and blocks come from ``trips_performed.csv`` beside it, where it is.

    Boardings and alightings are the sums of both doors. The first and last visits of each trip are its ends.
    """
    table.require(_NEEDED["TIDES"], "TIDES stop_visits")
    date_s = table.times("service_date", "UTC", needed=True)
    sequence = table.numbers("trip_stop_sequence", least=1, needed=True)
    times = {
        name: table.times(column, zone)
        for name, column in (
            ("scheduled_arrival_s", "schedule_arrival_time"),
            ("scheduled_departure_s", "schedule_departure_time"),
            ("arrival_s", "actual_arrival_time"),
            ("departure_s", "actual_departure_time"),
        )
    }
    relationship = _mapped(
        table.texts("schedule_relationship"),
        {"Skipped": Relationship.SKIPPED, "Added": Relationship.ADDED, "Missing": Relationship.MISSING},
        Relationship.SCHEDULED,
    )
    visits = StopVisits.of(
        zone,
        len(table),
        day=np.nan_to_num(date_s) // _DAY_S,
        trip=table.texts("trip_id_performed"),
        stop=table.texts("stop_id"),
        vehicle=table.texts("vehicle_id"),
        sequence=np.nan_to_num(sequence),
        relationship=relationship,
        timepoint=~table.texts("timepoint").is_any(["false", "False", "FALSE", "0"]),
        boardings=_sum(table, "boarding_1", "boarding_2"),
        alightings=_sum(table, "alighting_1", "alighting_2"),
        load=table.numbers("departure_load", least=0),
        **times,
    )
    known = np.isfinite(date_s) & np.isfinite(sequence)
    visits = visits if known.all() else visits.take(known)
    point = trip_ends(visits, table.numbers("scheduled_stop_sequence")[known])
    return _with_trips(replace(visits, point=point), folder / "trips_performed.csv", table.problems)


def _with_trips(visits: StopVisits, path: Path, problems: list[FeedProblem]) -> StopVisits:
    if not path.is_file():
        return visits
    trips = read_table(path)
    trips.require(("trip_id_performed",), "TIDES trips_performed")
    numbers = {key: row for row, key in enumerate(trips.texts("trip_id_performed").texts())}
    of_name = np.array([numbers.get(name, len(trips)) for name in visits.trip.names] + [len(trips)])
    row = of_name[visits.trip.code]
    direction = np.append(np.nan_to_num(trips.numbers("direction_id"), nan=-1.0), -1).astype(np.int8)
    parts: dict[str, Any] = {}
    for name, column in (("route", "route_id"), ("block", "block_id")):
        texts = trips.texts(column)
        code = np.append(texts.code, NONE).astype(np.int32)
        parts[name] = Coded(texts.names, code[row])
    problems.extend(trips.problems)
    return replace(visits, direction=direction[row], **parts)


def _sum(table: Table, *names: str) -> NDArray[np.float64]:
    values = [table.numbers(name, least=0) for name in names]
    known = np.isfinite(values).any(axis=0)
    return np.where(known, np.nansum(values, axis=0), np.nan)


def _mapped(texts: Coded, numbers: Mapping[str, int], other: int) -> NDArray[np.int8]:
    of_name = np.array([numbers.get(name, other) for name in texts.names] + [other], dtype=np.int8)
    return of_name[texts.code]
