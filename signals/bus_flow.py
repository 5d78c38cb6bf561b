"""Buses at signals, as the optimiser counts them: they stop on the way, so they come at any second of the cycle.

A green wave that carries cars passes buses by: between two signals they stand at stops. What plans cost them is therefore the
mean over the cycle of what a signal costs who comes in each second (`signals.signal_delay`), which grows with the cycle and
falls with the share of green.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from signals.signal_delay import movement_flow_ratio, signal_delay
from traffic.arrays import frozen, require, require_finite
from traffic.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traffic.demand import FlowDemand
    from traffic.greens import MovementGreens
    from traffic.network import RoadNetwork

__all__ = ["BusFlow"]


@dataclass(frozen=True, eq=False)
class BusFlow:
    """Buses by movement, and the traffic that they wait with; all of shape (movements,).

    Attributes
    ----------
    bus_veh_s
        Buses per second.
    vehicle_veh_s
        All vehicles, buses among them.
    flow_ratio, saturation_veh_s
        Of the lanes of each movement.
    """

    bus_veh_s: NDArray[np.float64]
    vehicle_veh_s: NDArray[np.float64]
    flow_ratio: NDArray[np.float64]
    saturation_veh_s: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("bus_veh_s", "vehicle_veh_s", "flow_ratio", "saturation_veh_s"):
            values = frozen(getattr(self, name), np.float64)
            require_finite(name, values)
            require(values >= 0, name, "must be 0 or more", values)
            if len(values) != len(self.bus_veh_s):
                raise InputError(f"must have {len(self.bus_veh_s)} rows", field=name, value=len(values))
            object.__setattr__(self, name, values)

    @classmethod
    def of(cls, network: RoadNetwork, demand: FlowDemand, bus_veh_s: NDArray[np.float64]) -> BusFlow:
        """Return buses in the traffic of the first period of a demand."""
        flow = demand.movement_veh_s(network)
        return cls(bus_veh_s, np.maximum(flow, bus_veh_s), *movement_flow_ratio(network, flow))

    def link_share(self, network: RoadNetwork) -> NDArray[np.float64]:
        """Return the share of the vehicles at the end of each link that are buses; shape (links,)."""
        count, link = len(network.links), network.movements.in_link
        buses = np.bincount(link, self.bus_veh_s, count)
        vehicles = np.bincount(link, self.vehicle_veh_s, count)
        share: NDArray[np.float64] = np.divide(buses, vehicles, out=np.zeros(count), where=vehicles > 0.0)
        return share

    def link_delay(self, network: RoadNetwork, greens: MovementGreens) -> NDArray[np.float64]:
        """Return how many buses wait at the end of each link, on average over time; shape (links,)."""
        waiting = self.bus_veh_s * self.mean_delay_s(greens)
        return np.bincount(network.movements.in_link, waiting, len(network.links)).astype(np.float64)

    def mean_delay_s(self, greens: MovementGreens) -> NDArray[np.float64]:
        """Return the mean delay of a bus of each movement; 0 where no bus comes; shape (movements,)."""
        used = self.bus_veh_s > 0.0
        table = signal_delay(
            replace(greens, begin=np.where(used, greens.begin, -1)), self.flow_ratio, self.saturation_veh_s
        )
        known = np.flatnonzero(table.begin >= 0)
        mean = np.zeros(len(self.bus_veh_s))
        if len(known):
            period = table.period_s[known]
            mean[known] = np.add.reduceat(table.delay_s, table.begin[known]) / period
        return mean
