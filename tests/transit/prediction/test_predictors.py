"""Predictors by hand: the timetable, the deviation carried on, the vehicle before, the history, and the gain of the filter."""

from __future__ import annotations

import numpy as np
import pytest

from tests.transit.prediction.days import DAY, EIGHT_S, driven, line, lucky_days
from transit.prediction.calls import Calls, Record
from transit.prediction.following import Follower
from transit.prediction.history import History
from transit.prediction.kalman import Kalman, Parameters, fit_parameters, residuals
from transit.prediction.predictors import Historical, LastVehicle, Planned, Timetabled
from transit.visits import StopVisits


def asked(visits, now_s: float, make):
    """Return arrivals, after eight, of the first vehicle under way at its coming stops."""
    calls = Calls.of(visits)
    predictor, follower = make(calls), Follower(calls)
    predictor.learn(follower.push(Record.of(calls, visits).events().before(now_s)[0]))
    found = predictor.predict(follower.ahead(now_s))
    return (found.arrival_s[1 : found.ahead.first[1]] - EIGHT_S).tolist()


def history_of(visits) -> History:
    return History.fit(Record.of(Calls.of(visits), visits))


LATE = driven([0], np.array([[150.0, 120.0, 120.0, 120.0]]))


def test_the_timetable_as_it_is_printed() -> None:
    assert asked(LATE, EIGHT_S + 160.0, Timetabled) == [240.0, 360.0, 480.0]
    assert asked(LATE, EIGHT_S + 250.0, Timetabled) == [250.0, 360.0, 480.0]


def test_the_deviation_is_carried_on() -> None:
    assert asked(LATE, EIGHT_S + 160.0, Planned) == [270.0, 390.0, 510.0]


def test_a_deviation_ends_with_the_trip_where_the_layover_is_long_enough() -> None:
    visits = line([0, 600], np.full((2, 5, 2), 50.0), blocks=["b", "b"])
    assert asked(visits, EIGHT_S + 60.0, Planned) == [
        170.0,
        290.0,
        410.0,
        530.0,
        600.0,
        720.0,
        840.0,
        960.0,
        1080.0,
    ]
    late = line([0, 600], np.full((2, 5, 2), 150.0), blocks=["b", "b"])
    assert asked(late, EIGHT_S + 160.0, Planned)[3:6] == [630.0, 630.0, 750.0]


def test_the_vehicle_before_on_the_same_stretch() -> None:
    run = np.array([[100.0, 110.0, 120.0, 130.0], [90.0, 140.0, 120.0, 120.0], [100.0] * 4])
    visits = driven([0, 300, 600], run)
    usual = history_of(driven([0], np.full((1, 4), 200.0), day=DAY - 1))
    # when the third vehicle leaves, the second one has run two stretches, the first one all
    found = asked(
        visits.take(visits.trip.is_any(["t0", "t1", "t2"])),
        EIGHT_S + 600.0,
        lambda calls: LastVehicle(calls, usual),
    )
    second_left = 300.0 + 90.0 + 140.0
    assert found[:2] == pytest.approx([second_left + 120.0, second_left + 250.0], abs=20.0)
    alone = asked(
        visits.take(visits.trip.is_any(["t0", "t2"])),
        EIGHT_S + 600.0,
        lambda calls: LastVehicle(calls, usual),
    )
    assert alone[1:] == pytest.approx([alone[0] + 110.0, alone[0] + 230.0, alone[0] + 360.0])
    stale = asked(visits, EIGHT_S + 600.0, lambda calls: LastVehicle(calls, usual, fresh_s=0.0))
    assert np.diff(stale)[-1] == 200.0


def test_history_is_the_median_of_the_stretch_and_hour() -> None:
    """At eight a stretch takes 100, 110 and 300 s, at nine 200 s; a stretch that was never seen takes what is planned."""
    run = np.array([[100.0] * 4, [110.0] * 4, [300.0] * 4, [200.0] * 4, [200.0] * 4, [200.0] * 4])
    usual = history_of(driven([0, 60, 120, 3600, 3660, 3720], run, day=DAY - 1))
    now = line([0])
    for hour, stretch_s in ((0.0, 110.0), (3600.0, 200.0)):
        visits = line([hour])
        found = asked(visits, EIGHT_S + hour, lambda calls: Historical(calls, usual))
        assert np.diff(found).tolist() == [stretch_s] * 3
    other = StopVisits.of(
        now.zone,
        5,
        **{name: getattr(now, name) for name in StopVisits.columns() if name != "stop"},
        stop=list("ABCDE"),
    )
    found = asked(other, EIGHT_S, lambda calls: Historical(calls, History.none()))
    assert found == [120.0, 240.0, 360.0, 480.0]


def test_dwell_is_learned_and_longer_for_longer_headways() -> None:
    """Within an hour, vehicles stand for a tenth of the time since the one before left."""
    starts = np.cumsum(np.random.default_rng(3).uniform(20.0, 98.0, 60))
    late, before = np.zeros((60, 3, 2)), starts[0] - 60.0
    for k, comes in enumerate(starts.tolist()):
        late[k, 1:, :] = 0.1 * (comes - before)
        late[k, 1, 0] = 0.0
        before = comes + late[k, 1, 1]
    found = history_of(line(starts.tolist(), late, stops=3))
    middle = [place[2] for place in found.places].index("S1")
    assert found.dwells.by_headway == pytest.approx(1.0, abs=0.05)
    assert found.dwells.mean_s[middle, 8] == pytest.approx(late[:, 1, 1].mean(), rel=0.01)
    assert found.dwells.variation < 0.05


def test_holding_is_learned() -> None:
    """Vehicles come 100 s early to the middle stop and leave as planned; or they leave as soon as they have come."""
    late = np.zeros((30, 3, 2))
    late[:, 1, 0] = -100.0
    starts = [600.0 * k for k in range(30)]
    held = history_of(line(starts, late, stops=3, dwell_s=20.0))
    assert held.dwells.holds[[place[2] for place in held.places].index("S1")]
    late[:, 1, 1] = -100.0
    assert not history_of(line(starts, late, stops=3, dwell_s=20.0)).dwells.holds.any()


def test_the_gain_of_the_filter_by_hand() -> None:
    """Variances of 0.01 each for stretch, pace and noise. One vehicle is as expected: the variance of the stretch falls to 2/3.

    Another one takes half as long again: of the surprise, 3/8 are laid to its pace and 2/8 to the stretch.
    """
    usual = history_of(driven([600.0 * k for k in range(8)], np.full((8, 4), 100.0), day=DAY - 1))
    usual.running.log_var[:], usual.running.seen[:] = 0.01, 1e9
    visits = driven([0, 5, 200], np.array([[150.0, 100.0, 100.0, 100.0], [100.0] * 4, [100.0] * 4]))
    calls = Calls.of(visits)
    kalman, follower = Kalman(calls, usual, Parameters(0.01, 1e12, 0.01, 1.0, 1.0)), Follower(calls)
    kalman.learn(follower.push(Record.of(calls, visits).events().before(EIGHT_S + 200.0)[0]))
    ahead = follower.ahead(EIGHT_S + 200.0)
    found = kalman.estimates(ahead)
    slow, new = ahead.first[0], ahead.first[2]
    surprise = np.log(1.5)
    assert np.log(found.run_s[slow] / 100.0) == pytest.approx(surprise * 3 / 8, rel=1e-6)
    assert found.pace_sd[slow] ** 2 == pytest.approx(0.01 * 5 / 8, rel=1e-6)
    assert np.log(found.run_s[new] / 100.0) == pytest.approx(surprise * 2 / 8, rel=1e-6)
    assert found.log_sd[new] ** 2 == pytest.approx(0.01 + 0.01 * (2 / 3) * (3 / 4), rel=1e-6)


def test_without_history_the_filter_begins_with_the_timetable() -> None:
    found = asked(
        line([0]), EIGHT_S, lambda calls: Kalman(calls, History.none(), Parameters(0.0, 1e9, 0.0, 1.0, 1e-9))
    )
    assert found == pytest.approx([120.0, 240.0, 360.0, 480.0], rel=1e-3)


def test_parameters_are_found_again() -> None:
    days = lucky_days(np.random.default_rng(5), 4, trips=80)
    first, second = (StopVisits.joined(days[k : k + 2]) for k in (0, 2))
    usual = history_of(first)
    found = fit_parameters([residuals(Record.of(Calls.of(second), second), usual)])
    assert found.pace_var == pytest.approx(0.12**2, rel=0.25)
    assert found.pace_kept == pytest.approx(1.0, abs=0.1)
    assert found.link_var < 0.1 * 0.15**2
    assert found.noise == pytest.approx(0.15**2 / (0.15**2 + 0.12**2), abs=0.1)


def test_with_too_little_to_learn_from_parameters_are_the_usual_ones() -> None:
    assert fit_parameters([]) == Parameters()


@pytest.mark.parametrize("name", ["stretch", "pace"])
def test_the_filter_learns_what_is_different_today(name: str) -> None:
    """Today everything takes 30 % longer: on all vehicles alike, or on one."""
    usual = history_of(driven([600.0 * k for k in range(40)], np.full((40, 8), 100.0), day=DAY - 1))
    run = np.full((12, 8), 100.0)
    run[(slice(None) if name == "stretch" else 11)] = 130.0
    visits = driven([600.0 * k for k in range(12)], run, planned_s=100.0)
    variances = (0.02, 1e6, 1e-6, 1.0) if name == "stretch" else (1e-6, 1e6, 0.02, 1.0)
    now_s = EIGHT_S + 6600.0 + 4 * 130.0
    found = asked(visits, now_s, lambda calls: Kalman(calls, usual, Parameters(*variances, 0.5)))
    assert np.diff(found) == pytest.approx([130.0] * 3, rel=0.05)
