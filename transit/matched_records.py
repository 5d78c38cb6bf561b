"""Positions of a record made into all visits that were due: what every command counts, whichever way it comes by it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from transit.coded import NONE, Coded
from transit.matched_visits import completed, scheduled_visits
from transit.matching import Fate, Match, Matcher
from transit.matching_coverage import possible_visits
from transit.matching_trouble import Trouble, matching_trouble

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.matching import MatchRules
    from transit.positions import Positions
    from transit.timetable import Timetable
    from transit.visits import StopVisits

__all__ = ["MatchedRecord", "due_visits", "matched_record", "on_trips"]

_EPOCH = date(1970, 1, 1)
_NO_VISITS = (
    "no stop visit is to be seen in the positions: no vehicle is seen before and after a stop. "
    "Of a feed that says where vehicles are now, keep the positions of some time"
)
_DIGITS = 3  # what tables hold of a second


@dataclass(frozen=True, eq=False)
class MatchedRecord:
    """Positions of a record, matched.

    Attributes
    ----------
    match
        What became of each position.
    visits
        Those that were found and, as missing, the others that were due: see `due_visits`.
    possible
        How many could be found: see `transit.matching_coverage.possible_visits`.
    trouble
        Why so few positions are on trips, where that is so.
    """

    match: Match
    visits: StopVisits
    possible: int
    trouble: Trouble | None

    @property
    def found(self) -> int:
        """How many visits were found."""
        return len(self.match.visits)

    @property
    def fates(self) -> dict[str, int]:
        """How many positions met each fate, by its name."""
        return {fate.name.lower(): count for fate, count in self.match.counts().items()}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What people should know before they use the visits."""
        if self.trouble is not None:
            return (str(self.trouble),)
        return () if self.found or not self.matched else (_NO_VISITS,)

    @property
    def matched(self) -> int:
        """How many positions are on a trip."""
        return int((self.match.positions.fate == Fate.MATCHED).sum())


def matched_record(
    timetable: Timetable,
    positions: Positions,
    rules: MatchRules | None = None,
    *,
    all_trips: bool = False,
) -> MatchedRecord:
    """Match positions, and tell what was due and what could be found.

    Parameters
    ----------
    all_trips
        Whether trips of which no stop was found were due too: see `due_visits`.
    """
    matcher = Matcher(timetable, rules)
    found = matcher.archive(positions)
    trouble = matching_trouble(timetable, positions, found.counts(), rules)
    on_trip = positions.time_s[found.positions.fate == Fate.MATCHED]
    span_s = (float(on_trip.min()), float(on_trip.max())) if all_trips and len(on_trip) else None
    visits = due_visits(found.visits, timetable, span_s)
    return MatchedRecord(found, visits, possible_visits(matcher, found, positions.vehicle), trouble)


def on_trips(positions: Positions, found: Match, timetable: Timetable) -> Positions:
    """Return positions with the trips that they were matched to; those of none keep what the source says."""
    both = Coded.joined([positions.trip, Coded(timetable.trips.key, found.positions.trip)])
    told, matched = both.code[: len(positions)], both.code[len(positions) :]
    return replace(positions, trip=Coded(both.names, np.where(matched == NONE, told, matched)))


def due_visits(
    visits: StopVisits, timetable: Timetable, span_s: tuple[float, float] | None = None
) -> StopVisits:
    """Return matched visits and, as missing, the others that were due, by day, trip and stop.

    Due are all stops of the trips of which one was found: positions of some buses, or of an hour, say nothing of the other
    trips of the day, nor do those of a bus that only waits for its start. Times are rounded to what tables hold, so that
    figures are the same to the last digit whether they are counted from here or from a file.

    Parameters
    ----------
    span_s
        Between these POSIX seconds all vehicles were recorded: trips that were to begin and end there were due too, whether or
        not a vehicle was seen on them.
    """
    whole = completed(visits, timetable)
    if span_s is not None:
        whole = whole.joined([whole, _unseen(whole, timetable, span_s)])
    order = np.lexsort((whole.sequence, whole.trip.code, whole.day))
    return whole.take(order).rounded(_DIGITS)


def _unseen(visits: StopVisits, timetable: Timetable, span_s: tuple[float, float]) -> StopVisits:
    """Return the visits of trips within a span that are not among the visits of any trip."""
    days = [day for day in _days_about(span_s) if any(day in each for each in timetable.days)]
    planned = scheduled_visits(timetable, days)
    if not len(planned):
        return planned
    run, first_s, last_s = _runs(planned)
    inside = (first_s >= span_s[0]) & (last_s <= span_s[1])
    seen = {(day, trip) for day, trip in zip(visits.day.tolist(), visits.trip.texts(), strict=True)}
    known = [key in seen for key in zip(planned.day.tolist(), planned.trip.texts(), strict=True)]
    return planned.take(inside[run] & ~np.array(known, dtype=bool))


def _runs(
    planned: StopVisits,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the run of each visit, and when each run begins and ends; visits are run by run."""
    new = np.diff(planned.trip.code, prepend=-1) != 0
    new |= np.diff(planned.day, prepend=-1) != 0
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(planned)) - 1
    return np.cumsum(new) - 1, planned.scheduled_departure_s[first], planned.scheduled_arrival_s[last]


def _days_about(span_s: tuple[float, float]) -> list[date]:
    """Return the service days of which trips may be within a span, whatever the time zone; some have trips after midnight."""
    first, last = (int(second // 86_400) for second in span_s)
    return [_EPOCH + timedelta(days=day) for day in range(first - 3, last + 2)]
