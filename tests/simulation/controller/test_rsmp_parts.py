"""Outbox, subscriptions, answers and the controller in memory, without sockets."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.rsmp.alarms import AlarmOrder
from signals.rsmp.commands import SetCycle, SetMode, SetOffset, arguments_of
from signals.rsmp.lists import Switch
from signals.rsmp.mapping import RsmpPlan, shown
from signals.rsmp.messages import (
    CommandArgument,
    CommandRequest,
    StatusName,
    StatusUpdate,
    StatusValue,
    Subscription,
    Watchdog,
)
from signals.rsmp.security import SecurityCode, SecurityCodes
from signals.rsmp.sxl_table import STATUSES
from simulation.controller.rsmp_answers import WRONG_CODE, Answers
from simulation.controller.rsmp_memory import MemoryModel
from simulation.controller.rsmp_outbox import Outbox
from simulation.controller.rsmp_subscriptions import Subscriptions
from tests.signals.rsmp.samples import A_UUID, ANOTHER, AT, CODES, SITE, new_ids
from tests.signals.rsmp.sites import site, two_stages
from traffic.errors import InputError

_GROUP = site().groups[0].component


class _Clock:
    def __init__(self, at: datetime = AT) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


def _update(*codes: str) -> StatusUpdate:
    rows = tuple(StatusValue(code, "status", "1", "recent") for code in codes)
    return StatusUpdate(id=A_UUID, component=SITE, at=AT, values=rows)


def _watchdog(number: int) -> Watchdog:
    return Watchdog(id=A_UUID, at=AT + timedelta(seconds=number))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), max_size=30))
def test_messages_leave_the_outbox_in_order_and_once(steps):
    async def run() -> tuple[list[int], int]:
        outbox, put, taken = Outbox(10_000, lambda _code: True), 0, []
        for more, most in steps:
            for _ in range(more):
                outbox.put(_watchdog(put), 1)
                put += 1
            if len(outbox):
                entries = await outbox.first(most)
                assert 1 <= len(entries) <= most
                assert await outbox.first(most) == entries  # until it is done, the head stays
                outbox.done(entries)
                taken += [entry.message.at.second + 60 * entry.message.at.minute for entry in entries]
        return taken, put - len(outbox)

    taken, count = asyncio.run(run())
    first = AT.second + 60 * AT.minute
    assert taken == list(range(first, first + count))


def test_the_oldest_is_dropped_also_while_it_is_under_way():
    async def run() -> None:
        outbox = Outbox(3, lambda _code: True)
        for number in range(3):
            outbox.put(_watchdog(number), 1)
        under_way = await outbox.first(2)
        outbox.put(_watchdog(3), 1)
        assert outbox.dropped == 1
        outbox.done(under_way)  # the first of them is no longer there, and the second must go all the same
        left = [entry.message for entry in await outbox.first(9)]
        assert left[-2:] == [_watchdog(2), _watchdog(3)]

    asyncio.run(run())


def test_without_a_connection_only_what_is_to_be_kept_is_kept():
    async def run() -> None:
        outbox = Outbox(9, lambda code: code == "S0014")
        outbox.put(_update("S0015"), 0)
        assert len(outbox) == 0
        outbox.put(_update("S0015", "S0014"), 0)
        outbox.put(_update("S0015"), 2)
        kept, live = await outbox.first(9)
        assert [row.code for row in kept.message.values] == ["S0014"]
        assert kept.renewed(ANOTHER, 2).values[0].quality == "old"
        assert live.renewed(ANOTHER, 2) == _update("S0015").__class__(
            id=ANOTHER, component=SITE, at=AT, values=live.message.values
        )
        assert live.renewed(ANOTHER, 3).values[0].quality == "old"

    asyncio.run(run())


class _Values:
    def __init__(self, **values: str) -> None:
        self.values = values

    def __call__(self, _component, names):
        return tuple(StatusValue(name.code, name.name, self.values[name.code], "recent") for name in names)


def _sent(subscriptions: Subscriptions, values: _Values, now: float) -> list[str]:
    return [row.value for rows in subscriptions.due(values, now).values() for row in rows]


def test_values_are_sent_by_interval_on_change_or_both():
    subscriptions, values = Subscriptions(), _Values(S1="a", S2="b", S3="c")
    rows = (
        Subscription("S1", "x", 10, on_change=False),
        Subscription("S2", "x", 0, on_change=True),
        Subscription("S3", "x", 10, on_change=True),
    )
    assert [row.value for row in subscriptions.add(SITE, rows, values, 0.0)] == ["a", "b", "c"]
    assert _sent(subscriptions, values, 1.0) == []
    values.values |= {"S1": "a1", "S2": "b1", "S3": "c1"}
    assert _sent(subscriptions, values, 4.0) == ["b1", "c1"]
    assert _sent(subscriptions, values, 10.0) == ["a1"]  # the interval of S3 has begun anew at 4
    assert subscriptions.next_s() == 14.0
    assert _sent(subscriptions, values, 14.0) == ["c1"]


def test_a_second_subscription_changes_the_first_and_sends_nothing():
    subscriptions, values = Subscriptions(), _Values(S1="a")
    subscriptions.add(SITE, (Subscription("S1", "x", 10, on_change=False),), values, 0.0)
    assert subscriptions.add(SITE, (Subscription("S1", "x", 3, on_change=False),), values, 1.0) == ()
    assert (_sent(subscriptions, values, 3.9), _sent(subscriptions, values, 4.0)) == ([], ["a"])
    subscriptions.remove(SITE, (StatusName("S1", "x"), StatusName("S9", "x")))
    assert len(subscriptions) == 0
    assert subscriptions.next_s() == float("inf")


def _answers(model: MemoryModel, codes: SecurityCodes = CODES) -> Answers:
    return Answers(model, SITE, codes, new_ids())


def _request(*rows: CommandArgument, component: str = SITE) -> CommandRequest:
    return CommandRequest(id=A_UUID, component=component, arguments=rows)


def test_one_wrong_security_code_stops_every_command_of_a_request():
    model = MemoryModel(site(), clock=_Clock())
    right = arguments_of(SetCycle(plan=1, cycle_s=80), CODES)
    wrong = arguments_of(SetOffset(plan=1, offset_s=3), SecurityCodes(SecurityCode("x"), SecurityCode("y")))
    with pytest.raises(InputError) as caught:
        _answers(model).command_response(_request(*right, *wrong))
    assert str(caught.value) == WRONG_CODE
    assert model.plans()[1].cycle_s == 60
    _answers(model).command_response(_request(*right))
    assert model.plans()[1].cycle_s == 80


def test_the_code_of_level_1_does_not_do_for_level_2():
    model = MemoryModel(site(), clock=_Clock())
    rows = arguments_of(SetMode(mode="Dark"), SecurityCodes(CODES.level_2, CODES.level_1))
    with pytest.raises(InputError, match=WRONG_CODE):
        _answers(model).command_response(_request(*rows))


def test_commands_for_nobody_and_commands_that_are_not_offered():
    model = MemoryModel(site(), clock=_Clock())
    rows = arguments_of(SetCycle(plan=1, cycle_s=80), CODES)
    answer = _answers(model).command_response(_request(*rows, component="nobody"))
    assert {(row.value, row.age) for row in answer.values} == {(None, "undefined")}
    assert model.plans()[1].cycle_s == 60
    other = (CommandArgument("M0004", "status", "setRestart", "True"),)
    answer = _answers(model).command_response(_request(*other))
    assert [(row.value, row.age) for row in answer.values] == [(None, "unknown")]


@pytest.mark.parametrize(("component", "code"), [(_GROUP, "S0014"), (SITE, "S0025"), (SITE, "S0201")])
def test_components_have_the_statuses_of_their_kind_only(component, code):
    with pytest.raises(InputError, match="must be one that a"):
        _answers(MemoryModel(site(), clock=_Clock())).values(component, (StatusName(code, "status"),))


def test_alarms_that_a_component_does_not_have():
    answers = _answers(MemoryModel(site(), clock=_Clock()))
    with pytest.raises(InputError, match="component has"):
        answers.alarm_answer(AlarmOrder(id=A_UUID, component=SITE, code="A0201", wish="Request"))


def test_a_controller_in_memory_runs_its_plans_as_their_documents_say():
    capability, clock = site(two_stages(1), counter_epoch_s=7), _Clock()
    model = MemoryModel(capability, clock=clock)
    model.set_cycle(1, 70)
    model.set_bands(1, {1: 23})
    model.set_offset(1, 13)
    document = shown(RsmpPlan(1, 70, 13, ((1, 23),)), capability)
    for second in range(150):
        clock.at = datetime.fromtimestamp(1_000_000 + second, UTC)
        into = (1_000_000 + second - document["offset_s"]) % 70
        assert model.stage() == (1 if into < document["stages"][0]["duration_s"] else 2)
        assert model.groups() == ("1B1B" if model.stage() == 1 else "B1B1")
    model.set_mode("YellowFlash", 0, 0)
    assert (model.groups(), model.stage(), model.control_mode()) == ("cccc", 0, "standby")
    model.set_mode("Dark", 0, 1)
    assert model.groups() == "aaaa"


def test_a_mode_with_an_end_goes_back():
    clock = _Clock()
    model = MemoryModel(site(), clock=clock)
    model.set_mode("YellowFlash", 5, 0)
    clock.at += timedelta(minutes=4, seconds=59)
    assert model.mode() == ("YellowFlash", "forced")
    clock.at += timedelta(seconds=1)
    assert model.mode() == ("NormalControl", "startup")


def test_time_tables_choose_by_local_time():
    clock = _Clock(datetime(2026, 11, 27, 1, 29, 59, tzinfo=UTC))  # a Friday; 06:29:59 in Almaty
    model = MemoryModel(site(), clock=clock, zone=ZoneInfo("Asia/Almaty"))
    model.set_week({4: 2})
    model.set_time_tables((Switch(2, 2, 6, 30), Switch(2, 0, 22, 0), Switch(1, 1, 0, 0)))
    assert model.plan() == (1, "startup")
    clock.at += timedelta(seconds=1)
    assert model.plan() == (2, "calendar_clock")
    model.set_plan(1)
    assert model.plan() == (1, "forced")
    model.set_plan(None)
    assert model.plan() == (2, "calendar_clock")
    model.set_time_tables((Switch(2, 1, 5, 0),))
    assert model.time_tables() == (Switch(1, 1, 0, 0), Switch(2, 1, 5, 0))


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.set_cycle(1, 39),
        lambda model: model.set_cycle(9, 60),
        lambda model: model.set_bands(1, {2: 1}),
        lambda model: model.set_bands(1, {1: 61}),
        lambda model: model.set_mode("Dark", 0, 2),
        lambda model: model.set_plan(9),
        lambda model: model.set_time_tables((Switch(1, 9, 0, 0),)),
    ],
)
def test_what_a_controller_cannot_be_set_to_changes_nothing(change):
    model = MemoryModel(site(), clock=_Clock())
    before = model.checksum()
    with pytest.raises(InputError):
        change(model)
    assert model.checksum() == before


def test_answers_have_every_status():
    answers = _answers(MemoryModel(site(), clock=_Clock()))
    names = [StatusName(code, argument.name) for code, row in STATUSES.items() for argument in row]
    assert {row.quality for row in answers.values(SITE, names)} == {"recent"}
