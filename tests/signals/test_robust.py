"""The optimiser under several demands at once."""

from __future__ import annotations

import pytest

from signals.greens import movement_greens
from signals.objective import Objective
from signals.optimize import Robust, optimize, usable_sequences
from tests.signals.small_cities import corridor_city
from traffic.flow import FlowModel

DURATION_S, STEPS, FACTORS = 900, 8, (0.8, 1.0, 1.15)


@pytest.fixture(scope="module")
def city():
    return corridor_city(4, 0.1)


@pytest.fixture(scope="module")
def sequences(city):
    return usable_sequences(*city, limit=3)


def values(city, plans):
    """The objective of `plans` under each demand."""
    network, _, demand = city
    greens = movement_greens(network, plans)
    runs = [FlowModel(network, demand.scaled(f)).run(greens, DURATION_S, DURATION_S) for f in FACTORS]
    return [Objective().judge(network, run) for run in runs]


@pytest.mark.parametrize(("robust", "of"), [(Robust.MEAN, lambda v: sum(v) / len(v)), (Robust.WORST, max)])
def test_the_objective_is_that_over_all_demands(city, sequences, robust, of):
    demands = [city[2].scaled(f) for f in FACTORS]
    found = optimize(
        *city,
        seed=1,
        steps=STEPS,
        sequences=sequences,
        duration_s=DURATION_S,
        judged_under=demands,
        robust=robust,
    )
    assert found.objective_after == pytest.approx(of(values(city, found.plans)), rel=1e-12)
    assert found.objective_after < found.objective_before
    assert found.objective_after == min(s.judged for s in found.log if s.judged is not None)


def test_one_demand_gives_the_plans_that_are_made_without_any(city, sequences):
    common = {"seed": 1, "steps": STEPS, "sequences": sequences, "duration_s": DURATION_S}
    plain = optimize(*city, **common)
    for robust in Robust:
        assert optimize(*city, **common, judged_under=[city[2]], robust=robust).plans == plain.plans
