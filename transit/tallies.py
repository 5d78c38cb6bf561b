"""What each stop visit adds to a figure: numerator, denominator, and whether it was due and whether it was seen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from traffic.errors import InputError
from transit.grouping import group_sum
from transit.visit_facts import Event, Fate
from transit.visits import Point

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.grouping import Groups
    from transit.visit_facts import VisitFacts

__all__ = ["Columns", "Measure", "OnTime", "Place", "Sum", "Summed", "Tally", "Window", "share"]


class Columns(NamedTuple):
    """Figures of one definition; all of shape (groups,).

    Attributes
    ----------
    value
        NaN where the denominator is 0.
    due
        How many visits, trips or headways the definition was about.
    silent
        How many of these the source says nothing about.
    """

    value: NDArray[np.float64]
    numerator: NDArray[np.float64]
    denominator: NDArray[np.float64]
    due: NDArray[np.float64]
    silent: NDArray[np.float64]


class Tally(NamedTuple):
    """What each visit adds; all of shape (visits,).

    Attributes
    ----------
    numerator, denominator
        Yes or no for shares, numbers for times.
    due
        Whether the definition is about the visit.
    silent
        Whether it is, and the source says nothing about it, whatever is inferred.
    """

    numerator: NDArray[np.generic]
    denominator: NDArray[np.generic]
    due: NDArray[np.bool_]
    silent: NDArray[np.bool_]


class Measure(Protocol):
    """A way to make figures."""

    def over(self, facts: VisitFacts, groups: Groups) -> Columns:
        """Return the figures of all groups."""


class Place(StrEnum):
    """Where in their trips visits are judged."""

    ANYWHERE = "anywhere"  # but for arrivals at the start, and departures from the end
    TIMEPOINTS = "timepoints"  # likewise
    STARTS = "starts"
    MIDDLES = "middles"
    MIDDLE_TIMEPOINTS = "middle timepoints"
    ENDS = "ends"

    def chosen(self, facts: VisitFacts, event: Event) -> NDArray[np.bool_]:
        """Return which visits are here; shape (visits,)."""
        point = facts.visits.point
        wanted = _POINTS.get(self)
        here = np.ones(len(point), dtype=bool) if wanted is None else np.asarray(point == wanted)
        if self in {Place.TIMEPOINTS, Place.MIDDLE_TIMEPOINTS}:
            here &= facts.visits.timepoint
        if wanted is not None:
            return here
        if event is not Event.POINT:
            here &= point != (Point.START if event is Event.ARRIVAL else Point.END)
        return here


_POINTS = {
    Place.STARTS: Point.START,
    Place.MIDDLES: Point.MIDDLE,
    Place.MIDDLE_TIMEPOINTS: Point.MIDDLE,
    Place.ENDS: Point.END,
}


@dataclass(frozen=True)
class Window:
    """From how early to how late is on time, both included, seconds."""

    early_s: float
    late_s: float

    def __post_init__(self) -> None:
        if not self.early_s + self.late_s >= 0:
            raise InputError(
                "must not end before it begins", field="window", value=(self.early_s, self.late_s)
            )

    def holds(self, deviation_s: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which deviations are inside; NaN is not."""
        return (deviation_s >= -self.early_s) & (deviation_s <= self.late_s)

    def __str__(self) -> str:
        late = f"{self.late_s / 60:+g} min"
        if np.isinf(self.early_s):
            return f"up to {late}"
        return f"{-self.early_s / 60:+g}/{late}" if self.early_s else f"0/{late}"


class Summed(ABC):
    """A measure whose numerators and denominators are sums over visits, so that groups may be put together."""

    @abstractmethod
    def tally(self, facts: VisitFacts) -> Tally:
        """Return what each visit adds."""

    def over(self, facts: VisitFacts, groups: Groups) -> Columns:
        """Return the figures of all groups: the sum of the numerators over the sum of the denominators."""
        numerator, denominator, due, silent = (
            group_sum(column, groups.number, len(groups)) for column in self.tally(facts)
        )
        value = np.full(len(groups), np.nan)
        np.divide(numerator, denominator, out=value, where=denominator > 0)
        return Columns(value, numerator, denominator, due, silent)


@dataclass(frozen=True)
class OnTime(Summed):
    """Visits in a window, of those that were judged.

    Attributes
    ----------
    losses
        Whether visits that were not served are judged, and not on time.
    """

    event: Event
    place: Place
    window: Window
    losses: bool = True

    def tally(self, facts: VisitFacts) -> Tally:
        """Return what each visit adds."""
        times = facts.times(self.event)
        due = facts.due & self.place.chosen(facts, self.event) & np.isfinite(times.scheduled_s)
        return share(facts, due, times.deviation_s, self.window.holds(times.deviation_s), losses=self.losses)


@dataclass(frozen=True)
class Sum(Summed):
    """Several rules, each about other visits, as one figure."""

    parts: tuple[Summed, ...]

    def tally(self, facts: VisitFacts) -> Tally:
        """Return what each visit adds."""
        first, *others = (part.tally(facts) for part in self.parts)
        for other in others:
            if (first.due & other.due).any():
                raise InputError("must be about other visits each", field="parts")
            first = Tally(*(np.logical_or(a, b) for a, b in zip(first, other, strict=True)))
        return first


def share(
    facts: VisitFacts,
    due: NDArray[np.bool_],
    evidence: NDArray[np.float64],
    good: NDArray[np.bool_],
    *,
    losses: bool,
) -> Tally:
    """Return the tally of a share: visits with evidence are judged, and those not served if `losses`."""
    fate = facts.fate
    judged = due & (fate == Fate.SEEN) & np.isfinite(evidence)
    lost = due & (fate == Fate.LOST)
    return Tally(judged & good, judged | lost if losses else judged, due, due & ~judged & ~facts.told_lost)
