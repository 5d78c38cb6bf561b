"""A capability file against the junction that its controller stands at.

What passes here is safe however it is set: whatever RSMP can do to the stored plans, within what the file allows,
gives a plan that `signals.plan.Plan` would construct, by the intergreens of the junction and by those of the
controller.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from signals.junction import Junction
from signals.rsmp.capability import Capability, StoredPlan
from signals.sequence import NO_MAXIMUM_S, Stage, StageSequence
from traffic.errors import InputError

__all__ = ["require_junction"]


def require_junction(capability: Capability, junction: Junction) -> None:
    """Raise `InputError` where the controller could be set to what is not safe at `junction`.

    Its groups must be those of the junction and its intergreens at least as long. Its stored plans must keep, at the
    fewest and at the most seconds that their stages can have, every green, intergreen and cycle bound.
    """
    if junction.key != capability.junction:
        raise InputError(f"must be {capability.junction}", field="junction", value=junction.key)
    where = f"site {capability.site}"
    names = [group.name for group in junction.groups]
    odd = sorted(set(names) ^ {group.name for group in capability.groups})
    if odd:
        rule = "must be signal groups of both the junction and the controller"
        raise InputError(rule, field=f"{where}, groups", value=odd)
    stored = np.array([[capability.intergreen_s(ends, starts) for starts in names] for ends in names])
    short = np.argwhere(stored < junction.intergreen_s)
    if len(short):
        row, column = short[0].tolist()
        raise InputError(
            f"must be {junction.intergreen_s[row, column]} s or more, as the junction has it",
            field=f"{where}, intergreen from {names[row]} to {names[column]}",
            value=int(stored[row, column]),
        )
    np.fill_diagonal(stored, 0)
    for plan in capability.plans:
        # Longer intergreens make greens shorter, which is for the least greens; ours are for the greatest ones.
        for judge in (junction, replace(junction, intergreen_s=stored)):
            _check_plan(plan, judge, f"{where}, plan {plan.number}")


def _check_plan(plan: StoredPlan, junction: Junction, where: str) -> None:
    stages = [Stage(frozenset(junction.group_index(name) for name in stage)) for stage in plan.stages]
    sequence = StageSequence.of(junction, stages)
    low, high = plan.cycle_range_s or (plan.cycle_s, plan.cycle_s)
    if low < junction.cycle_min_s or high > junction.cycle_max_s:
        rule = f"must be within {junction.cycle_min_s} to {junction.cycle_max_s} s, as the junction has it"
        raise InputError(rule, field=f"{where}, cycle", value=(low, high))
    least = np.array(plan.base_s)
    extra = np.zeros(len(least), dtype=np.int64)
    for band in plan.bands:
        least[band.stage - 1] += band.min_s
        extra[band.stage - 1] = band.max_s - band.min_s
    if plan.remainder is not None:
        extra[plan.remainder - 1] = NO_MAXIMUM_S
    short = np.flatnonzero(least < sequence.min_stage_s)
    if len(short):
        stage = int(short[0])
        rule = f"must be {sequence.min_stage_s[stage]} s or more, with the least seconds of its band"
        raise InputError(rule, field=f"{where}, stage {stage + 1}", value=int(least[stage]))
    _check_greens(sequence, least, extra, high, where)


def _check_greens(
    sequence: StageSequence, least: np.ndarray, extra: np.ndarray, cycle_s: int, where: str
) -> None:
    """Check the shortest and the longest that each green can be, within cycles up to `cycle_s`."""
    shortest, room = sequence.green_s(least), cycle_s - int(least.sum())
    longest = shortest + np.minimum(sequence.green_s(extra) + sequence.end_gap_s, room)
    for run, (group, _, _) in enumerate(sequence.runs.tolist()):
        if sequence.always_green[run]:
            continue
        field = f"{where}, green of {sequence.junction.groups[group].name}"
        if shortest[run] < sequence.run_min_s[run]:
            raise InputError(
                f"must be {sequence.run_min_s[run]} s or more", field=field, value=int(shortest[run])
            )
        if longest[run] > sequence.run_max_s[run]:
            raise InputError(
                f"must be {sequence.run_max_s[run]} s or less", field=field, value=int(longest[run])
            )
