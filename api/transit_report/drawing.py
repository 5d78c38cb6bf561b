"""Drawings as SVG: string lines, intervals. They know numbers and texts, not where these come from."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from transit.string_lines import StringLines, TripLine

__all__ = ["WIDTH", "Strip", "diagram", "height_of", "hours_of", "interval", "left_of", "strips", "tag"]

WIDTH = 1160
"""Of a diagram, in the units of the drawing."""

_RIGHT, _TOP, _BOTTOM = 8, 20, 6
_LEAST_LEFT, _MOST_LEFT, _BESIDE = 60.0, 190.0, 10.0
_MOST_H, _LEAST_H = 6, 3
_QUARTER_S = 900
_LEAST_GAP = 12  # between the names of two stops, in the units of the drawing
_LEAST_RULE = 4  # between the lines of two stops; closer ones make a grey field
_FONT = 11.0
_WIDE, _SLIM = frozenset("MWm@%ЖШЩЮФЫМжшщюфыӘ"), frozenset("Iijlft1.,:;'|()[]- ")
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
    """Return the rows that all panels are drawn in: equally long, up to six hours, from a full hour of the local clock on.

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
    hours = max(1, int(np.ceil((end_s - first_s) / 3600.0)))
    count = -(-hours // _MOST_H)
    long_s = 3600.0 * max(-(-hours // count), _LEAST_H)
    rows = [Strip(first_s + k * long_s, first_s + (k + 1) * long_s) for k in range(count)]
    return [row for row in rows if any(_within(trip, row) for panel in panels for trip in panel.trips)]


def _within(trip: TripLine, strip: Strip) -> bool:
    lines = [line for line in (trip.planned, *trip.observed) if len(line)]
    return any(line[0, 0] < strip.end_s and line[-1, 0] >= strip.start_s for line in lines)


def hours_of(strip: Strip, zone: str) -> str:
    """Return from when to when a row goes, by the local clock."""
    return f"{_clock(strip.start_s, zone):%H:%M} to {_clock(strip.end_s, zone):%H:%M}"


def _height(lines: StringLines) -> float:
    span_s = float(lines.place_s.max(initial=0.0))
    wanted = max(span_s / _S_A_UNIT, 14.0 * (len(lines.stops) - 1))
    return float(min(max(wanted, _LOW), _HIGH))


def height_of(lines: StringLines) -> float:
    """Return the height of each row of a diagram."""
    return _TOP + _height(lines) + _BOTTOM


def left_of(panels: Iterable[StringLines]) -> float:
    """Return how far in diagrams begin that stand below each other, so that names of their stops have room."""
    longest = max((_length(name) for panel in panels for name in panel.stops), default=0.0)
    return min(max(float(np.ceil(longest)) + _BESIDE, _LEAST_LEFT), _MOST_LEFT)


def diagram(
    lines: StringLines, strip: Strip, label: str, at: float | None = None, left: float | None = None
) -> Markup:
    """Return one row of a diagram.

    Parameters
    ----------
    at
        How far down it stands within another drawing; `None` where it stands by itself.
    left
        How far in it begins; by default as `left_of` has it.
    """
    left = left_of([lines]) if left is None else left
    height, width = _height(lines), WIDTH - left - _RIGHT
    down = height / max(float(lines.place_s.max(initial=0.0)), 1.0)
    across = width / (strip.end_s - strip.start_s)
    trips = [trip for trip in lines.trips if _within(trip, strip)]
    inner = [_trip(trip, lines.zone, strip.start_s, across, down) for trip in trips]
    frame = {"x": left, "y": _TOP, "width": width, "height": height}
    return tag(
        "svg",
        {
            "y": at,
            "width": None if at is None else WIDTH,
            "height": None if at is None else height_of(lines),
            "viewBox": f"0 0 {WIDTH} {_short(height_of(lines))}",
            "class": "lines",
            "role": "img",
            "aria-label": f"{label}, {hours_of(strip, lines.zone)}",
        },
        _stops(lines, down, left),
        _hours(lines.zone, strip, across, height, left),
        tag("svg", frame, *inner),
        tag("rect", {**frame, "class": "frame"}),
    )


def _stops(lines: StringLines, down: float, left: float) -> Markup:
    found, last, ruled, end = [], -np.inf, -np.inf, _TOP + float(lines.place_s[-1]) * down
    for k, (name, place_s) in enumerate(zip(lines.stops, lines.place_s.tolist(), strict=True)):
        y = _TOP + place_s * down
        if y - ruled >= _LEAST_RULE:
            found.append(tag("path", {"class": "grid", "d": f"M{_short(left)} {_short(y)}H{WIDTH - _RIGHT}"}))
            ruled = y
        if y - last >= _LEAST_GAP and (end - y >= _LEAST_GAP or k == len(lines.stops) - 1):
            attributes = {"x": left - 6, "y": y + 4, "text-anchor": "end"}
            found.append(tag("text", attributes, tag("title", {}, name), _cut(name, left - _BESIDE)))
            last = y
    return Markup().join(found)


def _cut(name: str, room: float) -> str:
    """Return a name, or what of it is sure to have room, as wide as the letters of a wide font are."""
    if _length(name) <= room:
        return name
    widths = np.cumsum([_width(letter) for letter in name])
    kept = int(np.searchsorted(widths, room - _FONT, side="right"))
    return f"{name[:kept].rstrip()}\N{HORIZONTAL ELLIPSIS}"


def _length(name: str) -> float:
    return sum(_width(letter) for letter in name)


def _width(letter: str) -> float:
    if unicodedata.combining(letter):
        return 0.0
    if letter in _WIDE or unicodedata.east_asian_width(letter) in "WF":
        return 1.03 * _FONT
    return _FONT * (0.42 if letter in _SLIM else 0.8 if letter.isupper() else 0.66)


def _hours(zone: str, strip: Strip, across: float, height: float, left: float) -> Markup:
    found = []
    for moment_s in np.arange(strip.start_s, strip.end_s + 1.0, _QUARTER_S).tolist():
        local = _clock(moment_s, zone)
        if local.minute:
            continue
        x = left + (moment_s - strip.start_s) * across
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

    def at(share: float) -> str:
        return _short(4 + 114 * share)

    parts = [
        tag("path", {"class": "axis", "d": "M4 7H118"}),
        tag("path", {"class": "reach", "d": f"M{at(low)} 7H{at(high)}"}),
        tag("circle", {"cx": at(value), "cy": 7, "r": 3.2}),
    ]
    if goal is not None:
        parts.insert(1, tag("path", {"class": "goal", "d": f"M{at(goal)} 0V14"}))
    return tag("svg", {"class": "interval", "viewBox": "0 0 122 14", "aria-hidden": "true"}, *parts)
