"""Robertson's platoon dispersion against worked factors, its recurrence, and conservation of vehicles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from signals.dispersion import ALPHA, BETA, disperse, smoothing_factor
from traffic.errors import InputError

PROFILES = hnp.arrays(np.float64, st.integers(1, 130), elements=st.floats(0.0, 2.0))


@pytest.mark.parametrize(("travel_s", "share"), [(20.0, 0.1515), (30.0, 0.1064)])
def test_factor_of_the_worked_examples(travel_s: float, share: float) -> None:
    assert round(smoothing_factor(travel_s), 4) == share
    assert smoothing_factor(travel_s) == pytest.approx(1.0 / (1.0 + 0.35 * 0.8 * travel_s), rel=1e-15)


def test_factor_without_travel_or_dispersion() -> None:
    assert smoothing_factor(0.0) == 1.0
    assert smoothing_factor(40.0, alpha=0.0) == 1.0


def test_one_second_platoon_decays_geometrically() -> None:
    # t = 20 s: the head comes after 16 s, then shares F (1 - F)^k, all earlier cycles included.
    profile = np.zeros(60)
    profile[10] = 0.6
    share = 1.0 / 6.6
    age = (np.arange(60) - 26) % 60
    expected = 0.6 * share * (1.0 - share) ** age / (1.0 - (1.0 - share) ** 60)
    assert disperse(profile, 20.0) == pytest.approx(expected, rel=1e-12)


def test_without_dispersion_the_platoon_moves_as_it_is() -> None:
    profile = np.arange(50.0) / 50.0
    assert np.array_equal(disperse(profile, 73.0, alpha=0.0, beta=1.0), np.roll(profile, 73))


def test_travel_time_between_two_seconds_is_split() -> None:
    profile = np.zeros(10)
    profile[2] = 1.0
    expected = np.zeros(10)
    expected[[5, 6]] = 0.75, 0.25
    assert disperse(profile, 3.25, alpha=0.0, beta=1.0) == pytest.approx(expected, abs=1e-15)


@given(profile=PROFILES, travel_s=st.floats(0.0, 300.0), alpha=st.floats(0.0, 1.0))
def test_no_vehicle_is_lost_and_peaks_only_fall(profile: np.ndarray, travel_s: float, alpha: float) -> None:
    arriving = disperse(profile, travel_s, alpha=alpha)
    assert arriving.shape == profile.shape
    assert arriving.sum() == pytest.approx(profile.sum(), rel=1e-10, abs=1e-12)
    assert arriving.min() >= profile.min() - 1e-12
    assert arriving.max() <= profile.max() + 1e-12


@given(profile=PROFILES, travel_s=st.floats(0.0, 200.0))
def test_recurrence_holds_around_the_cycle(profile: np.ndarray, travel_s: float) -> None:
    arriving = disperse(profile, travel_s)
    delay = BETA * travel_s
    whole, part = int(delay), delay - int(delay)
    moved = (1.0 - part) * np.roll(profile, whole) + part * np.roll(profile, whole + 1)
    share = 1.0 / (1.0 + ALPHA * delay)
    assert arriving == pytest.approx(
        share * moved + (1.0 - share) * np.roll(arriving, 1), rel=1e-10, abs=1e-12
    )


@given(profile=PROFILES, shift=st.integers(0, 200), travel_s=st.floats(0.0, 100.0))
def test_cyclic_profiles_have_no_beginning(profile: np.ndarray, shift: int, travel_s: float) -> None:
    later = disperse(np.roll(profile, shift), travel_s)
    assert later == pytest.approx(np.roll(disperse(profile, travel_s), shift), rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("field", ["travel_time_s", "alpha", "beta"])
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_refuses_bad_parameters(field: str, value: float) -> None:
    arguments = {"travel_time_s": 20.0, "alpha": 0.35, "beta": 0.8, field: value}
    with pytest.raises(InputError, match=rf"^{field}: must be 0 or more"):
        smoothing_factor(**arguments)
    with pytest.raises(InputError, match=rf"^{field}: must be 0 or more"):
        disperse([0.1, 0.2], **arguments)


@pytest.mark.parametrize("profile", [[], [0.1, np.nan], [0.1, -0.2], [[0.1], [0.2]], 0.3])
def test_refuses_a_bad_profile(profile: object) -> None:
    with pytest.raises(InputError, match=r"^profile"):
        disperse(profile, 20.0)
