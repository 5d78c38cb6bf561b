"""The life cycle under every order of events: what must hold whatever happens."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from signals.lifecycle import coordination, decisions, operators
from signals.lifecycle.codec import codec_of
from signals.lifecycle.facts import applied
from signals.lifecycle.in_force import active_versions, has_begun, in_force, still_told
from signals.lifecycle.records import GroupState, Lifecycle, OrderMode, SetState, Slot, SlotRecord, Version
from tests.signals.lifecycle.desk import APPROVER, AUTHOR, Desk, Word, replayed
from traffic.errors import InputError, RefusedError

KEYS = ("a", "b", "c", "d", "e")
PEOPLE = (AUTHOR, APPROVER, "Dana")
S = SetState
CODEC = codec_of(Lifecycle)
MAY_FOLLOW = {
    S.DRAFT: {S.CHECKED, S.REFUSED, S.WITHDRAWN},
    S.CHECKED: {S.APPROVED, S.WITHDRAWN},
    S.REFUSED: set(),
    S.APPROVED: {S.PUBLISHED, S.WITHDRAWN},
    S.PUBLISHED: {S.ACKNOWLEDGED, S.KEPT},
    S.ACKNOWLEDGED: {S.IN_FORCE, S.KEPT, S.SUPERSEDED, S.ROLLED_BACK, S.EXPIRED},
    S.IN_FORCE: {S.SUPERSEDED, S.ROLLED_BACK, S.EXPIRED},
    S.KEPT: set(),
    S.WITHDRAWN: set(),
    S.SUPERSEDED: set(),
    S.ROLLED_BACK: set(),
    S.EXPIRED: set(),
}


@st.composite
def groups(draw: st.DrawFn) -> dict[str, list[str]]:
    of = draw(st.lists(st.sampled_from("-xyz"), min_size=len(KEYS), max_size=len(KEYS)))
    found: dict[str, list[str]] = {}
    for key, name in zip(KEYS, of, strict=True):
        if name != "-":
            found.setdefault(name, []).append(key)
    return found or {"x": ["a"]}


class _Activated(NamedTuple):
    """A version that controllers have been let run."""

    begins: datetime
    until: datetime | None
    plan_set: str


@dataclass
class _Controller:
    """What a controller remembers of a slot: versions by number, with what it was told of them last."""

    slot: Slot
    versions: dict[int, Version] = field(default_factory=dict)

    def hear(self, has: SlotRecord, at: datetime) -> None:
        told = (has.current, still_told(self.slot, has, at))
        named = {version.number: version for version in told if version is not None}
        newest = max(named, default=0)
        goes_on = {
            number: one
            for number, one in self.versions.items()
            if self.slot is Slot.BASE and (number > newest or _begun(one, at))
        }
        self.versions = goes_on | named

    def runs(self, at: datetime) -> int | None:
        newest = max((number for number, one in self.versions.items() if _begun(one, at)), default=0)
        found = self.versions.get(newest)
        return newest if found and (found.until is None or found.until > at) else None


def _begun(version: Version, at: datetime) -> bool:
    """Return whether a version has begun for a controller: what was ended before that counts from its end on."""
    return has_begun(version, at) or (version.until is not None and version.until <= at)


class Life(RuleBasedStateMachine):
    """Everybody asks for anything at any time; what is refused changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.seen: dict[str, SetState] = {}
        self.versions: dict[str, list[tuple[int, str]]] = {key: [] for key in KEYS}
        self.accepted: set[tuple[str, int]] = set()
        self.activated: defaultdict[tuple[str, Slot], dict[int, _Activated]] = defaultdict(dict)
        self.memories = {(key, slot): _Controller(slot) for key in KEYS for slot in Slot}
        self.orders: dict[str, Word] = {}
        self.snapshot, self.known = _stored(self.desk.state), 0

    def some_set(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.desk.state.sets)))

    def tried(self, action: object, *arguments: object, **options: object) -> bool:
        before = self.desk.state
        try:
            action(*arguments, **options)  # type: ignore[operator]
        except (RefusedError, InputError):
            assert self.desk.state is before
            return False
        return True

    def published(self, groups: dict, slot: Slot, begins: float | None, hours: float | None) -> None:
        with suppress(RefusedError):  # the steps before the one that is refused stand
            self.desk.published(groups, slot=slot, hours=hours, begins_in_hours=begins)

    @rule(groups=groups(), slot=st.sampled_from(Slot), hours=st.sampled_from([None, 1, 48]))
    def draft(self, groups: dict, slot: Slot, hours: float | None) -> None:
        self.tried(self.desk.draft, groups, slot=slot, hours=hours)

    @rule(
        groups=groups(),
        slot=st.sampled_from(Slot),
        begins=st.sampled_from([None, 0.1, 2]),
        hours=st.sampled_from([3, 4]),
        ends=st.booleans(),
    )
    def draft_and_publish(
        self, groups: dict, slot: Slot, begins: float | None, hours: float, ends: bool
    ) -> None:
        self.published(groups, slot, begins, hours if ends or slot is not Slot.BASE else None)

    @rule(
        key=st.sampled_from("ab"),
        rows=st.lists(
            st.tuples(st.sampled_from([None, 0.1, 2]), st.sampled_from([0, 5.9, 90])), min_size=1, max_size=4
        ),
    )
    def bring_in_one_after_the_other(self, key: str, rows: list[tuple[float | None, float]]) -> None:
        for begins, minutes in rows:
            self.published({"x": [key]}, Slot.BASE, begins, None)
            for wait in (0, minutes):
                self.controllers("accept")
                self.time(wait)
                self.a_controller_shows_what_the_service_says_is_in_force()

    @rule(key=st.sampled_from("ab"), waits=st.sampled_from([(2, 90, 7), (90, 0, 90), (90, 7, 300)]))
    def come_back_after_a_successor_has_begun_and_ended(
        self, key: str, waits: tuple[float, float, float]
    ) -> None:
        self.bring_in_one_after_the_other(key, [(None, 2)])
        self.controllers_hear({key})
        self.published({"x": [key]}, Slot.BASE, None, 1)
        for minutes in waits:
            self.controllers("accept")
            self.time(minutes)
            self.a_controller_shows_what_the_service_says_is_in_force()
        self.controllers_hear({key})

    @rule(key=st.sampled_from("ab"), heard=st.booleans(), minutes=st.sampled_from([0, 7, 90]))
    def end_what_is_in_force_and_what_is_to_come(self, key: str, minutes: float, *, heard: bool) -> None:
        self.bring_in_one_after_the_other(key, [(None, 2)])
        self.controllers_hear({key})
        self.bring_in_one_after_the_other(key, [(2, 5.9)])
        if heard:
            self.controllers_hear({key})
        current = self.desk.state.junction(key).slot(Slot.BASE)
        for version in (current.previous, current.current):
            if version is not None:
                self.tried(self.desk.end, version.plan_set)
                self.a_controller_shows_what_the_service_says_is_in_force()
                self.time(minutes)
        self.controllers_hear({key})
        self.time(90)
        self.controllers_hear({key})

    @precondition(lambda self: self.desk.state.sets)
    @rule(data=st.data(), step=st.sampled_from(["check", "approve", "publish", "withdraw", "find"]))
    def step(self, data: st.DataObject, step: str) -> None:
        plan_set = self.some_set(data)
        desk = self.desk
        if step == "withdraw":
            self.tried(desk.enter, AUTHOR, lambda s, at, w: decisions.withdraw(s, at, w, plan_set))
        elif step == "find":
            self.tried(desk.check, plan_set, ["a finding"])
        elif step == "approve":
            self.tried(desk.approve, plan_set, data.draw(st.sampled_from(PEOPLE)))
        else:
            self.tried(getattr(desk, step), plan_set)

    @rule(
        key=st.sampled_from(KEYS), back=st.integers(-1, 2), word=st.sampled_from(["accept", "run", "refuse"])
    )
    def controller(self, key: str, back: int, word: str) -> None:
        version = self.desk.state.junction(key).last_version - back
        if self.tried(getattr(self.desk, word), key, version) and word == "accept":
            self.accepted.add((key, version))

    @rule(word=st.sampled_from(["accept", "run"]))
    def controllers(self, word: str) -> None:
        for key in KEYS:
            for slot in self.desk.state.junction(key).slots.values():
                for version in (slot.current, slot.pending):
                    if (
                        version
                        and self.tried(getattr(self.desk, word), key, version.number)
                        and word == "accept"
                    ):
                        self.accepted.add((key, version.number))

    @rule(minutes=st.sampled_from([0, 0.1, 2, 7, 90]))
    def time(self, minutes: float) -> None:
        self.desk.wait(minutes=minutes)
        self.desk.coordinate()
        state = self.desk.state
        self.desk.coordinate()
        assert self.desk.state is state  # what is due is done once

    @precondition(lambda self: self.desk.state.sets)
    @rule(data=st.data(), minutes=st.sampled_from([0, 1, 10, 130]))
    def end(self, data: st.DataObject, minutes: float) -> None:
        """An end takes away what it ends, and nothing else."""
        plan_set, desk = self.some_set(data), self.desk
        until, before = desk.at + timedelta(minutes=minutes), desk.state
        if self.tried(desk.end, plan_set, minutes=minutes):
            after = desk.state
            for fact in coordination.tidy(after, until, AUTHOR):
                after = applied(after, fact, until, AUTHOR)
            for key, slot in itertools.product(KEYS, Slot):
                had, has = (in_force(s.junction(key).slot(slot), until) for s in (before, after))
                own = had is not None and had.plan_set == plan_set
                assert has == (None if own else had)

    @precondition(lambda self: self.desk.state.sets)
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        plan_set, desk = self.some_set(data), self.desk
        try:
            sources = decisions.rollback_sources(desk.state, desk.at, plan_set)
        except RefusedError:
            return
        assert set(sources.values()) <= set(desk.state.sets)
        ends = {key: desk.state.sets[source].until_of(key) for key, source in sources.items()}
        if sources and self.tried(desk.roll_back, plan_set):
            back = desk.state.sets[f"set-{desk.drafts}"]
            assert {key: back.until_of(key) for key in back.junctions} == ends
            assert all(end is None or end > desk.at for end in ends.values())

    @rule(key=st.sampled_from(KEYS), who=st.sampled_from(PEOPLE), eject=st.booleans())
    def hold_or_release(self, key: str, who: str, eject: bool) -> None:
        if not self.tried(self.desk.hold, key, who):
            self.tried(self.desk.enter, who, lambda s, at, w: operators.release(s, at, w, key, eject=eject))

    @rule(
        key=st.sampled_from(KEYS),
        who=st.sampled_from(PEOPLE),
        mode=st.sampled_from(OrderMode),
        slot=st.none() | st.sampled_from(Slot),
        minutes=st.sampled_from([1, 30, 300]),
    )
    def order(self, key: str, who: str, mode: OrderMode, slot: Slot | None, minutes: float) -> None:
        held = operators.holder(self.desk.state, self.desk.at, key)
        if self.tried(self.desk.order, key, who, mode, slot=slot, minutes=minutes):
            assert held is not None
            assert held.by == who

    @invariant()
    def sets_go_along_the_edges(self) -> None:
        for plan_set, record in self.desk.state.sets.items():
            before, now = self.seen.get(plan_set, S.DRAFT), record.state
            self.seen[plan_set] = now
            assert before is now or _reachable(before, now), (before, now)

    @invariant()
    def versions_rise_and_are_accepted_before_they_are_activated(self) -> None:
        for key, record in self.desk.state.junctions.items():
            numbers = [
                version.number
                for slot in record.slots.values()
                for version in (slot.current, slot.pending)
                if version
            ]
            assert len(numbers) == len(set(numbers))
            assert all(1 <= number <= record.last_version for number in numbers)
            for slot in record.slots.values():
                assert slot.pending is None or slot.pending.activation is None
                if slot.current:
                    assert slot.current.activation
                    assert (key, slot.current.number) in self.accepted
                    assert slot.pending is None or slot.pending.number > slot.current.number

    @invariant()
    def a_controller_shows_what_the_service_says_is_in_force(self) -> None:
        """A controller runs the newest version that has begun, whatever has been activated since."""
        state, now = self.desk.state, self.desk.at
        for key, record in state.junctions.items():
            for slot, has in record.slots.items():
                if has.current is None:
                    continue
                known, current = self.activated[key, slot], has.current
                for version in (has.previous, current):
                    if version is not None:
                        assert version.begins_at is not None
                        known[version.number] = _Activated(version.begins_at, version.until, version.plan_set)
                newest = max((n for n, one in known.items() if one.begins <= now), default=None)
                if known[current.number].begins <= now:
                    assert newest == current.number
                elif newest is not None and (known[newest].until is None or known[newest].until > now):
                    assert has.previous is not None
                    assert known[newest].plan_set == has.previous.plan_set

    @rule(keys=st.sets(st.sampled_from(KEYS), min_size=1))
    def controllers_hear(self, keys: set[str]) -> None:
        """Whatever it has missed, a controller that has heard runs what is in force; so does one without memory."""
        state, now = self.desk.state, self.desk.at
        for key, slot in itertools.product(sorted(keys), Slot):
            has = state.junction(key).slot(slot)
            for controller in (self.memories[key, slot], _Controller(slot)):
                controller.hear(has, now)
                version = in_force(has, now)
                assert controller.runs(now) == (None if version is None else version.number)

    @rule(keys=st.sets(st.sampled_from(KEYS), min_size=1))
    def controllers_hear_of_orders(self, keys: set[str]) -> None:
        """Whatever it has missed, a controller that has heard does what is ordered, and nothing else."""
        self.desk.coordinate()
        for key in keys:
            order, now = self.desk.state.junction(key).order, self.desk.at
            word = None if order is None else self.desk.words[order.token]
            had = self.orders.get(key)
            if word is not None and word.expires_at > now and (had is None or word.sequence > had.sequence):
                self.orders[key] = had = word
            stands = had is not None and had.mode is not OrderMode.NONE and had.expires_at > now
            ordered = None if order is None or order.mode is OrderMode.NONE else (order.mode, order.slot)
            assert ((had.mode, had.slot) if had is not None and stands else None) == ordered

    @invariant()
    def a_group_is_activated_as_a_whole(self) -> None:
        for record in self.desk.state.sets.values():
            for group in record.groups.values():
                if group.state in {GroupState.ACTIVATED, GroupState.IN_FORCE}:
                    assert group.accepted == set(group.members)
                assert group.running <= group.accepted
                if group.state is GroupState.PENDING and record.state in {S.PUBLISHED, S.ACKNOWLEDGED}:
                    for key in group.members:
                        pending = self.desk.state.junction(key).slot(record.slot).pending
                        assert pending is not None
                        assert pending.plan_set == record.id

    @invariant()
    def what_is_live_is_what_junctions_have(self) -> None:
        state = self.desk.state
        has = {
            version.plan_set
            for junction in state.junctions.values()
            for slot in junction.slots.values()
            for version in (slot.current, slot.pending)
            if version
        }
        before = {
            slot.previous.plan_set
            for junction in state.junctions.values()
            for slot in junction.slots.values()
            if slot.previous
        }
        assert has <= set(state.live) <= has | before

    @invariant()
    def what_is_in_force_is_of_a_set_that_may_be_taken_back(self) -> None:
        state, now = self.desk.state, self.desk.at
        for key, junction in state.junctions.items():
            for has in junction.slots.values():
                version = in_force(has, now)
                if version is not None:
                    record = state.sets[version.plan_set]
                    assert record.id in state.live
                    assert active_versions(state, now, record)[key] is version

    @rule()
    def stored_and_read(self) -> None:
        text = _stored(self.desk.state)
        read = CODEC.decode(json.loads(text))
        assert read == self.desk.state
        assert _stored(read) == text  # also the orders, which are no part of being equal
        self.snapshot, self.known = text, len(self.desk.log)

    def teardown(self) -> None:
        assert replayed(self.desk) == self.desk.state
        state = CODEC.decode(json.loads(self.snapshot))
        assert _stored(replayed(self.desk, state, self.known)) == _stored(replayed(self.desk))
        assert all(one[0] <= other[0] for one, other in pairwise(self.desk.log))


def _stored(state: Lifecycle) -> str:
    return json.dumps(CODEC.encode(state))


def _reachable(before: SetState, after: SetState) -> bool:
    """Return whether `after` can be reached; several steps may have been taken by one event."""
    found, last = {before}, set()
    while found != last:
        last = set(found)
        found |= {state for one in last for state in MAY_FOLLOW[one]}
    return after in found


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
