"""The state of the life cycle: records that never change; a change makes new ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from signals.lifecycle.table import Table
from traffic.errors import InputError, RefusedError, UnknownError

__all__ = [
    "FINAL",
    "Alarm",
    "GroupRecord",
    "GroupState",
    "Hold",
    "JunctionRecord",
    "Lifecycle",
    "Order",
    "OrderMode",
    "PlanSetRecord",
    "SetState",
    "Slot",
    "SlotRecord",
    "Version",
]


class Slot(StrEnum):
    """Where a plan stands in a junction, in rising priority."""

    BASE = "base"
    EVENT = "event"
    INCIDENT = "incident"


class SetState(StrEnum):
    """State of a plan set."""

    DRAFT = "draft"
    CHECKED = "checked"
    REFUSED = "refused"
    APPROVED = "approved"
    PUBLISHED = "published"
    ACKNOWLEDGED = "acknowledged"
    IN_FORCE = "in_force"
    KEPT = "kept"  # published, but every group has kept what it had
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"
    ROLLED_BACK = "rolled_back"
    EXPIRED = "expired"


FINAL = frozenset(
    {
        SetState.REFUSED,
        SetState.KEPT,
        SetState.WITHDRAWN,
        SetState.SUPERSEDED,
        SetState.ROLLED_BACK,
        SetState.EXPIRED,
    }
)
"""States that no other one follows."""


class GroupState(StrEnum):
    """State of a coordinated group within a plan set that is published."""

    PENDING = "pending"
    ACTIVATED = "activated"
    IN_FORCE = "in_force"
    KEPT = "kept"


class OrderMode(StrEnum):
    """What an operator orders a junction to show."""

    FLASH = "flash"
    ALL_RED = "all_red"
    SLOT = "slot"
    NONE = "none"


@dataclass(frozen=True)
class GroupRecord:
    """Junctions that switch together or not at all.

    Attributes
    ----------
    accepted, running
        Members that have accepted the new version, and that have said that they run it.
    activate_at
        When they switch; none before every member has accepted.
    """

    name: str
    members: tuple[str, ...]
    state: GroupState = GroupState.PENDING
    accepted: frozenset[str] = frozenset()
    running: frozenset[str] = frozenset()
    activate_at: datetime | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """Members that have not accepted."""
        return tuple(key for key in self.members if key not in self.accepted)


_NO_ENDS: Mapping[str, datetime] = MappingProxyType({})


@dataclass(frozen=True)
class PlanSetRecord:
    """A plan set, or a schedule of plan sets, of some junctions.

    Attributes
    ----------
    document
        Digest of the document.
    revision
        Grows with every change of the record; the entity tag.
    activate_from, valid_until
        The set may not be in force before, and not after.
    ends
        Of a set that rolls another one back: when the plans of a junction end, where they do.
    deadline
        When a group that is not complete keeps what it has.
    rollback_of
        The set whose junctions this one brings back to what they had before.
    """

    id: str
    name: str
    slot: Slot
    author: str
    document: str
    created_at: datetime
    groups: Mapping[str, GroupRecord]
    state: SetState = SetState.DRAFT
    revision: int = 1
    approver: str | None = None
    findings: tuple[str, ...] = ()
    activate_from: datetime | None = None
    valid_until: datetime | None = None
    deadline: datetime | None = None
    rollback_of: str | None = None
    published_at: datetime | None = None
    ends: Mapping[str, datetime] = field(default_factory=lambda: _NO_ENDS)

    @property
    def junctions(self) -> tuple[str, ...]:
        """Keys of its junctions, in the order of the groups."""
        return tuple(key for group in self.groups.values() for key in group.members)

    def group_of(self, junction: str) -> GroupRecord:
        """Return the group that a junction is in."""
        for group in self.groups.values():
            if junction in group.members:
                return group
        raise InputError("must be a junction of the plan set", field="junction", value=junction)

    def until_of(self, junction: str) -> datetime | None:
        """Return when the plans of a junction end: with the set, or before it."""
        ends = (self.valid_until, self.ends.get(junction))
        return min((end for end in ends if end is not None), default=None)


@dataclass(frozen=True)
class Version:
    """A plan of one junction as published.

    Attributes
    ----------
    plan
        Digest of the signed plan.
    activation
        The signed activation, once the group is complete.
    begins_at, until
        When an activation begins, and when it ends by itself.
    before
        Plan set of the version that was in force before it, for rolling back.
    """

    number: int
    plan_set: str
    plan: str
    activation: str | None = None
    begins_at: datetime | None = None
    until: datetime | None = None
    before: str | None = None


@dataclass(frozen=True)
class SlotRecord:
    """What a junction has in a slot.

    Attributes
    ----------
    current
        The version that was activated last.
    pending
        A version that is published and not activated.
    previous
        The version that was in force last: when `current` was activated, and until that begins; or one that has ended.
    """

    current: Version | None = None
    pending: Version | None = None
    previous: Version | None = None


@dataclass(frozen=True)
class Hold:
    """An operator has a junction for himself."""

    by: str
    until: datetime


@dataclass(frozen=True)
class Order:
    """What an operator has ordered, with the signed word.

    Attributes
    ----------
    end, end_until
        The signed word that follows it where it takes the place of an order that would last longer: that nothing is ordered
        any more, until that one is over too. A controller that was away may still have it.
    """

    mode: OrderMode
    slot: Slot | None
    by: str
    expires_at: datetime
    token: str
    end: str | None = None
    end_until: datetime | None = None

    @property
    def last_until(self) -> datetime:
        """When the last word of it, or of what it has taken the place of, is over."""
        return self.end_until or self.expires_at


_NO_SLOTS: Mapping[Slot, SlotRecord] = MappingProxyType({})


@dataclass(frozen=True)
class JunctionRecord:
    """What the service wants of one junction.

    Attributes
    ----------
    sequence
        Grows with everything that its controller must hear of.
    last_version
        Number of the last version of any slot.
    refused
        Versions that the controller has refused.
    """

    key: str
    sequence: int = 0
    last_version: int = 0
    slots: Mapping[Slot, SlotRecord] = field(default_factory=lambda: _NO_SLOTS)
    order: Order | None = None
    hold: Hold | None = None
    refused: frozenset[int] = frozenset()

    def slot(self, slot: Slot) -> SlotRecord:
        """Return what is in a slot; an empty one has nothing."""
        return self.slots.get(slot, _EMPTY)


_EMPTY = SlotRecord()


@dataclass(frozen=True)
class Alarm:
    """Something that an operator must see."""

    id: str
    kind: str
    text: str
    junctions: tuple[str, ...]
    raised_at: datetime
    acknowledged_by: str | None = None


@dataclass(frozen=True)
class Lifecycle:
    """Everything that has been decided on plans.

    Attributes
    ----------
    live
        Sets that junctions have, or are to have: what coordination has to look at.
    signing_key
        Name of the key that signs.
    keys, key_generation
        The signed word that announces the newest key, and how many keys there have been.
    announcements
        The signed words on all keys, the oldest first: who has missed some follows them.
    floor
        Numbers of junctions begin above it: after a back-up was restored, those that were given out after it are not known.
    """

    sets: Table[PlanSetRecord] = field(default_factory=Table)
    junctions: Mapping[str, JunctionRecord] = field(default_factory=dict)
    alarms: Table[Alarm] = field(default_factory=Table)
    live: frozenset[str] = frozenset()
    signing_key: str | None = None
    keys: str | None = None
    key_generation: int = 0
    announcements: tuple[str, ...] = ()
    floor: int = 0

    def plan_set(self, identifier: str) -> PlanSetRecord:
        """Return a plan set by its identifier."""
        if identifier not in self.sets:
            raise UnknownError("there is no such plan set", field="plan_set", value=identifier)
        return self.sets[identifier]

    def plan_set_in(self, identifier: str, *states: SetState) -> PlanSetRecord:
        """Return a plan set that must be in one of `states`."""
        record = self.plan_set(identifier)
        if record.state not in states:
            rule = f"must be {' or '.join(state.value for state in states)}"
            raise RefusedError(rule, field=f"plan set {identifier}", value=record.state.value)
        return record

    def tag(self, junction: str) -> str:
        """Return what changes with everything that a junction's controller must hear of."""
        return f"{self.junction(junction).sequence}.{self.key_generation}"

    def begins_at(self, junction: str, slot: Slot) -> datetime | None:
        """Return when the version that was activated last begins or has begun; none where there is none."""
        current = self.junction(junction).slot(slot).current
        return None if current is None else current.begins_at

    def junction(self, key: str) -> JunctionRecord:
        """Return a junction by its key; one that nothing has been decided on has an empty record."""
        return self.junctions.get(key) or JunctionRecord(key, sequence=self.floor, last_version=self.floor)
