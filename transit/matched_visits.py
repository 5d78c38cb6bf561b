"""Visits as matching finds them, with all that the timetable knows of them; and those that it should have found."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from transit import _kernels_matching_tables as kt
from transit.coded import Coded
from transit.visits import Point, Relationship, StopVisits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from transit.matching_tables import MatchingTables
    from transit.timetable import Timetable

__all__ = ["completed", "scheduled_visits"]

_EPOCH = date(1970, 1, 1)


def visits_of(
    rows: NDArray[np.float64], timetable: Timetable, tables: MatchingTables, vehicles: tuple[str, ...]
) -> StopVisits:
    """Return visits from rows of the kernels."""
    trip, stop = rows[:, kt.V_TRIP].astype(np.int64), rows[:, kt.V_STOP].astype(np.int64)
    day = rows[:, kt.V_DAY].astype(np.int64)
    code = rows[:, kt.V_VEHICLE].astype(np.int32)
    visits = _timetabled(timetable, trip, stop, tables.day[day], tables.runs.day_s[day])
    return replace(
        visits,
        vehicle=Coded(vehicles, code),
        arrival_s=rows[:, kt.V_ARRIVAL].copy(),
        departure_s=rows[:, kt.V_DEPARTURE].copy(),
        confidence=rows[:, kt.V_TRUST].astype(np.float32),
    )


def scheduled_visits(timetable: Timetable, days: Iterable[date]) -> StopVisits:
    """Return all visits that the timetable has on some service days, as if nobody knew whether they happened."""
    parts = [_missing(timetable, day, timetable.trips_on(day)) for day in days]
    return StopVisits.joined(parts) if parts else StopVisits.of(timetable.zone, 0)


def completed(visits: StopVisits, timetable: Timetable, days: Iterable[date] = ()) -> StopVisits:
    """Return visits and, as missing, those that are not among them.

    These are the other stops of every trip that is among them, and all stops of all trips of `days`.
    """
    names = visits.trip
    number = np.array([timetable.trip_number.get(name, -1) for name in names.names] + [-1])
    trip = number[names.code]
    seen: dict[date, set[int]] = {day: set(timetable.trips_on(day).tolist()) for day in days}
    for at, of in set(zip(visits.day.tolist(), trip.tolist(), strict=True)):
        if of >= 0:
            seen.setdefault(_EPOCH + timedelta(days=at), set()).add(of)
    wanted = [
        _missing(timetable, day, np.array(sorted(found), dtype=np.int64))
        for day, found in sorted(seen.items())
    ]
    if not wanted:
        return visits
    every = StopVisits.joined(wanted)
    of_every = np.array([timetable.trip_number[name] for name in every.trip.names])[every.trip.code]
    most = int(timetable.times.sequence.max()) + 1
    keys = (of_every.astype(np.int64) * most + every.sequence) * 100_000 + every.day
    known = (trip.astype(np.int64) * most + visits.sequence) * 100_000 + visits.day
    missing = every.take(~np.isin(keys, known[trip >= 0]))
    return StopVisits.joined([visits, missing])


def _missing(timetable: Timetable, day: date, trip: NDArray[np.int64]) -> StopVisits:
    first = timetable.trips.first
    stops = first[trip + 1] - first[trip]
    each = np.repeat(trip, stops)
    stop = np.arange(len(each)) - np.repeat(np.cumsum(stops) - stops, stops)
    number = np.full(len(each), (day - _EPOCH).days, dtype=np.int32)
    visits = _timetabled(timetable, each, stop, number, np.full(len(each), float(timetable.start_s(day))))
    relationship = np.full(len(each), Relationship.MISSING, dtype=np.int8)
    return replace(visits, relationship=relationship, confidence=np.zeros(len(each), dtype=np.float32))


def _timetabled(
    timetable: Timetable,
    trip: NDArray[np.int64],
    stop: NDArray[np.int64],
    day: NDArray[np.int32],
    start_s: NDArray[np.float64],
) -> StopVisits:
    """Return visits of the stops (from 0) of trips, with what is in the timetable."""
    trips, times = timetable.trips, timetable.times
    row = trips.first[trip] + stop
    point = np.where(stop == 0, Point.START, Point.MIDDLE)
    point = np.where(row == trips.first[trip + 1] - 1, Point.END, point)
    return StopVisits.of(
        timetable.zone,
        len(trip),
        day=day,
        route=Coded(timetable.routes.key, trips.route[trip].astype(np.int32)),
        direction=trips.direction[trip],
        trip=Coded(trips.key, trip.astype(np.int32)),
        stop=Coded(timetable.stops.key, times.stop[row].astype(np.int32)),
        block=trips.block.take(trip),
        sequence=times.sequence[row],
        point=point,
        timepoint=times.exact[row],
        scheduled_arrival_s=start_s + times.arrival_s[row],
        scheduled_departure_s=start_s + times.departure_s[row],
    )
