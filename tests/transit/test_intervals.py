"""Wilson's interval: by known values, and by the equation that its ends solve."""

from __future__ import annotations

from math import isnan
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic.errors import InputError
from transit.intervals import wilson


@pytest.mark.parametrize(
    ("good", "whole", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (1, 1, 0.2065, 1.0)],
)
def test_known_values(good: int, whole: int, low: float, high: float) -> None:
    found = wilson(np.array([good]), np.array([whole]))
    assert found.low[0] == pytest.approx(low, abs=5e-5)
    assert found.high[0] == pytest.approx(high, abs=5e-5)


@given(whole=st.integers(1, 10_000), part=st.floats(0.0, 1.0), level=st.floats(0.5, 0.999))
def test_ends_are_as_far_from_the_share_as_the_normal_law_allows_there(
    whole: int, part: float, level: float
) -> None:
    good = round(part * whole)
    low, high = (float(end[0]) for end in wilson(np.array([good]), np.array([whole]), level))
    z, share = NormalDist().inv_cdf(0.5 + level / 2.0), good / whole
    assert 0.0 <= low <= share <= high <= 1.0
    for end in {low, high} - {0.0, 1.0}:
        assert abs(share - end) == pytest.approx(z * np.sqrt(end * (1.0 - end) / whole), rel=1e-6, abs=1e-9)


def test_nothing_is_known_of_nothing() -> None:
    found = wilson(np.array([0, 1]), np.array([0, 2]))
    assert isnan(found.low[0])
    assert isnan(found.high[0])
    assert np.isfinite([found.low[1], found.high[1]]).all()


@pytest.mark.parametrize(("good", "whole", "level"), [(3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0), (1, 2, 0.0)])
def test_what_is_no_share_is_refused(good: int, whole: int, level: float) -> None:
    with pytest.raises(InputError):
        wilson(np.array([good]), np.array([whole]), level)
