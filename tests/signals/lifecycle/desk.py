"""A desk to work at: the state, a clock, and every fact so far."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from signals.lifecycle import coordination, decisions, operators, words
from signals.lifecycle.facts import Fact, applied
from signals.lifecycle.in_force import active_versions
from signals.lifecycle.records import Lifecycle, OrderMode, Slot
from traffic.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

START = datetime(2026, 11, 27, 7, 0, tzinfo=UTC)
AUTHOR, APPROVER, SERVICE = "Aigerim", "Bolat", "service"


class Word(NamedTuple):
    """What an order says."""

    sequence: int
    mode: OrderMode
    slot: Slot | None
    expires_at: datetime


class Desk:
    """Decides and applies, as the ledger does; facts go through JSON, as they do on disk."""

    def __init__(self) -> None:
        self.state = Lifecycle()
        self.at = START
        self.log: list[tuple[datetime, str, str]] = []
        self.drafts = 0
        self.words: dict[str, Word] = {}

    def enter(self, who: str, decide: Callable[[Lifecycle, datetime, str], list[Fact]]) -> list[str]:
        facts = decide(self.state, self.at, who)
        for fact in facts:
            text = json.dumps({"kind": fact.kind, "data": fact.data})
            self.log.append((self.at, who, text))
            self.state = applied(self.state, read(text), self.at, who)
        return [fact.kind for fact in facts]

    def wait(self, **time: float) -> None:
        self.at += timedelta(**time)

    def draft(
        self,
        groups: Mapping[str, Sequence[str]],
        *,
        slot: Slot = Slot.BASE,
        hours: float | None = None,
        begins_in_hours: float | None = None,
        rollback_of: str | None = None,
        who: str = AUTHOR,
    ) -> str:
        self.drafts += 1
        new = decisions.Draft(
            id=f"set-{self.drafts}",
            name="morning",
            slot=slot,
            document=f"document-{self.drafts}",
            groups=groups,
            activate_from=None if begins_in_hours is None else self.at + timedelta(hours=begins_in_hours),
            valid_until=None if hours is None else self.at + timedelta(hours=hours),
            rollback_of=rollback_of,
        )
        self.enter(who, lambda s, at, w: decisions.draft(s, at, w, new))
        return new.id

    def check(self, plan_set: str, findings: Sequence[str] = ()) -> None:
        self.enter(SERVICE, lambda s, at, w: decisions.check(s, at, w, plan_set, findings))

    def approve(self, plan_set: str, who: str = APPROVER) -> None:
        self.enter(who, lambda s, at, w: decisions.approve(s, at, w, plan_set, four_eyes=True))

    def publish(self, plan_set: str, *, minutes: float = 5) -> None:
        versions = {
            key: decisions.NewVersion(self.state.junction(key).last_version + 1, f"plan-{plan_set}-{key}")
            for key in self.state.plan_set(plan_set).junctions
        }
        deadline = self.at + timedelta(minutes=minutes)
        self.enter(
            APPROVER, lambda s, at, w: decisions.publish(s, at, w, plan_set, versions, deadline=deadline)
        )

    def published(self, groups: Mapping[str, Sequence[str]], **how: object) -> str:
        plan_set = self.draft(groups, **how)  # type: ignore[arg-type]
        self.check(plan_set)
        self.approve(plan_set)
        self.publish(plan_set)
        return plan_set

    def pending(self, junction: str, slot: Slot = Slot.BASE) -> int:
        version = self.state.junction(junction).slot(slot).pending
        assert version is not None
        return version.number

    def current(self, junction: str, slot: Slot = Slot.BASE) -> int:
        version = self.state.junction(junction).slot(slot).current
        assert version is not None
        return version.number

    def accept(self, junction: str, version: int) -> list[str]:
        return self.enter(junction, lambda s, at, w: words.accept(s, at, w, junction, version))

    def refuse(self, junction: str, version: int, reason: str = "intergreen") -> list[str]:
        return self.enter(junction, lambda s, at, w: words.refuse(s, at, w, junction, version, reason))

    def run(self, junction: str, version: int) -> list[str]:
        return self.enter(junction, lambda s, at, w: words.run(s, at, w, junction, version))

    def coordinate(self, lead_s: float = 10) -> list[str]:
        kinds = []
        for what in coordination.ready(self.state, self.at):
            tokens = {key: f"activation-{number}" for key, number in what.versions.items()}
            activate_from = self.state.plan_set(what.plan_set).activate_from or self.at
            when = max(self.at + timedelta(seconds=lead_s), activate_from)

            def activate(
                s: Lifecycle, at: datetime, w: str, what: coordination.Ready = what, tokens: dict = tokens
            ) -> list[Fact]:
                return coordination.activate(s, at, w, what, tokens, when)  # noqa: B023

            with suppress(RefusedError):  # it waits, as the coordinator does
                kinds += self.enter(SERVICE, activate)
        return kinds + self.enter(SERVICE, coordination.tidy)

    def activate(self, plan_set: str) -> None:
        """Let every member accept a set, and activate it."""
        record = self.state.plan_set(plan_set)
        for key in record.junctions:
            self.accept(key, self.pending(key, record.slot))
        self.coordinate()

    def roll_back(self, plan_set: str) -> str:
        """Publish what the junctions of a set had before."""
        self.drafts += 1
        sources: dict[str, list[str]] = {}
        for key, source in decisions.rollback_sources(self.state, self.at, plan_set).items():
            sources.setdefault(source, []).append(key)
        keys = [key for members in sources.values() for key in members]
        slot = self.state.plan_set(plan_set).slot
        new = decisions.Draft(f"set-{self.drafts}", "", slot, "document", {"x": keys}, rollback_of=plan_set)
        self.enter(APPROVER, lambda s, at, w: decisions.prepared_rollback(s, at, w, new, sources))
        self.publish(new.id)
        return new.id

    def bring_in(self, plan_set: str) -> None:
        """Let every member accept, activate, and run a set."""
        record = self.state.plan_set(plan_set)
        for key in record.junctions:
            self.accept(key, self.pending(key, record.slot))
        self.coordinate()
        self.wait(minutes=1)
        self.coordinate()
        for key in record.junctions:
            self.run(key, self.current(key, record.slot))

    def end(self, plan_set: str, *, minutes: float = 0) -> list[str]:
        """End a set where it is activated."""
        active = active_versions(self.state, self.at, self.state.plan_set(plan_set))
        tokens, until = dict.fromkeys(active, f"end-{plan_set}"), self.at + timedelta(minutes=minutes)
        return self.enter(APPROVER, lambda s, at, w: decisions.end(s, at, w, plan_set, tokens, until))

    def hold(self, junction: str, who: str, *, minutes: float = 30) -> None:
        until = self.at + timedelta(minutes=minutes)
        self.enter(who, lambda s, at, w: operators.hold(s, at, w, junction, until))

    def order(
        self, junction: str, who: str, mode: OrderMode, *, slot: Slot | None = None, minutes: float = 30
    ) -> None:
        until = self.at + timedelta(minutes=minutes)

        def sign(sequence: int, mode: OrderMode, slot: Slot | None, expires_at: datetime) -> str:
            self.words[f"order-{sequence}"] = Word(sequence, mode, slot, expires_at)
            return f"order-{sequence}"

        self.enter(
            who,
            lambda s, at, w: operators.order(
                s, at, w, junction, mode, slot=slot, expires_at=until, sign=sign
            ),
        )


def read(text: str) -> Fact:
    document = json.loads(text)
    return Fact(document["kind"], document["data"])


def replayed(desk: Desk, state: Lifecycle | None = None, known: int = 0) -> Lifecycle:
    """Return the state that the log alone gives, or what of it comes after a state that is known."""
    state = state or Lifecycle()
    for at, who, text in desk.log[known:]:
        state = applied(state, read(text), at, who)
    return state
