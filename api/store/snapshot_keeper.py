"""Makes a new snapshot whenever the ledger has grown by so many entries: by one replica, while all go on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from api.store.connection import Store
from api.store.errors import LedgerDamaged, StoreDamaged, StoreUnavailable
from api.store.ledger import Ledger
from api.store.scripts import RELEASE
from api.store.snapshot import SNAPSHOT, Named, Snapshots

__all__ = ["SnapshotKeeper"]

S = TypeVar("S")

_LOG = logging.getLogger("jasyl.store")

_LEASE_MS = 300_000


@dataclass(frozen=True, slots=True)
class _Made:
    """The fact that a snapshot was made."""

    data: Mapping[str, Any]
    kind: str = SNAPSHOT


class SnapshotKeeper(Generic[S]):
    """Keeps the snapshot of a ledger new.

    Parameters
    ----------
    redis, ledger, snapshots
        Where it is, of what it is, and how it is written.
    new_id
        Gives identifiers that nobody else gives.
    who
        Who enters it.
    every
        After how many entries a new one is made.
    """

    def __init__(
        self,
        redis: Store,
        ledger: Ledger[S],
        snapshots: Snapshots[S],
        *,
        new_id: Callable[[], str],
        who: str,
        every: int = 20_000,
    ) -> None:
        self._redis, self._ledger, self._snapshots = redis, ledger, snapshots
        self._new_id, self._who, self._every = new_id, who, every
        self._lock = f"{snapshots.key}:keeper"

    async def run(self, every_s: float = 60.0) -> None:
        """Make what is due, again and again, until cancelled."""
        while True:
            try:
                await self.keep()
            except (StoreUnavailable, StoreDamaged) as error:
                _LOG.error("No snapshot is made, next try in %g s: %s", every_s, error)
            await asyncio.sleep(every_s)

    async def keep(self) -> Named | None:
        """Make a snapshot if one is due and no other replica is at it; return it."""
        if not await self._is_due():
            return None
        token = self._new_id()
        if await self._redis.call("SET", self._lock, token, "NX", "PX", _LEASE_MS) is None:
            return None
        try:
            return await self._make() if await self._is_due() else None
        finally:
            await self._redis.repeatedly(lambda: self._redis.run(RELEASE, (self._lock,), (token,)))

    async def _is_due(self) -> bool:
        try:
            last = await self._ledger.snapshot()
        except LedgerDamaged:
            last = None  # it was said at the start; the next one takes its place
        if last is not None and last.entry == self._snapshots.passed_over:
            last = None
        return self._ledger.seq - (last.seq if last else 0) >= self._every

    async def _make(self) -> Named:
        named, body = await self._snapshots.made(self._ledger.head)
        (entry,) = await self._ledger.commit(
            lambda _state, _at: [_Made(named.data())],
            who=self._who,
            why="so that a start reads only what comes after it",
        )
        await self._snapshots.store(entry.seq, body)
        _LOG.info("Snapshot after entry %d: %d bytes, %d as stored", named.seq, named.size, len(body))
        return named
