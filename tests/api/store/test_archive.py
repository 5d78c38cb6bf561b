"""Old reports in files: by day, complete, each once, and out of Redis only when they are on disk."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import pyarrow as pa
import pytest
from pyarrow import parquet

from api.store import Archive, RedisServer, Reports, StoreDamaged
from api.store import archive as archive_module
from api.store.archive_files import archived_days, read_day, remove_drafts
from tests.api.store.toy import NOON, Clock, identifiers, report

TODAY, TOMORROW = date(2026, 11, 27), date(2026, 11, 28)


def with_archive(binary, folder, test, **more):
    async def run():
        clock = Clock()
        async with RedisServer(folder / "redis", binary=binary) as server:
            store = server.store()
            reports = Reports(store, clock=clock)
            archive = Archive(
                store, reports, folder / "reports", new_id=identifiers(), **{"keep": 10, "batch": 20, **more}
            )
            await test(reports, archive, clock)
            await store.close()

    asyncio.run(run())


def numbers(found):
    return [(stored.junction, stored.number) for stored in found]


def test_old_reports_move_into_files_of_their_day(binary, tmp_path):
    async def test(reports, archive, clock):
        await reports.accept("osm:1", [report(number) for number in range(1, 26)])
        before = (await reports.read(limit=1000)).reports
        clock.now = NOON + timedelta(hours=12)
        await reports.accept("osm:2", [report(number, "event", text="Абая") for number in range(1, 36)])
        before += (await reports.read(before[-1].position, limit=1000)).reports
        assert await archive.move() == 40
        assert archived_days(tmp_path / "reports") == [TODAY, TOMORROW]
        first, second = (read_day(tmp_path / "reports", day) for day in (TODAY, TOMORROW))
        left = (await reports.read(limit=1000)).reports
        assert (len(first), len(second), len(left)) == (25, 15, 20)
        assert (*first, *second, *left) == before
        assert read_day(tmp_path / "reports", TOMORROW, junction="osm:1") == []
        assert read_day(tmp_path / "reports", TOMORROW, junction="osm:2") == second
        assert await archive.move() == 0
        assert (
            await reports.accept("osm:1", [report(5), report(26)])
        ).new == 1  # what is archived is still known

    with_archive(binary, tmp_path, test)


def test_nothing_moves_before_a_batch_is_due(binary, tmp_path):
    async def test(reports, archive, _clock):
        await reports.accept("osm:1", [report(number) for number in range(1, 30)])
        assert await archive.move() == 0
        await reports.accept("osm:1", [report(30)])
        assert await archive.move() == 20

    with_archive(binary, tmp_path, test)


@pytest.mark.parametrize("more", [0, 7])
def test_a_service_that_ends_between_file_and_trim_leaves_each_report_once(
    binary, tmp_path, monkeypatch, more
):
    async def test(reports, archive, _clock):
        await reports.accept("osm:1", [report(number) for number in range(1, 41)])
        real = archive_module.write_reports

        def ends_after(folder, found):
            real(folder, found)
            raise OSError("the power went off")

        monkeypatch.setattr(archive_module, "write_reports", ends_after)
        with pytest.raises(OSError, match="the power went off"):
            await archive.move()
        monkeypatch.setattr(archive_module, "write_reports", real)
        assert len((await reports.read(limit=1000)).reports) == 40
        again = Archive(
            archive._redis, reports, tmp_path / "reports", new_id=identifiers("b"), keep=10, batch=20 + more
        )
        assert await again.move() == 20 + more
        archived = read_day(tmp_path / "reports", TODAY)
        left = (await reports.read(limit=1000)).reports
        assert numbers((*archived, *left)) == [("osm:1", number) for number in range(1, 41)]
        assert len(list((tmp_path / "reports").glob("*/*.parquet"))) == (1 if more == 0 else 2)

    with_archive(binary, tmp_path, test)


def test_reports_stay_in_redis_when_the_disk_refuses(binary, tmp_path):
    async def test(reports, archive, _clock):
        await reports.accept("osm:1", [report(number) for number in range(1, 41)])
        (tmp_path / "reports").write_text("not a folder", encoding="utf-8")
        with pytest.raises(OSError, match="reports"):
            await archive.move()
        assert len((await reports.read(limit=1000)).reports) == 40

    with_archive(binary, tmp_path, test)


def test_a_draft_is_no_file_and_is_removed(binary, tmp_path):
    async def test(reports, archive, _clock):
        await reports.accept("osm:1", [report(number) for number in range(1, 41)])
        await archive.move()
        draft = tmp_path / "reports" / "2026-11-27" / "5-0_6-0.parquet.part"
        draft.write_bytes(b"half a file")
        assert len(read_day(tmp_path / "reports", TODAY)) == 20
        remove_drafts(tmp_path / "reports")
        assert not draft.exists()
        assert len(read_day(tmp_path / "reports", TODAY)) == 20

    with_archive(binary, tmp_path, test)


def test_days_that_are_over_for_longer_than_reports_are_kept_are_removed(binary, tmp_path):
    async def test(reports, archive, clock):
        await reports.accept("osm:1", [report(number) for number in range(1, 26)])
        clock.now = NOON + timedelta(days=1)
        await reports.accept("osm:1", [report(number) for number in range(26, 51)])
        assert await archive.move() == 40
        folder = tmp_path / "reports"
        keeping = Archive(
            archive._redis,
            reports,
            folder,
            new_id=identifiers(),
            kept_for=timedelta(days=10),
            clock=clock,
        )
        clock.now = NOON + timedelta(days=10)
        await keeping.forget()
        assert archived_days(folder) == [TODAY, TOMORROW]
        clock.now = NOON + timedelta(days=11)
        await keeping.forget()
        assert archived_days(folder) == [TOMORROW]
        assert len(read_day(folder, TOMORROW)) == 15

    with_archive(binary, tmp_path, test)


def test_two_replicas_do_not_archive_at_the_same_time(binary, tmp_path):
    async def test(reports, archive, _clock):
        await reports.accept("osm:1", [report(number) for number in range(1, 51)])
        other = Archive(
            archive._redis, reports, tmp_path / "other", new_id=identifiers("other"), keep=10, batch=20
        )
        moved = await asyncio.gather(archive.move(), other.move())
        assert sorted(moved) == [0, 40]
        assert await other.move() == 0

    with_archive(binary, tmp_path, test)


def test_it_goes_on_by_itself_also_after_an_error(binary, tmp_path, monkeypatch, caplog):
    async def test(reports, archive, _clock):
        await reports.accept("osm:1", [report(number) for number in range(1, 41)])
        real, written, failed = archive_module.write_reports, asyncio.Event(), []
        loop = asyncio.get_running_loop()

        def write(folder, found):
            if not failed:
                failed.append(True)
                raise OSError("no space left on device")
            files = real(folder, found)
            loop.call_soon_threadsafe(written.set)
            return files

        monkeypatch.setattr(archive_module, "write_reports", write)
        task = asyncio.create_task(archive.run(every_s=0.01))
        async with asyncio.timeout(10):
            await written.wait()
        task.cancel()
        assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError)
        assert len(read_day(tmp_path / "reports", TODAY)) == 20

    with_archive(binary, tmp_path, test)
    assert "no space left on device" in caplog.text


@pytest.mark.parametrize("content", [b"no parquet", "another table"])
def test_a_file_that_is_something_else_is_named(tmp_path, content):
    folder = tmp_path / "2026-11-27"
    folder.mkdir()
    path = folder / "1-0_2-0.parquet"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        parquet.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(StoreDamaged, match=r"1-0_2-0\.parquet"):
        read_day(tmp_path, TODAY)


def test_large_reports_move_before_they_are_many(binary, tmp_path):
    async def test(reports, archive, _clock):
        for number in range(1, 31):
            await reports.accept("osm:1", [report(number, text="x" * 50_000)])
        assert await archive.move() == 12  # files of four, until the rest of them fits
        left = (await reports.read(limit=1000)).reports
        assert numbers(left) == [("osm:1", number) for number in range(13, 31)]
        assert numbers(read_day(tmp_path / "reports", TODAY)) == [
            ("osm:1", number) for number in range(1, 13)
        ]
        assert len(list((tmp_path / "reports").glob("*/*.parquet"))) == 3
        assert await archive.move() == 0

    with_archive(binary, tmp_path, test, keep=1000, batch=1000, keep_bytes=1_000_000, batch_bytes=4 * 51_000)


def test_a_report_larger_than_a_batch_moves_alone(binary, tmp_path):
    async def test(reports, archive, _clock):
        await reports.accept("osm:1", [report(number, text="x" * 50_000) for number in (1, 2)])
        assert await archive.move() == 2
        assert len(list((tmp_path / "reports").glob("*/*.parquet"))) == 2

    with_archive(binary, tmp_path, test, keep=1000, batch=1000, keep_bytes=1000, batch_bytes=1000)
