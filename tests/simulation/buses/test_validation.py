"""A fitted model falls within what trips leave open that it has not seen: on a generated day, and on Boston's."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from scenarios.bus_day import BusSettings, build_bus_day
from scenarios.loader import build, load
from signals.greens import movement_greens
from signals.signal_delay import movement_flow_ratio, signal_delay
from simulation.buses.conditions import recorded
from simulation.buses.fitted import drawn, fit
from simulation.buses.replay import Replayed, replay
from simulation.buses.results import replayed_visits
from simulation.buses.service import Service
from simulation.buses.street import Fortune, Luck, Street
from simulation.buses.validation import halves, headway_ratios, on_time, validate
from simulation.rivals import isolated_webster
from tests.simulation.buses.days import DAY, line
from transit.definitions import named
from transit.from_visits import planned
from transit.punctuality import punctuality
from transit.visit_files import read_visits

HOUR = 3600


def test_halves_take_turns_within_each_route() -> None:
    service = Service.of(line(range(6 * HOUR, 8 * HOUR, 600)), DAY)
    whole = np.ones(len(service), bool)
    whole[3] = False
    found = halves(service, whole)
    assert found.odd.tolist() == [0, 2, 5, 7, 9, 11]
    assert found.even.tolist() == [1, 4, 6, 8, 10]


def test_a_model_without_anything_to_learn_is_the_timetable() -> None:
    timetable = line(range(6 * HOUR, 8 * HOUR, 600))
    odd, even = (Service.of(timetable, DAY, np.arange(k, 12, 2)) for k in (0, 1))
    found = validate((odd, odd.arrival_s, odd.departure_s), (even, even.arrival_s, even.departure_s), seeds=2)
    assert found.on_time.observed == found.on_time.replayed == 1.0
    assert found.headway_cv is not None
    assert found.headway_cv.replayed == 0.0
    assert found.without_donor == 0


def test_a_trip_takes_after_one_of_its_neighbours() -> None:
    """Donors are 100 s late at the start and take twice the planned time: so does every trip."""
    timetable = line([6 * HOUR, 6 * HOUR + 600, 6 * HOUR + 1200])
    donors, own = Service.of(timetable, DAY, np.array([0, 2])), Service.of(timetable, DAY, np.array([1]))
    late = donors.departure_s + 100.0 + 90.0 * np.tile(np.arange(5), 2)
    conditions, alone = drawn(own, fit(donors, late, late), np.random.default_rng(1))
    found = replay(own, conditions)
    assert not alone.any()
    assert (found.departure_s - own.departure_s).tolist() == [100.0, 190.0, 280.0, 370.0, 460.0]


def test_figures_by_hand() -> None:
    service = Service.of(line([6 * HOUR, 6 * HOUR + 600], stops=2), DAY)
    left = service.departure_s + np.array([-61.0, -60.0, 300.0, 301.0])
    assert on_time(service, left, left).tolist() == [False, True, True, False]
    ratio, later = headway_ratios(service, left)
    assert ratio == pytest.approx([961 / 600, 961 / 600])
    assert later.tolist() == [1, 1]


def test_ends_of_trips_are_judged_by_the_arrival_as_on_time_visits_has_it() -> None:
    """Both trips come to their end in time, and stand there; the second leaves its first stop too late."""
    service = Service.of(line([6 * HOUR, 6 * HOUR + 600], stops=2), DAY)
    came = service.arrival_s + np.array([0.0, 200.0, 301.0, 300.0])
    left = came + np.array([0.0, 101.0, 0.0, 500.0])
    assert on_time(service, came, left).tolist() == [True, True, False, True]
    found = Replayed(service, came, left, np.zeros(4), np.zeros(2, np.int64), ["a"])
    (share,) = named(["on-time-visits"])
    figure = punctuality(replayed_visits(found), by=(), chosen=[share]).of("on-time-visits")
    assert (figure.numerator, figure.denominator) == (3, 4)


@pytest.fixture(scope="module")
def generated_day() -> tuple[Service, np.ndarray, np.ndarray]:
    city = build(load("grid-6x5"))
    day = build_bus_day(city.network, BusSettings(vehicles=60, seed=3), date(2026, 11, 27))
    service = Service.of(day.timetable, day.day)
    greens = movement_greens(city.network, isolated_webster(city.network, city.junctions, city.demand))
    flow = city.demand.movement_veh_s(city.network)
    signals = [signal_delay(greens, *movement_flow_ratio(city.network, 0.8 * flow))]
    luck = Luck.drawn(service, Fortune(), np.random.default_rng(5))
    found = replay(service, Street(service, day.lines, luck, signals))
    return service, found.arrival_s, found.departure_s


def test_a_generated_day_comes_out_in_trace(generated_day: tuple[Service, np.ndarray, np.ndarray]) -> None:
    service, arrival_s, departure_s = generated_day
    again = replay(service, recorded(service, arrival_s, departure_s))
    assert again.departure_s.tobytes() == departure_s.tobytes()


def test_a_generated_day_is_met_by_a_model_of_every_second_trip(
    generated_day: tuple[Service, np.ndarray, np.ndarray],
) -> None:
    service, arrival_s, departure_s = generated_day
    parts = []
    for half in halves(service, np.ones(len(service), bool)):
        own = np.isin(service.trips, half)[service.trip_of_call]
        parts.append((Service.of(service.timetable, service.day, half), arrival_s[own], departure_s[own]))
    found = validate(*parts)
    assert found.on_time.inside
    assert found.headway_cv is not None
    assert found.headway_cv.inside


def test_boston_is_met_by_a_model_of_every_second_trip(shared_data: Path) -> None:
    visits = read_visits(
        shared_data / "transit/mbta_2018/mbta_bus_arrival_departure_sample_2018.csv.gz"
    ).visits
    plan = planned(visits)
    day = date(1970, 1, 1) + timedelta(days=int(visits.day[0]))
    service = Service.of(plan.timetable, day)
    arrival_s = np.where(np.isnan(visits.arrival_s), visits.departure_s, visits.arrival_s)[plan.row]
    departure_s = np.where(np.isnan(visits.departure_s), visits.arrival_s, visits.departure_s)[plan.row]
    ends = zip(service.first[:-1].tolist(), service.first[1:].tolist(), strict=True)
    complete = np.array([bool((np.diff(arrival_s[service.call[a:b]]) >= 0).all()) for a, b in ends])
    parts = []
    for half in halves(service, complete):
        own = Service.of(plan.timetable, day, half)
        parts.append((own, arrival_s[own.call], np.maximum(departure_s, arrival_s)[own.call]))
    again = replay(parts[0][0], recorded(*parts[0]))
    assert again.departure_s.tobytes() == parts[0][2].tobytes()
    found = validate(*parts)
    assert found.trips > 500
    assert found.on_time.inside
    assert found.headway_cv is not None
    assert found.headway_cv.inside
