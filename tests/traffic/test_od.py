from __future__ import annotations

import zipfile

import numpy as np
import pytest

from tests.traffic.demand_networks import cross, link
from traffic.assemble import NodeSpec, assemble
from traffic.errors import InputError
from traffic.gmns.demand import read_gmns_zones, read_od_gmns
from traffic.od import ODMatrix, read_od_csv
from traffic.zones import Zones, make_zones


def compass_zones(network):
    return Zones.from_links("ENWS", [[0], [2], [4], [6]], [[1], [3], [5], [7]], network=network)


def write(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_matrix_from_a_file(tmp_path):
    network = cross()
    zones = compass_zones(network)
    text = "origin,destination,veh_h\nE,W,600\nN,S,120.5\nS,S,0\n"
    path = write(tmp_path, "od.csv", text)
    od = read_od_csv(path, zones, network=network, profile=(0.5, 1.0), period_s=900.0)
    expected = np.zeros((4, 4))
    expected[0, 2], expected[1, 3] = 600.0, 120.5
    assert (od.trips_veh_h == expected).all()
    assert od.profile.tolist() == [0.5, 1.0]
    assert (od.period_s, od.source, od.total_veh_h) == (900.0, "od.csv", 720.5)
    assert od.scaled(2.0).trips_veh_h[0, 2] == 1200.0


@pytest.mark.parametrize(
    ("row", "field", "value"),
    [
        ("E,W,nan", "row 3: veh_h", "nan"),
        ("E,W,inf", "row 3: veh_h", "inf"),
        ("E,W,-5", "row 3: veh_h", -5.0),
        ("E,W,many", "row 3: veh_h", "many"),
        ("E,W,", "row 3: veh_h", ""),
        ("E,X,5", "row 3: destination", "X"),
        (",W,5", "row 3: origin", ""),
        ("N,S,5", "row 3: origin, destination", "N -> S"),
        ("E,E,5", "row 3: veh_h", 5.0),
    ],
)
def test_bad_rows_are_refused(tmp_path, row, field, value):
    path = write(tmp_path, "od.csv", f"origin,destination,veh_h\nN,S,1\n{row}\n")
    with pytest.raises(InputError) as caught:
        read_od_csv(path, compass_zones(cross()))
    problem = caught.value
    assert (problem.file, problem.field, problem.value) == (str(path), field, value)
    assert problem.rule


def test_missing_column_is_refused(tmp_path):
    path = write(tmp_path, "od.csv", "origin,destination,trips\n")
    with pytest.raises(InputError, match="origin, destination, veh_h"):
        read_od_csv(path, compass_zones(cross()))


def one_way():
    nodes = [NodeSpec(0.0, 0.0, gateway=True), NodeSpec(300.0, 0.0), NodeSpec(600.0, 0.0, gateway=True)]
    network = assemble("way", "EPSG:32643", nodes, [link(nodes, 0, 1), link(nodes, 1, 2)])
    return network, Zones.from_links("AB", [[0], [1]], [[0], [1]], network=network)


def test_unreachable_pair_is_refused(tmp_path):
    network, zones = one_way()
    path = write(tmp_path, "od.csv", "origin,destination,veh_h\nA,B,5\nB,A,0\n")
    assert read_od_csv(path, zones, network=network).total_veh_h == 5.0
    path = write(tmp_path, "od.csv", "origin,destination,veh_h\nA,B,5\nB,A,1\n")
    with pytest.raises(InputError, match="cannot be reached") as caught:
        read_od_csv(path, zones, network=network)
    assert (caught.value.field, caught.value.value) == ("row 3: origin, destination", "B -> A")
    with pytest.raises(InputError, match="B -> A"):
        ODMatrix([[0, 5], [1, 0]], [1.0], 900.0, "made").check(network, zones)


@pytest.mark.parametrize(
    ("trips", "profile", "period_s", "field"),
    [
        ([[0, -1], [0, 0]], [1.0], 900.0, "trips_veh_h[0, 1]"),
        ([[0, np.nan], [0, 0]], [1.0], 900.0, "trips_veh_h[0, 1]"),
        ([[0, 1], [0, 2]], [1.0], 900.0, "trips_veh_h[1]"),
        ([[0, 1]], [1.0], 900.0, "trips_veh_h"),
        ([[0, 1], [0, 0]], [], 900.0, "profile"),
        ([[0, 1], [0, 0]], [-1.0], 900.0, "profile[0]"),
        ([[0, 1], [0, 0]], [1.0], 0.0, "period_s"),
    ],
)
def test_bad_matrices_cannot_be_made(trips, profile, period_s, field):
    with pytest.raises(InputError) as caught:
        ODMatrix(trips, profile, period_s, "made")
    assert caught.value.field == field


def test_bad_scale_is_refused():
    with pytest.raises(InputError, match="0 or more"):
        ODMatrix([[0, 1], [0, 0]], [1.0], 900.0, "made").scaled(-1.0)


def test_gmns_demand(tmp_path):
    zones = compass_zones(cross())
    path = write(tmp_path, "demand.csv", "o_zone_id,d_zone_id,volume\nE,W,600\nS,N,30\n")
    od = read_od_gmns(path, zones, network=cross(), volume_hours=2.0)
    assert (od.trips_veh_h[0, 2], od.trips_veh_h[3, 1], od.total_veh_h) == (300.0, 15.0, 315.0)
    path = write(tmp_path, "demand.csv", "o_zone_id,d_zone_id,volume\n7,W,600\n")
    with pytest.raises(InputError) as caught:
        read_od_gmns(path, zones)
    assert (caught.value.field, caught.value.value) == ("row 2: o_zone_id", "7")


def test_gmns_zones_in_the_crs_of_their_folder(tmp_path):
    network = cross()
    write(tmp_path, "config.csv", "dataset_name,crs\nx,32643\n")
    nodes = "node_id,zone_id,x_coord,y_coord\n1,11,290,5\n2,,0,0\n3,12,3,-310\n"
    write(tmp_path, "node.csv", nodes)
    zones = read_gmns_zones(tmp_path / "node.csv", network)
    assert zones.name == ("11", "12")
    assert [zones.entries(z).tolist() for z in (0, 1)] == [[0], [6]]
    assert [zones.exits(z).tolist() for z in (0, 1)] == [[1], [7]]


def test_gmns_zones_in_degrees(tmp_path):
    network = cross()
    moved = type(network.nodes)(
        network.nodes.x_m + 500000.0, network.nodes.y_m, network.nodes.osm_id, network.nodes.gateway
    )
    network = type(network)(**{**vars(network), "nodes": moved})
    # zone 43 has its central meridian at 75 E; 300 m at the equator are 0.0027 degrees
    write(tmp_path, "node.csv", "node_id,zone_id,x_coord,y_coord\n1,11,75.0027,0\n")
    assert read_gmns_zones(tmp_path / "node.csv", network).entries(0).tolist() == [0]


@pytest.mark.parametrize(
    ("nodes", "config", "field"),
    [
        ("node_id,x_coord,y_coord\n1,0,0\n", "32643", "header"),
        ("zone_id,x_coord,y_coord\n1,far,0\n", "32643", "row 2: x_coord, y_coord"),
        ("zone_id,x_coord,y_coord\n1,9999,0\n", "32643", "row 2: x_coord, y_coord"),
        ("zone_id,x_coord,y_coord\n1,1e300,0\n", "4326", "row 2: x_coord, y_coord"),
        ("zone_id,x_coord,y_coord\n,0,0\n", "32643", "zone_id"),
        ("zone_id,x_coord,y_coord\n1,0\n", "32643", "row 2"),
        ("zone_id,x_coord,y_coord\n1,0,0\n", "nowhere", "crs"),
        ("zone_id,x_coord,y_coord\n1,0,0\n", "9" * 5000, "crs"),
    ],
)
def test_bad_gmns_zones_are_refused(tmp_path, nodes, config, field):
    write(tmp_path, "config.csv", f"crs\n{config}\n")
    write(tmp_path, "node.csv", nodes)
    with pytest.raises(InputError) as caught:
        read_gmns_zones(tmp_path / "node.csv", cross())
    assert caught.value.field == field


def test_gmns_zones_without_a_zone_in_the_example(shared_data, tmp_path):
    with zipfile.ZipFile(shared_data / "gmns" / "gmns_examples.zip") as archive:
        archive.extractall(tmp_path)
    with pytest.raises(InputError, match="no node has a zone"):
        read_gmns_zones(tmp_path / "Arlington_Signals" / "node.csv", cross())
    assert len(make_zones(cross())) == 4
