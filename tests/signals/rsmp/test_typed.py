"""Commands and statuses, typed: there and back, and what their texts may not say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.rsmp.commands import (
    RequestPriority,
    SetBands,
    SetClock,
    SetCycle,
    SetOffset,
    SetPlan,
    SetTimeTables,
    SetWeek,
    arguments_of,
    orders_in,
)
from signals.rsmp.lists import Switch, by_number, by_plan_and_band, switches
from signals.rsmp.messages import CommandArgument
from signals.rsmp.security import SecurityCode, SecurityCodes
from signals.rsmp.statuses import BandsStatus, ClockStatus, FlashStatus, OnStatus, names_of
from signals.rsmp.sxl_table import COMMANDS as ROWS
from signals.rsmp.sxl_table import STATUSES as STATUS_ROWS
from tests.signals.rsmp.samples import CODES, COMMANDS, STATUSES
from traffic.errors import InputError


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.code)
def test_commands_are_read_back_with_their_security_code(command):
    (order,) = orders_in(arguments_of(command, CODES))
    assert order.command == command
    assert order.code == command.code
    level = ROWS[command.code].security_level
    if level is None:
        assert order.security is None
    else:
        assert CODES.level(level).matches(order.security.reveal())
        assert not CODES.level(3 - level).matches(order.security.reveal())


def test_every_command_and_status_is_among_the_samples():
    assert {command.code for command in COMMANDS} == set(ROWS)
    assert {status.code for status in STATUSES} == set(STATUS_ROWS)


@pytest.mark.parametrize("status", STATUSES, ids=lambda status: status.code)
def test_statuses_are_read_back(status):
    values = status.values()
    assert tuple(values) == names_of(status.code)
    assert type(status).read(values) == status


def test_several_commands_in_one_message_are_told_apart():
    both = (SetCycle(plan=2, cycle_s=80), SetOffset(plan=2, offset_s=5))
    rows = [row for command in both for row in arguments_of(command, CODES)]
    assert tuple(order.command for order in orders_in(rows[::-1]))[::-1] == both
    (other,) = orders_in([CommandArgument("M0004", "status", "setRestart", "True")])
    assert (other.command, other.code, other.security) == (None, "M0004", None)


@given(st.dictionaries(st.tuples(st.integers(1, 99), st.integers(1, 10)), st.integers(0, 99)))
def test_bands_of_all_plans_as_text(bands):
    status = BandsStatus(bands)
    assert BandsStatus.read(status.values()).bands == bands
    for plan in {plan for plan, _ in bands}:
        assert status.of_plan(plan) == {band: s for (number, band), s in bands.items() if number == plan}


def test_texts_are_read_with_leading_zeros_and_spaces():
    assert by_number("01-00, 2-13,3-7", "S0024") == {1: 0, 2: 13, 3: 7}
    assert by_plan_and_band("01-02-03", "S0023") == {(1, 2): 3}
    assert switches("2-1-6-30,1-0-0-0", "S0027") == (Switch(1, 0, 0, 0), Switch(2, 1, 6, 30))
    assert by_number("", "S0024") == {}


@pytest.mark.parametrize(
    "text", ["1", "1-2-3", "1-", "-1-2", "1-2,", "1-2,1-3", "1--2", "a-b", "1-٣", "1-9999999"]
)
def test_texts_that_say_nothing_clear_are_refused(text):
    with pytest.raises(InputError) as caught:
        by_number(text, "S0024.status")
    assert caught.value.field == "S0024.status"


@pytest.mark.parametrize("row", [(0, 1, 0, 0), (13, 1, 0, 0), (1, 17, 0, 0), (1, 1, 24, 0), (1, 1, 0, 60)])
def test_time_tables_keep_to_the_list(row):
    with pytest.raises(InputError, match="time table"):
        switches("-".join(map(str, row)), "S0027.status")


@pytest.mark.parametrize(
    "make",
    [
        lambda: SetBands(plan=1, bands={11: 0}),
        lambda: SetBands(plan=1, bands={1: 100}),
        lambda: SetWeek(tables={7: 1}),
        lambda: SetWeek(tables={0: 13}),
        lambda: arguments_of(SetPlan(plan=0), CODES),
        lambda: arguments_of(SetOffset(plan=1, offset_s=256), CODES),
        lambda: arguments_of(SetCycle(plan=1, cycle_s=0), CODES),
        lambda: arguments_of(SetPlan(plan=1), None),
        lambda: RequestPriority(request="a", kind="new", level=1),
        lambda: RequestPriority(request="a", kind="new", level=1, group="g", input=1),
        lambda: RequestPriority(request="a", kind="new", level=1, lane_out=1, input=1),
        lambda: RequestPriority(request="a", kind="update", level=1, group="g"),
        lambda: arguments_of(RequestPriority(request="a", kind="cancel", level=15), None),
        lambda: ClockStatus.read(
            dict(zip(names_of("S0096"), ("2026", "2", "30", "0", "0", "0"), strict=True))
        ),
        lambda: OnStatus.read({"intersection": "1,2", "status": "True", "source": "forced"}),
    ],
)
def test_what_the_list_does_not_allow_cannot_be_made(make):
    with pytest.raises(InputError):
        make()


def test_a_day_that_does_not_exist_is_refused():
    rows = arguments_of(SetClock(at=datetime(2028, 2, 29, tzinfo=UTC)), CODES)
    moved = [
        CommandArgument(row.code, row.name, row.method, "2027" if row.name == "year" else row.value)
        for row in rows
    ]
    assert orders_in(rows)[0].command == SetClock(at=datetime(2028, 2, 29, tzinfo=UTC))
    with pytest.raises(InputError, match="day that exists"):
        orders_in(moved)


def test_lists_by_intersection():
    flash = FlashStatus.read({"intersection": "1,2", "status": "True,False", "source": "forced,startup"})
    assert flash == FlashStatus((1, 2), (True, False), ("forced", "startup"))


def test_an_order_of_time_tables_does_not_matter():
    rows = (Switch(2, 1, 6, 0), Switch(1, 1, 6, 0))
    assert SetTimeTables(switches=rows).values() == SetTimeTables(switches=rows[::-1]).values()


def test_an_empty_code_matches_only_itself_and_hides_nothing():
    codes = SecurityCodes(SecurityCode(""), SecurityCode("abc"))
    assert codes.hidden_in("abc: no") == "***: no"
    assert not codes.level_1.matches("abc")
