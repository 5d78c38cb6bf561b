"""Generated taps: everybody is found where they boarded, and those who come back mostly where they left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scenarios.bus_day import GENERATED_DAY, BusDay, BusSettings, build_bus_day
from scenarios.loader import build_network, load
from simulation.buses.aboard import riders_of
from simulation.buses.generated_taps import GeneratedTaps, generated_taps, write_taps
from simulation.buses.results import planned_visits
from simulation.buses.service import Service
from transit.ridership import Ridership, RidershipRules, ridership
from transit.tap_files import read_taps


@pytest.fixture(scope="module")
def made() -> BusDay:
    return build_bus_day(build_network(load("grid-6x5")), BusSettings(vehicles=30, seed=2), GENERATED_DAY)


@pytest.fixture(scope="module")
def service(made: BusDay) -> Service:
    return Service.of(made.timetable, made.day)


@pytest.fixture(scope="module")
def found(made: BusDay, service: Service) -> GeneratedTaps:
    return generated_taps(service, made.lines, np.random.default_rng(7))


@pytest.fixture(scope="module")
def known(service: Service, found: GeneratedTaps) -> Ridership:
    return ridership(planned_visits(service), found.taps, service.timetable.stops)


def test_people_ride_forward_on_one_trip(service: Service, found: GeneratedTaps) -> None:
    assert (found.left > found.boarded).all()
    assert (service.trip_of_call[found.left] == service.trip_of_call[found.boarded]).all()
    assert (np.diff(found.taps.time_s) >= 0.0).all()
    late_s = service.departure_s[found.boarded] - found.taps.time_s
    assert ((late_s >= 0.0) & (late_s <= 15.0)).all()


def test_everybody_is_found_where_they_boarded(found: GeneratedTaps, known: Ridership) -> None:
    assert known.visit.tolist() == found.boarded.tolist()


def test_most_who_come_back_are_found_where_they_left(found: GeneratedTaps, known: Ridership) -> None:
    linked = known.left >= 0
    assert linked.mean() > 0.4
    off_by = np.abs(known.left - found.left)[linked]
    assert (off_by == 0).mean() > 0.85
    assert (off_by <= 1).mean() > 0.95


def test_loads_are_near_the_truth(service: Service, found: GeneratedTaps, known: Ridership) -> None:
    calls = len(service.call)
    on, off = np.bincount(found.boarded, minlength=calls), np.bincount(found.left, minlength=calls)
    total = np.cumsum(on - off)
    load = total - np.concatenate(([0], total))[service.first[:-1]][service.trip_of_call]
    assert np.corrcoef(load, known.visits.load)[0, 1] > 0.9
    assert float(known.visits.load.mean()) == pytest.approx(load.mean(), rel=0.15)


def test_rates_bring_as_many_as_the_taps_had(service: Service, known: Ridership) -> None:
    """Over a day, rates times headways are the boardings, but for the first vehicle at each place, which has no headway."""
    riders = riders_of(service, known)
    headway_s = np.nan_to_num(service.headway_s)
    later = headway_s > 0.0
    expected = float(known.visits.boardings[later].sum())
    assert float((riders.rate_s * headway_s)[later].sum()) == pytest.approx(expected, rel=1e-4)
    assert (riders.leave >= 0.0).all()
    assert (riders.leave <= 1.0).all()


def test_taps_are_read_back(service: Service, found: GeneratedTaps, known: Ridership, tmp_path: Path) -> None:
    path = tmp_path / "taps.csv"
    write_taps(path, found.taps, service.timetable.zone)
    read = read_taps(path)
    assert read.problems == ()
    assert np.abs(read.taps.time_s - found.taps.time_s).max() <= 0.5
    assert read.taps.card.texts() == found.taps.card.texts()
    again = ridership(
        planned_visits(service), read.taps, service.timetable.stops, RidershipRules(expansion=1.5)
    )
    np.testing.assert_allclose(again.visits.boardings, 1.5 * known.visits.boardings)
