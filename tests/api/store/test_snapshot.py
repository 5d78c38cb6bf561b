"""Snapshots: a start that reads only what comes later, and never believes what the ledger does not say."""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import replace
from datetime import timedelta

import pytest

from api.store import Form, LedgerDamaged, SnapshotKeeper, Snapshots, StoreUnavailable
from api.store.batch import Head
from api.store.chain import canonical
from api.store.snapshot import SNAPSHOT
from tests.api.store import toy
from tests.api.store.toy import NOON, WHO, Clock, Toy, count, identifiers, ledger_on, on_redis

FORM = Form(
    lambda state: {"count": state.count, "words": list(state.words)},
    lambda value: Toy(value["count"], tuple(value["words"])),
    "toy",
)
KEY = "jasyl:snapshot"


class Around:
    """A ledger with snapshots, and what a next replica of it does."""

    def __init__(self, server, clock=None):
        self.store = server.store()
        self.clock = clock or Clock()
        self.snapshots = Snapshots(self.store, FORM)
        self.ledger = self.replica("first")
        self.applied = []

    def replica(self, name, form=FORM):
        made = ledger_on(self.store, replica=name, clock=self.clock, snapshots=Snapshots(self.store, form))
        plain = made._apply

        def noted(state, entry):
            self.applied.append(entry.seq)
            return plain(state, entry)

        made._apply = noted
        return made

    def keeper(self, *, every=10, ledger=None, name="keeper"):
        ledger = ledger or self.ledger
        return SnapshotKeeper(
            self.store, ledger, ledger._snapshots, new_id=identifiers(name), who="service", every=every
        )

    async def started(self, name="second", form=FORM):
        """Start another replica; return it, and the entries that it has applied."""
        self.applied.clear()
        ledger = self.replica(name, form)
        await ledger.open()
        await ledger.close()
        return ledger, list(self.applied)


def with_ledger(binary, folder, test, clock=None):
    async def run(server, _plain):
        around = Around(server, clock)
        await around.ledger.open()
        await test(around)
        await around.ledger.close()
        await around.store.close()

    on_redis(binary, folder, run)


def test_a_start_applies_only_what_comes_after_the_snapshot(binary, tmp_path):
    async def test(around):
        await around.ledger.commit(count(*"abcdefghijkl"), **WHO)
        named = await around.keeper().keep()
        assert (named.seq, named.hash) == (12, (await take(around.ledger, 12))[-1].hash)
        entry = (await take(around.ledger, 13))[-1]
        assert (entry.kind, entry.who, entry.data) == (SNAPSHOT, "service", named.data())
        await around.ledger.commit(count(*"mn"), **WHO)
        ledger, applied = await around.started()
        assert applied == [13, 14, 15]
        assert (ledger.state, ledger.seq, ledger.hash) == (
            around.ledger.state,
            around.ledger.seq,
            around.ledger.hash,
        )
        assert ledger.state.words == tuple("abcdefghijklmn")

    with_ledger(binary, tmp_path, test)


async def take(ledger, number):
    found = []
    async for entry in ledger.follow(0):
        found.append(entry)
        if len(found) == number:
            return found
    raise AssertionError


def test_commands_of_the_last_day_and_older_entries_are_known_after_it(binary, tmp_path, monkeypatch):
    monkeypatch.setattr("api.store.snapshot.CHUNK", 4)

    async def test(around):
        for number in range(12):
            around.clock.now = NOON + timedelta(
                hours=3 * number
            )  # half of them are of the last day at the end
            await around.ledger.commit(count(str(number)), command=f"c-{number}", **WHO)
        around.clock.now = NOON + timedelta(hours=36, minutes=30)
        await around.keeper().keep()
        around.applied.clear()
        second = around.replica("second")
        await second.open()
        assert around.applied == [13]
        assert [second.has_carried_out(f"c-{number}") for number in range(12)] == [False] * 5 + [True] * 7
        (again,) = await second.commit(count("other"), command="c-5", **WHO)
        assert (again.seq, again.data["word"]) == (6, "5")
        assert [entry.seq for entry in await take(second, 13)] == list(range(1, 14))
        await second.close()

    with_ledger(binary, tmp_path, test)


def test_a_snapshot_older_than_a_day_is_enough(binary, tmp_path):
    async def test(around):
        await around.ledger.commit(count(*"abcdefghijkl"), **WHO)
        await around.keeper().keep()
        around.clock.now = NOON + timedelta(days=400)
        await around.ledger.commit(count("m"), **WHO)
        ledger, applied = await around.started()
        assert applied == [13, 14]
        assert ledger.state == around.ledger.state

    with_ledger(binary, tmp_path, test)


async def lose_body(around):
    await around.store.call("HDEL", KEY, "body")


async def change_body(around):
    body = bytearray(await around.store.call("HGET", KEY, "body"))
    body[len(body) // 2] ^= 1
    await around.store.call("HSET", KEY, "body", bytes(body))


async def put_in_another_state(around):
    other = canonical(FORM.encode(Toy(12, tuple("abcdefghijkX"))))
    await around.store.call("HSET", KEY, "body", zlib.compress(other))


async def put_in_too_much(around):
    await around.store.call("HSET", KEY, "body", zlib.compress(bytes(1 << 20)))


def name_entry(number):
    async def change(around):
        await around.store.call("HSET", KEY, "entry", number)

    return change


async def name_another_entry_before(around):
    named, body = await around.snapshots.made(Head(around.ledger.state, 5, "f" * 64))
    await name(around, named, body, FORM)


async def name_without_particulars(around):
    (entry,) = await around.ledger.commit(lambda *_: [toy.Counted({"seq": 3}, SNAPSHOT)], **WHO)
    await around.store.call("HSET", KEY, "entry", str(entry.seq))


async def name(around, named, body, form):
    (entry,) = await around.ledger.commit(lambda *_: [toy.Counted(named.data(), SNAPSHOT)], **WHO)
    await Snapshots(around.store, form).store(entry.seq, body)


@pytest.mark.parametrize(
    "damage",
    [
        lose_body,
        change_body,
        put_in_another_state,
        put_in_too_much,
        name_entry("12"),
        name_entry("99"),
        name_entry("-1"),
        name_entry("9" * 400),
        name_entry("no number"),
        name_another_entry_before,
        name_without_particulars,
    ],
)
def test_one_that_does_not_fit_is_passed_over_and_told_by_the_audit(binary, tmp_path, damage, caplog):
    async def test(around):
        await around.ledger.commit(count(*"abcdefghijkl"), **WHO)
        await around.keeper().keep()
        assert (await around.ledger.verify()).snapshot == 12
        await damage(around)
        ledger, applied = await around.started()
        assert applied == list(range(1, around.ledger.seq + 1))
        assert ledger.state == around.ledger.state
        with pytest.raises(LedgerDamaged, match="snapshot"):
            await around.ledger.verify()
        third = around.replica("third")
        await third.open()
        assert await around.keeper(name="next", ledger=third).keep()
        await third.close()
        assert (await around.started("fourth"))[1][0] > 12  # another one has taken its place

    with_ledger(binary, tmp_path, test)
    assert "The snapshot does not fit, and the whole ledger is read" in caplog.text


def test_the_audit_finds_a_snapshot_that_the_entries_do_not_give(binary, tmp_path):
    async def test(around):
        await around.ledger.commit(count(*"abcdefghijkl"), **WHO)
        wrong = Head(Toy(12, tuple("abcdefghijkX")), 12, around.ledger.hash)
        await name(around, *await around.snapshots.made(wrong), FORM)
        with pytest.raises(
            LedgerDamaged, match="must have the snapshot that follows from the entries"
        ) as error:
            await around.ledger.verify()
        assert error.value.seq == 12
        misled = around.replica("second")
        await misled.open()
        assert misled.state.words[-1] == "X"
        await around.store.call("DEL", KEY)
        with pytest.raises(LedgerDamaged, match="must give the state that this replica has"):
            await misled.verify()
        assert (await around.ledger.verify()).snapshot is None
        await misled.close()

    with_ledger(binary, tmp_path, test)


def test_one_of_another_form_is_passed_over(binary, tmp_path, caplog):
    async def test(around):
        await around.ledger.commit(count(*"abcdefghijkl"), **WHO)
        await around.keeper().keep()
        newer = replace(FORM, mark="newer")
        ledger, applied = await around.started("second", newer)
        assert applied == list(range(1, 14))
        assert ledger.state == around.ledger.state
        await around.ledger.verify()
        again = around.replica("third", newer)
        await again.open()
        assert (await again.verify()).snapshot is None
        # Replicas of two releases: the newer one makes its own once, and then they do not make them in turn.
        old, new = around.keeper(name="old"), around.keeper(ledger=again, name="new")
        assert [await old.keep(), (await new.keep()).form] == [None, "newer"]
        assert [await keeper.keep() for keeper in (new, new)] == [None] * 2
        assert await old.keep() is None
        assert (await again.verify()).snapshot == 13
        await again.close()
        assert (await around.started("fourth", newer))[1] == [14]

    with_ledger(binary, tmp_path, test)
    assert "has the form of another release; the whole ledger is read" in caplog.text


def test_a_damaged_entry_after_the_snapshot_is_refused_as_ever(binary, tmp_path):
    async def test(around):
        await around.ledger.commit(count(*"abcdefghijkl"), **WHO)
        await around.keeper().keep()
        await around.ledger.commit(count(*"mn"), **WHO)
        await around.store.call("XDEL", "jasyl:ledger", "14-0")
        with pytest.raises(LedgerDamaged, match="entry 14"):
            await around.started()

    with_ledger(binary, tmp_path, test)


def test_one_is_made_whenever_there_are_so_many_entries_more(binary, tmp_path):
    async def test(around):
        keeper = around.keeper(every=10)
        made = []
        for number in range(40):
            await around.ledger.commit(count(str(number)), **WHO)
            made.append(await keeper.keep())
        assert [named.seq for named in made if named] == [10, 20, 30, 40]
        assert await around.store.call("HLEN", KEY) == 2

    with_ledger(binary, tmp_path, test)


def test_of_two_replicas_one_makes_it(binary, tmp_path):
    async def test(around):
        await around.ledger.commit(count(*"abcdefghijkl"), **WHO)
        second = around.replica("second")
        await second.open()
        made = await asyncio.gather(
            around.keeper(name="one").keep(), around.keeper(ledger=second, name="two").keep()
        )
        assert sum(named is not None for named in made) == 1
        assert around.ledger.seq == 13
        await second.close()

    with_ledger(binary, tmp_path, test)


def test_a_service_that_ends_between_entry_and_snapshot_keeps_the_one_before(binary, tmp_path, monkeypatch):
    async def test(around):
        await around.ledger.commit(count(*"abcdefghijkl"), **WHO)
        await around.keeper().keep()
        await around.ledger.commit(count(*"abcdefghijkl"), **WHO)

        async def ends(*_):
            raise StoreUnavailable("the power went off")

        with monkeypatch.context() as patch:
            patch.setattr(Snapshots, "store", ends)
            with pytest.raises(StoreUnavailable):
                await around.keeper(name="next").keep()
        ledger, applied = await around.started()
        assert applied == list(range(13, 27))
        assert ledger.state == around.ledger.state
        assert (await around.ledger.verify()).snapshot == 12
        assert (await around.keeper(name="third").keep()).seq == 26

    with_ledger(binary, tmp_path, test)


def test_it_is_made_by_itself_also_after_an_error(binary, tmp_path, monkeypatch, caplog):
    async def test(around):
        await around.ledger.commit(count(*"abcdefghijkl"), **WHO)
        real, stored, failed = Snapshots.store, asyncio.Event(), []

        async def store(snapshots, entry, body):
            if not failed:
                failed.append(True)
                raise StoreUnavailable("the disk is full")
            await real(snapshots, entry, body)
            stored.set()

        monkeypatch.setattr(Snapshots, "store", store)
        task = asyncio.create_task(around.keeper().run(every_s=0.01))
        async with asyncio.timeout(10):
            await stored.wait()
        task.cancel()
        assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError)

    with_ledger(binary, tmp_path, test)
    assert "the disk is full" in caplog.text
