"""The cyclic flow profile model: what a plan costs, in milliseconds.

A model of the TRANSYT family (Robertson 1969): the flow at every stop line is a cyclic profile in one-second
bins. Platoons leave a signal at saturation flow, spread on the way (`signals.dispersion`), queue vertically at the
next one. To the cyclic ("uniform") delay comes the delay of random arrivals and oversaturation (HCM 2000,
equation 16-12). Movements that give way find gaps in the profile of the opposing flow. A queue longer than its
lanes costs extra.

Junctions of one group share a period; each runs at the period or at half of it. Between groups of different
periods no platoon survives. The model is for the search: the flow model (`traffic.flow`) has the last word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from signals._kernels_profile_tables import (
    DELAY_WEIGHT,
    RESULTS,
    SEQUENCE_BEGIN,
)
from signals._kernels_splits import all_feasible, split_all
from signals._kernels_spread import propagate, start_uniform
from signals.plan import Plan, PlanSet
from signals.profile_parameters import ProfileParameters, Weights, mean_demand
from signals.profile_state import buffers, downstream_order, leaders
from signals.profile_tables import build_net
from traffic.arrays import frozen
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from signals.junction import Junction
    from signals.sequence import StageSequence
    from traffic.demand import FlowDemand
    from traffic.network import RoadNetwork

__all__ = ["LaneGroupFigures", "ProfileModel", "Timings"]

_ROUNDS = 60


@dataclass
class Timings:
    """The plans of all junctions as arrays, for the search.

    Attributes
    ----------
    period_s
        Period of the junction's group; shape (junctions,).
    repeats
        Cycles in a period, 1 or 2.
    sequence
        Row of the stage sequence in `ProfileModel.sequences` (all junctions one after the other).
    offset_s
        Start of stage 0, in [0, period / repeats).
    duration_s
        Durations of the stages; shape (junctions, most stages), 0 after the last.
    """

    period_s: NDArray[np.int32]
    repeats: NDArray[np.int32]
    sequence: NDArray[np.int32]
    offset_s: NDArray[np.int32]
    duration_s: NDArray[np.int32]

    def copy(self) -> Timings:
        """Return an independent copy."""
        arrays = (self.period_s, self.repeats, self.sequence, self.offset_s, self.duration_s)
        return Timings(*(array.copy() for array in arrays))


@dataclass(frozen=True, eq=False)
class LaneGroupFigures:
    """Figures of all lane groups; shape (lane groups,).

    Attributes
    ----------
    flow_veh_s, capacity_veh_s
        Arriving flow and capacity.
    uniform_veh, overflow_veh
        Vehicles in cyclic delay, and in random and oversaturation delay, on average over time.
    stops_veh_s
        Stops per second.
    back_veh
        Largest back of the cyclic queue, vehicles from the stop line.
    """

    flow_veh_s: NDArray[np.float64]
    capacity_veh_s: NDArray[np.float64]
    uniform_veh: NDArray[np.float64]
    overflow_veh: NDArray[np.float64]
    stops_veh_s: NDArray[np.float64]
    back_veh: NDArray[np.float64]


class ProfileModel:
    """Evaluates plans of one network under one demand.

    Parameters
    ----------
    sequences
        Stage sequences of each junction that plans may use.
    weights
        Cost of delay and of stops on each link; default: delay only.
    duration_s
        The part of the demand that is planned for, from its start.
    period_max_s
        Longest period; default: the longest cycle of any junction.
    """

    def __init__(
        self,
        network: RoadNetwork,
        junctions: Sequence[Junction],
        sequences: Sequence[Sequence[StageSequence]],
        demand: FlowDemand,
        *,
        weights: Weights | None = None,
        parameters: ProfileParameters | None = None,
        duration_s: float = 3600.0,
        period_max_s: int | None = None,
    ) -> None:
        _check(network, junctions, sequences)
        self.network = network
        self.junctions = tuple(junctions)
        self.sequences = tuple(tuple(several) for several in sequences)
        self.all_sequences = tuple(s for several in self.sequences for s in several)
        self.demand = mean_demand(network, demand, duration_s)
        if weights is None:
            links = len(network.links)
            weights = Weights(delay=np.ones(links), stop_s=np.zeros(links))
        self.parameters = parameters or ProfileParameters()
        longest = period_max_s or max((j.cycle_max_s for j in junctions), default=1)
        self.net, sizes = build_net(
            network,
            junctions,
            self.sequences,
            self.demand,
            weights,
            self.parameters,
            stride=longest,
        )
        self._group_value = self.net.group_value
        self._link_flow = frozen(self.demand.link_veh_s, np.float64)
        self.state, self.plan, self.journal = buffers(network, self.net, sizes)
        self.nodes = frozen(network.junctions.node, np.int32)
        self._all_nodes = frozen(downstream_order(network, self.demand), np.int32)
        self._leader = leaders(network, self.demand)

    @property
    def cost(self) -> float:
        """Cost of the timings evaluated last: vehicles in (weighted) delay, on average over time."""
        return float(np.sum(self.state.node_cost))

    def load(self, timings: Timings) -> None:
        """Take over `timings` without evaluating them."""
        period = np.where(self._leader >= 0, timings.period_s[np.maximum(self._leader, 0)], 1)
        if len(timings.period_s) and int(period.max()) > self.net.stride:
            rule = f"must be at most {self.net.stride} s, the longest cycle of the model"
            raise InputError(rule, field="timings.period_s", value=int(period.max()))
        self.plan.period[:] = period
        self.plan.repeats[:] = timings.repeats
        self.plan.sequence[:] = timings.sequence
        self.plan.offset[:] = timings.offset_s
        self.plan.duration[:] = timings.duration_s.ravel()

    def timings(self) -> Timings:
        """Return the timings in hand."""
        return Timings(
            period_s=self.plan.period[self.nodes],
            repeats=self.plan.repeats.copy(),
            sequence=self.plan.sequence.copy(),
            offset_s=self.plan.offset.copy(),
            duration_s=self.plan.duration.reshape(len(self.junctions), -1).copy(),
        )

    def evaluate(self, timings: Timings | None = None, *, epsilon: float = 1e-6, warm: bool = False) -> float:
        """Return the cost of `timings` (default: those in hand), from uniform flows or, `warm`, those in hand."""
        if timings is not None:
            self.load(timings)
        if not warm:
            self.start_uniform()
        self.refresh(epsilon=epsilon)
        return self.cost

    def reweigh(self, factor: NDArray[np.float64] | None) -> None:
        """Multiply the weight of delay in each lane group by `factor` (`None`: 1); shape (lane groups,)."""
        table = self._group_value.copy()
        if factor is not None:
            table[:, DELAY_WEIGHT] *= factor
        self.net = self.net._replace(group_value=frozen(table, np.float64))

    def start_uniform(self) -> None:
        """Let every link carry its mean flow, without platoons."""
        start_uniform(self.net, self.state, self._link_flow)

    def refresh(self, *, epsilon: float = 1e-6) -> int:
        """Evaluate all nodes from the profiles as they are; return the number of node evaluations."""
        return self.update(self._all_nodes, epsilon=epsilon)

    def update(self, nodes: NDArray[np.int32], *, epsilon: float = 1e-6) -> int:
        """Evaluate `nodes`, where plans changed, and what that reaches; return the number of evaluations.

        A change travels on while some inflow changes by more than `epsilon` (vehicles per second).
        """
        visits = np.full(len(self.network.nodes), _ROUNDS, dtype=np.int32)
        seeds = frozen(nodes, np.int32)
        return int(propagate(self.net, self.plan, self.state, self.journal, seeds, epsilon, visits))

    def set_offset(self, junction: int, offset_s: int) -> None:
        """Set one offset in the timings in hand; `update` its node afterwards."""
        cycle = int(self.plan.period[self.nodes[junction]] // self.plan.repeats[junction])
        self.plan.offset[junction] = offset_s % cycle

    def split(self, junctions: NDArray[np.intp], *, warm: bool = False) -> NDArray[np.float64]:
        """Divide the cycles of `junctions` over the stages by least cost under the arrivals as they are.

        With `warm`, the durations in hand are stretched to begin with.

        Returns
        -------
        NDArray
            Cost of each junction; -1 where its cycle cannot hold the sequence. Profiles are not passed on.
        """
        nodes = frozen(self.nodes[junctions], np.int32)
        cost = np.empty(len(nodes))
        split_all(self.net, self.plan, self.state, nodes, warm, cost)
        return cost

    def feasible(self) -> bool:
        """Return whether the timings in hand keep the bounds of their stage sequences."""
        rows = frozen(np.arange(len(self.junctions)), np.int32)
        return bool(all_feasible(self.net, self.plan, self.state, rows))

    def figures(self) -> LaneGroupFigures:
        """Return the figures of all lane groups in the evaluation in hand."""
        table = self.state.result.reshape(-1, RESULTS)
        columns = (frozen(table[:, k], np.float64) for k in range(RESULTS))
        flow, capacity, uniform, stops, back, overflow = columns
        return LaneGroupFigures(flow, capacity, uniform, overflow, stops, back)

    def departures(self, group: int) -> NDArray[np.float64]:
        """Return the departures of a lane group in each second of the period, vehicles per second."""
        period = int(self.plan.period[self.network.links.to_node[self.network.lane_groups.link[group]]])
        start = group * self.net.stride
        return self.state.depart[start : start + period].copy()

    def to_plans(self, timings: Timings, *, name: str, keep: PlanSet | None = None) -> PlanSet:
        """Return `timings` as plans; where nothing changed against `keep`, its plan stays."""
        plans = []
        for j, junction in enumerate(self.junctions):
            sequence = self.all_sequences[timings.sequence[j]]
            durations = tuple(int(d) for d in timings.duration_s[j, : len(sequence)])
            cycle = int(timings.period_s[j] // timings.repeats[j])
            plan = Plan(
                junction=junction,
                cycle_s=cycle,
                offset_s=int(timings.offset_s[j]) % cycle,
                stages=sequence.stages,
                durations_s=durations,
                name=name,
            )
            old = keep[j] if keep is not None else None
            same = old is not None and (old.offset_s, old.stages, old.durations_s) == (
                plan.offset_s,
                plan.stages,
                plan.durations_s,
            )
            plans.append(old if old is not None and same else plan)
        return PlanSet(name=name, network_name=self.network.name, plans=tuple(plans))

    def from_plans(self, plans: PlanSet) -> Timings:
        """Return plans as timings; their stage sequences must be among the model's.

        A junction whose cycle is half of the most common one counts as double cycling.
        """
        count = len(self.junctions)
        cycles = np.array([plan.cycle_s for plan in plans], dtype=np.int32)
        common = int(np.bincount(cycles).argmax()) if count else 0
        repeats = np.where(2 * cycles == common, 2, 1).astype(np.int32)
        sequence = np.zeros(count, dtype=np.int32)
        duration = np.zeros((count, self.net.stages), dtype=np.int32)
        for j, plan in enumerate(plans):
            sequence[j] = self._sequence_row(j, plan)
            duration[j, : len(plan.durations_s)] = plan.durations_s
        offset = np.array([plan.offset_s for plan in plans], dtype=np.int32)
        return Timings((cycles * repeats).astype(np.int32), repeats, sequence, offset, duration)

    def _sequence_row(self, junction: int, plan: Plan) -> int:
        first = int(self.net.junction[junction, SEQUENCE_BEGIN])
        for place, sequence in enumerate(self.sequences[junction]):
            if sequence.stages == plan.stages:
                return first + place
        rule = "must use a stage sequence of the model"
        raise InputError(rule, field=f"plan of junction {plan.junction.key}", value=plan.sequence.names())


def _check(
    network: RoadNetwork, junctions: Sequence[Junction], sequences: Sequence[Sequence[StageSequence]]
) -> None:
    for field, rows in (("junctions", junctions), ("sequences", sequences)):
        if len(rows) != len(network.junctions):
            rule = f"must have {len(network.junctions)} rows, one for each junction of the network"
            raise InputError(rule, field=field, value=len(rows))
    for junction, several in zip(junctions, sequences, strict=True):
        if not several:
            rule = "a junction needs a stage sequence"
            raise InputError(rule, field=f"sequences[{junction.index}]", value=junction.key)
