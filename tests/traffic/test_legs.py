"""Names of the legs of a junction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic.legs import leg_names


@pytest.mark.parametrize(
    ("degrees", "names"),
    [
        ((0, 90, 180, 270), ("E", "N", "W", "S")),
        ((-180, -90, 0, 90), ("W", "S", "E", "N")),
        ((20, 30), ("E", "NE")),
        ((110, 70), ("N2", "N")),
        ((179, -179), ("W", "W2")),  # anticlockwise, also where the angle starts anew
        ((80, 91, 100), ("N", "N2", "N3")),
    ],
)
def test_names_by_compass_point(degrees: tuple[float, ...], names: tuple[str, ...]) -> None:
    assert leg_names(np.radians(degrees).tolist()) == names


@given(st.lists(st.floats(-np.pi, np.pi), max_size=9))
def test_names_are_unique(bearings: list[float]) -> None:
    assert len(set(leg_names(bearings))) == len(bearings)
