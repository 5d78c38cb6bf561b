"""Punctuality of stop visits: figures under named definitions, each with its numerator, denominator and what was not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from traffic.errors import InputError
from transit.definitions import Definition, definitions
from transit.grouping import Groups
from transit.visit_facts import Losses, VisitFacts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from transit.grouping import Label
    from transit.visits import StopVisits

__all__ = ["Figure", "Figures", "figures_of", "punctuality"]


class Figure(NamedTuple):
    """One figure.

    Attributes
    ----------
    definition
        Its name.
    group
        Field and label; empty for all visits together.
    value
        Numerator over denominator, or, of percentiles, the percentile; `None` where the denominator is 0.
    unobserved
        Share of what the figure is about, of which the source says nothing: 1 where nothing was seen. 0 with a
        denominator of 0 means that the definition is about nothing in this group.
    """

    definition: str
    group: dict[str, Label]
    value: float | None
    numerator: float
    denominator: float
    unobserved: float

    def record(self) -> dict[str, Any]:
        """Return the figure as the commands print it."""
        return self._asdict()


@dataclass(frozen=True, eq=False)
class Figures:
    """Figures of some definitions for some groups; all arrays of shape (definitions, groups).

    Attributes
    ----------
    by
        The fields that visits are grouped by.
    labels
        Of each group, one for each field.
    value
        NaN where the denominator is 0.
    """

    definitions: tuple[Definition, ...]
    by: tuple[str, ...]
    labels: tuple[tuple[Label, ...], ...]
    value: NDArray[np.float64]
    numerator: NDArray[np.float64]
    denominator: NDArray[np.float64]
    unobserved: NDArray[np.float64]

    def __len__(self) -> int:
        return self.value.size

    def __iter__(self) -> Iterator[Figure]:
        for row in range(len(self.definitions)):
            for column in range(len(self.labels)):
                yield self._at(row, column)

    def records(self) -> list[dict[str, Any]]:
        """Return all figures as the commands print them."""
        return [figure.record() for figure in self]

    def of(self, name: str, **group: Label) -> Figure:
        """Return the figure of a definition for the group with these labels."""
        names = [definition.name for definition in self.definitions]
        label = tuple(group.get(field) for field in self.by)
        if name not in names or label not in self.labels or set(group) - set(self.by):
            raise InputError("must be a definition and a group of these figures", field=name, value=group)
        return self._at(names.index(name), self.labels.index(label))

    def table(self) -> dict[str, list[Any]]:
        """Return one column for each field and for the parts of figures, a row for each figure: ready to be plotted."""
        rows = list(self)
        groups = {field: [figure.group[field] for figure in rows] for field in self.by}
        parts = ("value", "numerator", "denominator", "unobserved")
        units = [definition.unit for definition in self.definitions for _ in self.labels]
        columns = {part: [getattr(figure, part) for figure in rows] for part in parts}
        return {"definition": [figure.definition for figure in rows], "unit": units, **groups, **columns}

    def _at(self, row: int, column: int) -> Figure:
        value = float(self.value[row, column])
        return Figure(
            self.definitions[row].name,
            dict(zip(self.by, self.labels[column], strict=True)),
            None if np.isnan(value) else value,
            _plain(self.numerator[row, column]),
            _plain(self.denominator[row, column]),
            float(self.unobserved[row, column]),
        )


def punctuality(
    visits: StopVisits,
    by: Sequence[str] = (),
    chosen: Sequence[Definition] | None = None,
    losses: Losses | None = None,
) -> Figures:
    """Return the figures of all definitions for all groups.

    Parameters
    ----------
    by
        Some of `transit.grouping.FIELDS`; none for one group of all visits.
    chosen
        Of `transit.definitions.definitions`, all of these by default.
    losses
        What is taken for not served though the source does not say so.
    """
    return figures_of(VisitFacts(visits, losses or Losses()), by, chosen)


def figures_of(
    facts: VisitFacts, by: Sequence[str] = (), chosen: Sequence[Definition] | None = None
) -> Figures:
    """Return the same from facts that are there already, where figures are taken by several fields in turn."""
    moment = facts.moment
    at = np.where(np.isfinite(moment.scheduled_s), moment.scheduled_s, moment.actual_s)
    groups = Groups.of(facts.visits, at, by)
    wanted = tuple(definitions() if chosen is None else chosen)
    columns = [definition.measure.over(facts, groups) for definition in wanted]
    shape = (len(wanted), len(groups))
    value, numerator, denominator, due, silent = (
        np.array(part, dtype=np.float64).reshape(shape) for part in zip(*columns, strict=True)
    )
    unobserved = np.divide(silent, due, out=np.zeros(shape), where=due > 0)
    return Figures(wanted, groups.by, groups.labels, value, numerator, denominator, unobserved)


def _plain(number: float) -> float:
    """Return a count as a whole number."""
    return int(number) if float(number).is_integer() else float(number)
