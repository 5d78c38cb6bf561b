"""String lines of replayed days: the plan is that of the service, and what is drawn is what the vehicles did."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from scenarios.bus_day import BusSettings, build_bus_day
from scenarios.loader import build, load
from simulation.buses.conditions import recorded
from simulation.buses.replay import Policy, replay
from simulation.buses.results import replayed_visits
from simulation.buses.service import Service
from transit.dispatching import ScheduleHolding
from transit.string_lines import StringLines, string_lines


@pytest.fixture(scope="module")
def service() -> Service:
    day = build_bus_day(build(load("grid-6x5")).network, BusSettings(vehicles=6), date(2026, 11, 27))
    return Service.of(day.timetable, day.day)


def _lines(service: Service, shift_s: float, policy: Policy | None = None) -> StringLines:
    early = recorded(service, service.arrival_s + shift_s, service.departure_s + shift_s)
    run = replay(service, early) if policy is None else replay(service, early, policy)
    visits = replayed_visits(run)
    return string_lines(visits, str(visits.route[0]), int(visits.direction[0]))


def test_a_day_that_is_late_is_the_plan_moved(service: Service) -> None:
    lines = _lines(service, 90.0)
    assert lines.day == date(2026, 11, 27)
    assert len(lines.trips) > 10
    for trip in lines.trips:
        (observed,) = trip.observed
        np.testing.assert_allclose(observed, trip.planned + np.array([90.0, 0.0]), atol=1e-6)
        assert trip.bridged == ()
        assert trip.vehicle is not None
    assert np.diff(lines.place_s).min() > 0.0


def test_holding_brings_early_vehicles_back_to_the_plan(service: Service) -> None:
    """Two minutes early from the terminal, and held at the stops between: from there on nobody is early."""
    lines = _lines(service, -120.0, Policy(holding=ScheduleHolding()))
    for trip in lines.trips:
        (observed,) = trip.observed
        assert observed[0, 0] < trip.planned[0, 0]
        for place in np.unique(trip.planned[:, 1])[1:-1]:
            left, due = (points[points[:, 1] == place, 0].max() for points in (observed, trip.planned))
            assert left >= due - 1e-6
