"""A traffic light of several nodes: one node of ours, with a link from it to itself between them."""

from __future__ import annotations

import numpy as np
import pytest

from signals.greens import movement_greens
from signals.profile import ProfileModel
from signals.profile_parameters import ProfileParameters
from simulation.sumo.city import read_city, write_programs
from simulation.sumo.config import read_config
from simulation.sumo.optimize import optimize_city
from simulation.sumo.run import run
from tests.simulation.sumo.nets import joined, needs_sumo
from traffic.flow import FlowModel

pytestmark = needs_sumo


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    return read_city(read_config(joined(tmp_path_factory.mktemp("joined"))))


def test_both_nodes_are_one(city):
    links = city.roads.network.links
    between = [city.roads.link_of[edge] for edge in ("X1-X2", "X2-X1")]
    node = int(city.roads.network.junctions.node[0])
    assert len(city.lights) == 1
    assert (links.from_node[between] == node).all()
    assert (links.to_node[between] == node).all()
    assert {int(links.to_node[city.roads.link_of[edge]]) for edge in ("W-X1", "N1-X1", "E-X2", "S2-X2")} == {
        node
    }


def test_the_greens_of_both_nodes_count_in_the_profile_model(city):
    light, shipped = city.lights[0], city.shipped()
    sequences = [[light.plan.sequence]]
    settings = ProfileParameters(flow=city.parameters)
    model = ProfileModel(
        city.roads.network, [light.junction], sequences, city.demand, parameters=settings, duration_s=600
    )
    model.evaluate(model.from_plans(shipped))
    figures = model.figures()
    used = figures.flow_veh_s > 0
    assert (figures.capacity_veh_s[used] > 0).all()
    # those who enter in the west reach the east end
    assert figures.flow_veh_s[used].max() < 0.2
    links = city.roads.network.lane_groups.link
    inside = figures.flow_veh_s[links == city.roads.link_of["X1-X2"]].sum()
    assert inside == pytest.approx((400 + 160) / 3600, rel=0.01)


def test_vehicles_get_through_both_nodes_in_the_flow_model(city):
    result = FlowModel(city.roads.network, city.demand).run(
        movement_greens(city.roads.network, city.shipped()), 600, 600
    )
    total = float(
        np.sum(result.link_inflow_veh[[city.roads.link_of[edge] for edge in ("X2-E", "X2-N2", "X2-S2")]])
    )
    assert total > 0.7 * (400 + 220 + 160) / 6


@pytest.mark.parametrize("stages", ["kept", "free"])
def test_plans_for_it_are_better_in_sumo(city, stages, tmp_path):
    found = optimize_city(city, stages=stages, steps=12, seed=1)
    file = tmp_path / "tls.add.xml"
    write_programs(city, found.plans, file)
    ours, theirs = (run(city.config, 7, plans=plans)["delay_per_veh"] for plans in ([file], []))
    assert ours < theirs
