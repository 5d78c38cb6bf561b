"""Plan sets over HTTP, from the draft to the lamps of the controllers."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from scenarios.loader import build, load
from signals.plan import Plan, PlanSet
from signals.signing import Typ
from signals.stages import stage_sequences
from signals.wire import plans_to_dict
from tests.api.service.centres import CITY, Service, serving

if TYPE_CHECKING:
    from pathlib import Path


@cache
def document() -> dict[str, Any]:
    """Plans of one cycle for the city of the tests: least durations, and what is left for stage 1."""
    city = build(load(CITY))
    sequences = [stage_sequences(junction, limit=1)[0] for junction in city.junctions]
    least = [[int(d) for d in sequence.least_durations_s()] for sequence in sequences]
    cycle = max(sum(durations) for durations in least) + 10
    plans = []
    for junction, sequence, durations in zip(city.junctions, sequences, least, strict=True):
        durations[0] += cycle - sum(durations)
        plans.append(Plan(junction, cycle, 7 * junction.index, sequence.stages, tuple(durations)))
    return plans_to_dict(PlanSet("day", city.network.name, tuple(plans)))


def keys() -> list[str]:
    return [plan["junction"] for plan in document()["plans"]]


async def assignment(service: Service, key: str) -> dict[str, Any]:
    found: dict[str, Any] = await service.done("GET", f"/controllers/{key}/assignment", who=key)
    return found


async def say(service: Service, key: str, version: int, result: str, **more: str) -> Any:
    said = {"version": version, "result": result, "at": "2026-11-27T07:00:00Z", **more}
    return await service.done("POST", f"/controllers/{key}/acknowledgements", said, who=key)


def test_a_plan_set_goes_from_draft_to_in_force(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(*keys())
        plan_set = await service.published(document())
        for key in keys():
            pending = (await assignment(service, key))["slots"]["base"]["pending"]
            payload = service.trusted.verify(pending["plan"], Typ.PLAN)
            assert (payload["junction"], payload["version"], pending["activation"]) == (key, 1, None)
            assert payload["plans"][0]["stages"] == document()["plans"][keys().index(key)]["stages"]
            await say(service, key, 1, "accepted")
        await service.until(
            lambda: all(
                group.activate_at is not None
                for group in service.centre.plans.plan_set(plan_set).groups.values()
            )
        )
        for key in keys():
            current = (await assignment(service, key))["slots"]["base"]["current"]
            activation = service.trusted.verify(current["activation"], Typ.ACTIVATION)
            assert (activation["version"], activation["activate_at"]) == (1, "2026-11-27T07:00:10.000Z")
            await say(service, key, 1, "in_force")
        found = await service.done("GET", f"/plan-sets/{plan_set}", who="viewer")
        assert found["state"] == "in_force"

    serving(tmp_path, test)
