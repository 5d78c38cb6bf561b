"""Assembly: headings and turns against closed forms, movements against a plain reference, crossings."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic.assemble import JunctionSpec, LinkSpec, NodeSpec, assemble, assemble_with_notes
from traffic.errors import InputError
from traffic.lanes import TURN_FACTOR
from traffic.network import JunctionKind, RoadClass, Turn
from traffic.turns import end_headings, turn_angles

CRS = "EPSG:32643"
R, T, L, U = Turn.RIGHT, Turn.THROUGH, Turn.LEFT, Turn.U_TURN


def road(nodes, start, end, **more):
    shape = np.array([[nodes[i].x_m, nodes[i].y_m] for i in (start, end)], dtype=np.float64)
    values = {"speed_m_s": 14.0, "running_lanes": 2, "road_class": RoadClass.SECONDARY, "shape": shape}
    return LinkSpec(start, end, **(values | more))


def star(bearings_deg, *, junction=None, **more):
    """Node 0 with one two-way road to a gateway in each direction; links 2 k and 2 k + 1: in and out."""
    nodes = [NodeSpec(0.0, 0.0, junction=junction)]
    links = []
    for bearing in np.radians(bearings_deg):
        nodes.append(NodeSpec(200 * np.cos(bearing), 200 * np.sin(bearing), gateway=True))
        links += [road(nodes, len(nodes) - 1, 0, **more), road(nodes, 0, len(nodes) - 1, **more)]
    return nodes, links


def turns_of(network):
    m = network.movements
    rows = zip(m.in_link.tolist(), m.out_link.tolist(), m.turn.tolist(), strict=True)
    return {(i, o): Turn(t) for i, o, t in rows}


def test_a_plain_cross_has_right_through_and_left_from_every_leg():
    network = assemble("x", CRS, *star([0, 90, 180, 270]))
    assert turns_of(network) == {
        (2 * k, 2 * ((k + step) % 4) + 1): turn for k in range(4) for step, turn in ((3, L), (2, T), (1, R))
    }
    assert network.movements.turn[:3].tolist() == [R, T, L]
    np.testing.assert_allclose(network.movements.angle_rad[:3], [-np.pi / 2, 0, np.pi / 2], atol=1e-12)
    expected = [TURN_FACTOR[turn] for turn in (R, T, L)]
    assert network.movements.saturation_factor[:3].tolist() == expected


def test_saturation_flow_of_groups():
    nodes, links = star([0, 90, 180, 270])
    links[0] = replace(links[0], saturation_veh_h_lane=1500.0, left_bay_lanes=1, bay_length_m=45.0)
    groups = assemble("x", CRS, nodes, links).lane_groups
    assert groups.link[:3].tolist() == [0, 0, 0]
    assert groups.first_lane[:3].tolist() == [0, 1, 2]
    assert groups.length_m[:3].tolist() == [200.0, 200.0, 45.0]
    np.testing.assert_allclose(groups.saturation_veh_s[:3], 1500 / 3600, rtol=1e-15)


@pytest.mark.parametrize(
    ("bearings", "expected"),
    [
        ([180, 0, 90], {T: 1, L: 1}),  # T with the stem on the left
        ([180, 90, 270], {R: 1, L: 1}),  # the stem itself: nothing goes through
        ([180, 0, 30], {T: 1, L: 1}),  # beside the straightest: a slight turn
        ([180, 8, 352], {T: 2}),  # a fork of equals
        ([180, 40], {T: 1}),
        ([180, 46], {L: 1}),
        ([180, 0, 60, 120], {T: 1, L: 2}),  # two roads to the left are both left
    ],
)
def test_classes_of_turns(bearings, expected):
    network = assemble("x", CRS, *star(bearings))
    found = Counter(turn for (i, _), turn in turns_of(network).items() if i == 0)
    assert found == expected


def test_the_street_of_the_same_name_goes_through():
    nodes, links = star([180, 330, 20])
    plain = turns_of(assemble("x", CRS, nodes, links))
    assert (plain[0, 5], plain[0, 3]) == (T, R)
    named = [replace(link, name="Abay") if i in (0, 3) else link for i, link in enumerate(links)]
    found = turns_of(assemble("x", CRS, nodes, named))
    assert (found[0, 5], found[0, 3]) == (L, T)


def test_the_last_vertex_does_not_decide_a_turn():
    nodes, links = star([0, 90, 180, 270])
    jog = np.array([[200.0, -2.0], [2.0, -2.0], [0.0, 0.0]])  # arrives with a heading of 135 degrees
    links[0] = replace(links[0], shape=jog)
    angle = assemble("x", CRS, nodes, links).movements.angle_rad
    assert np.abs(angle[:3] - [-np.pi / 2, 0, np.pi / 2]).max() < np.arctan(2 / 18)


def test_what_lies_inside_a_consolidated_junction_does_not_decide_a_turn():
    nodes, links = star([0, 90, 180, 270])
    inside = np.array([[200.0, -20.0], [0.0, -20.0], [0.0, 0.0]])
    links[0] = replace(links[0], shape=inside)
    assert turns_of(assemble("x", CRS, nodes, links))[0, 5] is L
    nodes[0] = replace(nodes[0], radius_m=20.0)
    # The last 20 m of the path lie inside; before them the road runs due west.
    network = assemble("x", CRS, nodes, links)
    assert turns_of(network)[0, 5] is T
    assert network.movements.angle_rad[1] == 0.0


def test_headings_of_a_bent_road():
    x, y = np.array([0.0, 100.0, 100.0]), np.array([0.0, 0.0, 100.0])
    none = np.zeros(1)
    start, end = end_headings(x, y, np.array([0]), skip_start_m=none, skip_end_m=none)
    assert (start[0], end[0]) == (0.0, pytest.approx(np.pi / 2, abs=1e-15))
    _, end = end_headings(x, y, np.array([0]), skip_start_m=none, skip_end_m=np.array([120.0]))
    assert end[0] == 0.0


def test_angles_are_in_the_half_open_range():
    angle = turn_angles(np.array([0.0, np.pi, np.pi / 2]), np.array([np.pi, 0.0, -np.pi]))
    np.testing.assert_allclose(angle, [np.pi, np.pi, np.pi / 2], atol=1e-15)


def test_u_turns_only_where_there_is_no_other_way():
    nodes = [NodeSpec(0, 0, gateway=True), NodeSpec(100, 0), NodeSpec(200, 0)]
    links = [road(nodes, a, b) for a, b in ((0, 1), (1, 0), (1, 2), (2, 1))]
    network, notes = assemble_with_notes("x", CRS, nodes, links)
    assert turns_of(network) == {(0, 2): T, (3, 1): T, (2, 3): U}
    assert notes.forced_u_turns == (2,)
    everywhere = turns_of(assemble("x", CRS, nodes, links, u_turns=True))
    assert everywhere == {(0, 2): T, (0, 1): U, (3, 1): T, (3, 2): U, (2, 3): U, (1, 0): U}
    one = turns_of(assemble("x", CRS, nodes, links, u_turns=frozenset({(0, 1)})))
    assert one == {(0, 2): T, (0, 1): U, (3, 1): T, (2, 3): U}


def test_banned_turns_are_gone_and_a_link_without_a_way_on_is_refused():
    nodes, links = star([0, 90, 180, 270])
    network = assemble("x", CRS, nodes, links, banned=frozenset({(0, 3), (0, 5)}))
    assert [pair for pair in turns_of(network) if pair[0] == 0] == [(0, 7)]
    # Without any other way a U-turn remains, unless it is banned, too.
    some = frozenset((0, out) for out in (3, 5, 7))
    assert turns_of(assemble("x", CRS, nodes, links, banned=some))[0, 1] is U
    with pytest.raises(InputError, match="way on") as caught:
        assemble("x", CRS, nodes, links, banned=some | {(0, 1)})
    assert caught.value.field == "banned turns at the end of link 0"


def test_markings_that_contradict_the_geometry_are_counted():
    nodes, links = star([0, 90, 180, 270])
    good = (frozenset({R}), frozenset({T, L}))
    links[0] = replace(links[0], turn_lanes=good)
    links[2] = replace(links[2], turn_lanes=good[::-1])
    links[4] = replace(links[4], turn_lanes=(*good, frozenset({L})))
    network, notes = assemble_with_notes("x", CRS, nodes, links)
    assert notes.turn_lanes_ignored == (2, 4)
    lane = network.connections.lane_group
    served = [network.movements.turn[network.connections.movement[lane == g]].tolist() for g in range(6)]
    assert served[:2] == [[R], [T, L]]
    assert served[3:5] == [[R, T], [T, L]]  # link 1 leaves the network: a group without movements


def test_one_crossing_for_each_leg():
    nodes, links = star([0, 90, 180, 270], junction=JunctionSpec("j", "A / B"))
    links[0] = replace(links[0], left_bay_lanes=1)
    crossings = assemble("x", CRS, nodes, links).crossings
    assert list(zip(crossings.in_link, crossings.out_link, strict=True)) == [(0, 1), (2, 3), (4, 5), (6, 7)]
    # Three lanes in and two out; two and two.
    assert crossings.length_m.tolist() == [17.5, 14.0, 14.0, 14.0]
    assert not crossings.refuge.any()


def test_crossings_by_class_by_wish_and_with_refuge():
    nodes, links = star([0, 90, 180, 270], junction=JunctionSpec("j", "A / B"))
    links[0] = replace(links[0], road_class=RoadClass.TRUNK)
    links[2] = replace(links[2], crossing=False)
    links[4] = replace(links[4], road_class=RoadClass.TRUNK, crossing=True)
    links[6] = replace(links[6], refuge=True)
    crossings = assemble("x", CRS, nodes, links).crossings
    assert crossings.in_link.tolist() == [4, 6]
    assert crossings.refuge.tolist() == [False, True]
    assert crossings.length_m.tolist() == [14.0, 16.0]


def test_a_mid_block_crossing_is_one():
    spec = JunctionSpec("c", "Crossing", JunctionKind.CROSSING)
    nodes, links = star([0, 180], junction=spec)
    crossings = assemble("x", CRS, nodes, links).crossings
    assert (crossings.in_link.tolist(), crossings.out_link.tolist()) == ([0], [1])
    links[2] = replace(links[2], crossing=True)
    assert assemble("x", CRS, nodes, links).crossings.in_link.tolist() == [2]
    # One-way: the leg that arrives.
    assert assemble("x", CRS, nodes, [links[0], links[3]]).crossings.in_link.tolist() == [0]


def test_the_carriageways_of_a_divided_road_make_one_leg():
    nodes = [NodeSpec(0, 0, junction=JunctionSpec("j", "A / B"), radius_m=15.0)]
    nodes += [NodeSpec(200, -8, gateway=True), NodeSpec(200, 8, gateway=True)]
    nodes += [NodeSpec(-200, 0, gateway=True), NodeSpec(0, 200, gateway=True)]
    pairs = ((0, 1), (2, 0), (3, 0), (0, 3), (4, 0), (0, 4))
    crossings = assemble("x", CRS, nodes, [road(nodes, a, b) for a, b in pairs]).crossings
    legs = set(zip(crossings.in_link.tolist(), crossings.out_link.tolist(), strict=True))
    assert legs == {(1, 0), (2, 3), (4, 5)}


def test_bad_specs_are_named():
    nodes, links = star([0, 90, 180, 270])
    with pytest.raises(InputError, match=r"links\.running_lanes\[0\]: must be 1 or more \(got 0\)"):
        assemble("x", CRS, nodes, [replace(links[0], running_lanes=0), *links[1:]])
    with pytest.raises(InputError, match=r"links\[1\]\.to_node"):
        assemble("x", CRS, nodes, [links[0], replace(links[1], to_node=9)])
    with pytest.raises(InputError, match=r"links\[0\]\.shape"):
        assemble("x", CRS, nodes, [replace(links[0], shape=np.zeros((1, 2))), *links[1:]])
    with pytest.raises(InputError, match="finite"):
        assemble("x", CRS, [replace(nodes[0], x_m=float("nan")), *nodes[1:]], links)
    with pytest.raises(InputError, match="a link"):
        assemble("x", CRS, nodes, [])
    lonely = [*nodes, NodeSpec(9, 9, junction=JunctionSpec("k", "K"))]
    with pytest.raises(InputError, match="approach"):
        assemble("x", CRS, lonely, links)


@st.composite
def random_networks(draw):
    size = draw(st.integers(3, 7))
    grid = st.tuples(st.integers(0, 8), st.integers(0, 8))
    places = draw(st.lists(grid, min_size=size, max_size=size, unique=True))
    signals = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    nodes = [NodeSpec(100.0 * x, 100.0 * y, gateway=not s) for (x, y), s in zip(places, signals, strict=True)]
    pairs = [(a, b) for a in range(size) for b in range(size) if a != b]
    chosen = draw(st.lists(st.sampled_from(pairs), min_size=2, max_size=16, unique=True))
    lanes = draw(st.lists(st.integers(1, 4), min_size=len(chosen), max_size=len(chosen)))
    bays = draw(st.lists(st.integers(0, 2), min_size=len(chosen), max_size=len(chosen)))
    links = [
        road(nodes, a, b, running_lanes=n, left_bay_lanes=m)
        for (a, b), n, m in zip(chosen, lanes, bays, strict=True)
    ]
    ends = {b for _, b in chosen}
    nodes = [
        replace(node, junction=JunctionSpec(f"j{i}", f"J{i}")) if i in ends and not node.gateway else node
        for i, node in enumerate(nodes)
    ]
    return nodes, links


def plain_movements(nodes, links):
    """Movements by the book: every pair that meets, without U-turns unless nothing else is left."""
    found = set()
    for i, first in enumerate(links):
        ways = []
        for o, second in enumerate(links):
            if first.to_node != second.from_node:
                continue
            a, b = first.shape[1] - first.shape[0], second.shape[1] - second.shape[0]
            angle = abs(np.degrees(np.arctan2(a[0] * b[1] - a[1] * b[0], a @ b)))
            back = second.to_node == first.from_node
            ways.append((o, angle > 165 or (back and angle > 120)))
        straight = [o for o, is_u_turn in ways if not is_u_turn]
        if not straight and not nodes[first.to_node].gateway:
            straight = [o for o, _ in ways]
        found |= {(i, o) for o in straight}
    return found


@given(random_networks())
def test_movements_and_lanes_of_any_network(case):
    nodes, links = case
    network = assemble("x", CRS, nodes, links)
    found = turns_of(network)
    assert set(found) == plain_movements(nodes, links)
    m, groups = network.movements, network.lane_groups
    for link in range(len(links)):
        mine = np.flatnonzero(m.in_link == link)
        turning = m.turn[mine] != U
        assert (np.diff(m.angle_rad[mine][turning]) >= 0).all(), "movements run from right to left"
        assert (np.diff(m.turn[mine].astype(int)) >= 0).all()
        rows = np.flatnonzero(groups.link == link)
        lanes = groups.first_lane[rows]
        assert lanes.tolist() == [0, *np.cumsum(groups.lanes[rows])[:-1].tolist()]
        sets = [network.connections.movement[network.connections.lane_group == g] for g in rows]
        if len(mine):
            for right, left in pairwise(sets):
                assert right.max() <= left.min()
                assert right.tolist() != left.tolist()
    legs = np.r_[network.crossings.in_link, -2 - network.crossings.out_link]
    present = legs[legs != -1]
    assert len(set(present.tolist())) == len(present), "a link belongs to one leg"


def test_a_large_network_is_assembled():
    size = 30
    nodes = [NodeSpec(200.0 * i, 200.0 * j) for i in range(size) for j in range(size)]
    steps = [(i, j, di, dj) for i in range(size) for j in range(size) for di, dj in ((1, 0), (0, 1))]
    pairs = [
        (i * size + j, (i + di) * size + j + dj) for i, j, di, dj in steps if i + di < size and j + dj < size
    ]
    links = [road(nodes, *pair) for a, b in pairs for pair in ((a, b), (b, a))]
    network = assemble("x", CRS, nodes, links)
    assert len(network.links) == 4 * size * (size - 1)
    # Inside 3 movements from each of 4 legs, at the rim 2 from each of 3, in the corners 1 from each of 2.
    assert len(network.movements) == 12 * (size - 2) ** 2 + 6 * 4 * (size - 2) + 2 * 4
