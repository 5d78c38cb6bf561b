"""The traffic centre: what the service does when somebody asks, on the ledger.

Decisions are pure and stand in `signals.lifecycle`; here they are given what they need: the time, signatures, documents.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from api.centre.asking import Condition, Decide, Limits, NewPlanSet, Rules
from api.centre.assigned import assignment_of
from api.centre.plan_documents import PlanDocuments, rollback_document
from api.centre.security import Actor, require_valid
from api.centre.served_city import ServedCity
from api.centre.signatory import Signatory
from api.centre.state import ServiceState
from api.centre.trust import signed_by
from api.store.batch import Decision
from api.store.chain import Entry, digest
from api.store.documents import Documents
from api.store.errors import StoreUnavailable
from api.store.ledger import Ledger
from signals.coordinated import coordinated_groups
from signals.lifecycle import decisions, facts, operators
from signals.lifecycle.facts import Fact
from signals.lifecycle.in_force import active_versions
from signals.lifecycle.records import Lifecycle, OrderMode, PlanSetRecord, Slot
from signals.payloads import cycles_of, require_same_junctions
from signals.schedule import Schedule
from signals.signing import Signer, TrustedKeys, canonical
from traffic.errors import InputError

__all__ = ["Centre"]

_TRIES = 5


class StaleError(Exception):
    """What was prepared does not fit the state any more; it is prepared again."""


def _always(_plans: Lifecycle) -> None:
    """Hold in every state."""


def _require_numbers(plans: Lifecycle, numbers: Mapping[str, int]) -> None:
    """Raise unless these are the versions that junctions get next, as plans were signed with them."""
    if any(plans.junction(key).last_version + 1 != number for key, number in numbers.items()):
        raise StaleError


def _require_ends(now: PlanSetRecord, signed: PlanSetRecord) -> None:
    """Raise unless the plans of a set end when they were signed to end."""
    if (now.valid_until, now.ends) != (signed.valid_until, signed.ends):
        raise StaleError


class Centre:
    """Everything that can be asked of the service about plans.

    Parameters
    ----------
    keys
        The keys that this replica has; which one signs is in the state.
    new_id
        Gives identifiers that nobody else gives.

    Attributes
    ----------
    plan_documents, signatory
        Read what was handed in, and sign what controllers are told.
    limits
        Is asked before anything is published or ordered, where there are controllers of other protocols.
    """

    def __init__(
        self,
        ledger: Ledger[ServiceState],
        documents: Documents,
        city: ServedCity,
        keys: Mapping[str, Signer],
        rules: Rules,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self.ledger = ledger
        self.documents = documents
        self.city = city
        self.rules = rules
        self.signatory = Signatory(keys, lambda: self.plans.signing_key, rules.time_zone)
        self.plan_documents = PlanDocuments(documents, city)
        self._clock = clock
        self._new_id = new_id
        self.limits: Limits | None = None

    @property
    def plans(self) -> Lifecycle:
        """The state of plans."""
        return self.ledger.state.plans

    def require_news(self) -> None:
        """Raise unless this replica hears of what is decided: what it knows may be long past."""
        if not self.ledger.ready:
            raise StoreUnavailable("this replica does not hear of what is decided")

    async def commit(
        self, decide: Decide, who: str | Actor, why: str, command: str | None = None
    ) -> tuple[Entry, ...]:
        """Decide on plans, and enter what was decided; see `enter` for those who hold a token."""
        if isinstance(who, Actor):
            name = who.name
            return await self.enter(lambda state, at: decide(state.plans, at, name), who, why, command)
        return await self.ledger.commit(
            lambda state, at: decide(state.plans, at, who), who=who, why=why, command=command
        )

    async def enter(
        self,
        decide: Callable[[ServiceState, datetime], Sequence[Fact] | Decision],
        actor: Actor,
        why: str,
        command: str | None,
    ) -> tuple[Entry, ...]:
        """Decide, and enter what was decided, for somebody whose token counts in the very state that is decided on."""

        def decided(state: ServiceState, at: datetime) -> Sequence[Fact] | Decision:
            require_valid(state.access, actor, at)
            return decide(state, at)

        return await self.ledger.commit(decided, who=actor.name, why=why, command=command)

    async def draft(self, new: NewPlanSet, actor: Actor, why: str, command: str | None) -> PlanSetRecord:
        """Take a plan set in; an unsafe one is refused here already."""
        content = canonical(dict(new.document))
        schedule = await self.plan_documents.read(digest(content), new.document)
        groups = new.groups or coordinated_groups(cycles_of(schedule), self.city.neighbours)
        require_same_junctions(groups, schedule)
        wanted = decisions.Draft(
            id=self._new_id(),
            name=new.name or schedule.name,
            slot=new.slot,
            document=digest(content),
            groups=groups,
            activate_from=new.activate_from,
            valid_until=new.valid_until,
        )
        entries = await self.enter(
            lambda state, at: Decision(decisions.draft(state.plans, at, actor.name, wanted), [content]),
            actor,
            why,
            command,
        )
        return self.plans.plan_set(entries[0].data["plan_set"])

    def _done(self, command: str | None) -> bool:
        """Return whether a request that is sent again has done its work: its conditions held then."""
        return command is not None and self.ledger.has_carried_out(command)

    async def check(
        self, plan_set: str, actor: Actor, why: str, command: str | None, *, condition: Condition = _always
    ) -> PlanSetRecord:
        """Read a draft against the junctions as they are now, and enter what was found."""
        record = self.plans.plan_set(plan_set)
        if self._done(command):
            return record
        condition(self.plans)
        findings = await self.findings(record)

        def decide(plans: Lifecycle, at: datetime, who: str) -> list[Fact]:
            condition(plans)
            return decisions.check(plans, at, who, plan_set, findings)

        await self.commit(decide, actor, why, command)
        return self.plans.plan_set(plan_set)

    async def findings(self, record: PlanSetRecord) -> list[str]:
        """Return what stands against a plan set; nothing where it is safe and can be carried out."""
        try:
            schedules = await self.plan_documents.schedules(self.plans, record)
        except InputError as error:
            return [str(error)]
        return await self._beyond_limits(schedules)

    async def _beyond_limits(self, schedules: Mapping[str, tuple[Schedule, int]]) -> list[str]:
        """Return which plans controllers cannot carry out."""
        found: list[str] = []
        if self.limits is not None:
            for key, (schedule, row) in schedules.items():
                found += await self.limits.findings(self.plans, key, schedule, row)
        return found

    async def _require_within_limits(self, schedules: Mapping[str, tuple[Schedule, int]]) -> None:
        for finding in await self._beyond_limits(schedules):
            raise InputError(
                "must be one that its controllers can carry out", field="plan set", value=finding
            )

    async def publish(
        self,
        plan_set: str,
        actor: Actor,
        why: str,
        command: str | None,
        *,
        over_holds: bool = False,
        condition: Condition = _always,
    ) -> PlanSetRecord:
        """Sign the plans of a set and give them out, all or none; with `over_holds`, also where others hold a junction."""
        if self._done(command):
            return self.plans.plan_set(plan_set)
        for _ in range(_TRIES):
            try:
                return await self._publish(plan_set, actor, why, command, condition, over_holds=over_holds)
            except StaleError:
                continue
        raise StoreUnavailable("too many publish at the same time")

    async def _publish(
        self,
        plan_set: str,
        actor: Actor,
        why: str,
        command: str | None,
        condition: Condition,
        *,
        over_holds: bool,
    ) -> PlanSetRecord:
        at = self._clock()
        condition(self.plans)
        record = decisions.require_publishable(self.plans, at, actor.name, plan_set, over_holds=over_holds)
        schedules = await self.plan_documents.schedules(self.plans, record)
        await self._require_within_limits(
            schedules
        )  # what they are may have changed since the set was checked
        numbers = {key: self.plans.junction(key).last_version + 1 for key in record.junctions}
        tokens = await asyncio.to_thread(self.signatory.plans, record, schedules, numbers, at)
        versions = {key: decisions.NewVersion(numbers[key], digest(token)) for key, token in tokens.items()}

        def decide(state: ServiceState, at: datetime) -> Decision:
            condition(state.plans)
            _require_numbers(state.plans, numbers)
            deadline = at + self.rules.ack_deadline
            found = decisions.publish(
                state.plans, at, actor.name, plan_set, versions, deadline=deadline, over_holds=over_holds
            )
            return Decision(found, list(tokens.values()))

        await self.enter(decide, actor, why, command)
        self.documents.at_hand(tokens.values())
        return self.plans.plan_set(plan_set)

    async def roll_back(
        self,
        plan_set: str,
        actor: Actor,
        why: str,
        command: str | None,
        *,
        over_holds: bool = False,
        condition: Condition = _always,
    ) -> PlanSetRecord:
        """Publish what the junctions of a set had before it, in one act; the plans had been approved then."""
        for _ in range(_TRIES):
            try:
                entries = await self._roll_back(
                    plan_set, actor, why, command, condition, over_holds=over_holds
                )
            except StaleError:
                continue
            return self.plans.plan_set(entries[0].data["plan_set"])
        raise StoreUnavailable("too many publish at the same time")

    async def _roll_back(
        self,
        plan_set: str,
        actor: Actor,
        why: str,
        command: str | None,
        condition: Condition,
        *,
        over_holds: bool,
    ) -> tuple[Entry, ...]:
        if self._done(command):
            return await self.enter(lambda _state, _at: [], actor, why, command)
        at, plans = self._clock(), self.plans
        condition(plans)
        wanted, sources, content = self._before(plans, at, plan_set)
        prepared = plans
        for fact in decisions.prepared_rollback(
            plans, at, actor.name, wanted, sources, over_holds=over_holds
        ):
            prepared = facts.applied(prepared, fact, at, actor.name)
        record = prepared.plan_set(wanted.id)
        schedules = await self.plan_documents.before(plans, sources)
        await self._require_within_limits(schedules)
        numbers = {key: plans.junction(key).last_version + 1 for key in record.junctions}
        tokens = await asyncio.to_thread(self.signatory.plans, record, schedules, numbers, at)
        versions = {key: decisions.NewVersion(numbers[key], digest(token)) for key, token in tokens.items()}

        def decide(state: ServiceState, at: datetime) -> Decision:
            condition(state.plans)
            found = decisions.prepared_rollback(
                state.plans, at, actor.name, wanted, sources, over_holds=over_holds
            )
            _require_numbers(state.plans, numbers)
            ready = state.plans
            for fact in found:
                ready = facts.applied(ready, fact, at, actor.name)
            _require_ends(ready.plan_set(wanted.id), record)
            deadline = at + self.rules.ack_deadline
            found += decisions.publish(
                ready, at, actor.name, wanted.id, versions, deadline=deadline, over_holds=over_holds
            )
            return Decision(found, [content, *tokens.values()])

        return await self.enter(decide, actor, why, command)

    def _before(
        self, plans: Lifecycle, at: datetime, plan_set: str
    ) -> tuple[decisions.Draft, dict[str, list[str]], bytes]:
        """Return the set that rolls another one back, which sets its plans are of, and its document.

        When it ends follows from these sets, and is decided on with it.
        """
        of = plans.plan_set(plan_set)
        sources: dict[str, list[str]] = {}
        for key, source in decisions.rollback_sources(plans, at, plan_set).items():
            sources.setdefault(source, []).append(key)
        content = rollback_document(plan_set, sources)
        keys = {key for members in sources.values() for key in members}
        groups = {
            group.name: own
            for group in of.groups.values()
            if (own := [key for key in group.members if key in keys])
        }
        wanted = decisions.Draft(
            id=self._new_id(),
            name=f"before {of.name}",
            slot=of.slot,
            document=digest(content),
            groups=groups,
            rollback_of=plan_set,
        )
        return wanted, sources, content

    async def end(
        self,
        plan_set: str,
        until: datetime | None,
        actor: Actor,
        why: str,
        command: str | None,
        *,
        condition: Condition = _always,
    ) -> PlanSetRecord:
        """End a set before its time, or at once, by new activations."""

        def decide(state: ServiceState, at: datetime) -> list[Fact]:
            condition(state.plans)
            record = state.plans.plan_set(plan_set)
            end = at if until is None else until
            tokens = {
                key: self.signatory.end(record, key, version, at, end)
                for key, version in active_versions(state.plans, at, record).items()
            }
            return decisions.end(state.plans, at, actor.name, plan_set, tokens, end)

        await self.enter(decide, actor, why, command)
        return self.plans.plan_set(plan_set)

    async def order(
        self,
        junction: str,
        mode: OrderMode,
        slot: Slot | None,
        expires_at: datetime,
        actor: Actor,
        why: str,
        command: str | None,
    ) -> None:
        """Order what a junction is to show."""
        self.city.junction(junction)
        if self.limits is not None:
            self.limits.require_order(junction, mode)

        def decide(plans: Lifecycle, at: datetime, who: str) -> list[Fact]:
            def sign(sequence: int, mode: OrderMode, slot: Slot | None, expires_at: datetime) -> str:
                return self.signatory.order(junction, sequence, mode, slot, at=at, expires_at=expires_at)

            return operators.order(
                plans, at, who, junction, mode, slot=slot, expires_at=expires_at, sign=sign
            )

        await self.commit(decide, actor, why, command)

    async def rotate_key(self, key: str, actor: Actor, why: str, command: str | None) -> None:
        """Let another key of this replica sign from now on; the old one tells the controllers."""
        self.signatory.require(key)
        others = await self._signed_by(self.plans.junctions)

        def decide(plans: Lifecycle, at: datetime, who: str) -> list[Fact]:
            token = self.signatory.announcement(key, others, at, plans.keys)
            return operators.announce_key(plans, at, who, key, token)

        await self.commit(decide, actor, why, command)

    async def keys_of(self, junctions: Iterable[str]) -> TrustedKeys:
        """Return the public keys that signed what junctions have or are to have, the one that signs now first."""
        return self.signatory.trusted(await self._signed_by(junctions))

    async def _signed_by(self, junctions: Iterable[str]) -> frozenset[str]:
        return await signed_by(self.plans, self.documents, junctions, self._clock())

    async def assignment(self, junction: str) -> tuple[str, dict[str, Any]]:
        """Return what a controller is to have, with its tag."""
        plans = self.plans
        return plans.tag(junction), await assignment_of(plans, self.documents, junction, self._clock())
