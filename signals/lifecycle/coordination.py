"""What is due by itself: groups that are complete, deadlines, ends.

Any replica may look for it at any time: what is due is found in the state, and doing it twice does nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from signals.instants import instant_text
from signals.lifecycle.decision import Decision
from signals.lifecycle.in_force import active_versions
from signals.lifecycle.records import GroupState, Lifecycle, SetState
from traffic.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from signals.lifecycle.facts import Fact
    from signals.lifecycle.records import GroupRecord, PlanSetRecord

__all__ = ["SETTLING", "Ready", "activate", "ready", "tidy"]

SETTLING = timedelta(minutes=6)
"""How long after the activation a member may take to come into step before the operator is told."""


@dataclass(frozen=True)
class Ready:
    """A group all of whose members have accepted: the versions that it waits to switch to, and when each ends."""

    plan_set: str
    group: str
    versions: Mapping[str, int]
    ends: Mapping[str, datetime | None]


def ready(state: Lifecycle, at: datetime) -> list[Ready]:
    """Return the groups that can be activated."""
    return [
        Ready(record.id, group.name, _pending(state, record, group), _ends(record, group))
        for record in _live(state)
        for group in record.groups.values()
        if group.state is GroupState.PENDING and not group.missing and not _over(record, group, at)
    ]


def _ends(record: PlanSetRecord, group: GroupRecord) -> dict[str, datetime | None]:
    return {key: record.until_of(key) for key in group.members}


def _over(record: PlanSetRecord, group: GroupRecord, at: datetime) -> bool:
    """Return whether the plans of a member have ended: then the group cannot switch as a whole."""
    return any(end is not None and end <= at for end in _ends(record, group).values())


def _pending(state: Lifecycle, record: PlanSetRecord, group: GroupRecord) -> dict[str, int]:
    versions = {}
    for key in group.members:
        pending = state.junction(key).slot(record.slot).pending
        if pending is not None:
            versions[key] = pending.number
    return versions


def _live(state: Lifecycle) -> Iterator[PlanSetRecord]:
    return (state.sets[identifier] for identifier in sorted(state.live))


def activate(
    state: Lifecycle,
    at: datetime,
    who: str,
    what: Ready,
    activations: Mapping[str, str],
    activate_at: datetime,
) -> list[Fact]:
    """Let a group switch.

    Parameters
    ----------
    what
        As `ready` has found it; where it is no longer so, nothing is done.
    activations
        A signed activation for each member.
    """
    record = state.plan_set(what.plan_set)
    group = record.groups[what.group]
    if group.state is not GroupState.PENDING:
        return []
    if group.missing or dict(what.versions) != _pending(state, record, group):
        raise RefusedError("must be complete", field=f"group {group.name}", value=list(group.missing))
    if set(activations) != set(group.members):
        raise RefusedError("must be for each member", field=f"group {group.name}, activations")
    if dict(what.ends) != _ends(
        record, group
    ):  # somebody has ended the set since the activations were signed
        raise RefusedError("must end with its set", field=f"group {group.name}, activations")
    if activate_at <= at:  # it has taken long to be entered, and nobody could hear of it in time
        rule = f"must be later than {instant_text(at)}"
        raise RefusedError(rule, field=f"group {group.name}, activate_at", value=instant_text(activate_at))
    if any(end is not None and end <= activate_at for end in what.ends.values()):
        raise RefusedError("must begin before it ends", field=f"group {group.name}, activations")
    _require_begun(state, at, record, group, activate_at)
    left = {
        current.plan_set
        for key in group.members
        if (current := state.junction(key).slot(record.slot).current) is not None
    }
    decision = Decision(state, at, who)
    decision.record(
        "group.activated",
        plan_set=record.id,
        group=group.name,
        activate_at=instant_text(activate_at),
        activations=dict(activations),
    )
    for identifier in sorted(left):  # those that have not begun never do
        decision.supersede(identifier)
    decision.conclude(record.id)
    return decision.facts


def _require_begun(
    state: Lifecycle, at: datetime, record: PlanSetRecord, group: GroupRecord, activate_at: datetime
) -> None:
    """Raise where a member has a plan that begins first: the group waits for it, so that it is not left out."""
    for key in group.members:
        begins_at = state.begins_at(key, record.slot)
        if begins_at is not None and at < begins_at < activate_at:
            rule = f"must wait until {instant_text(begins_at)}, when the plan of {key} from before begins"
            raise RefusedError(rule, field=f"group {group.name}", value=instant_text(activate_at))


def tidy(state: Lifecycle, at: datetime, who: str) -> list[Fact]:
    """Return what time has brought: deadlines that have passed, sets, orders and holds that have ended."""
    decision = Decision(state, at, who)
    for record in _live(state):  # what has begun has taken the place of another
        decision.supersede(record.id)
    for record in _live(decision.state):
        _tidy_set(decision, record)
    for key, junction in state.junctions.items():
        if junction.order is not None and junction.order.expires_at <= at:
            decision.record("junction.order_expired", junction=key)
        if junction.hold is not None and junction.hold.until <= at:
            decision.record("junction.released", junction=key, by=junction.hold.by, how="expired")
    return decision.facts


def _tidy_set(decision: Decision, record: PlanSetRecord) -> None:
    at = decision.at
    for group in record.groups.values():
        if group.state is not GroupState.PENDING:
            _tell_late(decision, record, group)
        elif _over(record, group, at):
            decision.keep(decision.state.sets[record.id], group, "its validity has ended")
        elif group.missing and record.deadline is not None and record.deadline <= at:
            decision.keep(decision.state.sets[record.id], group, "not every member has acknowledged in time")
    record = decision.state.sets[record.id]
    versions = active_versions(decision.state, at, record)
    ended = sorted(key for key, has in versions.items() if has.until is not None and has.until <= at)
    left = [key for key in record.junctions if decision.has(key, record) and key not in ended]
    if not ended and not left:
        if record.id in decision.state.live:  # its last group has kept what it had
            decision.supersede(record.id)
    elif record.state in {SetState.ACKNOWLEDGED, SetState.IN_FORCE} and not left:
        decision.record("plan_set.expired", plan_set=record.id, junctions=ended)
        decision.settle(record.id)
    elif ended and left:
        decision.record("plan_set.expired_in_part", plan_set=record.id, junctions=ended)
        for name in record.groups:
            decision.conclude_group(record.id, name)


def _tell_late(decision: Decision, record: PlanSetRecord, group: GroupRecord) -> None:
    if group.state is not GroupState.ACTIVATED or group.activate_at is None:
        return
    if decision.at < group.activate_at + SETTLING:
        return
    late = [key for key in group.members if key not in group.running and decision.has(key, record)]
    text = f"Group {group.name} was to switch at {instant_text(group.activate_at)}: {', '.join(late[:5])} did not say so"
    decision.raise_alarm(f"late:{record.id}:{group.name}", "not_in_step", text, late)
