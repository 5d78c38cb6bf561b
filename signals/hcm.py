"""Control delay and level of service at a signal, after the Highway Capacity Manual.

Highway Capacity Manual 2000 (TRB), chapter 16, equations 16-9 to 16-12, and its appendix F for a queue left
over from the period before. Flows and capacities are in vehicles per hour and analysis periods in hours,
as in the manual; delays are in seconds per vehicle.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from traffic.errors import InputError

__all__ = [
    "ControlDelay",
    "control_delay",
    "incremental_delay_s",
    "initial_queue_delay_s",
    "level_of_service",
    "uniform_delay_s",
]

_SERVICE_LIMITS_S = ((10.0, "A"), (20.0, "B"), (35.0, "C"), (55.0, "D"), (80.0, "E"))


class ControlDelay(NamedTuple):
    """Control delay of one lane group in one analysis period.

    Attributes
    ----------
    uniform_s, incremental_s, initial_queue_s
        The terms d1 (with the progression factor), d2 and d3, seconds per vehicle.
    queue_veh
        Vehicles left over at the end of the period.
    """

    uniform_s: float
    incremental_s: float
    initial_queue_s: float
    queue_veh: float

    @property
    def total_s(self) -> float:
        """Control delay, seconds per vehicle."""
        return self.uniform_s + self.incremental_s + self.initial_queue_s


def uniform_delay_s(cycle_s: float, green_ratio: float, saturation: float) -> float:
    """Return d1, the delay of uniform arrivals, seconds per vehicle (equation 16-11).

    Parameters
    ----------
    cycle_s
        Cycle time, seconds.
    green_ratio
        Effective green over cycle time, in (0, 1].
    saturation
        Degree of saturation X; more than 1 counts as 1.
    """
    _require_positive("cycle_s", cycle_s)
    if not 0 < green_ratio <= 1:
        raise InputError("must be more than 0 and at most 1", field="green_ratio", value=green_ratio)
    _require_not_negative("saturation", saturation)
    if green_ratio >= 1:
        return 0.0
    served = min(1.0, saturation) * green_ratio
    return 0.5 * cycle_s * (1.0 - green_ratio) ** 2 / (1.0 - served)


def incremental_delay_s(
    saturation: float, capacity_veh_h: float, period_h: float = 0.25, *, k: float = 0.5, upstream: float = 1.0
) -> float:
    """Return d2, the delay of random arrivals and oversaturation, seconds per vehicle (equation 16-12).

    Parameters
    ----------
    saturation
        Degree of saturation X.
    capacity_veh_h
        Capacity of the lane group, vehicles per hour.
    period_h
        Analysis period T, hours.
    k
        Incremental delay factor of the control: 0.5 for pretimed signals.
    upstream
        Filtering factor I of upstream signals: 1 for an isolated junction.
    """
    _require_not_negative("saturation", saturation)
    _require_positive("capacity_veh_h", capacity_veh_h)
    _require_positive("period_h", period_h)
    excess = saturation - 1.0
    random = 8.0 * k * upstream * saturation / (capacity_veh_h * period_h)
    return float(900.0 * period_h * (excess + np.sqrt(excess * excess + random)))


def initial_queue_delay_s(
    queue_veh: float, saturation: float, capacity_veh_h: float, period_h: float = 0.25
) -> float:
    """Return d3, the delay that a queue at the start of the period adds, seconds per vehicle (appendix F)."""
    _require_not_negative("queue_veh", queue_veh)
    _require_positive("capacity_veh_h", capacity_veh_h)
    _require_positive("period_h", period_h)
    if queue_veh == 0:
        return 0.0
    spare = 1.0 - min(1.0, saturation)
    blocked_h = _blocked_h(queue_veh, spare, capacity_veh_h, period_h)
    u = 0.0 if blocked_h < period_h else 1.0 - capacity_veh_h * period_h * spare / queue_veh
    return 1800.0 * queue_veh * (1.0 + u) * blocked_h / (capacity_veh_h * period_h)


def control_delay(
    flow_veh_h: float,
    capacity_veh_h: float,
    green_ratio: float,
    cycle_s: float,
    *,
    period_h: float = 0.25,
    queue_veh: float = 0.0,
    k: float = 0.5,
    upstream: float = 1.0,
    progression: float = 1.0,
) -> ControlDelay:
    """Return the control delay of a lane group in one period and the queue that it leaves.

    Parameters
    ----------
    flow_veh_h, capacity_veh_h
        Demand and capacity, vehicles per hour.
    green_ratio, cycle_s
        Effective green over cycle time, and the cycle time in seconds.
    period_h
        Analysis period, hours.
    queue_veh
        Vehicles left over from the period before.
    k, upstream, progression
        Incremental delay factor, upstream filtering factor and progression factor.
    """
    _require_not_negative("flow_veh_h", flow_veh_h)
    _require_positive("capacity_veh_h", capacity_veh_h)
    _require_positive("period_h", period_h)
    saturation = flow_veh_h / capacity_veh_h
    uniform = uniform_delay_s(cycle_s, green_ratio, saturation)
    if queue_veh > 0:
        # While the old queue lasts, arrivals wait as they do at saturation and no platoon helps them.
        spare = 1.0 - min(1.0, saturation)
        blocked = _blocked_h(queue_veh, spare, capacity_veh_h, period_h) / period_h
        saturated = uniform_delay_s(cycle_s, green_ratio, 1.0)
        uniform = saturated * blocked + uniform * progression * (1.0 - blocked)
    else:
        uniform *= progression
    left_over = queue_veh + (flow_veh_h - capacity_veh_h) * period_h
    return ControlDelay(
        uniform_s=uniform,
        incremental_s=incremental_delay_s(saturation, capacity_veh_h, period_h, k=k, upstream=upstream),
        initial_queue_s=initial_queue_delay_s(queue_veh, saturation, capacity_veh_h, period_h),
        queue_veh=max(0.0, left_over),
    )


def level_of_service(delay_s: float) -> str:
    """Return the level of service, A to F, for a control delay in seconds per vehicle (exhibit 16-2)."""
    _require_not_negative("delay_s", delay_s)
    return next((letter for limit, letter in _SERVICE_LIMITS_S if delay_s <= limit), "F")


def _blocked_h(queue_veh: float, spare: float, capacity_veh_h: float, period_h: float) -> float:
    """Return how long the queue from the period before lasts, at most the period."""
    if spare * capacity_veh_h * period_h <= queue_veh:
        return period_h
    return queue_veh / (capacity_veh_h * spare)


def _require_positive(field: str, value: float) -> None:
    if not (np.isfinite(value) and value > 0):
        raise InputError("must be more than 0", field=field, value=value)


def _require_not_negative(field: str, value: float) -> None:
    if not (np.isfinite(value) and value >= 0):
        raise InputError("must be 0 or more", field=field, value=value)
