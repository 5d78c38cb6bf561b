"""A light with no other near it: its cycle is its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from signals.plan import Plan, PlanSet

__all__ = ["moved", "with_other_cycles"]

_NAME = "optimised"
_STEPS_S = (1, 2, 4, 8)
_RATIOS = (0.8, 0.9, 0.95, 1.05, 1.1, 1.25)
_ONE, _TWO = 0.4, 0.4  # part of the moves that change one stage, or two; the others change all
_APART_S = 6
_OFFSETS = 4


def moved(plan: Plan, rng: np.random.Generator) -> Plan | None:
    """Return the plan with one stage longer, seconds moved between two, or all stretched; `None` where it cannot be."""
    kind = rng.random()
    if kind > _ONE + _TWO or len(plan.stages) == 1:
        return with_cycle(plan, round(float(rng.choice(_RATIOS)) * plan.cycle_s))
    durations = np.array(plan.durations_s)
    step_s = int(rng.choice(_STEPS_S))
    first, second = rng.permutation(len(durations))[:2]
    durations[first] += step_s if kind > _ONE or rng.random() < 0.5 else -step_s
    if kind > _ONE:
        durations[second] -= step_s
    return _with_durations(plan, durations)


def with_other_cycles(plans: PlanSet, longest_s: int) -> list[PlanSet]:
    """Return the plans of a single light at other cycles and offsets, with the green shared as it is.

    Vehicles that enter at given times may come in waves, which an offset can meet.
    """
    plan = plans[0]
    shortest_s = max(int(plan.sequence.planned_stage_s.sum()), plan.junction.cycle_min_s)
    cycles = [with_cycle(plan, cycle_s) for cycle_s in range(shortest_s + _APART_S, longest_s + 1, _APART_S)]
    return [
        plans.with_plans([replace(made, offset_s=k * made.cycle_s // _OFFSETS)], name=_NAME)
        for made in (plan, *cycles)
        if made is not None
        for k in range(_OFFSETS)
    ]


def with_cycle(plan: Plan, cycle_s: int) -> Plan | None:
    """Return the plan with another cycle; what stages have beyond their least is shared out as it was."""
    least = np.asarray(plan.sequence.planned_stage_s, dtype=np.int64)
    spare_s = cycle_s - int(least.sum())
    own = np.maximum(np.array(plan.durations_s) - least, 0) + 0.5
    if spare_s < 0 or cycle_s == plan.cycle_s:
        return None
    exact = own / own.sum() * spare_s
    durations = least + np.floor(exact).astype(np.int64)
    rest = np.argsort(np.floor(exact) - exact, kind="stable")[: cycle_s - int(durations.sum())]
    durations[rest] += 1
    return _with_durations(plan, durations)


def _with_durations(plan: Plan, durations: NDArray[np.int64]) -> Plan | None:
    short = durations < np.minimum(plan.sequence.planned_stage_s, plan.durations_s)
    if short.any() or not plan.sequence.feasible(durations):
        return None
    seconds, cycle_s = tuple(durations.tolist()), int(durations.sum())
    return replace(plan, durations_s=seconds, cycle_s=cycle_s, offset_s=plan.offset_s % cycle_s, name=_NAME)
