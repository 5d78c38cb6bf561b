"""Headways: the time since the vehicle before of the same route and direction at the same stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Headways", "actual_headways", "open_ends", "scheduled_headways", "to_ms"]


class Headways(NamedTuple):
    """Headways of visits, seconds, NaN where there is none; both of shape (visits,)."""

    scheduled_s: NDArray[np.float64]
    actual_s: NDArray[np.float64]


def scheduled_headways(
    line: NDArray[np.int64], moment_s: NDArray[np.float64], tie: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the time since the visit before on the same line.

    Parameters
    ----------
    line
        Number of route, direction, stop and day of each visit; -1 leaves a visit out.
    moment_s
        NaN leaves a visit out.
    tie
        Which of two visits at the same moment is the first.
    """
    return actual_headways(line, moment_s, tie, np.zeros(len(line), dtype=bool))


def actual_headways(
    line: NDArray[np.int64],
    moment_s: NDArray[np.float64],
    tie: NDArray[np.int64],
    unknown: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return the time since the vehicle before on the same line.

    A visit of which nobody knows whether it happened hides the headway of the next vehicle: it may have come between.

    Parameters
    ----------
    moment_s
        When the vehicle came; when it was to come where `unknown`.
    """
    found = np.full(len(line), np.nan)
    rows = np.flatnonzero((line >= 0) & np.isfinite(moment_s))
    rows = rows[np.lexsort((tie[rows], moment_s[rows], line[rows]))]
    position = np.arange(len(rows))
    seen = ~unknown[rows]
    before = _latest_before(np.where(seen, position, -1))
    hidden = _latest_before(np.where(seen, -1, position))
    whole = seen & (before >= 0) & (hidden < before)
    whole[whole] = line[rows[before[whole]]] == line[rows[whole]]
    found[rows[whole]] = to_ms(moment_s[rows[whole]] - moment_s[rows[before[whole]]])
    return found


def open_ends(
    line: NDArray[np.int64],
    scheduled_s: NDArray[np.float64],
    came_s: NDArray[np.float64],
    lost: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Return the lost visits at which a wait begins or ends that no vehicle does: shape (visits,).

    These are the first that was due on a line, where none came before or at that moment, and the last, where none came at
    that moment or after.

    Parameters
    ----------
    scheduled_s
        NaN where no visit was due.
    came_s
        When vehicles came, or may have come; NaN where none did.
    """
    count = int(line.max(initial=-1)) + 1
    first, last = _ends(line, scheduled_s, count)
    first_came, last_came = _ends(line, came_s, count)
    begins = (scheduled_s == first[line]) & (first_came > first)[line]
    ends = (scheduled_s == last[line]) & (last_came < last)[line]
    return np.asarray((line >= 0) & lost & (begins | ends))


def to_ms(difference_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return differences of POSIX seconds to a thousandth: they are known no finer, and limits are to include 300.0."""
    return np.round(difference_s, 3)


def _ends(
    line: NDArray[np.int64], moment_s: NDArray[np.float64], lines: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the first and the last moment on each line; infinities where there is none, the last place for no line."""
    first, last = np.full(lines + 1, np.inf), np.full(lines + 1, -np.inf)
    known = (line >= 0) & np.isfinite(moment_s)
    np.minimum.at(first, line[known], moment_s[known])
    np.maximum.at(last, line[known], moment_s[known])
    return first, last


def _latest_before(positions: NDArray[np.int64]) -> NDArray[np.int64]:
    latest = np.full(len(positions), -1, dtype=np.int64)
    latest[1:] = np.maximum.accumulate(positions)[:-1]
    return latest
