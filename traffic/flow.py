"""The flow model: how demand moves through a network under given signals (link transmission model).

Kinematic waves on links with a triangular fundamental diagram, as cumulative counts at their ends (Newell 1993,
Transportation Research Part B 27, 281-313; Yperman 2007, doctoral thesis, KU Leuven), in steps of one second:

- A vehicle reaches the end of a link after the free-flow travel time. There the turning shares of the demand
  period split the vehicles, first in, first out, into the lane groups and those who leave the network. A lane group
  that is full blocks all behind the first who wants to enter it.
- A lane group discharges at its saturation flow in effective green (`FlowParameters.start_loss_s`, `.yellow_use_s`); movements
  that give way discharge by gap acceptance, not at all while an opposing queue discharges.
- In a shared lane group, vehicles come to the stop line in the mix of the queue; one for each lane may stand there
  and wait for its movement while others pass.
- A link takes up what its capacity and its storage leave: the backward wave brings room from its end to its start.
  Where several lane groups want more than that, the node model of Tampère et al. (2011) shares the room.
- What a full entry link cannot take waits outside and is counted.

Turn bays are storage beside the running lanes of their link. A turn bay, or a lane, that is full is blocked from its
first vehicle to its end; that its discharge needs time to reach the end is left out. Nothing relieves a gridlock: its
vehicles stay, and are counted (`FlowResult.standing`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traffic._flow_parameters import FlowParameters, Gap
from traffic._flow_prepare import GAP_PER_FLOW, GAP_STEPS, prepare
from traffic._flow_result import Curves, FlowResult, FlowSeries
from traffic._flow_state import fresh_records, fresh_tables, signals_of
from traffic._kernels_flow import run_flow
from traffic._kernels_flow_tables import (
    ARRIVED,
    CAP_SUM,
    ENTERED,
    ENTERED_VEH,
    ERROR,
    GONE_VEH,
    GROUP_CONN,
    GROUP_LINK,
    INSIDE_S,
    INSIDE_VEH,
    LEFT,
    OUTSIDE,
    OUTSIDE_S,
    OUTSIDE_SUM,
    OUTSIDE_VEH,
    PASSED,
    QUEUE,
    QUEUE_MAX,
    QUEUE_S,
    QUEUE_SUM,
    RELEASED,
    SAVED,
    UNSTOPPED,
    Settings,
)
from traffic.emissions import CO2_KG_L, fuel_l
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traffic._kernels_flow_tables import Records, Tables
    from traffic.demand import FlowDemand
    from traffic.greens import MovementGreens
    from traffic.network import RoadNetwork

__all__ = ["Curves", "FlowModel", "FlowParameters", "FlowResult", "FlowSeries", "Gap", "simulate"]

_EPS = 1e-9


def simulate(
    network: RoadNetwork,
    demand: FlowDemand,
    greens: MovementGreens,
    *,
    duration_s: int = 3600,
    parameters: FlowParameters | None = None,
    report_s: int = 300,
) -> FlowResult:
    """Run the flow model once, from an empty network; see `FlowModel` for many runs."""
    return FlowModel(network, demand, parameters).run(greens, duration_s, report_s)


class FlowModel:
    """The flow model of one network under one demand, prepared once for many signal plans.

    Parameters
    ----------
    network, demand
        What moves where. The demand must fit the network (`FlowDemand.check`).
    parameters
        Physical parameters; `None` for the defaults.
    """

    def __init__(
        self, network: RoadNetwork, demand: FlowDemand, parameters: FlowParameters | None = None
    ) -> None:
        demand.check(network)
        self.network = network
        self.demand = demand
        self.parameters = FlowParameters() if parameters is None else parameters
        self._prepared = prepare(network, demand, self.parameters)

    def run(
        self,
        greens: MovementGreens,
        duration_s: int = 3600,
        report_s: int = 300,
        *,
        curves: Sequence[int] = (),
    ) -> FlowResult:
        """Run the model from an empty network.

        Parameters
        ----------
        greens
            Signal states of all movements of the network.
        duration_s, report_s
            Length of the run and of a report period, whole seconds.
        curves
            Links whose cumulative counts are kept second by second.
        """
        self._check(greens, duration_s, report_s)
        prepared, parameters = self._prepared, self.parameters
        signals = signals_of(greens, prepared, parameters)
        settings = Settings(
            duration_s=int(duration_s),
            report_s=int(report_s),
            period_s=float(self.demand.period_s),
            gap_steps=GAP_STEPS,
            gap_per_flow=GAP_PER_FLOW,
            sneakers=parameters.sneakers_veh / parameters.sneak_time_s,
            smoothing=1.0 / parameters.smoothing_s,
            give_way_weight=parameters.give_way_weight,
        )
        rows = np.full(len(self.network.links), -1, dtype=np.int64)
        rows[prepared.link] = np.arange(len(prepared.link))
        kept = [int(link) for link in curves if rows[link] >= 0]
        state = fresh_tables(prepared, signals)
        records = fresh_records(prepared, duration_s, report_s, rows[kept])
        run_flow(state, prepared.shares, signals, settings, records)
        return self._result(state, records, duration_s, report_s, list(curves), kept)

    def _check(self, greens: MovementGreens, duration_s: int, report_s: int) -> None:
        movements = len(self.network.movements)
        if len(greens) != movements:
            rule = f"must have {movements} rows, one for each movement of the network"
            raise InputError(rule, field="greens", value=len(greens))
        for field, value in (("duration_s", duration_s), ("report_s", report_s)):
            if value != int(value) or value < 1:
                raise InputError("must be 1 s or more, in whole seconds", field=field, value=value)

    def _result(
        self,
        state: Tables,
        records: Records,
        duration_s: int,
        report_s: int,
        curves: list[int],
        kept: list[int],
    ) -> FlowResult:
        prepared, links = self._prepared, self.network.links
        totals = records.totals[-1]
        inside, outside, entered, gone = (
            float(totals[i]) for i in (INSIDE_VEH, OUTSIDE_VEH, ENTERED_VEH, GONE_VEH)
        )
        saved = np.bincount(state.group_at[GROUP_LINK, :-1], state.group[SAVED], len(prepared.link))
        stops = np.maximum(state.link[ARRIVED] - state.link[UNSTOPPED] - saved, 0.0)
        distance = self._by_link(state.link[ARRIVED]) * links.length_m
        link_delay = self._by_link(state.link[QUEUE_SUM])
        entry_delay = self._by_link(state.entry[OUTSIDE_SUM], state.entry_link)
        fuel = float(fuel_l(distance, link_delay + entry_delay, self._by_link(stops), links.speed_m_s).sum())
        group_inflow, group_saturation = self._by_group(state, duration_s)
        link_saturation = np.zeros(len(links))
        np.maximum.at(link_saturation, self.network.lane_groups.link, group_saturation)
        return FlowResult(
            duration_s=int(duration_s),
            vehicles=entered + outside,
            arrived=gone,
            under_way=inside,
            waiting_to_enter=outside,
            standing=_standing(state, records, duration_s, report_s),
            total_time_s=float(totals[INSIDE_S] + totals[OUTSIDE_S]),
            delay_s=float(totals[QUEUE_S] + totals[OUTSIDE_S]),
            stops=float(stops.sum()),
            throughput_veh_h=gone * 3600.0 / duration_s,
            fuel_l=fuel,
            co2_kg=fuel * CO2_KG_L,
            conservation_error=float(totals[ERROR]),
            link_inflow_veh=self._by_link(state.link[ENTERED]),
            link_outflow_veh=self._by_link(state.link[LEFT]),
            link_delay_s=link_delay,
            link_stops=self._by_link(stops),
            link_max_queue_veh=self._by_link(state.link[QUEUE_MAX]),
            link_saturation=link_saturation,
            entry_waiting_veh=self._by_link(state.entry[OUTSIDE], state.entry_link),
            entry_delay_s=entry_delay,
            group_inflow_veh=group_inflow,
            group_saturation=group_saturation,
            movement_veh=np.bincount(
                prepared.movement, state.conn[PASSED], len(self.network.movements)
            ).astype(np.float64),
            series=self._series(records, duration_s, report_s),
            curves=self._curves(records, duration_s, curves, kept),
        )

    def _by_link(
        self, values: NDArray[np.float64], rows: NDArray[np.int32] | None = None
    ) -> NDArray[np.float64]:
        spread = np.zeros(len(self.network.links))
        spread[self._prepared.link if rows is None else self._prepared.link[rows]] = values
        return spread

    def _by_group(self, state: Tables, duration_s: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the vehicles that came to each lane group, or would have, and its degree of saturation."""
        prepared = self._prepared
        tables = prepared.tables
        owner = np.repeat(np.arange(len(prepared.group)), np.diff(tables.group_at[GROUP_CONN]))
        came = np.bincount(owner, state.conn[PASSED], len(prepared.group)) + state.group[QUEUE]
        held = state.link[ARRIVED] - state.link[RELEASED]
        held[state.entry_link] += self._late(state, duration_s)
        period = min(int((duration_s - 1) // self.demand.period_s), self.demand.periods - 1)
        came += held[tables.group_at[GROUP_LINK, :-1]] * prepared.shares.group[period]
        capacity = state.group[CAP_SUM]
        never = np.where(came > _EPS, np.inf, 0.0)
        saturation = np.divide(came, capacity, out=never, where=capacity > 0)
        inflow_all, saturation_all = np.zeros((2, len(self.network.lane_groups)))
        inflow_all[prepared.group], saturation_all[prepared.group] = came, saturation
        return inflow_all, saturation_all

    def _late(self, state: Tables, duration_s: int) -> NDArray[np.float64]:
        """Return, for each entry, the vehicles that its lack of room keeps from the end of the link.

        Due long enough ago to be there by now at free speed, but still outside, or on the way because they were.
        """
        links, rate, at = self.network.links, self._prepared.shares.entry, state.entry_link
        link = self._prepared.link[at]
        free_s = links.length_m[link] / links.speed_m_s[link]
        outside = state.entry[OUTSIDE]
        due, recent = self._due(rate, 0.0, duration_s), self._due(rate, duration_s - free_s, duration_s)
        entered, arrived = state.link[ENTERED, at], state.link[ARRIVED, at]
        of_entry = np.divide(due - outside, entered, out=np.zeros_like(outside), where=entered > 0)
        late = outside - recent + (entered - arrived) * of_entry
        return np.where(outside > _EPS, np.maximum(late, 0.0), 0.0)

    def _due(
        self, rate: NDArray[np.float64], since_s: float | NDArray[np.float64], until_s: float
    ) -> NDArray[np.float64]:
        """Return the vehicles due at each entry in a span of time; `rate` has the shape (periods, entries)."""
        edge_s = np.arange(len(rate)) * self.demand.period_s
        end_s = np.r_[edge_s[1:], np.inf]  # the last period goes on for ever
        begin = np.maximum(edge_s[:, None], np.maximum(since_s, 0.0))
        span = np.maximum(np.minimum(end_s[:, None], until_s) - begin, 0.0)
        return np.asarray((span * rate).sum(axis=0))

    def _series(self, records: Records, duration_s: int, report_s: int) -> FlowSeries:
        totals = records.totals
        end = np.minimum(np.arange(1, len(totals) + 1) * float(report_s), float(duration_s))
        length = np.diff(np.r_[0.0, end])
        links = len(self.network.links)
        outflow, queue = np.zeros((len(end), links)), np.zeros((len(end), links))
        outflow[:, self._prepared.link] = np.diff(records.link_left, axis=0, prepend=0.0) / length[:, None]
        queue[:, self._prepared.link] = records.link_queue
        return FlowSeries(
            end_s=end,
            inside_veh=totals[:, INSIDE_VEH].copy(),
            outside_veh=totals[:, OUTSIDE_VEH].copy(),
            entered_veh=np.diff(totals[:, ENTERED_VEH], prepend=0.0),
            arrived_veh=np.diff(totals[:, GONE_VEH], prepend=0.0),
            delay_s=np.diff(totals[:, OUTSIDE_S] + totals[:, QUEUE_S], prepend=0.0),
            link_outflow_veh_s=outflow,
            link_queue_veh=queue,
        )

    def _curves(self, records: Records, duration_s: int, curves: list[int], kept: list[int]) -> Curves:
        inflow, outflow = np.zeros((2, len(curves), duration_s + 1))
        at = [i for i, link in enumerate(curves) if link in set(kept)]
        inflow[at], outflow[at] = records.curve_in, records.curve_out
        return Curves(np.array(curves, dtype=np.int32), inflow, outflow)


def _standing(state: Tables, records: Records, duration_s: int, report_s: int) -> float:
    """Return the vehicles on links whose queue has not moved in the last full report period."""
    if len(records.link_left) < 2:
        return 0.0
    full = duration_s % report_s == 0
    before = records.link_left[-2 if full or len(records.link_left) == 2 else -3]
    stuck = (state.link[ARRIVED] - state.link[LEFT] > _EPS) & (state.link[LEFT] - before <= _EPS)
    return float((state.link[ENTERED] - state.link[LEFT])[stuck].sum())
