"""Looks out for what lasts and must be seen: controllers that are silent, report faults, show another plan, are off in time."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from api.centre.background import alongside
from api.centre.following import Following
from api.store.errors import StoreUnavailable
from signals.lifecycle.watch import changed, junction_findings, silent_findings, watched

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from datetime import datetime, timedelta

    from api.centre.centre import Centre
    from api.centre.presence import Presence
    from signals.lifecycle.watch import Finding

__all__ = ["Lookout"]

_LOG = logging.getLogger("jasyl.lookout")

_EVERY_S = 5.0


class Lookout:
    """Turns what is found into alarms, and clears them.

    Parameters
    ----------
    silent_after
        How long a controller may be silent. Those of before the start of this replica count from its start.
    who
        How the ledger calls it.
    """

    def __init__(
        self,
        centre: Centre,
        presence: Presence,
        *,
        silent_after: timedelta,
        clock: Callable[[], datetime],
        who: str,
    ) -> None:
        self._centre = centre
        self._presence = presence
        self._silent_after = silent_after
        self._clock = clock
        self._who = who
        self._following = Following()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look out inside the block."""
        async with alongside(self._forever()):
            yield

    async def _forever(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_S)
            try:
                await self.step()
            except StoreUnavailable as error:
                _LOG.warning("Alarms wait: %s", error)
            except Exception:  # noqa: BLE001 - whatever it is, it is looked out for again
                _LOG.exception("Alarms could not be told")

    async def step(self) -> None:
        """Tell who is silent now."""
        now = self._clock()
        controllers = self._centre.ledger.state.access.controllers
        heard = {
            key: max(self._presence.since, self._presence.heard(key) or self._presence.since)
            for key in controllers
        }
        await self.tell("silent:", silent_findings(heard, now, self._silent_after))

    async def status(
        self,
        junction: str,
        fault: object,
        clock: datetime,
        received: datetime,
        *,
        recent: Mapping[str, Any] | None = None,
    ) -> None:
        """Tell what the status of a controller says; `clock` is its time when `received` was ours.

        Parameters
        ----------
        recent
            The whole status, where it has not waited.
        """
        found = junction_findings(junction, fault=fault, clock=clock, received=received)
        found |= self._following.findings(self._centre.plans, junction, recent, received)
        await self.tell(f"status:{junction}:", found)

    async def tell(self, prefix: str, found: Mapping[str, Finding]) -> None:
        """Raise alarms on what is found, and clear those beginning with `prefix` that are not found any more."""
        if changed(self._centre.plans, prefix, found):
            await self._centre.commit(
                lambda plans, at, who: watched(plans, at, who, prefix, found), self._who, "seen"
            )
