"""What buses count for in the plans of a city: how many pass each signal in the hour in which most of them run."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from signals.bus_flow import BusFlow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scenarios.bus_day import BusDay
    from signals.objective import Objective
    from traffic.demand import FlowDemand
    from traffic.network import RoadNetwork

__all__ = ["busiest_hour_veh_s", "with_buses"]

_HOUR_S = 3600


def with_buses(objective: Objective, network: RoadNetwork, demand: FlowDemand, buses: BusDay) -> Objective:
    """Return an objective that counts the buses of a day, among the vehicles of a demand."""
    flow = busiest_hour_veh_s(buses, len(network.movements))
    return replace(objective, buses=BusFlow.of(network, demand, flow))


def busiest_hour_veh_s(buses: BusDay, movements: int) -> NDArray[np.float64]:
    """Return buses per second of each movement, in the hour in which most stops are left; shape (movements,)."""
    times, trips = buses.timetable.times, buses.timetable.trips
    of_day = np.zeros(len(trips), dtype=bool)
    of_day[buses.timetable.trips_on(buses.day)] = True
    hour = np.where(np.repeat(of_day, np.diff(trips.first)), times.departure_s // _HOUR_S, -1)
    busiest = np.argmax(np.bincount(hour[hour >= 0]))
    rows = (buses.lines.pieces[k] for k in np.flatnonzero(hour == busiest).tolist())
    passed = np.array([movement for _, movement in chain.from_iterable(rows)], dtype=np.int64)
    found: NDArray[np.float64] = np.bincount(passed[passed >= 0], minlength=movements) / _HOUR_S
    return found
