"""What people and controllers ask for: each function returns what has happened by it, or raises why it may not.

All take the state, the instant, and who asks; none reads a clock, signs, or draws a number: what needs that is handed in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from signals.instants import instant_text
from signals.lifecycle.decision import Decision
from signals.lifecycle.facts import Fact
from signals.lifecycle.holds import held_by_others, require_not_held
from signals.lifecycle.in_force import active_versions, still_in_force
from signals.lifecycle.records import GroupState, Lifecycle, PlanSetRecord, SetState, Slot
from signals.names import same_name
from signals.texts import is_line
from traffic.errors import InputError, RefusedError

__all__ = [
    "Draft",
    "NewVersion",
    "approve",
    "check",
    "draft",
    "end",
    "prepared_rollback",
    "publish",
    "require_publishable",
    "rollback_sources",
    "withdraw",
]

_TAKEN = (SetState.PUBLISHED, SetState.ACKNOWLEDGED, SetState.IN_FORCE)
_GROUP_NAME = re.compile(r"[^\s/]([^/]{0,78}[^\s/])?")

LONGEST_EVENT = timedelta(days=31)
"""For how long a plan set of an event or an incident may be valid."""


@dataclass(frozen=True)
class Draft:
    """A plan set as somebody hands it in.

    Attributes
    ----------
    document
        Digest of the document.
    groups
        Junctions that switch together, by the name of their group; each junction is in one.
    activate_from, valid_until
        It may not be in force before, and not after.
    ends
        When the plans of a junction end, where that is before the set does.
    """

    id: str
    name: str
    slot: Slot
    document: str
    groups: Mapping[str, Sequence[str]]
    activate_from: datetime | None = None
    valid_until: datetime | None = None
    rollback_of: str | None = None
    ends: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class NewVersion:
    """The version that a junction gets, and the digest of its signed plan."""

    version: int
    plan: str


def draft(state: Lifecycle, at: datetime, who: str, new: Draft) -> list[Fact]:
    """Hand in a plan set."""
    if new.id in state.sets:
        raise RefusedError("is taken", field="plan_set", value=new.id)
    if len(new.name) > 200 or not is_line(new.name):
        raise InputError("must be a line of at most 200 characters", field="name", value=new.name)
    _check_groups(new)
    _check_validity(new, at)
    decision = Decision(state, at, who)
    ends = {key: instant_text(end) for key, end in new.ends.items()}
    decision.record(
        "plan_set.drafted",
        plan_set=new.id,
        name=new.name,
        slot=new.slot.value,
        document=new.document,
        groups={name: list(keys) for name, keys in new.groups.items()},
        activate_from=None if new.activate_from is None else instant_text(new.activate_from),
        valid_until=None if new.valid_until is None else instant_text(new.valid_until),
        rollback_of=new.rollback_of,
        **({"ends": ends} if ends else {}),
    )
    return decision.facts


def _check_groups(new: Draft) -> None:
    seen: dict[str, str] = {}
    for name, keys in new.groups.items():
        if not (_GROUP_NAME.fullmatch(name) and is_line(name)):
            # Alarms are named after groups, and addressed by their names.
            rule = "must be a line of 1 to 80 characters, without a slash, and not begin or end with a space"
            raise InputError(rule, field="groups", value=name)
        if not keys:
            raise InputError("must have a junction", field=f"groups, {name}")
        for key in keys:
            if key in seen:
                rule = f"must be in one group, and is in {seen[key]} too"
                raise InputError(rule, field=f"groups, {name}", value=key)
            seen[key] = name
    if not seen:
        raise InputError("must have a group", field="groups")


def _check_validity(new: Draft, at: datetime) -> None:
    since = max(at, new.activate_from) if new.activate_from else at
    if new.valid_until is not None and new.valid_until <= since:
        rule = f"must be later than {instant_text(since)}"
        raise InputError(rule, field="valid_until", value=instant_text(new.valid_until))
    if new.slot is Slot.BASE:
        return
    hint = "Plans of an event or an incident end by themselves; then the plans of the day go on"
    if new.valid_until is None:
        raise InputError(f"must be given for the slot {new.slot.value}", field="valid_until", hint=hint)
    if new.valid_until - since > LONGEST_EVENT:
        rule = f"must be at most {LONGEST_EVENT.days} days after {instant_text(since)}"
        raise InputError(rule, field="valid_until", value=instant_text(new.valid_until), hint=hint)


def check(state: Lifecycle, at: datetime, who: str, plan_set: str, findings: Sequence[str]) -> list[Fact]:
    """Enter what checking has found; a set with findings is refused."""
    decision = Decision(state, at, who)
    state.plan_set_in(plan_set, SetState.DRAFT)
    decision.record("plan_set.checked", plan_set=plan_set, findings=list(findings))
    return decision.facts


def approve(state: Lifecycle, at: datetime, who: str, plan_set: str, *, four_eyes: bool) -> list[Fact]:
    """Approve a set that has been checked; with `four_eyes` its author may not."""
    decision = Decision(state, at, who)
    record = state.plan_set_in(plan_set, SetState.CHECKED)
    if four_eyes and same_name(record.author, who):
        hint = "Ask another person with the role approver, or switch the setting four_eyes off"
        rule = "must be approved by somebody else than its author"
        raise RefusedError(rule, field=f"plan set {plan_set}", value=who, hint=hint, status=403)
    decision.record("plan_set.approved", plan_set=plan_set)
    return decision.facts


def require_publishable(
    state: Lifecycle, at: datetime, who: str, plan_set: str, *, over_holds: bool = False
) -> PlanSetRecord:
    """Return a plan set that may be published now, or raise why not.

    Parameters
    ----------
    over_holds
        Whether it may be published to junctions that others hold, too.
    """
    record = state.plan_set_in(plan_set, SetState.APPROVED)
    if record.valid_until is not None and record.valid_until <= at:
        value = instant_text(record.valid_until)
        raise RefusedError("has ended", field=f"plan set {plan_set}, valid_until", value=value)
    for key in record.junctions:
        junction = state.junction(key)
        pending = junction.slot(record.slot).pending
        if pending is not None:
            hint = "Wait until it is in force, or withdraw it"
            rule = f"has a plan of the set {pending.plan_set} under way"
            raise RefusedError(rule, field=f"junction {key}", value=pending.number, hint=hint)
        _require_none_between(state, at, record, key)
    if not over_holds:
        require_not_held(state, at, who, record)
    return record


def _require_none_between(state: Lifecycle, at: datetime, record: PlanSetRecord, key: str) -> None:
    """Raise where a junction has a version that begins before this set may: a slot has one that is to come."""
    begins_at = state.begins_at(key, record.slot)
    since = max(at, record.activate_from) if record.activate_from else at
    if begins_at is None or not at < begins_at < since:
        return
    current = state.junction(key).slot(record.slot).current
    assert current is not None
    hint = "Take that set back first: roll it back, or publish one that begins no later; or wait until it has begun"
    rule = (
        f"has a plan of the set {current.plan_set} that begins at {instant_text(begins_at)}, before this one"
    )
    raise RefusedError(rule, field=f"junction {key}", value=instant_text(since), hint=hint)


def publish(
    state: Lifecycle,
    at: datetime,
    who: str,
    plan_set: str,
    versions: Mapping[str, NewVersion],
    *,
    deadline: datetime,
    over_holds: bool = False,
) -> list[Fact]:
    """Give all junctions of a set their new versions, in one act.

    Parameters
    ----------
    versions
        One for each junction: the number after its last one, and its signed plan.
    deadline
        When a group that is not complete keeps what it has.
    over_holds
        Whether junctions that others hold get theirs too; the fact says whose holds those were.
    """
    record = require_publishable(state, at, who, plan_set, over_holds=over_holds)
    if set(versions) != set(record.junctions):
        raise InputError("must have a version for each junction of the set", field="versions")
    for key, new in versions.items():
        due = state.junction(key).last_version + 1
        if new.version != due:
            raise RefusedError(f"must be {due}", field=f"junction {key}, version", value=new.version)
    decision = Decision(state, at, who)
    rows = {key: {"version": new.version, "plan": new.plan} for key, new in versions.items()}
    held = {key: hold.by for key, hold in held_by_others(state, at, who, record).items()}
    told = {"over_holds": held} if held else {}
    decision.record(
        "plan_set.published", plan_set=plan_set, versions=rows, deadline=instant_text(deadline), **told
    )
    return decision.facts


def withdraw(state: Lifecycle, at: datetime, who: str, plan_set: str) -> list[Fact]:
    """Take a set back; of one that is published, the groups that have not been activated."""
    decision = Decision(state, at, who)
    record = state.plan_set_in(
        plan_set,
        *(SetState.DRAFT, SetState.CHECKED, SetState.APPROVED, SetState.PUBLISHED, SetState.ACKNOWLEDGED),
    )
    if record.state in {SetState.DRAFT, SetState.CHECKED, SetState.APPROVED}:
        decision.record("plan_set.withdrawn", plan_set=plan_set)
        return decision.facts
    _withdraw_pending(decision, plan_set)
    if not decision.facts:
        hint = "End it, or roll it back"
        raise RefusedError("has been activated", field=f"plan set {plan_set}", hint=hint)
    return decision.facts


def _withdraw_pending(decision: Decision, plan_set: str) -> None:
    for group in decision.state.sets[plan_set].groups.values():
        if group.state is GroupState.PENDING:
            decision.keep(decision.state.sets[plan_set], group, "withdrawn")


def end(
    state: Lifecycle, at: datetime, who: str, plan_set: str, activations: Mapping[str, str], until: datetime
) -> list[Fact]:
    """End a set before its time; where no other plan is valid, junctions run their local schedules.

    Groups that wait are withdrawn where it ends at once; else they end with it.

    Parameters
    ----------
    activations
        Signed activations that end at `until`, for each junction that has the set.
    """
    decision = Decision(state, at, who)
    record = state.plan_set_in(plan_set, *_TAKEN)
    if record.valid_until is not None and until > record.valid_until:
        rule = f"must be no later than {instant_text(record.valid_until)}, when it ends by itself"
        raise InputError(rule, field="until", value=instant_text(until))
    if until < at:
        rule = f"must be no earlier than {instant_text(at)}"
        raise InputError(rule, field="until", value=instant_text(until))
    _require_nothing_goes_on(state, record, until)
    if set(activations) != set(active_versions(state, at, record)):
        raise RefusedError("must be all junctions that have the set", field="activations")
    if until == at:
        _withdraw_pending(decision, plan_set)
    if decision.state.sets[plan_set].state in _TAKEN:
        decision.record(
            "plan_set.ended", plan_set=plan_set, activations=dict(activations), until=instant_text(until)
        )
    return decision.facts


def _require_nothing_goes_on(state: Lifecycle, record: PlanSetRecord, until: datetime) -> None:
    """Raise where a set that has not begun at its end has another one before it that lasts: that would be over with it."""
    for key in record.junctions:
        has = state.junction(key).slot(record.slot)
        goes_on = still_in_force(has, until)
        if has.current is None or has.current.plan_set != record.id or goes_on is None:
            continue
        hint = (
            "Roll it back, or publish what is to take its place: then it never begins, and what is in force stays; "
            "or wait until it has begun"
        )
        rule = f"has not begun, and takes the place of {goes_on.plan_set} when it does"
        raise RefusedError(rule, field=f"plan set {record.id}, junction {key}", hint=hint)


def rollback_sources(state: Lifecycle, at: datetime, plan_set: str) -> dict[str, str]:
    """Return for each junction that has a set, which set it had before."""
    record = state.plan_set_in(plan_set, *_TAKEN)
    versions = active_versions(state, at, record)
    sources: dict[str, str] = {}
    if not versions:
        hint = "Where it waits, withdraw it"
        raise RefusedError("is activated in no junction", field=f"plan set {plan_set}", hint=hint)
    for key, version in sorted(versions.items()):
        if version.before is None:
            hint = (
                "Publish the plans that it is to have, as a set; or end this one (`jasyl plans end`): "
                "then its junctions run their local schedules"
            )
            rule = "had no plans of the service before"
            raise RefusedError(rule, field=f"junction {key}", value=plan_set, hint=hint)
        sources[key] = version.before
    return sources


def prepared_rollback(
    state: Lifecycle,
    at: datetime,
    who: str,
    new: Draft,
    sources: Mapping[str, Sequence[str]],
    *,
    over_holds: bool = False,
) -> list[Fact]:
    """Hand in, as approved, the set that brings the junctions of another back to what they had before.

    Groups of the other one that wait are withdrawn.

    Parameters
    ----------
    new
        The set, with `rollback_of`.
    sources
        Junctions by the set that they had before; it must still be so. Their plans end when they would have ended;
        those that have ended are refused.
    over_holds
        Whether junctions that others hold are brought back too.
    """
    assert new.rollback_of is not None
    found = rollback_sources(state, at, new.rollback_of)
    if found != {key: source for source, keys in sources.items() for key in keys}:
        hint = "Look at it again"
        raise RefusedError("has changed meanwhile", field=f"plan set {new.rollback_of}", hint=hint)
    decision = Decision(state, at, who)
    _withdraw_pending(decision, new.rollback_of)
    for fact in draft(state, at, who, _with_own_ends(state, at, new, found)):
        decision.record(fact.kind, **fact.data)
    decision.record("plan_set.checked", plan_set=new.id, findings=[])
    decision.record("plan_set.approved", plan_set=new.id)
    require_publishable(decision.state, at, who, new.id, over_holds=over_holds)
    return decision.facts


def _with_own_ends(state: Lifecycle, at: datetime, new: Draft, sources: Mapping[str, str]) -> Draft:
    """Return the draft of a roll-back with the ends that the plans were approved with; it begins at once.

    What a junction had before has been in force, so that its beginning is over.
    """
    ends = {key: state.plan_set(source).until_of(key) for key, source in sources.items()}
    for key, end in ends.items():
        if end is not None and end <= at:
            hint = "Publish the plans that it is to have, as a set"
            rule = f"had plans of the set {sources[key]} before, and these ended at {instant_text(end)}"
            raise RefusedError(rule, field=f"junction {key}", value=new.rollback_of, hint=hint)
    given = {key: end for key, end in ends.items() if end is not None}
    last = max(given.values()) if len(given) == len(ends) else None
    earlier = {key: end for key, end in given.items() if end != last}
    return replace(new, activate_from=None, valid_until=last, ends=earlier)
