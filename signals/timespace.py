"""Time and space along a corridor: the green bands that a plan gives.

A *corridor* (`signals.corridors`) is a chain of signalised junctions along one street. A *green band* is a
set of departures from its first junction that, at the progression speed, meet green at every junction after
it (Morgan and Little, "Synchronizing traffic signals for maximal bandwidth", Operations Research 12, 1964).
Greens repeat with the common period of the junctions, so all sets of departures are sets on a circle.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm
from typing import TYPE_CHECKING

import numpy as np

from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "Band",
    "bandwidth",
    "common_period",
    "coordinated_sections",
    "green_bands",
    "through_windows",
]

Window = tuple[float, float]

_LONGEST_PERIOD_S = 240
_LEAST_BAND_S = 4.0


@dataclass(frozen=True)
class Band:
    """Departures that meet green from one junction of a path to another, as far as they go.

    Attributes
    ----------
    first, last
        Positions in the path.
    windows
        Starts and ends at the stop line of `first`, seconds; a start is in [0, period).
    """

    first: int
    last: int
    windows: tuple[Window, ...]


def common_period(cycles_s: Iterable[int], *, limit_s: int = _LONGEST_PERIOD_S) -> int | None:
    """Return the least common multiple of the cycles, or `None` if it is longer than `limit_s`."""
    period = lcm(*cycles_s)
    return period if period <= limit_s else None


def coordinated_sections(
    cycles_s: Sequence[int], *, limit_s: int = _LONGEST_PERIOD_S
) -> tuple[tuple[int, int], ...]:
    """Return the first and last position of each longest run of junctions that share a period."""
    sections: list[tuple[int, int]] = []
    first = 0
    for position in range(1, len(cycles_s) + 1):
        ends = position == len(cycles_s)
        if ends or common_period(cycles_s[first : position + 1], limit_s=limit_s) is None:
            sections.append((first, position - 1))
            first = position
    return tuple(sections)


def _cut(windows: Iterable[Window], shift_s: float, period_s: float) -> list[Window]:
    """Shift windows on the circle and cut them at 0 into sorted, disjoint intervals of [0, period)."""
    pieces: list[Window] = []
    for start, end in windows:
        if end - start >= period_s:
            return [(0.0, period_s)]
        low = (start + shift_s) % period_s
        high = low + (end - start)
        pieces.append((low, min(high, period_s)))
        if high > period_s:
            pieces.append((0.0, high - period_s))
    joined: list[Window] = []
    for low, high in sorted(piece for piece in pieces if piece[1] > piece[0]):
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], high))
        else:
            joined.append((low, high))
    return joined


def _intersect(one: list[Window], other: list[Window]) -> list[Window]:
    met = [(max(a, c), min(b, d)) for a, b in one for c, d in other]
    return sorted((low, high) for low, high in met if high > low)


def _join_ends(pieces: list[Window], period_s: float) -> tuple[Window, ...]:
    """Join the pieces that meet at the end of the period; the inverse of the cut."""
    if len(pieces) > 1 and pieces[0][0] == 0.0 and pieces[-1][1] == period_s:
        wrapped = (pieces[-1][0], period_s + pieces[0][1])
        return (*pieces[1:-1], wrapped)
    return tuple(pieces)


def _check(greens: Sequence[Sequence[Window]], arrival_s: Sequence[float], period_s: float) -> None:
    if not (np.isfinite(period_s) and period_s > 0):
        raise InputError("must be more than 0 s", field="period_s", value=period_s)
    if len(greens) != len(arrival_s):
        raise InputError(f"must have {len(greens)} values", field="arrival_s", value=len(arrival_s))
    values = [value for windows in greens for window in windows for value in window]
    for field, numbers in (("arrival_s", list(arrival_s)), ("greens", values)):
        if not np.isfinite(numbers).all():
            raise InputError("must be finite numbers", field=field)
    for windows in greens:
        for start, end in windows:
            if end < start:
                rule = "a green must end after it starts (add the period where it runs over the end)"
                raise InputError(rule, field="greens", value=(start, end))


def through_windows(
    greens: Sequence[Sequence[Window]], arrival_s: Sequence[float], period_s: float
) -> tuple[Window, ...]:
    """Return all departures that meet green at every junction.

    Parameters
    ----------
    greens
        The green windows of each junction, seconds after the common zero; an end may exceed the period.
    arrival_s
        Travel time from the origin to each junction.
    period_s
        Time after which all greens repeat.

    Returns
    -------
    tuple of (float, float)
        Starts and ends of departure at the origin; a start is in [0, period), an end may exceed it.
        A window as long as the period is ``(0, period)``.
    """
    _check(greens, arrival_s, period_s)
    open_ = [(0.0, float(period_s))]
    for windows, travel_s in zip(greens, arrival_s, strict=True):
        open_ = _intersect(open_, _cut(windows, -travel_s, period_s))
    return _join_ends(open_, period_s)


def bandwidth(greens: Sequence[Sequence[Window]], arrival_s: Sequence[float], period_s: float) -> float:
    """Return the width in seconds of the widest green band from the first junction to the last."""
    windows = through_windows(greens, arrival_s, period_s)
    return max((end - start for start, end in windows), default=0.0)


def green_bands(
    greens: Sequence[Sequence[Window]],
    arrival_s: Sequence[float],
    period_s: float,
    *,
    least_s: float = _LEAST_BAND_S,
) -> tuple[Band, ...]:
    """Return green bands, each drawn as far as it stays at least `least_s` wide.

    A band that becomes too narrow ends at the junction before; the next one starts there with all of that
    junction's green. The bands therefore share the links among them. One band over the whole path is a
    progression in the sense of MAXBAND.
    """
    _check(greens, arrival_s, period_s)
    bands: list[Band] = []
    first = 0
    while first < len(greens) - 1:
        origin = arrival_s[first]
        wide: tuple[Window, ...] = ()
        last = first
        for position in range(first + 1, len(greens)):
            part = slice(first, position + 1)
            found = through_windows(greens[part], [t - origin for t in arrival_s[part]], period_s)
            found = tuple(window for window in found if window[1] - window[0] >= least_s)
            if not found:
                break
            wide, last = found, position
        if last > first:
            bands.append(Band(first, last, wide))
        first = max(last, first + 1)
    return tuple(bands)
