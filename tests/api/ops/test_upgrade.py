"""Upgrades: the ledger of a release is read by every later one.

``ledger-0.1.jsonl`` was exported from a service of release 0.1 that did one of everything. It is never written anew; a later
release adds a file of its own.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from api.centre import security
from api.centre.state import FORM, ServiceState, applied
from api.store.chain import GENESIS, Entry, canonical, digest, entry_of, follow_on
from api.store.errors import LedgerDamaged
from signals.lifecycle import facts
from tests.api.service.centres import Service, service, serving

_FILE = Path(__file__).with_name("ledger-0.1.jsonl")


def _entries() -> list[Entry]:
    seq, last, entries = 0, GENESIS, []
    for line in _FILE.read_bytes().splitlines():
        entry = follow_on(entry_of(json.loads(line), seq + 1), seq, last)
        seq, last = entry.seq, entry.hash
        entries.append(entry)
    return entries


def test_the_ledger_of_an_older_release_gives_the_same_state() -> None:
    state = ServiceState()
    for entry in _entries():
        state = applied(state, entry)
    plans = state.plans
    assert [(one.name, one.slot, one.state) for one in plans.sets.values()] == [
        ("day", "base", "superseded"),
        ("second", "base", "rolled_back"),
        ("match", "event", "expired"),
        ("wrong", "base", "withdrawn"),
        ("kept", "base", "kept"),
        ("before second", "base", "in_force"),
    ]
    assert {one.last_version for one in plans.junctions.values()} == {1_000_005}
    assert {key: one.sequence - plans.floor for key, one in plans.junctions.items()} == {
        f"corridor:{number}": 14 if number == 1 else 12 for number in range(1, 11)
    }
    assert sorted(plans.alarms) == ["restored:7", "status:corridor:1:fault"]
    assert plans.junction("corridor:1").refused == {4}
    people = {one.name for one in state.access.credentials.values() if one.junction is None}
    assert people == {"Aigerim", "Bolat", "Dana"}
    assert {key: len(found) for key, found in state.access.controllers.items()} == {
        f"corridor:{number}": 2 if number == 1 else 1 for number in range(1, 11) if number != 2
    }


def test_snapshots_of_another_meaning_have_another_form() -> None:
    """Where this fails and the form is the same, raise `_MEANING` in `api.centre.state`; then write both anew here."""
    state = ServiceState()
    for entry in _entries():
        state = applied(state, entry)
    text = canonical(FORM.encode(state))
    assert (FORM.mark, digest(text)) == (
        "1:06b075725236169e",
        "6f85dc3abfdb4337fb88be7d70781a13c19b023681d2f0020cb80a9d5a44dd7b",
    )
    assert FORM.decode(json.loads(text)) == state


def test_the_file_has_one_of_everything() -> None:
    kinds = {entry.kind for entry in _entries()}
    assert kinds == {*facts.KINDS, *security._KINDS} - _LATER


_LATER = frozenset({"plan_set.expired_in_part"})
"""Kinds that releases after 0.1 have added."""


def test_a_newer_ledger_is_refused_and_left_alone(tmp_path: Path) -> None:
    async def add(found: Service) -> None:
        body = {name: value for name, value in _newest(found).items() if name != "hash"}
        body |= {
            "kind": "of.the.future",
            "seq": found.centre.ledger.seq + 1,
            "previous": found.centre.ledger.hash,
        }
        content = canonical(body)
        store = found.centre.documents._redis
        mark = f"{body['seq']}-0"
        await store.call("XADD", "jasyl:ledger", mark, "body", content, "hash", digest(content))

    serving(tmp_path, add)

    async def again() -> None:
        with pytest.raises(LedgerDamaged, match="must be an entry that this release can apply") as caught:
            async with service(tmp_path):
                pass
        assert "Start the release that wrote it" in str(caught.value)

    asyncio.run(again())
    asyncio.run(again())


def _newest(found: Service) -> dict[str, object]:
    (entry,) = found.centre.ledger._in_memory(found.centre.ledger.seq - 1)
    return entry.to_dict()
