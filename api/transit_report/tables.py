"""Tables of the report: routes and stops, the worst first; waits of frequent routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from api.pages import number
from api.transit_report.drawing import interval
from api.transit_report.texts import percent, shown, span
from transit.punctuality import figures_of

if TYPE_CHECKING:
    from transit.definitions import Definition
    from transit.goals import Goal
    from transit.grouping import Label
    from transit.punctuality import Figures
    from transit.visit_facts import VisitFacts
    from transit.worst import Ranked, Ranking

__all__ = ["named_label", "ranking_table", "waits"]


def named_label(label: object, names: Mapping[str, str]) -> str:
    """Return what people call a stop, with its identifier."""
    key = "\N{EN DASH}" if label is None else str(label)
    name = names.get(key)
    return key if name is None or name == key else f"{name} ({key})"


def ranking_table(
    facts: VisitFacts,
    ranking: Ranking,
    beside: Sequence[Definition],
    names: Mapping[str, str],
    goal: Goal | None,
    *,
    most: int | None = None,
) -> dict[str, Any]:
    """Return a table of groups, the worst first, with other figures beside the one that ranks."""
    others = figures_of(facts, ranking.by, beside)
    place = {label: k for k, label in enumerate(others.labels)}
    rows = ranking.rows[:most]
    return {
        "columns": [{"name": each.name, "unit": _UNITS[each.unit]} for each in beside],
        "rows": [_row(row, others, place, names, goal) for row in rows],
        "all": number(len(ranking.rows), 0),
        "more": len(ranking.rows) > len(rows),
    }


_UNITS = {"share": "%", "s": "s", "1": "ratio"}


def _row(
    row: Ranked,
    others: Figures,
    place: Mapping[tuple[Label, ...], int],
    names: Mapping[str, str],
    goal: Goal | None,
) -> dict[str, Any]:
    column = place[row.label]
    cells = [
        shown(float(others.value[k, column]), definition.unit)
        for k, definition in enumerate(others.definitions)
    ]
    return {
        "name": ", ".join(named_label(part, names) for part in row.label),
        "value": shown(row.value, "share"),
        "interval": span(row.low, row.high, "share"),
        "bar": interval(row.value, row.low, row.high, None if goal is None else goal.value),
        "good": number(row.numerator, 0),
        "whole": number(row.denominator, 0),
        "unobserved": percent(row.unobserved),
        "cells": cells,
    }


def waits(facts: VisitFacts, definitions: Sequence[Definition]) -> list[dict[str, Any]]:
    """Return the waits at frequent routes, those with the longest excess first."""
    figures = figures_of(facts, ("route",), definitions)
    rows = [k for k in range(len(figures.labels)) if figures.denominator[0, k] > 0]
    rows.sort(key=lambda k: -figures.value[-1, k] if figures.denominator[-1, k] > 0 else 0.0)
    return [
        {
            "name": named_label(figures.labels[k][0], {}),
            "cells": [shown(float(value), "s") for value in figures.value[:, k]],
            "hours": number(float(figures.denominator[0, k]) / 3600.0, 0),
            "unobserved": percent(float(figures.unobserved[0, k])),
        }
        for k in rows
    ]
