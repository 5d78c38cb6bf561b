"""What has ended is left: events that expire or are withdrawn on the way to them, and orders by the controller's own count."""

from __future__ import annotations

import pytest

from simulation.controller.days import Method, local_programme
from simulation.controller.gate import checked_plan
from simulation.controller.lamps import red_row
from simulation.controller.runner import Mode, Order, Release, Runner
from simulation.controller.tables import Tables
from tests.signals.hand_plans import crossroads_junction
from tests.simulation.controller.ref_stream import stream_faults
from tests.simulation.controller.safe_plans import always
from tests.simulation.controller.signing_desk import NOW, Service, plan_values
from tests.simulation.controller.tables_for_tests import tables_of

WALL = 1_000_000
HOUR = 3600


def _release(tables: Tables, version: int, slot: str, offset_s: int, until_s: float | None = None) -> Release:
    plan = checked_plan(plan_values(f"offset {offset_s}", offset_s=offset_s), tables)
    return Release(version, slot, always(plan, Method.LONGWAY), 0.0, until_s)


@pytest.mark.parametrize("withdrawn", [False, True])
def test_a_way_to_an_event_that_is_over_is_given_up_in_that_second(*, withdrawn: bool) -> None:
    tables = tables_of(crossroads_junction())
    base = _release(tables, 1, "base", 0)
    runner = Runner(tables, always(checked_plan(plan_values("local"), tables)))
    runner.take({"base": (base,)})
    seen, rows = [], []
    for wall in range(WALL, WALL + 900):
        if wall == WALL + 300:
            end = None if withdrawn else WALL + 310.0
            runner.take({"base": (base,), "event": (_release(tables, 2, "event", 40, end),)})
        if withdrawn and wall == WALL + 310:
            runner.take({"base": (base,)})
        runner.heard()
        rows.append(runner.step(wall))
        seen.append(runner.in_force())
    # 40 s of offset are 280 s on the long way round: three cycles of 93 and 94 s, all after the event.
    assert [wall for wall, now in enumerate(seen) if now.version == 2] == list(range(300, 310))
    assert not any(now.in_step for now in seen[300:310])
    assert all(now.version == 1 for now in seen[310:])
    assert seen[-1].in_step
    assert stream_faults(tables, rows) == []


@pytest.mark.parametrize("slot", ["event", "base"])
def test_a_way_to_a_plan_goes_on_where_it_is_only_superseded(slot: str) -> None:
    """By an event that stands above, or by a newer version of its slot, for which it is forgotten."""
    tables = tables_of(crossroads_junction())
    runner = Runner(tables, always(checked_plan(plan_values("local"), tables)))
    runner.take({"base": (_release(tables, 1, "base", 0),)})
    versions = []
    for wall in range(WALL, WALL + 1500):
        if wall == WALL + 300:
            runner.take({"base": (_release(tables, 3, "base", 40),)})
        if wall == WALL + 310:
            runner.take(runner.releases | {slot: (_release(tables, 4, slot, 20),)})
        runner.heard()
        runner.step(wall)
        versions.append(runner.in_force().version)
    begun = versions.index(4)
    assert versions[300:] == [3] * (begun - 300) + [4] * (1500 - begun)
    assert (
        280 <= begun - 300 <= 280 + 80 + 3
    )  # three cycles of 93 and 94 s, from the start of the next one on
    assert runner.in_force().in_step


@pytest.mark.parametrize("slow_s", [0, 1, 6 * HOUR])
def test_an_order_lasts_no_longer_than_it_was_given_for_however_slow_the_clock_is(slow_s: int) -> None:
    service = Service()
    tables = service.tables
    runner, wall = Runner(tables, local_programme(tables)), int(NOW) - slow_s
    red = red_row(tables)
    for second in range(wall - 300, wall):
        runner.heard()
        runner.step(second)
    runner.give(Order(1, Mode.ALL_RED, None, NOW + 60, NOW), wall)
    shown = []
    for second in range(wall, wall + 200):
        runner.heard()
        runner.step(second)
        shown.append(runner.in_force().source)
    assert shown == ["order"] * 60 + ["local"] * 140
    assert runner.row != red


def test_an_order_ends_when_it_expires_by_a_clock_that_is_right_and_heard_of_it_late() -> None:
    tables = Service().tables
    runner = Runner(tables, local_programme(tables))
    runner.give(Order(1, Mode.FLASH, None, 1060.0, 1000.0), 1040)
    shown = []
    for second in range(1040, 1100):
        runner.step(second)
        shown.append(runner.in_force().source)
    assert shown == ["order"] * 20 + ["local"] * 40
