"""Signals of OpenStreetMap gathered into junctions: one controller, one junction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.traffic.osm.maps import (
    OsmMap,
    assert_sound,
    build,
    cross,
    divided_cross,
    incoming,
    movements_of,
    turns_of,
)
from traffic.errors import InputError
from traffic.network import JunctionKind, Turn

if TYPE_CHECKING:
    from pathlib import Path


def test_a_plain_junction(tmp_path: Path) -> None:
    network, report = build(cross(), tmp_path)
    assert (len(network.nodes), len(network.links), len(network.movements)) == (5, 8, 12)
    assert turns_of(network) == [4, 4, 4, 0]
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


@pytest.mark.parametrize(("gap", "islands"), [(12.0, False), (13.0, True)])
def test_an_island_needs_room_between_the_carriageways(tmp_path: Path, gap: float, islands: bool) -> None:
    # half of three lanes on either side takes 10.5 m of the gap, and an island 2 m
    network, _ = build(divided_cross(gap), tmp_path)
    assert network.crossings.refuge.tolist() == [islands] * 4


@pytest.mark.parametrize("gap", [13.0, 20.0, 40.0])
def test_divided_roads_make_one_junction(tmp_path: Path, gap: float) -> None:
    network, report = build(divided_cross(gap), tmp_path)
    assert network.junctions.key == ("osm:1",)
    assert network.junctions.osm_nodes == ((1, 2, 3, 4),)
    assert (len(network.nodes), len(network.links), len(network.movements)) == (9, 8, 12)
    assert turns_of(network) == [4, 4, 4, 0]
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
    assert turns_of(network) == [4, 4, 4, 0]
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
    assert turns_of(network) == [4, 4, 4, 0]
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
    movements = np.isin(network.movements.in_link, incoming(network, node))
    assert network.movements.turn[movements].tolist() == [Turn.THROUGH, Turn.THROUGH]
    assert (network.crossings.junction == 1).sum() == 1
    np.testing.assert_allclose(network.links.length_m[incoming(network, node)], 150.0, atol=0.05)
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
    movements = np.isin(network.movements.in_link, incoming(network, node))
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
    assert report.warnings == ()
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
