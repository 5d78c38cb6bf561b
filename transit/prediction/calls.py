"""What is to be run, and what happened of it: the arrays that predictors work on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traffic.errors import InputError
from transit.coded import NONE, Coded
from transit.timetable import service_day_s
from transit.visits import Relationship, StopVisits

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BINS", "BIN_S", "Calls", "Events", "Record"]

BIN_S = 3600.0
BINS = 24
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, eq=False)
class Calls:
    """Trips on their days, with planned times. A run is one trip on one day, a call one run at one stop.

    Attributes
    ----------
    zone
        IANA name of the time zone.
    trip, day
        Of each run, as in `StopVisits`; shape (runs,).
    start_s
        The second from which the day of each run is counted, POSIX; shape (runs,).
    first
        The calls of run k are those from ``first[k]`` to before ``first[k + 1]``; shape (runs + 1,).
    follows
        The run that comes next in the block of each run, or -1; shape (runs,).
    row
        Position of each call in the visits that it was made from; shape (calls,).
    run, sequence
        Of each call; shape (calls,).
    arrival_s, departure_s
        As planned, POSIX seconds; shape (calls,).
    timepoint
        Whether the timetable is to be kept there; shape (calls,).
    link
        Number of the stretch from each call to the next of its run, -1 for its last; shape (calls,).
    links
        Both stops of each stretch: vehicles of any route that go from the one to the other run on it.
    place
        Number of route, direction and stop of each call; shape (calls,).
    places
        Names of these three.
    """

    zone: str
    trip: Coded
    day: NDArray[np.int32]
    start_s: NDArray[np.float64]
    first: NDArray[np.int32]
    follows: NDArray[np.int32]
    row: NDArray[np.int64]
    run: NDArray[np.int32]
    sequence: NDArray[np.int32]
    arrival_s: NDArray[np.float64]
    departure_s: NDArray[np.float64]
    timepoint: NDArray[np.bool_]
    link: NDArray[np.int32]
    links: tuple[tuple[str, str], ...]
    place: NDArray[np.int32]
    places: tuple[tuple[str, str, str], ...]

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return len(self.day)

    def __len__(self) -> int:
        return len(self.run)

    @cached_property
    def planned_run_s(self) -> NDArray[np.float64]:
        """Planned time from each call to the next of its run, 0 for its last; shape (calls,)."""
        found = np.zeros(len(self))
        found[:-1] = np.maximum(self.arrival_s[1:] - self.departure_s[:-1], 0.0)
        found[self.first[1:] - 1] = 0.0
        return found

    def bins(self, call: NDArray[np.int32], time_s: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the hour of the service day in which each call, or what goes on after it, is."""
        since_s = time_s - self.start_s[self.run[call]]
        return (since_s // BIN_S).astype(np.int64) % BINS

    @classmethod
    def of(cls, visits: StopVisits) -> Calls:
        """Return the runs of visits that name their trips and have planned times; others are left out.

        Nothing is read of what happened.
        """
        arrival_s, departure_s = _either(visits.scheduled_arrival_s, visits.scheduled_departure_s)
        known = (visits.trip.code != NONE) & (visits.relationship != Relationship.ADDED)
        rows = np.flatnonzero(known)
        order = rows[np.lexsort((visits.sequence[rows], visits.trip.code[rows], visits.day[rows]))]
        if not len(order):
            raise InputError("must be visits that name their trips", field="trip", value=len(visits))
        new = np.diff(visits.day[order], prepend=-1) != 0
        new |= np.diff(visits.trip.code[order], prepend=-1) != 0
        group = np.cumsum(new) - 1
        bad = np.bincount(group, np.isnan(arrival_s[order])) > 0
        again = ~new & (np.diff(visits.sequence[order], prepend=-1) <= 0)
        bad |= np.bincount(group, again) > 0
        order = order[~bad[group]]
        if not len(order):
            hint = "Without a timetable in the record, match positions to one: GTFS"
            raise InputError(
                "must have planned times, and stops in order", field="visits", value=0, hint=hint
            )
        return cls._assembled(visits, order, arrival_s[order], departure_s[order])

    @classmethod
    def _assembled(
        cls,
        visits: StopVisits,
        order: NDArray[np.int64],
        arrival_s: NDArray[np.float64],
        departure_s: NDArray[np.float64],
    ) -> Calls:
        new = np.diff(visits.day[order], prepend=-1) != 0
        new |= np.diff(visits.trip.code[order], prepend=-1) != 0
        head = np.flatnonzero(new)
        first = np.append(head, len(order)).astype(np.int32)
        run = (np.cumsum(new) - 1).astype(np.int32)
        day = visits.day[order[head]]
        start = {int(d): float(_start_s(int(d), visits.zone)) for d in np.unique(day)}
        link, links = _links(visits.stop, order, first)
        place, places = _places(visits, order)
        return cls(
            visits.zone,
            visits.trip.take(order[head]),
            day,
            np.array([start[d] for d in day.tolist()]),
            first,
            _followers(visits.block.code[order[head]], day, departure_s[head]),
            order,
            run,
            visits.sequence[order],
            arrival_s,
            departure_s,
            visits.timepoint[order],
            link,
            links,
            place,
            places,
        )


def _start_s(day: int, zone: str) -> int:
    return service_day_s(_EPOCH + timedelta(days=day), zone)


def _either(
    arrival_s: NDArray[np.float64], departure_s: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both, the one where the other is not known."""
    return (
        np.where(np.isnan(arrival_s), departure_s, arrival_s),
        np.where(np.isnan(departure_s), arrival_s, departure_s),
    )


def _links(
    stop: Coded, order: NDArray[np.int64], first: NDArray[np.int32]
) -> tuple[NDArray[np.int32], tuple[tuple[str, str], ...]]:
    code, names = stop.code[order].astype(np.int64), (*stop.names, "")
    link = np.full(len(order), -1, dtype=np.int32)
    inner = np.ones(len(order), dtype=bool)
    inner[first[1:] - 1] = False
    at = np.flatnonzero(inner)
    count = len(names)
    key, number = np.unique((code[at] % count) * count + code[at + 1] % count, return_inverse=True)
    link[at] = number.reshape(-1)
    return link, tuple((names[k // count], names[k % count]) for k in key.tolist())


def _places(
    visits: StopVisits, order: NDArray[np.int64]
) -> tuple[NDArray[np.int32], tuple[tuple[str, str, str], ...]]:
    routes, stops = (*visits.route.names, ""), (*visits.stop.names, "")
    route = visits.route.code[order].astype(np.int64) % len(routes)
    stop = visits.stop.code[order].astype(np.int64) % len(stops)
    direction = visits.direction[order].astype(np.int64) + 1
    key, number = np.unique((route * 3 + direction) * len(stops) + stop, return_inverse=True)
    names = tuple(
        (routes[k // len(stops) // 3], str(k // len(stops) % 3 - 1), stops[k % len(stops)])
        for k in key.tolist()
    )
    return number.reshape(-1).astype(np.int32), names


def _followers(
    block: NDArray[np.int32], day: NDArray[np.int32], departure_s: NDArray[np.float64]
) -> NDArray[np.int32]:
    follows = np.full(len(block), -1, dtype=np.int32)
    order = np.lexsort((departure_s, block, day))
    same = (np.diff(block[order]) == 0) & (np.diff(day[order]) == 0) & (block[order[1:]] != NONE)
    follows[order[:-1][same]] = order[1:][same]
    return follows


class Events(NamedTuple):
    """What is seen, in the order of time: a vehicle comes to a stop, or leaves it; shape (events,).

    Attributes
    ----------
    departed
        1 where it leaves, 0 where it comes.
    """

    time_s: NDArray[np.float64]
    call: NDArray[np.int32]
    departed: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.time_s)

    def before(self, time_s: float, since: int = 0) -> tuple[Events, int]:
        """Return the events from number `since` on that are not after a time, and the number of the next one."""
        end = max(int(np.searchsorted(self.time_s, time_s, side="right")), since)
        return Events(self.time_s[since:end], self.call[since:end], self.departed[since:end]), end


@dataclass(frozen=True, eq=False)
class Record:
    """What happened of calls: POSIX seconds, NaN where nobody knows; shape (calls,)."""

    calls: Calls
    arrival_s: NDArray[np.float64]
    departure_s: NDArray[np.float64]

    @classmethod
    def of(cls, calls: Calls, visits: StopVisits) -> Record:
        """Return what became of calls that were made from these visits.

        Where no vehicle was ever seen to leave a stop in the middle of a trip, as in records of arrivals, the arrival stands
        for leaving too. At the end of a trip, leaving stands for coming where that is all that is known.
        """
        arrival_s, departure_s = visits.arrival_s[calls.row], visits.departure_s[calls.row]
        last = np.zeros(len(calls), dtype=bool)
        last[calls.first[1:] - 1] = True
        arrival_s = np.where(last & np.isnan(arrival_s), departure_s, arrival_s)
        departure_s = np.where(last, np.nan, departure_s)
        if not np.isfinite(departure_s[~last]).any():
            departure_s = np.where(last, np.nan, arrival_s)
        departure_s = np.where(departure_s < arrival_s, arrival_s, departure_s)
        return cls(calls, arrival_s, departure_s)

    @property
    def reached_s(self) -> NDArray[np.float64]:
        """When vehicles came, or left where that is all that is known, and at the starts of trips."""
        found = np.where(np.isnan(self.arrival_s), self.departure_s, self.arrival_s)
        begin = self.calls.first[:-1]
        found[begin] = np.where(np.isnan(self.departure_s[begin]), found[begin], self.departure_s[begin])
        return found

    def events(self) -> Events:
        """Return all events in the order of time; of the same time, in the order of the calls."""
        time_s = np.concatenate([self.arrival_s, self.departure_s])
        call = np.tile(np.arange(len(self.calls), dtype=np.int32), 2)
        departed = np.repeat(np.array([0, 1], dtype=np.uint8), len(self.calls))
        order = np.lexsort((departed, call, time_s))
        order = order[np.isfinite(time_s[order])]
        return Events(time_s[order], call[order], departed[order])

    def only(self, runs: NDArray[np.bool_]) -> Record:
        """Return the record of which only some runs were seen; shape of `runs`: (runs,)."""
        kept = runs[self.calls.run]
        return Record(
            self.calls,
            np.where(kept, self.arrival_s, np.nan),
            np.where(kept, self.departure_s, np.nan),
        )
