"""Robertson's platoon dispersion; the sixth oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from signals.dispersion import disperse, smoothing_factor
from traffic.errors import InputError


@pytest.mark.parametrize(("travel", "share"), [(20.0, 0.1515), (30.0, 0.1064)])
def test_smoothing_factor_of_the_worked_example(travel, share):
    assert smoothing_factor(travel) == pytest.approx(share, abs=5e-5)


def long_run(profile: np.ndarray, travel: float, alpha: float, beta: float) -> np.ndarray:
    """The recurrence for a thousand seconds and more, for whole seconds of travel; the last cycle."""
    lag = round(beta * travel)
    share = 1.0 / (1.0 + alpha * beta * travel)
    period = len(profile)
    cycles = 1000 // period + 3
    out = np.zeros(cycles * period + lag)
    for t in range(cycles * period):
        before = out[t + lag - 1] if t + lag > 0 else 0.0
        out[t + lag] = share * profile[t % period] + (1.0 - share) * before
    return out[(cycles - 1) * period : cycles * period]


@given(
    hnp.arrays(np.float64, st.integers(2, 20), elements=st.floats(0.0, 1.0)),
    st.sampled_from([5.0, 20.0, 45.0]),
)
def test_cyclic_state_is_that_of_the_long_run(profile, travel):
    got = disperse(profile, travel, alpha=0.35, beta=0.8)
    np.testing.assert_allclose(got, long_run(profile, travel, 0.35, 0.8), atol=1e-9)


@given(
    hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(0.0, 1.0)),
    st.floats(0.0, 100.0),
    st.floats(0.0, 1.0),
)
def test_no_vehicle_is_lost(profile, travel, alpha):
    got = disperse(profile, travel, alpha=alpha)
    assert got.sum() == pytest.approx(profile.sum(), abs=1e-9)
    assert got.min() >= 0.0
    assert got.max() <= profile.max() + 1e-9


def test_without_dispersion_the_platoon_keeps_its_shape():
    platoon = np.array([1.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(disperse(platoon, 2.0, alpha=0.0, beta=1.0), [0, 0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(disperse(platoon, 2.25, alpha=0.0, beta=1.0), [0, 0, 0.75, 0.25], atol=1e-12)


def test_bad_profiles_are_refused():
    with pytest.raises(InputError, match="profile"):
        disperse([0.1, float("nan")], 10.0)
    with pytest.raises(InputError, match="profile"):
        disperse([], 10.0)
    with pytest.raises(InputError, match="travel_time_s"):
        disperse([0.1], -1.0)
