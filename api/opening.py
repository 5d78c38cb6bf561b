"""What the service opens at start: Redis, the ledger, the city, and all that stands on them."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from api.centre.asking import Rules
from api.centre.audit import Audit
from api.centre.background import alongside
from api.centre.centre import Centre
from api.centre.coordinator import Coordinator
from api.centre.lookout import Lookout
from api.centre.news import News
from api.centre.old_documents import OldDocuments
from api.centre.presence import Presence
from api.centre.security import bootstrap, issue
from api.centre.served_city import load_city
from api.centre.signing_keys import load_keys
from api.centre.state import FORM, CityMark, ServiceState, applied
from api.context import Context, Opener
from api.http.guards import identifier
from api.http.held import HeldAnswers
from api.http.limits import ReportBudget
from api.jobs import Jobs
from api.jobs.opening import served_jobs
from api.rsmp_bridge.bridge import Around, Bridge
from api.rsmp_bridge.opening import served_sites
from api.settings import Settings
from api.store.archive import Archive
from api.store.connection import Store, connect
from api.store.documents import Documents
from api.store.idempotency import Idempotency
from api.store.ledger import Ledger
from api.store.redis_server import RedisServer
from api.store.reports import Reports
from api.store.snapshot import Snapshots
from api.store.snapshot_keeper import SnapshotKeeper
from signals.lifecycle.facts import Fact
from traffic.errors import InputError

__all__ = ["opener"]

_OLD_DOCUMENTS_S = 6 * 3600.0
_ARCHIVED_AT_ONCE, _ARCHIVED_BYTES_AT_ONCE = 20_000, 32 << 20


def opener(tell_token: Callable[[str], None], *, change_city: bool = False) -> Opener:
    """Return what opens the parts of a service.

    Parameters
    ----------
    tell_token
        Is told the token of the first start, while there is no administrator.
    change_city
        Whether a ledger of another city goes on with this one.
    """

    @asynccontextmanager
    async def parts(context: Context) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await _open(context, stack, tell_token, change_city=change_city)
            yield
            context.parts.clear()

    return parts


async def _open(
    context: Context, stack: AsyncExitStack, tell_token: Callable[[str], None], *, change_city: bool
) -> None:
    settings = context.settings
    store = await _store(settings, stack)
    snapshots = Snapshots(store, FORM)
    ledger = Ledger(
        store, ServiceState(), applied, clock=context.clock, new_id=context.new_id, snapshots=snapshots
    )
    city = await asyncio.to_thread(load_city, settings.city)
    await ledger.open()
    stack.push_async_callback(ledger.close)
    keys = await asyncio.to_thread(load_keys, settings.data_folder / "keys")
    documents = Documents(store, folder=settings.data_folder / "archive" / "documents")
    rules = Rules(
        four_eyes=settings.four_eyes,
        ack_deadline=timedelta(seconds=settings.ack_deadline_s),
        lead=timedelta(seconds=settings.activation_lead_s),
        time_zone=settings.time_zone,
    )
    centre = Centre(ledger, documents, city, keys, rules, clock=context.clock, new_id=context.new_id)
    await _same_city(centre, context, change_city=change_city)
    await _first_start(centre, context, sorted(keys), tell_token)
    news = News(ledger)
    await stack.enter_async_context(news.running())
    who = f"service:{context.new_id()[:8]}"
    coordinator = Coordinator(centre, news, clock=context.clock, who=who)
    await stack.enter_async_context(coordinator.running())
    reports = Reports(store, clock=context.clock)
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
    budget = ReportBudget(settings.report_bytes_per_minute, time.monotonic)
    around = Around(centre, news, presence, lookout, reports, budget.wait_s, context.clock)
    bridge = await stack.enter_async_context(served_sites(settings, around))
    await stack.enter_async_context(_archive(context, store, reports))
    if settings.redis_url is None:  # files of one replica are not those of the others
        kept_for = timedelta(days=settings.document_days)
        old = OldDocuments(ledger, documents, clock=context.clock, kept_for=kept_for)
        await stack.enter_async_context(alongside(old.run(_OLD_DOCUMENTS_S)))
    every = settings.snapshot_entries
    keeper = SnapshotKeeper(store, ledger, snapshots, new_id=context.new_id, who=who, every=every)
    await stack.enter_async_context(alongside(keeper.run(settings.archive_seconds)))
    jobs = served_jobs(context, store)
    await stack.enter_async_context(jobs.running())
    context.parts |= {
        Centre: centre,
        News: news,
        Presence: presence,
        Lookout: lookout,
        Reports: reports,
        ReportBudget: budget,
        Jobs: jobs,
        Bridge: bridge,
        Audit: Audit(ledger),
        HeldAnswers: HeldAnswers(settings.connections),
        Idempotency: Idempotency(store, clock=context.clock, new_id=context.new_id),
    }
    context.identify = identifier(context, ledger)
    context.readiness.register("ledger", lambda: None if ledger.ready else "the store does not answer")


@asynccontextmanager
async def _archive(context: Context, store: Store, reports: Reports) -> AsyncIterator[None]:
    """Move older reports into the data folder, inside the block."""
    settings = context.settings
    archive = Archive(
        store,
        reports,
        settings.data_folder / "archive",
        new_id=context.new_id,
        keep=settings.reports_kept,
        batch=min(_ARCHIVED_AT_ONCE, max(settings.reports_kept // 5, 1)),
        keep_bytes=settings.reports_kept_bytes,
        batch_bytes=min(_ARCHIVED_BYTES_AT_ONCE, settings.reports_kept_bytes // 5),
        kept_for=timedelta(days=settings.retention_days),
        clock=context.clock,
    )
    async with alongside(archive.run(settings.archive_seconds)):
        yield


async def _store(settings: Settings, stack: AsyncExitStack) -> Store:
    if settings.redis_url is not None:
        store = await connect(settings.redis_url.get_secret_value())
    else:
        server = await stack.enter_async_context(RedisServer(settings.data_folder / "redis"))
        store = server.store()
    stack.push_async_callback(store.close)
    return store


async def _same_city(centre: Centre, context: Context, *, change_city: bool) -> None:
    """Enter which city is served; refuse another one than before, unless it is to be changed."""
    city, known = centre.city, centre.ledger.state.city
    if known is not None and known.digest == city.digest:
        return
    strange = set(centre.plans.junctions) - set(city.junctions)
    if not change_city and (known is not None or strange):
        before = "another one" if known is None else known.name
        rule = f"must have the junctions that the data folder was served with, those of {before}"
        hint = (
            "Give that city, or another folder with --data; "
            "where its junctions have changed on purpose, start once with --change-city"
        )
        raise InputError(rule, file=context.settings.data_folder, field="city", value=city.name, hint=hint)
    fact = Fact("service.city", {"name": city.name, "digest": city.digest})
    why = "first start" if known is None else f"--change-city, from {known.name}"
    await centre.ledger.commit(
        lambda state, _at: [fact] if state.city == known else [], who="service", why=why
    )
    if centre.ledger.state.city != CityMark(city.name, city.digest):  # another replica was faster
        await _same_city(centre, context, change_city=change_city)


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
        issued, shared = issue(secrets.token_bytes), context.settings.redis_url is not None
        await centre.ledger.commit(
            lambda state, at: bootstrap(state.access, at, issued, shared=shared),
            who="service",
            why="first start",
        )
        tell_token(issued.text)
