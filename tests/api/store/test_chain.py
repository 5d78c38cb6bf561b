"""Entries and their hashes against values worked out by hand, and every way to change one."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.store.chain import GENESIS, canonical, follow_on, read_entry, seal, to_milliseconds
from api.store.errors import LedgerDamaged
from tests.api.store.toy import NOON, Counted
from traffic.errors import InputError

BODY = (
    '{"at":"2026-11-27T12:00:00.000Z","command":"c-1","data":{"name":"Абай — Сейфуллин","sets":[1,2.5,null]},'
    '"kind":"plan_set.published","previous":"'
    + 64 * "0"
    + '","seq":1,"who":"token:1f3a (Aigerim)","why":"morning peak"}'
)
HASH = "b086637ecf0f5b7156a686c2748418f9bdb397af1b72c7eadc06aa0a5ea5d3db"


def sealed(data, *, seq=1, previous=GENESIS, at=NOON, kind="plan_set.published"):
    return seal(
        Counted(data, kind),
        seq=seq,
        previous=previous,
        at=at,
        who="token:1f3a (Aigerim)",
        why="morning peak",
        command="c-1",
    )


def chain(length):
    entries, bodies, previous = [], [], GENESIS
    for seq in range(1, length + 1):
        entry, body = sealed({"count": seq}, seq=seq, previous=previous)
        entries.append(entry)
        bodies.append(body)
        previous = entry.hash
    return entries, bodies


def test_the_first_entry_is_this_text_and_this_hash():
    entry, body = sealed({"sets": [1, 2.5, None], "name": "Абай — Сейфуллин"})
    assert body == BODY.encode()
    assert entry.hash == hashlib.sha256(BODY.encode()).hexdigest() == HASH
    shown = entry.to_dict()
    assert shown.pop("hash") == entry.hash
    assert json.dumps(shown, sort_keys=True, separators=(",", ":"), ensure_ascii=False) == BODY


def test_an_entry_that_is_read_is_the_one_that_was_sealed():
    entry, body = sealed({"pairs": ((1, 2), (3, 4)), "words": {7: "seven"}})
    assert read_entry(body, entry.hash, 1) == entry
    assert entry.data == {"pairs": [[1, 2], [3, 4]], "words": {"7": "seven"}}


def test_times_are_utc_in_whole_milliseconds():
    local = datetime(2026, 11, 27, 17, 0, 0, 123999, tzinfo=timezone(timedelta(hours=5)))
    assert to_milliseconds(local) == datetime(2026, 11, 27, 12, 0, 0, 123000, tzinfo=UTC)
    with pytest.raises(InputError, match="time zone"):
        to_milliseconds(datetime(2026, 11, 27))  # noqa: DTZ001


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"bytes", "\ud800", {("a",): 1}])
def test_what_json_does_not_have_is_refused(value):
    with pytest.raises(InputError, match="must be what JSON has") as error:
        sealed({"value": value})
    assert error.value.hint


def test_what_is_nested_without_end_is_refused():
    value: list = []
    for _ in range(200_000):
        value = [value]
    with pytest.raises(InputError, match="must be what JSON has"):
        canonical(value)


@pytest.mark.parametrize(("field", "text"), [("kind", "k" * 101), ("kind", 5)])
def test_too_long_a_text_is_refused(field, text):
    with pytest.raises(InputError, match="must be text of at most") as error:
        sealed({}, kind=text)
    assert error.value.field == field


def test_too_large_an_entry_is_refused():
    with pytest.raises(InputError, match="must be at most"):
        sealed({"plan": "x" * (4 * 2**20)})


@given(position=st.integers(min_value=0), byte=st.integers(0, 255))
def test_no_byte_of_an_entry_can_be_changed(position, byte):
    entries, bodies = chain(3)
    body = bytearray(bodies[1])
    position %= len(body)
    if body[position] == byte:
        byte ^= 1
    body[position] = byte
    with pytest.raises(LedgerDamaged, match="entry 2"):
        read_entry(bytes(body), entries[1].hash, 2)


def test_an_entry_with_a_new_hash_breaks_the_next():
    entries, bodies = chain(3)
    forged_body = bodies[1].replace(b"morning", b"evening")
    forged = read_entry(forged_body, hashlib.sha256(forged_body).hexdigest(), 2)
    assert follow_on(forged, 1, entries[0].hash) == forged
    with pytest.raises(LedgerDamaged, match="entry 3: must name the hash of the entry before"):
        follow_on(entries[2], 2, forged.hash)


def test_a_missing_entry_is_named():
    entries, _ = chain(3)
    with pytest.raises(LedgerDamaged, match="entry 2: must be there: entry 3 follows entry 1"):
        follow_on(entries[2], 1, entries[0].hash)


@pytest.mark.parametrize(
    "members",
    [
        {"seq": 2},
        {"at": "yesterday"},
        {"at": 5},
        {"data": []},
        {"extra": 1},
        {"hash": "0"},
        {"who": None, "drop": True},
    ],
)
def test_a_body_of_another_form_is_refused(members):
    _, body = sealed({})
    changed = {**json.loads(body), **members}
    if changed.pop("drop", False):
        del changed["who"]
    text = json.dumps(changed).encode()
    with pytest.raises(LedgerDamaged, match="entry 1") as error:
        read_entry(text, hashlib.sha256(text).hexdigest(), 1)
    assert "back-up" in str(error.value.hint)


@pytest.mark.parametrize("text", [b"", b"[]", b"5", b"not json", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(text):
    with pytest.raises(LedgerDamaged, match="entry 1"):
        read_entry(text, hashlib.sha256(text).hexdigest(), 1)
