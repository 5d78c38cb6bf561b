"""Distributions: how long headways were by those of the timetable, and how late visits were."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from transit.regularity import known_deviations
from transit.tallies import Window
from transit.visit_facts import Fate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.visit_facts import VisitFacts

__all__ = ["Histogram", "deviation_histogram", "headway_histogram"]

_RATIOS = np.append(np.arange(0.0, 3.01, 0.25), np.inf)
_MINUTES = np.concatenate(([-np.inf], np.arange(-10.0, 20.1, 1.0), [np.inf]))
_LIMITS = Window(3600.0, 7200.0)


class Histogram(NamedTuple):
    """Counts of values.

    Attributes
    ----------
    edges
        Bin k holds values from ``edges[k]`` on to below ``edges[k + 1]``; the outermost may be infinite; shape (bins + 1,).
    counts
        Shape (bins,).
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]

    @property
    def total(self) -> int:
        """How many values there are."""
        return int(self.counts.sum())


def headway_histogram(facts: VisitFacts, rows: NDArray[np.bool_] | None = None) -> Histogram:
    """Return how headways stand to the scheduled ones: 0 is bunched, 1 as planned, 2 a vehicle missing between.

    Parameters
    ----------
    rows
        Which visits; all by default.
    """
    scheduled_s, actual_s = facts.headways
    kept = facts.due & (facts.fate == Fate.SEEN) & (scheduled_s > 0) & np.isfinite(actual_s)
    if rows is not None:
        kept &= rows
    return _counted(actual_s[kept] / scheduled_s[kept], _RATIOS)


def deviation_histogram(facts: VisitFacts, rows: NDArray[np.bool_] | None = None) -> Histogram:
    """Return how late visits were, minutes; records of more than 60 min early or 120 min late are put aside."""
    _, deviation_s, inside, _ = known_deviations(facts, _LIMITS)
    kept = inside if rows is None else inside & rows
    return _counted(deviation_s[kept] / 60.0, _MINUTES)


def _counted(values: NDArray[np.float64], edges: NDArray[np.float64]) -> Histogram:
    found = np.searchsorted(edges, values, side="right") - 1
    return Histogram(edges, np.bincount(found, minlength=len(edges) - 1).astype(np.int64))
