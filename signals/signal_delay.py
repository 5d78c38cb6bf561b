"""What a signal costs a bus, by the second of the cycle in which it comes.

The queue before the signal is a fluid: it grows with the flow ratio and empties with the green, in the cycle that repeats. A bus
waits until all that stood before it has gone (D/D/1: it leaves at the start of green plus the time in which those who came
since the start of red need to go). What random arrivals add near saturation is the incremental delay of the Highway Capacity
Manual, the same in all seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from signals._kernels_signal_delay import cyclic_delay
from signals.hcm import incremental_delay_s
from traffic.greens import SignalState
from traffic.saturation import lane_group_flow_ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traffic.greens import MovementGreens
    from traffic.network import RoadNetwork

__all__ = ["SignalDelay", "movement_flow_ratio", "signal_delay"]

_FULL = 0.95
_PERIOD_H = 0.25


@dataclass(frozen=True, eq=False)
class SignalDelay:
    """Delay by second of the cycle.

    In second t a bus of movement m waits ``delay_s[begin[m] + t % period_s[m]]``; movements without a signal have a begin of -1.

    Attributes
    ----------
    red_s
        For how long after second t the signal is not green, 0 while it is; in the same places as `delay_s`.
    since_s
        How long ago the green ended, 0 while it is green; in the same places.
    """

    begin: NDArray[np.int32]
    period_s: NDArray[np.int32]
    delay_s: NDArray[np.float64]
    red_s: NDArray[np.float64]
    since_s: NDArray[np.float64]


def signal_delay(
    greens: MovementGreens, flow_ratio: NDArray[np.float64], saturation_veh_s: NDArray[np.float64]
) -> SignalDelay:
    """Return the delay by second of every movement.

    A signal that is always green delays nobody; one that never is counts as one that is green in its last second.

    Parameters
    ----------
    flow_ratio
        Flow over saturation flow of the lanes of each movement; shape (movements,).
    saturation_veh_s
        Of these lanes, vehicles per second of green; shape (movements,).
    """
    known = np.flatnonzero(greens.begin >= 0)
    period = greens.period_s[known]
    shown = (greens.state == SignalState.PROTECTED) | (greens.state == SignalState.PERMISSIVE)
    shown = _green_somewhere(shown, greens.begin[known], period)
    place = np.concatenate(([0], np.cumsum(period)[:-1])).astype(np.int32)[: len(known)]
    green_s = _sums(shown, greens.begin[known], period)
    share = green_s / period
    delay_s, red_s, since_s = (np.zeros(int(period.sum())) for _ in range(3))
    held = np.minimum(flow_ratio[known], _FULL * share)
    green = shown.astype(np.uint8)
    cyclic_delay(greens.begin[known], period, green, held, place, delay_s, red_s, since_s)
    capacity_veh_h = np.maximum(saturation_veh_s[known] * share * 3600.0, 1.0)
    random_s = [
        0.0 if of == 1.0 else incremental_delay_s(ratio / of, capacity, period_h=_PERIOD_H)
        for ratio, of, capacity in zip(
            flow_ratio[known].tolist(), share.tolist(), capacity_veh_h.tolist(), strict=True
        )
    ]
    delay_s += np.repeat(random_s, period)
    begin = np.full(len(greens), -1, dtype=np.int32)
    begin[known] = place
    return SignalDelay(begin, greens.period_s, delay_s, red_s, since_s)


def _green_somewhere(
    shown: NDArray[np.bool_], begin: NDArray[np.int32], period: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Return the states with a second of green at the end of patterns that never are."""
    never = _sums(shown, begin, period) == 0
    found = shown.copy()
    found[(begin + period - 1)[never]] = True
    return found


def _sums(shown: NDArray[np.bool_], begin: NDArray[np.int32], period: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the seconds of green of each pattern."""
    total = np.concatenate(([0], np.cumsum(shown)))
    found: NDArray[np.int64] = total[begin + period] - total[begin]
    return found


def movement_flow_ratio(
    network: RoadNetwork, movement_veh_s: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return flow ratio and saturation flow (veh/s) of the lanes of each movement; of several, those of the fuller ones."""
    ratio = lane_group_flow_ratio(network, movement_veh_s)
    found, rate = np.zeros(len(network.movements)), np.full(len(network.movements), 0.5)
    group, movement = network.connections.lane_group, network.connections.movement
    order = np.argsort(ratio[group], kind="stable")
    found[movement[order]] = ratio[group[order]]
    rate[movement[order]] = network.lane_groups.saturation_veh_s[group[order]]
    return found, rate
