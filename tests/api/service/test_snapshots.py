"""Snapshots of the whole service: the next start has everything, and audits prove it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from api.centre.state import FORM, ServiceState
from api.store.chain import canonical
from api.store.snapshot import Snapshots
from api.store.snapshot_keeper import SnapshotKeeper
from tests.api.service.centres import Service, service
from tests.api.service.test_plan_sets import assignment, document, keys, say

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def _text(state: ServiceState) -> bytes:
    return canonical(FORM.encode(state))


def test_a_service_goes_on_from_its_snapshot(tmp_path: Path) -> None:
    async def run() -> None:
        async with service(tmp_path) as first:
            await first.staff()
            await first.register(*keys())
            plan_set = await first.published(document())
            for key in keys():
                await say(first, key, 1, "accepted")
            await first.until(lambda: all(_activated(first, key) for key in keys()))
            ledger = first.centre.ledger
            keeper = SnapshotKeeper(
                first.centre.documents._redis,
                ledger,
                Snapshots(first.centre.documents._redis, FORM),
                new_id=first.context.new_id,
                who="service",
                every=ledger.seq,
            )
            named = await keeper.keep()
            assert named is not None
            state = ledger.state
            assert FORM.decode(json.loads(_text(state))) == state
            assert _text(FORM.decode(json.loads(_text(state)))) == _text(state)
            await say(first, keys()[0], 1, "in_force")
            seen = await assignment(first, keys()[0])
        async with service(tmp_path, first_id=10_000) as second:
            second.tokens = first.tokens
            assert second.first_token is None
            begun = second.centre.ledger
            assert _text(begun.state) == _text(ledger.state)
            assert begun._snapshots is not None
            assert begun._snapshots.passed_over is None
            assert await assignment(second, keys()[0]) == seen
            for key in keys()[1:]:
                await say(second, key, 1, "in_force")
            found = await second.done("GET", f"/plan-sets/{plan_set}", who="viewer")
            assert found["state"] == "in_force"
            told = await second.done("GET", "/ledger/verification", who="viewer")
            assert told == {"entries": begun.seq, "hash": begun.hash, "snapshot": named.seq}
            page = await second.done("GET", "/ledger?limit=1", who="viewer")
            assert page["entries"][0]["seq"] == 1

    asyncio.run(run())


def _activated(found: Service, key: str) -> bool:
    return any(slot.current for slot in found.centre.plans.junction(key).slots.values())


def test_it_is_made_by_the_service_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        real, stored = Snapshots.store, asyncio.Event()

        async def store(snapshots: Snapshots[ServiceState], entry: int, body: bytes) -> None:
            await real(snapshots, entry, body)
            stored.set()

        monkeypatch.setattr(Snapshots, "store", store)
        async with service(tmp_path, snapshot_entries=100, archive_seconds=0.05) as found:
            await found.staff()
            for number in range(100):
                new = {"name": f"visitor {number}", "roles": ["viewer"], "why": "test"}
                await found.done("POST", "/tokens", new, who="admin", status=201)
            async with asyncio.timeout(10):
                await stored.wait()
            told = await found.done("GET", "/ledger/verification", who="viewer")
            assert told["snapshot"] >= 100

    asyncio.run(run())
