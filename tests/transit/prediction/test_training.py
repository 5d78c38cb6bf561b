"""Trained on some days and tried on others: the blend is best where there is something to learn, and knows how sure it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.transit.prediction.days import line, lucky_days
from traffic.errors import InputError
from transit.prediction.blend import fit_weights
from transit.prediction.calls import Calls, Record
from transit.prediction.study import AIMED, PLAIN, PUBLISHED, compared, summary
from transit.prediction.training import BLEND, Trained, halves_of, predictors, together
from transit.prediction.trial import tried
from transit.visit_files import read_visits
from transit.visits import StopVisits


def test_vehicles_with_a_pace_are_predicted_best_by_who_looks_for_it() -> None:
    days = lucky_days(np.random.default_rng(8), 4, trips=30, stretches=14, pace_sd=0.2, noise_sd=0.1)
    last = days[-1]
    found = compared(StopVisits.joined(days[:-1]), Record.of(Calls.of(last), last), every_s=60.0)
    rivals = ["timetable", "schedule", "last vehicle", "historical"]
    assert found.margin(BLEND, rivals) > 0.02
    assert found.scores[BLEND].mean_absolute_error_s < 0.85 * found.scores["historical"].mean_absolute_error_s
    assert found.margin(PUBLISHED, [name + AIMED for name in rivals]) > 0.02
    assert 0.7 < found.within < 0.9
    shown = summary([found, found])
    assert shown["margins"][BLEND]["sd"] == 0.0
    assert set(shown["predictors"]) == {*PLAIN, BLEND, PUBLISHED, *(name + AIMED for name in PLAIN)}


def test_others_are_aimed_as_the_blend_is() -> None:
    """What is told of each is what would be told of a blend that has nobody else."""
    days = lucky_days(np.random.default_rng(9), 3, trips=20, stretches=8, pace_sd=0.2, noise_sd=0.1)
    earlier, last = StopVisits.joined(days[:-1]), days[-1]
    record = Record.of(Calls.of(last), last)
    scores = compared(earlier, record).scores
    trained = Trained.of(earlier)
    for name in PLAIN:
        alone = replace(trained, weights=fit_weights(trained.tried, (name,)))
        trial = tried(
            record,
            predictors(record.calls, trained.history, trained.parameters),
            together=lambda found, alone=alone: together(alone, found),
        )
        assert scores[name + AIMED] == trial.score(PUBLISHED)


def test_halves_take_turns_or_are_drawn_from_pairs() -> None:
    calls = Calls.of(line([600.0 * k for k in range(11)]))
    first, second = halves_of(calls)
    assert np.flatnonzero(first).tolist() == [0, 2, 4, 6, 8, 10]
    assert (first ^ second).all()
    drawn, _ = halves_of(calls, np.random.default_rng(1))
    assert [int(drawn[k : k + 2].sum()) for k in range(0, 10, 2)] == [1] * 5
    assert not np.array_equal(drawn, first)


def test_what_cannot_teach_is_refused() -> None:
    visits = line([0])
    bare = StopVisits.of(visits.zone, len(visits), day=visits.day, trip=visits.trip, stop=visits.stop)
    with pytest.raises(InputError, match="planned times"):
        Trained.of(bare)
    with pytest.raises(InputError, match="name their trips"):
        Trained.of(StopVisits.of(visits.zone, 2))


def test_a_history_of_one_trip_is_enough_to_begin_with() -> None:
    trained = Trained.of(line([0]))
    assert trained.history.running.whole_s == pytest.approx([120.0] * 4)
    assert (trained.weights.weight.sum(axis=2) == 1.0).all()


def test_boston_trips_that_were_not_seen(shared_data: Path) -> None:
    visits = read_visits(
        shared_data / "transit/mbta_2018/mbta_bus_arrival_departure_sample_2018.csv.gz"
    ).visits
    calls = Calls.of(visits)
    known, unknown = halves_of(calls, np.random.default_rng([1, 5_000]))
    found = compared(
        visits.take(np.sort(calls.row[known[calls.run]])),
        Record.of(calls, visits),
        every_s=120.0,
        scored=unknown,
    )
    rivals = ["timetable", "schedule", "last vehicle", "historical"]
    assert found.margin(BLEND, rivals) > 0.0
    assert found.margin(PUBLISHED, rivals) > 0.05
    assert 0.7 < found.within < 0.9
