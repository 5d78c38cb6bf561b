"""Does what is due by itself: activates groups that are complete, ends what has ended, tells what is late.

Every replica runs one. What two of them do at the same time is done once: they decide on the same ledger.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from api.centre.background import alongside
from api.store.errors import StoreUnavailable
from signals.lifecycle import coordination
from traffic.errors import InputError, RefusedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from api.centre.centre import Centre
    from api.centre.news import News
    from signals.lifecycle.coordination import Ready
    from signals.lifecycle.facts import Fact
    from signals.lifecycle.records import Lifecycle

__all__ = ["Coordinator"]

_LOG = logging.getLogger("jasyl.coordinator")

_EVERY_S = 1.0


class Coordinator:
    """Looks for what is due at every entry of the ledger, and every second.

    Parameters
    ----------
    who
        How the ledger calls it.
    """

    def __init__(self, centre: Centre, news: News, *, clock: Callable[[], datetime], who: str) -> None:
        self._centre = centre
        self._news = news
        self._clock = clock
        self._who = who

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Coordinate inside the block."""
        async with alongside(self._forever()):
            yield

    async def _forever(self) -> None:
        while True:
            news = asyncio.ensure_future(self._news.anything())
            try:
                await self.step()
                await asyncio.wait({news}, timeout=_EVERY_S)
            except (StoreUnavailable, RefusedError) as error:
                _LOG.warning("What is due waits: %s", error)
                await asyncio.sleep(_EVERY_S)
            except Exception:  # noqa: BLE001 - whatever it is, the next second is tried again
                _LOG.exception("What is due could not be done")
                await asyncio.sleep(_EVERY_S)
            finally:
                news.cancel()

    async def step(self) -> None:
        """Do what is due now."""
        for what in coordination.ready(self._centre.plans, self._clock()):
            try:
                await self._activate(what)
            except (InputError, RefusedError) as error:  # the others must not wait for this one
                _LOG.warning("Group %s of %s waits: %s", what.group, what.plan_set, error)
        if coordination.tidy(self._centre.plans, self._clock(), self._who):
            await self._centre.commit(coordination.tidy, self._who, "due")

    async def _activate(self, what: Ready) -> None:
        at = self._clock()
        record = self._centre.plans.plan_set(what.plan_set)
        since = at + self._centre.rules.lead
        if record.activate_from is not None:
            since = max(since, record.activate_from)
        tokens = await asyncio.to_thread(self._centre.signatory.activations, record, what, at, since)

        def decide(plans: Lifecycle, at: datetime, who: str) -> list[Fact]:
            return coordination.activate(plans, at, who, what, tokens, since)

        await self._centre.commit(decide, self._who, "every member has acknowledged")
