"""Waits and headways of a replayed day: by hand, against a slow reference, ahead of time, and with an evening that is cut."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.buses.replay import Replayed
from simulation.buses.service import Service
from simulation.buses.study import outcome
from simulation.buses.waits import headways_within, left_ahead, printed_wait_s, waits
from tests.simulation.buses.days import DAY, line

HOUR = 3600
TRIPS, STOPS = 7, 4  # every ten minutes; nobody boards at the fourth stop


def ten_minutes() -> Service:
    return Service.of(line(range(6 * HOUR, 7 * HOUR + 1, 600), stops=STOPS), DAY)


def left_s(service: Service, lost: list[int], late_s: float = 0.0) -> np.ndarray:
    found = service.departure_s.reshape(TRIPS, STOPS) + late_s
    found[lost] = np.nan
    return found.ravel()


def test_a_day_as_planned_waits_half_a_headway() -> None:
    service = ten_minutes()
    assert waits(service, service.departure_s) == (300.0, 300.0)
    assert headways_within(service, service.departure_s, 0.5) == 1.0


def test_a_cut_evening_makes_passengers_wait() -> None:
    """Of 60 min, who come in the first 20 wait 5 min in the mean, who come in the last 40 wait 20 min at least."""
    service = ten_minutes()
    found = waits(service, left_s(service, [3, 4, 5, 6]))
    assert found.planned_s == 300.0
    assert found.actual_s == pytest.approx((20 * 300.0 + 40 * 1200.0) / 60, abs=1e-6)
    assert headways_within(service, left_s(service, [3, 4, 5, 6]), 0.5) == 2 / 6


def test_a_cut_evening_is_no_better_for_a_study() -> None:
    service = ten_minutes()
    left, nothing = left_s(service, [3, 4, 5, 6]), np.zeros(len(service.call))
    figures = outcome(service, Replayed(service, left, left, nothing, np.zeros(TRIPS, np.int64), ["a"]))
    assert figures.excess_wait_s == pytest.approx(600.0, abs=1e-6)
    assert figures.headway_within_half == 2 / 6


def test_a_morning_that_begins_late_makes_passengers_wait() -> None:
    """Who come in the first 30 min wait 15 min in the mean, the others 5."""
    service = ten_minutes()
    left = left_s(service, [0, 1, 2])
    assert waits(service, left).actual_s == pytest.approx(600.0, abs=1e-6)
    assert headways_within(service, left, 0.5) == 3 / 6


def test_a_day_that_is_late_throughout_makes_all_wait_longer_by_as_much_at_its_beginning() -> None:
    """Late by 2 min: who come in the first 2 min wait 1 min, in the last 8 min of the last headway 6 min in the mean."""
    service = ten_minutes()
    found = waits(service, left_s(service, [], 120.0))
    by_hand = (120.0 * 60.0 + 5 * 600.0 * 300.0 + 480.0 * (120.0 + 600.0) / 2) / 3600.0
    assert found.actual_s == pytest.approx(by_hand, abs=1e-6)
    assert headways_within(service, left_s(service, [], 120.0), 0.5) == 1.0


def test_where_nothing_runs_all_wait_until_the_end() -> None:
    service = ten_minutes()
    nothing = np.full(len(service.call), np.nan)
    assert waits(service, nothing).actual_s == pytest.approx(1800.0, abs=1e-6)
    assert headways_within(service, nothing, 0.5) == 0.0


def test_one_trip_has_neither_wait_nor_headway() -> None:
    service = Service.of(line([6 * HOUR]), DAY)
    assert all(math.isnan(value) for value in waits(service, service.departure_s))
    assert math.isnan(headways_within(service, service.departure_s, 0.5))


def test_ends_of_trips_do_not_count() -> None:
    service = ten_minutes()
    left = service.departure_s.copy()
    left[service.first[1:] - 1] += np.tile([0.0, 400.0], 4)[:TRIPS]
    assert waits(service, left) == (300.0, 300.0)
    assert headways_within(service, left, 0.5) == 1.0


@pytest.mark.parametrize(("late_s", "waited_s"), [(0.0, 0.0), (120.0, 120.0), (-30.0, 570.0), (600.0, 600.0)])
def test_who_comes_at_the_printed_time_waits_for_who_is_late_and_misses_who_is_ahead(
    late_s: float, waited_s: float
) -> None:
    service = ten_minutes()
    left = left_s(service, [], late_s)
    left[service.first[1:] - 1] = np.nan  # nobody boards at ends
    # late by a headway: the bus before comes just then, save for the first passenger
    expected = waited_s / 6 if late_s == 600.0 else waited_s
    assert printed_wait_s(service, left) == pytest.approx(expected, abs=1e-6)


def test_what_is_ahead_costs_who_comes_at_random_nothing_and_who_comes_by_the_timetable_a_headway() -> None:
    """Vehicles are 30 s ahead but for the first and the last, so that random passengers wait as long as before, almost."""
    service = ten_minutes()
    left = left_s(service, [], 0.0).reshape(TRIPS, STOPS)
    left[1:-1] -= 30.0
    found = outcome(
        service,
        Replayed(service, left.ravel(), left.ravel(), np.zeros(left.size), np.zeros(TRIPS, np.int64), ["a"]),
    )
    by_hand = (570.0**2 + 4 * 600.0**2 + 630.0**2) / 2 / 3600.0
    assert found.wait_s == pytest.approx(by_hand, abs=1e-6)
    assert found.on_time == 1.0
    # of six who come to a stop the first meets the first vehicle; four wait for one that is ahead again, one for the last
    assert found.printed_wait_s == pytest.approx((4 * 570.0 + 600.0) / 6, abs=1e-6)
    assert (found.left_ahead, found.started_ahead) == (5 / 7, 5 / 7)


def test_after_the_last_vehicle_who_comes_at_the_printed_time_waits_until_the_end() -> None:
    service = ten_minutes()
    found = printed_wait_s(service, left_s(service, [3, 4, 5, 6]))
    assert found == pytest.approx((1800.0 + 1200.0 + 600.0) / 6, abs=1e-6)
    alone = Service.of(line([HOUR]), DAY)
    assert math.isnan(printed_wait_s(alone, alone.departure_s))


def test_ahead_is_by_more_than_so_much_and_not_who_does_not_come() -> None:
    service = ten_minutes()
    left = left_s(service, [0], -15.0).reshape(TRIPS, STOPS)
    assert left_ahead(service, left.ravel(), 15.0) == (0.0, 0.0)
    left[1:3, 0] -= 1.0
    left[3, 1] -= 1.0
    left[:, STOPS - 1] -= 100.0
    assert left_ahead(service, left.ravel(), 15.0) == (3 / 21, 2 / 7)


@given(seed=st.integers(0, 2**32 - 1))
def test_who_come_at_printed_times_are_those_one_by_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    service = Service.of(line(sorted(rng.integers(HOUR, HOUR + 900, 5).tolist()), stops=3), DAY)
    left = service.departure_s + rng.integers(-100, 300, len(service.call))
    left[rng.random(len(left)) < 0.3] = np.nan
    waited = []
    for stop in (0, 1):
        planned, run = (column.reshape(5, 3)[:, stop] for column in (service.departure_s, left))
        for moment in planned[planned < planned.max()]:
            later = run[run >= moment]
            waited.append((later.min() if len(later) else planned.max()) - moment)
    assert printed_wait_s(service, left) == pytest.approx(
        np.mean(waited) if waited else math.nan, nan_ok=True
    )


@given(seed=st.integers(0, 2**32 - 1))
def test_waits_are_those_of_passengers_one_by_one(seed: int) -> None:
    """Whole seconds: one passenger in the middle of each, who waits for the next departure at the stop."""
    rng = np.random.default_rng(seed)
    service = Service.of(line(sorted(rng.integers(HOUR, HOUR + 900, 4).tolist()), stops=3), DAY)
    left = service.departure_s + rng.integers(-100, 300, len(service.call))
    left[rng.random(len(left)) < 0.3] = np.nan
    total, count = 0.0, 0
    for stop in (0, 1):
        planned, run = (column.reshape(4, 3)[:, stop] for column in (service.departure_s, left))
        for second in range(int(planned.min()), int(planned.max())):
            later = run[run >= second + 1]
            total += (later.min() if len(later) else planned.max()) - (second + 0.5)
            count += 1
    found = waits(service, left)
    if count:
        assert found.actual_s == pytest.approx(total / count, abs=1e-6)
    else:
        assert math.isnan(found.actual_s)
