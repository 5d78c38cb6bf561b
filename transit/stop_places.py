"""Where stops stand on a line when only a timetable is known: at the running time from the first of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

__all__ = ["GAP_S", "stop_places"]

GAP_S = 60.0
"""Between parts of a line that no trip connects."""


def stop_places(
    start: NDArray[np.int64], end: NDArray[np.int64], running_s: NDArray[np.float64], stops: int
) -> NDArray[np.float64]:
    """Return where stops stand so that the differences between them fit running times best (least squares), from 0.

    On a line where all trips call at all stops that is the sum of the mean running times. Branches and variants fit in as well as
    they can; what no trip connects stands one after the other.

    Parameters
    ----------
    start, end, running_s
        Of each run from a stop to the next one of its trip; shape (runs,).
    stops
        How many there are.

    Returns
    -------
    ndarray
        Seconds; shape (stops,).
    """
    pair, number = np.unique(start * stops + end, return_inverse=True)
    count = np.bincount(number, minlength=len(pair)).astype(np.float64)
    mean_s = np.bincount(number, weights=running_s, minlength=len(pair)) / count
    weight = np.sqrt(count)
    rows, a, b = np.arange(len(pair)), pair // stops, pair % stops
    matrix = np.zeros((len(pair), stops))
    matrix[rows, b] += weight
    matrix[rows, a] -= weight
    place_s = np.asarray(np.linalg.lstsq(matrix, weight * mean_s, rcond=None)[0], dtype=np.float64)
    parts, part = connected_components(coo_array((count, (a, b)), shape=(stops, stops)), directed=False)
    begin_s = 0.0
    for k in range(parts):
        own = part == k
        place_s[own] += begin_s - place_s[own].min()
        begin_s = float(place_s[own].max()) + GAP_S
    return place_s
