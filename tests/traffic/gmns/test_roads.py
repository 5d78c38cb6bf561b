"""GMNS tables as road networks: what is taken over, what is left out, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from signals.gmns.read import read_signals
from tests.traffic.gmns.hand_tables import X, Y, changed, crossroads_gmns, with_table, without
from traffic.errors import InputError
from traffic.gmns.cells import rows_of
from traffic.gmns.records import GmnsTable, read_gmns
from traffic.gmns.roads import road_network
from traffic.network import RoadClass, Turn


def movement(gmns, key):
    moves, k = gmns.network.movements, gmns.movements[key]
    return int(moves.in_link[k]), int(moves.out_link[k]), Turn(moves.turn[k])


def example(shared_data, folder, **units):
    return road_network(read_gmns(shared_data / "gmns" / "gmns_examples.zip", inside=folder), **units)


def test_the_crossroads():
    gmns = road_network(crossroads_gmns())
    network = gmns.network
    assert (network.name, network.crs, gmns.warnings, gmns.left_out) == ("hand", "EPSG:32643", (), {})
    assert gmns.node_ids == ("C", "E", "N", "W", "S")
    assert network.nodes.gateway.tolist() == [False, True, True, True, True]
    assert (network.nodes.x_m[0], network.nodes.y_m[0]) == (X, Y)
    assert set(network.links.length_m.tolist()) == {250.0}
    np.testing.assert_allclose(network.links.speed_m_s, 50 / 3.6, rtol=1e-15)
    assert set(network.links.road_class.tolist()) == {RoadClass.PRIMARY}
    assert [network.link_name(k) for k in range(4)] == ["Abay", "Abay", "Dostyk", "Dostyk"]
    assert network.junctions.key == ("gmns:C",)
    assert network.junctions.name == ("Abay / Dostyk",)
    assert network.links.lanes.tolist() == [3, 2] * 4
    assert network.links.running_lanes.tolist() == [2] * 8


def test_lanes_turns_and_crossings_of_the_crossroads():
    gmns = road_network(crossroads_gmns())
    network = gmns.network
    assert movement(gmns, "E-L") == (0, 7, Turn.LEFT)  # from the east to the south
    assert movement(gmns, "E-R") == (0, 3, Turn.RIGHT)
    groups, joined = network.lane_groups, network.connections
    of_first = [
        (
            int(groups.first_lane[g]),
            float(groups.length_m[g]),
            sorted(joined.movement[joined.lane_group == g].tolist()),
        )
        for g in np.flatnonzero(groups.link == 0).tolist()
    ]
    left, through, right = (gmns.movements[f"E-{turn}"] for turn in "LTR")
    assert of_first == [(0, 250.0, sorted([right, through])), (1, 250.0, [through]), (2, 60.0, [left])]
    np.testing.assert_allclose(groups.saturation_veh_s / groups.lanes, 0.5)
    assert sorted(gmns.crosswalks) == ["xE", "xN", "xS", "xW"]
    east = gmns.crosswalks["xE"]
    crossings = network.crossings
    assert (crossings.in_link[east], crossings.out_link[east], crossings.length_m[east]) == (0, 1, 16.0)


def test_a_link_that_is_not_directed_is_two():
    rows = [("A", 0, 0, ""), ("B", 0.01, 0, ""), ("C", 0.02, 0.01, "")]
    nodes = GmnsTable.of("node", ("node_id", "x_coord", "y_coord", "ctrl_type"), rows)
    links = [("1", "A", "B", "false", "LINESTRING (0 0, 0.005 0.002, 0.01 0)"), ("2", "B", "C", "0", "")]
    columns = ("link_id", "from_node_id", "to_node_id", "directed", "geometry")
    folder = without(
        crossroads_gmns(), *[t.name for t in crossroads_gmns().tables if t.name not in {"config", "node"}]
    )
    folder = with_table(with_table(folder, nodes), GmnsTable.of("link", columns, links))
    gmns = road_network(changed(folder, "config", "crs", "4326"))
    network = gmns.network
    assert network.crs == "EPSG:32631"
    assert network.links.from_node.tolist() == [0, 1, 1, 2]
    assert network.links.to_node.tolist() == [1, 0, 2, 1]
    np.testing.assert_allclose(network.shape(0), network.shape(1)[::-1])
    assert network.links.length_m[0] == pytest.approx(2 * np.hypot(0.005, 0.002) * 111_300, rel=0.01)
    assert network.nodes.gateway.tolist() == [True, False, True]
    assert sorted(
        zip(network.movements.in_link.tolist(), network.movements.out_link.tolist(), strict=True)
    ) == [(0, 2), (3, 1)]
    assert "4 links have no lanes told: one is taken" in gmns.warnings
    assert "2 links have no free_speed: that of their kind of road is taken" in gmns.warnings


def test_what_movements_do_not_name_is_prohibited():
    folder = crossroads_gmns()
    table = folder.table("movement")
    kept = [row for row in table.rows if row[0] not in {"E-L", "N-T"}]
    gmns = road_network(with_table(folder, GmnsTable.of("movement", table.columns, kept)))
    assert len(gmns.network.movements) == 10
    assert {"E-L", "N-T"}.isdisjoint(gmns.movements)


@pytest.mark.parametrize(
    ("table", "column", "value", "reason"),
    [
        ("link", "allowed_uses", "BIKE, WALK", "links: allowed_uses bike, walk"),
        ("movement", "capacity", "0", "movements: capacity 0"),
        ("movement", "allowed_uses", "bus", "movements: allowed_uses bus"),
    ],
)
def test_what_cars_may_not_use_is_counted(table, column, value, reason):
    folder = crossroads_gmns()
    old = folder.table(table)
    if column not in old.columns:
        folder = with_table(
            folder, GmnsTable.of(table, (*old.columns, column), [(*row, "") for row in old.rows])
        )
    gmns = road_network(changed(folder, table, column, value))
    assert gmns.left_out[reason] == 1
    assert len(gmns.network.movements) < 12


def test_cars_may_not_leave_by_what_only_others_may_use():
    folder = crossroads_gmns()
    old = folder.table("movement")
    rows = [(*row, "BIKE" if row[0].startswith("E") else "") for row in old.rows]
    gmns = road_network(with_table(folder, GmnsTable.of("movement", (*old.columns, "allowed_uses"), rows)))
    assert gmns.left_out == {"movements: allowed_uses bike": 3}
    assert 0 not in gmns.network.movements.in_link
    assert gmns.network.nodes.gateway[0]  # cars from the east end there


def test_a_link_without_a_movement_has_those_of_our_own_rules():
    folder = crossroads_gmns()
    old = folder.table("movement")
    rows = [row for row in old.rows if not row[0].startswith("E")]
    gmns = road_network(with_table(folder, GmnsTable.of("movement", old.columns, rows)))
    assert len(gmns.network.movements) == 12
    assert gmns.warnings == ("1 links have no movement at a node that has others: by default rules",)


def test_a_crosswalk_crosses_the_leg_that_it_lies_on():
    gmns = road_network(crossroads_gmns())
    for arm in "ENWS":
        crossing = gmns.crosswalks[f"x{arm}"]
        arriving = gmns.network.links.from_node[gmns.network.crossings.in_link[crossing]]
        leaving = gmns.network.links.to_node[gmns.network.crossings.out_link[crossing]]
        assert gmns.node_ids[arriving] == gmns.node_ids[leaving] == arm


def test_a_map_of_mercator_is_projected():
    folder = crossroads_gmns()
    nodes = folder.table("node")
    to_web = Transformer.from_crs("EPSG:32643", "EPSG:3857", always_xy=True)
    rows = []
    for row in nodes.rows:
        x, y = to_web.transform(float(row[2]), float(row[3]))
        rows.append((*row[:2], x, y, *row[4:]))
    folder = with_table(changed(folder, "config", "crs", "3857"), GmnsTable.of("node", nodes.columns, rows))
    network = road_network(folder).network
    assert network.crs == "EPSG:32643"
    assert network.nodes.x_m[0] == pytest.approx(X, abs=1e-3)


def test_use_groups_are_looked_up():
    groups = GmnsTable.of(
        "use_group", ("use_group", "uses"), [("everybody", "motor, walk"), ("motor", "truck, SOV")]
    )
    folder = changed(with_table(crossroads_gmns(), groups), "link", "allowed_uses", "everybody")
    assert road_network(folder).left_out == {}


def test_names_cut_to_ten_letters_are_known():
    folder = crossroads_gmns()
    links = folder.table("link")
    short = GmnsTable.of("link", [name[:10] for name in links.columns], links.rows)
    assert len(road_network(with_table(folder, short)).network.links) == 8


def test_a_pocket_in_mid_block_is_left_out():
    gmns = road_network(changed(crossroads_gmns(), "segment", "end_lr", "230"))
    assert gmns.network.links.lanes[0] == 2
    assert "1 segments that do not reach the end of their link are left out" in gmns.warnings


def test_pockets_without_a_row_for_each_lane():
    gmns = road_network(without(crossroads_gmns(), "segment_lane"))
    assert gmns.network.links.lanes.tolist() == [3, 2] * 4


def test_lengths_in_the_other_unit_are_seen():
    folder = crossroads_gmns()
    links = folder.table("link")
    place = links.columns.index("length")
    rows = [(*row[:place], str(float(row[place]) * 1000), *row[place + 1 :]) for row in links.rows]
    gmns = road_network(with_table(folder, GmnsTable.of("link", links.columns, rows)))
    assert set(gmns.network.links.length_m.tolist()) == {250.0}
    assert "length of links is in the unit short_length, as they are drawn" in gmns.warnings
    assert gmns.network.crossings.length_m.tolist() == [16.0] * 4


@pytest.mark.parametrize(
    ("table", "column", "value", "rule"),
    [
        ("link", "from_node_id", "nowhere", "must be a node_id of node.csv"),
        ("link", "link_id", "CE", "must be unique, and row 2 has it too"),
        ("link", "lanes", "0", "must be from 1 to 20 where cars are allowed"),
        ("link", "free_speed", "inf", "must be a finite number of a size that occurs"),
        ("link", "length", "-1", "must be more than 0"),
        ("link", "directed", "perhaps", "must be true or false"),
        ("node", "x_coord", "NaN", "must be given"),
        ("node", "y_coord", "far", "must be a number"),
        ("node", "node_id", "E", "must be unique, and row 2 has it too"),
        ("config", "speed", "knots", "must be a unit of speed: m/s, mps, km/h, kmh, kph, kmph, mph, mi/h"),
        ("config", "long_length", "verst", "must be a unit of length"),
        ("config", "crs", "999999", "must be a coordinate system"),
        ("config", "crs", "5703", "must be a coordinate system"),
        ("movement", "start_ib_lane", "1000000000", "must be from -20 to 20"),
        ("movement", "ob_link_id", "EC", "must be a link that may begin at node C"),
        ("movement", "ib_link_id", "none", "must be a link_id of link.csv"),
        ("movement", "node_id", "none", "must be a node_id of node.csv"),
        ("movement", "start_ib_lane", "x", "must be a number"),
        ("segment", "link_id", "none", "must be a link_id of link.csv"),
        ("segment", "ref_node_id", "N", "must be a node at an end of the link"),
        ("segment_lane", "segment_id", "none", "must be a segment_id of segment.csv"),
        ("segment_lane", "lane_num", "1.5", "must be a whole number"),
    ],
)
def test_a_wrong_cell_is_refused_by_its_place(table, column, value, rule):
    with pytest.raises(InputError) as caught:
        road_network(changed(crossroads_gmns(), table, column, value))
    error = caught.value
    assert error.rule.startswith(rule)
    assert error.file == f"hand/{table}.csv"
    place, at = error.field.split(", ")
    assert (place.startswith("row "), at) == (True, column)
    assert str(error.value).lower() == value.lower()
    assert error.hint


def test_a_missing_column_is_named():
    folder = crossroads_gmns()
    nodes = folder.table("node")
    renamed = tuple("x_cord" if name == "x_coord" else name for name in nodes.columns)
    with pytest.raises(InputError) as caught:
        road_network(with_table(folder, GmnsTable.of("node", renamed, nodes.rows)))
    assert caught.value.rule == "must have the column x_coord"
    assert caught.value.hint == "Add x_coord (rename 'x_cord'?)"


def test_units_must_be_told_without_a_config():
    folder = without(crossroads_gmns(), "config")
    with pytest.raises(InputError, match="must be a unit of length"):
        road_network(folder)
    gmns = road_network(folder, crs="EPSG:32643", length="km", speed="km/h")
    assert gmns.network.links.length_m[0] == 250.0


def test_lima(shared_data):
    gmns = example(shared_data, "Lima/GMNS")
    network = gmns.network
    assert (len(network.nodes), len(network.links), network.crs) == (2232, 6095, "EPSG:32616")
    assert len(gmns.movements) == 12627
    assert len(set(gmns.movements.values())) == 12597  # 30 pairs of links have two rows
    assert len(network.movements) == 12606
    assert gmns.left_out == {}
    rows = {row.text("mvmt_id"): row for row in rows_of(gmns.folder, "movement")}
    turn = {"right": Turn.RIGHT, "thru": Turn.THROUGH, "left": Turn.LEFT, "uturn": Turn.U_TURN}
    told = [
        (turn[rows[key].text("type")], m)
        for key, m in gmns.movements.items()
        if rows[key].text("type") in turn
    ]
    assert len(told) == 12592
    odd = [m for t, m in told if network.movements.turn[m] != t]
    assert len(odd) <= 30
    bays = int((network.links.lanes - network.links.running_lanes).sum())
    assert bays == 392 - sum("segments" in text for text in gmns.warnings)


def test_arlington(shared_data):
    gmns = example(shared_data, "Arlington_Signals")
    network = gmns.network
    assert (len(network.nodes), len(network.links), len(network.junctions)) == (6, 10, 2)
    assert gmns.left_out == {
        "links: allowed_uses walk": 8,
        "links: allowed_uses walk, bike": 4,
        "movements: from or to a link without cars": 9,
        "movements: from lanes without cars": 2,
    }
    assert len(network.crossings) == 5
    mystic = network.links.from_node.tolist().index(gmns.node_ids.index("2"))
    assert network.links.lanes[mystic] == 3
    groups = network.lane_groups
    assert groups.length_m[np.flatnonzero(groups.link == mystic)].min() == pytest.approx(410 * 0.3048)


def test_cambridge(shared_data):
    gmns = example(shared_data, "Cambridge_Intersection")
    assert len(gmns.network.links) == 18
    assert len(gmns.network.junctions) == 3
    multimodal = example(shared_data, "Cambridge_Multimodal_Network", length="m", speed="kph")
    assert len(multimodal.network.links) == 1885
    with pytest.raises(InputError, match="must be a unit of length"):
        example(shared_data, "Cambridge_Multimodal_Network")


_TABLES = [(t.name, column) for t in crossroads_gmns().tables for column in t.columns]
_CELLS = st.sampled_from(
    ["", "0", "-1", "1e300", "1e-400", "99999999999", "x", "NaN", "inf", "C", "EC", "LINESTRING(0 0)"]
)


@settings(max_examples=400)
@given(place=st.sampled_from(_TABLES), row=st.integers(0, 7), value=_CELLS)
def test_any_wrong_cell_is_read_or_refused(place, row, value):
    folder = crossroads_gmns()
    name, column = place
    table = folder.table(name)
    row %= len(table.rows)
    if (
        not any(cell for cell, head in zip(table.rows[row], table.columns, strict=True) if head != column)
        and not value
    ):
        return
    errors = []
    try:
        signals = read_signals(road_network(changed(folder, name, column, value, row=row)))
        errors += signals.refused.values()
    except InputError as error:
        errors.append(error)
    assert all(error.file and error.rule for error in errors)
