from __future__ import annotations

import numpy as np
import pytest

from tests.traffic.utdf.hand_files import FEET, crossroads_utdf
from traffic.errors import InputError
from traffic.network import Turn
from traffic.utdf.roads import road_network
from traffic.utdf.tables import UtdfTables

FOOT = 0.3048


def crossroads(**changes):
    return road_network(crossroads_utdf(**changes), name="hand")


def approach(roads, direction):
    """The link that ends at the junction in this direction."""
    movement = roads.columns.index(f"{direction}T")
    return int(roads.network.movements.in_link[movement])


def groups_of(roads, direction):
    """(columns served, lanes, length) of the approach's lane groups from the right."""
    network = roads.network
    found = []
    for group in np.flatnonzero(network.lane_groups.link == approach(roads, direction)).tolist():
        members = network.connections.movement[network.connections.lane_group == group]
        served = {roads.columns[m] for m in members.tolist()}
        found.append((served, int(network.lane_groups.lanes[group]), network.lane_groups.length_m[group]))
    return found


def test_feet_and_miles_become_metres_and_seconds():
    network = crossroads().network
    assert len(network.nodes) == 5
    assert len(network.links) == 8
    np.testing.assert_allclose(network.links.length_m, FEET * FOOT)
    np.testing.assert_allclose(network.links.speed_m_s, 30 * 1609.344 / 3600)
    np.testing.assert_allclose(network.nodes.x_m, [0, FEET * FOOT, 0, -FEET * FOOT, 0])


def test_metres_stay_metres():
    network = crossroads(metric=1).network
    np.testing.assert_allclose(network.links.length_m, FEET)
    np.testing.assert_allclose(network.links.speed_m_s, 30 / 3.6)


def test_lanes_bays_and_saturation_flows_are_those_of_the_file():
    roads = crossroads()
    network, link = roads.network, approach(roads, "EB")
    assert groups_of(roads, "EB") == [
        ({"EBT", "EBR"}, 1, pytest.approx(FEET * FOOT)),
        ({"EBL"}, 1, pytest.approx(200 * FOOT)),
    ]
    assert groups_of(roads, "NB") == [({"NBL", "NBT", "NBR"}, 1, pytest.approx(FEET * FOOT))]
    own = network.lane_groups.link == link
    np.testing.assert_allclose(network.lane_groups.saturation_veh_s[own] * 3600, [1850, 1770])
    assert (network.movements.saturation_factor == 1).all()
    assert (network.links.lanes[link], network.links.running_lanes[link]) == (2, 1)


def test_the_column_decides_the_turn():
    # EB traffic "turns left" into the road that lies straight ahead, and goes "through" to the north
    roads = crossroads(lanes={"Dest Node": {"EBL": 2, "EBT": 3}})
    turn = dict(zip(roads.columns, roads.network.movements.turn.tolist(), strict=True))
    assert turn["EBL"] == Turn.LEFT
    assert turn["EBT"] == Turn.THROUGH
    movement = roads.columns.index("EBT")
    assert roads.network.links.to_node[roads.network.movements.out_link[movement]] == roads.intid.index(3)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"Lanes": {"EBT": 2, "EBR": 1}, "Shared": {"EBT": 0}}, [{"R"}, {"T"}, {"L"}]),
        ({"Lanes": {"EBT": 2}, "Shared": {"EBT": 3}}, [{"R", "T"}, {"T", "L"}, {"L"}]),
        ({"Lanes": {"EBL": 0}, "Shared": {"EBT": 3}, "Phase1": {"EBL": None}}, [{"R", "T", "L"}]),
        ({"Lanes": {"EBT": 0}, "Shared": {"EBL": 2, "EBT": 0}, "Volume": {"EBR": 0}}, [{"T", "L"}]),
        # no lane of its own, but traffic: from the outer lane on its side
        ({"Shared": {"EBT": 0}, "Volume": {"EBR": 5}}, [{"R", "T"}, {"L"}]),
        # neither lane, traffic nor phase: the turn is not made
        ({"Shared": {"EBT": 0}, "Volume": {"EBR": 0}}, [{"T"}, {"L"}]),
    ],
)
def test_shared_lanes(changes, expected):
    roads = crossroads(lanes=changes)
    found = [{column[2:] for column in served} for served, *_ in groups_of(roads, "EB")]
    assert found == expected


def test_bends_become_points_of_one_link():
    bends = [(20, 2, FEET, FEET, 0, ""), (21, 1, 2 * FEET, FEET, 0, "")]
    links = [
        ("Up ID", 20, None, None, 3, 21),
        ("Lanes", 20, None, None, 1, 1),
        ("Distance", 20, None, None, 1000, 1000),
        ("Speed", 20, None, None, 30, 60),
        ("Up ID", 21, None, None, 20, None),
        ("Lanes", 21, None, None, 1, None),
        ("Distance", 21, None, None, 1000, None),
        ("Speed", 21, None, None, 60, None),
    ]
    roads = crossroads(nodes=bends, links=links)
    network = roads.network
    assert roads.intid == (1, 2, 3, 4, 5, 21)
    link = int(np.flatnonzero(network.links.to_node == 5)[0])
    assert network.links.from_node[link] == roads.intid.index(3)
    np.testing.assert_allclose(network.shape(link) / FOOT, [[0, FEET], [FEET, FEET], [2 * FEET, FEET]])
    assert network.links.length_m[link] == pytest.approx(2000 * FOOT)
    assert network.links.speed_m_s[link] == pytest.approx(40 * 1609.344 / 3600)  # harmonic mean of 30 and 60


def test_volumes_are_counts_and_balance_to_demand():
    roads = crossroads(lanes={"Growth": {"EBT": 150}})
    counts = roads.counts()
    flow = dict(zip(roads.columns, counts.vehicles[0].tolist(), strict=True))
    assert (flow["EBT"], flow["WBT"], flow["NBL"]) == (600, 400, 100)
    demand = roads.demand()
    demand.check(roads.network)
    np.testing.assert_allclose(
        demand.movement_veh_s(roads.network)[counts.movement] * 3600, counts.vehicles[0], rtol=1e-6
    )


def test_a_node_without_traffic_is_not_counted():
    roads = crossroads(lanes={"Volume": dict.fromkeys(crossroads().columns, 0)})
    assert np.isnan(roads.volume_veh_h).all()
    with pytest.raises(InputError, match="must be above 0 for some turn"):
        roads.counts()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"lanes": {"Lanes": {"EBT": "two"}}},
            r"\[Lanes\], INTID 1, Lanes, EBT: must be a number of 100,000,000 or less \(got 'two'\)",
        ),
        ({"lanes": {"Lanes": {"EBT": 1.5}}}, "must be a whole number"),
        ({"lanes": {"Lanes": {"EBT": -1}}}, "must be from 0 to 12"),
        ({"lanes": {"Shared": {"EBT": 4}}}, r"Shared, EBT: must be 0 \(none\)"),
        ({"lanes": {"Volume": {"EBT": -5}}}, "must be from 0 to 100,000 veh/h"),
        ({"metric": 2}, r"\[Network\], Metric: must be 0"),
        ({"nodes": [(1, 0, 0, 0, 0, "")]}, r"\[Nodes\], INTID 1: must be a number from 1 that stands once"),
        ({"nodes": [(9, 7, 0, 0, 0, "")]}, r"INTID 9, TYPE: must be a type from 0 to 4"),
        ({"links": [("Up ID", 77, 1)]}, r"INTID: must be a node of \[Nodes\] \(got 77\)"),
        ({"links": [("Up ID", 1, 3)]}, r"\[Links\], INTID 1: must stand once for a node"),
    ],
)
def test_wrong_values_are_named_by_section_node_and_record(changes, message):
    with pytest.raises(InputError, match=message):
        crossroads(**changes)


def test_a_turn_to_nowhere_is_told():
    roads = crossroads(lanes={"Dest Node": {"EBR": 99}})
    assert "EBR" not in roads.columns
    assert any("EBR" in warning for warning in roads.warnings)


def test_a_star_marks_values_that_were_entered():
    tables = UtdfTables.of(crossroads_utdf(lanes={"Lanes": {"EBT": "*2"}}))
    assert tables.lanes[1].whole("Lanes", "EBT") == 2
