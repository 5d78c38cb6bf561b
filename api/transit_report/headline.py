"""The figure that the report is about, above all others, and the other figures by what they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from api.transit_report.drawing import interval
from api.transit_report.tables import named_label
from api.transit_report.texts import compared_rows, counts, shown

if TYPE_CHECKING:
    from markupsafe import Markup

    from transit.comparing import Comparison
    from transit.definitions import Definition
    from transit.goals import Goal
    from transit.worst import Ranked, Ranking

__all__ = ["grouped", "headline"]


def headline(
    card: dict[str, Any],
    definition: Definition,
    rankings: Sequence[tuple[str, Ranking, Mapping[str, str]]],
    goal: Goal | None,
    comparison: Comparison | None,
) -> dict[str, Any]:
    """Return the figure that ranks, with where it is worst.

    Parameters
    ----------
    card
        The same figure as `kpi` gives it.
    rankings
        What is ranked, and names of its members; those of one member say nothing new.
    """
    rows = [] if comparison is None else compared_rows(comparison)
    return {
        **card,
        "bar": _bar(card, goal),
        "before": next((row for row in rows if row["name"] == definition.name), None),
        "worst": [
            {
                "what": what,
                "name": _called(what, ranking.rows[0], names),
                **_value(definition, ranking.rows[0]),
            }
            for what, ranking, names in rankings
            if len(ranking.rows) > 1
        ],
    }


def _bar(card: dict[str, Any], goal: Goal | None) -> Markup | None:
    if card["ends"] is None:
        return None
    value, low, high = card["ends"]
    return interval(value, low, high, None if goal is None else goal.value)


def _value(definition: Definition, row: Ranked) -> dict[str, str]:
    return {
        "value": shown(row.value, "share"),
        "counts": counts(definition, row.numerator, row.denominator),
    }


def _called(what: str, row: Ranked, names: Mapping[str, str]) -> str:
    (label,) = row.label
    if isinstance(label, int):
        return f"{label:02d}:00 to {(label + 1) % 24:02d}:00"
    return named_label(label, names) if what == "stop" else str(label)


def grouped(cards: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return cards by what they are about, in the order in which they come first."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for card in cards:
        groups.setdefault(_about(card["name"]), []).append(card)
    return [{"title": title, "cards": found} for title, found in groups.items()]


def _about(name: str) -> str:
    if name.startswith("trips-"):
        return "Trips that were not run as planned"
    if name.startswith("deviation-"):
        return "How late"
    if any(word in name for word in ("headway", "wait", "intervals")):
        return "Headways and waits"
    return "On time, counted otherwise"
