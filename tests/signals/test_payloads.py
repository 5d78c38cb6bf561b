"""What is signed for controllers."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from signals.lifecycle.records import GroupRecord, OrderMode, PlanSetRecord, Slot
from signals.payloads import (
    activation_payload,
    cycles_of,
    order_payload,
    plan_payload,
    read_schedule_document,
)
from signals.plan import PlanSet
from signals.schedule import DAYS, DayType, Entry, Schedule
from signals.schedule_wire import schedule_to_dict
from signals.wire import plan_from_dict, plans_to_dict
from tests.signals.hand_plans import crossroads_plans
from traffic.errors import InputError

NOW = datetime(2026, 11, 27, 7, 0, tzinfo=UTC)


def three_junctions() -> PlanSet:
    (plan,) = crossroads_plans()
    plans = [
        replace(plan, junction=replace(plan.junction, index=row, key=key), offset_s=20 * row)
        for row, key in enumerate("abc")
    ]
    return PlanSet("day", "three", tuple(plans))


@pytest.fixture
def plans() -> PlanSet:
    return three_junctions()


@pytest.fixture
def junctions(plans: PlanSet) -> dict:
    return {plan.junction.key: plan.junction for plan in plans}


def two_sets(plans: PlanSet) -> Schedule:
    longer = plans.with_plans(
        [plan.with_durations([d + 10 for d in plan.durations_s]) for plan in plans], name="peak"
    )
    days = DayType("every day", DAYS, (Entry(0, "day"), Entry(7 * 3600, "peak"), Entry(10 * 3600, "day")))
    return Schedule("week", "three", (plans, longer), (days,))


def record(keys: tuple[str, ...], **changes: object) -> PlanSetRecord:
    groups = {"group 1": GroupRecord("group 1", keys)}
    new = PlanSetRecord("s1", "week", Slot.BASE, "Aigerim", "d", NOW, groups)
    return replace(new, **changes)  # type: ignore[arg-type]


def test_a_plan_set_is_a_schedule_for_all_times(plans: PlanSet, junctions: dict) -> None:
    schedule = read_schedule_document(plans_to_dict(plans), junctions)
    assert [plan.offset_s for plan in schedule.plan_sets[0]] == [0, 20, 40]
    assert schedule.day_types[0].days == DAYS
    assert cycles_of(schedule) == {"a": [80], "b": [80], "c": [80]}


def test_a_set_may_be_for_some_junctions(plans: PlanSet, junctions: dict) -> None:
    document = plans_to_dict(plans)
    document["plans"] = document["plans"][1:]
    schedule = read_schedule_document(document, junctions)
    assert [plan.junction.key for plan in schedule.plan_sets[0]] == ["b", "c"]


def test_a_schedule_for_some_junctions_is_for_the_same_ones_in_every_set(
    plans: PlanSet, junctions: dict
) -> None:
    document = schedule_to_dict(two_sets(plans))
    for plan_set in document["plan_sets"]:
        del plan_set["plans"][0]
    assert cycles_of(read_schedule_document(document, junctions)) == {"b": [80, 110], "c": [80, 110]}
    del document["plan_sets"][1]["plans"][0]
    with pytest.raises(InputError, match=r"plan_sets\[1\], plans: must hold a plan for every junction"):
        read_schedule_document(document, junctions)


def test_the_payload_of_a_junction_has_its_plans_under_the_names_of_their_sets(
    plans: PlanSet, junctions: dict
) -> None:
    schedule = two_sets(plans)
    until = NOW + timedelta(days=1)
    payload = plan_payload(
        schedule, 1, record(("a", "b", "c"), valid_until=until), 7, issued_at=NOW, time_zone="Asia/Almaty"
    )
    plain = json.loads(json.dumps(payload))
    assert {name: plain[name] for name in plain if name not in {"plans", "day_types"}} == {
        "junction": "b",
        "version": 7,
        "slot": "base",
        "release": "s1",
        "group": "group 1",
        "tables": junctions["b"].digest,
        "issued_at": "2026-11-27T07:00:00.000Z",
        "activate_from": "2026-11-27T07:00:00.000Z",
        "valid_until": "2026-11-28T07:00:00.000Z",
        "epoch": "1970-01-01T00:00:00Z",
        "time_zone": "Asia/Almaty",
    }
    read = [plan_from_dict(plan, junctions) for plan in plain["plans"]]
    assert [(plan.name, plan.version, plan.cycle_s) for plan in read] == [("day", 7, 80), ("peak", 7, 110)]
    assert [entry["plans"] for entry in plain["day_types"][0]["entries"]] == ["day", "peak", "day"]


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (None, "format: must be 'jasyl-plans' or 'jasyl-schedule'"),
        ({"format": "x"}, "format: must be"),
        ({"format": "jasyl-plans"}, "plans: must have a plan"),
        ({"format": "jasyl-plans", "plans": [7]}, "plans: must have a plan"),
        ({"format": "jasyl-schedule", "plan_sets": [{"plans": {}}]}, "plans: must have a plan"),
    ],
)
def test_what_is_no_plan_set_is_refused(document: object, text: str, junctions: dict) -> None:
    with pytest.raises(InputError, match=text):
        read_schedule_document(document, junctions)


def test_an_unknown_junction_is_refused(plans: PlanSet, junctions: dict) -> None:
    document = plans_to_dict(plans)
    document["plans"][2]["junction"] = "d"
    with pytest.raises(InputError, match=r"plans\[2\]: junction: must be the key of a junction"):
        read_schedule_document(document, junctions)


def test_activations_and_orders_say_what_they_are_for() -> None:
    until = NOW + timedelta(hours=1)
    assert activation_payload("a", 7, Slot.EVENT, issued_at=NOW, activate_at=NOW, until=until) == {
        "junction": "a",
        "version": 7,
        "slot": "event",
        "issued_at": "2026-11-27T07:00:00.000Z",
        "activate_at": "2026-11-27T07:00:00.000Z",
        "until": "2026-11-27T08:00:00.000Z",
    }
    assert order_payload("a", 9, OrderMode.SLOT, Slot.BASE, issued_at=NOW, expires_at=until) == {
        "junction": "a",
        "sequence": 9,
        "mode": "slot",
        "slot": "base",
        "issued_at": "2026-11-27T07:00:00.000Z",
        "expires_at": "2026-11-27T08:00:00.000Z",
    }
