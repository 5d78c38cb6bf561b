"""The runner: in step as the closed form says, and never an unsafe second on the way there."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation.controller.days import Entry, Method, Programme, local_programme
from simulation.controller.gate import checked_plan
from simulation.controller.lamps import Lamp, flash_row, red_row
from simulation.controller.runner import Mode, Order, Release, Runner
from simulation.controller.tables import Tables
from tests.signals.hand_plans import crossroads_junction, crossroads_plans
from tests.simulation.controller.ref_stream import stream_faults
from tests.simulation.controller.safe_plans import always, junction_with_plans
from tests.simulation.controller.signing_desk import day_types, plan_values
from tests.simulation.controller.tables_for_tests import tables_of
from traffic.errors import InputError

SLOWEST_S = 2000
HOUR = 3600


def _tables(**changes: object) -> Tables:
    schedule = {"plans": [plan_values("local", offset_s=11)], "day_types": day_types(("00:00", "local"))}
    return tables_of(crossroads_junction(), **({"schedule": schedule, "backup_s": 120} | changes))


def _plan(offset_s: int, tables: Tables, **changes: object):
    return checked_plan(plan_values(f"offset {offset_s}", offset_s=offset_s, **changes), tables)


def _go(runner: Runner, wall: int, seconds: int, *, heard: bool = True) -> list[bytes]:
    rows = []
    for second in range(wall, wall + seconds):
        if heard:
            runner.heard()
        rows.append(runner.step(second))
    return rows


def _shown(offset_s: int, wall: int) -> bytes:
    """Closed form: what the plan class shows at a second of the epoch."""
    plan = crossroads_plans(offset_s=offset_s)[0]
    return bytes(plan.expand()[:, (wall - plan.offset_s) % plan.cycle_s].tolist())


def _release(version: int, plan, slot: str = "base", active_s: float = 0.0, until_s: float | None = None):
    return Release(version, slot, always(plan), active_s, until_s)


def test_it_starts_with_all_red_and_is_in_step_within_two_cycles() -> None:
    tables = _tables()
    runner = Runner(tables, local_programme(tables))
    rows = _go(runner, 1_000_000, 400)
    clearance = tables.clearance_s
    assert all(row == red_row(tables) for row in rows[:clearance])
    for second in range(160, 400):
        assert rows[second] == _shown(11, 1_000_000 + second)
    assert not stream_faults(tables, rows)
    assert runner.in_force().in_step


@st.composite
def _actions(draw: st.DrawFn) -> list[tuple]:
    seconds = st.integers(1, 300)
    act = st.one_of(
        st.tuples(st.just("plan"), st.integers(0, 3), st.sampled_from(tuple(Method))),
        st.tuples(
            st.just("order"), st.sampled_from((Mode.FLASH, Mode.ALL_RED, Mode.NONE)), st.integers(1, 200)
        ),
        st.tuples(st.just("clock"), st.integers(-30_000, 30_000)),
        st.tuples(st.just("clock"), st.integers(-3, 3)),
        st.tuples(st.just("silence")),
        st.tuples(st.just("busy"), st.integers(1, 40)),
        st.tuples(st.just("restart")),
    )
    return draw(st.lists(st.tuples(act, seconds), min_size=1, max_size=7))


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), actions=_actions())
def test_no_unsafe_second_whatever_is_switched_ordered_or_wrong_with_the_clock(
    seed: int, actions: list[tuple]
) -> None:
    _run_through(seed, actions)


@pytest.mark.slow
@settings(max_examples=2000)
@given(seed=st.integers(0, 2**32 - 1), actions=_actions())
def test_no_unsafe_second_in_thousands_of_hours(seed: int, actions: list[tuple]) -> None:
    _run_through(seed, actions)


def _run_through(seed: int, actions: list[tuple]) -> None:
    rng = np.random.default_rng(seed)
    _, tables, plans = junction_with_plans(rng, 4)
    runner = Runner(tables, always(plans[0][1]))
    wall, version, heard, current = int(rng.integers(0, 10**9)), 0, True, plans[0][0]
    record: list[bytes] = _go(runner, wall, int(rng.integers(1, 300)))
    wall += len(record)
    for (what, *how), seconds in actions:
        if what == "plan":
            version += 1
            current = plans[how[0]][0]
            programme = always(plans[how[0]][1], how[1])
            runner.take({"base": (Release(version, "base", programme, 0.0),)})
            heard = True
        elif what == "order":
            version += 1
            runner.give(Order(version, how[0], None, wall + how[1]), wall)
        elif what == "clock":
            wall = max(wall + how[0], 0)
        elif what == "silence":
            heard = False
        elif what == "busy":
            for _ in range(how[0]):
                record.append(runner.step(wall, may_plan=False))
                wall += 1
        else:
            _judged(tables, record)
            runner.restart()
            record = []
        rows = _go(runner, wall, seconds, heard=heard)
        wall, record = wall + seconds, record + rows
    _judged(tables, record)
    assert runner.monitor.fault is None
    # In the end it is in step, which is what the plan class shows at this second of the epoch.
    runner.give(Order(version + 1, Mode.NONE, None, wall), wall)
    rows = _go(runner, wall, SLOWEST_S)
    _judged(tables, record + rows)
    shown = current.expand()
    for second in range(SLOWEST_S - 2 * current.cycle_s, SLOWEST_S):
        column = (wall + second - current.offset_s) % current.cycle_s
        assert rows[second] == bytes(shown[:, column].tolist())


def _judged(tables: Tables, record: list[bytes]) -> None:
    """Judge what was shown between flashes; each part begins with an unknown past, as after the power comes on."""
    flash, part = flash_row(tables), []
    for row in [*record, flash]:
        if row != flash:
            part.append(row)
            continue
        assert not stream_faults(tables, part)
        part = []


def test_two_controllers_hold_their_offset_however_they_were_started() -> None:
    tables = _tables()
    plans = [_plan(offset, tables) for offset in (5, 42)]
    runners = [Runner(tables, always(plan)) for plan in plans]
    _go(runners[0], 999_000, 713)
    first = _go(runners[0], 1_000_000, 960)
    second = _go(runners[1], 1_000_000, 960)
    starts = [
        [t for t in range(800, 960) if rows[t][0] == Lamp.GREEN and rows[t - 1][0] != Lamp.GREEN]
        for rows in (first, second)
    ]
    assert [(1_000_000 + t) % 80 for t in starts[0]] == [5, 5]
    assert [(1_000_000 + t) % 80 for t in starts[1]] == [42, 42]


@pytest.mark.parametrize(
    ("method", "offset_s", "cycles"),
    [
        # 80 s, later by 20: shortway and longway add 16 s at most to a cycle, dwell all at once.
        (Method.SHORTWAY, 20, [90, 90]),
        (Method.LONGWAY, 20, [90, 90]),
        (Method.DWELL, 20, [100]),
        # Earlier by 20: shortway takes 13 s at most off a cycle, and 7 s where the walk leaves no more (14 of the 15 s
        # of the stage between); the others must go the long way round, in one cycle where several would take too long.
        (Method.SHORTWAY, 60, [73, 73, 74]),
        (Method.LONGWAY, 40, [93, 93, 94]),
        (Method.LONGWAY, 60, [140]),
        (Method.DWELL, 60, [140]),
    ],
)
def test_a_shift_is_made_by_cycles_of_the_length_that_the_method_says(
    method: Method, offset_s: int, cycles: list[int]
) -> None:
    tables = _tables()
    runner = Runner(tables, always(_plan(0, tables)))
    _go(runner, 0, 400)
    runner.local = always(_plan(offset_s, tables), method)
    rows = _go(runner, 400, 800)
    starts = [t for t in range(1, 800) if rows[t][0] == Lamp.GREEN and rows[t - 1][0] != Lamp.GREEN]
    assert [b - a for a, b in pairwise(starts) if b - a != 80] == cycles
    assert rows[-1] == _shown(offset_s, 1199)
    dark = max(sum(1 for _ in same) for same in _runs(rows, red_row(tables)))
    assert dark <= 2  # nobody is stopped for it


def _runs(rows: list[bytes], wanted: bytes) -> list[list[bytes]]:
    runs: list[list[bytes]] = [[]]
    for row in rows:
        if row == wanted:
            runs[-1].append(row)
        else:
            runs.append([])
    return runs


def test_a_plan_that_shows_the_same_is_in_force_at_once() -> None:
    tables = _tables()
    runner = Runner(tables, local_programme(tables))
    runner.take({"base": (_release(1, _plan(50, tables)),)})
    _go(runner, 0, 300)
    runner.take({"base": (_release(2, _plan(50, tables)),)})
    rows = _go(runner, 300, 1)
    assert runner.in_force() == ("base", 2, "offset 50", True)
    assert rows == [_shown(50, 300)]


def test_greatest_greens_that_leave_no_way_by_stages_lead_through_red() -> None:
    groups = _tables().to_dict()["groups"]
    for group, most in zip(groups, (30, 40, 30, 30, 30), strict=True):  # as long as they are
        group["max_green_s"] = most
    tables = _tables(groups=groups)
    runner = Runner(tables, always(_plan(0, tables)))
    _go(runner, 0, 400)
    runner.local = always(_plan(20, tables), Method.SHORTWAY)
    rows = _go(runner, 400, 300)
    assert runner.monitor.fault is None
    assert rows[-1] == _shown(20, 699)
    assert max(len(run) for run in _runs(rows, red_row(tables))) > 5


def test_flash_is_reached_and_left_through_all_red() -> None:
    tables = _tables()
    runner = Runner(tables, local_programme(tables))
    _go(runner, 1_000_000, 300)
    runner.give(Order(1, Mode.FLASH, None, 1_000_400.0), 1_000_300)
    rows = _go(runner, 1_000_300, 500)
    flash, red = flash_row(tables), red_row(tables)
    begin, end = rows.index(flash), len(rows) - rows[::-1].index(flash)
    assert all(row == flash for row in rows[begin:end])
    assert all(row == red for row in rows[begin - tables.clearance_s + 3 : begin])
    assert all(row == red for row in rows[end : end + tables.clearance_s])
    assert end == 100
    assert begin < 60
    assert runner.monitor.fault is None
    assert rows[-1] == _shown(11, 1_000_799)


def test_all_red_waits_for_no_cycle() -> None:
    tables = _tables()
    runner = Runner(tables, local_programme(tables))
    _go(runner, 1_000_000, 300)
    runner.give(Order(1, Mode.ALL_RED, None, 1_000_900.0), 1_000_300)
    rows = _go(runner, 1_000_300, 600)
    # Least green of 7 s and yellow of 3 s at most stand between the order and all red.
    assert rows.index(red_row(tables)) <= 10
    assert set(rows[10:600]) == {red_row(tables)}
    assert runner.in_force().source == "order"
    assert runner.monitor.fault is None


def test_an_order_ends_after_its_time_even_if_the_clock_jumps_back() -> None:
    tables = _tables()
    runner = Runner(tables, local_programme(tables))
    _go(runner, 1_000_000, 300)
    runner.give(Order(1, Mode.FLASH, None, 1_000_400.0), 1_000_300)
    rows = _go(runner, 1_000_300 - 5 * HOUR, 400)
    assert flash_row(tables) in rows
    assert flash_row(tables) not in rows[101:]


def test_the_highest_slot_that_is_valid_is_in_force_and_an_order_of_a_slot_stands_above() -> None:
    tables = _tables()
    runner = Runner(tables, local_programme(tables))
    plans = {slot: _plan(offset, tables) for slot, offset in (("base", 1), ("event", 2), ("incident", 3))}
    runner.take(
        {
            "base": (_release(1, plans["base"]), Release(4, "base", always(plans["event"]))),
            "event": (_release(2, plans["event"], "event", 1000.0, 2000.0),),
            "incident": (_release(3, plans["incident"], "incident", 1200.0, 1400.0),),
        }
    )
    seen: list[tuple[int, int | None]] = []
    for wall in range(2500):
        runner.heard()
        runner.step(wall)
        version = runner.in_force().version
        if not seen or seen[-1][1] != version:
            seen.append((wall, version))
    assert [version for _, version in seen] == [1, 2, 3, 2, 1]
    begun = [wall for wall, _ in seen[1:]]
    for due, wall in zip((1000, 1200, 1400, 2000), begun, strict=True):
        assert due <= wall <= due + 200
    runner.give(Order(1, Mode.SLOT, "event", 9999.0), 2500)
    runner.take(runner.releases | {"event": (_release(2, plans["event"], "event", 0.0, 3000.0),)})
    _go(runner, 2500, 400)
    assert runner.in_force().version == 2
    _go(runner, 2900, 400)
    assert runner.in_force().version == 1  # the slot that was ordered has nothing valid any more


def test_a_release_that_has_ended_is_not_replaced_by_an_older_one() -> None:
    tables = _tables()
    runner = Runner(tables, local_programme(tables))
    runner.take({"base": (_release(1, _plan(1, tables)), _release(2, _plan(2, tables), until_s=100.0))})
    _go(runner, 0, 60)
    assert runner.in_force().version == 2
    _go(runner, 60, 300)
    assert runner.in_force().source == "local"


def test_silence_for_the_backup_time_brings_the_local_schedule_and_a_word_ends_it() -> None:
    tables = _tables()
    runner = Runner(tables, local_programme(tables))
    runner.take({"base": (_release(1, _plan(50, tables)),)})
    _go(runner, 0, 300)
    assert not runner.backup
    rows = _go(runner, 300, 118, heard=False)
    assert not runner.backup
    assert rows[-1] == _shown(50, 417)
    rows = _go(runner, 418, 401, heard=False)
    assert runner.backup
    assert rows[-1] == _shown(11, 818)
    assert runner.in_force().source == "local"
    rows = _go(runner, 819, 400)
    assert rows[-1] == _shown(50, 1218)
    assert runner.monitor.fault is None


def test_a_jump_of_the_clock_does_not_count_as_silence() -> None:
    tables = _tables()
    runner = Runner(tables, local_programme(tables))
    runner.take({"base": (_release(1, _plan(50, tables)),)})
    _go(runner, 100_000, 300)
    _go(runner, 300_000, 20, heard=False)
    assert not runner.backup
    assert runner.in_force().version == 1


def test_a_fault_latches_flash(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = _tables()
    runner = Runner(tables, local_programme(tables))
    _go(runner, 0, 300)
    everybody = bytes([Lamp.GREEN] * 5)
    monkeypatch.setattr(type(runner._course), "row", lambda _course, _second: everybody)
    rows = _go(runner, 300, 50)
    assert set(rows) == {flash_row(tables)}
    assert runner.in_force().source == "fault"
    assert "green together" in str(runner.monitor.fault)


ALMATY = ZoneInfo("Asia/Almaty")


def _programme(zone: str, *entries: tuple[str, str]) -> Programme:
    tables = _tables()
    plans = [plan_values(name, offset_s=k) for k, name in enumerate("abc")]
    return Programme.from_values(plans, day_types(*entries), zone, tables)


def test_entries_follow_the_clock_on_the_wall() -> None:
    programme = _programme("Asia/Almaty", ("00:00", "a"), ("06:30:15", "b"), ("22:00", "c"))
    for clock, name in (
        ("2026-11-27T00:00:00", "a"),
        ("2026-11-27T06:30:14", "a"),
        ("2026-11-27T06:30:15", "b"),
        ("2026-11-27T21:59:59", "b"),
        ("2026-11-27T22:00:00", "c"),
        ("2026-11-27T23:59:59", "c"),
        ("2026-11-28T00:00:00", "a"),
    ):
        wall = int(datetime.fromisoformat(clock).replace(tzinfo=ALMATY).timestamp())
        assert programme.at(wall).plan.name == name


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25", "2026-11-27"])
def test_entries_follow_summer_time_second_by_second(day: str) -> None:
    zone = ZoneInfo("Europe/Berlin")
    programme = _programme("Europe/Berlin", ("00:00", "a"), ("02:10", "b"), ("02:50", "c"))
    begin = int(datetime.fromisoformat(day).replace(tzinfo=zone).timestamp())
    for wall in range(begin, begin + 5 * HOUR):
        local = datetime.fromtimestamp(wall, zone)
        minutes = local.hour * 60 + local.minute
        assert programme.at(wall).plan.name == ("a" if minutes < 130 else "b" if minutes < 170 else "c")


def test_days_of_the_week_have_their_own_entries() -> None:
    tables = _tables()
    plans = [plan_values("work"), plan_values("rest", offset_s=9)]
    work = day_types(("00:00", "work"))[0] | {
        "days": ["monday", "tuesday", "wednesday", "thursday", "friday"]
    }
    rest = day_types(("00:00", "rest"))[0] | {"days": ["saturday", "sunday"]}
    programme = Programme.from_values(plans, [work, rest], "Asia/Almaty", tables)
    friday_night = int(datetime(2026, 11, 27, 23, 59, 59, tzinfo=ALMATY).timestamp())
    assert programme.at(friday_night).plan.name == "work"
    assert programme.at(friday_night + 1).plan.name == "rest"
    with pytest.raises(InputError, match="must be in one day type only"):
        Programme.from_values(plans, [work, work], "Asia/Almaty", tables)


def test_a_local_schedule_must_pass_the_gate_too() -> None:
    schedule = {"plans": [plan_values("a", cycle_s=79)], "day_types": day_types(("00:00", "a"))}
    with pytest.raises(InputError, match=r"schedule, plans\[0\]: durations_s: must add up"):
        local_programme(_tables(schedule=schedule))


def test_an_entry_is_a_time_a_plan_and_a_method() -> None:
    entry = _programme("UTC", ("00:00", "a")).at(0)
    assert entry == Entry(0, entry.plan, Method.SHORTWAY)
