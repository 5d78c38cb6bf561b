"""The figures of the whole network and the definitions of all figures, as text ready for the page."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.pages import number

if TYPE_CHECKING:
    from api.report.measures import Case

__all__ = ["definitions", "totals"]

_FILE = Path(__file__).parent / "page" / "figures.toml"


@cache
def _tables() -> dict[str, list[dict[str, Any]]]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


def definitions() -> list[dict[str, str]]:
    """Return label, unit and definition of the figures of roads, junctions and corridors."""
    return _tables()["other"]


def _change(before: float, after: float, figure: dict[str, Any]) -> tuple[str, str]:
    """Return the difference as text and whether it is better, worse or the same."""
    digits = figure["digits"]
    difference = round(after, digits) - round(before, digits)
    if abs(difference) < 0.5 * 10**-digits:
        return "no change", "same"
    percent = round(100 * (after - before) / before, 1) if before else None
    share = "" if percent is None else f" ({number(percent, 1, signed=True)} %)"
    gain = difference * figure["good"] if percent != 0 else 0
    verdict = "better" if gain > 0 else "worse" if gain < 0 else "same"
    return number(difference, digits, signed=True) + share, verdict


def totals(cases: list[Case]) -> list[dict[str, Any]]:
    """Return the figures of the whole network; the first case is the one that the report is about."""
    rows = []
    for figure in _tables()["network"]:
        values = [float(case.summary[figure["key"]]) * figure.get("factor", 1.0) for case in cases]
        texts = [number(value, figure["digits"]) for value in values]
        row = {**figure, "after": texts[0], "before": None, "change": "", "verdict": "same"}
        if len(values) > 1:
            row["before"] = texts[1]
            row["change"], row["verdict"] = _change(values[1], values[0], figure)
        rows.append(row)
    return rows
