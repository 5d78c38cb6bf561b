"""What is to be run on a day: trips with their times, in blocks, and which vehicles follow each other where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from transit.coded import NONE

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from transit.timetable import Timetable

__all__ = ["Service"]


@dataclass(frozen=True, eq=False)
class Service:
    """The trips of one day. A call is one trip at one stop.

    Attributes
    ----------
    timetable, day
        Where it comes from.
    trips
        Positions of the trips in the timetable, in the order of departure; shape (trips,).
    first
        The calls of trip k are those from ``first[k]`` to before ``first[k + 1]``; shape (trips + 1,).
    call
        Position of each call in the timetable's stop times; shape (calls,).
    arrival_s, departure_s
        As planned, POSIX seconds; shape (calls,).
    place
        Number of route, direction and stop of each call; vehicles that come to the same place follow each other; shape (calls,).
    headway_s
        Since the planned departure before at the same place, NaN for the first of the day; shape (calls,).
    after
        The trip that follows each trip at most of its places, or -1; shape (trips,).
    duties
        Trips of each block, one after the other.
    """

    timetable: Timetable
    day: date
    trips: NDArray[np.int64]
    first: NDArray[np.int64]
    call: NDArray[np.int64]
    arrival_s: NDArray[np.float64]
    departure_s: NDArray[np.float64]
    place: NDArray[np.int64]
    headway_s: NDArray[np.float64]
    after: NDArray[np.int64]
    duties: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.trips)

    @property
    def places(self) -> int:
        """How many places there are."""
        return int(self.place.max()) + 1 if len(self.place) else 0

    @property
    def trip_of_call(self) -> NDArray[np.int64]:
        """Number of the trip of every call; shape (calls,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.first))

    @classmethod
    def of(cls, timetable: Timetable, day: date, only: NDArray[np.int64] | None = None) -> Service:
        """Return what a timetable has for a service day.

        Parameters
        ----------
        only
            Positions of trips in the timetable that are to be run; default: all of the day.
        """
        found, times = timetable.trips_on(day), timetable.times
        if only is not None:
            found = np.intersect1d(found, only)
        begin, end = timetable.trips.first[found], timetable.trips.first[found + 1]
        order = np.lexsort((found, times.departure_s[begin]))
        trips, begin, counts = found[order], begin[order], (end - begin)[order]
        first = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        call = np.arange(first[-1]) - np.repeat(first[:-1] - begin, counts)
        start_s = float(timetable.start_s(day))
        departure_s = times.departure_s[call] + start_s
        place = _places(timetable, trips, first, call)
        headway_s, before = _headways(place, departure_s)
        return cls(
            timetable,
            day,
            trips,
            first,
            call,
            times.arrival_s[call] + start_s,
            departure_s,
            place,
            headway_s,
            _followers(before, first),
            _duties(timetable, trips, first, departure_s),
        )


def _places(
    timetable: Timetable, trips: NDArray[np.int64], first: NDArray[np.int64], call: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the number of route, direction and stop; a stop that a trip comes to twice is two places."""
    counts, table = np.diff(first), timetable.trips
    route, direction = np.repeat(table.route[trips], counts), np.repeat(table.direction[trips], counts)
    stop = timetable.times.stop[call]
    trip = np.repeat(np.arange(len(trips)), counts)
    order = np.lexsort((np.arange(len(call)), stop, trip))
    again = np.zeros(len(call), dtype=np.int64)
    same = (np.diff(trip[order]) == 0) & (np.diff(stop[order]) == 0)
    for position in np.flatnonzero(same).tolist():  # rare: loops
        again[order[position + 1]] = again[order[position]] + 1
    stops, most = len(timetable.stops), int(again.max(initial=0)) + 1
    key = ((route.astype(np.int64) * 3 + direction + 1) * stops + stop) * most + again
    place: NDArray[np.int64] = np.unique(key, return_inverse=True)[1].reshape(-1)
    return place


def _headways(
    place: NDArray[np.int64], departure_s: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the planned headway of each call, and the call before it at its place, or -1."""
    order = np.lexsort((np.arange(len(place)), departure_s, place))
    headway_s, before = np.full(len(place), np.nan), np.full(len(place), -1, dtype=np.int64)
    same = np.flatnonzero(np.diff(place[order]) == 0)
    later, earlier = order[same + 1], order[same]
    headway_s[later] = departure_s[later] - departure_s[earlier]
    before[later] = earlier
    return headway_s, before


def _followers(before: NDArray[np.int64], first: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the trip that comes after each trip where that leaves its first stop but one, or its only one."""
    trip = np.repeat(np.arange(len(first) - 1), np.diff(first))
    after = np.full(len(first) - 1, -1, dtype=np.int64)
    at = np.minimum(first[:-1] + 1, first[1:] - 1)
    known = before[at] >= 0
    after[trip[before[at][known]]] = np.flatnonzero(known)
    return after


def _duties(
    timetable: Timetable, trips: NDArray[np.int64], first: NDArray[np.int64], departure_s: NDArray[np.float64]
) -> tuple[tuple[int, ...], ...]:
    """Return the trips of each block in the order of departure; a trip without block is a duty of its own."""
    block = timetable.trips.block.code[trips]
    duties: dict[int, list[int]] = {}
    alone: list[tuple[int, ...]] = []
    for trip in np.argsort(departure_s[first[:-1]], kind="stable").tolist():
        if block[trip] == NONE:
            alone.append((trip,))
        else:
            duties.setdefault(int(block[trip]), []).append(trip)
    return (*(tuple(duty) for duty in duties.values()), *alone)
