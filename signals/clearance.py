"""Change and clearance times: how long until the next traffic may go.

Vehicles: ITE, *Guidelines for Determining Traffic Signal Change and Clearance Intervals* (2020). The yellow
is ``t + V / (2 a + 2 g G)``, the time to clear ``(W + L) / V``, where W is measured along the path from the
stop line to the far end of the conflict. Where the country's rules say so, the time in which the first
entering vehicle reaches the conflict is taken off (as in RiLSA 2015, section 2.7). Pedestrians: MUTCD, 11th
edition, section 4I.06.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from traffic.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from signals.aspects import SignalSettings

__all__ = [
    "ite_yellow_s",
    "pedestrian_clearance_s",
    "vehicle_intergreen_s",
    "whole_seconds",
    "yellow_s",
]

GRAVITY_M_S2 = 9.81
_ROUNDING = 1e-9


def whole_seconds(seconds: float) -> int:
    """Round up to whole seconds; a rounding error above a whole number does not cost a second."""
    return ceil(seconds - _ROUNDING)


def ite_yellow_s(
    speed_m_s: float, *, perception_s: float = 1.0, deceleration_m_s2: float = 3.05, grade: float = 0.0
) -> float:
    """Return the ITE kinematic yellow ``t + V / (2 a + 2 g G)`` in seconds, not yet rounded.

    Parameters
    ----------
    speed_m_s
        Approach speed, metres per second.
    grade
        Rise over run towards the junction; downhill is negative.
    """
    braking = 2.0 * deceleration_m_s2 + 2.0 * GRAVITY_M_S2 * grade
    if not (np.isfinite(speed_m_s) and speed_m_s > 0):
        raise InputError("must be more than 0 m/s", field="speed_m_s", value=speed_m_s)
    if not braking > 0:
        raise InputError("must leave a way to brake", field="grade", value=grade)
    return perception_s + speed_m_s / braking


def yellow_s(speed_m_s: float, settings: SignalSettings) -> int:
    """Return the yellow in whole seconds: by the ITE formula, and at least that of the country.

    Parameters
    ----------
    speed_m_s
        Speed of the link, metres per second; the country's margin to the 85th percentile comes on top.
    """
    kinematic = ite_yellow_s(
        speed_m_s + settings.speed_margin_m_s,
        perception_s=settings.perception_s,
        deceleration_m_s2=settings.deceleration_m_s2,
    )
    return max(settings.aspects.yellow_s, whole_seconds(kinematic))


def pedestrian_clearance_s(walk_m: float, walking_speed_m_s: float) -> int:
    """Return the time in which somebody who has just set out reaches safety, whole seconds.

    Parameters
    ----------
    walk_m
        The longest walk between two places of safety, kerb or refuge, metres: see `signals.walks`.
    walking_speed_m_s
        Walking speed, metres per second.
    """
    if not (np.isfinite(walk_m) and walk_m > 0):
        raise InputError("must be more than 0 m", field="walk_m", value=walk_m)
    if not (np.isfinite(walking_speed_m_s) and walking_speed_m_s > 0):
        raise InputError("must be more than 0 m/s", field="walking_speed_m_s", value=walking_speed_m_s)
    return whole_seconds(walk_m / walking_speed_m_s)


def vehicle_intergreen_s(
    yellow: NDArray[np.int64], clearing_s: NDArray[np.float64], settings: SignalSettings
) -> NDArray[np.int64]:
    """Return intergreens: yellow and the clearing time in whole seconds, which is `all_red_min_s` at least.

    Parameters
    ----------
    yellow
        Yellow of the group that ends, seconds.
    clearing_s
        Seconds from the end of yellow until the last vehicle is out of the way of the first that enters.
    """
    clearing = np.ceil(clearing_s - _ROUNDING).astype(np.int64)
    times: NDArray[np.int64] = yellow + np.maximum(clearing, settings.all_red_min_s)
    return times
