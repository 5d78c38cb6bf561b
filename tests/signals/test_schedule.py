"""Schedules: what is refused, their JSON, and what movements show while they run."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from signals.greens import group_states, movement_greens
from signals.plan import PlanSet
from signals.schedule import DAYS, DayType, Entry, Schedule, clock
from signals.schedule_greens import Switch, greens_over_time, junction_transitions
from signals.schedule_wire import read_schedule, schedule_from_dict, schedule_to_dict, write_schedule
from signals.transition import Method
from tests.signals.hand_plans import crossroads_plans
from tests.signals.small_cities import even_demand
from tests.traffic.hand_networks import crossroads
from traffic.errors import InputError
from traffic.flow import FlowModel
from traffic.greens import MovementGreens, SignalState


@pytest.fixture(scope="module")
def network():
    return crossroads()


@pytest.fixture(scope="module")
def sets(network):
    one = replace(crossroads_plans(), name="one", network_name=network.name)
    plan = one[0]
    longer = plan.with_durations([d + 9 for d in plan.durations_s]).with_offset(17)
    return one, one.with_plans([longer], name="two")


@pytest.fixture
def schedule(network, sets):
    week = DayType(
        "working day",
        DAYS[:5],
        (Entry(0, "one"), Entry(23_400, "two", Method.LONGWAY), Entry(72_015, "one", Method.DWELL)),
    )
    rest = DayType("weekend", DAYS[5:], (Entry(0, "one"),))
    return Schedule("test", network.name, sets, (week, rest))


def test_the_entry_of_a_time_and_a_day(schedule):
    week = schedule.day_type("friday")
    found = [week.at(second).plans for second in (0, 23_399, 23_400, 72_014, 72_015, 86_399)]
    assert found == ["one", "one", "two", "two", "one", "one"]
    assert schedule.day_type("sunday").name == "weekend"
    assert [(at, plans.name, str(how)) for at, plans, how in schedule.steps("monday")] == [
        (0, "one", "shortway"),
        (23_400, "two", "longway"),
        (72_015, "one", "dwell"),
    ]
    assert [clock(s) for s in (0, 23_400, 72_015)] == ["00:00", "06:30", "20:00:15"]


def test_schedules_come_back_from_json_as_they_were(schedule, sets, tmp_path):
    junctions = [plan.junction for plan in sets[0]]
    assert schedule_from_dict(json.loads(json.dumps(schedule_to_dict(schedule))), junctions) == schedule
    path = tmp_path / "schedule.json"
    write_schedule(schedule, path)
    assert read_schedule(path, junctions) == schedule
    first = path.read_bytes()
    write_schedule(read_schedule(path, junctions), path)
    assert path.read_bytes() == first


def entry(document, **changes):
    document["day_types"][0]["entries"][1] |= changes


def plan(document, **changes):
    document["plan_sets"][1]["plans"][0] |= changes


@pytest.mark.parametrize(
    ("spoil", "field", "rule"),
    [
        (lambda d: entry(d, **{"from": "6:30"}), "entries[1], from", "00:00 to 23:59:59"),
        (lambda d: entry(d, **{"from": "24:00"}), "entries[1], from", "00:00 to 23:59:59"),
        (lambda d: entry(d, **{"from": 23400}), "entries[1], from", "00:00 to 23:59:59"),
        (lambda d: entry(d, **{"from": "20:00:15"}), "working day, entries", "later than 20:00:15"),
        (lambda d: entry(d, transition="jump"), "entries[1], transition", "dwell, shortway, longway"),
        (lambda d: entry(d, plans="three"), "working day, 06:30", "name of a plan set"),
        (lambda d: entry(d, plans="one"), "working day, entries", "differ from the entry before"),
        (lambda d: entry(d, until="07:00"), "entries[1]", "known key"),
        (lambda d: d["day_types"][0]["entries"].pop(0), "working day, entries", "first entry at 00:00"),
        (lambda d: d["day_types"][0]["days"].append("sunday"), "weekend, days", "in one day type"),
        (lambda d: d["day_types"][0]["days"].append("Monday"), "working day, days", "one of monday"),
        (lambda d: d["day_types"][1]["days"].remove("sunday"), "day_types", "every day of the week"),
        (lambda d: d["day_types"][1].update(days=[]), "weekend, days", "name days"),
        (lambda d: d["plan_sets"][1].update(name="one"), "plan_sets", "differ"),
        (lambda d: d.update(plan_sets=[]), "plan_sets", "a plan set"),
        (lambda d: plan(d, offset_s=1000), "plan_sets[1], plans[0]", "must be from 0 to"),
        (lambda d: plan(d, digest="x"), "plan_sets[1], plans[0]", "other data"),
        (lambda d: d.update(format="jasyl-plans"), "format", "jasyl-schedule"),
        (lambda d: d.update(format_version=2), "format_version", "must be 1"),
        (lambda d: d.update(name=3), "name", "must be text"),
    ],
)
def test_wrong_schedules_are_refused_with_field_and_rule(schedule, sets, spoil, field, rule):
    document = json.loads(json.dumps(schedule_to_dict(schedule)))
    spoil(document)
    with pytest.raises(InputError, match=rule) as refused:
        schedule_from_dict(document, [p.junction for p in sets[0]])
    assert field in (refused.value.field or "")


def test_a_wrong_file_is_named(tmp_path):
    path = tmp_path / "no.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="must be JSON") as refused:
        read_schedule(path, [])
    assert str(refused.value.file) == str(path)
    assert "jasyl schedule" in (refused.value.hint or "")


def test_one_plan_set_shows_the_same_bytes_as_alone(network, sets):
    alone = movement_greens(network, sets[0])
    again = replace(sets[0], name="again")
    for switches in (
        [Switch(0, sets[0], Method.DWELL)],
        [Switch(0, sets[0], Method.DWELL), Switch(900, again, Method.DWELL)],
    ):
        shown = greens_over_time(network, switches, 0, 3600)
        for name in ("begin", "period_s", "state"):
            assert getattr(shown, name).tobytes() == getattr(alone, name).tobytes()


def test_a_pattern_as_long_as_the_run_is_worth_what_its_cycle_is(network, sets):
    demand = even_demand(network, 0.12)
    cyclic = movement_greens(network, sets[0])
    period = int(cyclic.period_s.max())
    rows = [cyclic.pattern(m) for m in range(len(cyclic))]
    duration = 40 * period
    long = MovementGreens(
        begin=np.where(cyclic.begin < 0, -1, np.arange(len(rows)) * duration),
        period_s=np.where(cyclic.begin < 0, 1, duration),
        state=np.concatenate([np.resize(row, duration) if len(row) else np.zeros(duration) for row in rows]),
    )
    model = FlowModel(network, demand)
    one, other = model.run(cyclic, duration, 300), model.run(long, duration, 300)
    assert one.summary() == pytest.approx(other.summary(), rel=1e-9)
    np.testing.assert_allclose(one.series.delay_s, other.series.delay_s, rtol=1e-9)


def test_vehicles_are_conserved_through_transitions(network, sets):
    model = FlowModel(network, even_demand(network, 0.12))
    switches = [Switch(0, sets[0], Method.SHORTWAY)]
    switches += [Switch(600 * k, sets[k % 2], list(Method)[k % 3]) for k in range(1, 6)]
    result = model.run(greens_over_time(network, switches, 0, 3600), 3600, 300)
    assert result.conservation_error < 1e-9
    assert result.arrived + result.under_way + result.waiting_to_enter == pytest.approx(
        result.vehicles, abs=1e-6
    )
    assert result.arrived > 0.9 * result.vehicles


@pytest.mark.parametrize("method", list(Method))
def test_plans_are_in_step_before_and_after_the_transition(network, sets, method):
    begin, duration, at = 80_000, 3000, 81_000
    switches = [Switch(0, sets[0], method), Switch(at, sets[1], method)]
    shown = greens_over_time(network, switches, begin, duration)
    (done,) = junction_transitions(0, switches)
    assert 0 < done.seconds < 1000
    states = {plans.name: group_states(plans[0]) for plans in sets}
    cycle = {plans.name: plans[0].cycle_s for plans in sets}
    for position, group in enumerate(sets[0][0].junction.groups):
        for movement in group.movements:
            pattern = shown.pattern(movement)
            assert len(pattern) == duration + cycle["one"]  # what came before stands at the end
            second = np.arange(begin, done.start_s)
            np.testing.assert_array_equal(
                pattern[second - begin], states["one"][position][second % cycle["one"]]
            )
            second = np.arange(done.end_s + cycle["two"], begin + duration)
            np.testing.assert_array_equal(
                pattern[second - begin], states["two"][position][second % cycle["two"]]
            )
            lead = np.arange(begin - cycle["one"], begin)
            np.testing.assert_array_equal(pattern[duration:], states["one"][position][lead % cycle["one"]])
            between = pattern[done.start_s - begin : done.end_s - begin]
            greens = [
                (start - done.start_s, end - done.start_s) for start, end in done.row.windows_s[position]
            ]
            told = np.zeros(len(between), dtype=bool)
            for start, end in greens:
                told[max(start, 0) : max(end, 0)] = True
            lit = (between == SignalState.PROTECTED) | (between == SignalState.PERMISSIVE)
            np.testing.assert_array_equal(lit, told)


def test_switches_that_follow_too_soon_wait_for_a_whole_cycle(sets):
    one, two = sets
    switches = [Switch(0, one, Method.DWELL), Switch(600, two, Method.DWELL), Switch(601, one, Method.DWELL)]
    first, second = junction_transitions(0, switches)
    assert second.start_s >= first.end_s + two[0].cycle_s
    assert (second.end_s - one[0].offset_s) % one[0].cycle_s == 0


def test_switches_out_of_order_are_refused(network, sets):
    switches = [Switch(600, sets[0], Method.DWELL), Switch(600, sets[1], Method.DWELL)]
    with pytest.raises(InputError, match="later than 600 s"):
        greens_over_time(network, switches, 0, 60)
    with pytest.raises(InputError, match="hold plans"):
        greens_over_time(network, [], 0, 60)


def test_sets_of_other_networks_and_junctions_are_refused(network, sets):
    other = PlanSet("two", "elsewhere", sets[1].plans)
    every = DayType("all", DAYS, (Entry(0, "one"),))
    with pytest.raises(InputError, match="of the network"):
        Schedule("x", network.name, (sets[0], other), (every,))
    with pytest.raises(InputError, match="same junctions"):
        Schedule("x", network.name, (sets[0], PlanSet("two", network.name, ())), (every,))
    assert Schedule.of_one(sets[0]).day_type("tuesday").at(5).plans == "one"
