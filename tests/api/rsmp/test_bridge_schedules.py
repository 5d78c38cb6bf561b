"""Schedules in the time tables of RSMP sites, and what no site can express, refused before it is published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from api.rsmp_bridge.programmes import days_of, time_tables
from signals.lifecycle.records import SetState
from signals.rsmp.capability import Band
from signals.rsmp.lists import Switch
from simulation.controller.rsmp_memory import MemoryModel
from tests.api.rsmp.bridging import Bridged, bridging, capabilities, junctions, until
from tests.api.rsmp.test_bridge import activated, brought_into_force, changed, in_force, one, shown_by, wanted
from tests.api.service.test_plan_sets import document

if TYPE_CHECKING:
    from pathlib import Path

WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday")


def schedule(*switches: tuple[str, str], sets: dict[str, dict] | None = None) -> dict[str, Any]:
    """Return a schedule for the first junction: some switches on working days, the first set at the weekend."""
    sets = sets or {"night": one(document()), "day": one(changed(10))}
    entries = [{"from": at, "plans": name, "transition": "shortway"} for at, name in switches]
    first = [{"from": "00:00", "plans": next(iter(sets)), "transition": "shortway"}]
    return {
        "format": "jasyl-schedule",
        "format_version": 1,
        "name": "week",
        "network": document()["network"],
        "plan_sets": [{"name": name, "plans": plans["plans"]} for name, plans in sets.items()],
        "day_types": [
            {"name": "working day", "days": list(WEEK), "entries": entries},
            {"name": "weekend", "days": ["saturday", "sunday"], "entries": first},
        ],
    }


def controller(made: Bridged, capability: Any) -> MemoryModel:
    """Connect a controller whose time tables are in the local time of the city."""
    zone = ZoneInfo("Asia/Almaty")
    made.models[capability.junction] = MemoryModel(capability, clock=made.service.clock, zone=zone)
    return made.connect(capability)


def test_a_schedule_is_run_by_the_time_tables_of_the_site(tmp_path: Path) -> None:
    found = capabilities(1, numbers=(1, 2, 3, 4, 5))
    key = found[0].junction
    weekly = schedule(("00:00", "night"), ("06:30", "day"), ("16:00", "night"))

    async def test(made: Bridged) -> None:
        model = controller(made, found[0])
        before = model.week()
        plan_set = await made.service.published(weekly)
        await activated(made, plan_set)
        assert model.week() == before  # written, and not used yet
        assert model.plan() == (1, "startup")
        made.service.clock.wait(seconds=11)
        await in_force(made, plan_set)  # it is Friday, 12:00 in Almaty
        assert model.plan()[1] == "calendar_clock"
        assert shown_by(made, key) == wanted(changed(10)["plans"][0])
        made.service.clock.wait(hours=4)
        assert shown_by(made, key) == wanted(document()["plans"][0])
        made.service.clock.wait(hours=22)  # Saturday, 14:00
        assert shown_by(made, key) == wanted(document()["plans"][0])
        # An event stands above it, and the week goes on when it is over.
        event = one(changed(25, name="match"))
        await brought_into_force(made, event, slot="event", valid_until="2026-11-28T12:00:00Z")
        assert model.plan()[1] == "forced"
        assert shown_by(made, key) == wanted(event["plans"][0])
        made.service.clock.wait(days=2)
        await until(lambda: model.plan()[1] == "calendar_clock")
        assert shown_by(made, key) == wanted(changed(10)["plans"][0])

    bridging(tmp_path, found, test, connect=False)


def test_the_next_schedule_goes_beside_the_one_that_runs(tmp_path: Path) -> None:
    found = capabilities(1, numbers=(1, 2, 3, 4, 5))
    key = found[0].junction

    async def test(made: Bridged) -> None:
        model = controller(made, found[0])
        for round_ in (0, 1, 2):
            sets = {"night": one(changed(2 * round_)), "day": one(changed(30 + 2 * round_))}
            weekly = schedule(("00:00", "night"), ("06:30", "day"), sets=sets)
            await brought_into_force(made, weekly)
            assert shown_by(made, key) == wanted(sets["day"]["plans"][0])
            assert model.plan()[1] == "calendar_clock"
            made.service.clock.wait(seconds=60)
        await brought_into_force(made, one(changed(50)))  # one plan for all times, by order again
        assert model.plan()[1] == "forced"

    bridging(tmp_path, found, test, connect=False)


def one_with(**changes: Any) -> dict[str, Any]:
    (plan,) = one(document())["plans"]
    return {**document(), "plans": [{**plan, **changes}]}


def longer(seconds: int) -> dict[str, Any]:
    (plan,) = one(document())["plans"]
    stages = [dict(row) for row in plan["stages"]]
    stages[-1]["duration_s"] += seconds
    return one_with(cycle_s=plan["cycle_s"] + seconds, stages=stages)


CYCLE = one(document())["plans"][0]["cycle_s"]


@pytest.mark.parametrize(
    ("changes", "plans", "feature"),
    [
        ({"cycle_range_s": (CYCLE - 10, CYCLE)}, longer(3), "plan 1, cycle: must be from"),
        ({"cycle_range_s": None}, longer(3), "plan 1, cycle: must be"),
        ({"bands": (Band(1, 1, 0, 1),)}, document(), "plan 1, split of stage"),
        ({"offset_settable": False}, one(changed(11)), "plan 1, offset: must let stage 1"),
        ({}, schedule(("00:00", "night"), ("06:30:15", "day")), "must be whole minutes"),
        ({}, schedule(("00:00", "night"), ("06:30", "day"), sets=None), None),
        (
            {},
            schedule(
                ("00:00", "a"),
                ("06:30", "b"),
                ("12:00", "c"),
                sets={name: one(changed(3 * k)) for k, name in enumerate("abc")},
            ),
            "stored plans: must have room for 3 plans",
        ),
    ],
)
def test_what_a_site_cannot_express_is_refused_with_the_feature(
    tmp_path: Path, changes: dict, plans: dict, feature: str | None
) -> None:
    found = capabilities(1, **changes)

    async def test(made: Bridged) -> None:
        body = plans if "plan_sets" in plans else one(plans)
        new = {"document": body, "why": "test"}
        draft = await made.service.done("POST", "/plan-sets", new, who="engineer", status=201)
        checked = await made.service.done(
            "POST", f"/plan-sets/{draft['id']}/check", {"why": "test"}, who="engineer"
        )
        if feature is None:
            assert (checked["state"], checked["findings"]) == ("checked", [])
            return
        assert checked["state"] == "refused"
        (finding,) = checked["findings"]
        assert finding.startswith(f"{found[0].junction}: ")
        assert feature in finding
        assert found[0].site in finding or "day type" in finding

    bridging(tmp_path, found, test, connect=False)


def test_another_order_of_stages_is_refused_and_so_is_a_junction_whose_file_is_wrong(tmp_path: Path) -> None:
    first, second = capabilities(2)
    seconds = tuple(base + 10 for base in (first.plans[0].base_s[0], *first.plans[0].base_s[:0:-1]))
    turned = tuple(
        type(plan)(
            **{
                **vars(plan),
                "stages": plan.stages[:1] + plan.stages[:0:-1],
                "base_s": seconds,
                "bands": (),
                "remainder": 1,
            }
        )
        for plan in first.plans
    )
    assert len(turned[0].stages) > 2
    loose = type(second)(**{**vars(second), "intergreens": {}})

    async def test(made: Bridged) -> None:
        draft = await made.service.done(
            "POST", "/plan-sets", {"document": one(document(), 2), "why": "t"}, who="engineer", status=201
        )
        checked = await made.service.done(
            "POST", f"/plan-sets/{draft['id']}/check", {"why": "test"}, who="engineer"
        )
        order, unusable = checked["findings"]
        assert "stage order: must be an order of stages that the controller has stored" in order
        assert "capability file cannot be used" in unusable
        assert "intergreen from" in unusable

    bridging(tmp_path, [type(first)(**{**vars(first), "plans": turned}), loose], test, connect=False)


def test_what_was_approved_is_looked_at_again_when_it_is_published(tmp_path: Path) -> None:
    found = capabilities(1)

    async def test(made: Bridged) -> None:
        new = {"document": one(document()), "why": "test"}
        draft = await made.service.done("POST", "/plan-sets", new, who="engineer", status=201)
        for step, who in (("check", "engineer"), ("approve", "approver")):
            await made.service.done("POST", f"/plan-sets/{draft['id']}/{step}", {"why": "test"}, who=who)
        made.bridge.sites.unusable[found[0].junction] = "it was replaced"
        answer = await made.service.ask(
            "POST", f"/plan-sets/{draft['id']}/publish", {"why": "test"}, who="approver"
        )
        assert answer.status_code == 422
        assert "it was replaced" in answer.json()["detail"]
        assert made.service.centre.plans.plan_set(draft["id"]).state is SetState.APPROVED

    bridging(tmp_path, found, test, connect=False)


def test_time_tables_are_used_again_and_those_in_use_are_not_written_over() -> None:
    one_, other, third = ((0, 1), (390, 2)), ((0, 1),), ((0, 3),)
    days = (one_,) * 5 + (other,) * 2
    week, rows = time_tables(days, dict.fromkeys(range(7), 1), (Switch(1, 9, 0, 0),), "s")
    assert week == {0: 2, 1: 2, 2: 2, 3: 2, 4: 2, 5: 3, 6: 3}
    assert Switch(1, 9, 0, 0) in rows
    assert days_of(week, rows) == days
    again, same = time_tables(days, week, rows, "s")
    assert (again, set(same)) == (week, set(rows) - {Switch(1, 9, 0, 0)})
    later, more = time_tables((third,) * 7, week, rows, "s")
    assert set(later.values()).isdisjoint(week.values())
    assert days_of(week, more) == days


def test_the_junctions_of_the_tests_have_stages_that_can_be_put_in_another_order() -> None:
    assert len(junctions()) >= 2
    assert len(document()["plans"][0]["stages"]) > 2
