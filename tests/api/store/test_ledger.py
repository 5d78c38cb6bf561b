"""One ledger, and two on one Redis: what is decided, appended, applied and answered."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta

import pytest

from api.store import Decision, Documents, LedgerDamaged, StoreUnavailable
from tests.api.store.toy import NOON, WHO, Clock, Counted, count, heard, ledger_on, on_redis, refuse, replicas
from traffic.errors import InputError


def test_what_is_committed_is_in_state_entries_and_log(binary, tmp_path):
    async def test(server, ledger):
        assert (ledger.seq, ledger.state.count) == (0, 0)
        first = await ledger.commit(count("one"), **WHO)
        both = await ledger.commit(count("two", "three"), who="token:2", why="more", command="c-7")
        assert [entry.seq for entry in first + both] == [1, 2, 3]
        assert [entry.command for entry in first + both] == ["replica0-1", "c-7", "c-7"]
        assert {entry.at for entry in first + both} == {NOON}
        assert (both[1].who, both[1].why, both[1].kind) == ("token:2", "more", "counted")
        assert both[1].data == {"count": 3, "word": "three"}
        assert both[0].previous == first[0].hash
        assert ledger.state.words == ("one", "two", "three")
        async with replicas(server) as (again,):
            assert again.state == ledger.state
            assert again.hash == ledger.hash == both[1].hash
            assert [entry async for entry in _first(again.follow(0), 3)] == [*first, *both]

    on_redis(binary, tmp_path, test)


def test_a_refusal_changes_nothing_and_touches_nobody_else(binary, tmp_path):
    async def test(_server, ledger):
        answers = await asyncio.gather(
            ledger.commit(count("one"), **WHO),
            ledger.commit(refuse, **WHO),
            ledger.commit(
                lambda state, _now: [Counted({"count": state.count + 1, "word": "two"}), Counted({})], **WHO
            ),
            ledger.commit(lambda _state, _now: [Counted({"count": 1, "word": {"a", "set"}})], **WHO),
            ledger.commit(lambda _state, _now: 1 / 0, **WHO),
            ledger.commit(count("three"), **WHO),
            return_exceptions=True,
        )
        assert [type(answer) for answer in answers] == [
            tuple, InputError, KeyError, InputError, ZeroDivisionError, tuple,
        ]  # fmt: skip
        assert ledger.state.words == ("one", "three")
        assert await ledger.verify() == (await ledger.verify())
        assert (await ledger.verify()).entries == 2

    on_redis(binary, tmp_path, test)


def test_a_decision_without_facts_appends_nothing(binary, tmp_path):
    async def test(_server, ledger):
        assert await ledger.commit(lambda _state, _now: [], documents=[b"not kept"], **WHO) == ()
        assert ledger.seq == 0

    on_redis(binary, tmp_path, test)


def test_commands_see_what_was_decided_before_them_in_the_same_batch(binary, tmp_path):
    async def test(_server, ledger):
        seen = []

        def decide(state, _now):
            seen.append(state.count)
            return count("word")(state, _now)

        await asyncio.gather(*(ledger.commit(decide, **WHO) for _ in range(20)))
        assert seen == list(range(20))
        assert ledger.state.count == 20

    on_redis(binary, tmp_path, test)


def test_hundreds_of_commands_that_wait_together_cost_few_writes(binary, tmp_path):
    async def test(server, ledger):
        store = server.store()
        before = await _calls(store)
        await asyncio.gather(*(ledger.commit(count(str(number)), **WHO) for number in range(500)))
        assert ledger.state.count == 500
        assert await _calls(store) - before <= 5
        await store.close()

    on_redis(binary, tmp_path, test)


def test_a_command_id_counts_once(binary, tmp_path):
    async def test(server, one, two):
        together = await asyncio.gather(
            *(one.commit(count("a", "b"), command="same", **WHO) for _ in range(3))
        )
        later = await one.commit(refuse, command="same", **WHO)
        elsewhere = await two.commit(refuse, command="same", **WHO)
        assert len({tuple(entry.hash for entry in entries) for entries in (*together, later, elsewhere)}) == 1
        assert one.state.words == ("a", "b")
        async with replicas(server) as (again,):
            assert await again.commit(refuse, command="same", **WHO) == together[0]

    on_redis(binary, tmp_path, test, 2)


def test_a_refused_command_can_be_sent_again_with_its_id(binary, tmp_path):
    async def test(_server, ledger):
        with pytest.raises(InputError):
            await ledger.commit(refuse, command="same", **WHO)
        assert len(await ledger.commit(count("now"), command="same", **WHO)) == 1

    on_redis(binary, tmp_path, test)


def test_a_command_id_is_known_for_a_day(binary, tmp_path):
    clock = Clock()

    async def test(_server, ledger):
        await ledger.commit(count("first"), command="same", **WHO)
        clock.now += timedelta(hours=23, minutes=59)
        await ledger.commit(count("second"), **WHO)
        assert (await ledger.commit(count("no"), command="same", **WHO))[0].seq == 1
        clock.now += timedelta(minutes=2)
        await ledger.commit(count("third"), **WHO)
        assert (await ledger.commit(count("again"), command="same", **WHO))[0].seq == 4
        assert ledger.state.words == ("first", "second", "third", "again")

    on_redis(binary, tmp_path, test, clock=clock)


def test_entries_of_a_command_are_found_when_they_have_left_the_memory(binary, tmp_path):
    async def test(_server, ledger):
        first = await ledger.commit(count("a", "b", "c"), command="same", **WHO)
        await ledger.commit(count("d", "e"), **WHO)
        assert await ledger.commit(refuse, command="same", **WHO) == first

    on_redis(binary, tmp_path, test, recent=2)


def test_two_replicas_lose_and_double_nothing(binary, tmp_path):
    async def test(_server, one, two):
        async def work(ledger, name):
            for number in range(15):
                await ledger.commit(count(f"{name}-{number}", f"{name}-{number}'"), **WHO)

        await asyncio.gather(
            *(work(ledger, f"{place}{worker}") for place, ledger in enumerate((one, two)) for worker in "ab")
        )
        await asyncio.gather(heard(one, 120), heard(two, 120))
        assert one.state == two.state
        assert one.hash == two.hash
        commands = [f"{place}{worker}-{number}" for place in "01" for worker in "ab" for number in range(15)]
        expected = {command + end for command in commands for end in ("", "'")}
        assert set(one.state.words) == expected
        assert len(one.state.words) == len(expected)
        pairs = list(zip(one.state.words[::2], one.state.words[1::2], strict=True))
        assert all(second == first + "'" for first, second in pairs)

    on_redis(binary, tmp_path, test, 2)


def test_a_replica_decides_on_what_another_has_written(binary, tmp_path):
    async def test(_server, one, two):
        def once(state, _now):
            if state.count:
                raise InputError("must be the first", field="word", value=state.words[0])
            return count("first")(state, _now)

        answers = await asyncio.gather(
            one.commit(once, **WHO), two.commit(once, **WHO), return_exceptions=True
        )
        assert sorted(type(answer).__name__ for answer in answers) == ["InputError", "tuple"]
        await one.commit(count("second"), **WHO)
        with pytest.raises(InputError, match="second"):  # also a refusal is made on the newest state
            await two.commit(lambda state, _now: _say(state.words[-1]), **WHO)

    on_redis(binary, tmp_path, test, 2)


def test_documents_are_stored_with_the_facts_that_name_them(binary, tmp_path):
    async def test(server, ledger):
        plan, sheet = b'{"plan": 1}', b"a,b\r\n1,2\r\n\x00"
        name = hashlib.sha256(plan).hexdigest()
        await ledger.commit(
            lambda state, now: Decision(count(name)(state, now), documents=(plan,)), documents=(sheet,), **WHO
        )
        store = server.store()
        documents = Documents(store)
        assert await documents.get(ledger.state.words[0]) == plan
        assert await documents.get(hashlib.sha256(sheet).hexdigest()) == sheet
        assert await documents.verify() == 2
        await store.close()

    on_redis(binary, tmp_path, test)


def test_nothing_is_accepted_before_the_ledger_is_open_and_after_it_is_closed(binary, tmp_path):
    async def test(server, ledger):
        store = server.store()
        closed = ledger_on(store)
        assert not closed.ready
        with pytest.raises(StoreUnavailable, match="not open"):
            await closed.commit(count("early"), **WHO)
        assert ledger.ready
        waiting = [asyncio.create_task(ledger.commit(count(str(number)), **WHO)) for number in range(300)]
        await asyncio.sleep(0)
        await ledger.close()
        assert [len(entries) for entries in await asyncio.gather(*waiting)] == [1] * 300
        assert not ledger.ready
        with pytest.raises(StoreUnavailable, match="closed"):
            await ledger.commit(count("late"), **WHO)
        await store.close()

    on_redis(binary, tmp_path, test)


def test_a_caller_that_gives_up_disturbs_nobody(binary, tmp_path):
    async def test(_server, ledger):
        tasks = [asyncio.create_task(ledger.commit(count(str(number)), **WHO)) for number in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(answer) for answer in done] == [tuple, asyncio.CancelledError, tuple]
        assert ledger.state.words == ("0", "2")

    on_redis(binary, tmp_path, test)


def test_an_entry_that_this_release_cannot_apply_stops_it(binary, tmp_path, caplog):
    async def test(server, ledger):
        newer = ledger_on(server.store(), replica="newer")
        newer._apply = lambda state, _entry: state
        await newer.open()
        follower = asyncio.create_task(_all(ledger.follow(0)))
        await newer.commit(lambda _state, _now: [Counted({"new": "form"}, kind="new.kind")], **WHO)
        with pytest.raises(
            StoreUnavailable, match=r"entry 1: must be an entry that this release can apply .*new\.kind"
        ):
            await follower
        with pytest.raises(StoreUnavailable, match=r"new\.kind"):
            await ledger.commit(count("more"), **WHO)
        assert not ledger.ready
        await newer.close()
        await newer._log._redis.close()
        store = server.store()
        with pytest.raises(LedgerDamaged, match="release"):
            await ledger_on(store).open()
        await store.close()

    on_redis(binary, tmp_path, test)
    assert any(record.levelname == "CRITICAL" for record in caplog.records)


async def _first(entries, number):
    found = 0
    async for entry in entries:
        yield entry
        found += 1
        if found == number:
            return


async def _all(entries):
    return [entry async for entry in entries]


async def _calls(store):
    about = (await store.call("INFO", "commandstats")).decode()
    lines = [line for line in about.splitlines() if line.startswith(("cmdstat_eval:", "cmdstat_evalsha:"))]
    return sum(int(line.split("calls=")[1].split(",")[0]) for line in lines)


def _say(word):
    raise InputError("is the last", field="word", value=word)
