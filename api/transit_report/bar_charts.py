"""Distributions as bars, in SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from api.pages import number
from api.transit_report.drawing import tag

if TYPE_CHECKING:
    from markupsafe import Markup

    from transit.distributions import Histogram

__all__ = ["bars", "plain"]

_WIDTH, _LEFT, _RIGHT = 420.0, 40.0, 4.0
_FOOT, _TALL = 144.0, 132.0
_NAME_ROOM = 32.0
_ROUND = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25)


def bars(histogram: Histogram, unit: str, label: str, good: tuple[float, float]) -> Markup:
    """Return a distribution as bars of shares.

    Parameters
    ----------
    good
        From where to where values are as they should be: bars outside are drawn otherwise.
    """
    shares = histogram.counts / max(histogram.total, 1)
    top = max(float(shares.max(initial=0.0)), 0.01)
    step = (_WIDTH - _LEFT - _RIGHT) / len(shares)
    found = _rules(top)
    for k, (share, count) in enumerate(zip(shares.tolist(), histogram.counts.tolist(), strict=True)):
        low, high = histogram.edges[k], histogram.edges[k + 1]
        tall = _TALL * share / top
        inside = low >= good[0] and high <= good[1]
        told = f"{_range(low, high)} {unit}: {number(100 * share, 1)} %, {number(count, 0)}"
        box = {"x": _LEFT + k * step + 0.5, "y": _FOOT - tall, "width": step - 1.0, "height": tall}
        found.append(tag("rect", {"class": "in" if inside else "out", **box}, tag("title", {}, told)))
    for k in _ticks(histogram.edges, step):
        place = {"x": _LEFT + k * step, "y": _FOOT + 15, "text-anchor": "middle"}
        found.append(tag("text", place, plain(histogram.edges[k])))
    found.append(tag("path", {"class": "axis", "d": f"M{_LEFT:g} {_FOOT:g}H{_WIDTH - _RIGHT:g}"}))
    found.append(tag("text", {"x": _WIDTH - _RIGHT, "y": _FOOT + 31, "text-anchor": "end"}, unit))
    view = f"0 0 {_WIDTH:g} {_FOOT + 36:g}"
    return tag("svg", {"class": "bars-chart", "viewBox": view, "role": "img", "aria-label": label}, *found)


def _ticks(edges: np.ndarray, step: float) -> list[int]:
    """Return which edges are named: round ones that are far enough apart."""
    found: list[int] = []
    for each in _ROUND:
        found = [k for k in range(1, len(edges) - 1) if abs(edges[k] / each - round(edges[k] / each)) < 1e-9]
        if len(found) < 2 or (found[1] - found[0]) * step >= _NAME_ROOM:
            break
    return found


def _rules(top: float) -> list[Markup]:
    """Return lines at round shares, four at most."""
    step = next((step for step in _STEPS if top / step < 5), 0.25)
    found = []
    for k in range(1, int(top / step) + 1):
        y = _FOOT - _TALL * k * step / top
        found.append(tag("path", {"class": "grid", "d": f"M{_LEFT:g} {y:.1f}H{_WIDTH - _RIGHT:g}"}))
        place = {"x": _LEFT - 5, "y": y + 4, "text-anchor": "end"}
        found.append(tag("text", place, f"{number(100 * k * step, 0)} %"))
    return found


def _range(low: float, high: float) -> str:
    if np.isinf(low):
        return f"under {plain(high)}"
    return f"{plain(low)} and more" if np.isinf(high) else f"{plain(low)} to {plain(high)}"


def plain(value: float) -> str:
    """Return a number as short as it is, with a real minus sign."""
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")
