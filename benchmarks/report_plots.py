"""Plots of the report as SVG: the same figures give the same bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

__all__ = ["bars", "scatter"]

_SIDE, _MARGIN = 360, 46
_TICKS = (5, 10, 20, 50, 100, 200, 500, 1000)
_COLOURS = ("#1f6f54", "#7fc29b", "#b0b0b0", "#d98c3f", "#4f6db8", "#8a5fa8", "#c2b280")
_WIDTH, _ROW, _LEFT, _RIGHT, _TOP, _GAP = 720, 14, 190, 70, 34, 4
_LEAST = 1e-9


def scatter(
    name: str, model_s: Sequence[float], sumo_s: Sequence[float], *, spearman: float, best_quarter: float
) -> str:
    """Return a scatter plot of delays in both models, s/veh, with logarithmic axes."""
    low = 0.9 * min(*model_s, *sumo_s)
    high = 1.1 * max(*model_s, *sumo_s)

    def place(delay: float) -> float:
        return _SIDE * math.log(delay / low) / math.log(high / low)

    size = _SIDE + 2 * _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" font-family="sans-serif" font-size="12">',
        f'<rect width="{size}" height="{size}" fill="white"/>',
        f'<g transform="translate({_MARGIN},{_MARGIN})">',
        f'<rect width="{_SIDE}" height="{_SIDE}" fill="none" stroke="#888"/>',
        f'<path d="M0 {_SIDE} L{_SIDE} 0" stroke="#ccc"/>',
    ]
    for tick in (t for t in _TICKS if low <= t <= high):
        at = place(tick)
        lines.append(f'<text x="{at:.1f}" y="{_SIDE + 16}" text-anchor="middle">{tick}</text>')
        lines.append(f'<text x="-6" y="{_SIDE - at + 4:.1f}" text-anchor="end">{tick}</text>')
    for ours, theirs in zip(model_s, sumo_s, strict=True):
        at_sumo, at_model = place(theirs), _SIDE - place(ours)
        lines.append(
            f'<circle cx="{at_sumo:.1f}" cy="{at_model:.1f}" r="4" fill="#1f6f54" fill-opacity="0.6"/>'
        )
    title = f"{escape(name)}: rank correlation {spearman:.2f}, best quarter {best_quarter:.2f}"
    lines += [
        f'<text x="{_SIDE / 2}" y="-14" text-anchor="middle" font-size="14">{title}</text>',
        f'<text x="{_SIDE / 2}" y="{_SIDE + 34}" text-anchor="middle">delay in SUMO, s/veh</text>',
        f'<text transform="translate(-32,{_SIDE / 2}) rotate(-90)" text-anchor="middle">delay in our model, s/veh</text>',
        "</g></svg>",
    ]
    return "\n".join(lines) + "\n"


def bars(
    title: str, groups: Mapping[str, Mapping[str, float]], *, digits: int = 1, shared: bool = False
) -> str:
    """Return bars that lie, group by group; the same name has the same colour in every group.

    Parameters
    ----------
    groups
        Values by name of the bar, by name of the group.
    shared
        Whether all groups have one scale; else the longest bar of each is as long as those of the others.
    """
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    most = max((value for group in groups.values() for value in group.values()), default=0.0)
    height = _TOP + sum(_ROW * (len(group) + 2) + _GAP for group in groups.values())
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        f'<text x="10" y="20" font-size="14">{escape(title)}</text>',
    ]
    at = _TOP
    for group, values in groups.items():
        at += _ROW
        lines.append(f'<text x="10" y="{at}" font-weight="bold">{escape(group)}</text>')
        at += _GAP
        span = max(most if shared else max(values.values(), default=0.0), _LEAST)
        for name, value in values.items():
            width = max((_WIDTH - _LEFT - _RIGHT) * value / span, 0.0)
            colour = _COLOURS[names.index(name) % len(_COLOURS)]
            lines += [
                f'<text x="{_LEFT - 6}" y="{at + 11}" text-anchor="end">{escape(name)}</text>',
                f'<rect x="{_LEFT}" y="{at + 2}" width="{width:.1f}" height="{_ROW - 3}" fill="{colour}"/>',
                f'<text x="{_LEFT + width + 4:.1f}" y="{at + 11}">{value:.{digits}f}</text>',
            ]
            at += _ROW
        at += _ROW
    return "\n".join([*lines, "</svg>"]) + "\n"
