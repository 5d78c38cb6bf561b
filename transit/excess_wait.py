"""How long passengers wait who come at any moment: half the mean headway where headways are equal, else longer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from transit.grouping import dense, group_sum
from transit.headways import Headways
from transit.tallies import Summed, Tally
from transit.visit_facts import Fate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.visit_facts import VisitFacts

__all__ = ["ActualWait", "ExcessWait", "Frequent", "ScheduledWait"]


class Frequent(NamedTuple):
    """Which visits are of frequent service.

    Attributes
    ----------
    limit_s
        The longest scheduled headway that is frequent.
    by_route
        Whether it is the median of the route that counts, not the headway of the visit.
    stated
        Whether visits are frequent for which the source gives a scheduled headway, where it gives any at all.
    """

    limit_s: float
    by_route: bool = False
    stated: bool = False

    def chosen(self, facts: VisitFacts) -> NDArray[np.bool_]:
        """Return which visits are of frequent service; shape (visits,)."""
        if self._by_source(facts):
            return np.isfinite(facts.visits.scheduled_headway_s)
        headway_s = facts.route_headway_s if self.by_route else facts.headways.scheduled_s
        return headway_s <= self.limit_s

    def headways(self, facts: VisitFacts) -> Headways:
        """Return the headways to judge: those of the source alone where it says which visits are of frequent service."""
        visits = facts.visits
        return (
            Headways(visits.scheduled_headway_s, visits.headway_s)
            if self._by_source(facts)
            else facts.headways
        )

    def _by_source(self, facts: VisitFacts) -> bool:
        return self.stated and bool(np.isfinite(facts.visits.scheduled_headway_s).any())


@dataclass(frozen=True)
class ScheduledWait(Summed):
    """Mean wait by the timetable: a headway h is met by h passengers, who wait h / 2."""

    frequent: Frequent

    def tally(self, facts: VisitFacts) -> Tally:
        """Return what each visit adds."""
        headway_s = facts.headways.scheduled_s
        due = facts.due & np.isfinite(headway_s) & self.frequent.chosen(facts)
        time = np.where(due, headway_s, 0.0)
        return Tally(time**2 / 2, time, due, np.zeros(len(due), dtype=bool))


@dataclass(frozen=True)
class ActualWait(Summed):
    """Mean wait as vehicles came; where none came any more, to the last visit that was due: the least that was waited."""

    frequent: Frequent

    def tally(self, facts: VisitFacts) -> Tally:
        """Return what each visit adds."""
        due, silent, time = _waited(facts, self.frequent)
        return Tally(time**2 / 2, time, due, silent)


@dataclass(frozen=True)
class ExcessWait(Summed):
    """Mean wait as vehicles came, less the mean wait by the timetable of the same line and hour.

    The timetable's is taken from all visits due in that hour, seen or not, so that a trip that was dropped makes the wait
    longer and not the timetable thinner. What each headway adds is the same in whatever group it is counted.
    """

    frequent: Frequent

    def tally(self, facts: VisitFacts) -> Tally:
        """Return what each visit adds."""
        cell, _ = dense([facts.line, facts.hour])
        cells = int(cell.max(initial=-1)) + 1
        planned = ScheduledWait(self.frequent).tally(facts)
        total, time = (group_sum(column, cell, cells) for column in planned[:2])
        wait_s = np.full(cells, np.nan)
        np.divide(total, time, out=wait_s, where=time > 0)
        due, silent, headway_s = _waited(facts, self.frequent)
        planned_s = wait_s[cell]
        met = np.isfinite(planned_s)
        headway_s = np.where(met, headway_s, 0.0)
        excess = headway_s * (headway_s / 2 - np.where(met, planned_s, 0.0))
        return Tally(excess, headway_s, due, silent)


def _waited(
    facts: VisitFacts, frequent: Frequent
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float64]]:
    """Return which headways were due, which of them nothing is known about, and how long no vehicle came, seconds, else 0."""
    chosen = frequent.chosen(facts)
    due = facts.due & np.isfinite(facts.headways.scheduled_s) & chosen
    known = np.isfinite(facts.gap_s)
    counted = known & (due | (chosen & ~facts.due))
    silent = due & ~(known & (facts.fate == Fate.SEEN)) & ~facts.told_lost
    return due, silent, np.where(counted, facts.gap_s, 0.0)
