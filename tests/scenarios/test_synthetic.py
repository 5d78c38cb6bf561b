"""Grid and corridor: counts by formula, connectedness, lanes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from scenarios.corridor import build_corridor
from scenarios.grid import build_grid, is_gateway_street
from scenarios.schema import SPACING_M
from traffic.errors import InputError
from traffic.network import RoadClass, RoadNetwork, Turn


def parts(network: RoadNetwork) -> tuple[int, np.ndarray]:
    """Strongly connected parts of the links, joined at each gateway (who leaves may come back)."""
    links, gateway = network.links, network.nodes.gateway
    entries = np.flatnonzero(gateway[links.from_node])
    exits = np.flatnonzero(gateway[links.to_node])
    rows = np.r_[network.movements.in_link, np.repeat(exits, len(entries))]
    columns = np.r_[network.movements.out_link, np.tile(entries, len(exits))]
    graph = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(links), len(links)))
    return connected_components(graph, connection="strong")


def assert_signalised_city(network: RoadNetwork) -> None:
    """Every node is a gateway or has a signal, all is one part, every approach has a way on."""
    signal = np.zeros(len(network.nodes), dtype=bool)
    signal[network.junctions.node] = True
    assert (signal ^ network.nodes.gateway).all()
    assert parts(network)[0] == 1
    served = np.bincount(network.movements.in_link, minlength=len(network.links)) > 0
    assert (served ^ network.nodes.gateway[network.links.to_node]).all()


@pytest.mark.parametrize(("columns", "rows"), [(2, 2), (3, 2), (5, 4), (8, 7), (25, 18)])
def test_counts_of_the_grid(columns, rows):
    network = build_grid(columns, rows)
    gateway_columns = sum(is_gateway_street(c, columns) for c in range(columns))
    gateway_rows = sum(is_gateway_street(r, rows) for r in range(rows))
    gateways = 2 * (gateway_columns + gateway_rows)
    links = 2 * (columns * (rows - 1) + rows * (columns - 1)) + 2 * gateways
    assert len(network.junctions) == columns * rows
    assert network.nodes.gateway.sum() == gateways
    assert len(network.links) == links
    # From each of k legs to the k - 1 others; corners have four legs, the rim three where no gateway is.
    threes = 2 * (columns - gateway_columns) + 2 * (rows - gateway_rows)
    assert len(network.movements) == 12 * (columns * rows - threes) + 6 * threes
    assert len(network.crossings) == 4 * columns * rows - threes
    assert_signalised_city(network)


def test_the_grid_of_450():
    network = build_grid(25, 18)
    assert (len(network.junctions), len(network.links), len(network.movements)) == (450, 1806, 5160)


def test_bays_and_lanes_of_the_grid():
    network = build_grid(6, 5)
    primary = network.links.road_class == RoadClass.PRIMARY
    assert (network.links.running_lanes[primary] == 3).all()
    left = np.bincount(network.movements.in_link, network.movements.turn == Turn.LEFT, len(network.links)) > 0
    with_bay = network.links.lanes > network.links.running_lanes
    major = network.links.road_class <= RoadClass.SECONDARY
    assert (with_bay == (left & major)).all()
    groups = network.lane_groups
    bay = groups.length_m == 60.0
    assert np.array_equal(np.unique(groups.link[bay]), np.flatnonzero(with_bay))


def test_spacing_of_the_grid():
    network = build_grid(3, 3, spacing_x_m=230.0, spacing_y_m=310.0)
    assert set(np.round(network.links.length_m, 9)) == {230.0, 310.0, 250.0}


def test_a_grid_needs_two_streets_each_way():
    with pytest.raises(InputError, match="2 columns and 2 rows"):
        build_grid(1, 5)


@pytest.mark.parametrize("count", [2, 10, 23])
def test_counts_of_the_corridor(count):
    network = build_corridor(count)
    assert len(network.junctions) == count
    assert network.nodes.gateway.sum() == 2 * count + 2
    assert len(network.links) == 2 * (count - 1) + 2 * (2 * count + 2)
    assert len(network.movements) == 12 * count
    assert len(network.crossings) == 4 * count
    assert_signalised_city(network)


def test_spacing_of_the_corridor():
    network = build_corridor()
    x = network.nodes.x_m[network.junctions.node]
    np.testing.assert_allclose(np.diff(x), SPACING_M, rtol=1e-12)
    assert np.ptp(network.nodes.y_m[network.junctions.node]) == 0.0
    with pytest.raises(InputError, match="2 junctions"):
        build_corridor(1)
