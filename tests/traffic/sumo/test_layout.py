from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.traffic.hand_networks import ORIGIN, crossroads, networks
from traffic.network import Junctions, LaneGroups, Links, RoadNetwork, Turn
from traffic.sumo.layout import (
    LANE_WIDTH_M,
    _targets,
    connections_xml,
    edges_xml,
    lay_out,
    nodes_xml,
    sumo_id,
)


def parse(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - our own text


def edges_of(network: RoadNetwork) -> dict[str, ET.Element]:
    root = parse(edges_xml(network, lay_out(network)))
    return {element.get("id", ""): element for element in root}


def with_links(network: RoadNetwork, **columns: object) -> RoadNetwork:
    return replace(network, links=replace(network.links, **columns))


def points(element: ET.Element) -> np.ndarray:
    pairs = [p.split(",") for p in element.get("shape", "").split()]
    return np.array(pairs, dtype=float) - ORIGIN


def test_lanes_of_a_crossroads() -> None:
    """From the east: right and through from lane 0, through from lane 1, left from the bay, by hand."""
    layout = lay_out(crossroads())
    east = [c for c in layout.connections if c.from_edge == "e0"]
    assert [(c.from_lane, c.to_edge, c.to_lane, c.movement, c.link_index) for c in east] == [
        (0, "e5", 0, 0, 0),
        (0, "e6", 0, 1, 1),
        (1, "e6", 1, 1, 1),
        (2, "e7", 1, 2, 2),
    ]
    assert {c.signal for c in east} == {"centre"}
    assert layout.signals == (tuple((movement, False) for movement in range(12)),)
    bay = [c for c in layout.connections if c.to_edge == "e0"]
    assert [(c.from_edge, c.from_lane, c.to_lane, c.link_index) for c in bay] == [
        ("e0.u", 0, 0, -1),
        ("e0.u", 1, 1, -1),
        ("e0.u", 1, 2, -1),
    ]


def test_bay_is_measured_from_the_stop_line() -> None:
    """Bay 60 m, 3 lanes of 3.2 m across, 4 m corner, 4 m for the start of the bay: cut at 77.6 m."""
    network = crossroads()
    edges = edges_of(network)
    assert edges["e0.u"].get("numLanes") == "2"
    assert edges["e0"].get("numLanes") == "3"
    cut = 60.0 + 3 * LANE_WIDTH_M + 4.0 + 4.0
    assert points(edges["e0.u"]).ravel() == pytest.approx([200.0, 0.0, cut, 0.0])
    assert points(edges["e0"]).ravel() == pytest.approx([cut, 0.0, 0.0, 0.0])
    assert "e4.u" not in edges
    nodes = {e.get("id"): e for e in parse(nodes_xml(network, lay_out(network)))}
    assert float(nodes["b0"].get("x", "0")) - ORIGIN[0] == pytest.approx(cut)
    assert nodes["b0"].get("type") == "priority"
    assert (nodes["centre"].get("type"), nodes["centre"].get("tl")) == ("traffic_light", "centre")


def test_bay_that_fills_the_link_is_a_lane() -> None:
    layout = lay_out(crossroads(bay_m=170.0))
    assert layout.bay_m == (0.0,) * 8
    assert layout.link_edges[0] == ("e0",)
    assert len(layout.connections) == 16


def test_link_to_its_own_node_is_cut_in_the_middle() -> None:
    """A loop of 400 m with 2 lanes, of which SUMO could not make one edge."""
    base = crossroads()
    loop = replace(
        base,
        links=Links([1], [1], [400.0], [10.0], [2], [2], [3], [-1], [0], [0], [0]),
        lane_groups=LaneGroups([0], [0], [2], [400.0], [1.0]),
        movements=type(base.movements)([0], [0], [Turn.U_TURN], [np.pi], [0.8]),
        connections=type(base.connections)([0], [0]),
        crossings=type(base.crossings)([], [], [], [], []),
        shape_x_m=np.array([200.0, 300.0, 300.0, 200.0, 200.0]) + ORIGIN[0],
        shape_y_m=np.array([0.0, 0.0, 100.0, 100.0, 0.0]) + ORIGIN[1],
    )
    edges = edges_of(loop)
    assert {(e.get("from"), e.get("to")) for e in edges.values()} == {("n1", "b0"), ("b0", "n1")}
    assert points(edges["e0.u"])[-1] == pytest.approx([300.0, 100.0])
    found = {(c.from_edge, c.from_lane, c.to_edge, c.to_lane) for c in lay_out(loop).connections}
    assert {(f, t) for f, _, t, _ in found} == {("e0", "e0.u"), ("e0.u", "e0")}
    assert {lane for *_, lane in found} == {0, 1}


def test_bays_on_the_right() -> None:
    """The same approach with its bay on the right: lanes 1 and 2 run through."""
    network = crossroads()
    groups = network.lane_groups
    length = np.where(groups.length_m == 60.0, 200.0, groups.length_m)
    length[groups.first_lane == 0] = 60.0
    length[groups.lanes == 2] = 200.0
    right = replace(
        network,
        lane_groups=LaneGroups(groups.link, groups.first_lane, groups.lanes, length, groups.saturation_veh_s),
    )
    layout = lay_out(right)
    assert layout.right_bays == (1, 1, 1, 1, 0, 0, 0, 0)
    bay = [(c.from_lane, c.to_lane) for c in layout.connections if c.to_edge == "e0"]
    assert bay == [(0, 0), (0, 1), (1, 2)]


@pytest.mark.parametrize(
    ("mixed_m", "expected"),
    [(130.0, 1), (60.0, 0)],
    ids=["bay beside a running lane of the same movement", "no room for a bay on the right"],
)
def test_mean_length_of_a_group_tells_its_bays(mixed_m: float, expected: int) -> None:
    """Two lanes to the right, one of them a bay of 60 m on a link of 200 m: mean 130 m."""
    network = crossroads()
    groups = network.lane_groups
    lanes = [(2, 0, mixed_m), (1, 2, 200.0)] if expected else [(2, 0, 200.0), (1, 2, 60.0)]
    rows = [(link, first, count, m) for link in range(4) for count, first, m in lanes]
    rows += [(link, 0, 2, 200.0) for link in range(4, 8)]
    link, first, count, length = zip(*rows, strict=True)
    connections = [(2 * link, 3 * link + m) for link in range(4) for m in (0, 1)]
    connections += [(2 * link + 1, 3 * link + 2) for link in range(4)]
    table, movement = zip(*sorted(connections), strict=True)
    changed = replace(
        network,
        lane_groups=LaneGroups(link, first, count, length, np.ones(len(rows))),
        connections=type(network.connections)(table, movement),
    )
    assert groups.lanes.sum() == sum(count)
    layout = lay_out(changed)
    assert layout.right_bays[:4] == (expected,) * 4
    assert layout.bay_m[0] == pytest.approx(60.0 + 3 * LANE_WIDTH_M + 8.0)


@pytest.mark.parametrize(
    ("lanes", "turn", "exits", "right_bays", "expected"),
    [
        ([0], Turn.RIGHT, 3, 0, [0]),
        ([0, 1], Turn.RIGHT, 3, 0, [0, 1]),
        ([0, 1], Turn.RIGHT, 1, 0, [0, 0]),
        ([2], Turn.LEFT, 3, 0, [2]),
        ([2, 3], Turn.LEFT, 3, 0, [1, 2]),
        ([2, 3], Turn.LEFT, 1, 0, [0, 0]),
        ([3], Turn.U_TURN, 2, 0, [1]),
        ([0, 1], Turn.THROUGH, 2, 0, [0, 1]),
        ([1, 2], Turn.THROUGH, 3, 0, [1, 2]),
        ([1, 2], Turn.THROUGH, 2, 0, [0, 1]),
        ([1, 2], Turn.THROUGH, 3, 1, [0, 1]),
        ([0, 1, 2], Turn.THROUGH, 2, 0, [0, 1, 1]),
    ],
)
def test_lanes_of_the_exit(
    lanes: list[int], turn: Turn, exits: int, right_bays: int, expected: list[int]
) -> None:
    assert _targets(lanes, turn, exits, right_bays) == expected


def test_lanes_that_merge_have_their_own_place() -> None:
    """Exits with one lane: of the two through lanes the right-hand one gives way."""
    network = crossroads()
    links, groups = network.links, network.lane_groups
    lanes = np.where(np.arange(8) < 4, links.lanes, 1)
    narrow = replace(
        network,
        links=replace(links, lanes=lanes, running_lanes=np.minimum(links.running_lanes, lanes)),
        lane_groups=replace(groups, lanes=np.ones(len(groups), dtype=int)),
    )
    layout = lay_out(narrow)
    merging = tuple((movement, True) for movement in (1, 4, 7, 10))
    assert layout.signals[0] == tuple((movement, False) for movement in range(12)) + merging
    through = [c for c in layout.connections if c.movement == 1]
    assert [(c.from_lane, c.to_lane, c.link_index) for c in through] == [(0, 0, 12), (1, 0, 1)]


def test_one_way_roads_lie_on_their_line() -> None:
    network = crossroads()
    assert all(e.get("spreadType") is None for e in edges_of(network).values())
    shape = network.shape_x_m.copy()
    shape[8] += 5.0  # link 4 leaves on a carriageway of its own
    apart = edges_of(replace(network, shape_x_m=shape))
    assert [name for name, e in apart.items() if e.get("spreadType") == "center"] == ["e0.u", "e0", "e4"]


def test_edges_without_a_way_on_are_told_so() -> None:
    network = crossroads()
    root = parse(connections_xml(network, lay_out(network)))
    ends = [e.get("from") for e in root if e.get("to") is None]
    assert ends == ["e4", "e5", "e6", "e7"]


def test_projection_is_passed_on() -> None:
    network = crossroads()
    location = parse(nodes_xml(network, lay_out(network))).find("location")
    assert location is not None
    assert "+proj=utm +zone=43 +ellps" in location.get("projParameter", "")
    south = replace(network, crs="EPSG:32722")
    assert "+zone=22 +south" in nodes_xml(south, lay_out(south))
    plain = replace(network, crs="local")
    assert "location" not in nodes_xml(plain, lay_out(plain))


def test_names_are_escaped() -> None:
    network = replace(crossroads(), names=('A & "B" <C>', "D'E"))
    assert edges_of(network)["e0"].get("name") == 'A & "B" <C>'
    assert edges_of(network)["e1"].get("name") == "D'E"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("", ""),
        ("a\x01", "a%01"),
        ("osm:123", "osm:123"),
        ("Абай", "Абай"),
        ("a b&c", "a%20b%26c"),
        ("100%", "100%25"),
        (":x", "%3Ax"),
        ("n12", "%6E12"),
        ("b3", "%623"),
        ("node", "node"),
    ],
)
def test_sumo_id(key: str, expected: str) -> None:
    assert sumo_id(key) == expected


@given(keys=st.sets(st.text(min_size=1, max_size=6), min_size=2, max_size=2))
def test_different_keys_have_different_ids(keys: set[str]) -> None:
    first, second = map(sumo_id, keys)
    assert first != second
    assert not set(first) & set(" \t\n|\\'\";,<>&*")


@given(network=networks())
@settings(max_examples=40)
def test_every_lane_and_connection_is_there_once(network: RoadNetwork) -> None:
    layout = lay_out(network)
    for text in (nodes_xml, edges_xml, connections_xml):
        assert text(network, layout) == text(network, lay_out(network))
    count = {}
    for e in parse(edges_xml(network, layout)):
        count[e.get("id")] = int(e.get("numLanes", "0"))
    for link, edges in enumerate(layout.link_edges):
        assert count[edges[-1]] == network.links.lanes[link]
    ends = [(c.from_edge, c.from_lane, c.to_edge, c.to_lane) for c in layout.connections]
    assert len(set(ends)) == len(ends)
    for from_edge, from_lane, to_edge, to_lane in ends:
        assert 0 <= from_lane < count[from_edge]
        assert 0 <= to_lane < count[to_edge]
    table = network.connections
    lanes = network.lane_groups.lanes[table.lane_group]
    assert sum(c.movement >= 0 for c in layout.connections) == lanes.sum()
    assert {c.movement for c in layout.connections} - {-1} == set(range(len(network.movements)))


def test_unused_tables_are_not_needed() -> None:
    """A network without junctions or movements is still written."""
    links = Links([0], [1], [100.0], [10.0], [1], [1], [3], [-1], [0], [0], [0])
    base = crossroads()
    network = replace(
        base,
        links=links,
        lane_groups=LaneGroups([0], [0], [1], [100.0], [0.5]),
        movements=type(base.movements)([], [], [], [], []),
        connections=type(base.connections)([], []),
        junctions=Junctions([0], [0], ("idle",), ("",), ((),)),
        crossings=type(base.crossings)([], [], [], [], []),
        shape_x_m=[0.0, 100.0],
        shape_y_m=[0.0, 0.0],
    )
    layout = lay_out(network)
    assert layout.signals == ((),)
    assert "traffic_light" not in nodes_xml(network, layout)
