"""News for those who wait: which junctions have something new, found in the states that the ledger goes through."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from api.centre.background import alongside
from api.store.errors import FellBehind, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from api.centre.state import ServiceState
    from api.store.ledger import Ledger
    from signals.lifecycle.records import Lifecycle

__all__ = ["News"]

_LOG = logging.getLogger("jasyl.news")

_PAUSE_S = 0.5


class News:
    """Wakes those who wait for a junction, and those who wait for anything.

    A waiter costs one future; what happens to other junctions costs it nothing.
    """

    def __init__(self, ledger: Ledger[ServiceState]) -> None:
        self._ledger = ledger
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}
        self._anything = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the ledger inside the block."""
        async with alongside(self._follow()):
            yield

    async def of(self, junction: str, tag: str) -> None:
        """Return as soon as what a junction is to have is not that of `tag`."""
        while self._ledger.state.plans.tag(junction) == tag:
            told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            waiting = self._waiting.setdefault(junction, set())
            waiting.add(told)
            try:
                await told
            finally:
                waiting.discard(told)
                if not waiting and self._waiting.get(junction) is waiting:
                    del self._waiting[junction]

    async def anything(self) -> None:
        """Return at the next entry of the ledger."""
        await self._anything.wait()

    async def _follow(self) -> None:
        seen = self._ledger.state.plans
        after = self._ledger.seq
        while True:
            try:
                async for entry in self._ledger.follow(after):
                    after = entry.seq
                    now = self._ledger.state.plans
                    self._tell(seen, now)
                    seen = now
            except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of what follows
                if not isinstance(error, FellBehind | StoreUnavailable):
                    _LOG.exception("News could not be followed")
                after = self._ledger.seq
                self._tell(seen, self._ledger.state.plans)
                seen = self._ledger.state.plans
                await asyncio.sleep(_PAUSE_S)
            else:
                return

    def _tell(self, before: Lifecycle, now: Lifecycle) -> None:
        anything, self._anything = self._anything, asyncio.Event()
        anything.set()
        if now.key_generation != before.key_generation:
            keys = list(self._waiting)
        elif now.junctions is before.junctions:
            return
        else:
            had = before.junctions
            keys = [key for key, record in now.junctions.items() if had.get(key) is not record]
        for key in keys:
            for told in self._waiting.get(key, ()):
                if not told.done():
                    told.set_result(None)
