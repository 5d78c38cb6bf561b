"""How sure a share is: Wilson's interval."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traffic.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LEVEL", "Intervals", "wilson"]

LEVEL = 0.95
"""How often such an interval holds what it is about."""


class Intervals(NamedTuple):
    """From where to where, NaN where nothing is known; both of one shape."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]


def wilson(good: NDArray[np.generic], whole: NDArray[np.generic], level: float = LEVEL) -> Intervals:
    """Return the interval of each share of `good` in `whole` (Wilson 1927).

    It holds for visits that have nothing to do with each other. Those of one trip do, so that the share of few trips is less
    sure than this says.

    Parameters
    ----------
    good, whole
        Counts of one shape.
    """
    if not 0.0 < level < 1.0:
        raise InputError("must be between 0 and 1", field="level", value=level)
    k, n = np.asarray(good, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    if (k < 0).any() or (k > n).any():
        raise InputError("must be from 0 to the whole", field="good", value=float(k.max(initial=0.0)))
    z2 = NormalDist().inv_cdf(0.5 + level / 2.0) ** 2
    some = n > 0
    count = np.where(some, n, 1.0)
    middle = (k + z2 / 2.0) / (count + z2)
    half = np.sqrt(z2 * (k * (count - k) / count + z2 / 4.0)) / (count + z2)
    low = np.where(k == 0, 0.0, np.maximum(middle - half, 0.0))
    high = np.where(k == n, 1.0, np.minimum(middle + half, 1.0))
    return Intervals(np.where(some, low, np.nan), np.where(some, high, np.nan))
