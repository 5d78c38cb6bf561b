"""What the engineer has settled: locked plans and fixed stage orders, which neither searches nor files may change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from signals.junction import Junction
    from signals.plan import Plan, PlanSet

__all__ = ["check_locked", "check_settled", "check_start", "with_locked"]


def check_locked(junctions: Iterable[Junction], before: PlanSet | None, *, file: object = None) -> None:
    """Raise `InputError` where a junction is locked and there is no plan in force that it could keep."""
    locked = [] if before is not None else [junction.key for junction in junctions if junction.locked]
    if locked:
        rule, hint = "is locked, so its plan in force must be known", "Give the timing sheet under [signals]"
        raise InputError(rule, file=file, field=f"junction {locked[0]}", value="no plan", hint=hint)


def check_start(junctions: Sequence[Junction], start: PlanSet | None) -> None:
    """Raise `InputError` where a locked junction has no plan to keep, or a plan of `start` breaks a fixed order."""
    check_locked(junctions, start)
    if start is not None:
        for junction in junctions:
            _check_order(junction, start[junction.index])


def check_settled(junctions: Sequence[Junction], plans: PlanSet, before: PlanSet | None) -> None:
    """Raise `InputError` where `plans` change a locked junction's plan in `before`, or break a fixed order."""
    check_locked(junctions, before)
    for junction in junctions:
        plan = plans[junction.index]
        if junction.locked and before is not None and _times(plan) != _times(before[junction.index]):
            raise InputError(
                "is locked, so its plan must be that of the timing sheet",
                field=f"junction {junction.key}",
                value=_told(plan),
                hint=f"The timing sheet has {_told(before[junction.index])}",
            )
        _check_order(junction, plan)


def with_locked(plans: PlanSet, start: PlanSet | None) -> PlanSet:
    """Return `plans` with the plans of `start` at all locked junctions."""
    if start is None:
        return plans
    return plans.with_plans(start[plan.junction.index] for plan in plans if plan.junction.locked)


def _check_order(junction: Junction, plan: Plan) -> None:
    if junction.fixed_order is None:
        return
    wanted = [frozenset(junction.group_index(name) for name in names) for names in junction.fixed_order]
    found = [stage.groups for stage in plan.stages]
    if any(found == wanted[k:] + wanted[:k] for k in range(len(wanted))):  # any stage may be stage 0
        return
    raise InputError(
        "must keep the fixed order of the stages",
        field=f"junction {junction.key}",
        value=", ".join("+".join(names) for names in plan.sequence.names()),
        hint="It is " + ", ".join("+".join(names) for names in junction.fixed_order),
    )


def _times(plan: Plan) -> tuple[object, ...]:
    return plan.cycle_s, plan.offset_s, plan.stages, plan.durations_s


def _told(plan: Plan) -> str:
    durations = "+".join(map(str, plan.durations_s))
    return f"stages of {durations} s, cycle {plan.cycle_s} s, offset {plan.offset_s} s"
