"""A fleet of RSMP sites: many virtual controllers in one process, each with lamps and a connection of its own."""

from __future__ import annotations

import asyncio
import ssl as tls
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from signals.rsmp.capability import Capability
from signals.rsmp.security import SecurityCodes
from signals.rsmp.session import Timing
from simulation.controller.fleet import Pulse
from simulation.controller.latch import Latch
from simulation.controller.rsmp_cabinet import CabinetModel
from simulation.controller.rsmp_site import RsmpSite, SiteSettings
from simulation.controller.tables import Tables

__all__ = ["RsmpFleet", "RsmpFleetSettings"]

_MOST_MISSED_S = 5


@dataclass(frozen=True)
class RsmpFleetSettings:
    """How a fleet of sites runs.

    Attributes
    ----------
    host, port
        Of the supervisor.
    context
        For TLS.
    reconnect_s
        From a lost connection to the next attempt.
    planning_s
        For how long, in each second, changeovers may be worked out; the rest waits for the next.
    pace
        How many of their seconds pass in a second; more than 1 shows hours in minutes.
    """

    host: str = "127.0.0.1"
    port: int = 12111
    context: tls.SSLContext | None = None
    timing: Timing = field(default_factory=Timing)
    reconnect_s: float = 10.0
    planning_s: float = 0.3
    pace: float = 1.0


@dataclass
class RsmpFleet:
    """Sites of one process.

    Parameters
    ----------
    controllers
        Capability file and tables of each.
    codes
        Gives the security codes that are kept under a name.
    clock, steady
        POSIX seconds, and seconds of a clock that never jumps.
    new_id
        Gives the ids of messages: UUIDs of version 4.
    folder
        Where each keeps what its monitor has found, in a folder of its own; without one it is forgotten at the end.
    """

    controllers: Sequence[tuple[Capability, Tables]]
    codes: Callable[[str], SecurityCodes]
    settings: RsmpFleetSettings
    clock: Callable[[], float]
    steady: Callable[[], float]
    new_id: Callable[[], str]
    folder: Path | None = None
    models: list[CabinetModel] = field(default_factory=list)
    sites: list[RsmpSite] = field(default_factory=list)
    restarts: int = 0

    async def run(self, until: asyncio.Event) -> None:
        """Run all controllers until `until` is set."""
        for capability, tables in self.controllers:
            model = CabinetModel(capability, tables, clock=self._now, latch=self._latch(capability.site))
            settings = SiteSettings(
                capability.site,
                capability.component,
                sxl=capability.sxl,
                timing=self.settings.timing,
                reconnect_s=self.settings.reconnect_s,
            )
            codes = self.codes(capability.security)
            site = RsmpSite(model, settings, codes=codes, new_id=self.new_id)
            model.tell = site.tell_alarm
            self.models.append(model)
            self.sites.append(site)
        async with asyncio.TaskGroup() as tasks:
            host, port, context = self.settings.host, self.settings.port, self.settings.context
            running = [tasks.create_task(site.run(host, port, context=context)) for site in self.sites]
            running.append(tasks.create_task(self._pulse()))
            await until.wait()
            for task in running:
                task.cancel()

    def summary(self) -> dict[str, Any]:
        """Return what the controllers do, as plain values."""
        faults = [model.runner.monitor.fault for model in self.models]
        return {
            "controllers": len(self.models),
            "connected": sum(site.ready.is_set() for site in self.sites),
            "plans": dict(sorted(Counter(str(model.plan()[0]) for model in self.models).items())),
            "control_modes": dict(sorted(Counter(model.control_mode() for model in self.models).items())),
            "monitor_faults": [str(fault) for fault in faults if fault is not None],
            "waiting_messages": sum(site.waiting for site in self.sites),
            "restarts": self.restarts,
        }

    def _latch(self, site: str) -> Latch | None:
        if self.folder is None:
            return None
        own = self.folder / quote(site, safe="")
        own.mkdir(parents=True, exist_ok=True)
        return Latch(own)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    async def _pulse(self) -> None:
        pace = self.settings.pace
        pulse = Pulse(_MOST_MISSED_S * max(pace, 1.0))
        await asyncio.sleep(-self.clock() % 1.0 / pace)  # offsets hold to the second from full seconds on
        while True:
            seconds = pulse.due(self.steady(), self.clock())
            if seconds is None:
                self.restarts += 1
                for model in self.models:
                    model.restart()
            for wall_s in seconds or ():
                began = self.steady()
                for model in self.models:
                    model.step(wall_s, may_plan=self.steady() - began < self.settings.planning_s * pace)
            await asyncio.sleep(pulse.until_next_s(self.steady()) / pace)
