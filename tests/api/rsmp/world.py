"""A supervisor, sites and a wire between them that can be watched, cut, frozen and spoilt; all on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

from api.rsmp.errors import NotTakenError
from api.rsmp_server import RsmpSettings, Supervisor
from signals.rsmp.capability import Capability
from signals.rsmp.framing import FrameDecoder, Garbage
from signals.rsmp.security import SecurityCodes
from signals.rsmp.session import Timing
from simulation.controller.rsmp_memory import MemoryModel
from simulation.controller.rsmp_site import RsmpSite, SiteSettings
from tests.signals.rsmp.samples import CODES, SITE
from tests.signals.rsmp.sites import site

PATIENT = Timing()
QUICK = Timing(acknowledgement_s=0.4, handshake_s=1.0, watchdog_every_s=0.1, watchdog_within_s=0.5)
SETTINGS = RsmpSettings(port=0, poll_s=0.02, activation_s=5.0, mode_s=5.0)
LIMIT_S = 20.0


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return an id."""
    return str(uuid.uuid4())


class Recorder:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, Any]] = []
        self._more = asyncio.Event()
        self.fails_at: str | None = None
        self.refuses_at: str | None = None

    async def _keep(self, kind: str, site: str, what: Any) -> None:
        if kind == self.fails_at:
            raise RuntimeError("the disk is full")
        if kind == self.refuses_at:
            raise NotTakenError(site, "must be shorter")
        self.told.append((kind, site, what))
        self._more.set()

    async def connected(self, site: str, agreement: Any) -> None:
        await self._keep("connected", site, agreement)

    async def lost(self, site: str, reason: str) -> None:
        await self._keep("lost", site, reason)

    async def aggregated_status(self, site: str, message: Any) -> None:
        await self._keep("aggregated_status", site, message)

    async def alarm(self, site: str, message: Any) -> None:
        await self._keep("alarm", site, message)

    async def status(self, site: str, message: Any) -> None:
        await self._keep("status", site, message)

    def of(self, kind: str, site: str = SITE) -> list[Any]:
        """Return what was told of a kind, so far."""
        return [what for name, of, what in self.told if (name, of) == (kind, site)]

    async def until(self, found: Callable[[], Any]) -> Any:
        """Return what `found` gives, as soon as it is true."""
        async with asyncio.timeout(LIMIT_S):
            while not (result := found()):
                self._more.clear()
                await self._more.wait()
        return result


@dataclass
class Wire:
    """Forwards between sites and a supervisor, and keeps every message that goes by.

    Attributes
    ----------
    piece
        How many bytes are forwarded at once; `None`: as they come.
    strict
        Whether garbage from either side is a failure of the test.
    flowing
        While it is not set, nothing is forwarded, and nobody is told.
    """

    target: tuple[str, int]
    piece: int | None = None
    strict: bool = True
    seen: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    _writers: list[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self.flowing.set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.flowing.set()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def cut(self) -> None:
        """Break all connections, on both sides."""
        for pair in self._writers:
            for writer in pair:
                writer.transport.abort()
        self._writers.clear()

    def to_supervisor(self, data: bytes) -> None:
        """Put bytes of ours between those of the site."""
        self._writers[-1][1].write(data)

    def to_site(self, data: bytes) -> None:
        """Put bytes of ours between those of the supervisor."""
        self._writers[-1][0].write(data)

    def kinds(self, side: str) -> list[str]:
        """Return the types of the messages that ``site`` or ``supervisor`` has sent."""
        return [document["type"] for sender, document in self.seen if sender == side]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        far_reader, far_writer = await asyncio.open_connection(*self.target)
        self._writers.append((writer, far_writer))
        await asyncio.gather(
            self._forward(reader, far_writer, "site"), self._forward(far_reader, writer, "supervisor")
        )

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, side: str) -> None:
        decoder = FrameDecoder()
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                await self.flowing.wait()
                for document in decoder.feed(data):
                    assert not self.strict or not isinstance(document, Garbage)
                    if isinstance(document, dict):
                        self.seen.append((side, document))
                for start in range(0, len(data), self.piece or len(data)):
                    writer.write(data[start : start + (self.piece or len(data))])
                    await writer.drain()
                    if self.piece:
                        await asyncio.sleep(0)
        writer.close()


@dataclass
class World:
    """A supervisor with its sites."""

    supervisor: Supervisor
    recorder: Recorder
    port: int
    capability: Capability
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def site(
        self,
        *,
        port: int | None = None,
        codes: SecurityCodes = CODES,
        model: MemoryModel | None = None,
        capability: Capability | None = None,
        **changes: Any,
    ) -> tuple[RsmpSite, MemoryModel]:
        """Start a site."""
        capability = capability or self.capability
        model = model or MemoryModel(capability, clock=now)
        values = {"timing": PATIENT, "reconnect_s": 0.05, "look_s": 0.02, **changes}
        settings = SiteSettings(capability.site, capability.component, **{"sxl": capability.sxl, **values})
        started = RsmpSite(model, settings, codes=codes, new_id=new_id)
        self.tasks.append(asyncio.create_task(started.run("127.0.0.1", port or self.port)))
        return started, model

    async def ready(self, started: RsmpSite) -> None:
        """Wait until a site has told all of its alarms, and has its subscriptions."""
        async with asyncio.timeout(LIMIT_S):
            await started.ready.wait()


@asynccontextmanager
async def world(
    *capabilities: Capability, settings: RsmpSettings = SETTINGS, codes: SecurityCodes = CODES, **changes: Any
) -> AsyncIterator[World]:
    """Run a supervisor, and end everything that was started in it."""
    capabilities = capabilities or (site(),)
    recorder = Recorder()
    supervisor = Supervisor(
        {capability.site: capability for capability in capabilities},
        recorder,
        clock=now,
        new_id=new_id,
        codes=lambda _name: codes,
        settings=settings,
        **changes,
    )
    _, port = await supervisor.start()
    made = World(supervisor, recorder, port, capabilities[0])
    try:
        yield made
    finally:
        for task in made.tasks:
            task.cancel()
        await asyncio.gather(*made.tasks, return_exceptions=True)
        await supervisor.close()


def quick(**changes: Any) -> RsmpSettings:
    """Return settings with which silence is noticed in fractions of a second."""
    return replace(SETTINGS, **{"timing": QUICK, "probe_s": 0.3, "send_s": 0.5, "request_s": 2.0, **changes})


@asynccontextmanager
async def socket_to(
    port: int, *, receives: int | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a plain connection, of which the system keeps about `receives` unread bytes."""
    plain = socket.socket()
    plain.setblocking(False)
    if receives is not None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
    await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=plain)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def frames(reader: asyncio.StreamReader) -> list[dict[str, Any]]:
    """Return all messages until the other side closes."""
    data = bytearray()
    with contextlib.suppress(OSError):
        async with asyncio.timeout(LIMIT_S):
            while chunk := await reader.read(65_536):
                data += chunk
    return [frame for frame in FrameDecoder().feed(bytes(data)) if isinstance(frame, dict)]
