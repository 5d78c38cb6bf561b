"""Speed of the cyclic profile model and of the optimiser."""

from __future__ import annotations

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from scenarios.loader import build, load
from signals.local_search import LocalSearch
from signals.optimize import optimize, usable_sequences
from signals.profile import ProfileModel
from signals.splits import delay_splits

_CYCLE_S = 90


@pytest.fixture(scope="module", params=["corridor", "grid 25x18"])
def model(request: pytest.FixtureRequest) -> ProfileModel:
    city = build(load(request.param))
    sequences = usable_sequences(city.network, city.junctions, city.demand)
    found = ProfileModel(city.network, city.junctions, sequences, city.demand.scaled(0.6))
    timings, _ = delay_splits(found, np.full(len(city.junctions), _CYCLE_S))
    found.evaluate(timings)
    return found


def test_full_evaluation(benchmark: BenchmarkFixture, model: ProfileModel) -> None:
    cost = benchmark(model.evaluate, epsilon=0.005)
    assert cost > 0


def test_move_with_its_propagation(benchmark: BenchmarkFixture, model: ProfileModel) -> None:
    row = len(model.junctions) // 2
    node = model.nodes[[row]]
    offsets = iter(np.tile(np.arange(0, _CYCLE_S, 7), 100_000))

    def move() -> int:
        model.set_offset(row, int(next(offsets)))
        return model.update(node, epsilon=0.02)

    assert benchmark(move) >= 1


def test_round_of_local_search(benchmark: BenchmarkFixture, model: ProfileModel) -> None:
    local = LocalSearch(model, np.ones(len(model.junctions), dtype=bool))
    start = model.timings()

    def setup() -> None:
        model.evaluate(start, epsilon=0.02)

    gained = benchmark.pedantic(local.timings, args=(local.free,), setup=setup, rounds=3)
    assert gained <= 0


def test_whole_optimisation_of_the_corridor(benchmark: BenchmarkFixture) -> None:
    city = build(load("corridor"))
    sequences = usable_sequences(city.network, city.junctions, city.demand)

    def work() -> float:
        result = optimize(city.network, city.junctions, city.demand, steps=12, sequences=sequences)
        return result.objective_after / result.objective_before

    assert benchmark.pedantic(work, rounds=1, warmup_rounds=0) < 1.0
