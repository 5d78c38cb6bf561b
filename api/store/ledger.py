"""The ledger: one chain of entries in Redis, and the state that follows from it.

What is decided is appended if nobody else has appended since, by one script, together with all that waited at the same
time. Nothing is applied or answered before Redis has it on disk. When the connection is lost while an answer is due,
a fence is set that the lost script would stop at, and the log is read: what is in it was carried out, the rest is decided again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from api.store.batch import Commands, Decision, Draft, Head, Repeated, Waiting, unavailable
from api.store.chain import GENESIS, Entry, Fact
from api.store.connection import Store
from api.store.errors import FellBehind, LedgerDamaged, StoreUnavailable
from api.store.log import CHUNK, Log
from api.store.replay import Verified, advanced, verified
from api.store.snapshot import Named, Snapshots
from traffic.errors import InputError

__all__ = ["Ledger", "Verified"]

S = TypeVar("S")

_LOG = logging.getLogger("jasyl.store")

_BATCH = 256
_LONGEST_QUEUE = 10_000


class Ledger(Generic[S]):
    """A state that is a pure function of the entries of one log, kept by any number of replicas.

    Parameters
    ----------
    redis
        Where the log is.
    initial
        The state before the first entry.
    apply
        Gives the state after an entry; pure, and states are immutable.
    name
        What the keys in Redis begin with.
    clock
        Gives the time (with time zone).
    new_id
        Gives identifiers that nobody else gives.
    kept_for
        How long the id of a command is known.
    recent
        How many entries are kept in memory for followers.
    snapshots
        Where to begin, in place of the first entry.
    """

    def __init__(
        self,
        redis: Store,
        initial: S,
        apply: Callable[[S, Entry], S],
        *,
        name: str = "jasyl",
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        kept_for: timedelta = timedelta(days=1),
        recent: int = 4096,
        snapshots: Snapshots[S] | None = None,
    ) -> None:
        self._log = Log(redis, name, new_id)
        self._patience_s = redis.patience_s
        self._apply = apply
        self._clock = clock
        self._new_id = new_id
        self._first = self._head = Head(initial, 0, GENESIS)
        self._snapshots = snapshots
        self._kept_for, self._commands = kept_for, Commands(kept_for)
        self._recent: deque[Entry] = deque(maxlen=recent)
        self._waiting: deque[Waiting[S]] = deque()
        self._work, self._news = asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._failure: Exception | None = StoreUnavailable("the ledger is not open")
        self._reachable = self._closed = False

    @property
    def state(self) -> S:
        """The state after the last entry."""
        return self._head.state

    @property
    def head(self) -> Head[S]:
        """State, number and hash, of the same entry."""
        return self._head

    @property
    def seq(self) -> int:
        """The number of the last entry; 0 before the first."""
        return self._head.seq

    @property
    def hash(self) -> str:
        """The hash of the last entry."""
        return self._head.hash

    @property
    def ready(self) -> bool:
        """Whether the ledger is open and Redis answered lately."""
        return self._failure is None and self._reachable

    async def open(self) -> None:
        """Read the log, from the snapshot on where there is one, and begin to follow it.

        Raises
        ------
        LedgerDamaged
            When an entry is missing, was changed, or cannot be applied.
        StoreUnavailable
            When Redis does not answer.
        """
        await self._begin()
        await self._catch_up()
        await self._require_untouched_end()
        self._failure, self._reachable = None, True
        self._tasks = [asyncio.create_task(self._tail()), asyncio.create_task(self._write_forever())]

    async def close(self) -> None:
        """Carry out what waits, then stop; followers end."""
        self._closed = True
        self._failure = self._failure or StoreUnavailable("the ledger is closed")
        if self._tasks:
            self._work.set()
            await asyncio.wait(self._tasks[1:], timeout=2 * self._patience_s)
        await _cancelled(self._tasks)
        self._refuse_all(unavailable(self._failure))
        self._tell_followers()

    async def commit(
        self,
        decide: Callable[[S, datetime], Sequence[Fact] | Decision],
        *,
        who: str,
        why: str,
        command: str | None = None,
        documents: Sequence[bytes] = (),
    ) -> tuple[Entry, ...]:
        """Decide on the newest state and append what was decided: all of it, or nothing.

        Parameters
        ----------
        decide
            Gives the facts, or raises; it may be called more than once, and must change nothing.
        who, why
            Who gives the command, and the reason given.
        command
            The id of the command. A second one with the same id within a day appends nothing, and gives the entries
            of the first. Ids that clients choose must be made distinct by client before.
        documents
            Bytes that are stored with the facts.

        Returns
        -------
        tuple
            The entries, which are on disk and in `state`; none for a decision without facts.

        Raises
        ------
        StoreUnavailable
            When Redis is away; with `unknown`, the facts may have been appended all the same.
        """
        if self._failure is not None:
            raise unavailable(self._failure)
        if len(self._waiting) >= _LONGEST_QUEUE:
            raise StoreUnavailable(f"{_LONGEST_QUEUE} commands wait already")
        answer: asyncio.Future[tuple[Entry, ...]] = asyncio.get_running_loop().create_future()
        name = self._new_id() if command is None else command
        self._waiting.append(Waiting(decide, who, why, name, documents, answer))
        self._work.set()
        return await answer

    def has_carried_out(self, command: str) -> bool:
        """Return whether entries of a command are known; it may have been carried out by another replica just now."""
        return self._commands.find(command) is not None

    async def follow(self, after_seq: int) -> AsyncIterator[Entry]:
        """Yield the entries after a number, the stored ones and then each new one, until the ledger closes.

        Raises
        ------
        FellBehind
            When the follower is so slow that new entries are no longer in memory.
        """
        if after_seq < 0:
            raise InputError("must be 0 or more", field="after_seq", value=after_seq)
        seq, live = after_seq, False
        while True:
            news = self._news
            if seq < self.seq:
                if seq + 1 >= self._recent[0].seq:
                    live = True
                    entries = self._in_memory(seq)
                elif live:
                    raise FellBehind(seq)
                else:
                    entries = await self._log.read(seq + 1, min(seq + CHUNK, self.seq))
                for entry in entries:
                    yield entry
                    seq = entry.seq
            elif self._closed:
                return
            elif self._failure is not None:
                raise unavailable(self._failure)
            else:
                await news.wait()

    async def verify(self) -> Verified:
        """Read the whole chain anew, in pieces; check every link, what is in memory, and the snapshot."""
        return await verified(self._log, self._first, self._apply, self._head, self._snapshots)

    async def snapshot(self) -> Named | None:
        """Return what the ledger says of its newest snapshot; None without one."""
        return None if self._snapshots is None else await self._snapshots.named(self._log)

    def _in_memory(self, after: int) -> list[Entry]:
        start = after + 1 - self._recent[0].seq
        stop = min(len(self._recent), start + CHUNK)
        return [self._recent[place] for place in range(start, stop)]

    async def _between(self, first: int, last: int) -> tuple[Entry, ...]:
        found: list[Entry] = []
        while first + len(found) <= last:
            after = first + len(found) - 1
            recent = after + 1 >= self._recent[0].seq
            more = self._in_memory(after) if recent else await self._log.read(after + 1, last)
            if not more:
                raise LedgerDamaged("must be there: this replica has it", seq=after + 1)
            found += more
        return tuple(found[: last + 1 - first])

    async def _begin(self) -> None:
        """Begin at the snapshot, if there is one that fits."""
        if self._snapshots is None or self.seq:
            return
        start = await self._snapshots.start(self._log, self._clock() - self._kept_for)
        if start is not None:
            self._head = start.head
            for entry in start.before:
                self._keep(entry)

    async def _catch_up(self) -> None:
        """Apply what is new in the log, which must still have the last entry that was applied."""
        while True:
            own = self._head
            found = await self._log.read(max(own.seq, 1), None)
            if own.seq and (not found or found[0].hash != own.hash):
                raise LedgerDamaged(
                    "must be the entry that this replica has: the log was cut off or replaced",
                    seq=own.seq,
                    value=found[0].hash if found else "no entry",
                )
            self._absorb(found)
            self._commands.forget(self._clock())
            if len(found) < CHUNK:
                return

    async def _require_untouched_end(self) -> None:
        highest = await self._log.highest()
        if highest > self.seq:
            await self._catch_up()
        if highest > self.seq:
            raise LedgerDamaged("must be there: it was written once", seq=self.seq + 1)

    def _absorb(self, entries: Iterable[Entry], draft: Draft[S] | None = None) -> None:
        """Apply entries that follow on; those that are known already are passed over."""
        if draft is not None and draft.base is self._head:
            self._head = draft.head
            for entry in entries:
                self._keep(entry)
        else:
            for entry in entries:
                if entry.seq > self.seq:
                    self._head = advanced(self._head, entry, self._apply)
                    self._keep(entry)
        self._tell_followers()

    def _keep(self, entry: Entry) -> None:
        self._recent.append(entry)
        self._commands.note(entry)

    def _tell_followers(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _tail(self) -> None:
        pause = 0.0
        while True:
            try:
                if not self._reachable:
                    await self._catch_up()
                    self._reachable, pause = True, 0.0
                found = await self._log.news(lambda: self.seq)
                if found is None:
                    await self._catch_up()
                elif found:
                    self._absorb(found)
            except StoreUnavailable as error:
                self._reachable, pause = False, min(2 * pause + 0.02, 1.0)
                _LOG.warning("The ledger does not hear from Redis: %s", error.reason)
                await asyncio.sleep(pause)
            except Exception as error:  # noqa: BLE001  # whatever it is, without news nothing may be decided
                self._fail(error)
                return

    async def _write_forever(self) -> None:
        while self._failure is None or self._waiting:
            if not self._waiting:
                self._work.clear()
                await self._work.wait()
                continue
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            batch = [waiting for waiting in batch if not waiting.answer.done()]
            try:
                await self._write(batch)
            except StoreUnavailable as error:
                self._refuse_all(error, batch)
            except LedgerDamaged as error:
                self._fail(error)
                self._refuse_all(unavailable(error), batch)
            except Exception as error:  # noqa: BLE001  # a failure of ours must not leave later commands waiting
                _LOG.exception("A batch of commands failed")
                self._refuse_all(unavailable(error), batch)
            except asyncio.CancelledError:
                self._refuse_all(StoreUnavailable("the ledger is closed", unknown=True), batch)
                raise

    async def _write(self, batch: list[Waiting[S]]) -> None:
        while True:
            draft = Draft(self._head, self._apply)
            count = draft.fill(batch, self._commands, self._clock)
            self._waiting.extendleft(reversed(batch[count:]))
            del batch[count:]
            if await self._log.append(draft):
                break
            await self._catch_up()
        self._absorb(draft.entries, draft)
        answers = list(zip(batch, draft.outcomes, strict=True))
        for waiting, outcome in sorted(answers, key=lambda pair: isinstance(pair[1], Repeated)):
            await self._answer(waiting, outcome)
        self._commands.forget(self._clock())

    async def _answer(self, waiting: Waiting[S], outcome: tuple[Entry, ...] | Repeated | Exception) -> None:
        if isinstance(outcome, Exception):
            waiting.refuse(outcome)
        elif isinstance(outcome, Repeated):
            try:
                waiting.accept(await self._between(outcome.first, outcome.last))
            except StoreUnavailable as error:
                waiting.refuse(error)
        else:
            waiting.accept(outcome)

    def _fail(self, error: Exception) -> None:
        if self._failure is None:
            _LOG.critical("The ledger accepts nothing more: %s", error, exc_info=error)
            self._failure = error
        self._work.set()
        self._tell_followers()

    def _refuse_all(self, error: StoreUnavailable, batch: Sequence[Waiting[S]] = ()) -> None:
        for waiting in batch:
            waiting.refuse(error)
        while self._waiting:
            self._waiting.popleft().refuse(StoreUnavailable(error.reason))


async def _cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks until they end: one that waits for Redis may pass over the first time, see `Store`."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=0.02)
