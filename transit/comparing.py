"""Before and after: differences of figures between two records, with the interval that a bootstrap gives.

Visits of one trip, and trips of one day, have much in common. What is drawn again, with replacement, is therefore whole trips or
whole days of each record (Efron and Tibshirani 1993, chapter 13: percentile intervals), never single visits.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from transit.excess_wait import ScheduledWait
from transit.grouping import dense
from transit.intervals import LEVEL
from transit.punctuality import figures_of
from transit.regularity import Deviation, known_deviations
from transit.tallies import Summed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from transit.definitions import Definition
    from transit.punctuality import Figure
    from transit.tallies import Window
    from transit.visit_facts import VisitFacts

    F1 = NDArray[np.float64]
    F2 = NDArray[np.float64]

__all__ = ["Comparison", "Difference", "Unit", "compared"]

DRAWS = 2000
_LEAST_DAYS = 10
_CELLS = 4_000_000  # of the tables that are made at once


class Unit(StrEnum):
    """What is drawn again."""

    TRIP = "trip"
    DAY = "day"


class Difference(NamedTuple):
    """A figure before and after.

    Attributes
    ----------
    difference
        After less before; `None` where one of them is not known.
    low, high
        95 % interval of the difference; `None` where there is none.
    """

    definition: Definition
    before: Figure
    after: Figure
    difference: float | None
    low: float | None
    high: float | None

    @property
    def sure(self) -> bool:
        """Whether the interval leaves out that there is no difference."""
        return self.low is not None and self.high is not None and not self.low <= 0.0 <= self.high


@dataclass(frozen=True)
class Comparison:
    """Differences of figures.

    Attributes
    ----------
    unit
        What was drawn again.
    clusters
        How many of these the records before and after have.
    draws
        How often.
    """

    unit: Unit
    clusters: tuple[int, int]
    draws: int
    rows: tuple[Difference, ...]


def compared(
    before: VisitFacts,
    after: VisitFacts,
    chosen: Sequence[Definition],
    generator: np.random.Generator,
    *,
    unit: Unit | None = None,
    draws: int = DRAWS,
) -> Comparison:
    """Return the differences between two records.

    Shares, waits and percentiles have an interval. Spreads of headways have none, nor has what the timetable says.

    Parameters
    ----------
    unit
        By default days where both records have ten or more, else trips.
    """
    if unit is None:
        enough = all(len(np.unique(facts.visits.day)) >= _LEAST_DAYS for facts in (before, after))
        unit = Unit.DAY if enough else Unit.TRIP
    clusters = [_clusters(facts, unit) for facts in (before, after)]
    drawn = [
        _drawn(facts, cluster, chosen, draws, generator)
        for facts, cluster in zip((before, after), clusters, strict=True)
    ]
    rows = [
        _difference(definition, was, now, drawn[1][k] - drawn[0][k])
        for k, (definition, was, now) in enumerate(
            zip(chosen, figures_of(before, (), chosen), figures_of(after, (), chosen), strict=True)
        )
    ]
    counts = [int(cluster.max(initial=-1)) + 1 for cluster in clusters]
    return Comparison(unit, (counts[0], counts[1]), draws, tuple(rows))


def _difference(definition: Definition, was: Figure, now: Figure, drawn: F1) -> Difference:
    if was.value is None or now.value is None:
        return Difference(definition, was, now, None, None, None)
    known = drawn[np.isfinite(drawn)]
    low = high = None
    if len(known) > 1:
        tail = (1.0 - LEVEL) / 2.0
        low, high = (float(value) for value in np.quantile(known, (tail, 1.0 - tail)))
    return Difference(definition, was, now, now.value - was.value, low, high)


def _clusters(facts: VisitFacts, unit: Unit) -> NDArray[np.int64]:
    """Return which visits are drawn together; one of no trip stands for itself."""
    if unit is Unit.DAY:
        return dense([facts.visits.day])[0]
    alone = facts.trip < 0
    own = np.where(alone, np.cumsum(alone) - 1 + facts.trips, facts.trip)
    return dense([own])[0]


def _drawn(
    facts: VisitFacts,
    cluster: NDArray[np.int64],
    chosen: Sequence[Definition],
    draws: int,
    generator: np.random.Generator,
) -> F2:
    """Return the figures of every draw, NaN where there is none; shape (definitions, draws)."""
    sums = {k: _sums(each, facts, cluster) for k, each in enumerate(chosen) if _is_summed(each)}
    windows = dict.fromkeys(each.measure.limits for each in chosen if isinstance(each.measure, Deviation))
    ordered = {limits: _ordered(facts, cluster, limits) for limits in windows}
    parts = []
    for weight in _weights(int(cluster.max(initial=-1)) + 1, len(facts.visits), draws, generator):
        part = np.full((len(chosen), len(weight)), np.nan)
        below = {limits: np.cumsum(weight[:, own], axis=1) for limits, (_, own) in ordered.items()}
        for k, definition in enumerate(chosen):
            measure = definition.measure
            if k in sums:
                good, whole = (weight @ column for column in sums[k])
                np.divide(good, whole, out=part[k], where=whole > 0)
            elif isinstance(measure, Deviation) and len(ordered[measure.limits][0]):
                part[k] = _percentile(ordered[measure.limits][0], below[measure.limits], measure.percent)
        parts.append(part)
    return np.concatenate(parts, axis=1) if parts else np.full((len(chosen), draws), np.nan)


def _is_summed(definition: Definition) -> bool:
    """Return whether a figure is sums over what happened; what the timetable says is not drawn again."""
    return isinstance(definition.measure, Summed) and not isinstance(definition.measure, ScheduledWait)


def _weights(clusters: int, visits: int, draws: int, generator: np.random.Generator) -> Iterator[F2]:
    """Yield how often each cluster is drawn, some draws at a time; shape (some, clusters)."""
    if not clusters:
        return
    some = max(1, _CELLS // max(visits, 1))
    for first in range(0, draws, some):
        count = min(some, draws - first)
        picked = generator.integers(0, clusters, (count, clusters))
        picked += np.arange(count)[:, None] * clusters
        yield np.bincount(picked.ravel(), minlength=count * clusters).reshape(count, clusters).astype(float)


def _sums(definition: Definition, facts: VisitFacts, cluster: NDArray[np.int64]) -> tuple[F1, F1]:
    """Return numerator and denominator of each cluster."""
    assert isinstance(definition.measure, Summed)
    tally = definition.measure.tally(facts)
    good, whole = (
        np.bincount(cluster, weights=np.asarray(column, dtype=np.float64)).astype(np.float64)
        for column in (tally.numerator, tally.denominator)
    )
    return good, whole


def _ordered(facts: VisitFacts, cluster: NDArray[np.int64], limits: Window) -> tuple[F1, NDArray[np.int64]]:
    """Return how late visits were, in order, and the cluster of each."""
    _, deviation_s, inside, _ = known_deviations(facts, limits)
    rows = np.flatnonzero(inside)
    rows = rows[np.argsort(deviation_s[rows], kind="stable")]
    return deviation_s[rows], cluster[rows]


def _percentile(values: F1, below: F2, percent: int) -> F1:
    """Return the least value of each draw with so many per cent at or below it; `below` counts those up to each value."""
    whole = below[:, -1]
    place = (100.0 * below < percent * whole[:, None]).sum(axis=1)
    found = np.full(len(below), np.nan)
    found[whole > 0] = values[place[whole > 0]]
    return found
