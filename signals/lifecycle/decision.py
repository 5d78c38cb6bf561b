"""What a decision is made with: the state as it becomes, fact by fact, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from signals.lifecycle.facts import Fact, applied
from signals.lifecycle.in_force import version_of
from signals.lifecycle.records import GroupRecord, GroupState, Lifecycle, PlanSetRecord, SetState

__all__ = ["Decision"]


@dataclass
class Decision:
    """Facts in the making.

    Attributes
    ----------
    state
        The state after the facts so far.
    at, who
        When, and by whom.
    """

    state: Lifecycle
    at: datetime
    who: str
    facts: list[Fact] = field(default_factory=list)

    def record(self, kind: str, **data: Any) -> None:
        """Add a fact; the state goes on with it."""
        fact = Fact(kind, data)
        self.state = applied(self.state, fact, self.at, self.who)
        self.facts.append(fact)

    def keep(self, record: PlanSetRecord, group: GroupRecord, because: str) -> None:
        """Let a group keep what it has, tell the operator, and draw the consequences."""
        missing = group.missing
        self.record(
            "group.kept", plan_set=record.id, group=group.name, because=because, missing=list(missing)
        )
        if because != "withdrawn":
            some = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
            text = f"Group {group.name} keeps its plans: {because}" + (
                f" (no word of {some})" if some else ""
            )
            self.raise_alarm(f"kept:{record.id}:{group.name}", "group_kept", text, list(group.members))
        self.conclude(record.id)

    def raise_alarm(self, alarm: str, what: str, text: str, junctions: list[str]) -> None:
        """Raise an alarm, once."""
        if alarm not in self.state.alarms:
            self.record("alarm.raised", alarm=alarm, what=what, text=text, junctions=junctions)

    def conclude(self, identifier: str) -> None:
        """Draw from the states of its groups what has become of a plan set that is published."""
        record = self.state.sets[identifier]
        if record.state not in {SetState.PUBLISHED, SetState.ACKNOWLEDGED}:
            return
        groups = record.groups.values()
        waiting = [g for g in groups if g.state is GroupState.PENDING and g.missing]
        taken = [g for g in groups if g.state is not GroupState.KEPT]
        if record.state is SetState.PUBLISHED and taken and not waiting:
            self.record("plan_set.acknowledged", plan_set=identifier)
        if all(g.state is GroupState.KEPT for g in groups):
            self.record("plan_set.kept", plan_set=identifier)
        elif all(g.state in {GroupState.IN_FORCE, GroupState.KEPT} for g in groups):
            self.record("plan_set.in_force", plan_set=identifier)

    def conclude_group(self, identifier: str, name: str) -> None:
        """Find out whether a group that is activated is in force now."""
        record = self.state.sets[identifier]
        group = record.groups[name]
        if group.state is GroupState.ACTIVATED and all(
            key in group.running for key in group.members if self.has(key, record)
        ):
            self.record("group.in_force", plan_set=identifier, group=name)
            self._clear_late(identifier, name)
            self.conclude(identifier)

    def settle(self, identifier: str) -> None:
        """Clear the alarms on what is late in a set that has come to its end."""
        for name in self.state.sets[identifier].groups:
            self._clear_late(identifier, name)

    def _clear_late(self, identifier: str, name: str) -> None:
        late = f"late:{identifier}:{name}"
        if late in self.state.alarms:
            self.record("alarm.cleared", alarm=late)

    def has(self, junction: str, record: PlanSetRecord) -> bool:
        """Return whether a junction still has a plan of a set, in force or to come."""
        slot = self.state.junction(junction).slot(record.slot)
        pending = slot.pending is not None and slot.pending.plan_set == record.id
        return pending or version_of(record.id, slot, self.at) is not None

    def supersede(self, identifier: str) -> None:
        """End a set that others have taken every junction of, and look again at one that has fewer."""
        record = self.state.sets[identifier]
        if any(self.has(key, record) for key in record.junctions):
            for name in record.groups:
                self.conclude_group(identifier, name)
            return
        found = [self.state.junction(key).slot(record.slot).current for key in record.junctions]
        others = {version.plan_set for version in found if version is not None}
        if not others:
            self.record("plan_set.expired", plan_set=identifier, junctions=[])
        else:
            by = max(others, key=lambda other: self._rank(self.state.sets[other], identifier))
            back = self.state.sets[by].rollback_of == identifier
            self.record(f"plan_set.{'rolled_back' if back else 'superseded'}", plan_set=identifier, by=by)
        self.settle(identifier)

    @staticmethod
    def _rank(other: PlanSetRecord, identifier: str) -> tuple[bool, datetime, str]:
        """Return by how much another set is what has taken the place of one: what brings it back, else the latest."""
        return other.rollback_of == identifier, other.published_at or other.created_at, other.id
