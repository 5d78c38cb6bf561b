"""One connection of a site to its supervisor: the socket around a session."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from signals.rsmp.alarms import AlarmOrder, AlarmState
from signals.rsmp.messages import (
    AggregatedStatus,
    AggregatedStatusRequest,
    CommandRequest,
    Identified,
    StatusRequest,
    StatusSubscribe,
    StatusUnsubscribe,
    StatusUpdate,
    Version,
)
from signals.rsmp.session import (
    Acknowledged,
    Event,
    Failed,
    Offered,
    Ready,
    Received,
    Refused,
    Session,
    Timing,
    Watched,
)
from signals.rsmp.sxl import check
from signals.rsmp.versions import CORE_VERSIONS, Agreement, agreed
from simulation.controller.rsmp_answers import Answers
from simulation.controller.rsmp_model import SiteModel
from simulation.controller.rsmp_outbox import Outbox
from simulation.controller.rsmp_subscriptions import Subscriptions
from traffic.errors import InputError

__all__ = ["Desk", "Link", "SiteSettings"]

_CHUNK = 65_536
_AT_ONCE = 32  # messages of the outbox that may wait for their acknowledgement
_LINGER_S = 5.0  # for what is in the socket when a connection is closed
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class SiteSettings:
    """Who a site is, and how it behaves.

    Attributes
    ----------
    component
        Id of the main component.
    sxl, core
        Versions that it speaks.
    reconnect_s
        From a lost connection to the next attempt.
    look_s
        How often values that are subscribed to are compared with those sent last.
    buffered
        Whether updates of a status are kept while there is no connection.
    buffer
        How many messages are kept at most; the oldest are dropped.
    clock_from_watchdog
        Whether the clock is set by the first watchdog of a connection.
    """

    site: str
    component: str
    sxl: str = "1.2.1"
    core: tuple[str, ...] = CORE_VERSIONS
    timing: Timing = field(default_factory=Timing)
    reconnect_s: float = 10.0
    look_s: float = 1.0
    buffered: Callable[[str], bool] = lambda _code: True
    buffer: int = 10_000
    clock_from_watchdog: bool = False


@dataclass
class Desk:
    """What outlives the connections of a site.

    Attributes
    ----------
    connection
        Number of the connection that stands; 0: none does.
    changed
        Is set when values may have changed.
    ready
        Is set while a connection stands and all alarms have been told.
    gone
        Is set while no connection stands.
    """

    model: SiteModel
    settings: SiteSettings
    answers: Answers
    new_id: Callable[[], str]
    outbox: Outbox
    subscriptions: Subscriptions = field(default_factory=Subscriptions)
    connection: int = 0
    agreement: Agreement | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, number: int) -> None:
        """Take note that a connection stands."""
        self.connection = number
        self.gone.clear()

    def end(self) -> None:
        """Take note that no connection stands; what is not kept without one is let go of."""
        self.connection = 0
        self.ready.clear()
        self.subscriptions.keep_only(self.settings.buffered)
        self.outbox.cut()
        self.gone.set()

    def put(self, message: Identified) -> None:
        """Tell the supervisor something, now or when there is a connection."""
        self.outbox.put(message, self.connection)


class Link:
    """One connection.

    Parameters
    ----------
    number
        Of the connection, from 1.
    """

    def __init__(
        self, desk: Desk, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._desk, self._number = desk, number
        self._reader, self._writer = reader, writer
        self._loop = asyncio.get_running_loop()
        timing = desk.settings.timing
        self._session = Session("site", timing, desk.model.now, desk.new_id, self._loop.time())
        self._acknowledgements: dict[str, asyncio.Future[None]] = {}
        self._reason: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._sending: asyncio.Task[None] | None = None
        self._clock_set = not desk.settings.clock_from_watchdog

    async def run(self) -> str:
        """Serve the connection until it ends, and return why it did."""
        settings = self._desk.settings
        own = Version(id=self._desk.new_id(), core=settings.core, sxl=settings.sxl, sites=(settings.site,))
        self._session.open(own, self._loop.time())
        try:
            await self._flush()
            while self._reason is None:
                data = await self._reader.read(_CHUNK)
                if not data:
                    self._close("closed by the supervisor")
                for event in self._session.receive(data, self._loop.time()):
                    self._deal(event)
                await self._flush()
        except OSError as error:
            self._close(f"lost: {error}")
        finally:
            self._close("ended here")
            for future in self._acknowledgements.values():
                future.cancel()
            if self._sending is not None:
                self._sending.cancel()
                await asyncio.wait([self._sending])
            self._desk.end()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
        return self._reason or ""

    def _deal(self, event: Event) -> None:
        if isinstance(event, Received):
            self._received(event.message)
        elif isinstance(event, Acknowledged | Refused):
            self._settle(event)
        elif isinstance(event, Offered):
            self._offered(event.version)
        elif isinstance(event, Watched):
            self._watched(event)
        elif isinstance(event, Ready):
            self._desk.begin(self._number)
            self._sending = asyncio.create_task(self._send())
        elif isinstance(event, Failed):
            self._close(event.reason)

    def _settle(self, event: Acknowledged | Refused) -> None:
        if isinstance(event, Refused):
            _LOG.warning("site %s: a message was refused: %s", self._desk.settings.site, event.reason)
        future = self._acknowledgements.get(event.id)
        if future is not None and not future.done():
            future.set_result(None)

    def _watched(self, event: Watched) -> None:
        if not self._clock_set:
            self._desk.model.set_clock(event.at)
            self._clock_set = True

    def _offered(self, version: Version) -> None:
        settings = self._desk.settings
        try:
            self._desk.agreement = agreed(version, (settings.site,), settings.core, settings.sxl)
        except InputError as error:
            self._close(self._session.reject(version, str(error)).reason)
            return
        self._session.accept(version, None, self._loop.time())

    def _received(self, message: Identified) -> None:
        agreement = self._desk.agreement
        assert agreement is not None  # the session hands on nothing before the versions are accepted
        try:
            check(message, agreement.sxl)
            answer = self._answered(message)
        except InputError as error:
            self._session.refuse(message.id, str(error))
            return
        self._session.acknowledge(message)
        if isinstance(answer, AlarmState | AggregatedStatus | StatusUpdate):
            self._desk.put(answer)
        elif answer is not None:
            self._session.send(answer, self._loop.time())
        self._desk.changed.set()

    def _answered(self, message: Identified) -> Identified | None:
        answers = self._desk.answers
        if isinstance(message, StatusUnsubscribe):
            self._desk.subscriptions.remove(message.component, message.names)
            return None
        if isinstance(message, StatusSubscribe):
            return self._subscribed(message)
        if isinstance(message, CommandRequest):
            return answers.command_response(message)
        if isinstance(message, StatusRequest):
            return answers.status_response(message)
        if isinstance(message, AlarmOrder):
            return answers.alarm_answer(message)
        if isinstance(message, AggregatedStatusRequest):
            return answers.aggregated_status()
        raise InputError(
            "must be a message that a supervisor sends to a site", field="type", value=message.kind
        )

    def _subscribed(self, message: StatusSubscribe) -> Identified | None:
        desk = self._desk
        rows = message.subscriptions
        values = desk.subscriptions.add(message.component, rows, desk.answers.values, self._loop.time())
        if not values:
            return None
        at = desk.model.now()
        return StatusUpdate(id=desk.new_id(), component=message.component, at=at, values=values)

    async def _send(self) -> None:
        """Tell the state of the site and all alarms, then what is in the outbox, while the connection stands."""
        desk = self._desk
        await self._delivered([desk.answers.aggregated_status(), *desk.answers.alarm_states()])
        desk.ready.set()
        while True:
            entries = await desk.outbox.first(_AT_ONCE)
            await self._delivered([entry.renewed(desk.new_id(), self._number) for entry in entries])
            desk.outbox.done(entries)

    async def _delivered(self, messages: list[Identified]) -> None:
        """Send messages, and wait until each has been acknowledged, or refused for good."""
        futures = {message.id: self._loop.create_future() for message in messages}
        self._acknowledgements |= futures
        for message in messages:
            self._session.send(message, self._loop.time())
        await self._flush()
        await asyncio.gather(*futures.values())
        for identifier in futures:
            del self._acknowledgements[identifier]

    async def _flush(self) -> None:
        data = self._session.take()
        if self._writer.is_closing():
            return
        self._writer.write(data)
        self._rearm()
        await self._writer.drain()

    def _close(self, reason: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._reason is not None:
            return
        self._reason = reason
        if not self._writer.is_closing():
            self._writer.write(self._session.take())
            self._writer.close()
        self._loop.call_later(_LINGER_S, self._writer.transport.abort)

    def _rearm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._reason is None:
            self._timer = self._loop.call_at(self._session.next_deadline(), self._on_time)

    def _on_time(self) -> None:
        for event in self._session.tick(self._loop.time()):
            self._deal(event)
        if self._reason is None:
            self._writer.write(self._session.take())
            self._rearm()
