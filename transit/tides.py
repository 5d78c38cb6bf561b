"""TIDES out: stop visits, vehicle locations, performed trips and vehicles as a package of CSV files.

TIDES (Transit ITS Data Exchange Specification) is a set of table schemas; `datapackage.json` names the schema of each file.
Times are written in UTC, to the millisecond where they are not whole seconds; `datapackage.json` names
the time zone of the visits. A file has all columns of its schema; what is
not known is empty.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import write_csv

from traffic.errors import InputError
from traffic.files import replacing
from transit.coded import NONE, Coded
from transit.tides_columns import COLUMNS
from transit.tides_package import PACKAGE, ZONE
from transit.timetable import service_day_s
from transit.visits import Relationship

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from transit.positions import Positions
    from transit.visits import StopVisits

__all__ = ["UNKNOWN_VEHICLE", "write_tides"]

UNKNOWN_VEHICLE = "unknown"
"""Stands for the vehicle of a trip where nobody knows it, because each trip must have one."""

_SPEC = "https://raw.githubusercontent.com/TIDES-transit/TIDES/main/spec/"
_DAY = np.timedelta64(1, "D")
_NAMES = {
    Relationship.SCHEDULED: "Scheduled",
    Relationship.SKIPPED: "Skipped",
    Relationship.ADDED: "Added",
    Relationship.MISSING: "Missing",
}
_TITLES = {
    "stop_visits": "Stop visits",
    "trips_performed": "Trips performed",
    "vehicles": "Vehicles",
    "vehicle_locations": "Vehicle locations",
}


class _Trips(NamedTuple):
    """Visits by trip: `order` sorts them by day, trip and sequence; trip k has those from ``first[k]`` on."""

    order: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    def rank(self) -> NDArray[np.int64]:
        """Return the place of each sorted visit within its trip, from 1."""
        counts = self.last - self.first + 1
        ranks: NDArray[np.int64] = np.arange(len(self.order)) - np.repeat(self.first, counts) + 1
        return ranks


def write_tides(
    folder: str | os.PathLike[str],
    visits: StopVisits,
    positions: Positions | None = None,
    *,
    title: str = "Stop visits",
    agency: str | None = None,
) -> None:
    """Write a TIDES package into a folder, which is made where it is not there.

    Parameters
    ----------
    visits
        Each must have a trip.
    positions
        Where vehicles were; those without a time are left out, and so are coordinates that are none.
    title, agency
        Of the package.
    """
    if (visits.trip.code == NONE).any():
        row = int(np.argmax(visits.trip.code == NONE))
        hint = "Leave out visits without a trip, or give each one"
        raise InputError("must be known of every visit", field=f"trip[{row}]", hint=hint)
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    trips = _by_trip(visits)
    vehicle = _vehicle_of_trips(visits, trips)
    tables = {
        "stop_visits": _stop_visits(visits, trips),
        "trips_performed": _trips_performed(visits, trips, vehicle),
    }
    columns = [visits.vehicle, vehicle]
    if positions is not None:
        positions = positions.take(np.isfinite(positions.time_s))
        columns.append(positions.vehicle)
        tables["vehicle_locations"] = _vehicle_locations(positions, visits, trips)
    used = Coded.joined(columns)
    names = [used.names[code] for code in np.unique(used.code[used.code != NONE]).tolist()]
    tables["vehicles"] = pa.table({"vehicle_id": sorted(names)})
    for name, table in tables.items():
        with replacing(path / f"{name}.csv") as draft:
            write_csv(_complete(table, COLUMNS[name]), draft)
    with replacing(path / PACKAGE) as draft:
        draft.write_text(
            json.dumps(_package(tables, visits.zone, title, agency), indent=2) + "\n", encoding="utf-8"
        )


def _complete(table: Any, columns: tuple[str, ...]) -> Any:
    empty = pa.nulls(len(table), pa.string())
    return pa.table({name: table[name] if name in table.column_names else empty for name in columns})


def _package(tables: Mapping[str, Any], zone: str, title: str, agency: str | None) -> dict[str, Any]:
    resources = [
        {
            "name": name,
            "title": _TITLES[name],
            "path": f"{name}.csv",
            "profile": "tabular-data-resource",
            "tides-table": name,
            "schema": f"{_SPEC}{name}.schema.json",
        }
        for name in sorted(tables)
    ]
    named = {} if agency is None else {"agency": agency}
    return {
        "title": title,
        **named,
        "profile": f"{_SPEC}tides-datapackage-profile.json",
        ZONE: zone,
        "resources": resources,
    }


def _by_trip(visits: StopVisits) -> _Trips:
    order = np.lexsort((visits.sequence, visits.trip.code, visits.day))
    day, trip = visits.day[order], visits.trip.code[order]
    starts = np.ones(len(order), dtype=bool)
    starts[1:] = (day[1:] != day[:-1]) | (trip[1:] != trip[:-1])
    first = np.flatnonzero(starts)
    last = np.concatenate((first[1:], [len(order)])).astype(np.int64) - 1 if len(first) else first
    return _Trips(order, first, last)


def _vehicle_of_trips(visits: StopVisits, trips: _Trips) -> Coded:
    """Return the first vehicle that is known of each trip."""
    code = visits.vehicle.code[trips.order]
    names = (*visits.vehicle.names, UNKNOWN_VEHICLE)
    if not len(trips.first):
        return Coded.none(0)
    at = np.where(code == NONE, len(code), np.arange(len(code)))
    known = np.minimum.reduceat(at, trips.first)
    found = np.where(known < len(code), np.append(code, NONE)[known], len(names) - 1)
    return Coded(names, found.astype(np.int32))


def _stop_visits(visits: StopVisits, trips: _Trips) -> Any:
    order = trips.order
    relationship = visits.relationship[order]
    arrival_s, departure_s = visits.arrival_s[order], visits.departure_s[order]
    added = relationship == Relationship.ADDED
    return pa.table(
        {
            "service_date": _dates(visits.day[order]),
            "trip_id_performed": _texts(visits.trip.take(order)),
            "trip_stop_sequence": pa.array(trips.rank()),
            "scheduled_stop_sequence": pa.array(
                visits.sequence[order], mask=added | (visits.sequence[order] < 0)
            ),
            "vehicle_id": _texts(visits.vehicle.take(order)),
            "dwell": _whole(np.maximum(departure_s - arrival_s, 0.0)),
            "stop_id": _texts(visits.stop.take(order)),
            "timepoint": pa.array(visits.timepoint[order]),
            "schedule_arrival_time": _times(visits.scheduled_arrival_s[order]),
            "schedule_departure_time": _times(visits.scheduled_departure_s[order]),
            "actual_arrival_time": _times(arrival_s),
            "actual_departure_time": _times(departure_s),
            "boarding_1": _whole(visits.boardings[order]),
            "alighting_1": _whole(visits.alightings[order]),
            "departure_load": _whole(visits.load[order]),
            "schedule_relationship": _relationships(relationship),
        }
    )


def _trips_performed(visits: StopVisits, trips: _Trips, vehicle: Coded) -> Any:
    first, last = trips.order[trips.first], trips.order[trips.last]
    direction = visits.direction[first]
    all_added, all_skipped = (
        _all(visits.relationship[trips.order] == kind, trips.first)
        for kind in (Relationship.ADDED, Relationship.SKIPPED)
    )
    names = np.where(all_added, "Added", np.where(all_skipped, "Canceled", "Scheduled"))
    trip = _texts(visits.trip.take(first))
    return pa.table(
        {
            "service_date": _dates(visits.day[first]),
            "trip_id_performed": trip,
            "vehicle_id": _texts(vehicle),
            "trip_id_scheduled": pc.if_else(pa.array(all_added), pa.scalar(None, pa.string()), trip),
            "route_id": _texts(visits.route.take(first)),
            "direction_id": pa.array(direction, mask=direction < 0),
            "block_id": _texts(visits.block.take(first)),
            "trip_start_stop_id": _texts(visits.stop.take(first)),
            "trip_end_stop_id": _texts(visits.stop.take(last)),
            "schedule_trip_start": _times(
                _either(visits.scheduled_departure_s, visits.scheduled_arrival_s, first)
            ),
            "schedule_trip_end": _times(
                _either(visits.scheduled_arrival_s, visits.scheduled_departure_s, last)
            ),
            "actual_trip_start": _times(_either(visits.departure_s, visits.arrival_s, first)),
            "actual_trip_end": _times(_either(visits.arrival_s, visits.departure_s, last)),
            "trip_type": pa.array(["In service"] * len(first), pa.string()),
            "schedule_relationship": pa.array(names.tolist(), pa.string()),
        }
    )


def _vehicle_locations(positions: Positions, visits: StopVisits, trips: _Trips) -> Any:
    day = _service_days(positions, visits, trips)
    on_trip = day != NONE
    row = positions.row
    unique = len(np.unique(row)) == len(row)
    heading = np.mod(positions.heading_deg.astype(float), 360.0)
    speed = positions.speed_m_s.astype(float)
    trip = _texts(positions.trip)
    performed = pc.if_else(pa.array(on_trip), trip, pa.scalar(None, pa.string()))
    return pa.table(
        {
            "location_ping_id": pc.cast(pa.array(row if unique else np.arange(1, len(row) + 1)), pa.string()),
            "service_date": _dates(day, ~on_trip),
            "event_timestamp": _times(positions.time_s),
            "trip_id_performed": performed,
            "trip_id_scheduled": trip,
            "vehicle_id": _texts(positions.vehicle),
            "latitude": _numbers(positions.lat, np.abs(positions.lat) <= 90.0),
            "longitude": _numbers(positions.lon, np.abs(positions.lon) <= 180.0),
            "heading": _numbers(heading, np.isfinite(heading)),
            "speed": _numbers(speed, speed >= 0.0),
        }
    )


def _service_days(positions: Positions, visits: StopVisits, trips: _Trips) -> NDArray[np.int64]:
    """Return the last service day before each position on which its trip was run, `NONE` where there is none."""
    both = Coded.joined([visits.trip.take(trips.order[trips.first]), positions.trip])
    run, asked = both.code[: len(trips.first)], both.code[len(trips.first) :]
    day = visits.day[trips.order[trips.first]].astype(np.int64)
    days, number = np.unique(day, return_inverse=True)
    starts = [
        service_day_s((np.datetime64(0, "D") + each * _DAY).item(), visits.zone) for each in days.tolist()
    ]
    start_s = np.array(starts, dtype=float)[number] if len(days) else np.zeros(0)
    order = np.lexsort((start_s, run))
    wide = 1e12  # more than any POSIX second
    keys = run[order] * wide + start_s[order]
    at = np.searchsorted(keys, asked * wide + positions.time_s, side="right") - 1
    found = (at >= 0) & (asked != NONE)
    at = np.maximum(at, 0)
    if not len(order):
        return np.full(len(asked), NONE, dtype=np.int64)
    found &= run[order][at] == asked
    return np.where(found, day[order][at], NONE)


def _either(
    values: NDArray[np.float64], others: NDArray[np.float64], rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    return np.where(np.isfinite(values[rows]), values[rows], others[rows])


def _all(values: NDArray[np.bool_], first: NDArray[np.int64]) -> NDArray[np.bool_]:
    if not len(first):
        return np.zeros(0, dtype=bool)
    found: NDArray[np.bool_] = np.logical_and.reduceat(values, first)
    return found


def _texts(column: Coded) -> Any:
    names = pa.array([*column.names], pa.string())
    return names.take(pa.array(column.code, mask=column.code == NONE))


def _dates(day: NDArray[Any], mask: NDArray[np.bool_] | None = None) -> Any:
    return pa.array(day.astype(np.int32), pa.int32(), mask=mask).cast(pa.date32())


def _times(seconds: NDArray[np.float64]) -> Any:
    missing = ~np.isfinite(seconds)
    milli = np.round(np.where(missing, 0.0, seconds) * 1000.0).astype(np.int64)
    whole = not (milli % 1000).any()
    stamps = pa.array(milli // 1000 if whole else milli, pa.timestamp("s" if whole else "ms"), mask=missing)
    return pc.strftime(stamps, format="%Y-%m-%dT%H:%M:%SZ")


def _whole(values: NDArray[Any]) -> Any:
    missing = ~(values >= 0.0)
    return pa.array(np.round(np.where(missing, 0.0, values)).astype(np.int64), mask=missing)


def _numbers(values: NDArray[np.float64], good: NDArray[np.bool_]) -> Any:
    return pa.array(values, mask=~good)


def _relationships(relationship: NDArray[np.int8]) -> Any:
    names = pa.array([_NAMES[each] for each in Relationship], pa.string())
    return names.take(pa.array(relationship.astype(np.int32)))
