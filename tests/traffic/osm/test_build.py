"""Tiny maps with known answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.traffic.osm.maps import OsmMap, assert_sound, build, cross, divided_cross, movements_of
from traffic.errors import InputError
from traffic.network import JunctionKind, RoadClass, Turn

if TYPE_CHECKING:
    from pathlib import Path

    from traffic.network import RoadNetwork


def _incoming(network: RoadNetwork, node: int) -> list[int]:
    return np.flatnonzero(network.links.to_node == node).tolist()


def _turns(network: RoadNetwork) -> list[int]:
    return np.bincount(network.movements.turn, minlength=4).tolist()


def test_a_plain_junction(tmp_path: Path) -> None:
    network, report = build(cross(), tmp_path)
    assert (len(network.nodes), len(network.links), len(network.movements)) == (5, 8, 12)
    assert _turns(network) == [4, 4, 4, 0]
    assert network.junctions.key == ("osm:1",)
    assert network.junctions.name == ("Abay / Dostyk",)
    assert network.junctions.kind.tolist() == [JunctionKind.INTERSECTION]
    assert network.nodes.gateway.sum() == 4
    assert len(network.crossings) == 4
    np.testing.assert_allclose(network.links.length_m, 300.0, atol=0.05)
    np.testing.assert_allclose(network.links.speed_m_s, 60 / 3.6)
    assert network.links.running_lanes.tolist() == [2] * 8
    assert network.crs == "EPSG:32643"
    assert (report.signal_nodes, dict(report.unmatched)) == (1, {})
    assert_sound(network, report)


@pytest.mark.parametrize("gap", [12.0, 20.0, 40.0])
def test_divided_roads_make_one_junction(tmp_path: Path, gap: float) -> None:
    network, report = build(divided_cross(gap), tmp_path)
    assert network.junctions.key == ("osm:1",)
    assert network.junctions.osm_nodes == ((1, 2, 3, 4),)
    assert (len(network.nodes), len(network.links), len(network.movements)) == (9, 8, 12)
    assert _turns(network) == [4, 4, 4, 0]
    np.testing.assert_allclose(network.links.length_m, 300.0, atol=0.05)
    assert len(network.crossings) == 4
    assert network.crossings.refuge.all()
    assert_sound(network, report)


def test_signals_far_from_each_other_have_controllers_of_their_own(tmp_path: Path) -> None:
    network, report = build(divided_cross(70.0), tmp_path)
    assert network.junctions.key == ("osm:1", "osm:2", "osm:3", "osm:4")
    assert_sound(network, report)


def test_signals_that_are_close_but_not_joined_by_a_short_street_stay_apart(tmp_path: Path) -> None:
    osm = cross()
    osm.signal(30, 30, 20)  # 36 m from node 1 on a street that meets no other near it
    for osm_id, x in ((31, -300), (32, 300)):
        osm.node(osm_id, x, 20)
    osm.node(33, 30, 300)
    osm.ways.pop()
    osm.way(12, [4, 1], name="Dostyk")
    osm.way(13, [31, 30, 32], name="Satpayev")
    osm.way(14, [30, 33], name="Dostyk")
    osm.way(15, [2, 31], "residential")
    network, report = build(osm, tmp_path)
    assert network.junctions.key == ("osm:1", "osm:30")
    assert_sound(network, report)


def test_a_divided_road_and_a_street(tmp_path: Path) -> None:
    osm = divided_cross()
    osm.ways = osm.ways[:2]
    osm.node(30, 10, -300)
    osm.node(31, 10, 300)
    osm.way(14, [30, 2, 3, 31], "tertiary", name="Kunayev")
    for unsignalised in (1, 3, 4):
        x, y, _ = osm.nodes[unsignalised]
        osm.node(unsignalised, x, y)
    network, report = build(osm, tmp_path)
    assert network.junctions.osm_nodes == ((2,),)
    assert network.junctions.name == ("Abay / Kunayev",)
    assert _turns(network) == [4, 4, 4, 0]
    assert_sound(network, report)


def test_a_pair_of_one_way_streets_is_not_a_divided_road(tmp_path: Path) -> None:
    osm = divided_cross(50.0)
    osm.ways = osm.ways[:2]
    osm.ways[1][2]["name"] = "Satpayev"
    osm.node(30, 25, -300)
    osm.node(31, 25, 300)
    osm.way(14, [30, 2, 3, 31], "tertiary", name="Kunayev")
    for unsignalised in (1, 4):
        x, y, _ = osm.nodes[unsignalised]
        osm.node(unsignalised, x, y)
    network, report = build(osm, tmp_path)
    assert network.junctions.osm_nodes == ((2,), (3,))
    assert_sound(network, report)


def test_an_opening_for_u_turns_is_no_junction(tmp_path: Path) -> None:
    osm = divided_cross()
    for osm_id, y in ((30, -10), (31, 10)):
        osm.node(osm_id, 150, y)
    osm.ways[0] = (10, [20, 1, 2, 30, 21], osm.ways[0][2])
    osm.ways[1] = (11, [22, 31, 3, 4, 23], osm.ways[1][2])
    osm.way(14, [30, 31], "primary_link", oneway="yes")
    network, report = build(osm, tmp_path)
    assert network.links.osm_way.tolist().count(14) == 1
    assert network.junctions.key == ("osm:1",)
    assert_sound(network, report)


def test_a_turning_lane_around_the_corner_belongs_to_the_junction(tmp_path: Path) -> None:
    osm = cross()
    osm.node(30, -25, 0)
    osm.node(31, 0, -25)
    osm.ways[0] = (10, [2, 30, 1, 3], osm.ways[0][2])
    osm.ways[1] = (11, [4, 31, 1, 5], osm.ways[1][2])
    osm.way(12, [30, 31], "secondary_link", oneway="yes")
    network, report = build(osm, tmp_path)
    assert (len(network.nodes), len(network.links)) == (5, 8)
    assert _turns(network) == [4, 4, 4, 0]
    assert_sound(network, report)


def test_a_bridge_is_not_joined_to_the_road_below(tmp_path: Path) -> None:
    osm = cross(signal=False)
    osm.ways[1][2].update(layer="1", bridge="yes")
    osm.signal(30, 300, 300)
    osm.way(12, [3, 30, 5])
    network, report = build(osm, tmp_path)
    assert report.counts["nodes shared by roads of different layers, not joined"] == 1
    assert not movements_of(network) & {(10, 11), (11, 10)}
    assert_sound(network, report)


def test_a_bridge_that_ends_at_a_road_is_joined_to_it(tmp_path: Path) -> None:
    osm = cross()
    osm.ways[1] = (11, [4, 1], {**osm.ways[1][2], "layer": "1", "bridge": "yes"})
    network, report = build(osm, tmp_path)
    assert {(10, 11), (11, 10)} <= movements_of(network)
    assert_sound(network, report)


def test_a_barrier_parts_a_road(tmp_path: Path) -> None:
    osm = cross()
    osm.node(30, 150, 0, barrier="bollard")
    osm.ways[0] = (10, [2, 1, 30, 3], osm.ways[0][2])
    network, report = build(osm, tmp_path)
    assert len(network.links) == 8
    np.testing.assert_allclose(sorted(network.links.length_m), [150.0] * 2 + [300.0] * 6, atol=0.05)
    assert_sound(network, report)


@pytest.mark.parametrize(("oneway", "start"), [("yes", 2), ("-1", 3)])
def test_one_way_streets(tmp_path: Path, oneway: str, start: int) -> None:
    network, report = build(cross(oneway=oneway), tmp_path)
    assert len(network.links) == 4
    first = np.flatnonzero(network.nodes.osm_id == start)
    assert (network.links.from_node == first).sum() == 1
    assert (network.links.to_node == first).sum() == 0
    assert network.links.running_lanes.tolist() == [3] * 4
    assert_sound(network, report)


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        ("no_left_turn", {(10, 12)}),
        ("no_straight_on", {(10, 13)}),
        ("only_right_turn", {(10, 12), (10, 13)}),
        ("only_straight_on", {(10, 11), (10, 12)}),
    ],
)
def test_turn_restrictions(tmp_path: Path, kind: str, missing: set[tuple[int, int]]) -> None:
    osm = cross()
    west, east, south, north = [2, 1], [1, 3], [4, 1], [1, 5]
    osm.ways = []
    for osm_id, nodes in ((10, west), (13, east), (11, south), (12, north)):
        osm.way(osm_id, nodes)
    to_way = {"left": 12, "straight": 13, "right": 11}[kind.split("_")[1]]
    osm.restriction(1, kind, 10, 1, to_way)
    network, report = build(osm, tmp_path)
    ways = {10, 11, 12, 13}
    everything = {(a, b) for a in ways for b in ways if a != b}
    assert movements_of(network) == everything - missing
    assert dict(report.restrictions) == {"used": 1}
    assert_sound(network, report)


def test_a_restriction_inside_a_divided_junction(tmp_path: Path) -> None:
    osm = divided_cross()
    osm.restriction(1, "no_left_turn", 10, 2, 12)
    osm.restriction(2, "no_left_turn", 10, 999, 12)
    osm.restriction(3, "no_left_turn", 11, 2, 12)
    network, report = build(osm, tmp_path)
    assert (10, 12) not in movements_of(network)
    assert len(network.movements) == 11
    assert dict(report.restrictions) == {
        "from or to way does not meet the via node": 1,
        "used": 1,
        "via node is no junction of the network": 1,
    }
    assert_sound(network, report)


def test_restrictions_that_leave_no_way_on_are_dropped(tmp_path: Path) -> None:
    osm = cross(oneway="yes")
    for number, (start, end) in enumerate([(10, 10), (10, 11), (11, 10), (11, 11)]):
        kind = "no_straight_on" if start == end else "no_left_turn" if start == 10 else "no_right_turn"
        osm.restriction(number, kind, start, 1, end)
    network, report = build(osm, tmp_path)
    assert report.restrictions["links without a way on, their bans dropped"] == 2
    assert len(network.movements) == 4
    assert_sound(network, report)


@pytest.mark.parametrize("tagged", [True, False])
def test_signals_on_the_stop_lines(tmp_path: Path, tagged: bool) -> None:
    osm = cross(signal=False)
    facing = {"traffic_signals__direction": "forward"} if tagged else {}
    behind = {"traffic_signals__direction": "backward"} if tagged else {}
    osm.signal(30, -20, 0, **facing)
    osm.signal(31, 20, 0, **behind)
    osm.signal(32, 0, -20, **facing)
    osm.signal(33, 0, 20, **behind)
    osm.ways[0] = (10, [2, 30, 1, 31, 3], osm.ways[0][2])
    osm.ways[1] = (11, [4, 32, 1, 33, 5], osm.ways[1][2])
    network, report = build(osm, tmp_path)
    assert network.junctions.osm_nodes == ((30, 31, 32, 33),)
    assert network.junctions.key == ("osm:30",)
    assert (len(network.nodes), len(network.movements)) == (5, 12)
    assert_sound(network, report)


def test_a_signal_that_faces_away_governs_the_junction_that_it_faces(tmp_path: Path) -> None:
    osm = cross()
    osm.signal(30, 40, 0, traffic_signals__direction="forward")
    osm.signal(3, 75, 0)
    osm.node(40, 300, 0)
    osm.node(41, 75, 300)
    osm.ways[0] = (10, [2, 1, 30, 3, 40], osm.ways[0][2])
    osm.way(12, [3, 41])
    network, report = build(osm, tmp_path)
    assert network.junctions.osm_nodes == ((1,), (3, 30))
    assert_sound(network, report)


def test_a_mid_block_crossing(tmp_path: Path) -> None:
    osm = cross()
    osm.node(30, 150, 0, highway="crossing", crossing="traffic_signals")
    osm.ways[0] = (10, [2, 1, 30, 3], osm.ways[0][2])
    network, report = build(osm, tmp_path)
    assert network.junctions.key == ("osm:1", "osm:30")
    assert network.junctions.kind.tolist() == [JunctionKind.INTERSECTION, JunctionKind.CROSSING]
    assert network.junctions.name[1] == "Abay (crossing)"
    node = int(network.junctions.node[1])
    movements = np.isin(network.movements.in_link, _incoming(network, node))
    assert network.movements.turn[movements].tolist() == [Turn.THROUGH, Turn.THROUGH]
    assert (network.crossings.junction == 1).sum() == 1
    np.testing.assert_allclose(network.links.length_m[_incoming(network, node)], 150.0, atol=0.05)
    assert (report.intersections, report.crossings) == (1, 1)
    assert_sound(network, report)


def test_a_mid_block_crossing_of_a_divided_road(tmp_path: Path) -> None:
    osm = divided_cross()
    osm.signal(30, 150, -10)
    osm.signal(31, 153, 10)
    osm.ways[0] = (10, [20, 1, 2, 30, 21], osm.ways[0][2])
    osm.ways[1] = (11, [22, 31, 3, 4, 23], osm.ways[1][2])
    network, report = build(osm, tmp_path)
    assert network.junctions.osm_nodes == ((1, 2, 3, 4), (30, 31))
    node = int(network.junctions.node[1])
    movements = np.isin(network.movements.in_link, _incoming(network, node))
    assert network.movements.turn[movements].tolist() == [Turn.THROUGH, Turn.THROUGH]
    own = network.crossings.junction == 1
    assert network.crossings.refuge[own].tolist() == [True]
    assert_sound(network, report)


def test_signals_that_face_each_other_over_the_median_have_one_controller(tmp_path: Path) -> None:
    osm = divided_cross()
    osm.signal(30, 150, -10)  # the mouth of a side street
    osm.signal(31, 150, 10)  # the crossing over the other carriageway
    osm.node(32, 150, -300)
    osm.ways[0] = (10, [20, 1, 2, 30, 21], osm.ways[0][2])
    osm.ways[1] = (11, [22, 31, 3, 4, 23], osm.ways[1][2])
    osm.way(14, [30, 32], "tertiary", name="Kunayev")
    network, report = build(osm, tmp_path)
    assert network.junctions.osm_nodes == ((1, 2, 3, 4), (30, 31))
    assert not movements_of(network) & {(11, 14), (14, 11)}  # no gap in the median
    assert {(10, 14), (14, 10)} <= movements_of(network)
    assert_sound(network, report)


def test_no_signals(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must hold traffic signals") as caught:
        build(cross(signal=False), tmp_path)
    assert caught.value.hint is not None


def test_all_signals_off_the_road(tmp_path: Path) -> None:
    osm = cross(signal=False)
    osm.signal(30, 40, 40)
    with pytest.raises(InputError, match="must have a traffic signal on a road") as caught:
        build(osm, tmp_path)
    assert caught.value.field == "node 30"


def test_a_signal_off_the_road_is_reported(tmp_path: Path) -> None:
    osm = cross()
    osm.signal(30, 60, 60)
    osm.signal(31, 12, 12)
    osm.node(32, 80, 60)
    osm.way(12, [30, 32], "footway")
    network, report = build(osm, tmp_path)
    assert dict(report.unmatched) == {
        30: "on a footway, not on a road for cars (85 m from the nearest road point)"
    }
    assert network.junctions.osm_nodes == ((1, 31),)
    assert report.beside_road == 1
    assert any("node 30: a traffic signal must stand on a road" in text for text in report.warnings)
    assert_sound(network, report)


def test_what_is_dropped_and_why(tmp_path: Path) -> None:
    osm = cross()
    for osm_id, x, y in (
        (30, 900, 900),
        (31, 1000, 900),
        (32, 0, 150),
        (33, 100, 150),
        (34, 10, 60),
        (35, 0, 60),
    ):
        osm.node(osm_id, x, y)
    osm.ways[1] = (11, [4, 1, 35, 32, 5], osm.ways[1][2])
    osm.way(12, [30, 31], "residential")
    osm.way(13, [32, 33], "residential", oneway="yes")
    osm.way(14, [35, 34], "residential")
    osm.signal(33, 100, 150)
    network, report = build(osm, tmp_path)
    dropped = {d.reason: (d.pieces, round(d.km, 3)) for d in report.dropped}
    assert dropped == {
        "not joined to the main network": (1, 0.1),
        "one-way without a way back": (1, 0.1),
        "dead ends under 20 m": (1, 0.01),
    }
    assert report.unmatched == {33: "on a road that is not joined to the main network"}
    assert len(network.nodes) == 5
    assert_sound(network, report)


def test_service_roads_are_taken_in_where_they_carry_a_signal(tmp_path: Path) -> None:
    osm = cross()
    for osm_id, y in ((30, 100), (31, -100)):
        osm.node(osm_id, 100, y)
    osm.signal(32, 100, 0)
    osm.node(33, -100, 0)
    osm.node(34, -100, 100)
    osm.ways[0] = (10, [2, 33, 1, 32, 3], osm.ways[0][2])
    osm.way(12, [30, 32, 31], "service")
    osm.way(13, [33, 34], "service")
    network, report = build(osm, tmp_path)
    assert set(network.links.osm_way.tolist()) == {10, 11, 12}
    assert report.counts["service roads left out by choice of classes"] == 1
    assert_sound(network, report)
    more, _ = build(osm, tmp_path, classes="all")
    assert set(more.links.osm_way.tolist()) == {10, 11, 12, 13}
    osm.ways[1][2]["highway"] = "residential"
    fewer, _ = build(osm, tmp_path, classes="major")
    assert set(fewer.links.osm_way.tolist()) == {10, 11, 12}  # way 11 carries signal 1
    with pytest.raises(InputError, match="must be one of major, streets, all"):
        build(osm, tmp_path, classes="few")


def test_a_major_dead_end_inside_the_city_is_no_gateway(tmp_path: Path) -> None:
    osm = cross()
    osm.node(30, 100, 100)
    osm.node(31, 100, 0)
    osm.node(32, -300, 300)
    osm.node(33, 300, 300)
    osm.ways[0] = (10, [2, 31, 1, 3], osm.ways[0][2])
    osm.nodes[31] = (-100.0, 0.0, {})
    osm.nodes[30] = (-100.0, 100.0, {})
    osm.way(12, [31, 30], "tertiary")
    osm.way(13, [32, 5, 33], "residential")
    network, report = build(osm, tmp_path)
    gateways = set(network.nodes.osm_id[network.nodes.gateway].tolist())
    assert gateways == {2, 3, 4}
    assert_sound(network, report)


def test_a_turn_bay_from_a_way_that_widens(tmp_path: Path) -> None:
    osm = cross(lanes="4")
    osm.node(30, -60, 0)
    tags = {
        **osm.ways[0][2],
        "lanes": "5",
        "lanes:forward": "3",
        "turn:lanes:forward": "left|through|through;right",
    }
    osm.ways[0] = (10, [2, 30], osm.ways[0][2])
    osm.way(12, [30, 1], **{key.replace(":", "__"): value for key, value in tags.items()})
    osm.way(13, [1, 3], name="Abay", lanes="4")
    network, report = build(osm, tmp_path)
    (link,) = np.flatnonzero(network.links.osm_way == 10)[:1].tolist()
    assert network.links.running_lanes[link] == 2
    assert network.links.lanes[link] == 3
    groups = np.flatnonzero(network.lane_groups.link == link)
    np.testing.assert_allclose(network.lane_groups.length_m[groups], [300, 300, 60], atol=0.05)
    assert report.turn_lanes_ignored == 0
    assert_sound(network, report)


def test_a_lasting_change_of_lanes_makes_a_node_and_a_short_one_does_not(tmp_path: Path) -> None:
    osm = cross(arm_m=600.0)
    osm.node(30, 300, 0)
    osm.node(31, -500, 0)
    osm.ways = osm.ways[1:]
    for osm_id, nodes, lanes in ((10, [2, 31], "6"), (12, [31, 1, 30], "4"), (13, [30, 3], "2")):
        osm.way(osm_id, nodes, name="Abay", lanes=lanes)
    network, report = build(osm, tmp_path)
    assert len(network.nodes) == 6
    assert 30 in network.nodes.osm_id
    lanes = {
        int(way): int(n) for way, n in zip(network.links.osm_way, network.links.running_lanes, strict=True)
    }
    assert lanes[13] == 1
    assert lanes[10] == 2  # 100 m with three lanes do not count
    assert_sound(network, report)


def test_speeds_are_averaged_by_travel_time(tmp_path: Path) -> None:
    osm = cross()
    osm.node(30, 100, 0)
    osm.ways = osm.ways[1:]
    osm.way(10, [2, 1, 30], name="Abay", maxspeed="60")
    osm.way(12, [30, 3], name="Abay", maxspeed="30")
    network, _ = build(osm, tmp_path)
    east = np.flatnonzero(network.nodes.osm_id == 3)
    link = np.flatnonzero(network.links.to_node == east)
    seconds = 100 / (60 / 3.6) + 200 / (30 / 3.6)
    np.testing.assert_allclose(
        network.links.length_m[link] / network.links.speed_m_s[link], seconds, rtol=1e-4
    )


@pytest.mark.parametrize(("radius", "nodes"), [(10.0, 1), (30.0, 4)])
def test_roundabouts(tmp_path: Path, radius: float, nodes: int) -> None:
    osm = OsmMap()
    ring = []
    for step in range(16):
        angle = 2 * np.pi * step / 16
        osm.node(100 + step, radius * np.cos(angle), radius * np.sin(angle))
        ring.append(100 + step)
    osm.way(10, [*ring, ring[0]], "secondary", junction="roundabout")
    for arm, (x, y) in enumerate([(1, 0), (0, 1), (-1, 0), (0, -1)]):
        osm.node(arm + 1, 300 * x, 300 * y)
        osm.way(20 + arm, [ring[4 * arm], arm + 1], name=f"Arm {arm}")
    osm.signal(200, 150, 0)
    osm.ways[1] = (20, [ring[0], 200, 1], osm.ways[1][2])
    network, report = build(osm, tmp_path)
    assert len(network.nodes) == 4 + 1 + nodes  # gateways, crossing, ring
    assert (network.links.osm_way == 10).sum() == (0 if nodes == 1 else 4)
    if nodes == 1:
        assert len(network.movements) == 12 + 2
    assert_sound(network, report)


def test_a_loop_street_gets_a_node_of_its_own(tmp_path: Path) -> None:
    osm = cross()
    for osm_id, x, y in ((30, 100, 100), (31, 200, 100), (32, 200, 0)):
        osm.node(osm_id, x, y)
    osm.node(33, 100, 0)
    osm.ways[0] = (10, [2, 1, 33, 3], osm.ways[0][2])
    osm.way(12, [33, 30, 31, 33], "residential")
    network, report = build(osm, tmp_path)
    assert (network.links.from_node != network.links.to_node).all()
    assert (network.links.osm_way == 12).sum() == 4
    assert_sound(network, report)


def test_names_classes_and_layers_are_kept(tmp_path: Path) -> None:
    osm = cross()
    osm.ways[0][2].update(highway="primary", layer="-1", tunnel="yes")
    osm.ways[1] = (11, [4, 1], osm.ways[1][2])
    osm.way(12, [1, 5], "living_street", name="Dostyk")
    network, _ = build(osm, tmp_path)
    rows = {int(way): row for row, way in enumerate(network.links.osm_way)}
    assert network.links.road_class[[rows[10], rows[11], rows[12]]].tolist() == [
        RoadClass.PRIMARY,
        RoadClass.SECONDARY,
        RoadClass.RESIDENTIAL,
    ]
    assert network.links.layer[rows[10]] == -1
    assert network.link_name(rows[12]) == "Dostyk"


def test_places_weigh_by_population_or_kind(tmp_path: Path) -> None:
    osm = cross()
    osm.node(30, 10, 20, place="suburb", name="A", population="1234")
    osm.node(31, 20, 20, place="village", name="B")
    network, _ = build(osm, tmp_path)
    assert network.places.name == ("A", "B")
    assert network.places.weight.tolist() == [1234.0, 1000.0]


def test_the_country_decides_the_default_speed(tmp_path: Path) -> None:
    for country, km_h in (("KZ", 60.0), (None, 50.0), ("BR", 60.0)):
        network, _ = build(cross(), tmp_path, country=country)
        np.testing.assert_allclose(network.links.speed_m_s, km_h / 3.6)


def test_same_map_same_bytes(tmp_path: Path) -> None:
    first, second = (build(divided_cross(), tmp_path, clock=lambda: 0.0) for _ in range(2))
    for table in ("nodes", "links", "lane_groups", "movements", "connections", "junctions", "crossings"):
        for field, values in vars(getattr(first[0], table)).items():
            other = getattr(getattr(second[0], table), field)
            assert np.array_equal(values, other), f"{table}.{field}"
    assert first[1] == second[1]


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[float, float]] = []
    build(cross(), tmp_path, progress=lambda done, total, _note="": told.append((done, total)))
    assert [done for done, _ in told] == list(range(len(told)))
    assert all(done <= total for done, total in told)


def _grid(
    columns: int,
    rows: int,
    spacing: float,
    directions: list[str],
    signals: list[tuple[int, float, bool]],
    bans: list[tuple[int, bool]],
) -> OsmMap:
    osm = OsmMap()
    for row in range(rows):
        for column in range(columns):
            osm.node(1 + row * 4 + column, column * spacing, row * spacing)
    lines: dict[int, list[int]] = {}
    for row in range(rows):
        lines[100 + row] = [1 + row * 4 + column for column in range(columns)]
    for column in range(columns):
        lines[200 + column] = [1 + row * 4 + column for row in range(rows)]
    for number, (which, offset, across) in enumerate(signals):
        row, column = which // 4 % rows, which % 4 % columns
        x, y = column * spacing, row * spacing
        if abs(offset) < 5.0:
            osm.signal(1 + row * 4 + column, x, y)
            continue
        line = lines[200 + column if across else 100 + row]
        position = (y if across else x) + offset
        inner = sum((osm.nodes[n][1 if across else 0]) <= position for n in line)
        osm.signal(1000 + number, x if across else position, position if across else y)
        if 0 < inner < len(line):
            line.insert(inner, 1000 + number)
    for line, nodes in lines.items():
        osm.way(line, nodes, "secondary", oneway=directions[line % 100 + (4 if line >= 200 else 0)])
    for number, (which, left) in enumerate(bans):
        row, column = which // 4 % rows, which % 4 % columns
        kind = "no_left_turn" if left else "only_straight_on"
        osm.restriction(number + 1, kind, 100 + row, 1 + row * 4 + column, (200 if left else 100) + column)
    return osm


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    columns=st.integers(2, 4),
    rows=st.integers(2, 4),
    spacing=st.floats(30.0, 250.0),
    directions=st.lists(st.sampled_from(["no", "yes", "-1"]), min_size=8, max_size=8),
    signals=st.lists(
        st.tuples(st.integers(0, 15), st.floats(-60.0, 60.0), st.booleans()), min_size=1, max_size=8
    ),
    bans=st.lists(st.tuples(st.integers(0, 15), st.booleans()), max_size=4),
)
def test_invariants_of_random_grids(
    tmp_path: Path,
    columns: int,
    rows: int,
    spacing: float,
    directions: list[str],
    signals: list[tuple[int, float, bool]],
    bans: list[tuple[int, bool]],
) -> None:
    osm = _grid(columns, rows, spacing, directions, signals, bans)
    try:
        network, report = build(osm, tmp_path)
    except InputError as error:
        # no signal stands on a connected road, or no road is connected
        assert "traffic signal" in error.rule or error.field == "way.oneway"  # noqa: PT017
        return
    assert_sound(network, report)


def test_a_signal_where_the_road_leaves_the_extract_controls_nothing(tmp_path: Path) -> None:
    osm = cross()
    osm.signal(3, 300, 0)
    network, report = build(osm, tmp_path)
    assert network.junctions.key == ("osm:1",)
    assert report.unmatched == {3: "at an end of the network, where no traffic goes on"}
    assert_sound(network, report)


def test_one_approach_without_a_crossing_is_nothing_to_control(tmp_path: Path) -> None:
    osm = cross()
    osm.signal(30, 100, 0)
    osm.node(31, 300, 100)
    osm.ways[0] = (10, [2, 1], osm.ways[0][2])
    osm.way(12, [1, 30], "trunk", oneway="yes")
    osm.way(13, [30, 3], "trunk", oneway="yes")
    osm.way(14, [30, 31], "trunk_link", oneway="yes")
    network, report = build(osm, tmp_path)
    assert network.junctions.key == ("osm:1",)
    reason = "at a junction with one approach and no crossing, nothing to control"
    assert report.unmatched == {30: reason}
    assert_sound(network, report)


def test_a_signal_behind_a_junction_leaves_no_road_from_it_to_itself(tmp_path: Path) -> None:
    osm = OsmMap()
    for osm_id, (x, y) in {1: (0, -10), 30: (27, 10), 31: (27, -10)}.items():
        osm.node(osm_id, x, y)
    for osm_id in (30, 31):
        osm.signal(osm_id, *osm.nodes[osm_id][:2])
    osm.signal(2, 0, 10)
    ends = {20: (-300, -10), 21: (300, -10), 22: (300, 10), 23: (-300, 10), 24: (0, -300), 25: (0, 300)}
    for osm_id, (x, y) in ends.items():
        osm.node(osm_id, x, y)
    osm.way(10, [20, 1, 31, 21], "primary", oneway="yes", name="Abay")
    osm.way(11, [22, 30, 2, 23], "primary", oneway="yes", name="Abay")
    osm.way(12, [24, 1, 2, 25], "secondary", name="Dostyk")
    network, report = build(osm, tmp_path)
    assert_sound(network, report)
    assert network.junctions.osm_nodes == ((2, 30, 31),)
    assert np.count_nonzero(network.links.to_node == network.junctions.node[0]) == 4


def _abreast(across_m: float, *, along_m: float = 0.0, other_name: str = "Abay") -> OsmMap:
    """Two one-way carriageways to the east, each with a signal."""
    osm = OsmMap()
    for number, (y, name) in enumerate(((0.0, "Abay"), (across_m, other_name))):
        osm.node(20 + number, -300.0, y)
        osm.signal(1 + number, number * along_m, y)
        osm.node(30 + number, 300.0, y)
        osm.way(10 + number, [20 + number, 1 + number, 30 + number], oneway="yes", name=name)
    for osm_id, (x, y) in {40: (-400, 6), 41: (400, 6), 42: (400, 200), 43: (-400, 200)}.items():
        osm.node(osm_id, x, y)
    osm.way(13, [40, 20], oneway="yes")
    osm.way(14, [40, 21], oneway="yes")
    osm.way(15, [30, 41], oneway="yes")
    osm.way(16, [31, 41], oneway="yes")
    osm.way(17, [41, 42, 43, 40], oneway="yes")
    return osm


@pytest.mark.parametrize(
    ("osm", "governed"),
    [
        (_abreast(12.0), ((1, 2),)),
        (_abreast(24.0, along_m=14.0), ((1, 2),)),
        (_abreast(26.0), ((1,), (2,))),
        (_abreast(12.0, along_m=16.0), ((1,), (2,))),
        (_abreast(12.0, other_name="Dostyk"), ((1,), (2,))),
    ],
)
def test_signals_abreast_on_carriageways_of_one_direction(
    osm: OsmMap, governed: tuple[tuple[int, ...], ...], tmp_path: Path
) -> None:
    network, report = build(osm, tmp_path)
    assert_sound(network, report)
    assert network.junctions.osm_nodes == governed
    assert set(network.junctions.kind.tolist()) == {JunctionKind.CROSSING}


def test_signals_of_one_crossing_are_gathered_in_any_order(tmp_path: Path) -> None:
    governed = set()
    for order in ((1, 2, 3), (1, 3, 2), (3, 1, 2)):
        osm = OsmMap()
        osm.node(20, -300.0, 0.0)
        for osm_id, x in zip(order, (0.0, 30.0, 60.0), strict=True):
            osm.signal(osm_id, x, 0.0)
        osm.node(21, 300.0, 0.0)
        osm.way(10, [20, *order, 21], name="Abay")
        governed.add(build(osm, tmp_path)[0].junctions.osm_nodes)
    assert governed == {((1, 2, 3),)}


@pytest.mark.parametrize(("half_m", "through"), [(10.0, True), (31.0, False)])
def test_a_short_way_between_signalised_legs_is_taken_in_whatever_its_class(
    half_m: float, through: bool, tmp_path: Path
) -> None:
    osm = OsmMap()
    for osm_id, (x, y) in {1: (0, -half_m), 2: (0, half_m), 24: (0, -300), 25: (0, 300)}.items():
        osm.node(osm_id, x, y)
    osm.signal(30, 0, -half_m - 5)
    osm.signal(31, 0, half_m + 5)
    for osm_id, (x, y) in {20: (-300, -1), 21: (300, -1), 22: (300, 1), 23: (-300, 1)}.items():
        osm.node(osm_id, x, y * half_m)
    osm.way(10, [20, 1, 21], "primary", oneway="yes", name="Abay")
    osm.way(11, [22, 2, 23], "primary", oneway="yes", name="Abay")
    osm.way(12, [24, 30, 1], "residential", name="Dostyk")
    osm.way(13, [1, 2], "residential", name="Dostyk")
    osm.way(14, [2, 31, 25], "residential", name="Dostyk")
    network, report = build(osm, tmp_path, classes="major")
    assert_sound(network, report)
    assert ((12, 14) in movements_of(network)) == through
    assert report.counts.get("residential roads left out by choice of classes", 0) == (not through)
