"""The blend: weights by hand, horizons, and what is told to passengers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transit.prediction._kernels_telling import tell
from transit.prediction.accuracy import BUCKETS
from transit.prediction.blend import Weights, fit_weights
from transit.prediction.trial import Trial

NAMES = ("one", "two")


def trial(errors: np.ndarray, left_s: np.ndarray, sd_s: float = 20.0) -> Trial:
    """Predictions that are wrong by `errors`, positive where the vehicle came earlier; shape (predictors, predictions)."""
    count = len(left_s)
    made = np.zeros(count)
    of_call = np.zeros(count, np.int32)
    later = np.zeros(count, bool)
    return Trial(NAMES, made, left_s, of_call, later, left_s + errors, np.full(errors.shape, sd_s))


@pytest.fixture
def left_s() -> np.ndarray:
    return np.random.default_rng(1).uniform(30.0, 870.0, 20_000)


def test_who_is_always_right_has_all_the_weight(left_s: np.ndarray) -> None:
    wrong = np.random.default_rng(2).normal(0.0, 50.0, len(left_s))
    found = fit_weights(trial(np.stack([np.zeros(len(left_s)), wrong]), left_s), NAMES)
    assert found.weight[:, :, 0] == pytest.approx(1.0, abs=0.03)
    assert found.weight.sum(axis=2) == pytest.approx(1.0)


def test_independent_predictors_weigh_by_inverse_variance(left_s: np.ndarray) -> None:
    rng = np.random.default_rng(3)
    errors = np.stack([rng.normal(0.0, 20.0, len(left_s)), rng.normal(0.0, 10.0, len(left_s))])
    found = fit_weights(trial(errors, left_s), NAMES)
    assert found.weight[:, 1:4, 0] == pytest.approx(0.2, abs=0.03)  # 1/400 over 1/400 + 1/100
    assert found.constant_s[:, 1:4] == pytest.approx(0.0, abs=1.0)


def test_what_is_wrong_in_the_middle_is_corrected(left_s: np.ndarray) -> None:
    errors = np.random.default_rng(4).normal(40.0, 5.0, (2, len(left_s)))
    found = fit_weights(trial(errors, left_s), NAMES)
    assert found.constant_s[:, 1:4] == pytest.approx(-40.0, abs=1.0)


def test_uncertainty_is_that_of_the_errors(left_s: np.ndarray) -> None:
    """The leading predictor says 20 s; the error of the mean of both is 10 s over the root of 2."""
    errors = np.random.default_rng(5).normal(0.0, 10.0, (2, len(left_s)))
    found = fit_weights(trial(errors, left_s), NAMES)
    assert found.sd[:, 1:4] == pytest.approx(10.0 / np.sqrt(2.0) / 20.0, rel=0.05)


def test_without_anything_tried_the_last_one_leads_and_errors_are_normal() -> None:
    nothing = trial(np.zeros((2, 0)), np.zeros(0))
    found, leading = fit_weights(nothing, NAMES), Weights.leading(NAMES)
    assert found.weight.tolist() == leading.weight.tolist() == [[[0.0, 1.0]] * 5] * 2
    assert found.errors.tolist() == leading.errors.tolist()
    assert found.sd == pytest.approx(1.0, abs=0.02)


def test_the_next_trip_has_weights_of_its_own(left_s: np.ndarray) -> None:
    rng = np.random.default_rng(7)
    right, wrong = np.zeros(len(left_s)), rng.normal(0.0, 50.0, len(left_s))
    later = rng.random(len(left_s)) < 0.5
    errors = np.stack([np.where(later, right, wrong), np.where(later, wrong, right)])
    found = fit_weights(trial(errors, left_s)._replace(later=later), NAMES)
    assert found.weight[0, :4, 0] == pytest.approx(0.0, abs=0.03)
    assert found.weight[1, :4, 0] == pytest.approx(1.0, abs=0.03)


def told(left_s: float, errors: np.ndarray, spread_s: float = 1.0) -> float:
    out = np.empty(1)
    first, nothing = np.zeros(1, np.int32), np.zeros(1)
    limits = [
        np.array([getattr(bucket, name) for bucket in BUCKETS]) for name in ("end_s", "early_s", "late_s")
    ]
    candidates = np.array(sorted(np.arange(-180.0, 61.0, 5.0), key=abs))
    tell(
        np.array([left_s]),
        np.array([spread_s]),
        first,
        first,
        nothing,
        errors[None, :],
        candidates,
        *limits,
        np.ones(4),
        out,
    )
    return float(out[0])


def test_what_is_told_covers_the_errors_that_it_can() -> None:
    """About 100 s away, what comes from 30 s early to 90 s late is accurate."""
    assert told(100.0, np.zeros(41)) == 100.0
    assert told(100.0, np.linspace(-59.9, 59.9, 41)) == 70.0  # then from 40 to 160 s is accurate: everything
    assert told(100.0, np.linspace(-5.99, 5.99, 41), spread_s=10.0) == 70.0
    assert told(20.0, np.linspace(-20.0, 99.9, 41)) == pytest.approx(30.0)  # from 0 to 120 s
    assert told(5.0, np.full(41, -30.0)) == 5.0  # it is here: anything up to 30 s is accurate


def test_errors_on_two_sides_are_weighed() -> None:
    """A third of the vehicles come 200 s late, the others in time: these are told."""
    errors = np.array([0.0] * 27 + [200.0] * 14)
    assert told(60.0, errors) == 60.0


@given(
    left_s=st.floats(0.0, 1200.0),
    errors=st.lists(st.floats(-300.0, 600.0), min_size=1, max_size=20),
    share=st.floats(0.0, 1.0),
)
def test_it_is_what_a_slow_search_finds(left_s: float, errors: list[float], share: float) -> None:
    both = np.array([errors, errors[::-1]])
    out = np.empty(1)
    limits = [
        np.array([getattr(bucket, name) for bucket in BUCKETS]) for name in ("end_s", "early_s", "late_s")
    ]
    candidates, weight = np.arange(-180.0, 61.0, 5.0), np.array([5.0, 5.0, 3.75, 3.0])
    ordered = np.array(sorted(candidates, key=abs))
    first, second, part = np.zeros(1, np.int32), np.ones(1, np.int32), np.array([share])
    tell(np.array([left_s]), np.ones(1), first, second, part, both, ordered, *limits, weight, out)

    def hits(told: float) -> float:
        total = 0.0
        for one, other in zip(*both.tolist(), strict=True):
            actual = max(left_s + (one * (1.0 - share) + other * share), 0.0)
            k = next((k for k, bucket in enumerate(BUCKETS) if actual < bucket.end_s), 3)
            good = actual - BUCKETS[k].late_s <= told <= actual + BUCKETS[k].early_s
            total += weight[k] * good
        return total

    best = max(hits(max(left_s + shift, 0.0)) for shift in candidates.tolist())
    assert hits(float(out[0])) == pytest.approx(best)
