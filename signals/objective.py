"""What the optimiser minimises: delay and weighted stops, by link."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from signals.profile_parameters import Weights
from traffic.arrays import frozen, require, require_finite
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from signals.bus_flow import BusFlow
    from traffic.flow import FlowResult
    from traffic.greens import MovementGreens
    from traffic.network import RoadNetwork

__all__ = ["Objective", "Robust"]


class Robust(StrEnum):
    """What counts of plans that are judged under several demands."""

    MEAN = "mean"
    WORST = "worst"

    def of(self, values: Sequence[float]) -> float:
        """Return the objective over all demands from that of each, seconds per vehicle."""
        return max(values) if self == Robust.WORST else sum(values) / len(values)


@dataclass(frozen=True, eq=False)
class Objective:
    """Weights of what the optimiser minimises, in seconds of delay per vehicle.

    Attributes
    ----------
    stop_s
        A stop counts as much as this many seconds of delay.
    link_weight
        Weight of delay and stops on each link; `None`: 1 everywhere; shape (links,).
    bus_share
        Share of the vehicles of each link that are buses; `None`: 0; shape (links,).
    bus_weight
        A bus counts as much as this many other vehicles.
    buses
        Buses that stop on the way, and so come to signals at any second of the cycle; `None`: they drive as others do. With
        them, what the flow model says is that of the others.
    overflow
        Seconds of delay per second for each vehicle of a queue that is longer than its lanes; only in the search,
        as the flow model shows what such queues do.
    """

    stop_s: float = 5.0
    link_weight: NDArray[np.float64] | None = None
    bus_share: NDArray[np.float64] | None = None
    bus_weight: float = 20.0
    overflow: float = 10.0
    buses: BusFlow | None = None

    def __post_init__(self) -> None:
        for name in ("stop_s", "bus_weight", "overflow"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise InputError("must be 0 or more", field=f"objective.{name}", value=value)
        for name in ("link_weight", "bus_share"):
            values = getattr(self, name)
            if values is not None:
                array = frozen(values, np.float64)
                require_finite(f"objective.{name}", array)
                require(array >= 0, f"objective.{name}", "must be 0 or more", array)
                object.__setattr__(self, name, array)
        if self.bus_share is not None:
            require(self.bus_share <= 1, "objective.bus_share", "must be at most 1", self.bus_share)

    def delay_weight(self, network: RoadNetwork) -> NDArray[np.float64]:
        """Return the weight of a vehicle on each link; shape (links,)."""
        share = self.bus_share if self.buses is None else self.buses.link_share(network)
        if share is None:
            return self._street_weight(network)
        return self._street_weight(network) * (
            1.0 + _rows(network, "bus_share", share) * (self.bus_weight - 1.0)
        )

    def _street_weight(self, network: RoadNetwork) -> NDArray[np.float64]:
        if self.link_weight is None:
            return np.ones(len(network.links))
        return _rows(network, "link_weight", self.link_weight)

    def weights(self, network: RoadNetwork) -> Weights:
        """Return the weights that the profile model takes."""
        delay = self.delay_weight(network)
        return Weights(delay=delay, stop_s=delay * self.stop_s)

    def judge(self, network: RoadNetwork, result: FlowResult, greens: MovementGreens | None = None) -> float:
        """Return weighted delay and stops in a run of the flow model, seconds per vehicle due.

        Delay includes the wait of those who have not entered yet.

        Parameters
        ----------
        greens
            Of the plans that were run: needed where there are `buses`.
        """
        total = float(self.link_cost(network, result, greens).sum())
        return total / result.vehicles if result.vehicles > 0 else 0.0

    def link_cost(
        self, network: RoadNetwork, result: FlowResult, greens: MovementGreens | None = None
    ) -> NDArray[np.float64]:
        """Return weighted delay and stops of each link in seconds, the wait to enter it included; shape (links,)."""
        cost = result.link_delay_s + result.entry_delay_s + self.stop_s * result.link_stops
        if self.buses is None:
            weighted: NDArray[np.float64] = self.delay_weight(network) * cost
            return weighted
        if greens is None:
            hint = "Give the greens that the flow model was run with"
            raise InputError("must be given where buses are counted", field="greens", hint=hint)
        others = 1.0 - self.buses.link_share(network)
        waiting = self.buses.link_delay(network, greens) * result.duration_s
        found: NDArray[np.float64] = self._street_weight(network) * (
            others * cost + self.bus_weight * waiting
        )
        return found


def _rows(network: RoadNetwork, name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values that are known to be one for each link."""
    links = len(network.links)
    if values.shape != (links,):
        raise InputError(f"must have {links} rows", field=f"objective.{name}", value=values.shape)
    return values
