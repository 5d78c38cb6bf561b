"""Which definitions could give a figure that somebody published without its definition."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traffic.errors import InputError
from transit.definitions import definitions
from transit.excess_wait import Frequent
from transit.grouping import Groups
from transit.punctuality import Figure
from transit.regularity import HeadwayWithin, RegularTrips
from transit.tallies import Place, Window
from transit.visit_facts import Event, Fate, Losses, VisitFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transit.tallies import Measure
    from transit.visits import StopVisits

__all__ = ["Candidate", "Grid", "definitions_within"]

_PLACES = (Place.ANYWHERE, Place.TIMEPOINTS, Place.STARTS, Place.ENDS)
_EVENTS = {Event.ARRIVAL: "arrivals", Event.DEPARTURE: "departures", Event.POINT: "visits"}
_MADE_ALIKE = ("on-time-", "regularity-", "headway-within-")


class Candidate(NamedTuple):
    """A definition that was tried.

    Attributes
    ----------
    figure
        Its figure for all visits; the definition says what was varied.
    within
        Whether the figure is in the range that was asked for.
    """

    figure: Figure
    within: bool


@dataclass(frozen=True)
class Grid:
    """What is varied, seconds and shares of the scheduled headway."""

    early_s: tuple[float, ...] = (0.0, 60.0, 120.0, 180.0, 300.0, np.inf)
    late_s: tuple[float, ...] = (60.0, 120.0, 180.0, 240.0, 300.0, 360.0, 420.0, 600.0)
    tolerance_s: tuple[float, ...] = (60.0, 120.0, 180.0, 240.0, 300.0, 420.0, 600.0)
    part: tuple[float, ...] = (0.2, 0.25, 0.33, 0.5, 0.75, 1.0)


def definitions_within(
    visits: StopVisits,
    low: float = 0.60,
    high: float = 0.87,
    *,
    grid: Grid | None = None,
    losses: Losses | None = None,
) -> tuple[Candidate, ...]:
    """Return every share that can be computed from the visits, and which of them are from `low` to `high`.

    On-time shares of arrivals, departures and visits, anywhere, at time points, starts and ends, of all due and of those
    seen, for every window of the grid; trips and headways for every tolerance; and the shares of the agencies. Definitions
    that have no denominator here are left out.
    """
    if not 0 <= low <= high <= 1:
        raise InputError(
            "must be two shares from 0 to 1, the lower first", field="low, high", value=(low, high)
        )
    facts, tried = VisitFacts(visits, losses or Losses()), grid or Grid()
    found = (*_windows(facts, tried), *_tolerances(facts, tried), *_published(facts))
    return tuple(
        Candidate(figure, low <= figure.value <= high) for figure in found if figure.value is not None
    )


def _windows(facts: VisitFacts, grid: Grid) -> Iterator[Figure]:
    """Return the on-time shares of all windows: deviations are sorted once, and counted from both sides."""
    for event, place in product(Event, _PLACES):
        times = facts.times(event)
        due = facts.due & place.chosen(facts, event) & np.isfinite(times.scheduled_s)
        judged = due & (facts.fate == Fate.SEEN) & np.isfinite(times.deviation_s)
        deviation_s = np.sort(times.deviation_s[judged])
        lost = int(np.count_nonzero(due & (facts.fate == Fate.LOST)))
        silent, whole = (int(np.count_nonzero(rows)) for rows in (due & ~judged & ~facts.told_lost, due))
        unobserved = silent / whole if whole else 0.0
        not_early = np.searchsorted(deviation_s, -np.array(grid.early_s), side="left")
        not_late = np.searchsorted(deviation_s, np.array(grid.late_s), side="right")
        for (early, early_s), (late, late_s) in product(enumerate(grid.early_s), enumerate(grid.late_s)):
            good = int(not_late[late] - not_early[early])
            for of, whole in (("due", len(deviation_s) + lost), ("seen", len(deviation_s))):
                name = f"on-time {_EVENTS[event]}, {place}, {Window(early_s, late_s)}, of those {of}"
                yield Figure(name, {}, good / whole if whole else None, good, whole, unobserved)


def _tolerances(facts: VisitFacts, grid: Grid) -> Iterator[Figure]:
    for seconds in grid.tolerance_s:
        text = f"{seconds / 60:g} min"
        for place, early_s in product(
            (Place.ANYWHERE, Place.TIMEPOINTS, Place.STARTS, Place.ENDS), (seconds, np.inf)
        ):
            window = Window(early_s, seconds)
            yield _figure(f"trips within {window}, {place}", RegularTrips(window, place), facts)
        for frequent in (Frequent(np.inf), Frequent(720.0)):
            rule = HeadwayWithin(frequent, tolerance_s=seconds)
            yield _figure(f"headways within {text}{_limit(frequent)}", rule, facts)
    for part, frequent in product(grid.part, (Frequent(np.inf), Frequent(720.0))):
        name = f"headways within {part:.0%} of the scheduled{_limit(frequent)}"
        yield _figure(name, HeadwayWithin(frequent, part=part), facts)


def _published(facts: VisitFacts) -> Iterator[Figure]:
    for definition in definitions():
        if definition.unit == "share" and not definition.name.startswith(
            (*_MADE_ALIKE, "trips-", "deviation-")
        ):
            yield _figure(definition.name, definition.measure, facts)


def _figure(name: str, measure: Measure, facts: VisitFacts) -> Figure:
    everything = Groups((), ((),), np.zeros(len(facts.visits), dtype=np.int64))
    value, numerator, denominator, due, silent = (float(part[0]) for part in measure.over(facts, everything))
    return Figure(
        name,
        {},
        value if denominator > 0 else None,
        int(numerator),
        int(denominator),
        silent / due if due else 0.0,
    )


def _limit(frequent: Frequent) -> str:
    return "" if np.isinf(frequent.limit_s) else f", scheduled at {frequent.limit_s / 60:g} min or less"
