"""Heat maps as tables: a cell says its figure, its colour what that is worth, and a hint how much is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from api.pages import counted, number
from api.transit_report.tables import named_label

if TYPE_CHECKING:
    from transit.heat_maps import HeatMap

__all__ = ["heat_table"]

_FEW = 10
_SHARES = (0.9, 0.8, 0.7, 0.55, 0.4)  # A is from 90 % on, F below 40 %
_MINUTES = (-1.0, 1.0, 3.0, 5.0)  # a is more than a minute early, e more than five late


def heat_table(title: str, found: HeatMap, names: Mapping[str, str], chosen: str = "") -> dict[str, Any]:
    """Return a heat map as a table.

    Parameters
    ----------
    chosen
        Which rows are shown, where not all are.
    """
    share = found.definition.unit == "share"
    return {
        "title": title,
        "definition": found.definition.name,
        "chosen": chosen,
        "legend": _legend(share=share),
        "hours": list(found.hours),
        "rows": [
            {
                "name": named_label(label, names),
                "cells": [
                    _cell(float(value), int(whole), share=share)
                    for value, whole in zip(found.value[k], found.denominator[k], strict=True)
                ],
            }
            for k, label in enumerate(found.labels)
        ],
    }


def _cell(value: float, whole: int, *, share: bool) -> dict[str, str]:
    if not whole or not np.isfinite(value):
        return {"kind": "none", "text": "", "hint": ""}
    text = number(100.0 * value, 0) if share else number(value / 60.0, 1)
    of = f"of {counted(whole, 'visit')}"
    hint = f"{number(100.0 * value, 1)} % {of}" if share else f"{number(value, 0)} s, {of}"
    kind = _share_bin(value) if share else _minute_bin(value / 60.0)
    return {"kind": f"{kind} few" if whole < _FEW else kind, "text": text, "hint": hint}


def _share_bin(value: float) -> str:
    return "ABCDEF"[sum(value < limit for limit in _SHARES)]


def _minute_bin(minutes: float) -> str:
    return "abcde"[sum(minutes > limit for limit in _MINUTES[1:]) + (minutes >= _MINUTES[0])]


def _legend(*, share: bool) -> list[tuple[str, str]]:
    if share:
        return list(zip("ABCDEF", _shares_told(), strict=True))
    names = (
        "more than 1 min early",
        "1 min early to 1 min late",
        "1 to 3 min late",
        "3 to 5 min late",
        "more than 5 min late",
    )
    return list(zip("abcde", names, strict=True))


def _shares_told() -> list[str]:
    ends = [f"{100 * limit:.0f}" for limit in _SHARES]
    between = [f"{low} to {high} %" for high, low in pairwise(ends)]
    return [f"{ends[0]} % and more", *between, f"less than {ends[-1]} %"]
