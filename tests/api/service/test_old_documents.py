"""Documents of sets that ended long ago leave Redis; whoever asks for them still gets them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from api.backup import back_up, restore
from api.centre.old_documents import OldDocuments
from api.settings import Settings
from tests.api.service.centres import CITY, Service, service
from tests.api.service.test_plan_sets import assignment, document, keys, say

if TYPE_CHECKING:
    from pathlib import Path

KEY = "jasyl:documents"


def _old(found: Service) -> OldDocuments:
    centre = found.centre
    return OldDocuments(centre.ledger, centre.documents, clock=found.clock, kept_for=timedelta(days=400))


async def _in_force(found: Service, number: int, offset_s: int) -> str:
    plans = [
        {**plan, "offset_s": (plan["offset_s"] + offset_s) % plan["cycle_s"]} for plan in document()["plans"]
    ]
    plan_set = await found.published({**document(), "plans": plans})
    for key in keys():
        await say(found, key, number, "accepted")

    await found.until(
        lambda: all(group.activate_at for group in found.centre.plans.sets[plan_set].groups.values())
    )
    for key in keys():
        await say(found, key, number, "in_force")
    found.clock.wait(seconds=60)  # so that it has begun before the next one comes
    await found.until(lambda: found.centre.plans.live == {plan_set})
    return plan_set


async def _stored(found: Service) -> int:
    return int(await found.centre.documents._redis.read("HLEN", KEY))


def test_only_what_nothing_stands_on_is_moved_and_all_is_still_read(tmp_path: Path) -> None:
    async def run() -> None:
        async with service(tmp_path / "data") as found:
            await found.staff()
            await found.register(*keys())
            sets = [await _in_force(found, number, 3 * number) for number in (1, 2, 3)]
            junctions = len(keys())
            assert await _stored(found) == 3 * (junctions + 1)
            old = _old(found)
            found.clock.wait(days=399)
            assert await old.move() == 0
            found.clock.wait(days=2)
            # All of the first set; of the second, which the third may be rolled back to, only what was signed.
            assert await old.move() == junctions + 1 + junctions
            assert await old.move() == await _old(found).move() == 0
            assert await _stored(found) == junctions + 2
            before = {key: await assignment(found, key) for key in keys()}
        async with service(tmp_path / "data", clock=found.clock, first_id=10_000) as again:
            again.tokens = found.tokens
            again.tokens["admin"] = await _viewer(again, found)
            assert {key: await assignment(again, key) for key in keys()} == before
            for number, plan_set in enumerate(sets, 1):
                path = f"/plan-sets/{plan_set}/document"
                told = await again.done("GET", path, who="admin")
                assert told["plans"][0]["offset_s"] == 3 * number % told["plans"][0]["cycle_s"]
            await back_up(again.context.settings, tmp_path / "b.zip", clock=again.clock)
        settings = Settings(data_folder=tmp_path / "other", city=CITY)
        await restore(
            settings,
            tmp_path / "b.zip",
            who="Aigerim",
            why="test",
            clock=found.clock,
            new_id=lambda: "restored",
        )
        async with service(tmp_path / "other", clock=found.clock, first_id=20_000) as other:
            record = other.centre.plans.plan_set(sets[0])
            assert len(await other.centre.documents.get(record.document)) > 100

    asyncio.run(run())


async def _viewer(again: Service, found: Service) -> str:
    """Return the token of an administrator; those of a year ago are over."""
    assert again.first_token is not None, found.clock.at
    new = {"name": "Aigerim", "roles": ["administrator"], "why": "a year later"}
    made = await again.done("POST", "/tokens", new, who=again.first_token, status=201)
    return str(made["token"])
