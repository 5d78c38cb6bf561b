"""A day's plans as the flow model reads them: every movement second by second, transitions included."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from signals.greens import movement_greens, signal_states
from signals.transition import Method, Transition, first_start_s, transition
from traffic.errors import InputError
from traffic.greens import MovementGreens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from signals.plan import Plan, PlanSet
    from traffic.network import RoadNetwork

__all__ = ["Switch", "greens_over_time", "junction_transition", "junction_transitions"]


class Switch(NamedTuple):
    """From `at_s` on, `plans` are to be in force, reached by `method`."""

    at_s: int
    plans: PlanSet
    method: Method


def junction_transition(before: Plan, after: Plan, switch_s: int, method: Method) -> Transition:
    """Return the transition by `method`; where greatest greens forbid it, by the first other method that is possible."""
    refused: InputError | None = None
    for way in (
        method,
        *(other for other in (Method.SHORTWAY, Method.LONGWAY, Method.DWELL) if other != method),
    ):
        try:
            return transition(before, after, switch_s, way)
        except InputError as error:
            refused = refused or error
    assert refused is not None
    raise refused


def junction_transitions(junction: int, switches: Sequence[Switch]) -> tuple[Transition, ...]:
    """Return the transitions of one junction, one for each switch but the first, whose plans are in step from the start.

    Every plan runs one whole cycle at least before the next one is asked for, also where its transition was late.
    """
    found: list[Transition] = []
    in_force, ready_s = switches[0].plans[junction], switches[0].at_s
    for at_s, plans, method in switches[1:]:
        done = junction_transition(in_force, plans[junction], max(at_s, ready_s), method)
        found.append(done)
        in_force, ready_s = done.after, done.end_s + done.after.cycle_s
    return tuple(found)


def greens_over_time(
    network: RoadNetwork, switches: Sequence[Switch], begin_s: int, duration_s: int
) -> MovementGreens:
    """Return the signal states of all movements from second `begin_s` of the epoch on.

    The plans of the first switch are in force, and in step, before the others. A junction whose plan stays the same is
    given by its cycle, every other one second by second for the length of the run.

    Parameters
    ----------
    switches
        In the order of time; at least one.
    begin_s, duration_s
        Part of time that is shown, whole seconds.
    """
    if not switches:
        raise InputError("must hold plans", field="switches", value=0)
    for one, other in pairwise(switches):
        if other.at_s <= one.at_s:
            rule = f"must be later than {one.at_s} s"
            raise InputError(rule, field="switches", value=other.at_s)
    first = movement_greens(network, switches[0].plans)
    begin, period = first.begin.copy(), first.period_s.copy()
    patterns: list[NDArray[np.uint8]] = []
    length = 0
    for plan in switches[0].plans:
        done = [t for t in junction_transitions(plan.junction.index, switches) if not _unchanged(t)]
        states = _states(plan, done, begin_s, duration_s) if done else _cycle(plan, begin_s)
        for position, group in enumerate(plan.junction.groups):
            movements = list(group.movements)
            begin[movements] = length + position * states.shape[1]
            period[movements] = states.shape[1]
        patterns.append(states.ravel())
        length += states.size
    state = np.concatenate(patterns) if patterns else np.empty(0, dtype=np.uint8)
    return MovementGreens(begin=begin, period_s=period, state=state)


def _unchanged(done: Transition) -> bool:
    one, other = done.before, done.after
    same = one.cycle_s == other.cycle_s and one.offset_s == other.offset_s
    return same and one.stages == other.stages and one.durations_s == other.durations_s


def _cycle(plan: Plan, begin_s: int) -> NDArray[np.uint8]:
    """Return the states of one cycle from `begin_s` on."""
    return signal_states(plan.junction, np.roll(plan.expand(), plan.offset_s - begin_s, axis=1))


def _states(
    plan: Plan, transitions: Sequence[Transition], begin_s: int, duration_s: int
) -> NDArray[np.uint8]:
    """Return the states of a run, and a cycle of `plan` before it at its end.

    The flow model reads patterns as cyclic: what stands at the end is what came before the first second.
    """
    shown, at, in_force = [], begin_s, plan
    end_s = begin_s + duration_s
    for done in transitions:
        shown.append(_steady(in_force, at, min(done.start_s, end_s)))
        whole_s = done.end_s + done.after.cycle_s
        since, until = max(at, done.start_s), min(whole_s, end_s)
        if since < until:
            shown.append(done.row.expand(since, until))
        at, in_force = max(at, whole_s), done.after
    shown.append(_steady(in_force, at, end_s))
    before = next((done.before for done in transitions if done.start_s >= begin_s), in_force)
    shown.append(_steady(before, begin_s - before.cycle_s, begin_s))
    return signal_states(plan.junction, np.concatenate(shown, axis=1))


def _steady(plan: Plan, since_s: int, until_s: int) -> NDArray[np.uint8]:
    """Return what every group of a plan in step shows from `since_s` to before `until_s`; shape (groups, seconds)."""
    second = np.arange(since_s, max(since_s, until_s))
    return plan.expand()[:, (second - first_start_s(plan, 0)) % plan.cycle_s]
