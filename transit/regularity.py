"""How even headways are, and how regular trips: what does not lie with single visits alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from transit.grouping import group_quantile, group_sum
from transit.tallies import Columns, OnTime, Place, Summed, Tally, Window, share
from transit.visit_facts import Event, Fate
from transit.visits import Point

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.excess_wait import Frequent
    from transit.grouping import Groups
    from transit.visit_facts import VisitFacts

__all__ = [
    "Deviation",
    "HeadwayExcess",
    "HeadwaySpread",
    "HeadwayWithin",
    "PutAside",
    "RegularTrips",
    "RunningTime",
    "TripsLost",
    "Unless",
    "known_deviations",
]


@dataclass(frozen=True)
class HeadwayWithin(Summed):
    """Headways that differ from the scheduled one by no more than a share of it, or a time, whichever is given.

    A visit that was not served had a headway by the timetable, and did not keep it.
    """

    frequent: Frequent
    part: float | None = None
    tolerance_s: float | None = None

    def tally(self, facts: VisitFacts) -> Tally:
        """Return what each visit adds."""
        scheduled_s, actual_s = facts.headways
        due = facts.due & (scheduled_s > 0) & self.frequent.chosen(facts)
        allowed_s = scheduled_s * self.part if self.part is not None else self.tolerance_s
        return share(facts, due, actual_s, np.abs(actual_s - scheduled_s) <= allowed_s, losses=True)


@dataclass(frozen=True)
class HeadwayExcess(Summed):
    """Headways at starts and middles that are not longer than scheduled by more than `late_s`."""

    frequent: Frequent
    late_s: float
    losses: bool

    def tally(self, facts: VisitFacts) -> Tally:
        """Return what each visit adds."""
        scheduled_s, actual_s = self.frequent.headways(facts)
        due = facts.due & self.frequent.chosen(facts) & (facts.visits.point != Point.END)
        good = actual_s - scheduled_s <= self.late_s
        return share(facts, due, actual_s - scheduled_s, good, losses=self.losses)


@dataclass(frozen=True)
class RunningTime(Summed):
    """Ends of trips of frequent service that took no more than a multiple of their scheduled time."""

    frequent: Frequent
    multiple: float
    losses: bool

    def tally(self, facts: VisitFacts) -> Tally:
        """Return what each visit adds."""
        scheduled_s, actual_s = facts.running
        due = facts.due & self.frequent.chosen(facts) & (facts.visits.point == Point.END)
        good = actual_s <= self.multiple * scheduled_s
        return share(facts, due, actual_s - scheduled_s, good, losses=self.losses)


@dataclass(frozen=True)
class Unless(Summed):
    """On-time visits of service that is not frequent."""

    frequent: Frequent
    rule: OnTime

    def tally(self, facts: VisitFacts) -> Tally:
        """Return what each visit adds."""
        other = ~self.frequent.chosen(facts)
        return Tally(*(np.asarray(column) & other for column in self.rule.tally(facts)))


@dataclass(frozen=True)
class RegularTrips(Summed):
    """Trips that were in the window at every place, of those known at every place; each stands where its first visit is.

    A trip that was seen at some places only is in neither: whether it was regular nobody knows, and if it were judged where
    it was seen, fewer records would make more trips regular.
    """

    window: Window
    place: Place

    def tally(self, facts: VisitFacts) -> Tally:
        """Return what each visit adds."""
        rule = OnTime(Event.POINT, self.place, self.window).tally(facts)
        good, judged, due, silent = (_by_trip(facts, column) for column in rule)
        counted = (due > 0) & (judged == due)
        return _of_trips(facts, counted & (good == due), counted, due > 0, silent > 0)


@dataclass(frozen=True)
class TripsLost(Summed):
    """Trips that did not run at all, or that ran only in part, of all that were due.

    Of a trip that was under way when the record began or ended, nobody knows whether it was cut. One of which that is
    inferred is among the unobserved.
    """

    part: bool

    def tally(self, facts: VisitFacts) -> Tally:
        """Return what each visit adds."""
        due = _by_trip(facts, facts.due)
        seen = _by_trip(facts, facts.due & (facts.fate == Fate.SEEN))
        lost = _by_trip(facts, facts.due & (facts.fate == Fate.LOST))
        found = (lost > 0) & ((seen > 0) if self.part else (seen == 0))
        known, silent = (seen > 0) | (lost > 0), _by_trip(facts, facts.silent) == due
        if self.part:
            open_ended = ~found & (_by_trip(facts, facts.beyond) > 0)
            known &= ~open_ended
            silent |= open_ended | (found & (_by_trip(facts, facts.told_lost) == 0))
        return _of_trips(facts, found, known, due > 0, silent & (due > 0))


@dataclass(frozen=True)
class Deviation:
    """A percentile of how late visits were, outliers put aside: the least of them with so many at or below it."""

    percent: int
    limits: Window

    def over(self, facts: VisitFacts, groups: Groups) -> Columns:
        """Return the figures of all groups."""
        due, deviation_s, inside, silent = known_deviations(facts, self.limits)
        count, group = len(groups), groups.number
        value = group_quantile(deviation_s[inside], group[inside], count, self.percent)
        below = inside & (deviation_s <= value[group])
        sums = (group_sum(column, group, count) for column in (below, inside, due, silent))
        return Columns(value, *sums)


@dataclass(frozen=True)
class PutAside(Summed):
    """Visits whose deviation is outside the limits, of all whose deviation is known."""

    limits: Window

    def tally(self, facts: VisitFacts) -> Tally:
        """Return what each visit adds."""
        due, deviation_s, inside, silent = known_deviations(facts, self.limits)
        known = due & np.isfinite(deviation_s)
        return Tally(known & ~inside, known, due, silent)


@dataclass(frozen=True)
class HeadwaySpread:
    """Standard deviation of headways over their mean.

    Attributes
    ----------
    planned
        Whether it is that of the differences from the scheduled headways, over the mean of the latter.
    """

    frequent: Frequent
    planned: bool

    def over(self, facts: VisitFacts, groups: Groups) -> Columns:
        """Return the figures of all groups."""
        scheduled_s, actual_s = facts.headways
        due = facts.due & np.isfinite(scheduled_s) & self.frequent.chosen(facts)
        kept = due & np.isfinite(actual_s) & (facts.fate == Fate.SEEN)
        value_s, base_s = (actual_s - scheduled_s, scheduled_s) if self.planned else (actual_s, actual_s)
        count, group = len(groups), groups.number
        spread, mean = _spread(value_s[kept], group[kept], count), _mean(base_s[kept], group[kept], count)
        enough = np.isfinite(spread) & (mean > 0)
        value = np.full(count, np.nan)
        np.divide(spread, mean, out=value, where=enough)
        silent = due & ~kept & ~facts.told_lost
        return Columns(
            value,
            np.where(enough, spread, 0.0),
            np.where(enough, mean, 0.0),
            group_sum(due, group, count),
            group_sum(silent, group, count),
        )


def known_deviations(
    facts: VisitFacts, limits: Window
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which visits were due, how late they were, which of these are inside the limits, and which nothing is known of."""
    times = facts.times(Event.POINT)
    deviation_s = np.where(facts.fate == Fate.SEEN, times.deviation_s, np.nan)
    due = facts.due & np.isfinite(times.scheduled_s)
    inside = due & limits.holds(deviation_s)
    silent = due & ~np.isfinite(deviation_s) & ~facts.told_lost
    return due, deviation_s, inside, silent


def _mean(values: NDArray[np.float64], group: NDArray[np.int64], groups: int) -> NDArray[np.float64]:
    counts = np.bincount(group, minlength=groups)
    found = np.full(groups, np.nan)
    np.divide(group_sum(values, group, groups), counts, out=found, where=counts > 0)
    return found


def _spread(values: NDArray[np.float64], group: NDArray[np.int64], groups: int) -> NDArray[np.float64]:
    """Return the standard deviation of each group, divided by n; NaN for fewer than two values."""
    square = (values - _mean(values, group, groups)[group]) ** 2
    found = np.sqrt(_mean(square, group, groups))
    found[np.bincount(group, minlength=groups) < 2] = np.nan
    return found


def _by_trip(facts: VisitFacts, column: NDArray[np.generic]) -> NDArray[np.int64]:
    known = facts.trip >= 0
    return np.bincount(facts.trip[known][np.asarray(column)[known].astype(bool)], minlength=facts.trips)


def _of_trips(
    facts: VisitFacts,
    numerator: NDArray[np.bool_],
    denominator: NDArray[np.bool_],
    due: NDArray[np.bool_],
    silent: NDArray[np.bool_],
) -> Tally:
    """Return the tally of trips: each is counted where its first visit is."""
    rows, starts = facts.in_trip_order
    columns = []
    for column in (numerator, denominator, due, silent):
        found = np.zeros(len(facts.visits), dtype=bool)
        found[rows[starts]] = column[facts.trip[rows[starts]]]
        columns.append(found)
    return Tally(*columns)
