"""Commands that wait together, decided one after the other on a scratch state. No Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from api.store.chain import Entry, Fact, digest, seal, to_milliseconds
from api.store.errors import StoreUnavailable
from traffic.errors import InputError

__all__ = ["Commands", "Decision", "Draft", "Head", "Repeated", "Waiting"]

S = TypeVar("S")

_MAX_BATCH_BYTES = 8 * 2**20
_MAX_DOCUMENT = 32 * 2**20


@dataclass(frozen=True, slots=True)
class Decision:
    """Facts, and the documents that they name by digest.

    Parameters
    ----------
    facts
        What happens, in order.
    documents
        Bytes that are stored with the facts.
    """

    facts: Sequence[Fact]
    documents: Sequence[bytes] = ()


@dataclass(slots=True)
class Waiting(Generic[S]):
    """A command that waits for its answer."""

    decide: Callable[[S, datetime], Sequence[Fact] | Decision]
    who: str
    why: str
    command: str
    documents: Sequence[bytes]
    answer: asyncio.Future[tuple[Entry, ...]]

    def refuse(self, error: Exception) -> None:
        """Answer with an error, if somebody still waits."""
        if not self.answer.done():
            self.answer.set_exception(error)

    def accept(self, entries: tuple[Entry, ...]) -> None:
        """Answer with entries, if somebody still waits."""
        if not self.answer.done():
            self.answer.set_result(entries)


@dataclass(frozen=True, slots=True)
class Repeated:
    """The entries, by number, that a command with the same id has made before."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Head(Generic[S]):
    """A state and the entry that it was made by: all that a decision stands on."""

    state: S
    seq: int
    hash: str


class Commands:
    """The entries of each command that was carried out lately.

    Parameters
    ----------
    kept_for
        How long the id of a command is known.
    """

    def __init__(self, kept_for: timedelta) -> None:
        self._kept_for = kept_for
        self._found: dict[str, tuple[Repeated, datetime]] = {}

    def note(self, entry: Entry) -> None:
        """Add an entry, which is the newest."""
        known = self._found.get(entry.command)
        first = known[0].first if known else entry.seq
        self._found[entry.command] = (Repeated(first, entry.seq), entry.at)

    def find(self, command: str) -> Repeated | None:
        """Return the entries of a command; None if it is not known."""
        known = self._found.get(command)
        return known[0] if known else None

    def forget(self, now: datetime) -> None:
        """Drop the commands whose time is over."""
        limit = now - self._kept_for
        while self._found:
            command, (_, at) = next(iter(self._found.items()))
            if at >= limit:
                return
            del self._found[command]


@dataclass(slots=True)
class Draft(Generic[S]):
    """What a batch of commands would append.

    Parameters
    ----------
    base
        What the decisions are made on.
    apply
        Gives the state after an entry.
    """

    base: Head[S]
    apply: Callable[[S, Entry], S]
    head: Head[S] = field(init=False)
    entries: list[Entry] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    documents: dict[str, bytes] = field(default_factory=dict)
    outcomes: list[tuple[Entry, ...] | Repeated | Exception] = field(default_factory=list)
    size: int = 0

    def __post_init__(self) -> None:
        self.head = self.base

    def fill(self, batch: Sequence[Waiting[S]], known: Commands, clock: Callable[[], datetime]) -> int:
        """Decide commands until the draft is full; return how many were decided."""
        mine: dict[str, Repeated] = {}
        for count, waiting in enumerate(batch):
            if self.size > _MAX_BATCH_BYTES:
                return count
            repeated = mine.get(waiting.command) or known.find(waiting.command)
            if repeated:
                self.outcomes.append(repeated)
                continue
            outcome = self._decided(waiting, to_milliseconds(clock()))
            self.outcomes.append(outcome)
            if isinstance(outcome, tuple) and outcome:
                mine[waiting.command] = Repeated(outcome[0].seq, outcome[-1].seq)
        return len(batch)

    def _decided(self, waiting: Waiting[S], now: datetime) -> tuple[Entry, ...] | Exception:
        try:
            made = waiting.decide(self.head.state, now)
            decision = made if isinstance(made, Decision) else Decision(made)
            documents = _by_digest((*decision.documents, *waiting.documents))
            return self._added(waiting, now, decision.facts, documents)
        except Exception as error:  # noqa: BLE001  # whatever it is goes to who gave the command, and only there
            return error

    def _added(
        self, waiting: Waiting[S], now: datetime, facts: Sequence[Fact], documents: Mapping[str, bytes]
    ) -> tuple[Entry, ...]:
        head, entries, bodies = self.head, [], []
        for fact in facts:
            entry, body = seal(
                fact,
                seq=head.seq + 1,
                previous=head.hash,
                at=now,
                who=waiting.who,
                why=waiting.why,
                command=waiting.command,
            )
            head = Head(self.apply(head.state, entry), entry.seq, entry.hash)
            entries.append(entry)
            bodies.append(body)
        self.head = head
        self.entries += entries
        self.bodies += bodies
        if entries:
            self.documents.update(documents)
        self.size += sum(map(len, bodies)) + sum(map(len, documents.values()))
        return tuple(entries)


def unavailable(error: Exception) -> StoreUnavailable:
    """Return what callers are told when the ledger itself is at fault."""
    return error if isinstance(error, StoreUnavailable) else StoreUnavailable(str(error))


def _by_digest(documents: Sequence[bytes]) -> dict[str, bytes]:
    for content in documents:
        if len(content) > _MAX_DOCUMENT:
            rule = f"must be at most {_MAX_DOCUMENT} bytes"
            raise InputError(rule, field="document", value=f"{len(content)} bytes")
    return {digest(content): content for content in documents}
