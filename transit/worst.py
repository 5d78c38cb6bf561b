"""The worst routes, stops, hours: groups by a share, worst first, and none that has too few visits to say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traffic.errors import InputError
from transit.intervals import wilson
from transit.punctuality import figures_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transit.definitions import Definition
    from transit.grouping import Label
    from transit.visit_facts import VisitFacts

__all__ = ["LEAST", "Ranked", "Ranking", "worst"]

LEAST = 30
"""Fewer visits than this do not rank."""


class Ranked(NamedTuple):
    """A group with its share.

    Attributes
    ----------
    label
        Of the group, one for each field.
    low, high
        Wilson's interval of 95 %.
    numerator, denominator
        Counts that the share is made of.
    unobserved
        Share of what the definition is about in this group that the source says nothing of.
    """

    label: tuple[Label, ...]
    value: float
    low: float
    high: float
    numerator: int
    denominator: int
    unobserved: float


@dataclass(frozen=True)
class Ranking:
    """Groups, worst first.

    Attributes
    ----------
    rows
        Those with `least` or more in the denominator.
    few
        How many groups had fewer, none at all included.
    """

    definition: Definition
    by: tuple[str, ...]
    rows: tuple[Ranked, ...]
    least: int
    few: int


def worst(facts: VisitFacts, by: Sequence[str], definition: Definition, *, least: int = LEAST) -> Ranking:
    """Return groups by their share: the lowest first; of equals the one that more is known of.

    Groups of which a field is not known are left out, and so are those with fewer than `least` in the denominator: their order
    would be that of chance.
    """
    if definition.unit != "share":
        hint = "Rank by a share, such as on-time-visits"
        raise InputError("must be a share", field="definition", value=definition.name, hint=hint)
    if least < 1:
        raise InputError("must be 1 or more", field="least", value=least)
    figures = figures_of(facts, by, [definition])
    good, whole = figures.numerator[0], figures.denominator[0]
    low, high = wilson(good, whole)
    known = np.array([None not in label for label in figures.labels], dtype=bool)
    rows = [
        Ranked(
            figures.labels[k],
            float(figures.value[0, k]),
            float(low[k]),
            float(high[k]),
            int(good[k]),
            int(whole[k]),
            float(figures.unobserved[0, k]),
        )
        for k in np.flatnonzero(known & (whole >= least)).tolist()
    ]
    rows.sort(key=lambda row: (row.value, -row.denominator))  # equals stay in the order of their labels
    few = int(np.count_nonzero(known & (whole < least)))
    return Ranking(definition, tuple(by), tuple(rows), least, few)
