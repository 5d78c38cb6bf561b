"""What time it is by the clocks of vehicles, some of which may be wrong."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from transit.coded import NONE
from transit.matching import Fate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.matching import Match
    from transit.positions import Positions
    from transit.timetable import Timetable

__all__ = [
    "AFTER_HEADER_S",
    "AHEAD_S",
    "NIGHT_S",
    "last_moment",
    "moment_of_match",
    "not_after_header",
    "work_ends_s",
]

AHEAD_S = 1800.0
"""Feeds of a city are silent for less, but at night; clocks that are wrong are so by a time zone, a day or more."""

NIGHT_S = 43_200.0
"""The end of service explains a silence of a night, and no longer one."""

AFTER_HEADER_S = 60.0
"""Clocks that are right differ by less from that of the server which wrote the header of a feed."""

_EARLY_S = 300.0  # vehicles may be at the end of their work, and leave it, by so much before the timetable
_EPOCH = date(1970, 1, 1)


def moment_of_match(
    positions: Positions, found: Match, timetable: Timetable, header_s: float = np.nan
) -> float:
    """Return the last time that clocks of vehicles on trips agree about; of all vehicles, where none is on a trip.

    Parameters
    ----------
    positions
        One or more, with times.
    header_s
        When their feed was written, where it says so: see `not_after_header`.
    """
    of_trip = found.positions.fate == Fate.MATCHED
    chosen = of_trip if of_trip.any() else np.ones(len(positions), dtype=bool)
    rows = np.flatnonzero(chosen)
    rows = rows[not_after_header(positions.time_s[rows], header_s)]
    until_s = work_ends_s(timetable, found.positions.trip[rows], found.positions.day[rows])
    return last_moment(positions.time_s[rows], positions.vehicle.code[rows], until_s)


def last_moment(
    time_s: NDArray[np.float64], vehicle: NDArray[np.int32], until_s: NDArray[np.float64] | None = None
) -> float:
    """Return the last time that clocks agree about.

    Where no vehicle is seen for half an hour, and fewer come after that than were seen in the half hour before it, had work to
    go on with, and are not seen again, the clocks of the few are ahead: all others cannot have stopped at once. Of as many,
    those with fewer positions are. Vehicles whose work had ended by the timetable have not stopped, if the silence is no longer
    than a night.

    Parameters
    ----------
    time_s
        Of positions that are on trips, one or more.
    vehicle
        Number of the vehicle of each.
    until_s
        Until when the vehicle of each position has work by the timetable, as `work_ends_s` returns it; default: not known, and
        then no vehicle's work ends.
    """
    order = np.argsort(time_s, kind="stable")
    times, vehicles = time_s[order], vehicle[order]
    until = np.full(len(times), np.inf) if until_s is None else until_s[order]
    for cut in (np.flatnonzero(np.diff(times) >= AHEAD_S) + 1)[::-1].tolist():
        last_s, silent_s = float(times[cut - 1]), float(times[cut] - times[cut - 1])
        later = np.unique(vehicles[cut:])
        recent = slice(int(np.searchsorted(times, last_s - AHEAD_S, side="right")), cut)
        working = _working(vehicles[recent], until[recent], last_s if silent_s <= NIGHT_S else -np.inf)
        gone = vehicles[recent][working & ~np.isin(vehicles[recent], later)]
        stopped = len(np.unique(gone))
        if len(later) < stopped or (len(later) == stopped and len(times) - cut < len(gone)):
            times, vehicles, until = times[:cut], vehicles[:cut], until[:cut]
        elif len(later) > stopped > 0:
            break  # few went missing, and more came: the former ended service
    return float(times[-1])


def work_ends_s(timetable: Timetable, trip: NDArray[np.int32], day: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return the POSIX second at which the work of vehicles ends: their trip, and those that follow it in its block.

    A pause in a block that is as long as `AHEAD_S` ends the work before it.

    Parameters
    ----------
    trip
        Position of each in the timetable's trips; -1 where it is not known, and so is the end: infinite.
    day
        Service day of each, in days after 1970-01-01.
    """
    found = np.full(len(trip), np.inf)
    for number in np.unique(day[trip >= 0]).tolist():
        of_day = _EPOCH + timedelta(days=number)
        ends_s = np.full(len(timetable.trips), np.inf)
        running = timetable.trips_on(of_day)
        ends_s[running] = timetable.start_s(of_day) + _chain_ends_s(timetable, running)
        rows = (trip >= 0) & (day == number)
        found[rows] = ends_s[trip[rows]]
    return found


def not_after_header(time_s: NDArray[np.float64], header_s: float) -> NDArray[np.bool_]:
    """Return which positions are not after the time at which their feed was written, or all where that time is not to be used.

    It is not where it is unknown (NaN), or before most positions: then the header is older than what is in the feed.
    """
    known = time_s <= header_s + AFTER_HEADER_S
    return known if 2 * known.sum() > len(known) else np.ones(len(known), dtype=bool)


def _working(vehicle: NDArray[np.int32], until_s: NDArray[np.float64], last_s: float) -> NDArray[np.bool_]:
    """Return which positions are of vehicles that have work after a time, by the last position of each."""
    names, from_end = np.unique(vehicle[::-1], return_index=True)
    has_work = until_s[::-1][from_end] > last_s + _EARLY_S
    return np.isin(vehicle, names[has_work])


def _chain_ends_s(timetable: Timetable, trip: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return when the work ends that each of the trips of a day is part of, in seconds of the service day."""
    trips, times = timetable.trips, timetable.times
    start_s = times.departure_s[trips.first[trip]].astype(np.float64)
    end_s = times.arrival_s[trips.first[trip + 1] - 1].astype(np.float64)
    block = trips.block.code[trip]
    order = np.lexsort((start_s, block))
    block, start_s, ordered_s = block[order], start_s[order], end_s[order]
    breaks = (block[1:] != block[:-1]) | (block[1:] == NONE) | (start_s[1:] - ordered_s[:-1] >= AHEAD_S)
    last = np.append(np.flatnonzero(breaks), len(trip) - 1)
    ends_s = np.empty(len(trip))
    ends_s[order] = ordered_s[last[np.searchsorted(last, np.arange(len(trip)))]]
    return np.maximum(ends_s, end_s)
