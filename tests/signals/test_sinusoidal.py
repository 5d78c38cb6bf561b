"""The sinusoidal model of offsets: against closed forms, fine grids of phases, and the pairwise model."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signals.offsets import PairwiseModel
from signals.sinusoidal import SinusoidalModel, certified_bound, sinusoidal_model, solve


def random_model(count: int, seed: int) -> SinusoidalModel:
    rng = np.random.default_rng(seed)
    first, second = np.array([(a, b) for a in range(count) for b in range(a + 1, count)]).T
    harmonic = rng.normal(size=len(first)) + 1j * rng.normal(size=len(first))
    return SinusoidalModel(count, first, second, harmonic)


@given(st.integers(2, 4), st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_value_and_bound_enclose_the_best_phases(count, seed):
    """Whoever steps through the phases in 15 degrees finds no more than the bound, and not much more than the value."""
    model = random_model(count, seed)
    found = solve(model, np.random.default_rng(0))
    steps = 2 * np.pi * np.arange(24) / 24
    most = max(model.gain(np.array([0.0, *rest])) for rest in product(steps, repeat=count - 1))
    assert model.gain(found.theta) == pytest.approx(found.value, rel=1e-12)
    assert most <= found.bound
    assert found.value <= found.bound
    assert found.value >= most - 1e-9


def test_the_bound_holds_for_vectors_that_are_no_optimum():
    model = random_model(6, 1)
    found = solve(model, np.random.default_rng(0))
    rng = np.random.default_rng(2)
    other = rng.normal(size=(6, 3)) + 1j * rng.normal(size=(6, 3))
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    assert certified_bound(model.matrix(), other) > found.bound >= found.value


def test_a_tree_reaches_the_sum_of_its_amplitudes():
    rng = np.random.default_rng(3)
    harmonic = rng.normal(size=9) + 1j * rng.normal(size=9)
    model = SinusoidalModel(10, np.arange(9), np.arange(1, 10), harmonic)
    found = solve(model, rng)
    assert found.value == pytest.approx(np.abs(harmonic).sum(), rel=1e-9)
    assert found.ratio == pytest.approx(1.0, abs=1e-6)


def test_a_frustrated_triangle():
    """Three pairs that would all like to be half a period apart: the best are a third apart, 3/2 of an amplitude."""
    model = SinusoidalModel(
        3, np.array([0, 0, 1]), np.array([1, 2, 2]), np.full(3, -1.0, dtype=np.complex128)
    )
    found = solve(model, np.random.default_rng(0))
    assert found.value == pytest.approx(1.5, abs=1e-9)
    assert found.bound == pytest.approx(1.5, abs=1e-6)


def test_tables_that_are_sinusoids_cost_what_the_model_says():
    """Amplitude 3 and 2, best at 5 s and 17 s, on any constant: pairwise cost = constant - gain."""
    period = 30
    d = np.arange(period)
    cost = np.array(
        [
            7 - 3 * np.cos(2 * np.pi * (d - 5) / period),
            4 - 2 * np.cos(2 * np.pi * (d - 17) / period),
        ]
    )
    pairs = PairwiseModel(period, np.arange(3), [0, 1], [1, 2], cost)
    model = sinusoidal_model(pairs)
    np.testing.assert_allclose(np.abs(model.harmonic), [3, 2])
    found = solve(model, np.random.default_rng(0))
    assert found.value == pytest.approx(5.0, abs=1e-9)
    assert pairs.total(found.shift_s(period)) == pytest.approx(11.0 - 5.0, abs=1e-9)


def test_nothing_to_gain_has_no_ratio():
    model = SinusoidalModel(2, np.array([0]), np.array([1]), np.zeros(1, dtype=np.complex128))
    assert solve(model, np.random.default_rng(0)).ratio is None
