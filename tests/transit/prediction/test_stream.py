"""The stream: nothing of the future is used, pieces give what the whole gives, and what comes out keeps the rules of feeds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transit.prediction.days import EIGHT_S, driven, line, lucky_days
from transit.prediction.blend import Aim
from transit.prediction.calls import Calls, Record
from transit.prediction.predictors import Forecast
from transit.prediction.stream import PredictionStream, predictions_of, vehicles_of
from transit.prediction.training import BLEND, Trained
from transit.visits import StopVisits

NAMES = ("timetable", "schedule", "last vehicle", "historical", "kalman", BLEND)


@pytest.fixture(scope="module")
def trained() -> Trained:
    return Trained.of(
        StopVisits.joined(lucky_days(np.random.default_rng(1), 2, trips=12, stretches=6)), every_s=120.0
    )


def today(seed: int) -> StopVisits:
    rng = np.random.default_rng(seed)
    starts = np.sort(rng.uniform(0.0, 4000.0, 8)).tolist()
    blocks = ["a", "b", "c", "d"] * 2
    return driven(starts, 90.0 * np.exp(rng.normal(0.0, 0.3, (8, 6))), planned_s=90.0, blocks=blocks)


def at(visits: StopVisits, trained: Trained, name: str, now_s: float, aim: Aim = Aim.MEDIAN) -> Forecast:
    calls = Calls.of(visits)
    stream = PredictionStream(calls, trained, name=name, aim=aim)
    stream.push(Record.of(calls, visits).events().before(now_s)[0])
    return stream.predict(now_s)


def same(one: Forecast, other: Forecast) -> bool:
    return all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes()
        for name in ("arrival_s", "departure_s", "sd_s")
    )


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15)
@given(seed=st.integers(0, 1000), minute=st.integers(1, 80))
def test_another_future_changes_nothing(trained: Trained, name: str, seed: int, minute: int) -> None:
    """What happens after a moment is put off, or does not happen at all: predictions of the moment stay to the last bit."""
    visits, now_s = today(seed), EIGHT_S + 60.0 * minute
    rng = np.random.default_rng(seed)
    before = at(visits, trained, name, now_s)
    for other in (rng.uniform(1.0, 900.0, len(visits)), np.full(len(visits), np.nan)):
        changed = {
            column: np.where(
                getattr(visits, column) > now_s, getattr(visits, column) + other, getattr(visits, column)
            )
            for column in ("arrival_s", "departure_s")
        }
        assert same(before, at(replace(visits, **changed), trained, name, now_s))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=10)
@given(seed=st.integers(0, 1000), cuts=st.lists(st.integers(1, 20), max_size=6))
def test_events_in_pieces_are_the_same_as_at_once(
    trained: Trained, name: str, seed: int, cuts: list[int]
) -> None:
    visits, now_s = today(seed), EIGHT_S + 2400.0
    calls = Calls.of(visits)
    stream, place = PredictionStream(calls, trained, name=name), 0
    events = Record.of(calls, visits).events()
    for minute in np.cumsum(cuts).tolist():
        some, place = events.before(min(EIGHT_S + 60.0 * minute, now_s), place)
        stream.push(some)
    stream.push(events.before(now_s, place)[0])
    assert same(stream.predict(now_s), at(visits, trained, name, now_s))


@pytest.mark.parametrize("aim", list(Aim))
@given(seed=st.integers(0, 1000), minute=st.integers(1, 80))
@settings(max_examples=15)
def test_times_rise_and_are_not_in_the_past(trained: Trained, aim: Aim, seed: int, minute: int) -> None:
    now_s = EIGHT_S + 60.0 * minute
    found = at(today(seed), trained, BLEND, now_s, aim)
    for begin, end in zip(found.ahead.first[:-1].tolist(), found.ahead.first[1:].tolist(), strict=True):
        times = np.column_stack([found.arrival_s, found.departure_s])[begin + 1 : end].ravel()
        assert (np.diff(times, prepend=now_s) >= 0.0).all()
    assert np.isfinite(found.arrival_s[found.ahead.coming]).all()
    assert (found.sd_s >= 0.0).all()


def test_predictions_say_what_is_known_of_each_stop(trained: Trained) -> None:
    visits = line([0, 600], blocks=["b", "b"])
    calls = Calls.of(visits)
    forecast = at(visits, trained, "schedule", EIGHT_S + 10.0)
    found = predictions_of(calls, forecast, vehicles_of(calls, visits.vehicle.take(np.r_[0:5, [0] * 5])))
    assert found.trip.texts() == ["t0"] * 4 + ["t1"] * 5
    assert found.sequence.tolist() == [2, 3, 4, 5, 1, 2, 3, 4, 5]
    assert np.isnan(found.arrival_s).tolist() == [False] * 4 + [True] + [False] * 4
    assert np.isnan(found.departure_s).tolist() == [False] * 3 + [True] + [False] * 4 + [True]
    assert np.nanmax(np.abs(found.arrival_delay_s)) == 0.0
    assert found.vehicle.texts() == ["v0"] * 9
    assert np.isnan(found.uncertainty_s).all()  # the timetable does not know how uncertain it is
    assert (at(visits, trained, BLEND, EIGHT_S + 10.0).sd_s[1:] > 0.0).all()


@given(seed=st.integers(0, 1000), minute=st.integers(1, 80))
@settings(max_examples=15)
def test_quantiles_rise_with_their_shares_around_the_median(trained: Trained, seed: int, minute: int) -> None:
    visits, now_s = today(seed), EIGHT_S + 60.0 * minute
    calls = Calls.of(visits)
    stream = PredictionStream(calls, trained)
    stream.push(Record.of(calls, visits).events().before(now_s)[0])
    found, middle = stream.quantiles(now_s, [0.05, 0.5, 0.95]), stream.predict(now_s)
    rows = middle.ahead.coming
    assert (np.diff(found[:, rows], axis=0) >= 0.0).all()
    assert (found[:, rows] >= now_s).all()
    assert np.isnan(found[:, ~rows]).all()
