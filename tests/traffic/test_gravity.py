from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.traffic.demand_networks import cross, grid, link
from traffic.assemble import NodeSpec, assemble
from traffic.errors import InputError
from traffic.gravity import furness, gravity, trip_ends
from traffic.zones import Zones, make_zones


def test_two_zones():
    # without trips within zones there is one way to send 30 and 70
    trips = furness(np.array([[0.0, 5.0], [0.1, 0.0]]), np.array([30.0, 70.0]), np.array([70.0, 30.0]))
    assert trips == pytest.approx(np.array([[0.0, 30.0], [70.0, 0.0]]), abs=1e-12)


def test_two_by_two_keeps_the_odds_ratio():
    # margins 50/50 and an odds ratio of 9 give 37.5 on the diagonal: (37.5 / 12.5)^2 = 9
    trips = furness(np.array([[9.0, 1.0], [1.0, 1.0]]), np.array([50.0, 50.0]), np.array([50.0, 50.0]))
    assert trips == pytest.approx(np.array([[37.5, 12.5], [12.5, 37.5]]), rel=1e-10)


@given(seed=st.integers(0, 10**6), size=st.integers(2, 12))
def test_margins_are_kept(seed, size):
    rng = np.random.default_rng(seed)
    seed_matrix = rng.uniform(0.01, 1.0, (size, size))
    productions, attractions = rng.uniform(0.0, 100.0, (2, size))
    attractions *= productions.sum() / attractions.sum()
    trips = furness(seed_matrix, productions, attractions)
    assert trips.sum(axis=1) == pytest.approx(productions, rel=1e-9, abs=1e-12)
    assert trips.sum(axis=0) == pytest.approx(attractions, rel=1e-9, abs=1e-9)
    # what balancing cannot change: the odds ratios
    odds = trips * trips[0, 0] / trips[:, :1] / trips[:1] if (productions > 0).all() else None
    if odds is not None:
        expected = seed_matrix * seed_matrix[0, 0] / seed_matrix[:, :1] / seed_matrix[:1]
        assert odds == pytest.approx(expected, rel=1e-8)


def test_contradicting_zeros_keep_productions():
    trips = furness(np.array([[0.0, 1.0], [0.0, 1.0]]), np.array([1.0, 2.0]), np.array([0.0, 5.0]))
    assert trips.tolist() == [[0.0, 1.0], [0.0, 2.0]]
    with pytest.raises(InputError, match="no trip can be made"):
        furness(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([1.0, 2.0]), np.array([3.0, 0.0]))
    with pytest.raises(InputError, match="0 or more"):
        furness(np.array([[-1.0]]), np.array([1.0]), np.array([1.0]))


def test_generated_matrix():
    network = grid(6, 5)
    zones = make_zones(network, target=40)
    od = gravity(network, zones, total_veh_h=12345.0, rng=np.random.default_rng(1))
    assert od.source == "generated"
    assert od.total_veh_h == pytest.approx(12345.0, rel=1e-12)
    assert (np.diag(od.trips_veh_h) == 0).all()
    assert (od.trips_veh_h[~np.eye(len(zones), dtype=bool)] > 0).all()
    again = gravity(network, zones, total_veh_h=12345.0, rng=np.random.default_rng(1))
    other = gravity(network, zones, total_veh_h=12345.0, rng=np.random.default_rng(2))
    assert again.trips_veh_h.tobytes() == od.trips_veh_h.tobytes()
    assert other.trips_veh_h.tobytes() != od.trips_veh_h.tobytes()


def test_without_variation_trip_ends_are_exact():
    network = grid(6, 5)
    zones = make_zones(network, target=40)
    arguments = {"total_veh_h": 1000.0, "gateway_share": 0.25}
    od = gravity(network, zones, rng=np.random.default_rng(0), variation=0.0, **arguments)
    productions, attractions = trip_ends(zones, **arguments)
    assert productions[zones.gateway].sum() == pytest.approx(250.0, rel=1e-12)
    assert od.trips_veh_h.sum(axis=1) == pytest.approx(productions, rel=1e-9)
    assert od.trips_veh_h.sum(axis=0) == pytest.approx(attractions, rel=1e-9)


def test_deterrence():
    nodes = [NodeSpec(3000.0 * k, 0.0, gateway=k in (0, 2)) for k in range(3)]
    links = [link(nodes, a, b) for a, b in ((0, 1), (1, 0), (1, 2), (2, 1))]
    network = assemble("line", "EPSG:32643", nodes, links)
    zones = Zones.from_links(
        "abc", [[0], [2, 1], [3]], [[1], [0, 3], [2]], network=network, weight=[3.0, 4.0, 3.0]
    )
    od = gravity(
        network, zones, total_veh_h=10.0, rng=np.random.default_rng(0), variation=0.0, distance_scale_m=3000.0
    )
    # margins 3, 4, 3 leave one symmetric matrix: each end sends 2 to the middle and 1 to the other end
    assert od.trips_veh_h == pytest.approx(np.array([[0, 2, 1], [2, 0, 2], [1, 2, 0]]), abs=1e-9)


def test_unreachable_pairs_get_no_trips():
    nodes = [NodeSpec(0.0, 0.0, gateway=True), NodeSpec(300.0, 0.0), NodeSpec(600.0, 0.0, gateway=True)]
    network = assemble("way", "EPSG:32643", nodes, [link(nodes, 0, 1), link(nodes, 1, 2)])
    od = gravity(network, make_zones(network), total_veh_h=7.0, rng=np.random.default_rng(0))
    assert od.trips_veh_h == pytest.approx(np.array([[0.0, 7.0], [0.0, 0.0]]), abs=1e-12)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"total_veh_h": 0.0}, "total_veh_h"),
        ({"total_veh_h": np.nan}, "total_veh_h"),
        ({"gateway_share": 1.5}, "gateway_share"),
        ({"distance_scale_m": -1.0}, "distance_scale_m"),
        ({"variation": -0.1}, "variation"),
    ],
)
def test_bad_parameters_are_refused(change, field):
    network = cross()
    arguments = {"total_veh_h": 100.0, "rng": np.random.default_rng(0), **change}
    with pytest.raises(InputError) as caught:
        gravity(network, make_zones(network), **arguments)
    assert caught.value.field == field


def test_furness_keeps_the_productions_where_both_sums_cannot_be_had() -> None:
    seed = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    productions = np.array([90.0, 5.0, 5.0])
    trips = furness(seed, productions, np.array([90.0, 5.0, 5.0]))
    assert np.isfinite(trips).all()
    np.testing.assert_allclose(trips.sum(axis=1), productions, rtol=1e-9)
