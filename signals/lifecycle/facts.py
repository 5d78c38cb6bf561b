"""What has happened, and what the state is after it.

A fact is a kind and plain values, as it stands in the ledger. `applied` is total on facts that decisions have made: it
never refuses, for what is in the ledger has happened.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from signals.instants import instant, optional_instant
from signals.lifecycle.in_force import has_begun
from signals.lifecycle.records import (
    Alarm,
    GroupRecord,
    GroupState,
    Hold,
    JunctionRecord,
    Lifecycle,
    Order,
    OrderMode,
    PlanSetRecord,
    SetState,
    Slot,
    SlotRecord,
    Version,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["KINDS", "Fact", "applied"]


@dataclass(frozen=True)
class Fact:
    """Something that has happened: `kind` and plain values."""

    kind: str
    data: Mapping[str, Any]


def applied(state: Lifecycle, fact: Fact, at: datetime, who: str) -> Lifecycle:
    """Return the state after `fact`.

    Parameters
    ----------
    at, who
        When it was entered, and by whom.
    """
    return KINDS[fact.kind](state, fact.data, at, who)


def _with_set(old: Lifecycle, record: PlanSetRecord, /, **changes: Any) -> Lifecycle:
    changed = replace(record, revision=record.revision + 1, **changes)
    return replace(old, sets=old.sets.with_item(record.id, changed))


def _with_group(old: Lifecycle, record: PlanSetRecord, group: GroupRecord, /, **changes: Any) -> Lifecycle:
    groups = {**record.groups, group.name: replace(group, **changes)}
    return _with_set(old, record, groups=groups)


def _drafted(state: Lifecycle, data: Mapping[str, Any], at: datetime, who: str) -> Lifecycle:
    record = PlanSetRecord(
        id=data["plan_set"],
        name=data["name"],
        slot=Slot(data["slot"]),
        author=who,
        document=data["document"],
        created_at=at,
        groups={name: GroupRecord(name, tuple(keys)) for name, keys in data["groups"].items()},
        activate_from=optional_instant(data["activate_from"], "activate_from"),
        valid_until=optional_instant(data["valid_until"], "valid_until"),
        rollback_of=data["rollback_of"],
        ends={key: instant(end, "ends") for key, end in data.get("ends", {}).items()},
    )
    return replace(state, sets=state.sets.with_item(record.id, record))


def _checked(state: Lifecycle, data: Mapping[str, Any], at: datetime, who: str) -> Lifecycle:
    del at, who
    outcome = SetState.REFUSED if data["findings"] else SetState.CHECKED
    record = state.sets[data["plan_set"]]
    return _with_set(state, record, state=outcome, findings=tuple(data["findings"]))


def _approved(state: Lifecycle, data: Mapping[str, Any], at: datetime, who: str) -> Lifecycle:
    del at
    return _with_set(state, state.sets[data["plan_set"]], state=SetState.APPROVED, approver=who)


def _withdrawn(state: Lifecycle, data: Mapping[str, Any], at: datetime, who: str) -> Lifecycle:
    del at, who
    record = state.sets[data["plan_set"]]
    state = _with_set(state, record, state=SetState.WITHDRAWN)
    return replace(state, live=state.live - {record.id})


def _published(state: Lifecycle, data: Mapping[str, Any], at: datetime, who: str) -> Lifecycle:
    del who
    record = state.sets[data["plan_set"]]
    junctions = dict(state.junctions)
    for key, row in data["versions"].items():
        before = state.junction(key)
        version = Version(row["version"], record.id, row["plan"])
        slot = replace(before.slot(record.slot), pending=version)
        junctions[key] = _heard(before, record.slot, slot, last_version=version.number)
    state = replace(state, junctions=junctions, live=state.live | {record.id})
    deadline = instant(data["deadline"], "deadline")
    return _with_set(state, record, state=SetState.PUBLISHED, deadline=deadline, published_at=at)


def _heard(before: JunctionRecord, slot: Slot, now: SlotRecord, **changes: Any) -> JunctionRecord:
    """Return the junction with something new in a slot that its controller must hear of."""
    slots = {**before.slots, slot: now}
    return replace(before, slots=slots, sequence=before.sequence + 1, **changes)


def _acknowledged(state: Lifecycle, data: Mapping[str, Any], at: datetime, who: str) -> Lifecycle:
    del at, who
    record = state.sets[data["plan_set"]]
    group = record.groups[data["group"]]
    return _with_group(state, record, group, accepted=group.accepted | {data["junction"]})


def _refused(record: JunctionRecord, data: Mapping[str, Any], who: str) -> JunctionRecord:
    del who
    return replace(record, refused=record.refused | {data["version"]})


def _running(state: Lifecycle, data: Mapping[str, Any], at: datetime, who: str) -> Lifecycle:
    del at, who
    record = state.sets[data["plan_set"]]
    group = record.groups[data["group"]]
    return _with_group(state, record, group, running=group.running | {data["junction"]})


def _group_activated(state: Lifecycle, data: Mapping[str, Any], at: datetime, who: str) -> Lifecycle:
    del who
    record = state.sets[data["plan_set"]]
    activate_at = instant(data["activate_at"], "activate_at")
    junctions = dict(state.junctions)
    for key, token in data["activations"].items():
        before = state.junction(key)
        slot = before.slot(record.slot)
        assert slot.pending is not None
        until = record.until_of(key)
        previous, source = _in_force_before(slot, record.rollback_of, at)
        current = replace(slot.pending, activation=token, begins_at=activate_at, until=until, before=source)
        junctions[key] = _heard(before, record.slot, SlotRecord(current, None, previous))
    state = replace(state, junctions=junctions)
    group = record.groups[data["group"]]
    return _with_group(state, record, group, state=GroupState.ACTIVATED, activate_at=activate_at)


def _in_force_before(
    slot: SlotRecord, rollback_of: str | None, at: datetime
) -> tuple[Version | None, str | None]:
    """Return the version that was in force last in a slot, and the set that its successor may be rolled back to."""
    if slot.current is None:
        return slot.previous, None
    if has_begun(slot.current, at):
        return slot.current, slot.current.plan_set
    # The current version is left out, and never begins.
    was = slot.previous
    if was is None:
        return None, None
    return was, was.before if rollback_of == slot.current.plan_set else was.plan_set


def _group_kept(state: Lifecycle, data: Mapping[str, Any], at: datetime, who: str) -> Lifecycle:
    del at, who
    record = state.sets[data["plan_set"]]
    group = record.groups[data["group"]]
    junctions = dict(state.junctions)
    for key in group.members:
        before = state.junction(key)
        junctions[key] = _heard(before, record.slot, replace(before.slot(record.slot), pending=None))
    return _with_group(replace(state, junctions=junctions), record, group, state=GroupState.KEPT)


def _group_in_force(state: Lifecycle, data: Mapping[str, Any], at: datetime, who: str) -> Lifecycle:
    del at, who
    record = state.sets[data["plan_set"]]
    return _with_group(state, record, record.groups[data["group"]], state=GroupState.IN_FORCE)


def _ended(state: Lifecycle, data: Mapping[str, Any], at: datetime, who: str) -> Lifecycle:
    del at, who
    record = state.sets[data["plan_set"]]
    until = instant(data["until"], "until")
    junctions = dict(state.junctions)
    for key, token in data["activations"].items():
        before = state.junction(key)
        slot = before.slot(record.slot)
        place = "current" if _is_of(slot.current, record) else "previous"
        version: Version = getattr(slot, place)
        end = until if version.until is None else min(until, version.until)
        ended = replace(version, activation=token, until=end)
        junctions[key] = _heard(before, record.slot, replace(slot, **{place: ended}))
    # A group that is activated later must not outlast the others.
    return _with_set(replace(state, junctions=junctions), record, valid_until=until)


def _is_of(version: Version | None, record: PlanSetRecord) -> bool:
    return version is not None and version.plan_set == record.id


def _set_state(outcome: SetState) -> Callable[..., Lifecycle]:
    final = outcome not in {SetState.ACKNOWLEDGED, SetState.IN_FORCE}

    def apply(state: Lifecycle, data: Mapping[str, Any], at: datetime, who: str) -> Lifecycle:
        del at, who
        record = state.sets[data["plan_set"]]
        state = _with_set(state, record, state=outcome)
        return replace(state, live=state.live - {record.id}) if final else state

    return apply


def _expired_in_part(state: Lifecycle, data: Mapping[str, Any], at: datetime, who: str) -> Lifecycle:
    del at, who
    record = state.sets[data["plan_set"]]
    junctions = dict(state.junctions)
    for key in data["junctions"]:
        before = state.junction(key)
        slot = before.slot(record.slot)
        if _is_of(slot.current, record):
            # What was in force before it is over with it: nothing goes on with that any more.
            slot = SlotRecord(pending=slot.pending, previous=slot.current)
        junctions[key] = _heard(before, record.slot, slot)
    return replace(state, junctions=junctions)


def _expired(state: Lifecycle, data: Mapping[str, Any], at: datetime, who: str) -> Lifecycle:
    state = _expired_in_part(state, data, at, who)
    return _set_state(SetState.EXPIRED)(state, data, at, who)


def _junction(
    change: Callable[[JunctionRecord, Mapping[str, Any], str], JunctionRecord],
) -> Callable[..., Lifecycle]:
    def apply(state: Lifecycle, data: Mapping[str, Any], at: datetime, who: str) -> Lifecycle:
        del at
        changed = change(state.junction(data["junction"]), data, who)
        return replace(state, junctions={**state.junctions, changed.key: changed})

    return apply


def _held(record: JunctionRecord, data: Mapping[str, Any], who: str) -> JunctionRecord:
    return replace(record, hold=Hold(who, instant(data["until"], "until")))


def _released(record: JunctionRecord, data: Mapping[str, Any], who: str) -> JunctionRecord:
    del data, who
    return replace(record, hold=None)


def _ordered(record: JunctionRecord, data: Mapping[str, Any], who: str) -> JunctionRecord:
    slot = None if data["slot"] is None else Slot(data["slot"])
    expires_at = instant(data["expires_at"], "expires_at")
    end, end_until = data.get("end"), optional_instant(data.get("end_until"), "end_until")
    order = Order(OrderMode(data["mode"]), slot, who, expires_at, data["token"], end, end_until)
    return replace(record, order=order, sequence=record.sequence + (1 if end is None else 2))


def _order_expired(state: Lifecycle, data: Mapping[str, Any], at: datetime, who: str) -> Lifecycle:
    del who
    record = state.junction(data["junction"])
    order, follows = record.order, None
    if order is not None and order.end is not None and order.end_until is not None and order.end_until > at:
        follows = Order(OrderMode.NONE, None, order.by, order.end_until, order.end)
    changed = replace(record, order=follows, sequence=record.sequence + 1)
    return replace(state, junctions={**state.junctions, changed.key: changed})


def _alarm_raised(state: Lifecycle, data: Mapping[str, Any], at: datetime, who: str) -> Lifecycle:
    del who
    alarm = Alarm(data["alarm"], data["what"], data["text"], tuple(data["junctions"]), at)
    return replace(state, alarms=state.alarms.with_item(alarm.id, alarm))


def _alarm_acknowledged(state: Lifecycle, data: Mapping[str, Any], at: datetime, who: str) -> Lifecycle:
    del at
    alarm = replace(state.alarms[data["alarm"]], acknowledged_by=who)
    return replace(state, alarms=state.alarms.with_item(alarm.id, alarm))


def _alarm_cleared(state: Lifecycle, data: Mapping[str, Any], at: datetime, who: str) -> Lifecycle:
    del at, who
    return replace(state, alarms=state.alarms.without(data["alarm"]))


def _keys_announced(state: Lifecycle, data: Mapping[str, Any], at: datetime, who: str) -> Lifecycle:
    del at, who
    token = data["token"]
    return replace(
        state,
        signing_key=data["key"],
        keys=token,
        key_generation=state.key_generation + 1,
        announcements=state.announcements + (() if token is None else (token,)),
    )


def _restored(state: Lifecycle, data: Mapping[str, Any], at: datetime, who: str) -> Lifecycle:
    del at, who
    by = data["numbers_raised_by"]
    junctions = {
        key: replace(record, sequence=record.sequence + by, last_version=record.last_version + by)
        for key, record in state.junctions.items()
    }
    return replace(state, junctions=junctions, floor=state.floor + by)


KINDS: Mapping[str, Callable[[Lifecycle, Mapping[str, Any], datetime, str], Lifecycle]] = {
    "plan_set.drafted": _drafted,
    "plan_set.checked": _checked,
    "plan_set.approved": _approved,
    "plan_set.withdrawn": _withdrawn,
    "plan_set.published": _published,
    "plan_set.acknowledged": _set_state(SetState.ACKNOWLEDGED),
    "plan_set.in_force": _set_state(SetState.IN_FORCE),
    "plan_set.kept": _set_state(SetState.KEPT),
    "plan_set.superseded": _set_state(SetState.SUPERSEDED),
    "plan_set.rolled_back": _set_state(SetState.ROLLED_BACK),
    "plan_set.ended": _ended,
    "plan_set.expired": _expired,
    "plan_set.expired_in_part": _expired_in_part,
    "group.activated": _group_activated,
    "group.kept": _group_kept,
    "group.in_force": _group_in_force,
    "junction.accepted": _acknowledged,
    "junction.refused": _junction(_refused),
    "junction.running": _running,
    "junction.held": _junction(_held),
    "junction.released": _junction(_released),
    "junction.ordered": _junction(_ordered),
    "junction.order_expired": _order_expired,
    "keys.announced": _keys_announced,
    "alarm.raised": _alarm_raised,
    "alarm.acknowledged": _alarm_acknowledged,
    "alarm.cleared": _alarm_cleared,
    "service.restored": _restored,
}
"""Kinds of facts, and how each changes the state."""
