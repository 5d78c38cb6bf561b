"""Unsafe plans on their way to RSMP sites, with the gates before them gone one after the other."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from api import opening
from api.centre import centre as centre_module
from api.centre import plan_documents, signatory
from api.centre.news import News
from api.centre.served_city import ServedCity
from api.rsmp_bridge import contents, files
from signals.lifecycle.records import SetState
from signals.payloads import read_schedule_document
from signals.rsmp.capability import Band, Capability, StoredPlan
from simulation.controller.commissioning import bare_tables
from tests.api.rsmp.bridging import Bridged, bridging, capability_of
from tests.api.rsmp.gated import GatedModel
from tests.api.service.test_unsafe_plans import unchecked_payload
from tests.simulation.controller.tables_for_tests import plan_document
from tests.simulation.controller.test_gate import mutated_plans
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from signals.junction import Junction

COUNT = 200
_EACH = 10


@dataclass
class Crossing:
    """A junction, a safe plan of it, and unsafe ones that its controller has the stages of."""

    junction: Junction
    safe: dict[str, Any]
    unsafe: list[dict[str, Any]]

    def capability(self, number: int) -> Capability:
        """Return a controller that can express all of them, however short their stages are."""
        orders = dict.fromkeys(
            tuple(frozenset(stage["groups"]) for stage in plan["stages"])
            for plan in (self.safe, *self.unsafe)
        )
        least = [stage["duration_s"] for stage in self.safe["stages"]]
        plans = [StoredPlan(1, next(iter(orders)), tuple(least), sum(least))]
        plans += [_stored(row, stages) for row, stages in enumerate(orders, 2)]
        return capability_of(self.junction, tuple(plans), number, intergreens={})


def _stored(number: int, stages: tuple[frozenset[str], ...]) -> StoredPlan:
    size = len(stages)
    return StoredPlan(
        number,
        stages,
        (1,) * size,
        max(size, 60),
        (size, 255),
        offset_settable=True,
        remainder=size,
        bands=tuple(Band(row, row, 0, 99) for row in range(1, size)),
    )


def _expressible(plan: dict[str, Any]) -> bool:
    """Return whether a controller could have the stages of a plan, and be set to its times."""
    stages = plan["stages"]
    try:
        _stored(2, tuple(frozenset(stage["groups"]) for stage in stages))
        json.dumps(plan, allow_nan=False)
    except (InputError, ValueError):
        return False
    seconds = [stage["duration_s"] for stage in stages]
    names = {name for stage in stages for name in stage["groups"]}
    return (
        all(type(row) is int and 1 <= row <= 100 for row in seconds)
        and sum(seconds) == plan["cycle_s"] <= 255
        and type(plan["offset_s"]) is int
        and 0 <= plan["offset_s"] < plan["cycle_s"]
        and not any(name.startswith("unknown") for name in names)
    )


def _is_safe(plan: dict[str, Any], junction: Junction) -> bool:
    document = {
        "format": "jasyl-plans",
        "format_version": 1,
        "name": "day",
        "network": "random",
        "plans": [plan],
    }
    try:
        read_schedule_document(document, {junction.key: junction})
    except InputError:
        return False
    return True


def crossings(count: int) -> list[Crossing]:
    """Return junctions with `count` unsafe plans in all that RSMP could carry, up to ten of each."""
    found: list[Crossing] = []
    last, mine, safe, bad = None, None, None, []
    for junction, mutant in mutated_plans(20_261_128, 60 * count):
        if junction is not last:
            if safe is not None and mine is not None and bad:
                found.append(Crossing(mine, safe, bad))
            if sum(len(row.unsafe) for row in found) >= count:
                return found
            last, safe, bad = junction, None, []
            mine = replace(junction, key=f"random:{len(found)}")
        plan = plan_document(mine, *mutant)
        if not _expressible(plan):
            continue
        if not _is_safe(plan, mine):
            bad = [*bad, plan][:_EACH]
        elif safe is None:
            safe = plan
    raise AssertionError("too few")


@dataclass(frozen=True)
class Unchecked:
    """Plans that nobody has looked at."""

    document: dict[str, Any]
    junctions: Mapping[str, Junction]
    name: str = "unchecked"

    @property
    def plan_sets(self) -> list[list[Any]]:
        return [
            [
                SimpleNamespace(junction=self.junctions[p["junction"]], cycle_s=60)
                for p in self.document["plans"]
            ]
        ]


def payload_of(schedule: Unchecked, row: int, record: Any, version: int, **more: Any) -> Mapping[str, Any]:
    plan = schedule.document["plans"][row]
    one = SimpleNamespace(document={"plans": [plan]}, junction=schedule.junctions[plan["junction"]])
    return {**unchecked_payload(one, 0, record, version, **more)}


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Crossing]:
    """Crossings, in a service that has no gates left of its own."""
    rows = crossings(COUNT)
    junctions = {row.junction.key: row.junction for row in rows}
    monkeypatch.setattr(opening, "load_city", lambda name: ServedCity(name, "random", junctions, ()))
    monkeypatch.setattr(plan_documents, "read_schedule_document", Unchecked)
    monkeypatch.setattr(signatory, "plan_payload", payload_of)
    monkeypatch.setattr(
        centre_module, "cycles_of", lambda schedule: {p["junction"]: [60] for p in schedule.document["plans"]}
    )
    monkeypatch.setattr(files, "require_junction", lambda _capability, _junction: None)
    return rows


async def sent(made: Bridged, found: list[Crossing]) -> tuple[int, list[str]]:
    """Publish all unsafe plans, one of each junction at a time, and return how many there were, and why they were refused."""
    made.service.centre.limits = None
    count, reasons = 0, []
    for round_ in range(_EACH):
        plans = [row.unsafe[round_] for row in found if round_ < len(row.unsafe)]
        if not plans:
            break
        body = {"format": "jasyl-plans", "format_version": 1, "name": "day", "network": "x", "plans": plans}
        groups = {plan["junction"]: [plan["junction"]] for plan in plans}
        plan_set = await made.service.published(body, groups=groups)
        async with asyncio.timeout(60):
            centre = made.service.centre
            while centre.plans.plan_set(plan_set).state is not SetState.KEPT:
                await made.service.context.part(News).anything()
        count += len(plans)
    page = await made.service.done("GET", "/ledger?limit=1000", who="admin")
    while True:
        reasons += [row["data"]["reason"] for row in page["entries"] if row["kind"] == "junction.refused"]
        if page["next"] is None:
            return count, reasons
        page = await made.service.done("GET", f"/ledger?limit=1000&cursor={page['next']}", who="admin")


def connect(made: Bridged, found: list[Crossing], capabilities: list[Capability]) -> dict[str, list[str]]:
    """Connect controllers that know their junctions, and return what each is told to set."""
    told: dict[str, list[str]] = {}
    for row, capability in zip(found, capabilities, strict=True):
        tables = bare_tables(row.junction, time_zone="Asia/Almaty")
        model = GatedModel(capability, tables, clock=made.service.clock)
        orders = told.setdefault(row.junction.key, [])
        for name in ("set_bands", "set_cycle", "set_offset", "set_plan"):
            plain = getattr(model, name)

            def noted(*given: Any, plain: Any = plain, name: str = name, orders: list = orders) -> None:
                orders.append(name)
                plain(*given)

            setattr(model, name, noted)
        made.models[row.junction.key] = model
        made.connect(capability)
    return told


def test_the_gate_before_the_sites_lets_none_of_them_through(tmp_path: Path, found: list[Crossing]) -> None:
    capabilities = [row.capability(number) for number, row in enumerate(found, 1)]

    async def test(made: Bridged) -> None:
        told = connect(made, found, capabilities)
        count, reasons = await sent(made, found)
        assert len(reasons) == count >= COUNT
        assert not any(told.values())
        assert all(model.plan() == (1, "startup") for model in made.models.values())

    bridging(tmp_path, capabilities, test, connect=False)


def test_the_controllers_alone_refuse_them_when_that_gate_is_gone_too(
    tmp_path: Path, found: list[Crossing], monkeypatch: pytest.MonkeyPatch
) -> None:
    capabilities = [row.capability(number) for number, row in enumerate(found, 1)]
    monkeypatch.setattr(contents, "GatedProgramme", SimpleNamespace(from_values=lambda *_given: None))

    async def test(made: Bridged) -> None:
        told = connect(made, found, capabilities)
        count, reasons = await sent(made, found)
        assert len(reasons) == count >= COUNT
        assert sum(map(len, told.values())) >= COUNT  # they were told, and refused it
        assert sum("was not acknowledged" in reason for reason in reasons) >= COUNT * 0.95, reasons[:5]
        for model in made.models.values():
            assert model.plan() == (1, "startup")

    bridging(tmp_path, capabilities, test, connect=False)
