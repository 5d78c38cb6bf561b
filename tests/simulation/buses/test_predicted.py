"""Generated days as stop visits, and predictors that learn from some of them and are tried on another one."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from scenarios.loader import build, load
from simulation.buses.conditions import recorded
from simulation.buses.predicted import generated_days, visits_of
from simulation.buses.replay import Policy, replay
from simulation.buses.service import Service
from tests.simulation.buses.days import DAY, line
from transit.dispatching import OnSchedule, ScheduleHolding
from transit.prediction.accuracy import BUCKETS
from transit.prediction.calls import Calls, Record
from transit.prediction.history import History
from transit.prediction.study import AIMED, PUBLISHED, compared
from transit.prediction.training import BLEND
from transit.visits import Relationship, StopVisits

HOUR = 3600
RIVALS = ["timetable", "schedule", "last vehicle", "historical"]


def test_a_replay_as_visits() -> None:
    service = Service.of(line([6 * HOUR + 600, 6 * HOUR], stops=3), DAY)
    left = service.departure_s + np.array([10.0, 20.0, 30.0, 40.0, 50.0, 60.0])
    found = visits_of(replay(service, recorded(service, left, left)), later_days=2)
    assert found.trip.texts() == ["t0"] * 3 + ["t1"] * 3
    assert found.departure_deviation_s.tolist() == [40.0, 50.0, 60.0, 10.0, 20.0, 30.0]  # t1 leaves first
    assert set(found.day.tolist()) == {(DAY - date(1970, 1, 1)).days + 2}
    assert found.arrival_s.min() == left.min() + 2 * 86_400
    assert (found.relationship == Relationship.SCHEDULED).all()


def days_of(seeds: list[int], policy: Policy | None = None) -> list[StopVisits]:
    return generated_days(build(load("grid-6x5")), DAY, seeds, vehicles=12, policy=policy)


def test_the_same_seed_is_the_same_day() -> None:
    first, second, other = days_of([1, 1, 2])
    assert (second.arrival_s - first.arrival_s == 86_400.0).all()
    assert not (other.arrival_s - first.arrival_s == 2 * 86_400.0).any()


def test_holding_that_a_control_centre_does_is_found_in_what_happened() -> None:
    (held,) = days_of([3], Policy(starting=OnSchedule(), holding=ScheduleHolding(early_s=30.0)))
    (free,) = days_of([3])
    of_held, of_free = (History.fit(Record.of(Calls.of(visits), visits)).dwells for visits in (held, free))
    assert of_held.holds.mean() > 0.9
    assert of_held.hold_early_s == pytest.approx(30.0, abs=1.0)
    assert of_free.holds.mean() < 0.1


def test_on_a_day_that_was_not_seen_the_blend_is_better_than_what_does_not_look_at_the_day() -> None:
    *earlier, last = days_of([11, 12, 13])
    found = compared(StopVisits.joined(earlier), Record.of(Calls.of(last), last), every_s=120.0)
    assert min(found.scores[BLEND].counts) > 1000
    assert len(found.scores[BLEND].share) == len(BUCKETS)
    assert found.margin(BLEND, RIVALS) > 0.0
    assert found.margin(PUBLISHED, RIVALS) > 0.0
    assert found.margin(PUBLISHED, [name + AIMED for name in RIVALS]) > 0.0
    assert 0.72 < found.within < 0.88
