"""What a run of the flow model has found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Curves", "FlowResult", "FlowSeries"]


@dataclass(frozen=True, eq=False)
class FlowSeries:
    """Figures by report period; the last period may be shorter.

    Attributes
    ----------
    end_s
        End of each period; shape (reports,), as all that follow but the last two.
    inside_veh, outside_veh
        Vehicles in the network and waiting to enter at the end of the period.
    entered_veh, arrived_veh
        Vehicles that entered and that left the network for good within the period.
    delay_s
        Vehicle-seconds of delay within the period, waiting to enter included.
    link_outflow_veh_s
        Flow out of each link; shape (reports, links).
    link_queue_veh
        Vehicles that would have left each link at free speed but have not, at the end of the period; shape
        (reports, links).
    """

    end_s: NDArray[np.float64]
    inside_veh: NDArray[np.float64]
    outside_veh: NDArray[np.float64]
    entered_veh: NDArray[np.float64]
    arrived_veh: NDArray[np.float64]
    delay_s: NDArray[np.float64]
    link_outflow_veh_s: NDArray[np.float64]
    link_queue_veh: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curves:
    """Cumulative counts of chosen links at the times 0, 1, ... s; shape (links, duration + 1)."""

    link: NDArray[np.int32]
    inflow_veh: NDArray[np.float64]
    outflow_veh: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FlowResult:
    """Totals of a run, and arrays by the network's links, lane groups and movements.

    Attributes
    ----------
    vehicles
        Vehicles due: those that entered and those that wait to.
    arrived, under_way, waiting_to_enter
        The same vehicles, by where they are at the end.
    standing
        Vehicles under way on links from which nobody has come out in the last report period although
        somebody wants to: more than a few of them are a gridlock.
    total_time_s
        Vehicle-seconds in the network or waiting to enter.
    delay_s
        The same, less the time at free speed: vehicle-seconds in queues and waiting to enter.
    stops
        Times that a vehicle came to a queue or a closed lane group at the end of a link. A stop counts once a link,
        however long the queue.
    conservation_error
        Largest \\|entered - arrived - inside\\| at the end of any second, relative to the vehicles entered.
    link_inflow_veh, link_outflow_veh, link_delay_s, link_stops, link_max_queue_veh
        By link; shape (links,). Queues are vehicles that would have left at free speed.
    entry_waiting_veh, entry_delay_s
        Vehicles that wait outside of each link at the end, and vehicle-seconds of that; shape (links,).
    group_inflow_veh, group_saturation
        By lane group: vehicles that came, or that only a lack of room kept from coming (on the link itself or waiting to
        enter it), and these over the capacity that the lane group was given (degree of saturation X); shape (lane
        groups,).
    link_saturation
        Highest degree of saturation of the link's lane groups.
    movement_veh
        Vehicles that made each movement; shape (movements,).
    """

    duration_s: int
    vehicles: float
    arrived: float
    under_way: float
    waiting_to_enter: float
    standing: float
    total_time_s: float
    delay_s: float
    stops: float
    throughput_veh_h: float
    fuel_l: float
    co2_kg: float
    conservation_error: float
    link_inflow_veh: NDArray[np.float64]
    link_outflow_veh: NDArray[np.float64]
    link_delay_s: NDArray[np.float64]
    link_stops: NDArray[np.float64]
    link_max_queue_veh: NDArray[np.float64]
    link_saturation: NDArray[np.float64]
    entry_waiting_veh: NDArray[np.float64]
    entry_delay_s: NDArray[np.float64]
    group_inflow_veh: NDArray[np.float64]
    group_saturation: NDArray[np.float64]
    movement_veh: NDArray[np.float64]
    series: FlowSeries
    curves: Curves

    def summary(self) -> dict[str, float]:
        """Return the figures that ``jasyl evaluate --json`` prints; per vehicle: over all vehicles due."""
        each = self.vehicles if self.vehicles > 0 else 1.0
        return {
            "vehicles": self.vehicles,
            "arrived": self.arrived,
            "under_way": self.under_way,
            "waiting_to_enter": self.waiting_to_enter,
            "total_time_s_per_veh": self.total_time_s / each,
            "delay_s_per_veh": self.delay_s / each,
            "stops_per_veh": self.stops / each,
            "throughput_veh_h": self.throughput_veh_h,
            "fuel_l": self.fuel_l,
            "co2_kg": self.co2_kg,
        }
