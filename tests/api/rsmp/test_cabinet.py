"""A virtual controller behind a site: what the supervisor sets is what the lamps show, and the gate has the last word."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from api.rsmp.errors import NotAcknowledgedError
from signals.aspects import Aspect
from signals.rsmp.commands import SetBands
from signals.rsmp.commissioning import require_junction
from signals.rsmp.lists import Switch
from signals.rsmp.mapping import RsmpPlan, mapped
from signals.wire import plan_from_dict, plan_to_dict
from simulation.controller.lamps import Lamp, flash_row
from simulation.controller.latch import Latch
from simulation.controller.rsmp_cabinet import CabinetModel
from tests.api.rsmp.world import SETTINGS, world
from tests.signals.rsmp.samples import SITE
from tests.signals.rsmp.sites import made_crossing, site, two_stages
from tests.simulation.controller.tables_for_tests import tables_of
from traffic.errors import InputError

_JUNCTION = made_crossing(names=("N", "E", "S", "W"), intergreen_s=5, together=((0, 2), (1, 3)))
_TABLES = tables_of(_JUNCTION)
_FIVE = {(one, other): 5 for one in "NSEW" for other in "NSEW" if (one in "NS") != (other in "NS")}
_CAPABILITY = site(intergreens=_FIVE)
_START = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)


class _Street:
    """A controller, and time that goes by as fast as it can."""

    def __init__(self, capability=_CAPABILITY, latch: Latch | None = None) -> None:
        self.at = _START
        self.model = CabinetModel(capability, _TABLES, clock=lambda: self.at, latch=latch)
        self.rows: list[tuple[int, bytes]] = []

    def pass_by(self, seconds: int) -> None:
        for _ in range(seconds):
            self.at += timedelta(seconds=1)
            second = int(self.at.timestamp())
            self.rows.append((second, self.model.step(second)))
        assert self.model.runner.monitor.fault is None

    async def run(self) -> None:
        while True:
            self.pass_by(1)
            await asyncio.sleep(0)


def _greens(street: _Street, seconds: int) -> list[set[int]]:
    """Return which groups are green in each of the last seconds."""
    rows = street.rows[-seconds:]
    return [{group for group, lamp in enumerate(row) if lamp == Lamp.GREEN} for _, row in rows]


def _expected(document: dict[str, object], street: _Street, seconds: int) -> list[set[int]]:
    plan = plan_from_dict(document, {_JUNCTION.key: _JUNCTION})
    shown = plan.expand()
    columns = [(second - plan.offset_s) % plan.cycle_s for second, _ in street.rows[-seconds:]]
    return [set((shown[:, column] == Aspect.GREEN).nonzero()[0].tolist()) for column in columns]


@asynccontextmanager
async def _living(street: _Street, capability=_CAPABILITY):
    settings = replace(SETTINGS, subscriptions=(), poll_s=0.001, activation_s=20.0)
    async with world(capability, settings=settings) as made:
        started, _ = made.site(model=street.model)
        await made.ready(started)
        time = asyncio.create_task(street.run())
        try:
            yield made
        finally:
            time.cancel()


def _document(first_s: int, second_s: int, offset_s: int) -> dict[str, object]:
    rows = [{"groups": ["N", "S"], "duration_s": first_s}, {"groups": ["E", "W"], "duration_s": second_s}]
    values = {"junction": _JUNCTION.key, "digest": _JUNCTION.digest, "name": "", "version": 1}
    return {**values, "cycle_s": first_s + second_s, "offset_s": offset_s, "stages": rows}


def test_a_plan_is_prepared_activated_and_shown_as_its_document_says():
    require_junction(_CAPABILITY, _JUNCTION)
    document = _document(40, 50, 73)
    assert plan_to_dict(plan_from_dict(document, {_JUNCTION.key: _JUNCTION})) == document

    async def run() -> _Street:
        street = _Street()
        async with _living(street) as made:
            running = await made.supervisor.active_plan(SITE)
            plan = mapped(document, _CAPABILITY, avoid=running.plan)
            await made.supervisor.prepare(SITE, plan)
            await made.supervisor.activate(SITE, plan.number, expected=plan)
        return street

    street = asyncio.run(run())
    street.pass_by(180)
    assert _greens(street, 180) == _expected(document, street, 180)
    assert any(_greens(street, 180))
    assert street.model.groups() == "".join(
        {Lamp.GREEN: "1", Lamp.RED: "B", Lamp.YELLOW: "N", Lamp.RED_AMBER: "0"}[lamp]
        for lamp in street.rows[-1][1]
    )


def test_modes_are_told_when_the_lamps_are_there():
    async def run() -> None:
        street = _Street()
        async with _living(street) as made:
            await made.supervisor.set_mode(SITE, "YellowFlash")
            assert street.model.groups() == "cccc"
            await made.supervisor.set_mode(SITE, "Dark")
            assert street.model.groups() == "aaaa"
            await made.supervisor.set_mode(SITE, "NormalControl")
            assert street.model.control_mode() == "control"

    asyncio.run(run())


def test_the_gate_has_the_last_word():
    """A capability file that lets 7 s pass for a green of 5 s and an intergreen of 5 s: prepared, and never run."""
    loose = two_stages(2, base_s=(5, 45), remainder=None, cycle_range_s=(40, 120))
    capability = site(two_stages(1), loose, intergreens=_FIVE)
    with pytest.raises(InputError, match="stage 1: must be 10 s or more"):
        require_junction(capability, _JUNCTION)
    with pytest.raises(InputError):  # not even as it is stored
        CabinetModel(site(replace(loose, cycle_s=50)), _TABLES, clock=lambda: _START)

    async def run() -> None:
        street = _Street(capability)
        async with _living(street, capability) as made:
            await made.supervisor.prepare(SITE, RsmpPlan(2, 52, 0, ((1, 2),)))
            with pytest.raises(NotAcknowledgedError, match="M0002 was not acknowledged"):
                await made.supervisor.activate(SITE, 2)
            await made.supervisor.prepare(SITE, RsmpPlan(2, 55, 0, ((1, 5),)))
            await made.supervisor.activate(SITE, 2)
            with pytest.raises(NotAcknowledgedError):
                async with made.supervisor._to(SITE) as orders:
                    await orders.command(_bands(2, 2))
            assert street.model.plans()[2].bands == {1: 5}

    asyncio.run(run())


def test_a_stored_plan_that_is_half_set_cannot_be_chosen_and_one_that_runs_cannot_be_spoilt():
    async def run() -> None:
        street = _Street()
        async with _living(street) as made:
            street.model.set_bands(2, {1: 60})  # 75 s in a cycle of 60 s: stored, and not to be run
            with pytest.raises(NotAcknowledgedError, match="other stages leave"):
                await made.supervisor.activate(SITE, 2)
            with pytest.raises(NotAcknowledgedError, match="other stages leave"):
                async with made.supervisor._to(SITE) as orders:
                    await orders.command(_bands(1, 60))
            assert street.model.plans()[1].bands == {1: 0}
            await made.supervisor.prepare(SITE, RsmpPlan(2, 110, 0, ((1, 60),)))
            await made.supervisor.activate(SITE, 2)

    asyncio.run(run())


def _bands(plan: int, seconds: int):
    return SetBands(plan=plan, bands={1: seconds})


def test_a_time_table_that_chooses_what_the_gate_refuses_changes_nothing():
    street = _Street()
    street.pass_by(60)
    street.model.set_bands(2, {1: 60})
    street.model.set_time_tables((Switch(1, 2, 0, 0),))
    street.pass_by(300)
    assert street.model.plan()[0] == 1
    street.model.set_cycle(2, 110)
    street.pass_by(600)
    assert street.model.plan() == (2, "calendar_clock")


def test_no_word_of_the_supervisor_resets_the_monitor_and_a_person_does(tmp_path):
    told: list[tuple[str, bool]] = []

    def go(street: _Street, seconds: int) -> set[bytes]:
        rows = set()
        for _ in range(seconds):
            street.at += timedelta(seconds=1)
            rows.add(street.model.step(int(street.at.timestamp())))
        return rows

    def started() -> _Street:
        street = _Street(latch=Latch(tmp_path))
        street.model.tell = lambda alarm: told.append((alarm.code, alarm.active))
        return street

    street = started()
    street.pass_by(100)
    street.model.runner._second += 1  # one that nobody has shown
    go(street, 1)
    assert told == [("A0006", True)]
    for act in (
        lambda: street.model.set_mode("YellowFlash", 0, 0),
        lambda: street.model.set_mode("NormalControl", 0, 0),
        lambda: street.model.set_plan(1),
        lambda: street.model.set_clock(street.at + timedelta(hours=1)),
        lambda: street.model.acknowledge(_CAPABILITY.component, "A0006"),
        lambda: street.model.suspend(_CAPABILITY.component, "A0006", suspended=True),
        street.model.restart,
    ):
        act()
        assert go(street, 60) == {flash_row(_TABLES)}
        assert street.model.control_mode() == "failure"
    at = street.at
    street = started()  # the power has failed
    street.at = at
    assert go(street, 60) == {flash_row(_TABLES)}
    assert told == [("A0006", True)] * 2
    Latch(tmp_path).ask("A. Person", "wiring checked", at.timestamp())
    go(street, 300)
    assert told == [("A0006", True)] * 2 + [("A0006", False)]
    assert street.model.control_mode() == "control"


def test_tables_of_another_order_of_groups_are_refused():
    with pytest.raises(InputError, match="in its order"):
        CabinetModel(_CAPABILITY, tables_of(made_crossing(intergreen_s=5)), clock=lambda: _START)


def test_what_the_monitor_sees_is_an_alarm():
    street, told = _Street(), []
    street.pass_by(60)
    street.model.tell = told.append
    monitor, second = street.model.runner.monitor, street.model.runner.second
    monitor.screen(second + 1, bytes([Lamp.GREEN] * 4))  # as if wires had touched
    street.model.runner._second += 1
    street.at += timedelta(seconds=2)
    row = street.model.step(int(street.at.timestamp()))
    assert set(row) == {Lamp.FLASHING_YELLOW}
    assert [(alarm.code, alarm.active) for alarm in told] == [("A0006", True)]
    assert street.model.control_mode() == "failure"
    assert street.model.aggregated()[3]
    street.model.step(int(street.at.timestamp()) + 1)
    assert len(told) == 1
