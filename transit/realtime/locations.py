"""Positions of vehicles."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from transit.realtime.messages import describe, new_feed

if TYPE_CHECKING:
    from transit.positions import Positions
    from transit.timetable import Timetable

__all__ = ["vehicle_positions"]

_EARLY_S = 3600.0  # that a vehicle may be on its trip before it begins


def vehicle_positions(positions: Positions, timetable: Timetable, *, time_s: float) -> Any:
    """Return a ``FeedMessage`` of positions, an entity for each vehicle: its last one that is a place, up to `time_s`.

    A trip that the timetable does not have is left out, and the position stays.
    """
    feed = new_feed(time_s)
    lon, lat = positions.lon, positions.lat
    good = np.isfinite(lon) & np.isfinite(lat) & (np.abs(lon) <= 180.0) & (np.abs(lat) <= 90.0)
    good &= ((lon != 0.0) | (lat != 0.0)) & np.isfinite(positions.time_s) & (positions.time_s <= time_s)
    rows = np.flatnonzero(good)
    rows = rows[np.argsort(positions.time_s[rows], kind="stable")]
    last = {int(positions.vehicle.code[row]): row for row in rows.tolist()}
    for row in sorted(last.values(), key=lambda row: str(positions.vehicle[row])):
        _add_position(feed, positions, timetable, row)
    return feed


def _add_position(feed: Any, positions: Positions, timetable: Timetable, row: int) -> None:
    vehicle = str(positions.vehicle[row])
    found = feed.entity.add(id=f"vehicle:{vehicle}").vehicle
    found.vehicle.id = vehicle
    found.timestamp = int(positions.time_s[row])
    found.position.longitude, found.position.latitude = float(positions.lon[row]), float(positions.lat[row])
    heading_deg, speed_m_s = float(positions.heading_deg[row]), float(positions.speed_m_s[row])
    if np.isfinite(heading_deg):
        found.position.bearing = heading_deg % 360.0
    if np.isfinite(speed_m_s) and speed_m_s >= 0.0:
        found.position.speed = speed_m_s
    trip = positions.trip[row]
    if trip is not None and trip in timetable.trip_number:
        describe(found.trip, timetable, trip, _service_day(timetable, trip, float(positions.time_s[row])))


def _service_day(timetable: Timetable, trip: str, time_s: float) -> date:
    """Return the day on which a trip under way at `time_s` began."""
    trips = timetable.trips
    start_s = int(timetable.times.departure_s[trips.first[timetable.trip_number[trip]]])
    return datetime.fromtimestamp(time_s - start_s + _EARLY_S, ZoneInfo(timetable.zone)).date()
