"""The RSMP supervisor: sites connect to it, it tells an observer what they say and gives them orders.

::

    supervisor = Supervisor(capabilities, observer, clock=..., new_id=..., codes=...)
    async with supervisor:
        read_back = await supervisor.prepare(site, mapped(document, capability, avoid=running))
        await supervisor.activate(site, read_back_plan_number)

Whatever is sent is read back from the site and compared before an order returns; a difference is an error that names
the field. One site that is slow, silent or sends garbage loses its own connection and nothing else.

A site has one connection. Where one appears whose site is connected already, the old connection is asked for a sign of
life: if it answers, the new one is refused; if not, it was half-open and the new one takes its place. So neither can
a stranger push out a site that works, nor keeps a dead connection a site out. (The specification wants connections
closed for version mismatches and missing acknowledgements only.)
"""

from __future__ import annotations

import asyncio
import logging
import ssl as tls
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Self, TypeVar

from api.rsmp.comparing import ReadBack
from api.rsmp.connection import Admission, Connection
from api.rsmp.errors import NotConnectedError
from api.rsmp.observer import Observer
from api.rsmp.orders import Orders
from api.rsmp.settings import RsmpSettings
from signals.rsmp.alarms import AlarmState, AlarmWish
from signals.rsmp.capability import Capability
from signals.rsmp.commands import Mode, RequestPriority, SetClock, SetTimeTables, SetWeek
from signals.rsmp.lists import Switch
from signals.rsmp.mapping import RsmpPlan
from signals.rsmp.messages import AggregatedStatus, StatusName, Subscription, Version
from signals.rsmp.security import SecurityCodes
from signals.rsmp.statuses import PlanStatus, Priority, Status
from signals.rsmp.versions import CORE_VERSIONS, Agreement, agreed, spelled
from traffic.errors import InputError

__all__ = ["Observer", "ReadBack", "RsmpSettings", "Supervisor"]

_Read = TypeVar("_Read", bound=Status)
_LOG = logging.getLogger(__name__)


class Supervisor:
    """Accepts the connections of sites, and gives them orders.

    Parameters
    ----------
    sites
        The sites that may connect, by site id. It is looked up at every connection and order, so it may change.
    observer
        Is told what sites say.
    clock
        Gives the time, in UTC.
    new_id
        Gives the ids of messages: UUIDs of version 4.
    codes
        Gives the security codes kept under a name (`Capability.security`).
    context
        For TLS. Where it asks peers for certificates, the site id must be among the names in the certificate.
    """

    def __init__(
        self,
        sites: Mapping[str, Capability],
        observer: Observer,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        codes: Callable[[str], SecurityCodes],
        settings: RsmpSettings | None = None,
        context: tls.SSLContext | None = None,
    ) -> None:
        self._sites, self._observer = sites, observer
        self._clock, self._new_id, self._codes = clock, new_id, codes
        self._settings = settings or RsmpSettings()
        self._context = context
        self._server: asyncio.Server | None = None
        self._connections: dict[str, Connection] = {}
        self._open: dict[Connection, str] = {}  # with the address of the peer
        self._handlers: set[asyncio.Task[None]] = set()
        self._entrances: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._orders: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> tuple[str, int]:
        """Listen, and return the address."""
        self._server = await asyncio.start_server(
            self._accept, self._settings.host, self._settings.port, ssl=self._context, limit=65_536
        )
        host, port = self._server.sockets[0].getsockname()[:2]
        _LOG.info("RSMP supervisor listens on %s:%s", host, port)
        return host, port

    async def close(self) -> None:
        """Stop listening, and end all connections."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._open):
            connection.close("the supervisor stops")
        if self._handlers:
            _, late = await asyncio.wait(self._handlers, timeout=self._settings.send_s)
            for task in late:  # of an observer that does not come back
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    def connected(self) -> dict[str, Agreement]:
        """Return the sites that are connected, with the versions that are spoken to them."""
        return {
            site: connection.admission.agreement
            for site, connection in self._connections.items()
            if connection.ready and connection.admission is not None
        }

    def clocks_ahead_s(self) -> dict[str, float]:
        """Return by how many seconds the clock of each site was ahead when its last watchdog came."""
        return {
            site: connection.clock_ahead_s
            for site, connection in self._connections.items()
            if connection.clock_ahead_s is not None
        }

    async def prepare(self, site: str, plan: RsmpPlan) -> ReadBack:
        """Write a plan into a stored one that does not run, and read it back."""
        async with self._to(site) as orders:
            return await orders.prepare(plan)

    async def verify(self, site: str, plan: RsmpPlan) -> ReadBack:
        """Read back what a site has stored for a plan, and compare it."""
        async with self._to(site) as orders:
            return await orders.verify(plan)

    async def activate(self, site: str, plan_number: int, *, expected: RsmpPlan | None = None) -> ReadBack:
        """Have a stored plan run, and wait until it does.

        Parameters
        ----------
        expected
            What the stored plan must be set to; it is read back before.
        """
        async with self._to(site) as orders:
            return await orders.activate(plan_number, expected)

    async def release(self, site: str) -> ReadBack:
        """Have the controller choose its plan itself again, by its own time tables."""
        async with self._to(site) as orders:
            return await orders.release()

    async def active_plan(self, site: str) -> PlanStatus:
        """Return the plan that runs, and who has chosen it."""
        return await self.read(site, PlanStatus)

    async def read(self, site: str, kind: type[_Read]) -> _Read:
        """Return a status, asked for now."""
        async with self._to(site) as orders:
            return await orders.read(kind)

    async def subscribe(
        self, site: str, subscriptions: tuple[Subscription, ...], *, component: str | None = None
    ) -> None:
        """Have values sent to the observer from now on (of the main component), or change how often they are."""
        async with self._to(site) as orders:
            await orders.subscribe(component or self._capability(site).component, subscriptions)

    async def unsubscribe(
        self, site: str, names: tuple[StatusName, ...], *, component: str | None = None
    ) -> None:
        """Have values no longer sent."""
        async with self._to(site) as orders:
            await orders.unsubscribe(component or self._capability(site).component, names)

    async def set_mode(
        self, site: str, mode: Mode, *, timeout_min: int = 0, intersection: int = 0
    ) -> ReadBack:
        """Set normal control, yellow flash or dark, and wait until it is so.

        Parameters
        ----------
        timeout_min
            After how many minutes the controller goes back by itself; 0: not.
        intersection
            0: all of the site.
        """
        async with self._to(site) as orders:
            return await orders.set_mode(mode, timeout_min, intersection)

    async def set_week(self, site: str, tables: Mapping[int, int]) -> ReadBack:
        """Set the time table of each day (Monday is 0)."""
        async with self._to(site) as orders:
            return await orders.set_week(SetWeek(tables=dict(tables)))

    async def set_time_tables(self, site: str, switches: tuple[Switch, ...]) -> ReadBack:
        """Set when which plan begins."""
        async with self._to(site) as orders:
            return await orders.set_time_tables(SetTimeTables(switches=tuple(sorted(switches))))

    async def set_clock(self, site: str) -> ReadBack:
        """Set the clock of a site to ours."""
        async with self._to(site) as orders:
            return await orders.set_clock(SetClock(at=self._clock().replace(microsecond=0)))

    async def request_priority(self, site: str, request: RequestPriority) -> Priority | None:
        """Ask for priority, and return what has become of it."""
        async with self._to(site) as orders:
            return await orders.request_priority(request)

    async def aggregated_status(self, site: str) -> AggregatedStatus:
        """Return the state of a site in eight bits, asked for now."""
        async with self._to(site) as orders:
            return await orders.aggregated_status()

    async def alarm(self, site: str, component: str, code: str, wish: AlarmWish) -> AlarmState:
        """Ask for an alarm, acknowledge, suspend or resume it, and return what the site then says of it."""
        async with self._to(site) as orders:
            return await orders.alarm(component, code, wish)

    def _capability(self, site: str) -> Capability:
        capability = self._sites.get(site)
        if capability is None:
            raise InputError("must be the id of a site that is known here", field="site", value=site)
        if capability.site != site:
            raise InputError(
                f"must be the site of its capability file, {capability.site}", field="site", value=site
            )
        return capability

    @asynccontextmanager
    async def _to(self, site: str) -> AsyncIterator[Orders]:
        capability = self._capability(site)
        async with self._orders[site]:
            connection = self._connections.get(site)
            if connection is None or not connection.ready:
                raise NotConnectedError(site)
            yield Orders(connection, capability, self._settings)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # asyncio runs this as one
        self._handlers.add(task)
        address = str((writer.get_extra_info("peername") or ("",))[0])
        try:
            if self._full(address):
                _LOG.warning("RSMP connection from %s turned away: too many", address)
                writer.transport.abort()
                return
            await self._serve(reader, writer, address)
        finally:
            self._handlers.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str) -> None:
        connection = Connection(
            reader,
            writer,
            admit=self._admit,
            observer=self._observer,
            settings=self._settings,
            clock=self._clock,
            new_id=self._new_id,
        )
        self._open[connection] = address
        try:
            await connection.run()
        except Exception:  # noqa: BLE001 - one connection that fails must not take others with it
            _LOG.exception("RSMP connection of %s failed", connection.site or address)
        finally:
            del self._open[connection]
            if self._connections.get(connection.site) is connection:
                del self._connections[connection.site]

    def _full(self, address: str) -> bool:
        strangers = Counter(peer for connection, peer in self._open.items() if connection.admission is None)
        return (
            len(self._open) >= self._settings.connections
            or strangers.total() >= self._settings.strangers
            or strangers[address] >= self._settings.strangers_per_address
        )

    async def _admit(self, connection: Connection, version: Version) -> Admission:
        """Return what a site that has connected is answered, or raise `InputError`."""
        sxl = self._sites[version.sites[0]].sxl if version.sites[0] in self._sites else version.sxl
        agreement = agreed(version, self._sites, CORE_VERSIONS, sxl)
        known = self._capability(agreement.site)
        self._check_certificate(connection, agreement.site)
        codes = self._codes(known.security)
        async with self._entrances[agreement.site]:
            await self._make_room(agreement.site)
            self._connections[agreement.site] = connection
        answer = Version(
            id=self._new_id(),
            core=spelled(CORE_VERSIONS, version.core),
            sxl=version.sxl,
            sites=(agreement.site,),
        )
        return Admission(agreement, answer, known.component, codes)

    async def _make_room(self, site: str) -> None:
        old = self._connections.get(site)
        if old is None:
            return
        if old.ready and await old.answers(self._settings.probe_s):
            rule = (
                "must be a site that is not connected already, and this one answers on its other connection"
            )
            raise InputError(rule, field="siteId", value=site)
        old.close("half-open: the site has connected again", at_once=True)
        await old.ended()

    def _check_certificate(self, connection: Connection, site: str) -> None:
        if self._context is None or self._context.verify_mode == tls.CERT_NONE:
            return
        if site not in (connection.certificate_names or ()):
            raise InputError("must be a name in the certificate of the peer", field="siteId", value=site)
