"""Robertson's platoon dispersion (D. I. Robertson, TRANSYT: a traffic network study tool, RRL LR 253, 1969).

A platoon that passes a point as q(t) reaches a point t_travel downstream as::

    q'(t + T) = F q(t) + (1 - F) q'(t + T - 1),   T = beta * t_travel,   F = 1 / (1 + alpha * T)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from signals._kernels_dispersion import disperse_cyclic
from traffic.arrays import frozen, require, require_finite
from traffic.errors import InputError

__all__ = ["ALPHA", "BETA", "disperse", "smoothing_factor"]

ALPHA = 0.35
"""Dispersion factor for ordinary urban streets."""

BETA = 0.8
"""Travel time of the head of a platoon over the mean travel time."""


def smoothing_factor(travel_time_s: float, *, alpha: float = ALPHA, beta: float = BETA) -> float:
    """Return the share F of a platoon's one-second step that arrives at once, in (0, 1]."""
    for field, value in (("travel_time_s", travel_time_s), ("alpha", alpha), ("beta", beta)):
        if not (np.isfinite(value) and value >= 0):
            raise InputError("must be 0 or more", field=field, value=value)
    return 1.0 / (1.0 + alpha * beta * travel_time_s)


def disperse(
    profile: ArrayLike, travel_time_s: float, *, alpha: float = ALPHA, beta: float = BETA
) -> NDArray[np.float64]:
    """Return the cyclic arrival profile at the end of a link.

    Parameters
    ----------
    profile
        Flow at the start of the link in each second of one cycle, vehicles per second; shape (cycle,).
    travel_time_s
        Mean travel time over the link, seconds.
    alpha, beta
        Robertson's parameters; with `alpha` 0 the platoon keeps its shape.

    Returns
    -------
    NDArray
        Same shape, same sum. A travel time between two seconds is split between them.
    """
    values = frozen(profile, np.float64)
    if np.ndim(profile) != 1 or len(values) == 0:
        raise InputError(
            "must hold one value for each second of the cycle", field="profile", value=values.shape
        )
    require_finite("profile", values)
    require(values >= 0, "profile", "must be 0 or more", values)
    share = smoothing_factor(travel_time_s, alpha=alpha, beta=beta)
    out = np.empty_like(values)
    disperse_cyclic(values, beta * travel_time_s, share, out)
    return out
