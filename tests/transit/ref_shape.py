"""Stops on a line, by trying everything: the plain twin of the kernel."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression


def least_squares(line: NDArray[np.float64], stops: NDArray[np.float64]) -> float:
    """Return the least sum of squared distances of stops that are put on a line in their order.

    Every choice of segments that does not go back is tried. Stops that share a segment and are out of order on it are
    pooled, which is best for their sum.
    """
    best = np.inf
    for choice in combinations_with_replacement(range(len(line) - 1), len(stops)):
        total = 0.0
        for segment in set(choice):
            here = stops[[k for k, chosen in enumerate(choice) if chosen == segment]]
            start, way = line[segment], line[segment + 1] - line[segment]
            share = np.clip(isotonic_regression((here - start) @ way / (way @ way)).x, 0.0, 1.0)
            total += float(((start + share[:, None] * way - here) ** 2).sum())
        best = min(best, total)
    return best


def shares(
    start: NDArray[np.float64], end: NDArray[np.float64], stops: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return where on a segment stops are nearest to it, from 0 to 1."""
    way = end - start
    return np.clip((stops - start) @ way / (way @ way), 0.0, 1.0)
