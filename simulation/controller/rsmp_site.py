"""An RSMP site: connects to a supervisor, answers it out of a `SiteModel`, and keeps what could not be sent.

Alarms, aggregated status and status updates go through one queue, in order, and leave it only when the supervisor has
acknowledged them. Values that were put into it before a connection began are marked as old once they are sent. So what
a broken connection has swallowed is sent again, and a supervisor may hear of the same event twice, with the same time.
The queue lives as long as its site object does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl as tls
from collections.abc import Callable

from signals.rsmp.alarms import AlarmEvent
from signals.rsmp.messages import StatusUpdate
from signals.rsmp.security import SecurityCodes
from signals.rsmp.versions import Agreement
from simulation.controller.rsmp_answers import Answers
from simulation.controller.rsmp_link import Desk, Link, SiteSettings
from simulation.controller.rsmp_model import SiteAlarm, SiteModel
from simulation.controller.rsmp_outbox import Outbox

__all__ = ["RsmpSite", "SiteSettings"]

_LOG = logging.getLogger(__name__)


class RsmpSite:
    """One site.

    Parameters
    ----------
    codes
        Its security codes.
    new_id
        Gives the ids of messages: UUIDs of version 4.
    """

    def __init__(
        self, model: SiteModel, settings: SiteSettings, *, codes: SecurityCodes, new_id: Callable[[], str]
    ) -> None:
        answers = Answers(model, settings.component, codes, new_id)
        outbox = Outbox(settings.buffer, settings.buffered)
        self._desk = Desk(model, settings, answers, new_id, outbox)
        self._aggregated = model.aggregated()

    @property
    def agreement(self) -> Agreement | None:
        """The versions of the last connection."""
        return self._desk.agreement

    @property
    def ready(self) -> asyncio.Event:
        """Is set while a connection stands and all alarms have been told."""
        return self._desk.ready

    @property
    def gone(self) -> asyncio.Event:
        """Is set once a connection has ended, until the next stands."""
        return self._desk.gone

    @property
    def waiting(self) -> int:
        """How many messages the supervisor has not acknowledged."""
        return len(self._desk.outbox)

    async def run(self, host: str, port: int, *, context: tls.SSLContext | None = None) -> None:
        """Connect, serve, and connect again, until cancelled."""
        looking = asyncio.create_task(self._look())
        try:
            for number in range(1, 1 << 62):
                reason = await self._connected(number, host, port, context)
                _LOG.info("site %s is not connected: %s", self._desk.settings.site, reason)
                await asyncio.sleep(self._desk.settings.reconnect_s)
        finally:
            looking.cancel()

    async def told(self) -> None:
        """Wait until the supervisor has acknowledged everything that there was to tell."""
        await self._desk.outbox.emptied()

    def tell_alarm(self, alarm: SiteAlarm, event: AlarmEvent = "Issue") -> None:
        """Tell the supervisor of an alarm; of one that is suspended, only that it is."""
        if not alarm.suspended or event != "Issue":
            self._desk.put(self._desk.answers.alarm_state(alarm, event))
        self.look()

    def look(self) -> None:
        """Compare what is subscribed to with what was sent last, now, and tell what has changed or is due."""
        desk, now = self._desk, asyncio.get_running_loop().time()
        for component, values in desk.subscriptions.due(desk.answers.values, now).items():
            at = desk.model.now()
            desk.put(StatusUpdate(id=desk.new_id(), component=component, at=at, values=values))
        bits = desk.model.aggregated()
        if bits != self._aggregated:
            desk.put(desk.answers.aggregated_status())
        self._aggregated = bits

    async def _connected(self, number: int, host: str, port: int, context: tls.SSLContext | None) -> str:
        try:
            reader, writer = await asyncio.open_connection(host, port, ssl=context)
        except OSError as error:
            return str(error)
        return await Link(self._desk, number, reader, writer).run()

    async def _look(self) -> None:
        """Look when a supervisor may have changed something, and every so often."""
        desk = self._desk
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(desk.settings.look_s):
                    await desk.changed.wait()
            desk.changed.clear()
            self.look()
