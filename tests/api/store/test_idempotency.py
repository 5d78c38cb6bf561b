"""Requests that are sent twice: one answer, one effect."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from api.store import Answer, Claim, Idempotency, KeyInUse, RedisServer, StoreUnavailable, fingerprint
from tests.api.store.toy import NOON, WHO, Clock, Unreliable, count, identifiers, on_redis
from traffic.errors import InputError

REQUEST = fingerprint(b"POST", b"/v1/plan-sets", b'{"name": "morning"}')
OTHER = fingerprint(b"POST", b"/v1/plan-sets", b'{"name": "evening"}')
ANSWER = Answer(201, (("Location", "/v1/plan-sets/1"), ("ETag", '"1"')), b'{"id": 1}\n\x00')


def with_keys(binary, folder, test):
    async def run():
        clock = Clock()
        async with RedisServer(folder, binary=binary) as server:
            store = server.store()
            await test(Idempotency(store, clock=clock, new_id=identifiers()), clock)
            await store.close()

    asyncio.run(run())


def test_the_answer_of_the_first_is_given_again_for_a_day(binary, tmp_path):
    async def test(keys, _clock):
        claim = await keys.begin("token:1", "k", REQUEST)
        assert isinstance(claim, Claim)
        assert await keys.finish(claim, ANSWER)
        assert await keys.begin("token:1", "k", REQUEST) == ANSWER
        left_ms = await keys._redis.call("PTTL", claim.key)
        assert 86_000_000 < left_ms <= 86_400_000

    with_keys(binary, tmp_path, test)


def test_another_request_with_the_same_key_is_a_conflict(binary, tmp_path):
    async def test(keys, clock):
        claim = await keys.begin("token:1", "k", REQUEST)
        with pytest.raises(KeyInUse, match="used for another request") as error:
            await keys.begin("token:1", "k", OTHER)
        assert error.value.retry_after_s is None
        await keys.finish(claim, ANSWER)
        clock.now += timedelta(hours=1)
        with pytest.raises(KeyInUse, match="used for another request"):
            await keys.begin("token:1", "k", OTHER)

    with_keys(binary, tmp_path, test)


def test_keys_of_different_actors_are_different(binary, tmp_path):
    async def test(keys, _clock):
        claims = [
            await keys.begin(actor, key, REQUEST)
            for actor, key in (("token:1", "1"), ("token:11", "1"), ("token:1", "11"))
        ]
        assert len({claim.command for claim in claims}) == 3

    with_keys(binary, tmp_path, test)


def test_one_of_many_at_the_same_time_is_carried_out(binary, tmp_path):
    async def test(keys, _clock):
        outcomes = await asyncio.gather(
            *(keys.begin("token:1", "k", REQUEST) for _ in range(20)), return_exceptions=True
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Claim"] + ["KeyInUse"] * 19
        busy = next(outcome for outcome in outcomes if isinstance(outcome, KeyInUse))
        assert "being carried out" in str(busy)
        assert busy.retry_after_s == 5

    with_keys(binary, tmp_path, test)


def test_what_was_given_up_can_be_sent_again(binary, tmp_path):
    async def test(keys, _clock):
        first = await keys.begin("token:1", "k", REQUEST)
        await keys.abandon(first)
        second = await keys.begin("token:1", "k", REQUEST)
        assert second.token != first.token
        await keys.abandon(first)  # of the first nothing is left to give up
        assert await keys.finish(second, ANSWER)
        assert not await keys.finish(first, Answer(500, (), b""))
        assert await keys.begin("token:1", "k", REQUEST) == ANSWER

    with_keys(binary, tmp_path, test)


def test_a_claim_of_a_service_that_died_runs_out_and_the_command_stays_the_same(binary, tmp_path):
    async def test(keys, clock):
        first = await keys.begin("token:1", "k", REQUEST)
        clock.now = NOON + timedelta(seconds=14)
        with pytest.raises(KeyInUse) as error:
            await keys.begin("token:1", "k", REQUEST)
        assert error.value.retry_after_s == 1
        clock.now = NOON + timedelta(seconds=15)
        with pytest.raises(KeyInUse, match="another request"):
            await keys.begin("token:1", "k", OTHER)
        second = await keys.begin("token:1", "k", REQUEST)
        assert second.command == first.command
        assert not await keys.finish(first, Answer(500, (), b""))
        assert await keys.finish(second, ANSWER)

    with_keys(binary, tmp_path, test)


def test_the_command_of_a_key_is_carried_out_once_by_the_ledger(binary, tmp_path):
    async def test(server, ledger):
        store, clock = server.store(), Clock()
        keys = Idempotency(store, clock=clock, new_id=identifiers())
        for _ in range(2):
            claim = await keys.begin("token:1", "k", REQUEST)
            await ledger.commit(count("once"), command=claim.command, **WHO)
            clock.now += timedelta(minutes=2)  # the service dies before it has answered
        assert ledger.state.words == ("once",)
        await store.close()

    on_redis(binary, tmp_path, test)


def test_an_answer_that_is_too_long_is_not_kept(binary, tmp_path):
    async def test(keys, _clock):
        claim = await keys.begin("token:1", "k", REQUEST)
        assert not await keys.finish(claim, Answer(200, (), b"x" * (4 * 2**20)))
        assert isinstance(await keys.begin("token:1", "k", REQUEST), Claim)

    with_keys(binary, tmp_path, test)


def test_a_claim_whose_answer_was_lost_is_still_a_claim(binary, tmp_path):
    class Lossy(Unreliable):
        losses = 1

        async def run(self, script, keys, arguments):
            answer = await super().run(script, keys, arguments)
            if self.losses:
                self.losses -= 1
                raise StoreUnavailable("the connection was lost", unknown=True)
            return answer

    async def run():
        async with RedisServer(tmp_path, binary=binary) as server:
            store = Lossy.at_socket(server.socket)
            keys = Idempotency(store, clock=Clock(), new_id=identifiers())
            assert isinstance(await keys.begin("token:1", "k", REQUEST), Claim)
            assert store.losses == 0
            await store.close()

    asyncio.run(run())


@pytest.mark.parametrize("key", ["", "x" * 256, "new\nline", "жасыл"])
def test_a_key_that_is_none_is_refused(binary, tmp_path, key):
    async def test(keys, _clock):
        with pytest.raises(InputError) as error:
            await keys.begin("token:1", key, REQUEST)
        assert error.value.field == "Idempotency-Key"

    with_keys(binary, tmp_path, test)


def test_a_fingerprint_tells_where_parts_end():
    assert fingerprint(b"ab", b"c") != fingerprint(b"a", b"bc")
    assert fingerprint(b"a") != fingerprint(b"a", b"")
