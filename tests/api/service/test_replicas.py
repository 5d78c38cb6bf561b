"""Two replicas on one Redis: what one decides the other has, and one that is closed loses nothing that was begun."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from api.centre.centre import Centre
from api.store.redis_server import RedisServer
from tests.api.service.centres import Service, service
from tests.api.service.test_plan_sets import assignment, document, keys, say

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

HERE = keys()[0]
WHY = {"why": "test"}


@asynccontextmanager
async def _two(folder: Path) -> AsyncIterator[tuple[Service, Service]]:
    async with RedisServer(folder / "redis") as server:
        url = f"unix://{server.socket}"
        async with service(folder / "one", redis_url=url) as one:
            await one.staff()
            await one.register(*keys())
            shutil.copytree(folder / "one" / "keys", folder / "two" / "keys")
            async with service(folder / "two", redis_url=url) as two:
                assert two.first_token is None  # there is an administrator
                two.tokens = one.tokens
                yield one, two


def _running(folder: Path, test: Callable[[Service, Service], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        async with _two(folder) as (one, two):
            await test(one, two)

    asyncio.run(run())


async def _same(one: Service, two: Service) -> None:
    """Wait until one replica has what the other has."""
    await two.until(lambda: two.centre.ledger.seq >= one.centre.ledger.seq)
    assert two.centre.ledger.hash == one.centre.ledger.hash
    assert two.centre.ledger.state == one.centre.ledger.state


def test_what_one_decides_the_other_has(tmp_path: Path) -> None:
    async def test(one: Service, two: Service) -> None:
        asking = asyncio.ensure_future(
            two.ask("GET", f"/controllers/{HERE}/assignment?wait=60", who=HERE, If_None_Match='"0.1"')
        )
        plan_set = await one.published(document())
        told = await asking
        assert told.json()["slots"]["base"]["pending"]["version"] == 1
        for place, key in enumerate(keys()):  # each speaks to one replica
            await say((one, two)[place % 2], key, 1, "accepted")
        await two.until(lambda: not two.centre.plans.junction(HERE).slots["base"].pending)
        await _same(two, one)
        await _same(one, two)
        groups = one.centre.plans.plan_set(plan_set).groups.values()
        activated = [e for e in await _kinds(one) if e == "group.activated"]
        assert len(activated) == len(groups)  # once, though both looked for it
        for key in keys():
            assert await assignment(one, key) == await assignment(two, key)

    _running(tmp_path, test)


async def _kinds(replica: Service) -> list[str]:
    found = await replica.done("GET", "/ledger?limit=1000", who="viewer")
    assert found["next"] is None
    return [entry["kind"] for entry in found["entries"]]


def test_who_is_revoked_at_one_is_revoked_at_the_other(tmp_path: Path) -> None:
    async def test(one: Service, two: Service) -> None:
        assert (await two.ask("GET", f"/controllers/{HERE}/assignment", who=HERE)).status_code == 200
        await one.done("POST", f"/controllers/{HERE}/revoke", WHY, who="admin", status=204)
        await _same(one, two)
        assert (await two.ask("GET", f"/controllers/{HERE}/assignment", who=HERE)).status_code == 401

    _running(tmp_path, test)


def test_both_publish_at_once_and_versions_are_given_once(tmp_path: Path) -> None:
    async def test(one: Service, two: Service) -> None:
        sets = []
        for half in (document()["plans"][:5], document()["plans"][3:]):  # two junctions are in both
            new = {"document": {**document(), "plans": half}, **WHY}
            made = (await one.done("POST", "/plan-sets", new, who="engineer", status=201))["id"]
            await one.done("POST", f"/plan-sets/{made}/check", WHY, who="engineer")
            await one.done("POST", f"/plan-sets/{made}/approve", WHY, who="approver")
            sets.append(made)
        await _same(one, two)
        answers = await asyncio.gather(
            *(
                replica.ask("POST", f"/plan-sets/{made}/publish", WHY, who="approver")
                for replica, made in zip((one, two), sets, strict=True)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        (refused,) = [answer for answer in answers if answer.status_code == 409]
        assert "under way" in refused.json()["rule"]
        await _same(one, two)
        await _same(two, one)
        versions = [one.centre.plans.junction(key).last_version for key in keys()]
        assert set(versions) <= {0, 1}
        assert sum(versions) in {5, 7}

    _running(tmp_path, test)


def test_the_same_key_at_two_replicas_is_carried_out_once(tmp_path: Path) -> None:
    async def test(one: Service, two: Service) -> None:
        new = {"document": document(), **WHY}
        asked = [
            replica.ask("POST", "/plan-sets", new, who="engineer", Idempotency_Key="k")
            for replica in (one, two) * 3
        ]
        answers = await asyncio.gather(*asked)
        made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
        assert len(made) == 1
        assert {answer.status_code for answer in answers} <= {201, 409}
        await _same(one, two)
        await _same(two, one)
        assert len(one.centre.plans.sets) == 1

    _running(tmp_path, test)


@pytest.mark.parametrize("moment", ["signing", "writing"])
def test_one_that_is_closed_in_the_middle_of_a_publication_publishes_all_or_nothing(
    tmp_path: Path, monkeypatch, moment: str
) -> None:
    async def run() -> None:
        async with RedisServer(tmp_path / "redis") as server:
            url = f"unix://{server.socket}"
            async with service(tmp_path / "one", redis_url=url) as one:
                await one.staff()
                await one.register(*keys())
                plan_set = await _approved(one)
                shutil.copytree(tmp_path / "one" / "keys", tmp_path / "two" / "keys")
                two = service(tmp_path / "two", redis_url=url)
                other = await two.__aenter__()
                other.tokens = one.tokens
                reached, go_on = asyncio.Event(), asyncio.Event()
                _hold(monkeypatch, other.centre, moment, reached, go_on)
                asking = asyncio.ensure_future(
                    other.ask("POST", f"/plan-sets/{plan_set}/publish", WHY, who="approver")
                )
                await reached.wait()
                closing = asyncio.ensure_future(two.__aexit__(None, None, None))
                await asyncio.sleep(0)
                go_on.set()
                answer = await asking
                await closing
                monkeypatch.undo()
                await _all_or_nothing(one, plan_set, answer.status_code)

    asyncio.run(run())


async def _approved(one: Service) -> str:
    new = {"document": document(), **WHY}
    made = str((await one.done("POST", "/plan-sets", new, who="engineer", status=201))["id"])
    await one.done("POST", f"/plan-sets/{made}/check", WHY, who="engineer")
    await one.done("POST", f"/plan-sets/{made}/approve", WHY, who="approver")
    return made


def _hold(
    monkeypatch: pytest.MonkeyPatch, centre: Centre, moment: str, reached: asyncio.Event, go_on: asyncio.Event
) -> None:
    """Hold a replica back before it signs, or before its entries are written."""
    place, name = (
        (centre.plan_documents, "schedules") if moment == "signing" else (centre.ledger._log, "append")
    )
    original = getattr(place, name)

    async def held(*arguments: Any) -> Any:
        reached.set()
        await go_on.wait()
        return await original(*arguments)

    monkeypatch.setattr(place, name, held)


async def _all_or_nothing(one: Service, plan_set: str, status: int) -> None:
    """The other replica goes on: what was answered is so, and what was not can be asked again."""
    assert status in {200, 503}
    published = [kind for kind in await _kinds(one) if kind == "plan_set.published"]
    pending = [
        key
        for key in keys()
        if (slot := one.centre.plans.junction(key).slots.get("base")) is not None and slot.pending
    ]
    if status == 200:
        assert published
    assert pending == (keys() if published else [])
    if not published:
        await one.done("POST", f"/plan-sets/{plan_set}/publish", WHY, who="approver")
    for key in keys():
        assert (await assignment(one, key))["slots"]["base"]["pending"]["version"] == 1
        await say(one, key, 1, "accepted")
    await one.until(lambda: not one.centre.plans.junction(HERE).slots["base"].pending)


def test_a_service_that_opens_and_closes_leaves_nothing_running(tmp_path: Path) -> None:
    async def run() -> None:
        async with service(tmp_path) as one:
            context = one.context
        left = {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
        assert left == set()
        assert (await one.ask("GET", "/me", who="jsy_any")).status_code == 401
        assert context.parts == {}

    asyncio.run(run())
