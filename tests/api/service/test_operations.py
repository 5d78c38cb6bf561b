"""What becomes of plan sets, orders and holds, over HTTP: ended, withdrawn, refused, late, rolled back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from api.store.reports import Reports
from signals.signing import Typ
from tests.api.service.centres import Service, serving
from tests.api.service.test_plan_sets import assignment, document, keys, say

if TYPE_CHECKING:
    from pathlib import Path

HERE, ELSEWHERE = keys()[0], keys()[1]
WHY = {"why": "test"}
EVENT = {"slot": "event", "valid_until": "2026-11-27T12:00:00Z"}


def _one(*wanted: str) -> dict[str, Any]:
    """Return plans for some junctions only."""
    return {**document(), "plans": [plan for plan in document()["plans"] if plan["junction"] in wanted]}


def _groups(service: Service, plan_set: str) -> set[str]:
    return {group.state.value for group in service.centre.plans.plan_set(plan_set).groups.values()}


async def _state(service: Service, plan_set: str) -> str:
    return str((await service.done("GET", f"/plan-sets/{plan_set}", who="viewer"))["state"])


async def _alarms(service: Service) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await service.done("GET", "/alarms", who="viewer"))["alarms"]
    return found


async def _bring_in(service: Service, plan_set: str, version: int, *members: str) -> None:
    for key in members:
        await say(service, key, version, "accepted")
    await service.until(lambda: "pending" not in _groups(service, plan_set))
    for key in members:
        await say(service, key, version, "in_force")


def test_a_refusal_raises_an_alarm_that_ends_when_it_has_been_seen(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE, ELSEWHERE)
        groups = {"north / old": [HERE]}
        new = {"document": _one(HERE, ELSEWHERE), "groups": {**groups, "b": [ELSEWHERE]}, **WHY}
        found = await service.ask("POST", "/plan-sets", new, who="engineer")
        assert (found.status_code, found.json()["value"]) == (422, "north / old")
        plan_set = await service.published(_one(HERE, ELSEWHERE), groups={"both of them": [HERE, ELSEWHERE]})
        await say(service, HERE, 1, "accepted")
        await say(service, ELSEWHERE, 1, "refused", reason="green of N-TR\nis 3 s")
        assert await _state(service, plan_set) == "kept"
        assert (await assignment(service, HERE))["slots"] == {}
        (alarm,) = await _alarms(service)
        assert alarm["kind"] == "group_kept"
        assert f"{ELSEWHERE} refuses version 1: green of N-TR is 3 s" in alarm["text"]
        assert alarm["junctions"] == [HERE, ELSEWHERE]
        path = f"/alarms/{alarm['id']}/acknowledge"
        assert (await service.ask("POST", path, WHY, who="viewer")).status_code == 403
        await service.done("POST", path, WHY, who="engineer", status=204)
        assert await _alarms(service) == []
        assert (await service.ask("POST", path, WHY, who="engineer")).status_code == 404

    serving(tmp_path, test)


def test_a_deadline_names_the_silent_and_the_late_are_told_so(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE, ELSEWHERE)
        plan_set = await service.published(_one(HERE, ELSEWHERE), groups={"both": [HERE, ELSEWHERE]})
        shown = await service.done("GET", f"/plan-sets/{plan_set}", who="viewer")
        assert shown["deadline"] == "2026-11-27T07:02:00.000Z"
        assert shown["groups"][0]["missing"] == [HERE, ELSEWHERE]
        await say(service, HERE, 1, "accepted")
        service.clock.wait(minutes=2)
        await service.until(lambda: _groups(service, plan_set) == {"kept"})
        (alarm,) = await _alarms(service)
        assert alarm["text"].endswith(f"(no word of {ELSEWHERE})")
        said = {"version": 1, "result": "accepted", "at": "2026-11-27T07:03:00Z"}
        late = await service.ask("POST", f"/controllers/{ELSEWHERE}/acknowledgements", said, who=ELSEWHERE)
        assert (late.status_code, late.json()["hint"]) == (409, "Fetch the assignment again")

    serving(tmp_path, test)


def test_who_does_not_switch_is_told_and_the_alarm_ends_with_the_set(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        first = await service.published(_one(HERE))
        await say(service, HERE, 1, "accepted")
        await service.until(lambda: _groups(service, first) == {"activated"})
        service.clock.wait(minutes=7)
        await service.until(lambda: bool(service.centre.plans.alarms))
        (alarm,) = await _alarms(service)
        assert alarm["kind"] == "not_in_step"
        await service.done("POST", f"/alarms/{alarm['id']}/acknowledge", WHY, who="engineer", status=204)
        assert [a["acknowledged_by"] for a in await _alarms(service)] == ["Bolat"]  # it lasts
        second = await service.published(_one(HERE))
        await _bring_in(service, second, 2, HERE)
        assert await _state(service, first) == "acknowledged"  # until the other begins
        service.clock.wait(seconds=10)
        await service.until(lambda: service.centre.plans.plan_set(first).state == "superseded")
        assert await _alarms(service) == []

    serving(tmp_path, test)


def test_a_refusal_is_not_lost_because_its_reason_is_long(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        plan_set = await service.published(_one(HERE))
        await say(service, HERE, 1, "refused", reason="green " * 500)
        assert await _state(service, plan_set) == "kept"
        (alarm,) = await _alarms(service)
        assert "green gree ... (cut, of 3000 characters)" in alarm["text"]
        (refused,) = [
            entry for entry in service.centre.ledger._in_memory(1) if entry.kind == "junction.refused"
        ]
        assert len(refused.data["reason"]) == len(refused.why) == 1000

    serving(tmp_path, test)


def test_what_is_withdrawn_is_taken_back_as_far_as_it_has_not_been_activated(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE, ELSEWHERE)
        new = {"document": _one(HERE), **WHY}
        draft = (await service.done("POST", "/plan-sets", new, who="engineer", status=201))["id"]
        await service.done("POST", f"/plan-sets/{draft}/withdraw", WHY, who="engineer")
        for step, who in (("check", "engineer"), ("approve", "approver"), ("withdraw", "engineer")):
            assert (await service.ask("POST", f"/plan-sets/{draft}/{step}", WHY, who=who)).status_code == 409
        groups = {"a": [HERE], "b": [ELSEWHERE]}
        plan_set = await service.published(_one(HERE, ELSEWHERE), groups=groups)
        await say(service, HERE, 1, "accepted")
        await service.until(lambda: "activated" in _groups(service, plan_set))
        await service.done("POST", f"/plan-sets/{plan_set}/withdraw", WHY, who="engineer")
        assert _groups(service, plan_set) == {"activated", "kept"}
        assert await _alarms(service) == []  # whoever withdraws knows
        found = await service.ask("POST", f"/plan-sets/{plan_set}/withdraw", WHY, who="engineer")
        assert (found.status_code, found.json()["hint"]) == (409, "End it, or roll it back")

    serving(tmp_path, test)


def test_a_set_is_rolled_back_to_what_was_before(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        sets = []
        for version in (1, 2):
            sets.append(await service.published(_one(HERE)))
            await _bring_in(service, sets[-1], version, HERE)
            service.clock.wait(seconds=11)  # it begins
        first = await service.ask("POST", f"/plan-sets/{sets[0]}/roll-back", WHY, who="approver")
        assert first.status_code == 409  # it is superseded
        hold = {"until": "2026-11-27T08:00:00Z", **WHY}
        await service.done("PUT", f"/junctions/{HERE}/hold", hold, who="engineer")
        count = len(service.centre.plans.sets)
        held = await service.ask("POST", f"/plan-sets/{sets[1]}/roll-back", WHY, who="approver")
        assert (held.status_code, held.json()["value"]) == (409, "Bolat")
        assert len(service.centre.plans.sets) == count  # and nothing is left lying about
        await service.done("POST", f"/junctions/{HERE}/release", WHY, who="engineer")
        back = await service.ask("POST", f"/plan-sets/{sets[1]}/roll-back", WHY, who="approver")
        assert back.status_code == 201
        assert back.headers["location"] == f"/v1/plan-sets/{back.json()['id']}"
        await _bring_in(service, back.json()["id"], 3, HERE)
        service.clock.wait(seconds=10)
        await service.until(lambda: service.centre.plans.plan_set(sets[1]).state == "rolled_back")
        assert [await _state(service, s) for s in sets] == ["superseded", "rolled_back"]
        plans = [service.trusted.verify(await _plan(service, version), Typ.PLAN)["plans"] for version in (3,)]
        assert plans[0][0]["stages"] == document()["plans"][0]["stages"]
        only = await service.ask("GET", f"/plan-sets/{back.json()['id']}/document", who="viewer")
        assert only.json() == {
            "format": "jasyl-rollback",
            "format_version": 1,
            "of": sets[1],
            "sources": {sets[0]: [HERE]},
        }

    serving(tmp_path, test)


def test_a_roll_back_that_another_publication_overtakes_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        for version in (1, 2):
            last = await service.published(_one(HERE))
            await _bring_in(service, last, version, HERE)
            service.clock.wait(seconds=11)  # it begins
        centre, read = service.centre, service.centre.plan_documents.before
        overtaken = []

        async def slowly(plans: Any, sources: Any) -> Any:
            overtaken.append(await service.published(_one(HERE)))
            return await read(plans, sources)

        monkeypatch.setattr(centre.plan_documents, "before", slowly)
        answer = await service.ask("POST", f"/plan-sets/{last}/roll-back", WHY, who="approver")
        assert answer.status_code == 409
        assert len(overtaken) == 1
        assert not any(record.rollback_of for record in centre.plans.sets.values())

    serving(tmp_path, test)


def test_a_roll_back_asks_what_controllers_can_do_and_ends_with_the_plans_that_it_brings_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoRoom:
        async def findings(self, *_: Any) -> list[str]:
            return ["no stored plan is left"]

    async def test(service: Service) -> None:
        await service.register(HERE)
        for version, end in ((1, "2026-11-27T12:00:00Z"), (2, None)):
            last = await service.published(_one(HERE), valid_until=end)
            await _bring_in(service, last, version, HERE)
            service.clock.wait(seconds=11)
        path = f"/plan-sets/{last}/roll-back"
        with monkeypatch.context() as patch:
            patch.setattr(service.centre, "limits", NoRoom())
            refused = await service.ask("POST", path, WHY, who="approver")
        assert (refused.status_code, refused.json()["value"]) == (422, "no stored plan is left")
        back = await service.done("POST", path, WHY, who="approver", status=201)
        assert back["valid_until"] == "2026-11-27T12:00:00.000Z"
        await _bring_in(service, back["id"], 3, HERE)
        current = (await assignment(service, HERE))["slots"]["base"]["current"]
        plan = service.trusted.verify(current["plan"], Typ.PLAN)
        activation = service.trusted.verify(current["activation"], Typ.ACTIVATION)
        assert plan["valid_until"] == activation["until"] == "2026-11-27T12:00:00.000Z"

    serving(tmp_path, test)


async def _plan(service: Service, version: int) -> str:
    current = (await assignment(service, HERE))["slots"]["base"]["current"]
    assert current["version"] == version
    return str(current["plan"])


@pytest.mark.parametrize("until", [None, "2026-11-27T07:30:00Z"])
def test_an_event_is_ended_before_its_time_and_never_after_it(tmp_path: Path, until: str | None) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        event = await service.published(_one(HERE), **EVENT)
        await _bring_in(service, event, 1, HERE)
        path = f"/plan-sets/{event}/end"
        for wrong in ("2026-11-27T12:00:01Z", "2027-01-01T00:00:00Z", "2026-11-27T06:59:59Z"):
            found = await service.ask("POST", path, {"until": wrong, **WHY}, who="approver")
            assert (found.status_code, found.json()["field"]) == (422, "until")
        body = {**WHY, **({} if until is None else {"until": until})}
        ended = await service.done("POST", path, body, who="approver")
        assert ended["valid_until"] == (until or "2026-11-27T07:00:00Z").replace("Z", ".000Z")
        if until is not None:
            current = (await assignment(service, HERE))["slots"]["event"]["current"]
            activation = service.trusted.verify(current["activation"], Typ.ACTIVATION)
            assert activation["until"] == "2026-11-27T07:30:00.000Z"
            service.clock.wait(minutes=30)
        await service.until(lambda: service.centre.plans.plan_set(event).state == "expired")
        assert (await assignment(service, HERE))["slots"] == {}
        base = await service.published(_one(HERE))
        await _bring_in(service, base, 2, HERE)
        found = await service.ask("POST", f"/plan-sets/{base}/roll-back", WHY, who="approver")
        assert (found.status_code, found.json()["rule"]) == (409, "had no plans of the service before")
        assert "`jasyl plans end`" in found.json()["hint"]
        service.clock.wait(seconds=10)
        await service.done("POST", f"/plan-sets/{base}/end", WHY, who="approver")
        await service.until(lambda: service.centre.plans.plan_set(base).state == "expired")
        (slot,) = (await assignment(service, HERE))["slots"].values()  # the local schedule
        assert (slot["current"], slot["pending"], slot["previous"]["version"]) == (None, None, 2)
        again = await service.published(_one(HERE))
        await _bring_in(service, again, 3, HERE)

    serving(tmp_path, test)


def test_an_approver_publishes_and_rolls_back_over_the_hold_of_an_engineer_and_it_is_entered(
    tmp_path: Path,
) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        await _bring_in(service, await service.published(_one(HERE)), 1, HERE)
        service.clock.wait(seconds=10)
        wrong = await service.published(_one(HERE))
        await _bring_in(service, wrong, 2, HERE)
        service.clock.wait(seconds=10)
        until = {"until": "2026-11-27T09:00:00Z", **WHY}
        await service.done("PUT", f"/junctions/{HERE}/hold", until, who="engineer")
        red = {"mode": "all_red", "expires_at": "2026-11-27T08:00:00Z", **WHY}
        await service.done("PUT", f"/junctions/{HERE}/order", red, who="engineer")
        path = f"/plan-sets/{wrong}/roll-back"
        found = await service.ask("POST", path, WHY, who="approver")
        assert (found.status_code, found.json()["value"]) == (409, "Bolat")
        assert found.json()["rule"] == "is held by Bolat until 2026-11-27T09:00:00.000Z"
        for part in ("Ask Bolat", f"jasyl junction eject {HERE}", "--over-holds"):
            assert part in found.json()["hint"]
        back = await service.done("POST", path, {**WHY, "over_holds": True}, who="approver", status=201)
        entries = (await service.done("GET", "/ledger?limit=1000", who="viewer"))["entries"]
        published = [entry for entry in entries if entry["kind"] == "plan_set.published"]
        assert [entry["data"].get("over_holds") for entry in published] == [None, None, {HERE: "Bolat"}]
        assert published[-1]["data"]["plan_set"] == back["id"]
        junction = await service.done("GET", f"/junctions/{HERE}", who="viewer")
        assert (junction["hold"]["by"], junction["order"]["mode"]) == ("Bolat", "all_red")
        await service.done("POST", f"/plan-sets/{back['id']}/withdraw", WHY, who="approver")
        assert await _state(service, back["id"]) == "kept"
        new = {"document": _one(HERE), **WHY}
        made = (await service.done("POST", "/plan-sets", new, who="engineer", status=201))["id"]
        for step, who in (("check", "engineer"), ("approve", "approver")):
            await service.done("POST", f"/plan-sets/{made}/{step}", WHY, who=who)
        path = f"/plan-sets/{made}/publish"
        assert (await service.ask("POST", path, WHY, who="approver")).status_code == 409
        await service.done("POST", path, {**WHY, "over_holds": True}, who="approver")

    serving(tmp_path, test)


def test_orders_are_for_who_holds_the_junction_and_end_by_themselves(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        hold, order = f"/junctions/{HERE}/hold", f"/junctions/{HERE}/order"
        flash = {"mode": "flash", "expires_at": "2026-11-27T08:00:00Z", **WHY}
        assert (await service.ask("PUT", order, flash, who="engineer")).status_code == 409
        await service.done("PUT", hold, {"until": "2026-11-27T09:00:00Z", **WHY}, who="engineer")
        for who in ("approver", "admin"):
            assert (await service.ask("PUT", order, flash, who=who)).status_code == 409
            found = await service.ask("PUT", hold, {"until": "2026-11-27T09:00:00Z", **WHY}, who=who)
            assert "is held by Bolat" in found.json()["rule"]
            assert (await service.ask("POST", f"/junctions/{HERE}/release", WHY, who=who)).status_code == 403
        for wrong, field in (
            ({"mode": "slot"}, "slot"),
            ({"slot": "base"}, "slot"),
            ({"expires_at": "2026-11-27T19:00:01Z"}, "expires_at"),
            ({"expires_at": "2026-11-27T07:00:00Z"}, "expires_at"),
            ({"mode": "green"}, "body.mode"),
        ):
            found = await service.ask("PUT", order, {**flash, **wrong}, who="engineer")
            assert (found.status_code, found.json()["field"]) == (422, field)
        found = await service.ask("PUT", order, {**flash, "mode": "slot", "slot": "event"}, who="engineer")
        assert (found.status_code, found.json()["rule"]) == (409, "has no plan")
        shown = await service.done("PUT", order, flash, who="engineer")
        assert (shown["order"]["mode"], shown["order"]["by"]) == ("flash", "Bolat")
        signed = service.trusted.verify((await assignment(service, HERE))["order"], Typ.ORDER)
        assert (signed["mode"], signed["sequence"]) == ("flash", 1)
        ejected = await service.done("POST", f"/junctions/{HERE}/eject", WHY, who="admin")
        assert ejected["hold"] is None
        assert (await service.ask("PUT", order, flash, who="engineer")).status_code == 409
        service.clock.wait(hours=1)
        await service.until(lambda: service.centre.plans.junction(HERE).order is None)
        assert (await assignment(service, HERE))["order"] is None

    serving(tmp_path, test)


def test_a_junction_that_there_is_not(tmp_path: Path) -> None:
    later = "2026-11-27T08:00:00Z"
    requests = (
        ("GET", "/junctions/none", None),
        ("PUT", "/junctions/none/hold", {"until": later, **WHY}),
        ("POST", "/junctions/none/release", WHY),
        ("POST", "/junctions/none/eject", WHY),
        ("PUT", "/junctions/none/order", {"mode": "flash", "expires_at": later, **WHY}),
        ("POST", "/controllers", {"junction": "none", **WHY}),
        ("POST", "/controllers/none/rotate", WHY),
        ("POST", "/controllers/none/revoke", WHY),
    )

    async def test(service: Service) -> None:
        for method, path, body in requests:
            found = await service.ask(method, path, body, who="admin")
            assert (found.status_code, found.json()["field"]) == (404, "junction")
            assert found.json()["value"] == "none"

    serving(tmp_path, test)


def test_a_controller_whose_clock_is_wrong_is_heard_and_told_the_time(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        await service.published(_one(HERE))
        for number, hours in enumerate((-20_000 * 24, -9, 9, 20_000 * 24), start=1):
            wrong = (service.clock() + timedelta(hours=hours)).isoformat()
            said = {"version": 1, "result": "accepted", "at": wrong}
            answer = await service.ask("POST", f"/controllers/{HERE}/acknowledgements", said, who=HERE)
            assert answer.status_code == 200
            assert answer.headers["x-jasyl-time"] == "2026-11-27T07:00:00.000Z"
            row = {"number": number, "kind": "status", "at": wrong, "data": {}}
            await service.done("POST", f"/controllers/{HERE}/reports", {"reports": [row]}, who=HERE)
            stored = await service.context.part(Reports).latest(HERE)
            assert stored.received == service.clock()
            assert stored.at - stored.received == timedelta(hours=hours)

    serving(tmp_path, test)
