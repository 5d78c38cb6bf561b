"""The bridge as a whole: the supervisor, a witness of what sites say, and an agent for each site that is connected here.

A site connects to one replica, and only that one acts for it. Agents decide on the ledger alone, so that it does no harm where
two replicas act for the same site for a moment: they want the same of it.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from ssl import SSLContext
from typing import TYPE_CHECKING

from api.rsmp_bridge.agent import Agent
from api.rsmp_bridge.errands import Parts
from api.rsmp_bridge.files import read_codes
from api.rsmp_bridge.witness import Witness
from api.rsmp_server import RsmpSettings, Supervisor
from api.store.errors import StoreUnavailable
from signals.lifecycle.watch import Finding
from traffic.errors import InputError

if TYPE_CHECKING:
    from api.centre.centre import Centre
    from api.centre.lookout import Lookout
    from api.centre.news import News
    from api.centre.presence import Presence
    from api.rsmp_bridge.sites import Site, Sites
    from api.store.reports import Reports

__all__ = ["Around", "Bridge"]

_LOG = logging.getLogger("jasyl.rsmp")

_LOOK_EVERY_S = 5.0


@dataclass(frozen=True)
class Around:
    """The parts of the service that the bridge stands on.

    Attributes
    ----------
    wait_s
        Counts bytes of reports of a junction, and gives 0; or how long to wait with them.
    """

    centre: Centre
    news: News
    presence: Presence
    lookout: Lookout
    reports: Reports
    wait_s: Callable[[str, int], float]
    clock: Callable[[], datetime]


class Bridge:
    """Joins RSMP sites to the ledger.

    Parameters
    ----------
    folder
        With the capability files and the secrets.
    silent_after
        How long a site may be away before an operator is told. Those of before the start count from the start.
    every_s
        How often agents look at the time.

    Attributes
    ----------
    address
        Where the supervisor listens.
    """

    def __init__(
        self,
        sites: Sites,
        around: Around,
        folder: Path,
        *,
        settings: RsmpSettings,
        context: SSLContext | None = None,
        silent_after: timedelta,
        every_s: float = 1.0,
    ) -> None:
        self.sites = sites
        self._around, self._silent_after = around, silent_after
        self._agents: dict[str, tuple[Agent, asyncio.Task[None]]] = {}
        self._settings = settings
        self.witness = Witness(
            sites,
            presence=around.presence,
            lookout=around.lookout,
            reports=around.reports,
            wait_s=around.wait_s,
            clock=around.clock,
            came=self._come,
            gone=self._go,
            said=self._hear,
        )
        self.supervisor = Supervisor(
            sites.capabilities,
            self.witness,
            clock=around.clock,
            new_id=lambda: str(uuid.uuid4()),
            codes=lambda name: read_codes(folder, name),
            settings=settings,
            context=context,
        )
        self._parts = Parts(
            centre=around.centre,
            news=around.news,
            lookout=around.lookout,
            supervisor=self.supervisor,
            clock=around.clock,
            every_s=every_s,
        )
        self.address: tuple[str, int] | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve sites inside the block."""
        try:
            self.address = await self.supervisor.start()
        except OSError as error:
            host, port = self._settings.host, self._settings.port
            rule, hint = "must be an address and a port that are free", "Set rsmp_host and rsmp_port"
            value = f"{host}:{port}: {error.strerror}"
            raise InputError(rule, field="rsmp_port", value=value, hint=hint) from None
        looking = asyncio.create_task(self._look_forever())
        try:
            yield
        finally:
            looking.cancel()
            tasks = [task for _, task in self._agents.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(looking, *tasks, return_exceptions=True)
            await self.supervisor.close()
            self.address = None

    def _come(self, site: Site) -> None:
        self._go(site)
        agent = Agent(site, self._parts)
        self._agents[site.capability.site] = agent, asyncio.create_task(agent.run())

    def _go(self, site: Site) -> None:
        _, task = self._agents.pop(site.capability.site, (None, None))
        if task is not None:
            task.cancel()

    def _hear(self, site: Site) -> None:
        agent, _ = self._agents.get(site.capability.site, (None, None))
        if agent is not None:
            agent.poke()

    async def _look_forever(self) -> None:
        while True:
            try:
                await self.look()
            except StoreUnavailable as error:
                _LOG.warning("Alarms on sites wait: %s", error)
            except Exception:  # noqa: BLE001 - whatever it is, the next look comes
                _LOG.exception("Sites that are away could not be told")
            await asyncio.sleep(_LOOK_EVERY_S)

    async def look(self) -> None:
        """Tell which sites are away, and forget what was told of sites that there are no more."""
        presence, lookout, now = self._around.presence, self._around.lookout, self._around.clock()
        for key, site in self.sites.by_junction.items():
            if site.connected_at is not None:
                presence.note(key)
            heard = max(presence.since, presence.heard(key) or presence.since)
            found = {}
            if now - heard > self._silent_after:
                seconds = self._silent_after.total_seconds()
                text = f"{key}: RSMP site {site.capability.site} has not been connected for {seconds:.0f} s"
                found[f"rsmp:{key}:lost"] = Finding("rsmp_site_lost", text, key)
            await lookout.tell(f"rsmp:{key}:lost", found)
        for alarm in list(self._around.centre.plans.alarms.values()):
            if alarm.id.startswith("rsmp:") and not set(alarm.junctions) & set(self.sites.by_junction):
                await lookout.tell(alarm.id, {})
