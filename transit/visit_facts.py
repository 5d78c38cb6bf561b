"""What follows from stop visits, computed once for all definitions: what became of each, how late it was, its headway."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traffic.errors import InputError
from transit.grouping import dense, group_quantile, hours_of, name_ranks
from transit.headways import Headways, actual_headways, open_ends, scheduled_headways, to_ms
from transit.record_ends import beyond_record
from transit.visits import Point, Relationship

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.visits import StopVisits

__all__ = ["Event", "Fate", "Losses", "Times", "VisitFacts"]


class Fate(IntEnum):
    """What became of a visit."""

    SEEN = 0
    LOST = 1  # it was due, and the vehicle did not serve the stop
    UNKNOWN = 2  # it was due, and nobody knows
    EXTRA = 3  # it was not due


class Event(StrEnum):
    """Which time of a visit is judged."""

    ARRIVAL = "arrival"
    DEPARTURE = "departure"
    POINT = "point"  # the arrival at the end of a trip, else the departure; the other one where that is not recorded


@dataclass(frozen=True)
class Losses:
    """What is taken for not served though the source does not say so.

    Attributes
    ----------
    dropped
        A trip of which no visit was seen did not run.
    cut_visits
        A trip that was seen, but not at its first or last visits, did not serve these if they are so many at least;
        0 never infers that. Missing visits that were to be when nothing was recorded yet, or any more, are not among them.
    """

    dropped: bool = True
    cut_visits: int = 2

    def __post_init__(self) -> None:
        if self.cut_visits < 0:
            raise InputError("must be 0 or more", field="cut_visits", value=self.cut_visits)


class Times(NamedTuple):
    """Times of an event, POSIX seconds, NaN where they are not known; both of shape (visits,)."""

    scheduled_s: NDArray[np.float64]
    actual_s: NDArray[np.float64]

    @property
    def deviation_s(self) -> NDArray[np.float64]:
        """How late, seconds."""
        return to_ms(self.actual_s - self.scheduled_s)


@dataclass(frozen=True, eq=False)
class VisitFacts:
    """What follows from visits."""

    visits: StopVisits
    losses: Losses = field(default_factory=Losses)

    @cached_property
    def due(self) -> NDArray[np.bool_]:
        """Which visits the timetable has; shape (visits,)."""
        return np.asarray(self.visits.relationship != Relationship.ADDED)

    @cached_property
    def trip(self) -> NDArray[np.int64]:
        """Number of each visit's trip on its day, or -1; shape (visits,)."""
        found = np.full(len(self.visits), -1, dtype=np.int64)
        known = self.visits.trip.code >= 0
        if known.any():
            found[known] = dense([self.visits.day[known], name_ranks(self.visits.trip)[known]])[0]
        return found

    @cached_property
    def trips(self) -> int:
        """How many trips there are."""
        return int(self.trip.max(initial=-1)) + 1

    @cached_property
    def fate(self) -> NDArray[np.int8]:
        """`Fate` of each visit; shape (visits,)."""
        found = np.full(len(self.visits), Fate.UNKNOWN, dtype=np.int8)
        found[self.visits.observed] = Fate.SEEN
        found[self.visits.relationship == Relationship.SKIPPED] = Fate.LOST
        found[~self.due] = Fate.EXTRA
        found[(found == Fate.UNKNOWN) & self._inferred[0]] = Fate.LOST
        return found

    @property
    def beyond(self) -> NDArray[np.bool_]:
        """Which visits a trip that was seen was to make before its day's record began or after it ended; shape (visits,).

        These are unknown. Only those at the ends of trips count, of which the source says that they are missing.
        """
        return self._inferred[1]

    @cached_property
    def silent(self) -> NDArray[np.bool_]:
        """Which visits that were due the source says nothing about, whatever is inferred; shape (visits,)."""
        told = self.visits.relationship == Relationship.SKIPPED
        return np.asarray(self.due & ~self.visits.observed & ~told)

    @cached_property
    def told_lost(self) -> NDArray[np.bool_]:
        """Which visits were not served, and the source says so; shape (visits,)."""
        return np.asarray((self.fate == Fate.LOST) & ~self.silent)

    def times(self, event: Event) -> Times:
        """Return when an event was to happen, and when it did."""
        return self._times[event]

    @cached_property
    def moment(self) -> Times:
        """When each visit was to be and was, for headways and hours: by itself, whether or not the other is known."""
        return self._moment

    @cached_property
    def hour(self) -> NDArray[np.int64]:
        """Hour of the local clock at which the visit was to be, else was, or -1; shape (visits,)."""
        moment = self.moment
        known = np.isfinite(moment.scheduled_s)
        return hours_of(np.where(known, moment.scheduled_s, moment.actual_s), self.visits.zone)

    @cached_property
    def line(self) -> NDArray[np.int64]:
        """Number of each visit's route, direction, stop and day, or -1; a loop passes a stop on two lines.

        Visits of neither a trip nor a vehicle are on none: two of them may be of the same one.
        """
        visits = self.visits
        found = np.full(len(visits), -1, dtype=np.int64)
        known = (visits.route.code >= 0) & (visits.stop.code >= 0)
        known &= (visits.trip.code >= 0) | (visits.vehicle.code >= 0)
        if known.any():
            columns = (
                name_ranks(visits.route),
                visits.direction,
                name_ranks(visits.stop),
                self._turn,
                visits.day,
            )
            found[known] = dense([column[known] for column in columns])[0]
        return found

    @cached_property
    def headways(self) -> Headways:
        """Headways as the source gives them, else from the times of visits."""
        visits = self.visits
        scheduled = scheduled_headways(self.line, self._planned_s, self._tie)
        actual = actual_headways(self.line, self._came_s, self._tie, self.fate == Fate.UNKNOWN)
        return Headways(
            np.where(np.isfinite(visits.scheduled_headway_s), visits.scheduled_headway_s, scheduled),
            np.where(np.isfinite(visits.headway_s), visits.headway_s, actual),
        )

    @cached_property
    def gap_s(self) -> NDArray[np.float64]:
        """How long no vehicle came before each visit, for waits, seconds; NaN where that is not known; shape (visits,).

        These are the headways, and where the first visits that were due on a line were lost, the time from the first of them
        to the vehicle that came at last; where the last were lost, the time from the last vehicle to the last of them.
        """
        given_s = self.visits.headway_s
        ends = open_ends(self.line, self._planned_s, self._came_s, self.fate == Fate.LOST)
        moment_s = np.where(ends, self._planned_s, self._came_s)
        gap_s = actual_headways(self.line, moment_s, self._tie, self.fate == Fate.UNKNOWN)
        given = np.isfinite(given_s) & np.isin(self.fate, (Fate.SEEN, Fate.EXTRA))
        return np.where(given, given_s, gap_s)

    @cached_property
    def route_headway_s(self) -> NDArray[np.float64]:
        """Median of the scheduled headways of each visit's route, seconds; NaN where there is none."""
        route, headway = self.visits.route, self.headways.scheduled_s
        known = (route.code >= 0) & np.isfinite(headway) & self.due
        names = len(route.names)
        median = group_quantile(headway[known], route.code[known].astype(np.int64), names, 50)
        return np.append(median, np.nan)[route.code]  # the last one is that of no route

    @cached_property
    def running(self) -> Times:
        """At the end of a trip, how long it was to take from its start, and took, seconds; NaN elsewhere."""
        point = self.visits.point
        starts = (point == Point.START) & (self.trip >= 0)
        ends = (point == Point.END) & (self.trip >= 0)
        found = []
        for moment in self.times(Event.POINT):
            began = np.full(self.trips + 1, np.nan)  # the last one is that of no trip
            began[self.trip[starts]] = moment[starts]
            found.append(np.where(ends, to_ms(moment - began[self.trip]), np.nan))
        return Times(found[0], found[1])

    @cached_property
    def in_trip_order(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The visits that trips were due to make, trip by trip in their sequence, and the first place of each trip."""
        rows = np.flatnonzero(self.due & (self.trip >= 0))
        stop = name_ranks(self.visits.stop)[rows]
        rows = rows[np.lexsort((stop, self.visits.sequence[rows], self.trip[rows]))]
        trip = self.trip[rows]
        new = np.ones(len(rows), dtype=bool)
        new[1:] = trip[1:] != trip[:-1]
        return rows, np.flatnonzero(new)

    @cached_property
    def _tie(self) -> NDArray[np.int64]:
        """Which of two visits at the same moment is the first; shape (visits,)."""
        return dense([name_ranks(self.visits.trip), name_ranks(self.visits.vehicle)])[0]

    @cached_property
    def _planned_s(self) -> NDArray[np.float64]:
        """When each visit was due, NaN for those that were not; shape (visits,)."""
        return np.where(self.due, self.moment.scheduled_s, np.nan)

    @cached_property
    def _came_s(self) -> NDArray[np.float64]:
        """When a vehicle came, or was to come where nobody knows; NaN where none did; shape (visits,)."""
        moment = self.moment
        came_s = np.where(self.fate == Fate.UNKNOWN, moment.scheduled_s, moment.actual_s)
        came_s[self.fate == Fate.LOST] = np.nan
        return came_s

    @cached_property
    def _turn(self) -> NDArray[np.int64]:
        """How often the trip was at the stop of a visit before; shape (visits,)."""
        visits = self.visits
        found = np.zeros(len(visits), dtype=np.int64)
        rows = np.flatnonzero((self.trip >= 0) & (visits.stop.code >= 0))
        rows = rows[np.lexsort((visits.sequence[rows], visits.stop.code[rows], self.trip[rows]))]
        new = np.ones(len(rows), dtype=bool)
        new[1:] = (np.diff(self.trip[rows]) != 0) | (np.diff(visits.stop.code[rows]) != 0)
        position = np.arange(len(rows))
        found[rows] = position - np.maximum.accumulate(np.where(new, position, 0))
        return found

    @cached_property
    def _moment(self) -> Times:
        (scheduled, actual), (other_scheduled, other_actual) = self._first_and_other
        return Times(
            np.where(np.isfinite(scheduled), scheduled, other_scheduled),
            np.where(np.isfinite(actual), actual, other_actual),
        )

    @cached_property
    def _times(self) -> dict[Event, Times]:
        visits = self.visits
        first, other = self._first_and_other
        swap = ~np.isfinite(first.deviation_s) & np.isfinite(other.deviation_s)
        swap |= ~np.isfinite(first.scheduled_s) & np.isfinite(other.scheduled_s)
        scheduled, actual = (np.where(swap, b, a) for a, b in zip(first, other, strict=True))
        return {
            Event.ARRIVAL: Times(visits.scheduled_arrival_s, visits.arrival_s),
            Event.DEPARTURE: Times(visits.scheduled_departure_s, visits.departure_s),
            Event.POINT: Times(scheduled, actual),
        }

    @cached_property
    def _first_and_other(self) -> tuple[Times, Times]:
        """The arrival at the end of trips, the departure elsewhere; and the other one."""
        visits = self.visits
        ends = visits.point == Point.END
        arrival = (visits.scheduled_arrival_s, visits.arrival_s)
        departure = (visits.scheduled_departure_s, visits.departure_s)
        first = Times(*(np.where(ends, a, d) for a, d in zip(arrival, departure, strict=True)))
        other = Times(*(np.where(ends, d, a) for a, d in zip(arrival, departure, strict=True)))
        return first, other

    @cached_property
    def _inferred(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """The visits of trips that were dropped, and of cut ones those before and after the part that ran; and `beyond`."""
        seen = self.visits.observed & self.due & (self.visits.relationship != Relationship.SKIPPED)
        lost, beyond = np.zeros(len(seen), dtype=bool), np.zeros(len(seen), dtype=bool)
        rows, starts = self.in_trip_order
        if not len(rows):
            return lost, beyond
        position = np.arange(len(rows))
        counts = np.diff(np.append(starts, len(rows)))
        first = np.minimum.reduceat(np.where(seen[rows], position, len(rows)), starts)
        last = np.maximum.reduceat(np.where(seen[rows], position, -1), starts)
        ran = np.repeat(last >= 0, counts)
        head, tail = (
            ran & (position < np.repeat(first, counts)),
            ran & (position > np.repeat(last, counts)),
        )
        moment = self.moment
        late_s = (moment.actual_s - moment.scheduled_s)[rows]
        ends = tuple(np.repeat(late_s[np.clip(end, 0, len(rows) - 1)], counts) for end in (first, last))
        before, after = beyond_record(self.visits.take(rows), moment.scheduled_s[rows], (ends[0], ends[1]))
        beyond[rows] = (head & before) | (tail & after)
        least = self.losses.cut_visits or len(rows)
        for part in (head & ~before, tail & ~after):
            enough = np.add.reduceat(part, starts, dtype=np.int64) >= least
            lost[rows] |= part & np.repeat(enough, counts)
        lost[rows] |= ~ran & self.losses.dropped
        return lost, beyond
