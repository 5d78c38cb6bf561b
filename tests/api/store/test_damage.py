"""A log that somebody edited, and an append-only file that a disk damaged: nothing is built on either."""

from __future__ import annotations

import asyncio
import hashlib
import json

import numpy as np
import pytest

from api.store import Documents, LedgerDamaged, RedisServer, StoreDamaged
from tests.api.store.toy import WHO, append_only_file, copied, count, ledger_on, records, replicas
from traffic.errors import InputError

KEY = "jasyl:ledger"


async def rewritten(store, edit):
    """Read all entries, let `edit` change the list of (id, body, hash), and store it as if nothing had happened."""
    rows = [
        (row[0].decode(), row[1][1], row[1][3].decode()) for row in await store.call("XRANGE", KEY, "-", "+")
    ]
    edit(rows)
    await store.call("DEL", KEY)
    for position, body, hashed in rows:
        await store.call("XADD", KEY, position, "body", body, "hash", hashed)


def change_body(rows):
    position, body, hashed = rows[2]
    rows[2] = (position, body.replace(b"because", b"nothing"), hashed)


def change_body_and_hash(rows):
    position, body, _ = rows[2]
    body = body.replace(b"because", b"nothing")
    rows[2] = (position, body, hashlib.sha256(body).hexdigest())


def change_last_number(rows):
    position, body, _ = rows[2]
    body = json.dumps({**json.loads(body), "seq": 9}).encode()
    rows[2] = (position, body, hashlib.sha256(body).hexdigest())


def swap(rows):
    (two, *second), (three, *third) = rows[1:3]
    rows[1:3] = [(two, *third), (three, *second)]


def take_out_first(rows):
    del rows[0]


def take_out_second(rows):
    del rows[1]


def close_the_gap(rows):
    del rows[1]
    rows[1] = ("2-0", *rows[1][1:])


def add_within_a_number(rows):
    rows.insert(2, ("2-1", *rows[1][1:]))


@pytest.mark.parametrize(
    ("edit", "entry"),
    [
        (change_body, 3),
        (change_body_and_hash, 4),
        (change_last_number, 3),
        (swap, 2),
        (take_out_first, 1),
        (take_out_second, 2),
        (close_the_gap, 2),
        (add_within_a_number, 2),
    ],
)
def test_an_edited_log_is_refused_and_the_entry_named(binary, tmp_path, edit, entry):
    async def run():
        async with RedisServer(tmp_path, binary=binary) as server, replicas(server) as (running,):
            await running.commit(count(*"abcde"), **WHO)
            store = server.store()
            await rewritten(store, edit)
            with pytest.raises(LedgerDamaged) as error:
                await ledger_on(store).open()
            assert error.value.seq == entry
            assert f"entry {entry}" in str(error.value)
            assert "from the last back-up with `jasyl restore`" in str(error.value)
            with pytest.raises(LedgerDamaged) as error:
                await running.verify()
            assert error.value.seq == entry
            await store.close()

    asyncio.run(run())


def test_a_last_entry_that_was_deleted_is_missed(binary, tmp_path):
    async def run():
        async with RedisServer(tmp_path, binary=binary) as server:
            async with replicas(server) as (ledger,):
                await ledger.commit(count(*"abc"), **WHO)
            store = server.store()
            await store.call("XDEL", KEY, "3-0")
            with pytest.raises(LedgerDamaged, match="entry 3: must be there: it was written once"):
                await ledger_on(store).open()
            await store.close()

    asyncio.run(run())


def test_a_foreign_field_is_refused(binary, tmp_path):
    async def run():
        async with RedisServer(tmp_path, binary=binary) as server:
            store = server.store()
            await store.call("XADD", KEY, "1-0", "something", "else")
            with pytest.raises(LedgerDamaged, match="entry 1: must have a body and a hash"):
                await ledger_on(store).open()
            await store.close()

    asyncio.run(run())


async def state_of(folder, binary):
    """Start on a folder; return all that is there, or raise what a service would end with."""
    async with RedisServer(folder, binary=binary) as server, replicas(server) as (ledger,):
        store = server.store()
        try:
            return ledger.state, await Documents(store).verify()
        finally:
            await store.close()


def test_a_damaged_file_gives_an_error_or_everything(each_binary, tmp_path):
    """A changed byte anywhere before the last record may change what nobody reads, but takes nothing away in silence."""
    source = tmp_path / "source"

    async def write():
        async with RedisServer(source, binary=each_binary) as server, replicas(server) as (ledger,):
            for number in range(6):
                await ledger.commit(
                    count(f"{number}", f"{number}'"), documents=[b"document %d" % number], **WHO
                )

    asyncio.run(write())
    whole = asyncio.run(state_of(source, each_binary))
    assert whole[0].count == 12
    content = append_only_file(source).read_bytes()
    chance = np.random.default_rng(20261127)
    last_record = records(content)[-2]
    lengths = [place for place in range(last_record) if content[place : place + 1] == b"$"]
    places = [
        *chance.choice(last_record, 25).tolist(),
        *(chance.choice(lengths, 15, replace=False) + 1).tolist(),
    ]
    refused = 0
    for round_, place in enumerate(places):
        folder = tmp_path / f"round{round_}"
        copy = append_only_file(source).relative_to(source)
        copied(source, folder)
        changed = bytearray(content)
        changed[place] = ord("9") if changed[place] != ord("9") else ord("8")
        (folder / copy).write_bytes(changed)
        try:
            found = asyncio.run(state_of(folder, each_binary))
        except (InputError, StoreDamaged):
            refused += 1
        else:
            assert found == whole, f"byte {place}: {content[place - 20 : place + 20]!r}"
    assert refused > len(places) / 2
