"""Streets of OpenStreetMap made into links: directions, turns, lanes, speeds, layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.traffic.osm.maps import OsmMap, assert_sound, build, cross, divided_cross, movements_of
from traffic.network import RoadClass

if TYPE_CHECKING:
    from pathlib import Path


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


def test_the_country_decides_the_default_speed(tmp_path: Path) -> None:
    for country, km_h in (("KZ", 60.0), (None, 50.0), ("BR", 60.0)):
        network, _ = build(cross(), tmp_path, country=country)
        np.testing.assert_allclose(network.links.speed_m_s, km_h / 3.6)


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
