"""Followers of a ledger: what is stored, what is new, and what becomes of those that are too slow."""

from __future__ import annotations

import asyncio

import pytest

from api.store import FellBehind
from tests.api.store.toy import WHO, count, on_redis
from traffic.errors import InputError


async def take(entries, number):
    return [(await anext(entries)).data["word"] for _ in range(number)]


def test_a_follower_gets_the_stored_entries_and_then_the_new_ones(binary, tmp_path):
    async def test(_server, one, two):
        await one.commit(count("a", "b", "c"), **WHO)
        from_start, from_two, elsewhere = one.follow(0), one.follow(2), two.follow(1)
        assert await take(from_start, 3) == ["a", "b", "c"]
        assert await take(from_two, 1) == ["c"]
        waiting = asyncio.gather(take(from_start, 2), take(from_two, 2), take(elsewhere, 4))
        await two.commit(count("d"), **WHO)
        await one.commit(count("e"), **WHO)
        assert await waiting == [["d", "e"], ["d", "e"], ["b", "c", "d", "e"]]
        for entries in (from_start, from_two, elsewhere):
            await entries.aclose()

    on_redis(binary, tmp_path, test, 2)


def test_a_follower_reads_from_redis_what_is_no_longer_in_memory(binary, tmp_path):
    async def test(_server, ledger):
        words = [str(number) for number in range(2500)]
        await ledger.commit(count(*words), **WHO)
        entries = ledger.follow(0)
        assert await take(entries, 2500) == words
        await entries.aclose()

    on_redis(binary, tmp_path, test, recent=5)


def test_a_follower_that_is_too_slow_is_told_so(binary, tmp_path):
    async def test(_server, ledger):
        await ledger.commit(count("a"), **WHO)
        entries = ledger.follow(0)
        assert await take(entries, 1) == ["a"]
        await ledger.commit(count(*"bcdef"), **WHO)
        assert await take(entries, 0) == []
        with pytest.raises(FellBehind, match="after entry 1") as error:
            await take(entries, 5)
        assert error.value.after_seq == 1
        assert len(ledger._recent) == 4

    on_redis(binary, tmp_path, test, recent=4)


def test_a_follower_may_be_ahead_of_its_replica(binary, tmp_path):
    async def test(_server, ledger):
        entries = ledger.follow(2)
        waiting = asyncio.create_task(take(entries, 1))
        await ledger.commit(count("a", "b"), **WHO)
        await ledger.commit(count("c"), **WHO)
        assert await waiting == ["c"]
        await entries.aclose()

    on_redis(binary, tmp_path, test)


def test_followers_end_when_the_ledger_closes(binary, tmp_path):
    async def test(_server, ledger):
        async def follow():
            return [entry.data["word"] async for entry in ledger.follow(0)]

        followers = [asyncio.create_task(follow()) for _ in range(100)]
        await ledger.commit(count("a"), **WHO)
        await ledger.close()
        assert await asyncio.gather(*followers) == [["a"]] * 100

    on_redis(binary, tmp_path, test)


def test_a_number_below_zero_is_refused(binary, tmp_path):
    async def test(_server, ledger):
        with pytest.raises(InputError, match="must be 0 or more") as error:
            await anext(ledger.follow(-1))
        assert error.value.field == "after_seq"

    on_redis(binary, tmp_path, test)
