"""Looks out for what lasts and must be seen: controllers that are silent, report faults, show another plan, are off in time."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from api.centre.background import alongside
from api.centre.damping import Damping
from api.centre.following import Following
from api.store.errors import StoreUnavailable
from signals.lifecycle.watch import (
    LARGEST_SKEW,
    REPORTED_FOR,
    Finding,
    changed,
    cleared,
    junction_findings,
    reported_finding,
    silent_findings,
    watched,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from datetime import datetime, timedelta

    from api.centre.centre import Centre
    from api.centre.presence import Presence

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
        self._damping = Damping()
        self._late: set[str] = set()

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
        """Tell who is silent now, and clear what nobody tells of any more."""
        now = self._clock()
        controllers = set(self._centre.ledger.state.access.controllers) & set(self._centre.city.junctions)
        heard = {
            key: max(self._presence.since, self._presence.heard(key) or self._presence.since)
            for key in sorted(controllers)
        }
        await self.tell("silent:", silent_findings(heard, now, self._silent_after))
        await self._clear_what_is_over(now, controllers)

    async def _clear_what_is_over(self, now: datetime, controllers: set[str]) -> None:
        """Clear alarms whose time has come, and those on the status of controllers that there are no more."""
        alarms = self._centre.plans.alarms
        over = {
            alarm.id
            for alarm in alarms.values()
            if alarm.id.startswith(("status:", "reported:")) and not controllers.issuperset(alarm.junctions)
        }
        for waits in self._damping.waiting:
            if waits not in alarms:
                self._damping.forget(waits)
            elif not self._damping.stands(alarms[waits], now):
                over.add(waits)
        if over:
            await self._centre.commit(
                lambda plans, at, who: cleared(plans, at, who, over), self._who, "not seen any more"
            )
            for alarm in over:
                self._damping.clear(alarms[alarm], now)

    async def status(
        self,
        junction: str,
        fault: object,
        clock: datetime,
        received: datetime,
        *,
        recent: Mapping[str, Any] | None = None,
    ) -> None:
        """Tell what the status of a controller says; `clock` is its time when it was sent, `received` ours when read.

        Parameters
        ----------
        recent
            The whole status, where it has not waited.
        """
        clock = self._judged(junction, clock, received)
        raised = self._centre.plans.alarms
        found = junction_findings(junction, fault=fault, clock=clock, received=received, raised=raised)
        found |= self._following.findings(self._centre.plans, junction, recent, received)
        await self.tell(f"status:{junction}:", found)
        alarm = self._centre.plans.alarms.get(f"reported:{junction}:fault")
        if fault is None and alarm is not None and received - alarm.raised_at >= REPORTED_FOR:
            await self.tell(f"reported:{junction}:", {})

    async def fault(self, junction: str, text: str, at: datetime) -> None:
        """Tell of a fault that a controller has reported; until that is cleared, further ones stand in its reports."""
        await self.tell(f"reported:{junction}:", reported_finding(junction, text, at))

    def _judged(self, junction: str, clock: datetime, received: datetime) -> datetime:
        """Return what a clock is judged by: one that seems to be behind is, when the next status says so too.

        A status that was on its way for long, as while the service was started, looks the same.
        """
        if received - clock <= LARGEST_SKEW:
            self._late.discard(junction)
            return clock
        known = junction in self._late or f"status:{junction}:clock" in self._centre.plans.alarms
        self._late.add(junction)
        return clock if known else received

    async def tell(self, prefix: str, found: Mapping[str, Finding]) -> None:
        """Raise alarms on what is found, and clear those beginning with `prefix` that are not found any more.

        Where they come and go, they stand a little longer.
        """
        plans, now = self._centre.plans, self._clock()
        self._damping.found(found)
        gone = [one for one in plans.alarms.values() if one.id.startswith(prefix) and one.id not in found]
        standing = [one for one in gone if self._damping.stands(one, now)]
        kept = {one.id: Finding(one.kind, one.text, one.junctions[0]) for one in standing}
        wanted = {**found, **kept}
        if not changed(plans, prefix, wanted):
            return
        await self._centre.commit(
            lambda plans, at, who: watched(plans, at, who, prefix, wanted), self._who, "seen"
        )
        for one in gone:
            if one.id not in kept:
                self._damping.clear(one, now)
