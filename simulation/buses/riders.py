"""What a control centre expects of passengers and of places to turn, for a generated day."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from simulation.buses.desk import Dispatching
from transit.dispatch.dispatcher import Dispatcher
from transit.dispatch.line_state import Turn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulation.buses.service import Service
    from transit.lines import Lines
    from transit.timetable import Timetable

__all__ = ["dispatching_of", "expected_aboard", "turns_between"]

_TURN_SHARES = (0.4, 0.6, 0.8)
_NEAR_M = 500.0
_TURNING_S, _SPEED_M_S = 180.0, 4.0
_DEGREE_M = 111_195.0


def dispatching_of(
    service: Service, lines: Lines, dispatcher: Dispatcher | None = None, *, every_s: float = 120.0
) -> Dispatching:
    """Return what a dispatcher of a generated day knows: passengers in the mean of all days, and where vehicles may turn."""
    hour = ((service.departure_s - service.timetable.start_s(service.day)) // 3600.0).astype(np.int64) % 24
    rate_s = lines.passengers_s[service.call] * lines.passengers_by_hour[hour]
    return Dispatching(
        dispatcher or Dispatcher(),
        rate_s,
        expected_aboard(service, rate_s),
        every_s,
        _turns(service),
    )


def expected_aboard(service: Service, rate_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return who is in the vehicle when it leaves each stop as planned; shape (calls,).

    Those who come in a planned headway get on, and each gets off at any of the stops ahead alike.
    """
    boarding = rate_s * np.where(np.isnan(service.headway_s), 0.0, service.headway_s)
    aboard = np.zeros(len(rate_s))
    first, counts = service.first[:-1], np.diff(service.first)
    for position in range(int(counts.max(initial=0))):
        own = counts > position
        call, ahead = first[own] + position, counts[own] - position
        stay = 0.0 if position == 0 else aboard[call - 1] * (1.0 - 1.0 / ahead)
        aboard[call] = np.where(ahead > 1, stay + boarding[call], 0.0)
    return aboard


def _turns(service: Service) -> dict[tuple[int, int], tuple[Turn, ...]]:
    """Return where trips may be turned into the one after them, by their patterns."""
    timetable = service.timetable
    pattern = timetable.pattern[service.trips]
    found: dict[tuple[int, int], tuple[Turn, ...]] = {}
    for duty in service.duties:
        for trip, after in pairwise(duty):
            key = (int(pattern[trip]), int(pattern[after]))
            if key not in found:
                ways = [service.call[service.first[t] : service.first[t + 1]] for t in (trip, after)]
                found[key] = turns_between(timetable, ways[0], ways[1])
    return found


def turns_between(
    timetable: Timetable, there: NDArray[np.int64], back: NDArray[np.int64]
) -> tuple[Turn, ...]:
    """Return up to three places, from 40 to 80 % of a trip, where a stop of its way back is near.

    Parameters
    ----------
    there, back
        Stop times of both trips.
    """
    stops = timetable.stops
    x, y = (_metres(stops.lon, stops.lat, timetable.times.stop[own]) for own in (there, back))
    found = {}
    for share in _TURN_SHARES:
        leave = round(share * (len(there) - 1))
        if not 0 < leave < len(there) - 1 or len(back) < 3:
            continue
        apart_m = np.hypot(*(y[1:-1] - x[leave]).T)
        join = int(np.argmin(np.where(np.isnan(apart_m), np.inf, apart_m)))
        if apart_m[join] <= _NEAR_M:
            found[leave] = Turn(leave, join + 1, _TURNING_S + float(apart_m[join]) / _SPEED_M_S)
    return tuple(found.values())


def _metres(
    lon: NDArray[np.float64], lat: NDArray[np.float64], stop: NDArray[np.int32]
) -> NDArray[np.float64]:
    """Return places of stops on a plane that is good for a few hundred metres; shape (stops, 2)."""
    east = lon[stop] * np.cos(np.radians(lat[stop]))
    return _DEGREE_M * np.column_stack((east, lat[stop]))
