"""When each controller was last heard of, by all replicas together."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from api.centre.background import alongside
from api.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from api.store.connection import Store

__all__ = ["Presence"]

_LOG = logging.getLogger("jasyl.presence")

_EVERY_S = 5.0


class Presence:
    """Notes in memory who was heard, and shares it with the other replicas every few seconds.

    What is lost with a replica is heard again within one poll, so nothing is written to wait for the disk.
    """

    def __init__(self, store: Store, *, clock: Callable[[], datetime], name: str = "jasyl") -> None:
        self._store = store
        self._clock = clock
        self._key = f"{name}:heard"
        self._new: dict[str, float] = {}
        self._known: dict[str, float] = {}
        self.since: datetime = clock()

    def note(self, junction: str) -> None:
        """Note that a controller was heard now."""
        self._new[junction] = self._clock().timestamp()

    def heard(self, junction: str) -> datetime | None:
        """Return when a controller was last heard; none where never."""
        last = max(self._new.get(junction, 0.0), self._known.get(junction, 0.0))
        return datetime.fromtimestamp(last, UTC) if last else None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Share inside the block."""
        await self.share()
        async with alongside(self._forever()):
            yield

    async def _forever(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_S)
            try:
                await self.share()
            except StoreUnavailable as error:
                _LOG.warning("Who was heard is not shared: %s", error)

    async def share(self) -> None:
        """Tell the other replicas who was heard here, and learn who was heard there."""
        new, self._new = self._new, {}
        self._known |= new
        if new:
            pairs = [part for key, at in new.items() for part in (key, repr(at))]
            await self._store.call("HSET", self._key, *pairs)
        found = await self._store.read("HGETALL", self._key)
        names, times = found[::2], found[1::2]
        for name, at in zip(names, times, strict=True):
            key = name.decode()
            self._known[key] = max(self._known.get(key, 0.0), float(at))
