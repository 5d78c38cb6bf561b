"""A controller is told what is decided now, all that it needs to follow it, and nothing by a replica that hears nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from api.centre.news import News
from api.centre.signing_keys import new_key
from api.http.routes import assignments
from scenarios.loader import build, load
from simulation.controller.assignment import Desk
from simulation.controller.commissioning import bare_tables
from simulation.controller.tables import Tables
from tests.api.service.centres import CITY, Service, serving
from tests.api.service.test_keys import _folder
from tests.api.service.test_lookout import alarms
from tests.api.service.test_plan_sets import assignment, document, keys, say
from tests.api.service.test_streams import streaming

if TYPE_CHECKING:
    from pathlib import Path

HERE = keys()[0]
ALONE = {**document(), "plans": [plan for plan in document()["plans"] if plan["junction"] == HERE]}


def _cut_off(service: Service, *, off: bool = True) -> None:
    service.centre.ledger._reachable = not off


async def _in_force(service: Service, version: int, **more: Any) -> str:
    plan_set = await service.published(ALONE, **more)
    await say(service, HERE, version, "accepted")
    await service.until(
        lambda: all(
            group.activate_at is not None for group in service.centre.plans.plan_set(plan_set).groups.values()
        )
    )
    return plan_set


def _tables(jwks: dict[str, Any]) -> Tables:
    city = build(load(CITY))
    junction = next(junction for junction in city.junctions if junction.key == HERE)
    tables = bare_tables(junction, time_zone="Asia/Almaty")
    return Tables.from_dict(tables.to_dict() | {"keys": jwks["keys"]})


def test_a_replica_that_hears_nothing_tells_controllers_nothing(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        path = f"/controllers/{HERE}/assignment"
        _cut_off(service)
        for headers in ({}, {"If_None_Match": '"0.1"'}, {"If_None_Match": '"9.1"'}):
            answer = await service.ask("GET", path, who=HERE, **headers)
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            assert "x-jasyl-time" in answer.headers
        answer = await service.ask("GET", f"/controllers/{HERE}/stream", who=HERE)
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
        _cut_off(service, off=False)
        assert (await service.ask("GET", path, who=HERE, If_None_Match='"0.1"')).status_code == 304

    serving(tmp_path, test)


def test_a_long_poll_is_not_answered_from_before_the_replica_was_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)

        async def of(_news: News, _junction: str, _tag: str) -> None:
            _cut_off(service)

        monkeypatch.setattr(News, "of", of)
        path = f"/controllers/{HERE}/assignment?wait=60"
        assert (await service.ask("GET", path, who=HERE, If_None_Match='"0.1"')).status_code == 503

    serving(tmp_path, test)


def test_streams_end_where_the_replica_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assignments, "_HEARTBEAT_S", 0.05)

    async def test(service: Service) -> None:
        await service.register(HERE)
        async with streaming(service, HERE) as stream:
            assert await stream.began() == 200
            assert (await stream.event()).startswith("retry")
            assert (await stream.event()).startswith("id: 0.1")
            _cut_off(service)
            while event := await stream.event():
                assert event == ": still here"
            assert stream.ended

    serving(tmp_path, test)


def test_what_is_in_force_is_served_until_its_successor_begins(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        await _in_force(service, 1)
        service.clock.wait(minutes=1)
        await say(service, HERE, 1, "in_force")
        current = (await assignment(service, HERE))["slots"]["base"]["current"]
        await _in_force(service, 2, activate_from="2026-11-28T07:00:00Z")
        slot = (await assignment(service, HERE))["slots"]["base"]
        assert slot["previous"] == current
        assert slot["current"]["version"] == 2
        # A controller that has lost its memory runs it, and may say so.
        desk = Desk(_tables(service.trusted.jwks))
        received = desk.receive(await assignment(service, HERE), service.clock.at.timestamp())
        assert not received.problems
        now_s = service.clock.at.timestamp()
        assert [r.version for r in desk.releases["base"] if r.valid(now_s)] == [1]
        assert (await say(service, HERE, 1, "in_force"))["entries"] == 0
        service.clock.at = datetime(2026, 11, 28, 7, 0, tzinfo=UTC)
        assert "previous" not in (await assignment(service, HERE))["slots"]["base"]

    serving(tmp_path, test)


def test_who_was_away_hears_of_the_end_of_a_base_set_and_so_does_who_has_no_memory(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        away = Desk(_tables(service.trusted.jwks))

        async def runs(desk: Desk) -> list[int]:
            now_s = service.clock.at.timestamp()
            assert not desk.receive(await assignment(service, HERE), now_s).problems
            return [release.version for release in desk.releases["base"] if release.valid(now_s)]

        plan_set = await _in_force(service, 1)
        service.clock.wait(minutes=5)
        assert await runs(away) == [1]
        await service.done("POST", f"/plan-sets/{plan_set}/end", {"why": "wrong plans"}, who="approver")
        await service.until(lambda: service.centre.plans.plan_set(plan_set).state == "expired")
        service.clock.wait(hours=1)
        assert await runs(away) == await runs(Desk(_tables(service.trusted.jwks))) == []
        await _in_force(service, 2, activate_from="2026-11-28T07:00:00Z")
        late = Desk(_tables(service.trusted.jwks))
        assert await runs(away) == await runs(late) == []
        service.clock.at = datetime(2026, 11, 28, 7, 0, tzinfo=UTC)
        assert await runs(away) == await runs(late) == [2]

    serving(tmp_path, test)


def test_who_was_away_while_a_successor_began_and_ended_by_itself_ends_with_it(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        away = Desk(_tables(service.trusted.jwks))

        async def begun(desk: Desk) -> tuple[int, bool] | None:
            now_s = service.clock.at.timestamp()
            assert not desk.receive(await assignment(service, HERE), now_s).problems
            found = [r for r in desk.releases["base"] if r.active_s is not None and r.active_s <= now_s]
            return (found[-1].version, found[-1].valid(now_s)) if found else None

        first = await _in_force(service, 1)
        service.clock.wait(minutes=1)
        assert await begun(away) == (1, True)
        second = await _in_force(service, 2, valid_until="2026-11-27T08:00:00Z")
        service.clock.wait(hours=2)
        await service.until(lambda: service.centre.plans.plan_set(second).state == "expired")
        assert service.centre.plans.plan_set(first).state == "superseded"
        assert await begun(away) == await begun(Desk(_tables(service.trusted.jwks))) == (2, False)
        service.clock.wait(hours=10)
        assert await begun(away) == (2, False)

    serving(tmp_path, test)


def test_an_end_lets_nobody_begin_sooner_and_counts_also_when_the_clock_was_set_back(tmp_path: Path) -> None:
    names = sorted(new_key(_folder(tmp_path)).kid for _ in range(3))

    async def test(service: Service) -> None:
        await service.register(HERE)
        desk = Desk(_tables(service.trusted.jwks))

        async def found() -> list[tuple[float | None, float | None]]:
            assert not desk.receive(await assignment(service, HERE), service.clock.at.timestamp()).problems
            return [(release.active_s, release.until_s) for release in desk.releases["event"]]

        until = "2026-11-28T07:00:00Z"
        plan_set = await _in_force(service, 1, slot="event", valid_until=until)
        begins_s = service.clock.at.timestamp() + 10
        assert await found() == [(begins_s, begins_s - 10 + 86_400)]
        service.clock.wait(seconds=2)
        path = f"/plan-sets/{plan_set}/end"
        for hours in (2, 1):
            until = f"2026-11-27T0{7 + hours}:00:00Z"
            await service.done("POST", path, {"why": "shorter", "until": until}, who="approver")
            assert await found() == [(begins_s, begins_s - 10 + 3600 * hours)]
            service.clock.wait(minutes=-1)
        for name in names[1:]:
            service.clock.wait(minutes=-1)
            await service.done("POST", "/keys/signing", {"key": name, "why": "yearly"}, who="admin")
            await found()

    serving(tmp_path, test)


@pytest.mark.parametrize("mode", ["none", "all_red"])
def test_an_order_that_was_ended_is_ended_where_a_controller_was_away_meanwhile(
    tmp_path: Path, mode: str
) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        away = Desk(_tables(service.trusted.jwks))

        async def order(mode: str, **lasts: float) -> dict[str, Any]:
            expires_at = (service.clock.at + timedelta(**lasts)).isoformat()
            body = {"mode": mode, "expires_at": expires_at, "why": "accident"}
            put = await service.done("PUT", f"/junctions/{HERE}/order", body, who="engineer")
            return dict(put["order"])

        async def ordered() -> tuple[str, bool] | None:
            now_s = service.clock.at.timestamp()
            assert not away.receive(await assignment(service, HERE), now_s).problems
            return away.order and (away.order.mode.value, away.order.expires_s > now_s)

        hold = {"until": "2026-11-27T15:00:00Z", "why": "accident"}
        await service.done("PUT", f"/junctions/{HERE}/hold", hold, who="engineer")
        await order("flash", hours=12)
        assert await ordered() == ("flash", True)
        told = await order(mode, minutes=5)
        assert told["expires_at"][11:16] == ("19:00" if mode == "none" else "07:05")
        service.clock.wait(minutes=6)
        await service.until(lambda: service.centre.plans.junction(HERE).order.mode == "none")
        service.clock.wait(hours=10)
        assert await ordered() == ("none", True)
        service.clock.wait(hours=2)
        await service.until(lambda: service.centre.plans.junction(HERE).order is None)

    serving(tmp_path, test)


def test_a_current_version_that_is_refused_is_an_alarm_with_junction_and_reason(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        await _in_force(service, 1)
        said = await say(service, HERE, 1, "refused", reason="tables: must be 'new'")
        assert said["entries"] == 2
        (text,) = (await alarms(service)).values()
        assert text == f"{HERE} refuses version 1, which is activated: tables: must be 'new'"
        assert (await say(service, HERE, 1, "refused", reason="tables"))["entries"] == 0

    serving(tmp_path, test)


def test_a_controller_that_shows_another_plan_for_too_long_is_an_alarm_until_it_follows(
    tmp_path: Path,
) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        number = 0

        async def shows(version: int | None, source: str, *, old: bool = False) -> list[str]:
            nonlocal number
            number += 1
            status = {"fault": None, "version": version, "source": source}
            at = "2026-11-27T01:00:00Z" if old else service.clock.at.isoformat()
            report = {"number": number, "kind": "status", "at": at, "data": status}
            body = {"reports": [report], "at": service.clock.at.isoformat()}
            await service.done("POST", f"/controllers/{HERE}/reports", body, who=HERE)
            found = await alarms(service)
            return [text for alarm, text in found.items() if alarm == f"status:{HERE}:plan"]

        assert await shows(None, "local") == []
        plan_set = await _in_force(service, 1)
        await say(service, HERE, 1, "in_force")
        service.clock.wait(seconds=20)
        assert await shows(None, "local") == []
        service.clock.wait(minutes=5, seconds=59)
        assert await shows(None, "local") == []
        service.clock.wait(seconds=1)
        told = f"{HERE} shows local, and is to show version 1 of {plan_set}"
        assert await shows(None, "local") == [told]
        assert await shows(1, "base", old=True) == [told]
        assert await shows(1, "base") == []
        assert await shows(None, "local") == []
        service.clock.wait(minutes=7)
        assert await shows(1, "base") == []
        service.clock.wait(minutes=7)
        assert await shows(None, "local") == []

    serving(tmp_path, test)


def test_all_announcements_are_served_and_followed_by_who_has_missed_some(tmp_path: Path) -> None:
    names = sorted(new_key(_folder(tmp_path)).kid for _ in range(3))

    async def test(service: Service) -> None:
        await service.register(HERE)
        missed = Desk(_tables(service.trusted.jwks))
        await _in_force(service, 1)
        assert (await assignment(service, HERE))["announcements"] == []
        for turn, name in enumerate(names[1:], 1):
            service.clock.wait(minutes=turn)
            await service.done("POST", "/keys/signing", {"key": name, "why": "yearly"}, who="admin")
        found = await assignment(service, HERE)
        assert [found["announcements"][-1], len(found["announcements"])] == [found["keys"], 2]
        # The plan in force is signed by a key of two rotations ago.
        received = missed.receive(found, service.clock.at.timestamp())
        assert not received.problems
        assert [release.version for release in missed.releases["base"]] == [1]

    serving(tmp_path, test)


def test_who_is_commissioned_later_trusts_the_keys_of_what_is_in_force_and_no_others(tmp_path: Path) -> None:
    old, new, unused = sorted(new_key(_folder(tmp_path)).kid for _ in range(3))

    async def test(service: Service) -> None:
        await service.register(HERE)
        await _in_force(service, 1)
        await service.done("POST", "/keys/signing", {"key": new, "why": "yearly"}, who="admin")
        path = f"/controllers/{HERE}/rotate"
        jwks = (await service.done("POST", path, {"why": "new cabinet"}, who="admin"))["keys"]
        assert [key["kid"] for key in jwks["keys"]] == [new, old]
        desk = Desk(_tables(jwks))
        found = await assignment(service, HERE)
        received = desk.receive(found, service.clock.at.timestamp())
        assert not received.problems
        assert [release.version for release in desk.releases["base"]] == [1]
        shown = await service.done("GET", "/keys", who="viewer")
        assert (shown["signing"], shown["in_use"]) == (new, [new, old])
        assert unused in {key["kid"] for key in shown["keys"]}
        # Once all is published anew, nobody who comes later trusts the old key.
        service.clock.wait(minutes=1)
        await _in_force(service, 2)
        jwks = (await service.done("POST", path, {"why": "new cabinet"}, who="admin"))["keys"]
        assert [key["kid"] for key in jwks["keys"]] == [new, old]
        service.clock.wait(minutes=1)
        jwks = (await service.done("POST", path, {"why": "new cabinet"}, who="admin"))["keys"]
        assert [key["kid"] for key in jwks["keys"]] == [new]

    serving(tmp_path, test)
