"""Zones of GMNS in a network that is not tied to the earth; others are in `tests.traffic.test_od`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.traffic.gmns.hand_tables import crossroads_gmns
from traffic.errors import InputError
from traffic.gmns.demand import read_gmns_zones
from traffic.gmns.roads import road_network


@pytest.fixture
def local():
    return replace(road_network(crossroads_gmns()).network, crs="local")


@pytest.fixture
def nodes(local, tmp_path):
    rows = "".join(
        f"{zone},{local.nodes.x_m[k]},{local.nodes.y_m[k]}\n" for k, zone in ((1, "east"), (3, "west"))
    )
    (tmp_path / "node.csv").write_text(f"zone_id,x_coord,y_coord\n{rows}", encoding="utf-8")
    return tmp_path / "node.csv"


def test_zones_in_local_coordinates(local, nodes):
    nodes.with_name("config.csv").write_text("crs\nlocal\n", encoding="utf-8")
    zones = read_gmns_zones(nodes, local)
    assert zones.entries(0).tolist() == [0]
    assert zones.exits(0).tolist() == [1]


@pytest.mark.parametrize(("zones", "network"), [("4326", "local"), ("local", "EPSG:32643")])
def test_zones_and_network_must_both_be_local(local, nodes, zones, network):
    nodes.with_name("config.csv").write_text(f"crs\n{zones}\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_gmns_zones(nodes, replace(local, crs=network))
    assert caught.value.rule == f"must be {network}, as the network has"
    assert caught.value.file == str(nodes.with_name("config.csv"))
