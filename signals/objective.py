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

    from traffic.flow import FlowResult
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
    overflow
        Seconds of delay per second for each vehicle of a queue that is longer than its lanes; only in the search,
        as the flow model shows what such queues do.
    """

    stop_s: float = 5.0
    link_weight: NDArray[np.float64] | None = None
    bus_share: NDArray[np.float64] | None = None
    bus_weight: float = 20.0
    overflow: float = 10.0

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
        links = len(network.links)
        weight = np.ones(links)
        for name, factor in (("link_weight", self.link_weight), ("bus_share", self.bus_share)):
            if factor is None:
                continue
            if factor.shape != (links,):
                raise InputError(f"must have {links} rows", field=f"objective.{name}", value=factor.shape)
            weight = weight * (factor if name == "link_weight" else 1.0 + factor * (self.bus_weight - 1.0))
        return weight

    def weights(self, network: RoadNetwork) -> Weights:
        """Return the weights that the profile model takes."""
        delay = self.delay_weight(network)
        return Weights(delay=delay, stop_s=delay * self.stop_s)

    def judge(self, network: RoadNetwork, result: FlowResult) -> float:
        """Return weighted delay and stops in a run of the flow model, seconds per vehicle due.

        Delay includes the wait of those who have not entered yet.
        """
        total = float(self.link_cost(network, result).sum())
        return total / result.vehicles if result.vehicles > 0 else 0.0

    def link_cost(self, network: RoadNetwork, result: FlowResult) -> NDArray[np.float64]:
        """Return weighted delay and stops of each link in seconds, the wait to enter it included; shape (links,)."""
        delay = result.link_delay_s + result.entry_delay_s
        return self.delay_weight(network) * (delay + self.stop_s * result.link_stops)
