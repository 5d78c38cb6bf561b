"""Speed of the flow model: one hour of a city, compiled, on one core."""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from scenarios.loader import City, build, load
from signals.greens import movement_greens
from simulation.rivals import isolated_webster
from traffic.flow import FlowModel, FlowResult
from traffic.greens import MovementGreens


@pytest.fixture(scope="module", params=["corridor", "almaty", "grid 25x18"])
def city(request: pytest.FixtureRequest) -> City:
    return build(load(request.param))


@pytest.fixture(scope="module")
def greens(city: City) -> MovementGreens:
    return movement_greens(city.network, isolated_webster(city.network, city.junctions, city.demand))


def assert_conserved(result: FlowResult, demand_veh: float) -> None:
    """Every vehicle that was due is somewhere, and is counted once."""
    known = result.arrived + result.under_way + result.waiting_to_enter
    assert result.vehicles == pytest.approx(demand_veh, rel=1e-9)
    assert known == pytest.approx(demand_veh, rel=1e-9)
    assert result.conservation_error <= 1e-12
    assert result.arrived > 0


@pytest.mark.parametrize("scale", [0.5, 1.0])
def test_one_hour(benchmark: BenchmarkFixture, city: City, greens: MovementGreens, scale: float) -> None:
    demand = city.demand.scaled(scale)
    model = FlowModel(city.network, demand)
    model.run(greens, 60)
    result = benchmark(model.run, greens, 3600)
    assert_conserved(result, 3600 * float(demand.entry_veh_s[0].sum()))


def test_preparation(benchmark: BenchmarkFixture, city: City) -> None:
    model = benchmark(FlowModel, city.network, city.demand)
    assert model.demand is city.demand
