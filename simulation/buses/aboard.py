"""Passengers on board in a replay: who comes to stops, who leaves, and how long both take with the load that there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traffic.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulation.buses.service import Service
    from transit.ridership import Ridership

__all__ = ["Aboard", "DwellByLoad", "Riders", "riders_of"]

_HOUR_S = 3600.0


@dataclass(frozen=True)
class DwellByLoad:
    """How long a vehicle stands: doors, everybody who leaves, everybody who boards, and more in a crowd.

    Times of the Transit Capacity and Quality of Service Manual (TCRP Report 165, 2013, chapter 6; from memory): the busiest
    door decides, a smart card takes 2.75 s, leaving by the rear door 1.75 s, and each who boards among standing passengers half
    a second more.

    Attributes
    ----------
    doors_s
        Opening and closing, where somebody gets on or off.
    boarding_s, alighting_s
        For each passenger at the busiest door.
    standing_s
        For each one who boards while others stand.
    board_share, alight_share
        Part of all who board, or leave, that uses the busiest door.
    seats, most
        How many sit, and how many find room in all.
    """

    doors_s: float = 4.0
    boarding_s: float = 2.75
    alighting_s: float = 1.75
    standing_s: float = 0.5
    board_share: float = 0.6
    alight_share: float = 0.4
    seats: float = 30.0
    most: float = 90.0

    def __post_init__(self) -> None:
        for name in ("doors_s", "boarding_s", "alighting_s", "standing_s", "seats"):
            if not 0.0 <= getattr(self, name) < float("inf"):
                raise InputError("must be 0 or more", field=name, value=getattr(self, name))
        for name in ("board_share", "alight_share"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise InputError("must be more than 0, and 1 at most", field=name, value=getattr(self, name))
        if self.most < max(self.seats, 1.0):
            raise InputError("must not be less than the seats, or 1", field="most", value=self.most)

    def dwell_s(self, on: float, off: float, staying: float) -> float:
        """Return the dwell where so many board and leave, and so many stay on board."""
        if on + off <= _ANYBODY:
            return 0.0
        crowded = min(max(staying + on - self.seats, 0.0), on)
        boarding_s = self.boarding_s * on + self.standing_s * crowded
        return self.doors_s + self.board_share * boarding_s + self.alight_share * self.alighting_s * off


_ANYBODY = 0.05


class Riders(NamedTuple):
    """Who comes and leaves at each call of a service; both of shape (calls,).

    Attributes
    ----------
    rate_s
        Passengers who come per second.
    leave
        Part of those on board who get off.
    """

    rate_s: NDArray[np.float64]
    leave: NDArray[np.float64]


def riders_of(service: Service, found: Ridership) -> Riders:
    """Return the passengers of a service from those of a day, hour by hour for each route, direction and stop.

    Passengers come evenly: as many in a second as boarded in that hour of the day over the time in which vehicles took
    them. The parts that leave are those of the whole day.

    Parameters
    ----------
    found
        Of trips of this service, by their keys and stop sequences, one day or several of them.
    """
    visits = found.visits
    call = _calls_of(service, found)
    rows = np.flatnonzero(call >= 0)
    if not len(rows):
        hint = "Give ridership of the trips of this timetable"
        raise InputError("must be of trips of the service", field="visits", value=len(visits), hint=hint)
    at, place = call[rows], service.place[call[rows]]
    hours = _hour_of(service)
    slot = place * 24 + hours[at]
    headway_s = np.where(np.isnan(service.headway_s), 0.0, service.headway_s)[at]
    taken = np.where(headway_s > 0.0, visits.boardings[rows], 0.0)
    count = service.places * 24
    boarded, time_s = np.bincount(slot, taken, count), np.bincount(slot, headway_s, count)
    rate_s = np.divide(boarded, time_s, out=np.zeros(count), where=time_s > 0.0)
    off, before = visits.alightings[rows].astype(np.float64), _before(found, rows)
    left, there = np.bincount(place, off, service.places), np.bincount(place, before, service.places)
    share = np.divide(left, there, out=np.zeros(service.places), where=there > 0.0)
    leave = np.minimum(share, 1.0)[service.place]
    leave[service.first[1:] - 1] = 1.0
    return Riders(rate_s[service.place * 24 + hours], leave)


def _before(found: Ridership, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how many were on board when vehicles came."""
    visits = found.visits
    load = visits.load[rows].astype(np.float64)
    arrived: NDArray[np.float64] = load - visits.boardings[rows] + visits.alightings[rows]
    return np.maximum(arrived, 0.0)


def _calls_of(service: Service, found: Ridership) -> NDArray[np.int64]:
    """Return the call of each visit, or -1, by the key of its trip and its stop sequence."""
    visits, table = found.visits, service.timetable
    number = {table.trips.key[trip]: k for k, trip in enumerate(service.trips.tolist())}
    known = np.array([number.get(name, -1) for name in visits.trip.names] + [-1], dtype=np.int64)
    trip = known[visits.trip.code]
    sequence = table.times.sequence[service.call]
    most = int(max(sequence.max(initial=0), visits.sequence.max(initial=0))) + 1
    keys = service.trip_of_call * most + sequence
    wanted = trip * most + visits.sequence
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where((trip >= 0) & (keys[at] == wanted), at, -1)


def _hour_of(service: Service) -> NDArray[np.int64]:
    start_s = service.timetable.start_s(service.day)
    return ((service.departure_s - start_s) // _HOUR_S).astype(np.int64) % 24


class Aboard:
    """Passengers in the vehicles of one run, and those who found no room and wait for the next.

    Parameters
    ----------
    factor
        Of who comes, call by call: the luck of the day; shape (calls,).

    Attributes
    ----------
    boarded, alighted, load
        Of every call that was made, the load when leaving; of others 0.
    """

    def __init__(
        self, service: Service, riders: Riders, dwell: DwellByLoad, factor: NDArray[np.float64]
    ) -> None:
        self.dwell = dwell
        self._rate_s: list[float] = (riders.rate_s * factor).tolist()
        self._leave: list[float] = riders.leave.tolist()
        self._trip: list[int] = service.trip_of_call.tolist()
        self._place: list[int] = service.place.tolist()
        self._now = [0.0] * len(service)
        self.waiting = [0.0] * service.places
        calls = len(service.call)
        self.boarded, self.alighted, self.load = [0.0] * calls, [0.0] * calls, [0.0] * calls

    def dwell_s(self, call: int, since_s: float) -> float:
        """Let passengers off and on who came in so many seconds; return how long that takes. Once for each call."""
        trip, place = self._trip[call], self._place[call]
        aboard = self._now[trip]
        off = aboard * self._leave[call]
        staying = aboard - off
        came = self.waiting[place] + self._rate_s[call] * max(since_s, 0.0)
        on = min(came, max(self.dwell.most - staying, 0.0))
        self.waiting[place] = came - on
        self._now[trip] = staying + on
        self.boarded[call], self.alighted[call], self.load[call] = on, off, staying + on
        return self.dwell.dwell_s(on, off, staying)

    def stay(self, call: int, stood_s: float) -> None:
        """Let on who come in so many seconds in which a vehicle stands, as far as there is room."""
        trip, place = self._trip[call], self._place[call]
        came = self.waiting[place] + self._rate_s[call] * max(stood_s, 0.0)
        on = min(came, max(self.dwell.most - self._now[trip], 0.0))
        self.waiting[place] = came - on
        self._now[trip] += on
        self.boarded[call] += on
        self.load[call] = self._now[trip]
