"""Webster's cycle and splits against worked examples and their defining equations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.webster import optimum_cycle_s, proportional_greens_s
from traffic.errors import InputError


def test_cycle_of_the_worked_example() -> None:
    # L = 16 s, critical flows of 500 and 300 veh/h at 1600 veh/h: Y = 0.5, C = 29 / 0.5.
    assert optimum_cycle_s(16.0, 500 / 1600 + 300 / 1600) == pytest.approx(58.0, abs=1e-12)


def test_cycle_near_saturation() -> None:
    assert optimum_cycle_s(12.0, 0.7) == pytest.approx(23.0 / 0.3, abs=1e-12)
    assert round(optimum_cycle_s(12.0, 0.7), 1) == 76.7


def test_cycle_without_flow_or_lost_time() -> None:
    assert optimum_cycle_s(0.0, 0.0) == 5.0


@pytest.mark.parametrize("lost", [-1.0, np.nan, np.inf, -np.inf])
def test_refuses_a_bad_lost_time(lost: float) -> None:
    with pytest.raises(InputError, match="lost_s: must be 0 s or more"):
        optimum_cycle_s(lost, 0.5)


@pytest.mark.parametrize("ratio", [1.0, 1.2, -0.01, np.nan, np.inf])
def test_refuses_a_flow_ratio_that_no_cycle_serves(ratio: float) -> None:
    with pytest.raises(InputError, match="flow_ratio: must be from 0 to less than 1"):
        optimum_cycle_s(12.0, ratio)


def test_greens_of_the_worked_example() -> None:
    assert proportional_greens_s(58.0, 16.0, [5 / 16, 3 / 16]) == pytest.approx([26.25, 15.75], abs=1e-12)


@given(
    ratios=st.lists(st.floats(0.01, 1.0), min_size=1, max_size=6),
    lost=st.floats(0.0, 40.0),
    more=st.floats(1.0, 100.0),
)
def test_greens_fill_the_cycle_at_equal_saturation(ratios: list[float], lost: float, more: float) -> None:
    greens = proportional_greens_s(lost + more, lost, ratios)
    assert greens.sum() == pytest.approx(more, rel=1e-9)
    assert greens / ratios == pytest.approx(np.full(len(ratios), more / sum(ratios)), rel=1e-9)


@pytest.mark.parametrize("ratios", [[0.2, np.nan], [0.2, -0.1], [0.0, 0.0], []])
def test_refuses_bad_flow_ratios(ratios: list[float]) -> None:
    with pytest.raises(InputError, match="flow_ratios"):
        proportional_greens_s(60.0, 10.0, ratios)


@pytest.mark.parametrize(
    ("cycle", "lost"), [(10.0, 10.0), (10.0, 12.0), (np.nan, 5.0), (60.0, -1.0), (60.0, np.nan)]
)
def test_refuses_a_cycle_that_the_lost_time_fills(cycle: float, lost: float) -> None:
    with pytest.raises(InputError, match="cycle_s"):
        proportional_greens_s(cycle, lost, [0.3, 0.2])
