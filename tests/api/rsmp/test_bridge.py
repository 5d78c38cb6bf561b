"""The whole way of plans to RSMP sites: from the ledger over real sockets into controllers in memory, and back."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from signals.lifecycle.records import GroupState, SetState, Slot
from signals.rsmp.mapping import RsmpPlan, shown
from simulation.controller.rsmp_memory import MemoryModel
from tests.api.rsmp.bridging import Bridged, bridged, bridging, capabilities, until
from tests.api.service.centres import Clock
from tests.api.service.test_plan_sets import document

if TYPE_CHECKING:
    from pathlib import Path


def shown_by(made: Bridged, key: str) -> tuple[int, list[tuple[list[str], int]]]:
    """Return offset and stages of what the controller of a junction runs."""
    capability, model = made.capabilities[key], made.models[key]
    number = model.plan()[0]
    settings = model.plans()[number]
    plan = RsmpPlan(number, settings.cycle_s, settings.offset_s, tuple(sorted(settings.bands.items())))
    found = shown(plan, capability)
    return found["offset_s"], [(stage["groups"], stage["duration_s"]) for stage in found["stages"]]


def wanted(plan: dict) -> tuple[int, list[tuple[list[str], int]]]:
    return plan["offset_s"], [(sorted(stage["groups"]), stage["duration_s"]) for stage in plan["stages"]]


def changed(offset_s: int = 0, **more: object) -> dict:
    """Return the plans of the tests with other offsets."""
    plans = [
        {**plan, "offset_s": (plan["offset_s"] + offset_s) % plan["cycle_s"]} for plan in document()["plans"]
    ]
    return {**document(), "plans": plans, **more}


def one(plans: dict, count: int = 1) -> dict:
    """Return the plans of the first junctions."""
    return {**plans, "plans": plans["plans"][:count]}


async def accepted(made: Bridged, plan_set: str) -> None:
    await made.service.until(
        lambda: made.service.centre.plans.plan_set(plan_set).state is not SetState.PUBLISHED
    )


async def in_force(made: Bridged, plan_set: str) -> None:
    await made.service.until(lambda: made.service.centre.plans.plan_set(plan_set).state is SetState.IN_FORCE)


async def activated(made: Bridged, plan_set: str) -> None:
    centre = made.service.centre
    await made.service.until(
        lambda: all(group.activate_at for group in centre.plans.plan_set(plan_set).groups.values())
    )


async def brought_into_force(made: Bridged, plans: dict, **more: object) -> str:
    plan_set = await made.service.published(plans, **more)
    await accepted(made, plan_set)
    await activated(made, plan_set)
    made.service.clock.wait(seconds=11)
    await in_force(made, plan_set)
    return plan_set


def test_a_plan_set_is_accepted_activated_and_in_force_at_every_site(tmp_path: Path) -> None:
    found = capabilities()

    async def test(made: Bridged) -> None:
        plan_set = await made.service.published(document())
        await accepted(made, plan_set)
        await activated(made, plan_set)
        for key, model in made.models.items():
            assert model.plan() == (1, "startup"), key  # accepted is not shown
        made.service.clock.wait(seconds=9)
        await asyncio.sleep(1.2)
        assert {model.plan()[0] for model in made.models.values()} == {1}
        made.service.clock.wait(seconds=2)
        await in_force(made, plan_set)
        for plan in document()["plans"]:
            assert made.models[plan["junction"]].plan() == (2, "forced")
            assert shown_by(made, plan["junction"]) == wanted(plan)
        rows = await made.service.done("GET", "/ledger", who="admin")
        names = {row["who"] for row in rows["entries"] if row["kind"] == "junction.running"}
        assert names == {f"controller:{key}" for key in made.models}

    bridging(tmp_path, found, test)


def test_each_version_goes_into_the_stored_plan_that_does_not_run(tmp_path: Path) -> None:
    found = capabilities(1)
    key = found[0].junction

    async def test(made: Bridged) -> None:
        for round_ in range(4):
            plans = one(changed(3 * round_))
            await brought_into_force(made, plans)
            assert made.models[key].plan() == (2 - round_ % 2, "forced")
            assert shown_by(made, key) == wanted(plans["plans"][0])
        same = await brought_into_force(made, plans)  # it is there already: the same stored plan goes on
        assert made.models[key].plan() == (1, "forced")
        assert made.service.centre.plans.junction(key).slot(Slot.BASE).current.plan_set == same

    bridging(tmp_path, found, test)


def test_what_is_read_back_otherwise_is_refused_with_the_difference(tmp_path: Path) -> None:
    found = capabilities(2)
    bad = found[0].junction

    async def test(made: Bridged) -> None:
        model = made.models[bad]
        honest = model.set_offset
        model.set_offset = lambda plan, offset_s: honest(plan, (offset_s + 1) % 60)
        plan_set = await made.service.published(
            one(document(), 2), groups={"both": [c.junction for c in found]}
        )
        await made.service.until(lambda: made.service.centre.plans.plan_set(plan_set).state is SetState.KEPT)
        assert made.service.centre.plans.junction(bad).refused == {1}
        (alarm,) = made.service.centre.plans.alarms.values()
        assert "S0024, plan 2 must be" in alarm.text
        assert "was read back" in alarm.text
        assert {model.plan() for model in made.models.values()} == {(1, "startup")}

    bridging(tmp_path, found, test)


def test_the_service_is_restarted_at_every_stage(tmp_path: Path) -> None:
    found = capabilities(1)
    models: dict = {}
    clock = Clock()
    again = {"models": models, "clock": clock}

    async def run() -> None:
        async with bridged(tmp_path, found, connect=False, **again) as made:
            await made.service.staff()
            plan_set = await made.service.published(one(document()))
        async with bridged(tmp_path, found, first_id=10_000, **again) as made:  # published, not accepted
            model = models[found[0].junction]
            await accepted(made, plan_set)
            await activated(made, plan_set)
            assert model.plan()[0] == 1
        clock.wait(seconds=11)
        async with bridged(tmp_path, found, first_id=20_000, **again) as made:  # activated, not in force
            await in_force(made, plan_set)
            assert model.plan() == (2, "forced")
        async with bridged(tmp_path, found, first_id=30_000, **again) as made:  # in force: nothing is done
            orders: list = []
            model.set_plan = orders.append
            await until(lambda: made.bridge.sites.by_junction[found[0].junction].shown == 1)
            assert orders == []
            assert model.plan() == (2, "forced")

    asyncio.run(run())


def test_a_site_that_comes_back_with_nothing_is_given_what_is_in_force(tmp_path: Path) -> None:
    found = capabilities(1)
    key = found[0].junction

    async def test(made: Bridged) -> None:
        await brought_into_force(made, one(document()))
        await made.disconnect(key)
        del made.models[key]  # a new controller, with what it was delivered with
        made.connect(found[0])
        await until(lambda: made.models[key].plan() == (2, "forced"))
        assert shown_by(made, key) == wanted(document()["plans"][0])

    bridging(tmp_path, found, test)


def test_a_site_that_is_away_until_the_deadline_leaves_its_group_as_it_is(tmp_path: Path) -> None:
    found = capabilities(2)
    away = found[1].junction

    async def test(made: Bridged) -> None:
        made.connect(found[0])
        plan_set = await made.service.published(
            one(document(), 2), groups={"both": [c.junction for c in found]}
        )
        centre = made.service.centre
        await made.service.until(
            lambda: centre.plans.plan_set(plan_set).groups["both"].accepted == {found[0].junction}
        )
        made.service.clock.wait(seconds=130)
        await made.service.until(lambda: centre.plans.plan_set(plan_set).state is SetState.KEPT)
        made.connect(found[1])
        await until(lambda: made.bridge.sites.by_junction[away].connected_at is not None)
        await made.sites[away].told()
        assert {model.plan() for model in made.models.values()} == {(1, "startup")}
        assert centre.plans.junction(away).slot(Slot.BASE).pending is None
        assert centre.plans.plan_set(plan_set).groups["both"].state is GroupState.KEPT

    bridging(tmp_path, found, test, connect=False)


def test_an_event_ends_by_itself_and_the_day_goes_on(tmp_path: Path) -> None:
    found = capabilities(1, numbers=(1, 2, 3))
    key = found[0].junction

    async def test(made: Bridged) -> None:
        model = made.models[key]
        day, event = one(document()), one(changed(9, name="match"))
        await brought_into_force(made, day)
        ends = "2026-11-27T08:00:00Z"
        await brought_into_force(made, event, slot="event", valid_until=ends)
        assert shown_by(made, key) == wanted(event["plans"][0])
        # Another plan of the day waits beneath it, in the one stored plan that is left.
        beneath = model.plans()[2]
        later = one(changed(21))
        waiting = await made.service.published(later)
        await activated(made, waiting)
        assert model.plans()[2] == beneath  # what the day has is not written over
        assert shown_by(made, key) == wanted(event["plans"][0])
        made.service.clock.wait(hours=1)
        await in_force(made, waiting)
        assert shown_by(made, key) == wanted(later["plans"][0])
        assert model.plan()[1] == "forced"

    bridging(tmp_path, found, test)


def test_what_replaces_the_day_later_leaves_it_until_then(tmp_path: Path) -> None:
    found = capabilities(1, numbers=(1, 2, 3))
    key = found[0].junction

    async def test(made: Bridged) -> None:
        today, tomorrow = one(document()), one(changed(15))
        await brought_into_force(made, today)
        plan_set = await made.service.published(tomorrow, activate_from="2026-11-28T00:00:00Z")
        await accepted(made, plan_set)
        await activated(made, plan_set)
        await made.disconnect(key)
        del made.models[key]  # it is empty again, and today's plan is found in the set that was before
        made.connect(found[0])
        await until(lambda: made.models[key].plan()[1] == "forced")
        assert shown_by(made, key) == wanted(today["plans"][0])
        made.service.clock.wait(hours=17, seconds=1)
        await in_force(made, plan_set)
        assert shown_by(made, key) == wanted(tomorrow["plans"][0])

    bridging(tmp_path, found, test)


def test_a_controller_whose_clock_is_off_is_set_right(tmp_path: Path) -> None:
    found = capabilities(1)
    key = found[0].junction

    async def test(made: Bridged) -> None:
        model = MemoryModel(found[0], clock=made.service.clock)
        model.set_clock(made.service.clock() - timedelta(hours=3))
        made.models[key] = model
        made.connect(found[0])
        await until(lambda: abs(model.now() - made.service.clock()) < timedelta(seconds=2))

    bridging(tmp_path, found, test, connect=False)


def test_another_cycle_is_set(tmp_path: Path) -> None:
    found = capabilities(1)
    key = found[0].junction

    async def test(made: Bridged) -> None:
        (plan,) = one(document())["plans"]
        for more in (20, 5):
            longer = {
                **plan,
                "cycle_s": plan["cycle_s"] + more,
                "stages": [dict(row) for row in plan["stages"]],
            }
            longer["stages"][0]["duration_s"] += more
            await brought_into_force(made, {**document(), "plans": [longer]})
            assert shown_by(made, key) == wanted(longer)

    bridging(tmp_path, found, test)


def test_a_controller_that_comes_into_step_first_is_given_time(tmp_path: Path) -> None:
    found = capabilities(1)
    key = found[0].junction

    async def test(made: Bridged) -> None:
        model = MemoryModel(found[0], clock=made.service.clock, seconds_to_change=90.0)
        made.models[key] = model
        made.connect(found[0])
        ordered = asyncio.Event()
        plain = model.set_plan
        model.set_plan = lambda number: (ordered.set(), plain(number))
        plan_set = await made.service.published(one(document()))
        await activated(made, plan_set)
        made.service.clock.wait(seconds=11)
        async with asyncio.timeout(10):
            await ordered.wait()
        assert model.plan() == (1, "startup")
        assert made.service.centre.plans.plan_set(plan_set).state is SetState.ACKNOWLEDGED
        made.service.clock.wait(seconds=91)
        await in_force(made, plan_set)
        assert model.plan() == (2, "forced")
        assert not made.service.centre.plans.alarms

    bridging(tmp_path, found, test, connect=False)
