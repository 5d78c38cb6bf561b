"""One connection of one site: the socket around a session, and the answers that are waited for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from api.rsmp.errors import NoAnswerError, NotAcknowledgedError, NotConnectedError, NotTakenError
from api.rsmp.observer import Observer
from api.rsmp.pending import Complete, Pending
from api.rsmp.settings import RsmpSettings
from signals.rsmp.alarms import AlarmState
from signals.rsmp.framing import FORM_FEED
from signals.rsmp.messages import (
    AggregatedStatus,
    CommandResponse,
    Identified,
    StatusResponse,
    StatusSubscribe,
    StatusUpdate,
    Subscription,
    Version,
)
from signals.rsmp.security import SecurityCodes
from signals.rsmp.session import (
    Acknowledged,
    Event,
    Failed,
    Offered,
    Ready,
    Received,
    Refused,
    Session,
    Watched,
)
from signals.rsmp.statuses import PrioritiesStatus, Priority
from signals.rsmp.sxl import check
from signals.rsmp.versions import Agreement
from traffic.errors import InputError

__all__ = ["Admission", "Connection"]

_CHUNK = 65_536
_PRIORITIES = 1_000
_LOG = logging.getLogger(__name__)


class Admission:
    """What a site that may connect is answered, and what belongs to it."""

    def __init__(self, agreement: Agreement, answer: Version, component: str, codes: SecurityCodes) -> None:
        self.agreement = agreement
        self.answer = answer
        self.component = component
        self.codes = codes


class Connection:
    """One connection.

    Parameters
    ----------
    admit
        Decides on the versions of whoever has connected: returns what it is answered, or raises `InputError`.
    clock, new_id
        Give the time of messages and their ids.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        admit: Callable[[Connection, Version], Awaitable[Admission]],
        observer: Observer,
        settings: RsmpSettings,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._reader, self._writer = reader, writer
        self._admit, self._observer, self._settings = admit, observer, settings
        self._loop = asyncio.get_running_loop()
        self._session = Session("supervisor", settings.timing, clock, new_id, self._loop.time())
        self._pending = Pending()
        self._updated = asyncio.Event()
        self._allowance, self._counted_at = float(settings.burst), self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._greeting: asyncio.Task[None] | None = None
        self._reason: str | None = None
        self._closing, self._ended = asyncio.Event(), asyncio.Event()
        self.admission: Admission | None = None
        self.clock_ahead_s: float | None = None
        self.priorities: dict[str, Priority] = {}  # as last told: a site shows one that is over only once
        self.clock, self.new_id = clock, new_id

    @property
    def ready(self) -> bool:
        """Whether the handshake is over and the connection stands."""
        return self._session.ready and self._reason is None

    @property
    def site(self) -> str:
        """Id of the site; empty until it has said it."""
        return "" if self.admission is None else self.admission.agreement.site

    @property
    def certificate_names(self) -> set[str] | None:
        """Names in the certificate of the peer; `None` where it has shown none."""
        certificate = self._writer.get_extra_info("peercert")
        if not certificate:
            return None
        subject = {
            value for row in certificate.get("subject", ()) for key, value in row if key == "commonName"
        }
        return subject | {value for _, value in certificate.get("subjectAltName", ())}

    async def run(self) -> None:
        """Serve the connection until it ends."""
        told = False
        self._rearm()
        try:
            while self._reason is None:
                data = await self._reader.read(_CHUNK)
                if not data:
                    self.close("closed by the other side")
                    break
                await self._limited(data.count(FORM_FEED))
                for event in self._session.receive(data, self._loop.time()):
                    told = told or isinstance(event, Ready)
                    await self._deal(event)
                    if self._reason is not None:
                        break
                await self._flush()
                self._rearm()
        except (OSError, asyncio.IncompleteReadError) as error:
            self.close(f"lost: {error}")
        finally:
            await self._end(told=told)

    def close(self, reason: str, *, at_once: bool = False) -> None:
        """End the connection; unless it is `at_once`, what is in the outbox is still sent if the peer reads."""
        if self._reason is None:
            self._reason = reason
            self._closing.set()
            _LOG.info("RSMP connection of %s ends: %s", self.site or "a stranger", reason)
            if not self._writer.is_closing():
                self._writer.write(self._session.take())
                self._writer.close()
                self._loop.call_later(self._settings.send_s, self._writer.transport.abort)
        if at_once:
            self._writer.transport.abort()

    async def ended(self) -> None:
        """Wait until the connection has ended."""
        await self._ended.wait()

    async def answers(self, seconds: float) -> bool:
        """Return whether the peer acknowledges a watchdog within `seconds`."""
        identifier = self._session.probe(self._loop.time())
        try:
            async with asyncio.timeout(seconds):
                await self._acknowledged(identifier, "a watchdog")
        except (TimeoutError, NotConnectedError, NotAcknowledgedError):
            return False
        return True

    async def post(self, message: Identified, what: str) -> None:
        """Send `message`, and wait until it is acknowledged.

        Parameters
        ----------
        what
            What it is called in errors.
        """
        if not self.ready:
            raise NotConnectedError(self.site)
        self._session.send(message, self._loop.time())
        await self._acknowledged(message.id, what)

    async def ask(self, message: Identified, what: str, complete: Complete) -> None:
        """Send `message`, and wait until `complete` has said of a message that nothing more is to come."""
        try:
            async with asyncio.timeout(self._settings.request_s):
                with self._pending.answer(message.id, complete) as answered:
                    await self.post(message, what)
                    await answered
        except TimeoutError:
            raise NoAnswerError(self.site, what, self._settings.request_s) from None

    async def update_within(self, seconds: float) -> None:
        """Wait until a status arrives that was subscribed to, at most for `seconds`."""
        self._updated.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._updated.wait()

    async def _acknowledged(self, identifier: str, what: str) -> None:
        with self._pending.acknowledgement(identifier, what) as acknowledged:
            await self._flush()
            self._rearm()
            await acknowledged

    async def _deal(self, event: Event) -> None:
        if isinstance(event, Received):
            await self._received(event.message)
        elif isinstance(event, Acknowledged):
            self._pending.acknowledged(event.id)
        elif isinstance(event, Refused):
            reason = self._admitted().codes.hidden_in(event.reason)
            self._pending.refused(event.id, lambda what: NotAcknowledgedError(self.site, what, reason))
        elif isinstance(event, Offered):
            await self._offered(event.version)
        elif isinstance(event, Watched):
            self.clock_ahead_s = (event.at - self.clock()).total_seconds()
        elif isinstance(event, Ready):
            await self._told(self._observer.connected(self.site, self._admitted().agreement))
            self._greeting = asyncio.create_task(self._greet())
        else:
            self.close(event.reason)

    async def _offered(self, version: Version) -> None:
        try:
            self.admission = await self._admit(self, version)
        except InputError as error:
            self.close(self._session.reject(version, str(error)).reason)
            return
        if self._reason is None:
            self._session.accept(version, self.admission.answer, self._loop.time())

    async def _received(self, message: Identified) -> None:
        admission = self._admitted()
        try:
            check(message, admission.agreement.sxl)
            if not await self._told(self._taken(message)):
                return
        except InputError as error:
            self._session.refuse(message.id, str(error))
            return
        except NotTakenError as error:
            self._session.refuse(message.id, error.reason)
            return
        self._session.acknowledge(message)
        if isinstance(message, StatusUpdate):
            self._updated.set()
            self._keep_priorities(message)
        self._pending.arrived(message)

    def _keep_priorities(self, message: StatusUpdate) -> None:
        for row in message.values:
            if row.code == PrioritiesStatus.code and isinstance(row.value, list) and row.quality == "recent":
                for priority in PrioritiesStatus.read({row.name: row.value}).priorities:
                    self.priorities[priority.request] = priority
        while len(self.priorities) > _PRIORITIES:
            del self.priorities[next(iter(self.priorities))]

    def _taken(self, message: Identified) -> Awaitable[None]:
        """Return what has to be waited for before `message` is acknowledged."""
        if isinstance(message, AggregatedStatus):
            return self._observer.aggregated_status(self.site, message)
        if isinstance(message, AlarmState):
            return self._observer.alarm(self.site, message)
        if isinstance(message, StatusUpdate):
            return self._observer.status(self.site, message)
        if isinstance(message, StatusResponse | CommandResponse):
            return _nothing()
        raise InputError(
            "must be a message that a site sends to a supervisor", field="type", value=message.kind
        )

    async def _told(self, call: Awaitable[None]) -> bool:
        """Return whether the observer has taken something; where it fails, this connection ends and no other."""
        try:
            await call
        except NotTakenError:
            raise
        except Exception:  # noqa: BLE001 - whatever it is, it may cost this site its connection and nobody else
            _LOG.exception("what site %s said could not be taken", self.site)
            self.close("what it said could not be taken here")
            return False
        return True

    async def _greet(self) -> None:
        rows = self._settings.subscriptions
        if not rows:
            return
        try:
            if not await self._subscribed(rows):
                # Perhaps for one status that it does not have: each by itself.
                for code in dict.fromkeys(row.code for row in rows):
                    await self._subscribed(tuple(row for row in rows if row.code == code))
        except NotConnectedError:
            _LOG.info("site %s has gone before it was subscribed to", self.site)

    async def _subscribed(self, rows: tuple[Subscription, ...]) -> bool:
        """Return whether the site has taken subscriptions."""
        component = self._admitted().component
        message = StatusSubscribe(id=self.new_id(), component=component, subscriptions=rows)
        try:
            await self.post(message, f"the subscription to {', '.join(sorted({row.code for row in rows}))}")
        except NotAcknowledgedError as error:
            _LOG.warning("%s", error)
            return False
        return True

    async def _limited(self, messages: int) -> None:
        """Wait where messages come faster than they may: what is not read waits in the site."""
        now = self._loop.time()
        earned = (now - self._counted_at) * self._settings.messages_s
        self._allowance = min(float(self._settings.burst), self._allowance + earned) - messages
        self._counted_at = now
        if self._allowance < 0:
            await self._flush()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(-self._allowance / self._settings.messages_s):
                    await self._closing.wait()

    async def _flush(self) -> None:
        data = self._session.take()
        if not data or self._writer.is_closing():
            return
        self._writer.write(data)
        try:
            async with asyncio.timeout(self._settings.send_s):
                await self._writer.drain()
        except TimeoutError:
            seconds = self._settings.send_s
            self.close(f"it has not read what it was sent for {seconds:g} s", at_once=True)
        except OSError as error:
            self.close(f"lost: {error}")

    def _on_time(self) -> None:
        self._timer = None
        if self._reason is not None:
            return
        for event in self._session.tick(self._loop.time()):
            if isinstance(event, Failed):
                self.close(event.reason)
                return
        if not self._writer.is_closing():
            self._writer.write(
                self._session.take()
            )  # a watchdog; who does not read it does not acknowledge it
        self._rearm()

    def _rearm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = (
            None if self._reason else self._loop.call_at(self._session.next_deadline(), self._on_time)
        )

    def _admitted(self) -> Admission:
        assert self.admission is not None  # the session hands on nothing before the versions are accepted
        return self.admission

    async def _end(self, *, told: bool) -> None:
        self.close("ended here")
        if self._timer is not None:
            self._timer.cancel()
        if self._greeting is not None:
            self._greeting.cancel()
        reason = self._reason or ""
        self._pending.fail(lambda: NotConnectedError(self.site, reason))
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
        self._ended.set()
        if told:
            await self._told(self._observer.lost(self.site, reason))


async def _nothing() -> None:
    """Take what nobody but a waiting order is told of."""
