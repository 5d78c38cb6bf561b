"""From where a vehicle is to the stops ahead, against closed forms of the lognormal and the normal distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tests.transit.prediction.days import EIGHT_S, line
from transit.prediction._kernels_walking import remaining
from transit.prediction.calls import Calls, Record
from transit.prediction.following import Follower
from transit.prediction.predictors import Estimates, walked


def walk(visits, now_s: float, *, late_s=(0.0,), layover_s: float = 0.0, **given: float):
    """Walk with the same estimates for all rows."""
    calls = Calls.of(visits)
    follower = Follower(calls)
    follower.push(Record.of(calls, visits).events().before(now_s)[0])
    ahead = follower.ahead(now_s)
    usual = {"run_s": 100.0, "log_sd": 0.0, "pace_sd": 0.0, "dwell_s": 0.0, "dwell_sd": 0.0, "hold_s": np.nan}
    columns = {**usual, **given}
    rows = len(ahead.call)
    hold = np.full(rows, np.nan)
    if columns["hold_s"] == columns["hold_s"]:
        hold = calls.departure_s[ahead.call] - columns["hold_s"]
    found = Estimates(*(np.full(rows, columns[name]) for name in Estimates._fields[:-1]), hold)
    return walked(calls, ahead, found, np.array(late_s, float), layover_s)


@pytest.mark.parametrize("elapsed_s", [0.0, 50.0, 100.0, 130.0, 200.0, 400.0])
@pytest.mark.parametrize("log_sd", [0.05, 0.2, 0.6])
def test_what_is_left_is_the_median_of_times_that_are_longer(elapsed_s: float, log_sd: float) -> None:
    of = stats.lognorm(log_sd, scale=100.0)
    beyond = float(of.sf(max(elapsed_s, 1.0)))
    out = np.empty(2)
    remaining(elapsed_s, 100.0, log_sd, out)
    if beyond < 1e-290:
        assert out[0] >= elapsed_s
        return
    middle, low, high = (
        float(of.isf(share * beyond)) for share in (0.5, stats.norm.cdf(1), stats.norm.sf(1))
    )
    assert out[0] == pytest.approx(middle, rel=1e-6)
    assert out[1] == pytest.approx((high - low) / 2, rel=1e-5)


def test_without_uncertainty_what_is_late_comes_now() -> None:
    out = np.empty(2)
    remaining(130.0, 100.0, 0.0, out)
    assert out.tolist() == [130.0, 0.0]


def test_stretch_after_stretch() -> None:
    found = walk(line([0]), EIGHT_S + 30.0, dwell_s=10.0)
    assert (found.arrival_s[1:] - EIGHT_S).tolist() == [100.0, 210.0, 320.0, 430.0]
    assert (found.departure_s[1:] - EIGHT_S).tolist() == [110.0, 220.0, 330.0, 430.0]
    assert found.sd_s.tolist() == [0.0] * 5


def test_variances_of_stretches_add_up_and_what_they_share_adds_as_it_is() -> None:
    """From the second stretch on: noise of 10 s and a shared 5 % of 100 s each; the first one is half of the 68 % range."""
    found = walk(line([0]), EIGHT_S, log_sd=0.10)
    first = found.sd_s[1]
    assert first == pytest.approx(10.0, rel=0.02)
    assert found.sd_s[2:] == pytest.approx([np.sqrt(first**2 + k * 100.0) for k in (1, 2, 3)])
    found = walk(line([0]), EIGHT_S, pace_sd=0.05)
    first = found.sd_s[1]
    assert found.sd_s[2:] == pytest.approx([np.hypot(first, k * 5.0) for k in (1, 2, 3)])


def test_who_is_early_waits_at_a_timepoint() -> None:
    """Stops are planned 120 s apart and reached after 100 s: from the first one on, vehicles wait for 20 s."""
    found = walk(line([0]), EIGHT_S, hold_s=0.0)
    assert (found.arrival_s[1:] - EIGHT_S).tolist() == [100.0, 220.0, 340.0, 460.0]
    assert (found.departure_s[1:4] - EIGHT_S).tolist() == [120.0, 240.0, 360.0]


def test_waiting_takes_uncertainty_away() -> None:
    """The mean and the variance of a normal variable or a number, whichever is larger (Clark 1961)."""
    found = walk(line([0], stops=4), EIGHT_S + 110.0, dwell_s=0.0, log_sd=0.1, hold_s=0.0)
    comes, sd = found.arrival_s[1], found.sd_s[1]
    a = (EIGHT_S + 120.0 - comes) / sd
    mean = a * stats.norm.cdf(a) + stats.norm.pdf(a)
    var = (a * a * stats.norm.cdf(a) + stats.norm.sf(a) + a * stats.norm.pdf(a)) - mean**2
    assert found.departure_s[1] == pytest.approx(comes + sd * mean)
    assert found.sd_s[2] == pytest.approx(np.sqrt(sd**2 * var + 100.0))


def test_a_vehicle_at_a_stop_leaves_after_its_dwell_and_not_before_now() -> None:
    visits = line([0], dwell_s=60.0)
    assert walk(visits, EIGHT_S + 130.0, dwell_s=25.0).departure_s[0] == EIGHT_S + 145.0
    assert walk(visits, EIGHT_S + 160.0, dwell_s=25.0).departure_s[0] == EIGHT_S + 160.0


def test_the_next_trip_begins_as_planned_or_after_the_layover() -> None:
    visits = line([0, 450, 460], blocks=["b", "b", "c"])
    found = walk(visits, EIGHT_S + 360.0, layover_s=30.0)
    assert (found.arrival_s - EIGHT_S).tolist()[1:4] == [460.0, 490.0, 590.0]
    found = walk(visits, EIGHT_S + 360.0, layover_s=-60.0)
    assert (found.arrival_s - EIGHT_S).tolist()[1:4] == [460.0, 450.0, 550.0]


def test_who_has_not_left_in_time_is_one_of_those_who_leave_late() -> None:
    """Of 10 vehicles, 5 leave in time and the others 60, 120, ... 300 s late; 100 s after time it is one of four."""
    visits = line([0, 600], blocks=["b", "b"])
    late_s = [0.0] * 5 + [60.0, 120.0, 180.0, 240.0, 300.0]
    visits.arrival_s[4], visits.departure_s[4] = EIGHT_S + 480.0, np.nan
    visits.departure_s[5:], visits.arrival_s[5:] = np.nan, np.nan
    assert walk(visits, EIGHT_S + 500.0, late_s=late_s).departure_s[1] == EIGHT_S + 600.0 + 60.0
    assert walk(visits, EIGHT_S + 700.0, late_s=late_s).departure_s[1] == EIGHT_S + 600.0 + 240.0
    assert walk(visits, EIGHT_S + 1000.0, late_s=late_s).departure_s[1] == EIGHT_S + 1030.0
