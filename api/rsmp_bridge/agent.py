"""Brings one site that is connected to what the ledger wants of it.

Each step looks at the ledger and asks the site; nothing is remembered but that there was nothing to do. So a step that was cut
off anywhere is simply taken again, by this replica or another.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from api.rsmp.errors import NoAnswerError, NotConnectedError, RsmpError
from api.rsmp_bridge.errands import Errands, NotYetError, Parts
from api.rsmp_bridge.target import Target, next_change, target_of
from api.store.errors import StoreUnavailable
from signals.lifecycle.coordination import SETTLING
from signals.lifecycle.watch import Finding
from signals.texts import as_line
from traffic.errors import InputError, RefusedError

if TYPE_CHECKING:
    from api.rsmp_bridge.sites import Site

__all__ = ["Agent"]

_LOG = logging.getLogger("jasyl.rsmp")

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_LOOK_EVERY = timedelta(minutes=5)
_REASON = 1000


@dataclass
class _Trouble:
    """What stands against something that is to be done: since when, how often it was met, when it is tried again."""

    text: str
    since: float
    times: int
    until: float
    settling: timedelta

    def lasts(self, now: float) -> bool:
        """Return whether an operator is to see it; a site that comes into step is given time."""
        return now - self.since >= self.settling.total_seconds()


class Agent:
    """Acts for one site for as long as it is connected to this replica."""

    def __init__(self, site: Site, parts: Parts) -> None:
        self._site, self._parts = site, parts
        self._capability, self._junction = site.capability, site.junction
        self._errands = Errands(site, parts)
        self._poked = asyncio.Event()
        self._done: Target | None = None
        self._done_at = parts.clock()
        self._tried: Target | None = None
        self._troubles: dict[str, _Trouble] = {}

    def poke(self) -> None:
        """Look at the site anew: it has said something."""
        self._done = None
        if "not_followed" in self._troubles:
            self._troubles["not_followed"].until = -math.inf
        self._poked.set()

    async def run(self) -> None:
        """Act until cancelled, or until the site is gone."""
        while True:
            tag = self._parts.centre.plans.tag(self._junction)
            news = asyncio.ensure_future(self._parts.news.of(self._junction, tag))
            poked = asyncio.ensure_future(self._poked.wait())
            try:
                if not await self._step_and_tell():
                    return
                waited = {news, poked}
                await asyncio.wait(waited, timeout=self._left_s(), return_when=asyncio.FIRST_COMPLETED)
                if news.done():
                    self._try_at_once()
            finally:
                news.cancel()
                poked.cancel()
            self._poked.clear()

    def _left_s(self) -> float:
        """Return how long nothing is due by the clock, as far as that is known."""
        now = self._parts.clock()
        change = next_change(self._parts.centre.plans, self._junction, now)
        left_s = math.inf if change is None else (change - now).total_seconds()
        return min(self._parts.every_s, left_s)

    def _try_at_once(self) -> None:
        for trouble in self._troubles.values():
            trouble.until = -math.inf

    async def _step_and_tell(self) -> bool:
        """Take a step, tell what stands against it, and return whether the site is still there."""
        try:
            await self.step()
            await self._tell()
        except NotConnectedError:
            return False
        except StoreUnavailable as error:
            _LOG.warning("Site %s waits: %s", self._capability.site, error)
        except Exception:  # noqa: BLE001 - whatever it is, it concerns this site alone, and is tried again
            _LOG.exception("Site %s could not be served", self._capability.site)
        return True

    async def _tell(self) -> None:
        now = asyncio.get_running_loop().time()
        found = {kind: trouble.text for kind, trouble in self._troubles.items() if trouble.lasts(now)}
        self._site.findings = found
        prefix = f"rsmp:{self._junction}:site:"
        rows = {
            f"{prefix}{kind}": Finding(f"rsmp_{kind}", as_line(text)[:_REASON], self._junction)
            for kind, text in found.items()
        }
        await self._parts.lookout.tell(prefix, rows)

    async def step(self) -> None:
        """Do what is due."""
        await self._attempt("clock", self._errands.set_clock)
        await self._attempt("alarms", self._errands.acknowledge_alarms)
        await self._attempt("plan_waits", self._errands.answer_all)
        target = target_of(self._parts.centre.plans, self._junction, self._parts.clock())
        await self._attempt("order", lambda: self._errands.require_possible(target))
        if target != self._tried:
            self._tried, self._done = target, None
            self._troubles.pop("not_followed", None)
        now = self._parts.clock()
        if (
            target != self._done or now - self._done_at >= _LOOK_EVERY
        ):  # its time tables may have changed the plan
            self._done_at = now
            self._done = target  # before it is done: what the site says meanwhile makes it be looked at again
            if not await self._attempt("not_followed", lambda: self._errands.carry_out(target)):
                self._done = None

    async def _attempt(self, kind: str, act: Callable[[], Awaitable[None]]) -> bool:
        """Do something, unless it has failed a moment ago, and return whether it is done."""
        now, before = asyncio.get_running_loop().time(), self._troubles.get(kind)
        if before is not None and now < before.until:
            return False
        try:
            await act()
        except NotConnectedError:
            raise
        except RefusedError as error:  # the ledger has gone on meanwhile: it is looked at again
            _LOG.info("%s: %s", self._junction, error)
            return False
        except (RsmpError, InputError, NotYetError) as error:
            settling = SETTLING if isinstance(error, NoAnswerError) else timedelta(0)
            if isinstance(error, NotYetError):
                settling = error.settling
            _LOG.log(logging.INFO if settling else logging.WARNING, "%s: %s", self._junction, error)
            times, since = (1, now) if before is None else (before.times + 1, before.since)
            until = now + min(_FIRST_PAUSE_S * 2 ** (times - 1), _LONGEST_PAUSE_S)
            self._troubles[kind] = _Trouble(f"{self._junction}: {error}", since, times, until, settling)
            return False
        self._troubles.pop(kind, None)
        return True
