"""Two replicas of the service and the sites between them; connections that break in the middle."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from api.store.redis_server import RedisServer
from signals.lifecycle.records import SetState
from tests.api.rsmp.bridging import Bridged, bridged, capabilities, until
from tests.api.rsmp.test_bridge import (
    accepted,
    activated,
    brought_into_force,
    changed,
    in_force,
    one,
    shown_by,
    wanted,
)
from tests.api.rsmp.world import Wire
from tests.api.service.centres import Clock
from tests.api.service.test_plan_sets import document

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from signals.rsmp.capability import Capability


@asynccontextmanager
async def replicas(
    folder: Path, found: list[Capability], models: dict[str, Any]
) -> AsyncIterator[tuple[Bridged, Any, Clock]]:
    """Open a Redis and a replica on it; what opens the second is handed out."""
    clock = Clock()
    async with RedisServer(folder / "redis"):
        common = {
            "redis_url": f"unix://{folder / 'redis' / 'redis.sock'}",
            "models": models,
            "clock": clock,
            "connect": False,
        }
        async with bridged(folder / "one", found, **common) as first:
            await first.service.staff()
            shutil.copytree(folder / "one" / "keys", folder / "two" / "keys")
            yield first, lambda: bridged(folder / "two", found, first_id=50_000, **common), clock


def test_a_site_that_goes_to_another_replica_in_the_middle_is_served_there(tmp_path: Path) -> None:
    found = capabilities(1)
    key = found[0].junction
    models: dict[str, Any] = {}

    async def run() -> None:
        async with replicas(tmp_path, found, models) as (first, another, clock), another() as second:
            first.connect(found[0])
            plan_set = await first.service.published(one(document()))
            await accepted(first, plan_set)
            await activated(second, plan_set)
            await first.disconnect(key)
            clock.wait(seconds=11)
            await asyncio.sleep(1.2)
            assert models[key].plan() == (1, "startup")  # nobody holds its connection
            second.connect(found[0])
            await in_force(second, plan_set)
            assert models[key].plan() == (2, "forced")
            assert shown_by(second, key) == wanted(document()["plans"][0])
            await until(lambda: first.service.centre.plans.plan_set(plan_set).state is SetState.IN_FORCE)
            (here,) = (await first.service.done("GET", "/sites", who="viewer"))["sites"]
            assert (here["connected"], here["status"]["values"]["S0014.status"]) == (False, "2")

    asyncio.run(run())


def test_two_replicas_that_have_the_same_site_at_once_want_the_same_of_it(tmp_path: Path) -> None:
    found = capabilities(1)
    key = found[0].junction
    models: dict[str, Any] = {}

    async def run() -> None:
        async with replicas(tmp_path, found, models) as (first, another, clock), another() as second:
            first.connect(found[0])
            second.connect(found[0])  # the same controller behind both
            for made in (first, second):
                await made.sites[key].ready.wait()
            plan_set = await first.service.published(one(document()))
            await activated(first, plan_set)
            clock.wait(seconds=11)
            await in_force(first, plan_set)
            assert models[key].plan() == (2, "forced")
            assert shown_by(first, key) == wanted(document()["plans"][0])
            await asyncio.sleep(1.2)
            page = await first.service.done("GET", "/ledger?limit=1000", who="admin")
            kinds = [row["kind"] for row in page["entries"]]
            for kind in ("junction.accepted", "junction.running", "group.activated", "plan_set.in_force"):
                assert kinds.count(kind) == 1, kind
            assert not [kind for kind in kinds if kind.startswith("alarm.") or kind == "junction.refused"]

    asyncio.run(run())


class Knife(list[tuple[str, dict[str, Any]]]):
    """Cuts the connection at some of the requests of the supervisor, ever further apart."""

    wire: Wire
    at = frozenset({2, 5, 9, 14, 20, 27, 35, 44})
    requests = 0

    def append(self, item: tuple[str, dict[str, Any]]) -> None:
        super().append(item)
        side, message = item
        if side == "supervisor" and message["type"] in {"CommandRequest", "StatusRequest"}:
            self.requests += 1
            if self.requests in self.at:
                self.wire.cut()


def test_a_connection_that_breaks_again_and_again_ends_in_the_same_plan(tmp_path: Path) -> None:
    found = capabilities(1)
    key = found[0].junction
    knife = Knife()

    async def run() -> None:
        async with bridged(tmp_path, found, connect=False) as made:
            await made.service.staff()
            assert made.bridge.address is not None
            async with Wire(made.bridge.address, seen=knife) as wire:
                knife.wire = wire
                made.connect(found[0], port=wire.port)
                for offset_s in (0, 3, 6):
                    await brought_into_force(made, one(changed(offset_s)))
                    assert shown_by(made, key) == wanted(changed(offset_s)["plans"][0])
                assert knife.requests > max(knife.at)
                assert not made.service.centre.plans.junction(key).refused

    asyncio.run(run())
