"""Heat maps: a figure by route or stop and hour of the day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from transit.punctuality import figures_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from transit.definitions import Definition
    from transit.grouping import Label
    from transit.visit_facts import VisitFacts

__all__ = ["HeatMap", "heat_map"]

_DAY_STARTS_H = 4
"""Nights stand at the end of their day."""


@dataclass(frozen=True, eq=False)
class HeatMap:
    """A figure by group and hour.

    Attributes
    ----------
    labels
        Of the rows.
    hours
        Of the columns, in the order of a day that starts at 4 o'clock, without those before and after all visits.
    value
        NaN where nothing is known; shape (labels, hours).
    denominator
        Shape (labels, hours).
    """

    definition: Definition
    field: str
    labels: tuple[Label, ...]
    hours: tuple[int, ...]
    value: NDArray[np.float64]
    denominator: NDArray[np.float64]


def heat_map(
    facts: VisitFacts, field: str, definition: Definition, labels: Sequence[Label] | None = None
) -> HeatMap:
    """Return a figure by hour of the day and the groups of a field: all that are known, or those of `labels`, in this order."""
    figures = figures_of(facts, (field, "hour"), [definition])
    seen = dict.fromkeys(label for label, _ in figures.labels if label is not None)
    rows = tuple(seen if labels is None else labels)
    place = {label: k for k, label in enumerate(rows)}
    value, denominator = np.full((len(rows), 24), np.nan), np.zeros((len(rows), 24))
    for column, (label, hour) in enumerate(figures.labels):
        if label in place and isinstance(hour, int):
            at = place[label], (hour - _DAY_STARTS_H) % 24
            value[at], denominator[at] = figures.value[0, column], figures.denominator[0, column]
    used = np.flatnonzero((denominator > 0).any(axis=0))
    span = slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 0)
    hours = tuple((k + _DAY_STARTS_H) % 24 for k in range(24))[span]
    return HeatMap(definition, field, rows, hours, value[:, span], denominator[:, span])
