"""Names of the legs of a junction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic.legs import LegEnd, leg_names, legs_at
from traffic.network import RoadClass


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


def _end(link: int, degrees: float) -> LegEnd:
    return LegEnd(link, link, float(np.radians(degrees)), 1, -1, RoadClass.PRIMARY, None, refuge=False)


def _pairs(mates: dict[int, int] | None) -> set[tuple[int | None, int | None]]:
    legs = legs_at([_end(0, 0.0), _end(1, 40.0)], [_end(2, 20.0), _end(3, 180.0)], mates)
    return {(leg.arriving and leg.arriving.link, leg.leaving and leg.leaving.link) for leg in legs}


def test_what_is_settled_goes_before_what_points_the_same_way() -> None:
    assert _pairs(None) == {(0, 2), (1, None), (None, 3)}
    assert _pairs({1: 2}) == {(0, None), (1, 2), (None, 3)}
    assert _pairs({0: 3}) == {(0, 3), (1, 2)}
