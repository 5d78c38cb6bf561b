"""What the service opens at start: Redis, the ledger, the city, and all that stands on them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from api.centre import Centre, Rules
from api.context import Context, Opener
from api.coordinator import Coordinator
from api.guards import identifier
from api.jobs import Jobs
from api.jobs.opening import served_jobs
from api.logs import logger
from api.lookout import Lookout
from api.news import News
from api.presence import Presence
from api.rsmp_bridge.bridge import Around, Bridge
from api.rsmp_bridge.files import read_sites
from api.rsmp_bridge.sites import Sites
from api.rsmp_server import RsmpSettings
from api.security import bootstrap, issue
from api.served_city import load_city
from api.settings import Settings, is_loopback
from api.signing_keys import load_keys
from api.state import ServiceState, applied
from api.store.archive import Archive
from api.store.connection import Store, connect
from api.store.documents import Documents
from api.store.idempotency import Idempotency
from api.store.ledger import Ledger
from api.store.redis_server import RedisServer
from api.store.reports import Reports
from api.tls import server_tls
from signals.lifecycle.facts import Fact
from traffic.errors import InputError

__all__ = ["opener"]


def opener(tell_token: Callable[[str], None]) -> Opener:
    """Return what opens the parts of a service.

    Parameters
    ----------
    tell_token
        Is told the token of the first start, while there is no administrator.
    """

    @asynccontextmanager
    async def parts(context: Context) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await _open(context, stack, tell_token)
            yield
            context.parts.clear()

    return parts


async def _open(context: Context, stack: AsyncExitStack, tell_token: Callable[[str], None]) -> None:
    settings = context.settings
    store = await _store(settings, stack)
    ledger = Ledger(store, ServiceState(), applied, clock=context.clock, new_id=context.new_id)
    city = await asyncio.to_thread(load_city, settings.city)
    await ledger.open()
    stack.push_async_callback(ledger.close)
    keys = await asyncio.to_thread(load_keys, settings.data_folder / "keys")
    documents = Documents(store)
    rules = Rules(
        four_eyes=settings.four_eyes,
        ack_deadline=timedelta(seconds=settings.ack_deadline_s),
        lead=timedelta(seconds=settings.activation_lead_s),
        time_zone=settings.time_zone,
    )
    centre = Centre(ledger, documents, city, keys, rules, clock=context.clock, new_id=context.new_id)
    await _first_start(centre, context, sorted(keys), tell_token)
    news = News(ledger)
    await stack.enter_async_context(news.running())
    who = f"service:{context.new_id()[:8]}"
    coordinator = Coordinator(centre, news, clock=context.clock, who=who)
    await stack.enter_async_context(coordinator.running())
    reports = Reports(store, clock=context.clock)
    archive = Archive(
        store,
        reports,
        settings.data_folder / "archive",
        new_id=context.new_id,
        clock=context.clock,
        kept_for=timedelta(days=settings.retention_days),
    )
    await stack.enter_async_context(_task(archive.run()))
    presence = Presence(store, clock=context.clock)
    await stack.enter_async_context(presence.running())
    lookout = Lookout(
        centre,
        presence,
        silent_after=timedelta(seconds=settings.silent_after_s),
        clock=context.clock,
        who=who,
    )
    await stack.enter_async_context(lookout.running())
    around = Around(centre, news, presence, lookout, reports, context.clock)
    bridge = await _bridge(settings, around, stack)
    jobs = served_jobs(context, store)
    await stack.enter_async_context(jobs.running())
    context.parts |= {
        Centre: centre,
        News: news,
        Presence: presence,
        Lookout: lookout,
        Reports: reports,
        Jobs: jobs,
        Bridge: bridge,
        Idempotency: Idempotency(store, clock=context.clock, new_id=context.new_id),
    }
    context.identify = identifier(context, ledger)
    context.readiness.register("ledger", lambda: None if ledger.ready else "the store does not answer")


async def _bridge(settings: Settings, around: Around, stack: AsyncExitStack) -> Bridge:
    """Return the bridge to RSMP sites; it listens where there is a site that may connect."""
    folder = settings.data_folder / "rsmp"
    centre = around.centre
    files = await asyncio.to_thread(read_sites, folder, centre.city.junctions) if settings.rsmp else []
    sites = Sites(files, centre, time_zone=settings.time_zone, clock=around.clock)
    for row in files:
        if row.problem is not None:
            logger("rsmp").error("capability file cannot be used", file=str(row.file), problem=row.problem)
    if files:
        centre.limits = sites
    tls = server_tls(
        settings.rsmp_tls_cert, settings.rsmp_tls_key, settings.rsmp_tls_client_ca, prefix="rsmp_"
    )
    bridge = Bridge(
        sites,
        around,
        folder,
        # An order that the site has not followed yet is given again, so that others need not wait behind it.
        settings=RsmpSettings(
            host=settings.rsmp_host, port=settings.rsmp_port, activation_s=5.0, mode_s=10.0
        ),
        context=tls,
        silent_after=timedelta(seconds=settings.silent_after_s),
    )
    if sites.by_id:
        if tls is None and not is_loopback(settings.rsmp_host):
            logger("rsmp").warning("RSMP without TLS: whoever is on the network can read security codes")
        await stack.enter_async_context(bridge.running())
    return bridge


@asynccontextmanager
async def _task(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Let something run inside the block."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _store(settings: Settings, stack: AsyncExitStack) -> Store:
    if settings.redis_url is not None:
        store = await connect(settings.redis_url.get_secret_value())
    else:
        server = await stack.enter_async_context(RedisServer(settings.data_folder / "redis"))
        store = server.store()
    stack.push_async_callback(store.close)
    return store


async def _first_start(
    centre: Centre, context: Context, keys: list[str], tell_token: Callable[[str], None]
) -> None:
    """Enter which key signs, and print the token that makes the first administrator."""
    if centre.plans.signing_key is None:
        fact = Fact("keys.announced", {"key": keys[0], "token": None})
        await centre.ledger.commit(
            lambda state, _at: [] if state.plans.signing_key else [fact], who="service", why="first start"
        )
    if centre.plans.signing_key not in keys:
        rule = "must have the key that signs in this city"
        hint = "Copy it from the folder of keys of the replica that was started first"
        folder = context.settings.data_folder / "keys"
        raise InputError(rule, file=folder, field="keys", value=centre.plans.signing_key, hint=hint)
    if not centre.ledger.state.access.has_administrator(context.clock()):
        issued = issue(secrets.token_bytes)
        await centre.ledger.commit(
            lambda state, at: bootstrap(state.access, at, issued), who="service", why="first start"
        )
        tell_token(issued.text)
