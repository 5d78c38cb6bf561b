"""A service whose junctions have RSMP sites: capability files made of plans, sites in memory on real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from api.rsmp_bridge.bridge import Bridge
from api.rsmp_bridge.files import secret_file
from scenarios.loader import build, load
from signals.junction import Junction
from signals.rsmp.capability import Band, Capability, SiteGroup, StoredPlan
from signals.rsmp.security import SecurityCode, SecurityCodes
from signals.stages import stage_sequences
from simulation.controller.rsmp_memory import MemoryModel
from simulation.controller.rsmp_site import RsmpSite, SiteSettings
from tests.api.rsmp.world import PATIENT, new_id
from tests.api.service.centres import CITY, Service, service
from tests.api.service.test_plan_sets import document

CODES = SecurityCodes(SecurityCode("first-of-the-bridge"), SecurityCode("second-of-the-bridge"))
LIMIT_S = 20.0


@cache
def junctions() -> dict[str, Junction]:
    return {junction.key: junction for junction in build(load(CITY)).junctions}


def stored_plans(plan: Mapping[str, Any], numbers: Iterable[int], **changes: Any) -> tuple[StoredPlan, ...]:
    """Return stored plans that can express a plan, and others with the same stages: a band on all but the last one."""
    junction = junctions()[plan["junction"]]
    stages = tuple(frozenset(stage["groups"]) for stage in plan["stages"])
    base = tuple(int(seconds) for seconds in stage_sequences(junction, limit=1)[0].least_durations_s())
    bands = tuple(Band(row, row, 0, 90) for row in range(1, len(stages)))
    values = {
        "stages": stages,
        "base_s": base,
        "cycle_s": max(plan["cycle_s"], sum(base)),
        "cycle_range_s": (junction.cycle_min_s, junction.cycle_max_s),
        "offset_settable": True,
        "remainder": len(stages),
        "bands": bands,
        **changes,
    }
    return tuple(StoredPlan(number=number, **values) for number in numbers)


def capability_of(
    junction: Junction, plans: tuple[StoredPlan, ...], number: int = 1, **changes: Any
) -> Capability:
    """Return the controller of a junction, with its own intergreens."""
    site = f"AL+{number:04}=001TC000"
    names = [group.name for group in junction.groups]
    intergreens = {
        (one, other): int(junction.intergreen_s[row, column])
        for row, one in enumerate(names)
        for column, other in enumerate(names)
        if row != column and junction.intergreen_s[row, column]
    }
    values = {
        "site": site,
        "component": site,
        "junction": junction.key,
        "sxl": "1.2.1",
        "security": junction.key,
        "groups": tuple(SiteGroup(name, f"{site[:-5]}SG{row:03}") for row, name in enumerate(names, 1)),
        "plans": plans,
        "intergreens": intergreens,
        **changes,
    }
    return Capability(**values)


def capabilities(
    count: int | None = None, numbers: Iterable[int] = (1, 2), **changes: Any
) -> list[Capability]:
    """Return controllers of the first junctions of the city of the tests."""
    rows = list(enumerate(document()["plans"][:count], 1))
    numbers = tuple(numbers)
    return [
        capability_of(junctions()[plan["junction"]], stored_plans(plan, numbers, **changes), row)
        for row, plan in rows
    ]


def commission(folder: Path, found: Iterable[Capability], codes: SecurityCodes = CODES) -> None:
    """Write capability files and secrets into a data folder."""
    from tests.api.rsmp.toml_text import capability_text

    (folder / "rsmp" / "secrets").mkdir(parents=True, exist_ok=True)
    for capability in found:
        name = capability.site.replace("+", "_").replace("=", "_")
        (folder / "rsmp" / f"{name}.toml").write_text(capability_text(capability), encoding="utf-8")
        file = secret_file(folder / "rsmp", capability.security)
        rows = f'level_1 = "{codes.level_1.reveal()}"\nlevel_2 = "{codes.level_2.reveal()}"\n'
        file.write_text(rows, encoding="utf-8")
        file.chmod(0o600)


@dataclass
class Bridged:
    """A service with sites."""

    service: Service
    models: dict[str, MemoryModel]
    sites: dict[str, RsmpSite] = field(default_factory=dict)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    capabilities: dict[str, Capability] = field(default_factory=dict)

    @property
    def bridge(self) -> Bridge:
        return self.service.context.part(Bridge)

    def connect(self, capability: Capability, *, port: int | None = None, **changes: Any) -> MemoryModel:
        """Have a site connect; its controller is the one from before where there was one."""
        key = capability.junction
        self.capabilities[key] = capability
        model = self.models.setdefault(key, MemoryModel(capability, clock=self.service.clock))
        values = {"timing": PATIENT, "reconnect_s": 0.05, "look_s": 0.02, "sxl": capability.sxl, **changes}
        site = RsmpSite(
            model, SiteSettings(capability.site, capability.component, **values), codes=CODES, new_id=new_id
        )
        self.sites[key] = site
        assert self.bridge.address is not None
        host, own = self.bridge.address
        self.tasks[key] = asyncio.create_task(site.run(host, port or own))
        return model

    async def disconnect(self, key: str) -> None:
        task = self.tasks.pop(key)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        site = self.bridge.sites.by_junction[key]
        await until(lambda: site.connected_at is None)

    async def close(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        ended = await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        self.tasks.clear()
        failed = [error for error in ended if not isinstance(error, asyncio.CancelledError)]
        assert not failed


async def until(condition: Callable[[], Any], limit_s: float = LIMIT_S) -> None:
    """Wait until something is so that no event tells of: what a controller in memory does."""
    async with asyncio.timeout(limit_s):
        while not condition():  # noqa: ASYNC110 - a controller in memory tells nobody
            await asyncio.sleep(0.01)


@asynccontextmanager
async def bridged(
    folder: Path,
    found: list[Capability],
    *,
    models: dict[str, MemoryModel] | None = None,
    connect: bool = True,
    **settings: Any,
) -> AsyncIterator[Bridged]:
    """Open a service with sites, all of them connected where not said otherwise."""
    commission(folder, found)
    async with service(folder, rsmp_port=0, **settings) as opened:
        made = Bridged(opened, {} if models is None else models)
        try:
            for capability in found if connect else ():
                made.connect(capability)
            yield made
        finally:
            await made.close()


def bridging(
    folder: Path,
    found: list[Capability],
    test: Callable[[Bridged], Coroutine[Any, Any, None]],
    **settings: Any,
) -> None:
    """Run a test of a service that has its staff and its sites."""

    async def run() -> None:
        async with bridged(folder, found, **settings) as made:
            await made.service.staff()
            await test(made)

    asyncio.run(run())
