"""Road networks as GMNS tables: the network that is read again is the same to the last digit."""

from __future__ import annotations

import gzip
from dataclasses import replace

import numpy as np
import pytest

from scenarios.loader import build, load
from tests.traffic.gmns.hand_tables import crossroads_gmns
from tests.traffic.gmns.same import differences
from tests.traffic.hand_networks import crossroads
from traffic.gmns.records import read_gmns, write_gmns
from traffic.gmns.roads import road_network
from traffic.gmns.write import network_to_gmns
from traffic.utdf.records import read_utdf
from traffic.utdf.roads import road_network as utdf_network


def come_back(network, path):
    folder = network_to_gmns(network)
    write_gmns(folder, path)
    again = read_gmns(path)
    assert again == folder
    gmns = road_network(again)
    assert all("drawn less than half" in warning for warning in gmns.warnings)
    assert gmns.left_out == {}
    return gmns.network


@pytest.mark.parametrize("scenario", ["corridor", "grid", "almaty"])
def test_networks_of_scenarios_come_back_equal(tmp_path, scenario):
    network = build(load(scenario), scale=0.1).network
    back = come_back(network, tmp_path / "out")
    assert differences(network, back) == []
    write_gmns(network_to_gmns(back), tmp_path / "again")
    for file in (tmp_path / "out").iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()


def test_a_network_made_by_hand_comes_back_equal(tmp_path):
    assert differences(crossroads(), come_back(crossroads(), tmp_path / "out")) == []


def test_a_network_read_from_gmns_comes_back_equal(tmp_path):
    network = road_network(crossroads_gmns()).network
    assert differences(network, come_back(network, tmp_path / "out")) == []


def test_the_examples_come_back_equal_as_networks(shared_data, tmp_path):
    examples = {"Lima/GMNS": {}, "Arlington_Signals": {}, "Cambridge_Intersection": {}}
    examples["Cambridge_Multimodal_Network"] = {"length": "m", "speed": "kph"}
    for k, (inside, units) in enumerate(examples.items()):
        folder = read_gmns(shared_data / "gmns" / "gmns_examples.zip", inside=inside)
        network = road_network(folder, **units).network
        assert differences(network, come_back(network, tmp_path / str(k))) == [], inside


def test_tempe_comes_from_synchro_and_comes_back_equal(shared_data, tmp_path):
    packed = shared_data / "synchro" / "tempe_UTDF.csv.gz"
    if not packed.is_file():
        pytest.skip("Tempe's UTDF file is not here: it is not Jasyl's to hand on")
    (tmp_path / "tempe.csv").write_bytes(gzip.decompress(packed.read_bytes()))
    network = utdf_network(read_utdf(tmp_path / "tempe.csv"), name="tempe").network
    assert network.crs == "local"
    assert differences(network, come_back(network, tmp_path / "out")) == []


def test_numbers_keep_all_their_digits(tmp_path):
    network = crossroads()
    rng = np.random.default_rng(1)
    links, groups = network.links, network.lane_groups
    length = links.length_m * rng.uniform(0.5, 1.5, len(links))
    network = replace(
        network,
        links=replace(links, length_m=length, speed_m_s=rng.uniform(3, 30, len(links))),
        lane_groups=replace(
            groups,
            length_m=length[groups.link] * rng.uniform(0.1, 1.0, len(groups)),
            saturation_veh_s=rng.uniform(0.3, 1.5, len(groups)),
        ),
    )
    assert differences(network, come_back(network, tmp_path / "out")) == []
