"""String lines: where the vehicles of a route were over time, planned and observed, and where they bunched.

A diagram has time across and the stops down. Stops stand as far apart as the timetable runs between them (records of visits
have no distances), so that a planned trip is a straight line where running times do not change over the day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traffic.errors import InputError
from transit.grouping import dense
from transit.stop_places import stop_places
from transit.tallies import Window
from transit.visit_facts import Event, Fate, VisitFacts
from transit.visits import Point

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.visits import StopVisits

    Points = NDArray[np.float64]

__all__ = ["BUNCHED_PART", "StringLines", "TripLine", "string_lines"]

BUNCHED_PART = 0.25
"""A vehicle is bunched with the one before where its headway is less than this part of the scheduled one."""

_LIMITS = Window(3600.0, 7200.0)  # records outside are of another trip, or another day
_EPOCH = date(1970, 1, 1)


class TripLine(NamedTuple):
    """One trip; points are rows of POSIX seconds and place in seconds.

    Attributes
    ----------
    vehicle
        Who ran it, where that is known.
    planned
        By the timetable.
    observed
        Lines through stops that were seen one after the other; a dwell is a line at one place.
    bridged
        Lines over stops between that were not seen.
    bunched
        Where the vehicle was close behind another one.
    seen
        Whether any visit was.
    """

    trip: str
    vehicle: str | None
    planned: Points
    observed: tuple[Points, ...]
    bridged: tuple[Points, ...]
    bunched: Points
    seen: bool


@dataclass(frozen=True, eq=False)
class StringLines:
    """A diagram.

    Attributes
    ----------
    stops
        Names in the order of their places; a loop that passes a stop twice has it twice.
    place_s
        Where each stands; shape (stops,).
    trips
        In the order in which they were to begin.
    put_aside
        Visits that are not drawn, because they are more than 60 min early or 120 min late.
    """

    zone: str
    route: str
    direction: int
    day: date
    stops: tuple[str, ...]
    place_s: NDArray[np.float64]
    trips: tuple[TripLine, ...]
    put_aside: int

    @property
    def span_s(self) -> tuple[float, float]:
        """When the first line begins and the last one ends, POSIX seconds."""
        every = np.concatenate(
            [line[:, 0] for trip in self.trips for line in (trip.planned, *trip.observed, *trip.bridged)]
        )
        return float(every.min()), float(every.max())


def string_lines(
    visits: StopVisits | VisitFacts, route: str, direction: int, day: date | None = None
) -> StringLines:
    """Return the diagram of a route and direction.

    Parameters
    ----------
    visits
        Recorded or replayed ones, or the facts of some.
    direction
        0, 1, or -1 where it is not said.
    day
        By default the one with the most visits, of equals the first.
    """
    facts = visits if isinstance(visits, VisitFacts) else VisitFacts(visits)
    rows, day_number = _chosen(facts, route, direction, day)
    node, first = dense([facts.line[rows]])
    stop = [str(facts.visits.stop[int(rows[k])]) for k in first.tolist()]
    early, late = _both_times(facts, rows)
    new = np.diff(facts.trip[rows], prepend=-2) != 0
    place_s = stop_places(*_runs(node, early, late, new), len(first))
    order = np.argsort(place_s, kind="stable")
    deviation_s = facts.times(Event.POINT).deviation_s[rows]
    odd = np.isfinite(deviation_s) & ~_LIMITS.holds(deviation_s)
    drawn = _Drawn(facts, rows, place_s[node], odd)
    lines = [drawn.trip(own) for own in np.split(np.arange(len(rows)), np.flatnonzero(new)[1:])]
    lines = [line for line in lines if len(line.planned) or line.seen]
    if not lines:
        raise InputError(
            "must have visits with times", field="route", value=f"{route!r}, direction {direction}"
        )
    lines.sort(key=lambda line: (_begin_s(line), line.trip))
    return StringLines(
        facts.visits.zone,
        route,
        direction,
        _EPOCH + timedelta(days=day_number),
        tuple(stop[k] for k in order.tolist()),
        place_s[order],
        tuple(lines),
        int(np.count_nonzero(odd)),
    )


def _chosen(facts: VisitFacts, route: str, direction: int, day: date | None) -> tuple[NDArray[np.int64], int]:
    """Return the visits of the diagram, trip by trip, and its day."""
    visits = facts.visits
    own = visits.route.is_any([route]) & (visits.direction == direction) & (facts.line >= 0)
    own &= facts.trip >= 0
    if day is not None:
        own &= visits.day == (day - _EPOCH).days
    if not own.any():
        hint = f"Routes of this record: {', '.join(sorted(visits.route.names)[:30])}"
        what = f"{route!r}, direction {direction}" + ("" if day is None else f", {day}")
        raise InputError("must have visits of trips in the record", field="route", value=what, hint=hint)
    days, counts = np.unique(visits.day[own], return_counts=True)
    number = int(days[np.argmax(counts)])
    rows = np.flatnonzero(own & (visits.day == number))
    moment = facts.moment
    at = np.where(np.isfinite(moment.scheduled_s), moment.scheduled_s, moment.actual_s)
    return rows[np.lexsort((at[rows], visits.sequence[rows], facts.trip[rows]))], number


def _both_times(
    facts: VisitFacts, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return when each visit was to begin and to end, and, where the timetable says nothing, when it did."""
    visits = facts.visits
    found = []
    for first, other in (("arrival_s", "departure_s"), ("departure_s", "arrival_s")):
        columns = [
            getattr(visits, name)[rows] for name in (f"scheduled_{first}", f"scheduled_{other}", first, other)
        ]
        time = columns[0]
        for column in columns[1:]:
            time = np.where(np.isfinite(time), time, column)
        found.append(time)
    return found[0], found[1]


def _runs(
    node: NDArray[np.int64],
    arrival_s: NDArray[np.float64],
    departure_s: NDArray[np.float64],
    new: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the runs from each stop to the next one of its trip."""
    running_s = arrival_s[1:] - departure_s[:-1]
    good = ~new[1:] & np.isfinite(running_s) & (running_s >= 0) & (running_s <= _LIMITS.late_s)
    return node[:-1][good], node[1:][good], running_s[good]


def _begin_s(line: TripLine) -> float:
    points = line.planned if len(line.planned) else line.observed[0]
    return float(points[0, 0])


@dataclass(frozen=True, eq=False)
class _Drawn:
    """What the lines of trips are made of; all arrays of shape (visits of the diagram,)."""

    facts: VisitFacts
    rows: NDArray[np.int64]
    place_s: NDArray[np.float64]
    odd: NDArray[np.bool_]

    def trip(self, own: NDArray[np.int64]) -> TripLine:
        """Return the line of a trip, whose visits are given in their order."""
        visits, rows = self.facts.visits, self.rows[own]
        planned = self._points(own, visits.scheduled_arrival_s, visits.scheduled_departure_s)
        actual = self._points(own, visits.arrival_s, visits.departure_s)
        for k in np.flatnonzero(self.odd[own]).tolist():
            actual[k] = _nothing()
        observed, bridged = _pieces(actual)
        names = [visits.vehicle[int(row)] for row in rows]
        return TripLine(
            str(visits.trip[int(rows[0])]),
            next((name for name in names if name), None),
            _stacked(planned),
            observed,
            bridged,
            self._bunched(own),
            bool(observed),
        )

    def _points(
        self, own: NDArray[np.int64], arrival_s: NDArray[np.float64], departure_s: NDArray[np.float64]
    ) -> list[Points]:
        """Return the points of each visit: arrival and departure, where they are known; a trip begins with its departure."""
        found = []
        for k in own.tolist():
            row = int(self.rows[k])
            times = [float(arrival_s[row]), float(departure_s[row])]
            if self.facts.visits.point[row] == Point.START and np.isfinite(times[1]):
                times = times[1:]
            elif self.facts.visits.point[row] == Point.END and np.isfinite(times[0]):
                times = times[:1]
            known = dict.fromkeys(time for time in times if np.isfinite(time))
            found.append(np.array([(time, self.place_s[k]) for time in known]).reshape(-1, 2))
        return found

    def _bunched(self, own: NDArray[np.int64]) -> Points:
        rows = self.rows[own]
        scheduled_s, actual_s = (column[rows] for column in self.facts.headways)
        close = (scheduled_s > 0) & (actual_s < BUNCHED_PART * scheduled_s)
        close &= (self.facts.fate[rows] == Fate.SEEN) & ~self.odd[own]
        at = self.facts.moment.actual_s[rows]
        close &= np.isfinite(at)
        return np.column_stack((at[close], self.place_s[own][close]))


def _nothing() -> Points:
    return np.zeros((0, 2))


def _pieces(visits: list[Points]) -> tuple[tuple[Points, ...], tuple[Points, ...]]:
    """Return lines through visits that were seen one after the other, and lines over those between that were not."""
    observed: list[list[Points]] = []
    bridged: list[Points] = []
    last = -1
    for k, points in enumerate(visits):
        if not len(points):
            continue
        if last >= 0 and k - last > 1:
            bridged.append(np.vstack((visits[last][-1], points[0])))
        if last < 0 or k - last > 1:
            observed.append([])
        observed[-1].append(points)
        last = k
    return tuple(_stacked(run) for run in observed), tuple(bridged)


def _stacked(points: list[Points]) -> Points:
    return np.vstack([_nothing(), *points])
