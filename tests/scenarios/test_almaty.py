"""The schematic of Almaty: size, connectedness, streets at about the right places."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import numpy as np
import pytest
from pyproj import Transformer

from scenarios.almaty import CRS, build_almaty
from tests.scenarios.test_synthetic import parts
from traffic.network import RoadClass, RoadNetwork
from traffic.store import save_network


@pytest.fixture(scope="module")
def network() -> RoadNetwork:
    return build_almaty()


def positions(network, street):
    """Longitude and latitude of all points of a street."""
    mine = [i for i in range(len(network.links)) if network.link_name(i) == street]
    assert mine, f"{street} is missing"
    x, y = np.concatenate([network.shape(i) for i in mine]).T
    return np.column_stack(Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(x, y))


def test_size(network):
    assert len(network.junctions) >= 450
    assert len(set(network.junctions.name)) >= 0.98 * len(network.junctions)
    assert len(network.places) >= 20
    assert network.nodes.gateway.sum() >= 15


def test_one_strongly_connected_network(network):
    assert parts(network)[0] == 1
    # Without help from outside, too: all links but those at gateways reach each other.
    inner = ~network.nodes.gateway[network.links.from_node] & ~network.nodes.gateway[network.links.to_node]
    assert inner.sum() >= 1700
    pairs = set(zip(network.links.from_node.tolist(), network.links.to_node.tolist(), strict=True))
    assert len(pairs) == len(network.links), "two links between the same nodes"


def test_every_street_of_the_table_is_drawn(network):
    table = tomllib.loads(files("scenarios").joinpath("streets/almaty.toml").read_text(encoding="utf-8"))
    assert {row["name"] for row in table["street"]} == set(network.names)
    assert len(table["street"]) == len(network.names)


def test_signals_stand_where_three_legs_meet(network):
    legs = np.bincount(network.links.to_node, minlength=len(network.nodes))
    signal = np.zeros(len(network.nodes), dtype=bool)
    signal[network.junctions.node] = True
    assert (signal == (legs >= 3)).all()
    assert (legs[network.nodes.gateway] == 1).all()


def test_links_are_of_plausible_length(network):
    length = network.links.length_m
    assert length.min() >= 70.0
    assert 250 <= np.median(length) <= 400
    straight = np.hypot(
        network.nodes.x_m[network.links.to_node] - network.nodes.x_m[network.links.from_node],
        network.nodes.y_m[network.links.to_node] - network.nodes.y_m[network.links.from_node],
    )
    assert (length <= 1.35 * straight).all()


@pytest.mark.parametrize(
    ("crossing", "lon", "lat"),
    [
        # General knowledge: the Palace of the Republic, the Arbat, the fair grounds and others.
        ("Abay / Dostyk", 76.957, 43.243),
        ("Zhibek Zholy / Abylai Khan", 76.942, 43.262),
        ("Abay / Seifullin", 76.935, 43.242),
        ("Tole Bi / Rozybakiev", 76.888, 43.251),
        ("Timiryazev / Auezov", 76.905, 43.226),
        ("Abay / Momyshuly", 76.840, 43.216),
        ("Al-Farabi / Nazarbayev", 76.951, 43.228),
        ("Ryskulov / Saina", 76.840, 43.257),
        ("Raiymbek / Seifullin", 76.931, 43.270),
    ],
)
def test_named_crossings_at_about_the_right_places(network, crossing, lon, lat):
    row = network.junctions.name.index(crossing)
    node = network.junctions.node[row]
    x, y = Transformer.from_crs("EPSG:4326", CRS, always_xy=True).transform(lon, lat)
    assert np.hypot(network.nodes.x_m[node] - x, network.nodes.y_m[node] - y) < 300.0


def test_streets_are_in_their_order(network):
    """From west to east along Tole Bi; from south to north along Nazarbayev."""
    west_to_east = ["Momyshuly", "Saina", "Rozybakiev", "Gagarin", "Auezov", "Baitursynov", "Seifullin"]
    west_to_east += ["Abylai Khan", "Nazarbayev", "Dostyk"]
    lon = [positions(network, street)[:, 0].mean() for street in west_to_east]
    assert (np.diff(lon) > 0).all()
    south_to_north = ["Al-Farabi", "Satpayev", "Abay", "Shevchenko", "Kabanbai Batyr", "Tole Bi"]
    south_to_north += ["Gogol", "Makataev", "Raiymbek"]
    named = {frozenset(name.split(" / ")): row for row, name in enumerate(network.junctions.name)}
    rows = [named[frozenset((street, "Nazarbayev"))] for street in south_to_north]
    assert (np.diff(network.nodes.y_m[network.junctions.node[rows]]) > 150).all()


def test_trunk_roads_meet_major_streets_only(network):
    trunk = {"Al-Farabi", "Ryskulov"}
    kind = {network.link_name(i): network.links.road_class[i] for i in range(len(network.links))}
    for name in network.junctions.name:
        streets = set(name.split(" / "))
        if streets & trunk:
            assert any(kind[s] <= RoadClass.SECONDARY for s in streets - trunk)


def test_the_centre_lies_in_the_stated_frame(network):
    to_lonlat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    lon, lat = to_lonlat.transform(network.nodes.x_m, network.nodes.y_m)
    assert 76.77 < lon.min() < 76.80
    assert 76.99 < lon.max() < 77.02
    assert 43.18 < lat.min() < 43.20
    assert 43.35 < lat.max() < 43.37


def test_two_builds_give_the_same_bytes(network, tmp_path):
    for name, built in (("one", network), ("two", build_almaty())):
        save_network(built, tmp_path / f"{name}.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
