"""The timetable that recorded stop visits were planned by, for records that come without one."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traffic.errors import InputError
from transit.coded import Coded
from transit.timetable import Routes, Shapes, Stops, StopTimes, Timetable, Trips, service_day_s

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.visits import StopVisits

__all__ = ["Planned", "planned"]

_EPOCH = date(1970, 1, 1)
_BUS_KIND = 3


class Planned(NamedTuple):
    """A timetable, and which visit each of its stop times is.

    Attributes
    ----------
    row
        Position of the visit of each stop time; shape (stop times,).
    left_out
        Trips whose planned times are missing or do not rise.
    """

    timetable: Timetable
    row: NDArray[np.int64]
    left_out: tuple[str, ...]


def planned(visits: StopVisits) -> Planned:
    """Return the timetable of visits: a trip for each day and trip identifier, a service for each day."""
    if not len(visits) or (visits.trip.code < 0).any():
        raise InputError("must be visits that name their trips", field="trip", value=len(visits))
    arrival_s, departure_s = _times(visits)
    order = np.lexsort((visits.sequence, departure_s, visits.trip.code, visits.day))
    new = np.flatnonzero(np.diff(visits.day[order]) | np.diff(visits.trip.code[order])) + 1
    trips, left_out = [], []
    for rows in np.split(order, new):
        bad = np.isnan(arrival_s[rows]).any() or (np.diff(visits.sequence[rows]) <= 0).any()
        bad = bad or (arrival_s[rows][1:] < departure_s[rows][:-1]).any()
        if bad or (departure_s[rows] < arrival_s[rows]).any():
            left_out.append(str(visits.trip[int(rows[0])]))
        else:
            trips.append(rows)
    if not trips:
        hint = "Without a timetable in the record, read one: GTFS"
        raise InputError(
            "must have planned times that rise within a trip", field="visits", value=0, hint=hint
        )
    return Planned(_timetable(visits, trips, arrival_s, departure_s), np.concatenate(trips), tuple(left_out))


def _times(visits: StopVisits) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return planned arrivals and departures, the one where the other is not known; POSIX seconds."""
    arrival_s, departure_s = visits.scheduled_arrival_s, visits.scheduled_departure_s
    return (
        np.where(np.isnan(arrival_s), departure_s, arrival_s),
        np.where(np.isnan(departure_s), arrival_s, departure_s),
    )


def _timetable(
    visits: StopVisits,
    trips: list[NDArray[np.int64]],
    arrival_s: NDArray[np.float64],
    departure_s: NDArray[np.float64],
) -> Timetable:
    rows = np.concatenate(trips)
    heads = np.array([int(own[0]) for own in trips])
    counts = np.array([len(own) for own in trips])
    days = sorted(set(visits.day[heads].tolist()))
    start_s = {day: service_day_s(_EPOCH + timedelta(days=day), visits.zone) for day in days}
    since_s = np.array([start_s[day] for day in visits.day[rows].tolist()], dtype=np.float64)
    stop, route = _renumbered(visits.stop, rows), _renumbered(visits.route, heads)
    distance = np.concatenate([np.full(count, np.nan) for count in counts.tolist()])
    several = len(days) > 1
    keys = [str(visits.trip[int(head)]) for head in heads]
    dated = [
        f"{_EPOCH + timedelta(days=int(visits.day[head]))} {key}"
        for head, key in zip(heads, keys, strict=True)
    ]
    nowhere = np.full(len(stop.names), np.nan)
    return Timetable(
        visits.zone,
        Stops(stop.names, stop.names, nowhere, nowhere),
        Routes(route.names, route.names, np.full(len(route.names), _BUS_KIND, np.int32)),
        tuple(str(_EPOCH + timedelta(days=day)) for day in days),
        tuple(frozenset({_EPOCH + timedelta(days=day)}) for day in days),
        Trips(
            tuple(dated if several else keys),
            route.code,
            np.searchsorted(days, visits.day[heads]).astype(np.int32),
            visits.direction[heads],
            Coded.none(len(trips)),
            visits.block.take(heads),
            np.full(len(trips), -1, np.int32),
            np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        ),
        StopTimes(
            stop.code,
            visits.sequence[rows],
            np.round(arrival_s[rows] - since_s).astype(np.int32),
            np.round(departure_s[rows] - since_s).astype(np.int32),
            visits.timepoint[rows],
            distance,
        ),
        Shapes((), np.zeros(1, np.int64), np.zeros(0), np.zeros(0)),
    )


def _renumbered(column: Coded, rows: NDArray[np.int64]) -> Coded:
    """Return some rows with the names that they have, and ``"?"`` where there is none."""
    return Coded.of(text or "?" for text in column.take(rows).texts())
