"""Answers that are lost, scripts that arrive late, a Redis that is away: what is written is known, or said to be unknown."""

from __future__ import annotations

import asyncio

import pytest

from api.store import RedisServer, StoreUnavailable
from api.store.connection import connect
from tests.api.store.toy import WHO, Unreliable, count, heard, ledger_on, on_redis, refuse, replicas
from traffic.errors import InputError


def unreliably(binary, folder, test):
    async def with_store(server, other):
        store = Unreliable.at_socket(server.socket)
        ledger = ledger_on(store, replica="unreliable")
        await ledger.open()
        await test(server, store, ledger, other)
        assert (await ledger.verify()).entries == ledger.seq
        await ledger.close()
        await store.close()

    on_redis(binary, folder, with_store)


def test_what_was_written_is_answered_though_its_answer_was_lost(binary, tmp_path):
    async def test(_server, store, ledger, _other):
        store.lost_answers = 3
        entries = await asyncio.gather(
            *(ledger.commit(count(f"{word}1", f"{word}2"), **WHO) for word in "abc")
        )
        assert [entry.data["word"] for made in entries for entry in made] == [
            "a1",
            "a2",
            "b1",
            "b2",
            "c1",
            "c2",
        ]
        assert ledger.state.words == ("a1", "a2", "b1", "b2", "c1", "c2")

    unreliably(binary, tmp_path, test)


def test_what_was_not_written_is_decided_again_and_its_late_script_does_nothing(binary, tmp_path):
    async def test(_server, store, ledger, _other):
        store.late = arrives = asyncio.Event()
        await ledger.commit(count("a"), **WHO)
        arrives.set()
        assert await store.on_its_way == b"fenced"
        assert ledger.state.words == ("a",)

    unreliably(binary, tmp_path, test)


def test_a_command_that_is_refused_the_second_time_is_not_carried_out_late(binary, tmp_path):
    async def test(_server, store, ledger, _other):
        store.late = arrives = asyncio.Event()
        times = []

        def decide(state, now):
            times.append(now)
            return count("a")(state, now) if len(times) == 1 else refuse(state, now)

        with pytest.raises(InputError):
            await ledger.commit(decide, **WHO)
        arrives.set()
        assert await store.on_its_way == b"fenced"
        assert ledger.seq == 0

    unreliably(binary, tmp_path, test)


def test_a_batch_is_decided_again_on_what_another_replica_wrote_meanwhile(binary, tmp_path):
    async def test(_server, store, ledger, other):
        async def write():
            await other.commit(count("other"), **WHO)

        store.before = write
        decided_on = []

        def decide(state, now):
            decided_on.append(state.words)
            return count("mine")(state, now)

        entries = await ledger.commit(decide, **WHO)
        assert decided_on == [(), ("other",)]
        assert entries[0].seq == 2
        assert ledger.state.words == ("other", "mine")

    unreliably(binary, tmp_path, test)


def test_lost_answers_and_another_replica_at_the_same_time(binary, tmp_path):
    async def test(_server, store, ledger, other):
        async def write():
            await other.commit(count("other"), **WHO)

        store.before, store.lost_answers = write, 2
        await ledger.commit(count("mine"), **WHO)
        await heard(other, 2)
        assert other.state.words == ledger.state.words == ("other", "mine")

    unreliably(binary, tmp_path, test)


def test_a_redis_that_is_away_is_an_error_soon_and_not_a_hang(binary, tmp_path):
    async def run():
        server = RedisServer(tmp_path, binary=binary)
        await server.start()
        store = server.store(patience_s=0.2)
        ledger = ledger_on(store)
        await ledger.open()
        await ledger.commit(count("before"), **WHO)
        await server.stop()
        async with asyncio.timeout(3):
            answers = await asyncio.gather(
                *(ledger.commit(count(f"{number}"), command=f"c{number}", **WHO) for number in range(300)),
                return_exceptions=True,
            )
        assert {type(answer) for answer in answers} == {StoreUnavailable}
        assert answers[0].unknown
        assert not answers[-1].unknown  # it waited behind those that were sent
        assert not ledger.ready
        assert ledger.state.words == ("before",)

        await server.start()
        await asyncio.gather(
            *(ledger.commit(count(f"{number}"), command=f"c{number}", **WHO) for number in range(300))
        )
        assert sorted(ledger.state.words[1:], key=int) == [str(number) for number in range(300)]
        await heard(ledger, 301)
        await ledger.close()
        await store.close()
        await server.stop()

    asyncio.run(run())


def test_a_redis_that_may_not_be_written_to_is_waited_for_a_while(binary, tmp_path):
    async def test(server, ledger):
        store = server.store()
        await store.call("CONFIG", "SET", "min-replicas-to-write", "1")
        with pytest.raises(StoreUnavailable, match="replicas") as error:
            await ledger.commit(count("a"), **WHO)
        assert not error.value.unknown
        waiting = asyncio.create_task(ledger.commit(count("b"), **WHO))
        await asyncio.sleep(0)
        await store.call("CONFIG", "SET", "min-replicas-to-write", "0")
        assert (await waiting)[0].seq == 1
        assert ledger.state.words == ("b",)
        await store.close()

    on_redis(binary, tmp_path, test, patience_s=0.5)


def test_a_frozen_redis_is_an_error_and_not_a_hang(binary, tmp_path, monkeypatch):
    monkeypatch.setattr("api.store.connection._ANSWER_S", 0.3)

    async def run():
        async with RedisServer(tmp_path, binary=binary) as server:
            store = server.store(patience_s=0.1)
            ledger = ledger_on(store)
            await ledger.open()
            other = server.store()
            await other.call("CLIENT", "PAUSE", 2000)
            async with asyncio.timeout(3):
                with pytest.raises(StoreUnavailable) as error:
                    await ledger.commit(count("once"), command="c", **WHO)
            assert error.value.unknown
            async with asyncio.timeout(10):
                entries = ()
                while not entries:
                    try:
                        entries = await ledger.commit(count("once"), command="c", **WHO)
                    except StoreUnavailable:
                        assert ledger.seq == 0
            assert ledger.state.words == ("once",)
            await ledger.close()
            await store.close()
            await other.close()

    asyncio.run(run())


def test_a_log_that_became_shorter_stops_the_replica(binary, tmp_path):
    async def test(server, ledger):
        await ledger.commit(count("a", "b", "c"), **WHO)
        store = server.store()
        kept = await store.call("XRANGE", "jasyl:ledger", "-", "2-0")
        await store.call("DEL", "jasyl:ledger")
        for position, fields in kept:
            await store.call("XADD", "jasyl:ledger", position, *fields)
        with pytest.raises(StoreUnavailable, match="entry 3: must be the entry that this replica has"):
            await ledger.commit(count("d"), **WHO)
        assert not ledger.ready
        assert await store.call("XLEN", "jasyl:ledger") == 2
        await store.close()

    on_redis(binary, tmp_path, test)


def test_a_log_that_became_another_one_stops_the_replica(binary, tmp_path):
    async def test(server, ledger):
        await ledger.commit(count("a"), **WHO)
        store = server.store()
        await store.call("DEL", "jasyl:ledger")
        async with replicas(server) as (other,):
            await other.commit(count("x"), who="somebody else", why="another log")
            with pytest.raises(StoreUnavailable, match="entry 1"):
                await ledger.commit(count("b"), **WHO)
            assert other.state.words == ("x",)
        await store.close()

    on_redis(binary, tmp_path, test)


@pytest.mark.parametrize("url", ["http://localhost", "localhost:6379", "", "redis://:secret@localhost:x/0"])
def test_a_url_that_is_none_is_refused_without_its_password(url):
    with pytest.raises(InputError) as error:
        asyncio.run(connect(url, patience_s=0.0))
    assert error.value.field == "JASYL_REDIS_URL"
    assert "secret" not in str(error.value)


def test_a_url_where_nobody_answers_is_refused_without_its_password(tmp_path):
    with pytest.raises(InputError, match="must be a Redis that answers") as error:
        asyncio.run(connect(f"unix://:secret@{tmp_path}/none.sock", patience_s=0.0))
    assert "secret" not in str(error.value)


def test_a_redis_that_is_too_old_is_refused(tmp_path):
    async def answer(reader, writer):
        while line := await reader.readline():  # *2, then $4, INFO, $6, server
            parts = [
                (await reader.readline(), await reader.readline())[1].strip() for _ in range(int(line[1:]))
            ]
            about = b"# Server\r\nredis_version:6.0.16\r\n"
            writer.write(b"$%d\r\n%s\r\n" % (len(about), about) if parts[0] == b"INFO" else b"+OK\r\n")
        writer.close()

    async def run():
        async with await asyncio.start_unix_server(answer, tmp_path / "old.sock"):
            await connect(f"unix://{tmp_path}/old.sock")

    with pytest.raises(InputError, match=r"must be a Redis of version 6\.2 or newer") as error:
        asyncio.run(run())
    assert error.value.value == "6.0.16"


def test_a_redis_by_url_is_set_to_write_to_disk_before_it_answers(binary, tmp_path, caplog):
    async def run():
        async with RedisServer(tmp_path, binary=binary) as server:
            admin = server.store()
            await admin.call("CONFIG", "SET", "appendfsync", "everysec")
            await admin.call("CONFIG", "SET", "appendonly", "no")
            store = await connect(f"unix://{server.socket}")
            assert await store.call("CONFIG", "GET", "appendfsync") == [b"appendfsync", b"always"]
            assert await store.call("CONFIG", "GET", "appendonly") == [b"appendonly", b"yes"]
            await store.close()
            await admin.call("ACL", "SETUSER", "jasyl", "on", ">secret", "~*", "+@all", "-config")
            await admin.call("CONFIG", "SET", "appendfsync", "everysec")
            caplog.clear()
            store = await connect(f"unix://jasyl:secret@{server.socket}")
            assert await store.call("PING") == b"PONG"
            await store.close()
            await admin.close()

    asyncio.run(run())
    assert "the last second of answered commands is lost when the machine stops" in caplog.text
    assert "secret" not in caplog.text
