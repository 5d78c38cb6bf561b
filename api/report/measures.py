"""The figures of one plan set, per link, movement and junction: what the flow model found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from signals.hcm import control_delay, level_of_service
from traffic.arrays import require_finite
from traffic.units import VEH_H

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from signals.plan import PlanSet
    from traffic.flow import FlowResult
    from traffic.network import RoadNetwork

    F1 = NDArray[np.float64]
    Window = tuple[int, int]

__all__ = ["Case", "measure"]

_LEAST_VEH_H = 0.5
_FINITE = (
    "link_inflow_veh",
    "link_outflow_veh",
    "link_delay_s",
    "link_stops",
    "link_max_queue_veh",
    "entry_waiting_veh",
    "entry_delay_s",
    "movement_veh",
)
_HIGHEST_X = 9.99


@dataclass(frozen=True, eq=False)
class Case:
    """One plan set and its figures.

    Attributes
    ----------
    name
        What the report calls it: "After", "Before".
    hours
        Length of the run.
    plans, windows
        The plans, and the greens of every junction's groups (`Plan.green_windows`).
    summary
        Figures of the whole network, with the keys of `jasyl evaluate --json`, and `standing`.
    link_flow_veh_h
        Vehicles that left the link, an hour; shape (links,) as the next five.
    link_x
        Degree of saturation of the link's worst lane group.
    link_vehicles, link_delay_s, link_stops, link_queue_veh
        Vehicles that entered or wait to, their delay (waiting to enter included) and stops in total, and the
        longest queue.
    movement_flow_veh_h, movement_x, saturation_veh_h
        Vehicles that made the movement, an hour; degree of saturation of its worst lane group; saturation
        flow of its lane groups; shape (movements,) as the next.
    movement_green
        Share of the cycle in which it has green; 1 without a signal.
    movement_delay_s
        Control delay after the Highway Capacity Manual, seconds per vehicle; NaN where it has no meaning.
    """

    name: str
    hours: float
    plans: PlanSet
    windows: tuple[tuple[tuple[Window, ...], ...], ...]
    summary: Mapping[str, float]
    link_flow_veh_h: F1
    link_x: F1
    link_vehicles: F1
    link_delay_s: F1
    link_stops: F1
    link_queue_veh: F1
    movement_flow_veh_h: F1
    movement_x: F1
    saturation_veh_h: F1
    movement_green: F1
    movement_delay_s: F1

    def link_row(self, link: int) -> list[int]:
        """Return ``[flow_veh_h, X in percent, delay_s_per_veh]`` of a link."""
        vehicles = max(float(self.link_vehicles[link]), 1e-9)
        delay = self.link_delay_s[link] / vehicles
        return [_whole(self.link_flow_veh_h[link]), _percent(self.link_x[link]), _whole(delay)]

    def movement_row(self, movement: int) -> list[Any]:
        """Return ``[flow_veh_h, X in percent, green in percent, HCM delay or None, LOS]`` of a movement."""
        flow, delay = float(self.movement_flow_veh_h[movement]), float(self.movement_delay_s[movement])
        known = bool(np.isfinite(delay)) and flow >= _LEAST_VEH_H
        return [
            _whole(flow),
            _percent(self.movement_x[movement]),
            _percent(self.movement_green[movement]),
            round(min(delay, 9999.0), 1) if known else None,
            level_of_service(delay) if known else "",
        ]

    def junction_row(self, links: Sequence[int]) -> list[Any]:
        """Return figures of all `links` together, which end at a junction.

        ``[flow_veh_h, highest X in percent, delay_s_per_veh, LOS, stops_per_veh, longest queue in vehicles,
        delay in vehicle-hours an hour]``
        """
        rows = list(links)
        vehicles = float(self.link_vehicles[rows].sum())
        delay_s, stops = float(self.link_delay_s[rows].sum()), float(self.link_stops[rows].sum())
        each = max(vehicles, 1e-9)
        return [
            _whole(self.link_flow_veh_h[rows].sum()),
            _percent(self.link_x[rows].max(initial=0.0)),
            round(delay_s / each, 1),
            level_of_service(delay_s / each) if vehicles >= _LEAST_VEH_H else "",
            round(stops / each, 2),
            _whole(self.link_queue_veh[rows].max(initial=0.0)),
            round(delay_s / 3600.0 / self.hours, 1),
        ]


def measure(name: str, network: RoadNetwork, plans: PlanSet, result: FlowResult) -> Case:
    """Return the figures of `plans` from a run of the flow model.

    Raises
    ------
    InputError
        For a figure that is no number; a degree of saturation may be infinite.
    """
    summary = {**result.summary(), "standing": result.standing}
    for key, value in summary.items():
        require_finite(f"result.{key}", np.array([value]))
    for key in _FINITE:
        require_finite(f"result.{key}", getattr(result, key))
    hourly = 3600.0 / result.duration_s
    group, movement = network.connections.lane_group, network.connections.movement
    movement_x = np.zeros(len(network.movements))
    np.maximum.at(movement_x, movement, result.group_saturation[group])
    rate = network.lane_groups.saturation_veh_s[group] * network.movements.saturation_factor[movement]
    windows = tuple(plan.green_windows() for plan in plans)
    green = _green_share(network, plans, windows)
    flow = result.movement_veh * hourly
    return Case(
        name=name,
        hours=result.duration_s / 3600.0,
        plans=plans,
        windows=windows,
        summary=summary,
        link_flow_veh_h=result.link_outflow_veh * hourly,
        link_x=result.link_saturation,
        link_vehicles=result.link_inflow_veh + result.entry_waiting_veh,
        link_delay_s=np.maximum(result.link_delay_s + result.entry_delay_s, 0.0),
        link_stops=np.maximum(result.link_stops, 0.0),
        link_queue_veh=result.link_max_queue_veh + result.entry_waiting_veh,
        movement_flow_veh_h=flow,
        movement_x=movement_x,
        saturation_veh_h=np.bincount(movement, rate, len(network.movements)) / VEH_H,
        movement_green=green,
        movement_delay_s=_control_delay(network, plans, result, green),
    )


def _green_share(network: RoadNetwork, plans: PlanSet, windows: Sequence[Sequence[Sequence[Window]]]) -> F1:
    share = np.ones(len(network.movements))
    for plan, greens in zip(plans, windows, strict=True):
        for group, runs in zip(plan.junction.groups, greens, strict=True):
            green = sum(end - start for start, end in runs)
            share[list(group.movements)] = min(green / plan.cycle_s, 1.0)
    return share


def _control_delay(network: RoadNetwork, plans: PlanSet, result: FlowResult, green: F1) -> F1:
    """Return the HCM control delay of every movement with a signal, in its most saturated lane group."""
    delay = np.full(len(network.movements), np.nan)
    hours = result.duration_s / 3600.0
    group, movement = network.connections.lane_group, network.connections.movement
    order = np.lexsort((result.group_saturation[group], movement))
    worst = np.zeros(len(network.movements), dtype=np.int64)
    worst[movement[order]] = group[order]
    for plan in plans:
        for signals in plan.junction.groups:
            for row in signals.movements:
                x, came = (
                    values[worst[row]] for values in (result.group_saturation, result.group_inflow_veh)
                )
                if not (np.isfinite(x) and x > 0 and green[row] > 0):
                    continue
                arrived = float(came) / hours
                found = control_delay(
                    arrived, arrived / float(x), float(green[row]), plan.cycle_s, period_h=hours
                )
                delay[row] = found.total_s
    return delay


def _whole(value: float) -> int:
    return int(np.rint(value))


def _percent(value: float) -> int:
    return int(np.rint(100.0 * min(float(value), _HIGHEST_X)))
