"""The whole import: what is kept, dropped and counted, and what holds for every map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.traffic.osm.maps import OsmMap, assert_sound, build, cross, divided_cross, movements_of
from traffic.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


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


@pytest.mark.parametrize(
    ("ways", "signal"),
    [([[2, 9, 1, 3], [4, 1, 5]], 1), ([[2, 9, 3], [4, 1, 9, 5]], 1), ([[2, 1, 9, 3], [4, 9, 1, 5]], 9)],
)
def test_nodes_that_were_drawn_twice_are_one(tmp_path: Path, ways: list[list[int]], signal: int) -> None:
    osm = cross(signal=False)
    osm.node(9, 0, 0)
    osm.nodes[signal] = (0, 0, {"highway": "traffic_signals"})
    osm.ways = [(osm_id, nodes, tags) for (osm_id, _, tags), nodes in zip(osm.ways, ways, strict=True)]
    network, report = build(osm, tmp_path)
    assert network.junctions.osm_nodes == ((signal,),)
    assert movements_of(network) == {(10, 10), (11, 11), (10, 11), (11, 10)}
    assert (len(network.links), len(network.movements)) == (8, 12)
    assert_sound(network, report)


def test_a_road_that_ends_where_it_begins_is_left_out(tmp_path: Path) -> None:
    osm = cross()
    osm.nodes[2] = (0, 0, {})
    network, report = build(osm, tmp_path)
    assert len(network.links) == 6
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


def test_places_weigh_by_population_or_kind(tmp_path: Path) -> None:
    osm = cross()
    osm.node(30, 10, 20, place="suburb", name="A", population="1234")
    osm.node(31, 20, 20, place="village", name="B")
    network, _ = build(osm, tmp_path)
    assert network.places.name == ("A", "B")
    assert network.places.weight.tolist() == [1234.0, 1000.0]


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
