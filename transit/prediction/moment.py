"""What time it is by the clocks of vehicles, some of which may be wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["AHEAD_S", "last_moment"]

AHEAD_S = 1800.0
"""Feeds of a city are silent for less, but at night; clocks that are wrong are so by a time zone, a day or more."""


def last_moment(time_s: NDArray[np.float64], vehicle: NDArray[np.int32]) -> float:
    """Return the last time that clocks agree about.

    Where no vehicle is seen for half an hour, and fewer come after that than were seen in the half hour before it and are not
    seen again, the clocks of the few are ahead: all others cannot have stopped at once. Of as many, those with fewer positions
    are.

    Parameters
    ----------
    time_s
        Of positions that are on trips, one or more.
    vehicle
        Number of the vehicle of each.
    """
    order = np.argsort(time_s, kind="stable")
    times, vehicles = time_s[order], vehicle[order]
    for cut in (np.flatnonzero(np.diff(times) >= AHEAD_S) + 1)[::-1].tolist():
        later = np.unique(vehicles[cut:])
        before = vehicles[:cut][times[:cut] > times[cut - 1] - AHEAD_S]
        gone = before[~np.isin(before, later)]
        stopped = len(np.unique(gone))
        if len(later) < stopped or (len(later) == stopped and len(vehicles) - cut < len(gone)):
            times, vehicles = times[:cut], vehicles[:cut]
        elif len(later) > stopped > 0:
            break  # few went missing, and more came: the former ended service
    return float(times[-1])
