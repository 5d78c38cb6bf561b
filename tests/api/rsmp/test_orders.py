"""Our site against our supervisor, over sockets: every command and status, in every version."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from api.rsmp.errors import NotAcknowledgedError, NotConnectedError, PlanRunsError, ReadBackError
from signals.rsmp import statuses
from signals.rsmp.commands import RequestPriority
from signals.rsmp.lists import Switch
from signals.rsmp.mapping import RsmpPlan, mapped
from signals.rsmp.messages import StatusName, StatusRequest, StatusResponse, Subscription
from signals.rsmp.security import SecurityCode, SecurityCodes
from signals.rsmp.statuses import names_of
from signals.rsmp.sxl_table import COMMANDS, STATUSES
from signals.rsmp.versions import CORE_VERSIONS, SXL_VERSIONS
from simulation.controller.rsmp_memory import MemoryModel
from tests.api.rsmp.world import SETTINGS, Wire, now, world
from tests.signals.rsmp.samples import CODES, SITE
from tests.signals.rsmp.schemas import validator
from tests.signals.rsmp.sites import site, two_stages
from traffic.errors import InputError

_PLAN = RsmpPlan(2, 90, 17, ((1, 25),))
_GROUP = site().groups[0].component


async def _everything(supervisor, model):
    """Give every order that there is, and look into the controller after each."""
    document = {"junction": "osm:1", "digest": "", "name": "", "version": 1, "cycle_s": 90, "offset_s": 73}
    document["stages"] = [{"groups": ["N", "S"], "duration_s": 40}, {"groups": ["E", "W"], "duration_s": 50}]
    running = await supervisor.active_plan(SITE)
    assert (running.plan, running.source) == (1, "startup")
    plan = mapped(document, site(), avoid=running.plan)
    assert plan == _PLAN
    prepared = await supervisor.prepare(SITE, plan)
    assert dict(prepared.values) == {
        "S0014": 1,
        "S0028, plan 2": 90,
        "S0024, plan 2": 17,
        "S0023, plan 2, band 1": 25,
    }
    assert model.plan() == (1, "startup")
    activated = await supervisor.activate(SITE, 2, expected=plan)
    assert activated.values == (("S0014", 2),)
    assert model.plan() == (2, "forced")
    for mode in ("YellowFlash", "Dark", "NormalControl"):
        await supervisor.set_mode(SITE, mode, timeout_min=5)
        assert model.mode() == (mode, "forced")
    await supervisor.set_week(SITE, dict.fromkeys(range(7), 2))
    assert model.week() == dict.fromkeys(range(7), 2)
    switches = (Switch(2, 2, 0, 0), Switch(2, 2, 23, 59))
    await supervisor.set_time_tables(SITE, switches)
    assert model.time_tables() == switches
    released = await supervisor.release(SITE)
    assert dict(released.values) == {"S0014": 2, "S0014, source": "calendar_clock"}
    model.set_clock(now() - timedelta(hours=5))
    await supervisor.set_clock(SITE)
    assert abs(model.now() - now()) < timedelta(seconds=2)
    asked = await supervisor.request_priority(
        SITE, RequestPriority(request="bus 12", kind="new", level=7, group=_GROUP, eta_s=9, vehicle="bus")
    )
    assert asked.state == "activated"
    await supervisor.request_priority(SITE, RequestPriority(request="bus 12", kind="update", level=9))
    over = await supervisor.request_priority(SITE, RequestPriority(request="bus 12", kind="cancel", level=9))
    assert over is None or over.state == "completed"
    assert not [row for row in model.priorities() if row.state == "activated"]


async def _alarms(supervisor, started, model):
    started.tell_alarm(model.set_alarm(_GROUP, "A0201", active=True))
    assert (await supervisor.aggregated_status(SITE)).bits == (
        False,
        False,
        False,
        True,
        False,
        True,
        False,
        False,
    )
    for wish, acknowledged, suspended in (
        ("Request", False, False),
        ("Acknowledge", True, False),
        ("Suspend", True, True),
        ("Resume", True, False),
    ):
        state = await supervisor.alarm(SITE, _GROUP, "A0201", wish)
        assert (state.active, state.acknowledged, state.suspended) == (True, acknowledged, suspended)


@pytest.mark.parametrize("sxl", SXL_VERSIONS)
@pytest.mark.parametrize("core", CORE_VERSIONS)
def test_every_command_and_status_in_every_version(core, sxl, request, caplog):
    caplog.set_level("DEBUG")
    subscribed = tuple(
        Subscription(code, name, 0 if code != "S0096" else 1, on_change=code != "S0096")
        for code in STATUSES
        for name in names_of(code)
    )

    async def run():
        async with (
            world(site(sxl=sxl), settings=replace(SETTINGS, subscriptions=subscribed)) as made,
            Wire(("127.0.0.1", made.port)) as wire,
        ):
            started, model = made.site(port=wire.port, core=CORE_VERSIONS[: CORE_VERSIONS.index(core) + 1])
            await made.ready(started)
            assert made.supervisor.connected()[SITE].core == core
            assert started.agreement.sxl == sxl
            await made.recorder.until(lambda: made.recorder.of("status"))
            await _everything(made.supervisor, model)
            await _alarms(made.supervisor, started, model)
            (clock,) = made.supervisor.clocks_ahead_s().values()
            assert abs(clock) < 2
        return made.recorder, wire.seen

    recorder, seen = asyncio.run(run())
    found = {(row.code, row.name) for message in recorder.of("status") for row in message.values}
    assert found == {(row.code, row.name) for row in subscribed}
    assert len(recorder.of("alarm")) >= 9 + 4 * 3 + 4
    arguments = {row["cCI"] for _, message in seen for row in message.get("arg", ())}
    assert arguments == set(COMMANDS)
    assert not [message for _, message in seen if message["type"] == "MessageNotAck"]
    for code in (CODES.level_1.reveal(), CODES.level_2.reveal()):
        assert code not in caplog.text
        assert code not in str(recorder.told)
    folder: Path = request.getfixturevalue("shared_data") / "rsmp"  # the rest is for where the schemas are
    for _, message in seen:
        validator(folder, core, sxl).validate(message)


def test_pieces_of_one_byte():
    async def run():
        async with world() as made, Wire(("127.0.0.1", made.port), piece=1) as wire:
            started, model = made.site(port=wire.port)
            await made.ready(started)
            await made.supervisor.prepare(SITE, _PLAN)
            assert model.plans()[2].cycle_s == 90

    asyncio.run(run())


def _kinds() -> list[type[statuses.Status]]:
    found = [getattr(statuses, name) for name in statuses.__all__]
    return [kind for kind in found if isinstance(kind, type) and getattr(kind, "code", None) in STATUSES]


def test_every_status_can_be_asked_for():
    async def run():
        async with world() as made:
            started, model = made.site()
            await made.ready(started)
            found = {kind.code: await made.supervisor.read(SITE, kind) for kind in _kinds()}
            assert set(found) == set(STATUSES)
            assert found["S0028"].table == {1: 60, 2: 60}
            assert (found["S0097"].checksum, found["S0020"].modes) == (model.checksum()[0], ("control",))
            assert len(found["S0001"].groups) == 4

    asyncio.run(run())


def test_subscriptions_can_be_had_and_given_up():
    rows = (Subscription("S0028", "status", 0, on_change=True),)

    def cycles(made):
        return [
            row.value for update in made.recorder.of("status") for row in update.values if row.code == "S0028"
        ]

    async def run():
        async with world() as made:
            started, model = made.site()
            await made.ready(started)
            await made.supervisor.subscribe(SITE, rows)
            await made.recorder.until(lambda: cycles(made) == ["1-60,2-60"])
            model.set_cycle(1, 70)
            started.look()
            await made.recorder.until(lambda: cycles(made) == ["1-60,2-60", "1-70,2-60"])
            await made.supervisor.unsubscribe(SITE, (StatusName("S0028", "status"),))
            model.set_cycle(1, 80)
            started.look()
            await started.told()
            assert len(cycles(made)) == 2

    asyncio.run(run())


def test_the_plan_that_runs_is_not_written_into():
    async def run():
        async with world() as made:
            started, model = made.site()
            await made.ready(started)
            with pytest.raises(PlanRunsError):
                await made.supervisor.prepare(SITE, replace(_PLAN, number=1))
            assert model.plans()[1].cycle_s == 60

    asyncio.run(run())


def test_wrong_security_codes_change_nothing_and_are_not_told(caplog):
    caplog.set_level("DEBUG")
    wrong = SecurityCodes(SecurityCode("wrong-1"), SecurityCode("wrong-2"))

    async def run():
        async with world(codes=wrong) as made:
            started, model = made.site()
            await made.ready(started)
            before = model.checksum()
            for order in (
                made.supervisor.prepare(SITE, _PLAN),
                made.supervisor.activate(SITE, 2),
                made.supervisor.set_mode(SITE, "Dark"),
                made.supervisor.set_clock(SITE),
                made.supervisor.set_week(SITE, {0: 3}),
            ):
                with pytest.raises(NotAcknowledgedError, match="Incorrect security code") as caught:
                    await order
                assert "wrong-" not in str(caught.value)
            assert model.checksum() == before
            assert model.mode()[0] == "NormalControl"

    asyncio.run(run())
    assert "wrong-" not in caplog.text


def test_a_code_that_a_site_repeats_in_its_reason_is_not_told():
    class Talkative(MemoryModel):
        def set_plan(self, number):
            raise InputError(f"no plan {number}, in spite of {CODES.level_2.reveal()}")

    async def run():
        async with world() as made:
            model = Talkative(made.capability, clock=now)
            started, _ = made.site(model=model)
            await made.ready(started)
            with pytest.raises(NotAcknowledgedError, match=r"no plan 2, in spite of \*\*\*"):
                await made.supervisor.activate(SITE, 2)

    asyncio.run(run())


class _Deaf(MemoryModel):
    """Says yes, and does not do one thing."""

    def __init__(self, what: str) -> None:
        super().__init__(site(), clock=now)
        setattr(self, what, lambda *_, **__: None)


@pytest.mark.parametrize(
    ("what", "field"),
    [
        ("set_cycle", "S0028, plan 2"),
        ("set_offset", "S0024, plan 2"),
        ("set_bands", "S0023, plan 2, band 1"),
        ("set_plan", "S0014"),
        ("set_mode", "S0007"),
        ("set_week", "S0026, day 0"),
        ("set_time_tables", "S0027"),
        ("set_clock", "S0096"),
        ("request_priority", "S0033, request x"),
    ],
)
def test_what_a_site_only_says_that_it_has_done_is_found_out(what, field):
    async def run():
        settings = replace(SETTINGS, activation_s=0.1, mode_s=0.1)
        async with world(settings=settings) as made:
            model = _Deaf(what)
            model._off = timedelta(seconds=60)
            started, _ = made.site(model=model)
            await made.ready(started)
            supervisor = made.supervisor
            orders = {
                "set_plan": lambda: supervisor.activate(SITE, 2),
                "set_mode": lambda: supervisor.set_mode(SITE, "Dark"),
                "set_week": lambda: supervisor.set_week(SITE, {0: 5}),
                "set_time_tables": lambda: supervisor.set_time_tables(SITE, (Switch(3, 1, 1, 1),)),
                "set_clock": lambda: supervisor.set_clock(SITE),
                "request_priority": lambda: supervisor.request_priority(
                    SITE, RequestPriority(request="x", kind="new", level=1, group=_GROUP)
                ),
            }
            with pytest.raises(ReadBackError) as caught:
                await orders.get(what, lambda: supervisor.prepare(SITE, _PLAN))()
            assert caught.value.field == field
            assert caught.value.site == SITE

    asyncio.run(run())


def test_a_plan_changed_by_somebody_else_is_not_activated():
    async def run():
        async with world() as made:
            started, model = made.site()
            await made.ready(started)
            await made.supervisor.prepare(SITE, _PLAN)
            model.set_offset(2, 18)
            with pytest.raises(ReadBackError, match=r"S0024, plan 2 must be 17, but 18 was read back"):
                await made.supervisor.activate(SITE, 2, expected=_PLAN)
            assert model.plan()[0] == 1

    asyncio.run(run())


def test_a_change_of_plan_is_waited_for():
    async def run():
        async with world() as made:
            model = MemoryModel(made.capability, clock=now, seconds_to_change=0.2)
            started, _ = made.site(model=model)
            await made.ready(started)
            await made.supervisor.activate(SITE, 2)
            assert model.plan() == (2, "forced")

    asyncio.run(run())


def test_a_fixed_cycle_and_offset_are_only_read_back():
    fixed = site(two_stages(1), two_stages(2, cycle_range_s=None, offset_settable=False, offset_s=7))
    plan = RsmpPlan(2, 60, 7, ((1, 5),))

    async def run():
        async with world(fixed) as made, Wire(("127.0.0.1", made.port)) as wire:
            started, _ = made.site(port=wire.port)
            await made.ready(started)
            await made.supervisor.prepare(SITE, plan)
        return {row["cCI"] for _, message in wire.seen for row in message.get("arg", ())}

    assert asyncio.run(run()) == {"M0014"}


@pytest.mark.parametrize(("cycle", "order"), [(50, ["M0014", "M0018"]), (100, ["M0018", "M0014"])])
def test_the_stages_fit_into_the_cycle_at_every_moment(cycle, order):
    """From 60 s: a shorter cycle is set after its bands, a longer one before them."""

    async def run():
        async with world() as made, Wire(("127.0.0.1", made.port)) as wire:
            started, _ = made.site(port=wire.port)
            await made.ready(started)
            await made.supervisor.prepare(SITE, RsmpPlan(2, cycle, 0, ((1, cycle - 40),)))
        codes = [row["cCI"] for _, message in wire.seen for row in message.get("arg", ())]
        return list(dict.fromkeys(codes))

    assert asyncio.run(run()) == [*order, "M0015"]


def test_orders_to_a_site_that_is_not_there():
    async def run():
        async with world() as made:
            with pytest.raises(NotConnectedError):
                await made.supervisor.prepare(SITE, _PLAN)
            with pytest.raises(InputError, match="known here"):
                await made.supervisor.activate("nobody", 1)
            started, _ = made.site()
            await made.ready(started)
            with pytest.raises(InputError, match="stored"):
                await made.supervisor.activate(SITE, 9)
            with pytest.raises(InputError, match="from 40 to 120"):
                await made.supervisor.prepare(SITE, replace(_PLAN, cycle_s=30))

    asyncio.run(run())


def test_orders_to_one_site_do_not_overlap():
    async def run():
        async with world() as made, Wire(("127.0.0.1", made.port)) as wire:
            started, model = made.site(port=wire.port)
            await made.ready(started)
            plans = [replace(_PLAN, offset_s=offset) for offset in range(8)]
            await asyncio.gather(*(made.supervisor.prepare(SITE, plan) for plan in plans))
            assert model.plans()[2].offset_s == 7

    asyncio.run(run())


def test_a_status_that_a_site_does_not_have_is_unknown_to_it():
    async def run():
        async with world() as made:
            started, _ = made.site()
            await made.ready(started)
            connection = made.supervisor._connections[SITE]
            answers = []

            def complete(message):
                answers.extend(message.values if type(message) is StatusResponse else ())
                return bool(answers)

            for component, code, quality in ((SITE, "S0015", "unknown"), ("nowhere", "S0014", "undefined")):
                answers.clear()
                request = StatusRequest(
                    id=connection.new_id(), component=component, names=(StatusName(code, "status"),)
                )
                await connection.ask(request, "a status", complete)
                assert [(row.value, row.quality) for row in answers] == [(None, quality)]

    asyncio.run(run())


def test_a_plan_that_a_time_table_chooses_while_it_is_written_is_found_out():
    class Switching(MemoryModel):
        def set_offset(self, plan, offset_s):
            super().set_offset(plan, offset_s)
            self.set_plan(plan)

    async def run():
        async with world() as made:
            started, _ = made.site(model=Switching(made.capability, clock=now))
            await made.ready(started)
            with pytest.raises(PlanRunsError):
                await made.supervisor.prepare(SITE, _PLAN)

    asyncio.run(run())


def test_a_site_under_a_name_that_is_not_its_own_is_refused():
    async def run():
        async with world() as made:
            made.supervisor._sites["AL+0002"] = made.capability
            with pytest.raises(InputError, match="site of its capability file"):
                await made.supervisor.activate("AL+0002", 1)

    asyncio.run(run())
