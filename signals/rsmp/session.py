"""One end of an RSMP connection, without the socket: bytes in, events out, bytes to send kept in an outbox.

What the specification asks of both sides is here: the order of the handshake, an acknowledgement for every message and
the time within which it must come, watchdogs sent and expected. Whoever drives a session feeds it what has arrived,
asks `next_deadline` how long it may wait, and sends what `take` returns. Time is handed in as seconds of a clock that
never jumps (`now`); timestamps come from another (`clock`).

::

    site                        supervisor
    Version             ->
                        <-      MessageAck, Version        (or MessageNotAck, and the end)
    MessageAck, Watchdog ->
                        <-      MessageAck, Watchdog
    MessageAck          ->                                 both are ready
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from signals.rsmp.framing import MAX_MESSAGE_BYTES, FrameDecoder, Garbage, encoded
from signals.rsmp.messages import (
    Identified,
    Message,
    MessageAck,
    MessageNotAck,
    Version,
    Watchdog,
    written,
)
from signals.rsmp.reading import id_of, message_from
from traffic.errors import InputError

__all__ = [
    "Acknowledged",
    "Event",
    "Failed",
    "Offered",
    "Ready",
    "Received",
    "Refused",
    "Session",
    "Timing",
    "Watched",
]

_REASON_LENGTH = 500  # a reason may quote what was wrong, which may be long


@dataclass(frozen=True)
class Timing:
    """How long things may take, in seconds.

    Attributes
    ----------
    handshake_s
        From the connection to being ready.
    acknowledgement_s
        From a message to its acknowledgement.
    watchdog_every_s
        Between two watchdogs that are sent.
    watchdog_within_s
        Between two watchdogs that arrive.
    garbage_limit
        How many frames that are no messages end the connection, if they come between two watchdogs.
    message_bytes
        Size of the largest message that is read.
    """

    handshake_s: float = 30.0
    acknowledgement_s: float = 30.0
    watchdog_every_s: float = 60.0
    watchdog_within_s: float = 150.0
    garbage_limit: int = 10
    message_bytes: int = MAX_MESSAGE_BYTES

    def __post_init__(self) -> None:
        for name in ("handshake_s", "acknowledgement_s", "watchdog_every_s", "watchdog_within_s"):
            if not getattr(self, name) > 0:
                raise InputError("must be more than 0 s", field=name, value=getattr(self, name))
        if self.garbage_limit < 1 or self.message_bytes < 1024:
            rule = "must be 1 frame and 1024 bytes or more"
            raise InputError(
                rule, field="garbage_limit, message_bytes", value=(self.garbage_limit, self.message_bytes)
            )


@dataclass(frozen=True)
class Offered:
    """The other side has sent its versions: `accept` or `reject` them."""

    version: Version


@dataclass(frozen=True)
class Ready:
    """The handshake is over."""


@dataclass(frozen=True)
class Received:
    """A message to be acknowledged or refused (`acknowledge`, `refuse`) once it has been dealt with."""

    message: Identified


@dataclass(frozen=True)
class Acknowledged:
    """The other side has understood the message with this id."""

    id: str


@dataclass(frozen=True)
class Refused:
    """The other side has not understood the message with this id, or does not want it."""

    id: str
    reason: str


@dataclass(frozen=True)
class Failed:
    """The connection is to be closed, after what is in the outbox has been sent."""

    reason: str


@dataclass(frozen=True)
class Watched:
    """The other side is alive, and its clock says this; the watchdog is acknowledged already."""

    at: datetime


Event = Offered | Ready | Received | Acknowledged | Refused | Watched | Failed


@dataclass
class Session:
    """One end of one connection.

    Attributes
    ----------
    role
        A site speaks first.
    clock
        Gives the time for watchdogs.
    new_id
        Gives the ids of messages: UUIDs of version 4.
    """

    role: Literal["site", "supervisor"]
    timing: Timing
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    started: float
    ready: bool = False
    _decoder: FrameDecoder = field(init=False)
    _outbox: bytearray = field(default_factory=bytearray, repr=False)
    _pending: dict[str, float] = field(default_factory=dict)
    _own_version: str | None = None
    _version_known: bool = False  # theirs has been accepted: only now is anything else acknowledged
    _own_watchdog: str | None = None
    _own_version_acknowledged: bool = False
    _own_watchdog_acknowledged: bool = False
    _next_watchdog: float = float("inf")
    _last_watchdog: float | None = None
    _garbage: int = 0
    _failed: bool = False

    def __post_init__(self) -> None:
        self._decoder = FrameDecoder(self.timing.message_bytes)

    def open(self, version: Version, now: float) -> None:
        """Speak first, as a site does."""
        self._own_version = self.send(version, now)

    def accept(self, theirs: Version, own: Version | None, now: float) -> None:
        """Accept the versions of the other side; a supervisor answers with its own."""
        self._version_known = True
        self._write(MessageAck(of=theirs.id))
        if own is not None:
            self._own_version = self.send(own, now)
        if self.role == "site" and self._own_version_acknowledged:
            self._send_watchdog(now)

    def reject(self, theirs: Version, reason: str) -> Failed:
        """Refuse the versions of the other side, which ends the connection."""
        self.refuse(theirs.id, reason)
        return self._fail(reason)

    def send(self, message: Identified, now: float) -> str:
        """Put `message` into the outbox, and return its id; it must be acknowledged in time."""
        self._write(message)
        self._pending[message.id] = now + self.timing.acknowledgement_s
        return message.id

    def acknowledge(self, message: Identified) -> None:
        """Say that `message` was understood."""
        self._write(MessageAck(of=message.id))

    def refuse(self, identifier: str, reason: str) -> None:
        """Say that a message was not understood, and why."""
        self._write(MessageNotAck(of=identifier, reason=reason[:_REASON_LENGTH]))

    def probe(self, now: float) -> str:
        """Send a watchdog out of turn, and return its id: the answer tells whether somebody is there."""
        return self._send_watchdog(now)

    def take(self) -> bytes:
        """Return the bytes that are to be sent, and forget them."""
        data = bytes(self._outbox)
        self._outbox.clear()
        return data

    def next_deadline(self) -> float:
        """Return when `tick` has something to do next."""
        if not self.ready:
            end = self.started + self.timing.handshake_s
        else:
            last = self.started if self._last_watchdog is None else self._last_watchdog
            end = min(self._next_watchdog, last + self.timing.watchdog_within_s)
        return min([end, *self._pending.values()])

    def tick(self, now: float) -> list[Event]:
        """Send a watchdog if it is time, and return what has not come in time."""
        if self._failed:
            return []
        late = [identifier for identifier, until in self._pending.items() if until <= now]
        if late:
            limit = self.timing.acknowledgement_s
            return [self._fail(f"no acknowledgement within {limit:g} s of message {late[0]}")]
        if not self.ready:
            over = now >= self.started + self.timing.handshake_s
            return [self._fail(f"no handshake within {self.timing.handshake_s:g} s")] if over else []
        if self._last_watchdog is not None and now >= self._last_watchdog + self.timing.watchdog_within_s:
            return [self._fail(f"no watchdog within {self.timing.watchdog_within_s:g} s")]
        if now >= self._next_watchdog:
            self._send_watchdog(now)
        return []

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Return what follows from bytes that have arrived."""
        events: list[Event] = []
        for frame in self._decoder.feed(data):
            if self._failed:
                break
            events += self._garbled(frame) if isinstance(frame, Garbage) else self._framed(frame, now)
        return events

    def _framed(self, document: dict[str, object], now: float) -> list[Event]:
        try:
            message = message_from(document)
        except InputError as error:
            return self._unreadable(document, str(error))
        if isinstance(message, MessageAck):
            return self._acknowledged(message.of, now)
        if isinstance(message, MessageNotAck):
            return self._not_acknowledged(message)
        assert isinstance(message, Identified)  # there is no third kind
        return self._identified(message, now)

    def _unreadable(self, document: dict[str, object], reason: str) -> list[Event]:
        identifier, is_version = id_of(document), document.get("type") == "Version"
        if is_version and not self._version_known:
            if identifier is not None:
                self.refuse(identifier, reason)
            return [self._fail(f"a Version that cannot be read: {reason}")]
        if identifier is None or not self._version_known:
            return self._garbled(Garbage(reason[:_REASON_LENGTH], 0))
        self.refuse(identifier, reason)
        return []

    def _identified(self, message: Identified, now: float) -> list[Event]:
        if isinstance(message, Version):
            if not self._version_known:
                return [Offered(message)]
            self.refuse(message.id, "The versions have been exchanged already")
            return []
        if not self._version_known:
            return []  # no answer, so that the other side starts again with its version
        return self._watchdog(message, now) if isinstance(message, Watchdog) else [Received(message)]

    def _watchdog(self, message: Watchdog, now: float) -> list[Event]:
        first = self._last_watchdog is None
        self._last_watchdog = now
        self.acknowledge(message)
        if first and self.role == "supervisor":
            self._send_watchdog(now)
        return [Watched(message.at), *self._when_ready(now)]

    def _acknowledged(self, identifier: str, now: float) -> list[Event]:
        if self._pending.pop(identifier, None) is None:
            return []
        if identifier == self._own_version:
            self._own_version_acknowledged = True
            if self.role == "site" and self._version_known:
                self._send_watchdog(now)
            return []
        if identifier == self._own_watchdog:
            self._own_watchdog_acknowledged = True
            return [Acknowledged(identifier), *self._when_ready(now)]
        return [Acknowledged(identifier)]

    def _not_acknowledged(self, message: MessageNotAck) -> list[Event]:
        if self._pending.pop(message.of, None) is None:
            return []
        reason = _one_line(message.reason or "no reason given")
        if message.of in {self._own_version, self._own_watchdog} and not self.ready:
            return [self._fail(f"the handshake was refused: {reason}")]
        return [Refused(message.of, reason)]

    def _when_ready(self, now: float) -> list[Event]:
        if self.ready or not self._own_watchdog_acknowledged or self._last_watchdog is None:
            return []
        self.ready = True
        self._next_watchdog = now + self.timing.watchdog_every_s
        return [Ready()]

    def _send_watchdog(self, now: float) -> str:
        self._garbage = 0
        self._next_watchdog = now + self.timing.watchdog_every_s
        identifier = self.send(Watchdog(id=self.new_id(), at=self.clock()), now)
        if self._own_watchdog is None:
            self._own_watchdog = identifier
        return identifier

    def _garbled(self, garbage: Garbage) -> list[Event]:
        self._garbage += 1
        if self._garbage < self.timing.garbage_limit:
            return []
        return [self._fail(f"{self._garbage} frames that are no messages, the last: {garbage.reason}")]

    def _fail(self, reason: str) -> Failed:
        self._failed = True
        return Failed(reason[:_REASON_LENGTH])

    def _write(self, message: Message) -> None:
        self._outbox += encoded(written(message))


def _one_line(text: str) -> str:
    """Return what a stranger has written as something that may stand in a log."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:_REASON_LENGTH])
