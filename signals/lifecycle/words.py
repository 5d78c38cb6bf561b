"""What controllers say of the versions that they were given: that they have taken, refused, or show one.

As in `signals.lifecycle.decisions`, each function returns what has happened by it, or raises why it may not.
"""

from __future__ import annotations

from datetime import datetime

from signals.lifecycle.decision import Decision
from signals.lifecycle.facts import Fact
from signals.lifecycle.in_force import still_in_force
from signals.lifecycle.records import Lifecycle, Slot, Version
from traffic.errors import RefusedError

__all__ = ["accept", "refuse", "run"]


def accept(state: Lifecycle, at: datetime, who: str, junction: str, version: int) -> list[Fact]:
    """Enter that a controller has checked and stored a version; twice is once."""
    decision = Decision(state, at, who)
    slot, found, pending = _version(state, at, junction, version)
    record = state.sets[found.plan_set]
    group = record.group_of(junction)
    if not pending or junction in group.accepted:
        return []
    place = {"junction": junction, "version": version, "slot": slot.value}
    decision.record("junction.accepted", plan_set=record.id, group=group.name, **place)
    decision.conclude(record.id)
    return decision.facts


def refuse(state: Lifecycle, at: datetime, who: str, junction: str, version: int, reason: str) -> list[Fact]:
    """Enter that a controller refuses a version: its group keeps what it has; twice is once."""
    decision = Decision(state, at, who)
    if version in state.junction(junction).refused:
        return []
    slot, found, pending = _version(state, at, junction, version)
    record = state.sets[found.plan_set]
    group = record.group_of(junction)
    place = {"junction": junction, "version": version, "slot": slot.value}
    decision.record("junction.refused", plan_set=record.id, group=group.name, reason=reason, **place)
    if pending:
        decision.keep(record, group, f"{junction} refuses version {version}: {reason}")
    else:
        text = f"{junction} refuses version {version}, which is activated: {reason}"
        decision.raise_alarm(f"refused:{junction}:{version}", "plan_refused", text, [junction])
    return decision.facts


def run(state: Lifecycle, at: datetime, who: str, junction: str, version: int) -> list[Fact]:
    """Enter that a controller shows a version; twice is once."""
    decision = Decision(state, at, who)
    slot, found, pending = _version(state, at, junction, version)
    if pending:
        rule = "is not activated, and must not be shown"
        raise RefusedError(rule, field=f"junction {junction}, version", value=version)
    record = state.sets[found.plan_set]
    group = record.group_of(junction)
    if junction in group.running:
        return []
    place = {"junction": junction, "version": version, "slot": slot.value}
    decision.record("junction.running", plan_set=record.id, group=group.name, **place)
    decision.conclude_group(record.id, group.name)
    return decision.facts


def _version(state: Lifecycle, at: datetime, junction: str, number: int) -> tuple[Slot, Version, bool]:
    """Return where a junction has a version, also one that goes on until its successor begins, and whether it is pending."""
    record = state.junction(junction)
    for slot, content in record.slots.items():
        goes_on = still_in_force(content, at)
        for version, pending in ((content.pending, True), (content.current, False), (goes_on, False)):
            if version is not None and version.number == number:
                return slot, version, pending
    hint = "Fetch the assignment again"
    rule = "is not a version that the junction is to have"
    raise RefusedError(rule, field=f"junction {junction}, version", value=number, hint=hint)
