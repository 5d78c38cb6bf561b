"""Unsafe plans against every gate: handing in, publishing, and the controller, also when only the controller is left."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from api import opening
from api.centre import centre as centre_module
from api.centre import plan_documents, signatory
from api.centre.served_city import ServedCity
from api.settings import RateLimits
from api.store.batch import Decision
from signals.lifecycle import decisions, words
from signals.lifecycle.records import PlanSetRecord, SetState, Slot
from signals.payloads import read_schedule_document
from signals.signing import canonical
from simulation.controller.assignment import Desk
from tests.api.service.centres import Service, serving
from tests.signals.hand_plans import crossroads_plans
from tests.simulation.controller.signing_desk import day_types
from tests.simulation.controller.tables_for_tests import plan_document, tables_of
from tests.simulation.controller.test_gate import mutated_plans
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from signals.junction import Junction

SOME = int(os.environ.get("JASYL_UNSAFE_PLANS", "50"))
ANY_RATE = RateLimits(
    **dict.fromkeys(("engineer", "approver", "administrator", "controller"), "1000000/second")
)
COUNT = max(2000, SOME)


def document_of(junction: Junction, mutant: tuple) -> dict[str, Any]:
    plans = [plan_document(junction, *mutant)]
    return {"format": "jasyl-plans", "format_version": 1, "name": "day", "network": "random", "plans": plans}


def unsafe(count: int) -> Iterator[tuple[Junction, dict[str, Any]]]:
    """Plan sets of one junction that the plan class refuses."""
    found = 0
    for junction, mutant in mutated_plans(20_261_127, 100 * count):
        document = document_of(junction, mutant)
        try:
            read_schedule_document(document, {junction.key: junction})
        except InputError:
            yield junction, document
            found += 1
            if found == count:
                return


def as_json(document: dict[str, Any]) -> dict[str, Any] | None:
    """Return what arrives of a document; none where JSON cannot say it, which is a gate of its own."""
    try:
        return dict(json.loads(json.dumps(document, allow_nan=False)))
    except ValueError:
        return None


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> dict[str, Junction]:
    """The junctions of the city, for the test to change."""
    (plan,) = crossroads_plans()
    junctions = {plan.junction.key: plan.junction}
    monkeypatch.setattr(opening, "load_city", lambda name: ServedCity(name, "random", junctions, ()))
    return junctions


def serve_junction(served: dict[str, Junction], junction: Junction) -> None:
    served.clear()
    served[junction.key] = junction


def test_the_first_gate_refuses_them_with_place_and_rule(tmp_path: Path, served: dict) -> None:
    async def test(service: Service) -> None:
        for junction, document in unsafe(SOME):
            serve_junction(served, junction)
            body = as_json(document)
            if body is None:
                continue
            new = {"document": body, "why": "test"}
            answer = await service.ask("POST", "/plan-sets", new, who="engineer")
            assert answer.status_code == 422, document
            assert {"field", "rule", "detail"} <= set(answer.json()), answer.json()
        assert not service.centre.plans.sets

    serving(tmp_path, test, rate_limits=ANY_RATE)


def test_checking_and_publishing_refuse_what_was_written_past_the_first_gate(
    tmp_path: Path, served: dict
) -> None:
    async def smuggle(service: Service, junction: Junction, body: dict, *, state: SetState) -> str:
        """Enter a set into the ledger as if it had been handed in, and approved."""
        wanted = decisions.Draft(
            f"bad-{len(service.centre.plans.sets)}", "bad", Slot.BASE, _digest(body), {"all": [junction.key]}
        )

        def decide(plans: Any, at: Any) -> Decision:
            facts = decisions.draft(plans.plans, at, "Mallory", wanted)
            if state is SetState.APPROVED:
                facts += [
                    type(facts[0])("plan_set.checked", {"plan_set": wanted.id, "findings": []}),
                    type(facts[0])("plan_set.approved", {"plan_set": wanted.id}),
                ]
            return Decision(facts, [canonical(body)])

        await service.centre.ledger.commit(decide, who="Mallory", why="past the gate")
        return wanted.id

    async def test(service: Service) -> None:
        for junction, document in unsafe(SOME):
            serve_junction(served, junction)
            body = as_json(document)
            if body is None:
                continue
            draft = await smuggle(service, junction, body, state=SetState.DRAFT)
            found = await service.done("POST", f"/plan-sets/{draft}/check", {"why": "test"}, who="engineer")
            assert (found["state"], len(found["findings"])) == ("refused", 1)
            ready = await smuggle(service, junction, body, state=SetState.APPROVED)
            answer = await service.ask("POST", f"/plan-sets/{ready}/publish", {"why": "test"}, who="approver")
            assert answer.status_code == 422
            assert service.centre.plans.plan_set(ready).state is SetState.APPROVED
        assert all(record.last_version == 0 for record in service.centre.plans.junctions.values())

    serving(tmp_path, test, rate_limits=ANY_RATE)


def _digest(body: dict) -> str:
    return centre_module.digest(canonical(body))


@dataclass(frozen=True)
class Unchecked:
    """A schedule that nobody has looked at: what is left of the service when its gates are gone."""

    document: dict[str, Any]
    junction: Junction

    @property
    def name(self) -> str:
        return "unchecked"

    @property
    def plan_sets(self) -> list[list[Any]]:
        return [[SimpleNamespace(junction=self.junction, cycle_s=60)]]


def unchecked_payload(
    schedule: Unchecked, row: int, record: PlanSetRecord, version: int, *, issued_at: Any, time_zone: str
) -> Mapping[str, Any]:
    assert row == 0
    since = issued_at.isoformat().replace("+00:00", "Z")
    plans = [plan | {"version": version} for plan in schedule.document["plans"]]
    return {
        "junction": schedule.junction.key,
        "version": version,
        "slot": record.slot.value,
        "release": record.id,
        "group": "all",
        "tables": schedule.junction.digest,
        "issued_at": since,
        "activate_from": since,
        "valid_until": None,
        "epoch": "1970-01-01T00:00:00Z",
        "time_zone": time_zone,
        "plans": plans,
        "day_types": day_types(("00:00", plans[0]["name"])),
    }


def test_the_controller_alone_refuses_them_when_the_gates_of_the_service_are_gone(
    tmp_path: Path, served: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unread(document: dict, junctions: Mapping[str, Junction]) -> Unchecked:
        (junction,) = junctions.values()
        return Unchecked(document, junction)

    monkeypatch.setattr(plan_documents, "read_schedule_document", unread)
    monkeypatch.setattr(signatory, "plan_payload", unchecked_payload)
    monkeypatch.setattr(centre_module, "cycles_of", lambda schedule: {schedule.junction.key: [60]})

    async def test(service: Service) -> None:
        published = 0
        for junction, document in unsafe(SOME):
            serve_junction(served, junction)
            body = as_json(document)
            if body is None:
                continue
            plan_set = await service.published(body)
            desk = Desk(tables_of(junction, keys=service.trusted.jwks["keys"]))
            _, assignment = await service.centre.assignment(junction.key)
            received = desk.receive(assignment, service.clock().timestamp())
            (said,) = received.acknowledgements
            assert said.result == "refused", body
            assert not desk.releases["base"]
            await service.centre.commit(
                lambda plans, at, who, key=junction.key, said=said: words.refuse(
                    plans, at, who, key, said.version, said.reason
                ),
                f"controller:{junction.key}",
                "refused",
            )
            assert service.centre.plans.plan_set(plan_set).state is SetState.KEPT
            published += 1
        assert published > SOME / 2

    serving(tmp_path, test, rate_limits=ANY_RATE)


def test_thousands_of_them_are_refused_by_a_controller_whoever_signed_them() -> None:
    from signals.signing import Signer, Typ

    signer = Signer.of_seed(b"s" * 32)
    last, desk = None, None
    refused = 0
    for junction, document in unsafe(COUNT):
        body = as_json(document)
        if body is None:
            refused += 1
            continue
        if junction is not last or desk is None:
            desk, last = Desk(tables_of(junction, keys=[signer.public])), junction
        payload = unchecked_payload(
            Unchecked(body, junction),
            0,
            _record(),
            1,
            issued_at=SimpleNamespace(isoformat=lambda: "2026-11-27T12:00:00Z"),
            time_zone="Asia/Almaty",
        )
        row = {"version": 1, "plan": signer.sign(Typ.PLAN, payload), "activation": None}
        slots = {"base": {"current": None, "pending": row}}
        assignment = {"junction": junction.key, "sequence": 1, "slots": slots, "order": None, "keys": None}
        fresh = Desk(desk.tables)
        (said,) = fresh.receive(assignment, 1_795_780_800.0).acknowledgements
        assert said.result == "refused", body
        refused += 1
    assert refused == COUNT


def _record() -> PlanSetRecord:
    from tests.signals.test_payloads import record

    return record(("any",))
