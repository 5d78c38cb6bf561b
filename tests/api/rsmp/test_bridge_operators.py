"""Operators and RSMP sites: flash, all red, alarms, sites that are away, and the list of sites."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from api.centre.presence import Presence
from api.centre.security import issue, register_controller
from api.rsmp_bridge import errands, opening
from api.rsmp_bridge.bridge import Bridge
from api.rsmp_bridge.files import read_sites, secret_file
from api.store.reports import Reports
from tests.api.rsmp.bridging import Bridged, bridging, capabilities, commission, junctions, until
from tests.api.rsmp.test_bridge import brought_into_force, one
from tests.api.service.centres import Service, service, serving
from tests.api.service.test_plan_sets import document

if TYPE_CHECKING:
    from pathlib import Path

EXPIRES = "2026-11-27T07:30:30Z"


async def order(made: Bridged, key: str, mode: str, *, status: int = 200, **more: Any) -> Any:
    until_ = {"until": "2026-11-27T08:00:00Z", "why": "test"}
    await made.service.done("PUT", f"/junctions/{key}/hold", until_, who="engineer")
    body = {"mode": mode, "expires_at": EXPIRES, "why": "test", **more}
    return await made.service.done("PUT", f"/junctions/{key}/order", body, who="engineer", status=status)


def test_flash_is_ordered_ends_by_itself_and_control_goes_on(tmp_path: Path) -> None:
    found = capabilities(1)
    key = found[0].junction

    async def test(made: Bridged) -> None:
        model = made.models[key]
        await brought_into_force(made, one(document()))
        orders: list = []
        plain = model.set_mode
        model.set_mode = lambda *given: (orders.append(given), plain(*given))
        await order(made, key, "flash")
        await until(lambda: model.mode() == ("YellowFlash", "forced"))
        assert orders == [("YellowFlash", 31, 0)]  # the site ends it too, should nobody be here
        made.service.clock.wait(minutes=30, seconds=20)
        await until(lambda: model.mode() == ("NormalControl", "forced"))
        assert model.plan() == (2, "forced")
        await order(made, key, "flash", expires_at="2026-11-27T07:55:00Z")
        await until(lambda: model.mode() == ("YellowFlash", "forced"))
        await order(made, key, "none", expires_at="2026-11-27T07:55:00Z")
        await until(lambda: model.mode() == ("NormalControl", "forced"))

    bridging(tmp_path, found, test)


def test_flash_that_is_extended_is_ordered_anew_while_it_lasts(tmp_path: Path) -> None:
    found = capabilities(1)
    key = found[0].junction

    async def test(made: Bridged) -> None:
        model = made.models[key]
        await brought_into_force(made, one(document()))
        orders: list = []
        plain = model.set_mode
        model.set_mode = lambda *given: (orders.append(given), plain(*given))
        await order(made, key, "flash")
        await until(lambda: model.mode() == ("YellowFlash", "forced"))
        made.service.clock.wait(minutes=20)
        await order(made, key, "flash", expires_at="2026-11-27T07:58:00Z")
        await until(lambda: len(orders) == 2)
        made.service.clock.wait(minutes=36)  # the time of the first order is long over
        assert model.mode() == ("YellowFlash", "forced")
        made.service.clock.wait(minutes=2)
        await until(lambda: model.mode() == ("NormalControl", "forced"))
        assert orders == [("YellowFlash", 31, 0), ("YellowFlash", 38, 0), ("NormalControl", 0, 0)]

    bridging(tmp_path, found, test)


def test_flash_that_somebody_has_chosen_at_the_controller_is_not_taken_over(tmp_path: Path) -> None:
    found = capabilities(1)
    key = found[0].junction

    async def test(made: Bridged) -> None:
        model = made.models[key]
        await brought_into_force(made, one(document()))
        orders: list = []
        model.set_mode = lambda *given: orders.append(given)
        model.mode = lambda: ("YellowFlash", "operator_panel")
        await order(made, key, "flash")
        await order(made, key, "flash", expires_at="2026-11-27T07:58:00Z")
        name = f"rsmp:{key}:site:not_followed"
        await order(made, key, "none", expires_at="2026-11-27T07:58:00Z")
        await made.service.until(lambda: name in made.service.centre.plans.alarms)
        assert orders == []

    bridging(tmp_path, found, test)


@pytest.mark.parametrize(
    ("settling", "alarms"), [(timedelta(minutes=2), []), (timedelta(0), ["not_followed"])]
)
def test_a_site_has_time_to_begin_to_flash_before_an_operator_is_told(
    settling: timedelta, alarms: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_MODE_S", 0.05)
    monkeypatch.setattr(errands, "MODE_SETTLING", settling)
    found = capabilities(1)
    key = found[0].junction

    async def test(made: Bridged) -> None:
        model = made.models[key]
        await brought_into_force(made, one(document()))
        orders: list = []
        plain, model.set_mode = model.set_mode, lambda *given: orders.append(given)
        await order(made, key, "flash")
        await until(lambda: len(orders) > 1)  # told again: the first time was met
        await until(lambda: sorted(made.bridge.sites.by_junction[key].findings) == alarms)
        model.set_mode = plain
        await until(lambda: model.mode() == ("YellowFlash", "forced"))

    bridging(tmp_path, found, test)


def test_another_slot_is_ordered(tmp_path: Path) -> None:
    found = capabilities(1, numbers=(1, 2, 3))
    key = found[0].junction

    async def test(made: Bridged) -> None:
        model = made.models[key]
        await brought_into_force(made, one(document()))
        event = one(document())
        event["plans"] = [{**plan, "offset_s": plan["offset_s"] + 5} for plan in event["plans"]]
        await brought_into_force(made, event, slot="event", valid_until="2026-11-27T12:00:00Z")
        assert model.plan() == (1, "forced")
        await order(made, key, "slot", slot="base")
        await until(lambda: model.plan() == (2, "forced"))
        made.service.clock.wait(minutes=31)
        await until(lambda: model.plan() == (1, "forced"))

    bridging(tmp_path, found, test)


def test_all_red_is_refused_by_name_since_rsmp_has_no_command_for_it(tmp_path: Path) -> None:
    found = capabilities(1)

    async def test(made: Bridged) -> None:
        refused = await order(made, found[0].junction, "all_red", status=409)
        assert "M0001 knows normal control, yellow flash and dark" in refused["detail"]
        other = document()["plans"][1]["junction"]  # a controller that speaks HTTP
        assert (await order(made, other, "all_red"))["order"]["mode"] == "all_red"

    bridging(tmp_path, found, test)


def test_an_alarm_of_a_site_is_seen_acknowledged_there_and_cleared(tmp_path: Path) -> None:
    found = capabilities(1)
    key, group = found[0].junction, found[0].groups[0].component

    async def test(made: Bridged) -> None:
        model, site = made.models[key], made.sites[key]
        await site.ready.wait()
        site.tell_alarm(model.set_alarm(group, "A0201", active=True))
        await made.service.until(lambda: made.service.centre.plans.alarms)
        (alarm,) = (await made.service.done("GET", "/alarms", who="viewer"))["alarms"]
        assert alarm["id"] == f"rsmp:{key}:alarm:{group}:A0201"
        assert alarm["text"].startswith(f"{key}: A0201 of {group}, priority 2")
        path = f"/alarms/{alarm['id']}/acknowledge"
        await made.service.done("POST", path, {"why": "seen"}, who="engineer", status=204)
        await until(lambda: [row for row in model.alarms() if row.acknowledged])
        assert list(made.service.centre.plans.alarms) == [alarm["id"]]
        site.tell_alarm(model.set_alarm(group, "A0201", active=False))
        await made.service.until(lambda: not made.service.centre.plans.alarms)
        page = await made.service.context.part(Reports).read(junction=key)
        faults = [row.data for row in page.reports if row.kind == "fault"]
        assert [(row["code"], row["event"], row["active"]) for row in faults] == [
            ("A0201", "Issue", True),
            ("A0201", "Acknowledge", True),
            ("A0201", "Issue", False),
        ]
        numbers = [row.number for row in page.reports]
        assert numbers == list(range(1, len(numbers) + 1))

    bridging(tmp_path, found, test)


def test_alarms_that_stand_survive_a_new_connection_with_who_has_seen_them(tmp_path: Path) -> None:
    found = capabilities(1)
    key = found[0].junction
    name = f"rsmp:{key}:alarm:{found[0].component}:A0001"

    async def test(made: Bridged) -> None:
        model = made.models[key]
        made.sites[key].tell_alarm(model.set_alarm(found[0].component, "A0001", active=True))
        await made.service.until(lambda: name in made.service.centre.plans.alarms)
        await made.service.done(
            "POST", f"/alarms/{name}/acknowledge", {"why": "seen"}, who="engineer", status=204
        )
        await made.disconnect(key)
        made.connect(found[0])
        await made.sites[key].ready.wait()
        await made.sites[key].told()
        alarms = made.service.centre.plans.alarms
        assert alarms[name].acknowledged_by is not None

    bridging(tmp_path, found, test)


def test_a_site_that_is_away_is_an_alarm_until_it_is_back(tmp_path: Path) -> None:
    found = capabilities(1)
    key = found[0].junction

    async def test(made: Bridged) -> None:
        await made.sites[key].ready.wait()
        await made.disconnect(key)
        made.service.clock.wait(seconds=121)
        await made.bridge.look()
        assert list(made.service.centre.plans.alarms) == [f"rsmp:{key}:lost"]
        made.connect(found[0])
        await until(lambda: made.bridge.sites.by_junction[key].connected_at is not None)
        await made.bridge.look()
        assert not made.service.centre.plans.alarms
        assert made.service.context.part(Presence).heard(key) == made.service.clock()

    bridging(tmp_path, found, test)


def test_a_junction_has_one_controller(tmp_path: Path) -> None:
    found = capabilities(2)
    first, second = (one.junction for one in found)

    async def registered(service: Service) -> None:
        await service.register(second)
        new = {"junction": first, "why": "second one"}
        answer = await service.ask("POST", "/controllers", new, who="admin")
        assert answer.status_code == 409
        assert "has a controller that speaks RSMP, by its capability file" in answer.json()["detail"]
        assert "Remove that file" in answer.json()["hint"]
        # A replica that has not the file lets it be registered; then nothing is published here.
        await service.centre.ledger.commit(
            lambda state, _at: register_controller(state.access, first, issue(secrets.token_bytes)),
            who="admin",
            why="elsewhere",
        )
        new = {"document": one(document()), "why": "test"}
        made = await service.done("POST", "/plan-sets", new, who="engineer", status=201)
        checked = await service.done(
            "POST", f"/plan-sets/{made['id']}/check", {"why": "test"}, who="engineer"
        )
        assert checked["state"] == "refused"
        assert "it has two controllers" in checked["findings"][0]
        gone = {"why": "one is enough"}
        await service.done("POST", f"/controllers/{first}/revoke", gone, who="admin", status=204)

    commission(tmp_path, found[:1])
    serving(tmp_path, registered, rsmp_port=0)
    commission(tmp_path, found[1:])

    async def again() -> None:
        async with service(tmp_path, first_id=1000, rsmp_port=0) as opened:
            sites = opened.context.part(Bridge).sites
            assert list(sites.by_junction) == [first]
            assert "one is registered that speaks HTTP" in sites.unusable[second]
            problems = [row.problem for row in sites.files]
            assert problems[0] is None
            assert "Revoke that one" in str(problems[1])

    asyncio.run(again())


def test_who_works_at_the_controller_is_not_fought(tmp_path: Path) -> None:
    found = capabilities(1)
    key = found[0].junction

    async def test(made: Bridged) -> None:
        model = made.models[key]
        await brought_into_force(made, one(document()))
        plain = model.plan
        model.plan = lambda: (1, "operator_panel")
        name = f"rsmp:{key}:site:not_followed"
        async with asyncio.timeout(30):
            await made.service.until(lambda: name in made.service.centre.plans.alarms)
        assert "panel" in made.service.centre.plans.alarms[name].text
        del model.plan
        assert plain() == (2, "forced")
        await made.service.until(lambda: name not in made.service.centre.plans.alarms)

    bridging(tmp_path, found, test)


def test_sites_are_listed_with_their_state(tmp_path: Path) -> None:
    found = capabilities(2)
    (tmp_path / "rsmp").mkdir()
    (tmp_path / "rsmp" / "zz.toml").write_text('format = "something else"\n')

    async def test(made: Bridged) -> None:
        made.connect(found[0])
        await made.sites[found[0].junction].ready.wait()
        await brought_into_force(made, one(document()))
        await made.sites[found[0].junction].told()
        listed = await made.service.done("GET", "/sites", who="viewer")
        first, second, broken = listed["sites"]
        assert (first["connected"], first["core"], first["sxl"], first["version"]) == (
            True,
            "3.2.2",
            "1.2.1",
            1,
        )
        assert (first["site"], first["junction"]) == (found[0].site, found[0].junction)
        assert first["status"]["values"]["S0014.status"] == "2"
        assert first["status"]["aggregated"] == ["connected"]
        assert (second["connected"], second["status"], second["problem"]) == (False, None, None)
        assert "jasyl-rsmp-capability" in broken["problem"]
        text = str(listed)
        assert "of-the-bridge" not in text
        (row,) = (await made.service.done("GET", "/sites?limit=1", who="viewer"))["sites"]
        assert row == first
        assert (await made.service.ask("GET", "/sites")).status_code == 401

    bridging(tmp_path, found, test, connect=False)


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (lambda file: file.chmod(0o644), "must be readable by nobody else"),
        (lambda file: file.unlink(), "must be a file with the security codes of the site"),
        (lambda file: file.write_text('level_1 = "a-secret"'), "must have level_1 and level_2"),
        (lambda file: file.write_text("level_1 = a-secret"), "must be TOML"),
    ],
)
def test_security_codes_must_be_there_and_secret(tmp_path: Path, spoil: Any, rule: str) -> None:
    found = capabilities(1)
    commission(tmp_path, found)
    spoil(secret_file(tmp_path / "rsmp", found[0].security))
    (row,) = read_sites(tmp_path / "rsmp", junctions())
    assert row.problem is not None
    assert rule in row.problem
    assert "a-secret" not in row.problem


def test_two_files_of_one_junction_are_both_not_used(tmp_path: Path) -> None:
    found = capabilities(1)
    commission(tmp_path, found)
    (file,) = (tmp_path / "rsmp").glob("*.toml")
    (file.parent / "copy.toml").write_text(file.read_text())
    rows = read_sites(tmp_path / "rsmp", junctions())
    assert ["the only file" in str(row.problem) for row in rows] == [True, True]
