"""Where a record begins and ends: what was to happen before and after it nobody can have seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from transit.visits import Relationship

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.visits import StopVisits

__all__ = ["MARGIN_S", "beyond_record"]

MARGIN_S = 300.0
"""By so much a vehicle may fall behind where nobody sees it, and still be under way when the record ends."""


def beyond_record(
    visits: StopVisits,
    scheduled_s: NDArray[np.float64],
    late_s: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which missing visits were to be before the first visit that is recorded of their day, and after the last.

    Parameters
    ----------
    scheduled_s
        When each visit was to be.
    late_s
        How late its vehicle was at the first place where it was seen on this trip, and at the last; NaN where that is not known.
    """
    first_s, last_s = _spans(visits)
    missing = visits.relationship == Relationship.MISSING
    ahead_s, behind_s = np.fmin(late_s[0], 0.0), np.fmax(late_s[1], 0.0)
    before = missing & (scheduled_s + ahead_s < first_s + MARGIN_S)
    after = missing & (scheduled_s + behind_s > last_s - MARGIN_S)
    return before, after


def _spans(visits: StopVisits) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the first and the last time that is recorded of each visit's day; NaN where there is none."""
    days, of_day = np.unique(visits.day, return_inverse=True)
    first_s, last_s = np.full(len(days), np.nan), np.full(len(days), np.nan)
    for times_s in (visits.arrival_s, visits.departure_s):
        np.fmin.at(first_s, of_day, times_s)
        np.fmax.at(last_s, of_day, times_s)
    return first_s[of_day], last_s[of_day]
