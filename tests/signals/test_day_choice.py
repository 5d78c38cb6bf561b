"""The choice of plan sets over a day against every choice there is."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.day_choice import best_choice
from traffic.errors import InputError


def brute_force(cost, switch, most):
    """The least cost of any choice, by trying all."""
    intervals, sets = cost.shape
    best = np.inf
    for chosen in product(range(sets), repeat=intervals):
        if len(set(chosen)) > most:
            continue
        total = sum(cost[k, s] for k, s in enumerate(chosen))
        for k in range(intervals):
            before = chosen[k - 1]
            total += switch[k, before, chosen[k]] if before != chosen[k] else 0.0
        best = min(best, total)
    return best


@given(
    seed=st.integers(0, 10**6),
    intervals=st.integers(1, 5),
    sets=st.integers(1, 4),
    most=st.integers(1, 4),
    scale=st.sampled_from((0.0, 0.3, 1.0, 5.0)),
)
def test_the_choice_is_the_best_of_all(seed, intervals, sets, most, scale):
    rng = np.random.default_rng(seed)
    cost, switch = rng.random((intervals, sets)), rng.random((intervals, sets, sets)) * scale
    found = best_choice(cost, lambda *at: float(switch[at]), most)
    assert found.cost == pytest.approx(brute_force(cost, switch, most), rel=1e-12)
    assert len(set(found.sets)) <= most
    told = sum(cost[k, s] for k, s in enumerate(found.sets)) + sum(switch[at] for at in found.switches())
    assert told == pytest.approx(found.cost, rel=1e-12)


def test_free_switches_give_the_best_set_of_each_interval():
    cost = np.random.default_rng(3).random((24, 4))
    assert best_choice(cost, lambda *_: 0.0, 4).sets == tuple(cost.argmin(axis=1).tolist())


def test_switches_beyond_price_give_the_best_single_set():
    cost = np.random.default_rng(4).random((24, 4))
    found = best_choice(cost, lambda *_: 1e6, 4)
    assert set(found.sets) == {int(cost.sum(axis=0).argmin())}
    assert found.switches() == ()
    assert found == best_choice(cost, lambda *_: 0.0, 1)


def test_only_switches_that_could_pay_are_asked_for():
    cost = np.array([[1.0, 9.0]] * 12 + [[9.0, 1.0]] * 12)
    asked = []

    def price(*at):
        asked.append(at)
        return 2.0

    found = best_choice(cost, price, 2)
    assert found.sets == (0,) * 12 + (1,) * 12
    assert found.cost == 24 + 2 * 2
    assert sorted(asked) == [(0, 1, 0), (12, 0, 1)]


def test_costs_below_0_and_no_sets_are_refused():
    cost = np.array([[1.0, 9.0], [9.0, 1.0]])
    with pytest.raises(InputError, match="0 or more"):
        best_choice(cost, lambda *_: -1.0, 2)
    with pytest.raises(InputError, match="1 or more"):
        best_choice(cost, lambda *_: 1.0, 0)
