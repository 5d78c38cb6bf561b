"""From plans to what the flow model reads: the state of every movement, second by second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from signals.aspects import Aspect
from signals.junction import Conflict, Junction
from traffic.errors import InputError
from traffic.greens import MovementGreens, SignalState

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from signals.plan import Plan, PlanSet
    from traffic.network import RoadNetwork

__all__ = ["group_states", "movement_greens", "signal_states"]


def group_states(plan: Plan) -> NDArray[np.uint8]:
    """Return the `SignalState` of every group in every second after the cycle zero; shape (groups, cycle).

    A green group is PERMISSIVE in the seconds in which a group that it yields to is green too.
    """
    return signal_states(plan.junction, np.roll(plan.expand(), plan.offset_s, axis=1))


def signal_states(junction: Junction, shown: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the `SignalState` of every group for the `Aspect` that each shows; shape (groups, seconds)."""
    green = (shown == Aspect.GREEN) | (shown == Aspect.FLASHING_GREEN)
    yields = junction.conflict == Conflict.YIELD
    gives_way = (yields.astype(np.int32) @ green.astype(np.int32)) > 0
    states = np.full(shown.shape, SignalState.RED, dtype=np.uint8)
    states[shown == Aspect.YELLOW] = SignalState.YELLOW
    states[green] = SignalState.PROTECTED
    states[green & gives_way] = SignalState.PERMISSIVE
    return states


def movement_greens(network: RoadNetwork, plans: PlanSet) -> MovementGreens:
    """Return the signal states of all movements under `plans`; a pattern is one cycle from the cycle zero."""
    if plans.network_name not in {"", network.name}:
        rule = f"must be plans of the network {network.name!r}"
        raise InputError(rule, field="network_name", value=plans.network_name)
    if len(plans) != len(network.junctions):
        rule = f"must be {len(network.junctions)} plans, one for each junction"
        raise InputError(rule, field="plans", value=len(plans))
    begin = np.full(len(network.movements), -1, dtype=np.int32)
    period = np.ones(len(network.movements), dtype=np.int32)
    patterns: list[NDArray[np.uint8]] = []
    length = 0
    for plan in plans:
        states = group_states(plan)
        for position, group in enumerate(plan.junction.groups):
            movements = list(group.movements)
            begin[movements] = length + position * plan.cycle_s
            period[movements] = plan.cycle_s
        patterns.append(states.ravel())
        length += states.size
    state = np.concatenate(patterns) if patterns else np.empty(0, dtype=np.uint8)
    return MovementGreens(begin=begin, period_s=period, state=state)
