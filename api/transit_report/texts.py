"""Figures as texts: values by their unit, intervals, goals, differences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from api.pages import number
from transit.goals import better
from transit.intervals import wilson

if TYPE_CHECKING:
    from transit.comparing import Comparison, Difference
    from transit.definitions import Definition
    from transit.goals import Goal
    from transit.punctuality import Figure

__all__ = ["compared_rows", "counts", "kpi", "measured", "percent", "shown", "span"]

_DIGITS = {"share": (100.0, 1, "%"), "s": (1.0, 0, "s"), "1": (1.0, 2, "")}
_NOTHING = "\N{EN DASH}"
_SPACE = "\N{NO-BREAK SPACE}"


def shown(value: float | None, unit: str, *, signed: bool = False) -> str:
    """Return a value in the unit of its definition, without the unit; a dash where nothing is known."""
    if value is None or not np.isfinite(value):
        return _NOTHING
    factor, digits, _ = _DIGITS[unit]
    return number(factor * value, digits, signed=signed)


def measured(value: float | None, unit: str, *, signed: bool = False) -> str:
    """Return the same with its unit; differences of shares are in points."""
    text = shown(value, unit, signed=signed)
    name = "points" if signed and unit == "share" else _DIGITS[unit][2]
    return text if text == _NOTHING or not name else f"{text}{_SPACE}{name}"


def percent(share: float) -> str:
    """Return a share of 1 in per cent."""
    return f"{number(100.0 * share, 1)}{_SPACE}%"


def span(low: float | None, high: float | None, unit: str, *, signed: bool = False) -> str:
    """Return an interval."""
    if low is None or high is None:
        return _NOTHING
    return f"{shown(low, unit, signed=signed)} to {shown(high, unit, signed=signed)}"


def counts(definition: Definition, numerator: float, denominator: float) -> str:
    """Return what a figure is made of: so many of so many, or sums with their units."""
    unit = _unit_of_sums(definition)
    good = f"{number(numerator, 0)} {unit}".rstrip()
    return f"{good} {'/' if unit else 'of'} {_whole(definition, denominator)}"


def _unit_of_sums(definition: Definition) -> str:
    """Return the unit of a numerator, where it is no count; the denominator is then in seconds."""
    if definition.unit == "share" or definition.name.startswith("deviation-"):
        return ""
    return "s²" if definition.unit == "s" else "s"


def _whole(definition: Definition, denominator: float) -> str:
    return number(denominator, 0) + (" s" if _unit_of_sums(definition) else "")


def kpi(definition: Definition, figure: Figure, goal: Goal | None) -> dict[str, Any]:
    """Return a figure with all that belongs to it."""
    unit, whole = definition.unit, figure.denominator
    low = high = None
    if unit == "share" and whole > 0:
        wide = wilson(np.array([figure.numerator]), np.array([whole]))
        low, high = float(wide.low[0]), float(wide.high[0])
    return {
        "name": definition.name,
        "says": definition.says,
        "value": shown(figure.value, unit),
        "unit": _DIGITS[unit][2] if figure.value is not None else "",
        "counts": counts(definition, figure.numerator, whole),
        "unobserved": percent(figure.unobserved),
        "interval": span(low, high, unit),
        "ends": None if low is None or figure.value is None else (figure.value, low, high),
        "why": _why(figure),
        **_goal(definition, figure.value, goal),
    }


def _why(figure: Figure) -> str:
    """Return why there is no value, where there is none."""
    if figure.value is not None:
        return ""
    if not figure.denominator and not figure.unobserved:
        return "the record has nothing that this is about"
    return "too little was seen"


def _goal(definition: Definition, value: float | None, goal: Goal | None) -> dict[str, Any]:
    if goal is None:
        return {"goal": None, "verdict": "", "missed": ""}
    text = measured(goal.value, definition.unit)
    if value is None:
        return {"goal": text, "verdict": "same", "missed": "not known"}
    if goal.met(value, better(definition)):
        return {"goal": text, "verdict": "better", "missed": "reached"}
    away = measured(abs(value - goal.value), definition.unit, signed=True).lstrip("+")
    return {"goal": text, "verdict": "worse", "missed": f"missed by {away}"}


def compared_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """Return the rows of the table of differences."""
    return [_compared(row) for row in comparison.rows]


def _compared(row: Difference) -> dict[str, Any]:
    unit = row.definition.unit
    word, verdict = _verdict(row)
    return {
        "name": row.definition.name,
        "before": measured(row.before.value, unit),
        "before_of": _whole(row.definition, row.before.denominator),
        "after": measured(row.after.value, unit),
        "after_of": _whole(row.definition, row.after.denominator),
        "difference": measured(row.difference, unit, signed=True),
        "interval": span(row.low, row.high, unit, signed=True),
        "verdict": verdict,
        "word": word,
    }


def _verdict(row: Difference) -> tuple[str, str]:
    """Return what may be said of a difference, and the class that it is shown by."""
    if row.difference is None:
        return "not known", "same"
    if row.difference == row.low == row.high == 0.0:
        return "the same", "same"
    if row.low is None:
        return "no interval", "same"
    if not row.sure:
        return "may be chance", "same"
    way = better(row.definition) * row.difference
    if not way:
        return "more" if row.difference > 0 else "less", "same"
    return ("better", "better") if way > 0 else ("worse", "worse")
