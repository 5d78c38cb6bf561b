"""What is due by itself goes on, whatever stands in the way of a part of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from api.store.ledger import Ledger
from tests.api.service.centres import Service, serving
from tests.api.service.test_plan_sets import document, keys, say
from traffic.errors import RefusedError

if TYPE_CHECKING:
    from pathlib import Path

HERE, ELSEWHERE = keys()[0], keys()[1]


def _one(key: str) -> dict[str, Any]:
    return {**document(), "plans": [plan for plan in document()["plans"] if plan["junction"] == key]}


def _groups(service: Service, plan_set: str) -> set[str]:
    return {group.state.value for group in service.centre.plans.plan_set(plan_set).groups.values()}


def test_a_group_that_cannot_be_activated_holds_up_nobody_else(tmp_path: Path, monkeypatch) -> None:
    async def test(service: Service) -> None:
        await service.register(*keys()[:3])
        stuck = await service.published(_one(HERE))
        original = service.centre.signatory.activations

        def activations(record: Any, *arguments: Any) -> dict[str, str]:
            if record.id == stuck:
                raise RefusedError("has not the key that signs", field="replica")
            return original(record, *arguments)

        monkeypatch.setattr(service.centre.signatory, "activations", activations)
        await say(service, HERE, 1, "accepted")
        later = await service.published(_one(ELSEWHERE))
        silent = await service.published(_one(keys()[2]))
        await say(service, ELSEWHERE, 1, "accepted")
        await service.until(lambda: _groups(service, later) == {"activated"})
        service.clock.wait(minutes=2)
        await service.until(lambda: _groups(service, silent) == {"kept"})
        assert _groups(service, stuck) == {"pending"}
        monkeypatch.undo()
        await service.until(lambda: _groups(service, stuck) == {"activated"})

    serving(tmp_path, test)


def test_who_waits_hears_of_what_follows_also_after_a_failure(tmp_path: Path, monkeypatch) -> None:
    follow, failed = Ledger.follow, asyncio.Event()

    async def failing(self: Ledger[Any], after_seq: int) -> Any:
        if not failed.is_set():
            failed.set()
            raise ZeroDivisionError
        async for entry in follow(self, after_seq):
            yield entry

    async def test(service: Service) -> None:
        await failed.wait()
        await service.register(HERE)
        asking = asyncio.ensure_future(
            service.ask("GET", f"/controllers/{HERE}/assignment?wait=60", who=HERE, If_None_Match='"0.1"')
        )
        await service.published(_one(HERE))
        async with asyncio.timeout(10):
            assert (await asking).status_code == 200

    monkeypatch.setattr(Ledger, "follow", failing)
    serving(tmp_path, test)
