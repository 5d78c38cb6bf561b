"""Drawings as SVG: string lines, distributions, intervals. They know numbers and texts, not where these come from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from markupsafe import Markup

from api.pages import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from transit.distributions import Histogram
    from transit.string_lines import StringLines, TripLine

__all__ = ["WIDTH", "Strip", "bars", "diagram", "height_of", "interval", "strips", "tag"]

WIDTH = 1160
"""Of a diagram, in the units of the drawing."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 132, 8, 20, 6
_STRIP_H = 6
_QUARTER_S = 900
_LEAST_GAP = 12  # between the names of two stops, in the units of the drawing
_LOW, _HIGH, _S_A_UNIT = 150, 420, 10.0


class Strip(NamedTuple):
    """From when to when a part of a diagram goes, POSIX seconds; a row of the page."""

    start_s: float
    end_s: float


def tag(name: str, attributes: Mapping[str, object], *children: str) -> Markup:
    """Return an element; texts are escaped, and attributes that are `None` left out."""
    shown = [
        Markup(' {}="{}"').format(key, _text(value)) for key, value in attributes.items() if value is not None
    ]
    inside = Markup().join(children)
    head = Markup("<{}{}").format(name, Markup().join(shown))
    return head + (Markup(">{}</{}>").format(inside, name) if children else Markup("/>"))


def _text(value: object) -> str:
    return _short(value) if isinstance(value, float) else str(value)


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _clock(moment_s: float, zone: str) -> datetime:
    return datetime.fromtimestamp(moment_s, tz=UTC).astimezone(ZoneInfo(zone))


def strips(panels: Sequence[StringLines], between_s: tuple[float, float] | None = None) -> list[Strip]:
    """Return the rows that all panels are drawn in: six hours each, from a full hour of the local clock on.

    Parameters
    ----------
    between_s
        From when to when, POSIX seconds, in one row; by default whole days.
    """
    if between_s is not None:
        return [Strip(*between_s)]
    spans = [panel.span_s for panel in panels]
    start_s, end_s = min(span[0] for span in spans), max(span[1] for span in spans)
    first_s = start_s // _QUARTER_S * _QUARTER_S
    while _clock(first_s, panels[0].zone).minute:
        first_s -= _QUARTER_S
    count = max(1, int(np.ceil((end_s - first_s) / (_STRIP_H * 3600.0))))
    rows = [
        Strip(first_s + k * _STRIP_H * 3600.0, first_s + (k + 1) * _STRIP_H * 3600.0) for k in range(count)
    ]
    return [row for row in rows if any(_within(trip, row) for panel in panels for trip in panel.trips)]


def _within(trip: TripLine, strip: Strip) -> bool:
    lines = [line for line in (trip.planned, *trip.observed) if len(line)]
    return any(line[0, 0] < strip.end_s and line[-1, 0] >= strip.start_s for line in lines)


def _height(lines: StringLines) -> float:
    span_s = float(lines.place_s.max(initial=0.0))
    wanted = max(span_s / _S_A_UNIT, 14.0 * (len(lines.stops) - 1))
    return float(min(max(wanted, _LOW), _HIGH))


def height_of(lines: StringLines) -> float:
    """Return the height of each row of a diagram."""
    return _TOP + _height(lines) + _BOTTOM


def diagram(lines: StringLines, strip: Strip, label: str, at: float | None = None) -> Markup:
    """Return one row of a diagram.

    Parameters
    ----------
    at
        How far down it stands within another drawing; `None` where it stands by itself.
    """
    height, width = _height(lines), float(WIDTH - _LEFT - _RIGHT)
    down = height / max(float(lines.place_s.max(initial=0.0)), 1.0)
    across = width / (strip.end_s - strip.start_s)
    trips = [trip for trip in lines.trips if _within(trip, strip)]
    inner = [_trip(trip, lines.zone, strip.start_s, across, down) for trip in trips]
    frame = {"x": _LEFT, "y": _TOP, "width": width, "height": height}
    return tag(
        "svg",
        {
            "y": at,
            "width": None if at is None else WIDTH,
            "height": None if at is None else height_of(lines),
            "viewBox": f"0 0 {WIDTH} {_short(height_of(lines))}",
            "class": "lines",
            "role": "img",
            "aria-label": label,
        },
        _stops(lines, down),
        _hours(lines.zone, strip, across, height),
        tag("svg", frame, *inner),
        tag("rect", {**frame, "class": "frame"}),
    )


def _stops(lines: StringLines, down: float) -> Markup:
    found, last, end = [], -np.inf, _TOP + float(lines.place_s[-1]) * down
    for k, (name, place_s) in enumerate(zip(lines.stops, lines.place_s.tolist(), strict=True)):
        y = _TOP + place_s * down
        found.append(tag("path", {"class": "grid", "d": f"M{_LEFT} {_short(y)}H{WIDTH - _RIGHT}"}))
        if y - last >= _LEAST_GAP and (end - y >= _LEAST_GAP or k == len(lines.stops) - 1):
            shown = name if len(name) <= 19 else f"{name[:18]}\N{HORIZONTAL ELLIPSIS}"
            attributes = {"x": _LEFT - 6, "y": y + 4, "text-anchor": "end"}
            found.append(tag("text", attributes, tag("title", {}, name), shown))
            last = y
    return Markup().join(found)


def _hours(zone: str, strip: Strip, across: float, height: float) -> Markup:
    found = []
    for moment_s in np.arange(strip.start_s, strip.end_s + 1.0, _QUARTER_S).tolist():
        local = _clock(moment_s, zone)
        if local.minute:
            continue
        x = _LEFT + (moment_s - strip.start_s) * across
        found.append(tag("path", {"class": "hour", "d": f"M{_short(x)} {_TOP}v{_short(height)}"}))
        anchor = "end" if moment_s == strip.end_s else "start" if moment_s == strip.start_s else "middle"
        found.append(tag("text", {"x": x, "y": 13, "text-anchor": anchor}, f"{local:%H:%M}"))
    return Markup().join(found)


def _trip(trip: TripLine, zone: str, start_s: float, across: float, down: float) -> Markup:
    def path(kind: str, lines: Iterable[np.ndarray]) -> Markup | str:
        moved = [np.column_stack(((line[:, 0] - start_s) * across, line[:, 1] * down)) for line in lines]
        d = "".join(_moves(line) for line in moved if len(line) > 1)
        return tag("path", {"class": kind, "d": d}) if d else ""

    begins_s = trip.planned[0, 0] if len(trip.planned) else trip.observed[0][0, 0]
    told = [
        f"trip {trip.trip}",
        f"{_clock(begins_s, zone):%H:%M}",
        f"vehicle {trip.vehicle}" if trip.vehicle else "",
    ]
    told.append("" if trip.seen else "not seen")
    dots = [
        tag("circle", {"class": "b", "cx": (at - start_s) * across, "cy": place * down, "r": 2.6})
        for at, place in trip.bunched.tolist()
    ]
    alone = [
        tag("circle", {"class": "s", "cx": (run[0, 0] - start_s) * across, "cy": run[0, 1] * down, "r": 1.6})
        for run in trip.observed
        if len(run) == 1
    ]
    return tag(
        "g",
        {},
        tag("title", {}, ", ".join(part for part in told if part)),
        path("p" if trip.seen else "l", [trip.planned]),
        path("g", trip.bridged),
        path("o", trip.observed),
        *alone,
        *dots,
    )


def _moves(line: np.ndarray) -> str:
    return "M" + "L".join(f"{_short(x)} {_short(y)}" for x, y in line.tolist())


def interval(value: float, low: float, high: float, goal: float | None = None) -> Markup:
    """Return a share with its interval on a line from 0 to 100 %."""
    parts = [
        tag("path", {"class": "axis", "d": "M1 7H121"}),
        tag("path", {"class": "reach", "d": f"M{_short(1 + 120 * low)} 7H{_short(1 + 120 * high)}"}),
        tag("circle", {"cx": 1 + 120 * value, "cy": 7, "r": 3.2}),
    ]
    if goal is not None:
        parts.insert(1, tag("path", {"class": "goal", "d": f"M{_short(1 + 120 * goal)} 0V14"}))
    return tag("svg", {"class": "interval", "viewBox": "0 0 122 14", "aria-hidden": "true"}, *parts)


def bars(histogram: Histogram, unit: str, label: str, good: tuple[float, float]) -> Markup:
    """Return a distribution as bars of shares.

    Parameters
    ----------
    good
        From where to where values are as they should be: bars outside are drawn otherwise.
    """
    width, height = 560.0, 170.0
    shares = histogram.counts / max(histogram.total, 1)
    top = max(float(shares.max(initial=0.0)), 0.01)
    step = (width - 40.0) / len(shares)
    found = []
    for k, (share, count) in enumerate(zip(shares.tolist(), histogram.counts.tolist(), strict=True)):
        low, high = histogram.edges[k], histogram.edges[k + 1]
        tall = 140.0 * share / top
        inside = low >= good[0] and high <= good[1]
        told = f"{_range(low, high)} {unit}: {number(100 * share, 1)} %, {number(count, 0)}"
        box = {"x": 36 + k * step + 0.5, "y": 152 - tall, "width": step - 1.0, "height": tall}
        found.append(tag("rect", {"class": "in" if inside else "out", **box}, tag("title", {}, told)))
    every = max(1, round(30.0 / step))
    ticks = [k for k in range(1, len(shares)) if (k - 1) % every == 0]
    for k in ticks:
        x = 36 + k * step
        found.append(tag("text", {"x": x, "y": 166, "text-anchor": "middle"}, _plain(histogram.edges[k])))
    for part in (0.5, 1.0):
        y = 152 - 140.0 * part
        found.append(tag("path", {"class": "grid", "d": f"M36 {_short(y)}H{_short(width - 4)}"}))
        found.append(
            tag("text", {"x": 32, "y": y + 4, "text-anchor": "end"}, f"{number(100 * top * part, 0)} %")
        )
    found.append(tag("path", {"class": "axis", "d": f"M36 152H{_short(width - 4)}"}))
    view = f"0 0 {_short(width)} {_short(height)}"
    return tag("svg", {"class": "bars-chart", "viewBox": view, "role": "img", "aria-label": label}, *found)


def _range(low: float, high: float) -> str:
    if np.isinf(low):
        return f"under {_plain(high)}"
    return f"{_plain(low)} and more" if np.isinf(high) else f"{_plain(low)} to {_plain(high)}"


def _plain(value: float) -> str:
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")
