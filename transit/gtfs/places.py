"""Agencies, stops, routes and shapes of a feed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from traffic.errors import InputError
from transit.coded import NONE
from transit.gtfs.values import coded, numbers, positions_in, repeated, whole
from transit.timetable import Routes, Shapes, Stops

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.coded import Coded
    from transit.gtfs.problem_list import ProblemList
    from transit.gtfs.tables import Table

__all__ = ["read_agencies", "read_routes", "read_shapes", "read_stops", "with_key"]

BUS = 3
_ORIGIN_DEG = 1.0  # of longitude and latitude 0: where positions are that nobody filled in
_MOST_KIND = 1702
_STATION_KINDS = 4
_GENERIC_NODES = (3, 4)  # location types that need no name; they are places within a station


def with_key(
    table: Table, columns: tuple[str, ...], problems: ProblemList
) -> tuple[Table, tuple[Coded, ...]]:
    """Return the rows whose key is there and new, and the columns of the key."""
    keys = tuple(coded(table, column) for column in columns)
    empty = np.zeros(len(table), dtype=bool)
    for column, key in zip(columns, keys, strict=True):
        none = key.code == NONE
        problems.errors(table, none, column, "must be given")
        empty |= none
    twice = repeated([key.code for key in keys]) & ~empty
    others = "".join(f" with the same {column}" for column in columns[:-1])
    problems.errors(table, twice, columns[-1], f"must not be given twice{others}")
    good = ~(empty | twice)
    return table.take(good), tuple(key.take(good) for key in keys)


def read_agencies(table: Table, problems: ProblemList) -> tuple[str, tuple[str, ...]]:
    """Return the time zone of the feed and the identifiers of its agencies."""
    zones = table.texts("agency_timezone").to_pylist()
    known = np.array([_is_zone(zone) for zone in zones], dtype=bool)
    problems.warnings(table, ~known, "agency_timezone", "must be a time zone of the IANA data base")
    if not known.any():
        hint = "Write the time zone of the timetable there, as in America/Sao_Paulo"
        rule = "must be a time zone of the IANA data base"
        value = zones[0] if zones else None
        raise InputError(rule, file=table.file, field="agency_timezone", value=value, hint=hint)
    zone = str(zones[int(np.argmax(known))])
    other = known & np.array([found != zone for found in zones], dtype=bool)
    problems.warnings(table, other, "agency_timezone", f"must be the same for all agencies: {zone} is taken")
    keys = coded(table, "agency_id")
    problems.warnings(table, repeated([keys.code]), "agency_id", "must not be given twice")
    return zone, keys.names or ("",)


@cache
def _is_zone(name: str) -> bool:
    try:
        return bool(name) and ZoneInfo(name).key == name
    except (KeyError, ValueError, OSError):  # not there, no name at all, or one that no file can have
        return False


def read_stops(table: Table, problems: ProblemList) -> tuple[Stops, tuple[str, ...]]:
    """Return the stops that have a place, and the identifiers of all that the feed names."""
    table, (keys,) = with_key(table, ("stop_id",), problems)
    kind, _ = whole(table, "location_type", problems, most=_STATION_KINDS, warn=True)
    kind = np.maximum(kind, 0)
    lon, lat, good = _places(table, "stop_lon", "stop_lat", problems, needed=~np.isin(kind, _GENERIC_NODES))
    kept, names = keys.take(good), table.take(good).texts("stop_name").to_pylist()
    stops = Stops(_names(kept), tuple(names), lon[good], lat[good], kind[good].astype(np.int8))
    return stops, keys.names


def _names(keys: Coded) -> tuple[str, ...]:
    return tuple(keys.names[code] for code in keys.code.tolist())


def _places(
    table: Table,
    lon_column: str,
    lat_column: str,
    problems: ProblemList,
    *,
    needed: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    lon, no_lon = numbers(table, lon_column, problems, least=-180.0, most=180.0)
    lat, no_lat = numbers(table, lat_column, problems, least=-90.0, most=90.0)
    unread = no_lon | no_lat
    for column, values, wrong in ((lon_column, lon, no_lon), (lat_column, lat, no_lat)):
        missing = np.isnan(values) & ~wrong
        problems.errors(table, missing if needed is None else missing & needed, column, "must be given")
    here = np.isfinite(lon) & np.isfinite(lat) & ~unread
    origin = here & (np.abs(lon) <= _ORIGIN_DEG) & (np.abs(lat) <= _ORIGIN_DEG)
    problems.errors(table, origin, lat_column, "must not be near longitude and latitude 0")
    return lon, lat, here & ~origin


def read_routes(table: Table, agencies: tuple[str, ...], problems: ProblemList) -> Routes:
    """Return the routes."""
    table, (keys,) = with_key(table, ("route_id",), problems)
    kind, wrong = whole(table, "route_type", problems, most=_MOST_KIND, warn=True)
    problems.warnings(table, (kind < 0) & ~wrong, "route_type", "must be given: 3 is taken, a bus")
    short, long = (table.texts(name).to_pylist() for name in ("route_short_name", "route_long_name"))
    nameless = np.array([not (one or other) for one, other in zip(short, long, strict=True)], dtype=bool)
    problems.warnings(table, nameless, "route_short_name", "must be given where there is no route_long_name")
    agency = coded(table, "agency_id")
    stranger = (agency.code != NONE) & (positions_in(agency, dict.fromkeys(agencies, 0)) == NONE)
    problems.warnings(table, stranger, "agency_id", "must be an agency of agency.txt")
    key = _names(keys)
    names = tuple(one or other or of for one, other, of in zip(short, long, key, strict=True))
    return Routes(key, names, np.where(kind < 0, BUS, kind).astype(np.int32))


def read_shapes(table: Table, problems: ProblemList) -> tuple[Shapes, NDArray[np.float64]]:
    """Return shapes of two points or more, and the distance that the feed gives each of their points (else NaN)."""
    key = coded(table, "shape_id")
    problems.errors(table, key.code == NONE, "shape_id", "must be given")
    sequence, wrong = whole(table, "shape_pt_sequence", problems, most=10**9 - 1)
    problems.errors(table, (sequence < 0) & ~wrong, "shape_pt_sequence", "must be given")
    lon, lat, good = _places(table, "shape_pt_lon", "shape_pt_lat", problems)
    travelled, _ = numbers(table, "shape_dist_traveled", problems, least=0.0, most=np.inf)
    good &= (key.code != NONE) & (sequence >= 0)
    twice = np.zeros(len(table), dtype=bool)
    twice[good] = repeated([key.code[good], sequence[good]])
    problems.errors(table, twice, "shape_pt_sequence", "must not be given twice for a shape")
    good &= ~twice
    points = np.bincount(key.code[good], minlength=len(key.names))
    for shape in np.flatnonzero(points < 2).tolist():
        row = int(np.argmax(key.code == shape))
        rule = "must have two points or more: trips take straight lines instead"
        problems.error(table.file, "shape_id", rule, line=int(table.line[row]), value=key.names[shape])
    good &= (points >= 2)[key.code]
    chosen = np.flatnonzero(good)
    chosen = chosen[np.lexsort((sequence[chosen], key.code[chosen]))]
    used = np.flatnonzero(points >= 2)
    first = np.concatenate(([0], np.cumsum(points[used]))).astype(np.int64)
    shapes = Shapes(tuple(key.names[k] for k in used.tolist()), first, lon[chosen], lat[chosen])
    return shapes, travelled[chosen]
