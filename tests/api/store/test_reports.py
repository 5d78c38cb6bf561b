"""Reports of controllers: in order, each once, a batch whole or not at all."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest

from api.store import RedisServer, Report, Reports, StoreDamaged, StoreUnavailable
from api.store.scripts import ACCEPT_REPORTS
from tests.api.store.toy import NOON, Clock, Unreliable, report
from traffic.errors import InputError


def with_reports(binary, folder, test):
    async def run():
        async with RedisServer(folder, binary=binary) as server:
            store = server.store()
            await test(Reports(store, clock=Clock()), store)
            await store.close()

    asyncio.run(run())


def numbers(page):
    return [(stored.junction, stored.number) for stored in page.reports]


def test_reports_are_stored_as_they_came(binary, tmp_path):
    async def test(reports, _store):
        sent = [report(1, plan="night"), report(2, "fault", lamp="Абая 3"), report(3, "event")]
        accepted = await reports.accept("osm:1", sent)
        assert (accepted.until, accepted.new, accepted.missing) == (3, 3, 0)
        page = await reports.read()
        assert page.complete
        for stored, original in zip(page.reports, sent, strict=True):
            assert (stored.number, stored.kind, stored.at, stored.data) == (
                original.number, original.kind, original.at, original.data,
            )  # fmt: skip
            assert (stored.junction, stored.received) == ("osm:1", NOON)
        assert page.after == page.reports[-1].position

    with_reports(binary, tmp_path, test)


def test_what_is_sent_again_is_stored_once(binary, tmp_path):
    async def test(reports, _store):
        await reports.accept("osm:1", [report(1), report(2)])
        again = await reports.accept("osm:1", [report(2), report(3)])
        assert (again.until, again.new) == (3, 1)
        old = await reports.accept("osm:1", [report(1)])
        assert (old.until, old.new) == (3, 0)
        await reports.accept("osm:2", [report(1)])
        assert numbers(await reports.read()) == [("osm:1", 1), ("osm:1", 2), ("osm:1", 3), ("osm:2", 1)]
        assert [await reports.accepted_until(name) for name in ("osm:1", "osm:2", "osm:3")] == [3, 1, 0]

    with_reports(binary, tmp_path, test)


def test_gaps_are_told_and_accepted(binary, tmp_path):
    async def test(reports, _store):
        first = await reports.accept("osm:1", [report(812)])
        assert (first.until, first.missing) == (812, 0)  # a junction begins where it likes
        gap = await reports.accept("osm:1", [report(815), report(816), report(900)])
        assert (gap.until, gap.new, gap.missing) == (900, 3, 2 + 83)
        far = await reports.accept("osm:1", [report(2**53 - 1)])
        assert (far.until, far.missing) == (2**53 - 1, 2**53 - 1 - 901)

    with_reports(binary, tmp_path, test)


def test_the_last_status_of_each_junction_is_at_hand(binary, tmp_path):
    async def test(reports, _store):
        assert await reports.latest("osm:1") is None
        assert await reports.latest_of_all() == {}
        await reports.accept("osm:1", [report(1), report(2), report(3, "fault")])
        await reports.accept("osm:2", [report(7, "event")])
        await reports.accept("osm:1", [report(1, old=True)])
        latest = await reports.latest("osm:1")
        assert (latest.number, latest.kind, latest.data) == (2, "status", {"number": 2})
        assert await reports.latest_of_all() == {"osm:1": latest}

    with_reports(binary, tmp_path, test)


def test_reports_are_read_in_pages(binary, tmp_path):
    async def test(reports, _store):
        for start in range(1, 2401, 400):
            await reports.accept("osm:1", [report(number) for number in range(start, start + 400)])
            await reports.accept("osm:2", [report(number) for number in range(start, start + 4)])
        found, after, complete = [], "0-0", False
        while not complete:
            page = await reports.read(after, limit=700)
            found, after, complete = found + numbers(page), page.after, page.complete
        assert len(found) == len(set(found)) == 2424
        page = await reports.read(junction="osm:2", limit=10)
        assert [number for _, number in numbers(page)] == [1, 2, 3, 4, 401, 402, 403, 404, 801, 802]
        rest = await reports.read(page.after, junction="osm:2", limit=1000)
        assert len(rest.reports) == 14
        assert rest.complete
        nothing = await reports.read(rest.after)
        assert (nothing.reports, nothing.after, nothing.complete) == ((), rest.after, True)

    with_reports(binary, tmp_path, test)


def test_many_controllers_at_the_same_time(binary, tmp_path):
    async def test(reports, _store):
        async def controller(name):
            for start in range(1, 31, 10):
                await reports.accept(name, [report(number) for number in range(start, start + 10)])

        await asyncio.gather(*(controller(f"osm:{number}") for number in range(60)))
        first = await reports.read(limit=1000)
        found = numbers(first) + numbers(await reports.read(first.after, limit=1000))
        assert len(found) == len(set(found)) == 60 * 30
        for name in {junction for junction, _ in found}:
            assert [number for junction, number in found if junction == name] == list(range(1, 31))

    with_reports(binary, tmp_path, test)


def test_a_batch_whose_answer_is_lost_is_stored_once(binary, tmp_path):
    class Lossy(Unreliable):
        losses = 2

        async def run(self, script, keys, arguments):
            answer = await super().run(script, keys, arguments)
            if script is ACCEPT_REPORTS and self.losses:
                self.losses -= 1
                raise StoreUnavailable("the connection was lost", unknown=True)
            return answer

    async def run():
        async with RedisServer(tmp_path, binary=binary) as server:
            store = Lossy.at_socket(server.socket)
            reports = Reports(store, clock=Clock())
            assert (await reports.accept("osm:1", [report(1), report(2)])).until == 2
            assert numbers(await reports.read()) == [("osm:1", 1), ("osm:1", 2)]
            assert store.losses == 0
            await store.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("junction", "batch", "field"),
    [
        ("", [report(1)], "junction"),
        ("x" * 201, [report(1)], "junction"),
        (None, [report(1)], "junction"),
        ("osm:1", [], "reports"),
        ("osm:1", [report(number) for number in range(1, 1002)], "reports"),
        ("osm:1", [report(0)], "reports[0].number"),
        ("osm:1", [report(-5)], "reports[0].number"),
        ("osm:1", [report(2**53)], "reports[0].number"),
        ("osm:1", [report(True)], "reports[0].number"),
        ("osm:1", [report(5), report(5)], "reports[1].number"),
        ("osm:1", [report(5), report(4)], "reports[1].number"),
        ("osm:1", [report(1), report(2, "gossip")], "reports[1].kind"),
        ("osm:1", [report(1), Report(2, "event", datetime(2026, 11, 27), {})], "reports[1].at"),  # noqa: DTZ001
        ("osm:1", [report(1, value=float("nan"))], "reports[0].data"),
        ("osm:1", [report(1), report(2, text="x" * 70_000)], "reports[1].data"),
        ("osm:1", [report(number, text="x" * 60_000) for number in range(1, 100)], "reports"),
    ],
)
def test_a_batch_that_breaks_a_rule_is_refused_whole(binary, tmp_path, junction, batch, field):
    async def test(reports, store):
        with pytest.raises(InputError) as error:
            await reports.accept(junction, batch)
        assert error.value.field == field
        assert await store.call("EXISTS", reports.stream) == 0

    with_reports(binary, tmp_path, test)


@pytest.mark.parametrize(
    ("after", "limit", "field"),
    [
        ("yesterday", 10, "after"),
        ("", 10, "after"),
        ("\u0661-0", 10, "after"),
        (f"{2**64}-0", 10, "after"),
        (f"{2**64 - 1}-{2**64 - 1}", 10, "after"),
        ("1-0", 0, "limit"),
    ],
)
def test_a_page_that_there_cannot_be_is_refused(binary, tmp_path, after, limit, field):
    async def test(reports, _store):
        with pytest.raises(InputError) as error:
            await reports.read(after, limit=limit)
        assert error.value.field == field

    with_reports(binary, tmp_path, test)


def test_what_is_no_report_is_named(binary, tmp_path):
    async def test(reports, store):
        await store.call("XADD", reports.stream, "5-0", "body", "[]")
        with pytest.raises(StoreDamaged, match="report 5-0: must be a report"):
            await reports.read()

    with_reports(binary, tmp_path, test)
