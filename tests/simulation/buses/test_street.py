"""Buses over signals: running adds up, priority only ever helps who gets it, and the same seed gives the same day."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import numpy as np
import pytest

from scenarios.bus_day import BusDay, BusSettings, build_bus_day
from scenarios.loader import City, build, load
from signals.priority import PriorityRules
from simulation.buses.policies import chosen, compared, variants
from simulation.buses.replay import Policy, replay
from simulation.buses.results import replayed_visits
from simulation.buses.riders import dispatching_of
from simulation.buses.service import Service
from simulation.buses.street import Fortune, Luck, Street
from simulation.buses.study import Days, Signals, Variant, outcome, signals_of, study
from simulation.rivals import isolated_webster
from traffic.errors import InputError
from transit.dispatching import OnSchedule

DAY = date(2026, 11, 27)
NO_LUCK = Fortune(trip=0.0, stretch=0.0, passengers=0.0, begin_early_s=0.0, begin_late_share=0.0)


@pytest.fixture(scope="module")
def city() -> City:
    return build(load("grid-6x5"))


@pytest.fixture(scope="module")
def made(city: City) -> BusDay:
    return build_bus_day(city.network, BusSettings(vehicles=40, seed=3), DAY)


@pytest.fixture(scope="module")
def signals(city: City, made: BusDay) -> Signals:
    plans = isolated_webster(city.network, city.junctions, city.demand)
    return signals_of(city.network, plans, city.demand, made.lines.traffic_by_hour)


@pytest.fixture(scope="module")
def service(made: BusDay) -> Service:
    return Service.of(made.timetable, made.day)


def test_the_generated_day_is_run_by_blocks_that_are_never_at_two_places(
    made: BusDay, service: Service
) -> None:
    assert made.vehicles >= 40
    assert len(made.timetable.trips.block.names) == made.vehicles
    assert sum(map(len, service.duties)) == len(service)
    for duty in service.duties:
        for before, trip in pairwise(duty):
            assert (
                service.departure_s[service.first[trip]] >= service.arrival_s[service.first[before + 1] - 1]
            )
    assert [len(row) for row in made.lines.pieces].count(0) == len(service)  # the last stop of each trip


def test_the_same_seed_gives_the_same_day(city: City, made: BusDay) -> None:
    again = build_bus_day(city.network, BusSettings(vehicles=40, seed=3), DAY)
    other = build_bus_day(city.network, BusSettings(vehicles=40, seed=4), DAY)
    assert again.timetable.times.arrival_s.tobytes() == made.timetable.times.arrival_s.tobytes()
    assert again.lines.passengers_s.tobytes() == made.lines.passengers_s.tobytes()
    assert other.lines.passengers_s.tobytes() != made.lines.passengers_s.tobytes()


def test_running_is_its_pieces_and_its_signals(made: BusDay, service: Service, signals: Signals) -> None:
    street = Street(
        service, made.lines, Luck.drawn(service, NO_LUCK, np.random.default_rng(1)), signals.delay
    )
    call, leave_s = int(service.first[5]) + 2, float(service.departure_s[int(service.first[5]) + 2]) + 17.0
    hour = int((leave_s - made.timetable.start_s(DAY)) // 3600)
    now_s, table = leave_s, signals.delay[hour]
    for free_s, movement in made.lines.pieces[int(service.call[call])]:
        now_s += free_s * made.lines.running_by_hour[hour]
        if movement >= 0 and table.begin[movement] >= 0:
            now_s += table.delay_s[table.begin[movement] + int(now_s) % table.period_s[movement]]
    assert street.run_s(call, leave_s) == pytest.approx(now_s - leave_s, abs=1e-6)


def test_a_city_that_is_too_small_for_routes_is_refused() -> None:
    with pytest.raises(InputError, match="network"):
        build_bus_day(build(load("grid-2x2")).network, BusSettings(vehicles=5), DAY)


def test_priority_shortens_trips_at_a_cost_that_is_told(
    made: BusDay, service: Service, signals: Signals
) -> None:
    rules = PriorityRules(least_late_s=0.0)
    variants = (Variant("none", signals), Variant("priority", signals, priority=rules))
    found = study(Days(service, made.lines, variants, Fortune()), seeds=[1, 2])
    for none, priority in zip(found["none"], found["priority"], strict=True):
        assert (none.asked, none.granted, none.others_veh_h) == (0, 0, 0.0)
        assert priority.run_s < none.run_s
        assert 0 < priority.granted <= priority.asked
        assert priority.gained_s > 0.0
        assert priority.others_veh_h > 0.0


def test_what_time_in_hand_gives_and_costs_is_told_on_the_same_days(
    made: BusDay, service: Service, signals: Signals
) -> None:
    names = ("all together", "all together, no time in hand", "all together, nothing ahead")
    days = Days(service, made.lines, chosen(variants(signals, signals), names), Fortune())
    found = study(days, seeds=[1, 2])
    assert tuple(found) == names
    for hand, in_time, nothing in zip(*found.values(), strict=True):
        assert hand.started_ahead > 0.5
        assert in_time.started_ahead == nothing.started_ahead == 0.0
        assert hand.left_ahead > in_time.left_ahead > nothing.left_ahead == 0.0
        assert hand.printed_wait_s > in_time.printed_wait_s > nothing.printed_wait_s > 0.0
        assert hand.traffic_delay_s == in_time.traffic_delay_s == nothing.traffic_delay_s


def test_an_empty_change_is_the_baseline(made: BusDay, service: Service, signals: Signals) -> None:
    nobody = PriorityRules(least_late_s=1e9)
    variants = (Variant("a", signals), Variant("b", signals, priority=nobody))
    found = study(Days(service, made.lines, variants, Fortune()), seeds=[1])
    assert found["a"] == found["b"]


def test_a_day_without_luck_under_discipline_begins_in_time(
    made: BusDay, service: Service, signals: Signals
) -> None:
    luck = Luck.drawn(service, NO_LUCK, np.random.default_rng(1))
    run = replay(service, Street(service, made.lines, luck, signals.delay), Policy(starting=OnSchedule()))
    first = service.first[:-1]
    assert (run.departure_s[first] >= service.departure_s[first]).all()
    assert np.isfinite(run.arrival_s).all()
    figures = outcome(service, run)
    visits = replayed_visits(run)
    late_s = visits.departure_deviation_s
    assert figures.on_time == ((late_s >= -60) & (late_s <= 300)).mean()
    assert visits.trip[0] == made.timetable.trips.key[int(service.trips[0])]


def test_policies_are_compared_on_the_same_days(city: City, made: BusDay, service: Service) -> None:
    found = compared(city, DAY, vehicles=6, seeds=2)
    signals = signals_of(
        city.network, isolated_webster(city.network, city.junctions, city.demand), city.demand, np.ones(24)
    )
    names = [variant.name for variant in variants(signals, None, dispatching_of(service, made.lines))]
    assert [row["variant"] for row in found.rows()] == names
    document = found.document()
    assert document["label"] == "generated"
    assert document["variants"]["untouched"]["sd"]["run_s"] > 0.0
