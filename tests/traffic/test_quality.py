from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.traffic.osm.maps import OsmMap, build, cross, divided_cross

if TYPE_CHECKING:
    from pathlib import Path

_KEYS = (
    "junctions",
    "signal_nodes",
    "signals_unmatched",
    "nodes",
    "links",
    "lane_km",
    "movements",
    "seconds",
    "warnings",
)


def test_keys_and_figures(tmp_path: Path) -> None:
    osm = cross()
    osm.signal(30, 60, 60)
    ticks = iter([10.0, 12.5])
    _, report = build(osm, tmp_path, clock=lambda: next(ticks))
    told = report.as_dict()
    assert tuple(told)[: len(_KEYS)] == _KEYS
    assert (told["junctions"], told["signal_nodes"], told["signals_unmatched"]) == (1, 2, 1)
    assert (told["nodes"], told["links"], told["movements"], told["seconds"]) == (5, 8, 12, 2.5)
    assert told["lane_km"] == 4.8  # 8 links of 300 m with 2 lanes
    assert told["unmatched_reasons"] == {"off any way, not on a road for cars": 1}
    assert told["defaults"] == {"lanes": 8, "speed": 8}
    assert json.loads(json.dumps(told)) == told


def test_warnings_name_the_file_and_leave_unmatched_signals_to_their_list(tmp_path: Path) -> None:
    osm = cross()
    osm.signal(30, 60, 60)
    osm.relations.append(
        (
            2,
            [("way", "from", 10), ("way", "via", 11), ("way", "to", 10)],
            {"type": "restriction", "restriction": "no_u_turn"},
        )
    )
    _, report = build(osm, tmp_path)
    assert report.warnings == (
        f"{tmp_path / 'map.osm'}: 1 turn restrictions over a way are not supported; ban the turns yourself",
    )
    assert report.unmatched == {30: "off any way, not on a road for cars (85 m from the nearest road point)"}


def test_the_text_tells_everything(tmp_path: Path) -> None:
    osm = divided_cross()
    osm.signal(30, 80, 80)
    osm.restriction(1, "no_left_turn", 10, 2, 12)
    _, report = build(osm, tmp_path)
    lines = report.text().splitlines()
    assert lines[0] == "map: 1 signal junctions (1 intersections, 0 crossings) from 5 signal nodes"
    assert lines[1] == "signals: 4 matched (0 of them beside the road), 1 not"
    assert lines[2] == "network: 9 nodes, 8 links (2 km, 7 lane km), 11 movements"
    assert lines[3] == "defaults used: lanes on 100 %, speed on 100 % of the links"
    assert any(line.startswith("signal 30 not matched: off any way") for line in lines)
    assert "turn restrictions: 1 used" in lines


def test_suspicious_geometry(tmp_path: Path) -> None:
    osm = OsmMap()
    osm.signal(1, 0, 0)
    for number in range(8):
        osm.node(10 + number, 300 - 50 * number, 20 + 40 * number)
        osm.way(100 + number, [10 + number, 1])
    osm.signal(2, 300, -300)
    for osm_id, (x, y) in {40: (300, -100), 41: (300, -500), 42: (500, -300)}.items():
        osm.node(osm_id, x, y)
    osm.way(110, [40, 2], oneway="yes")
    osm.way(111, [2, 41], oneway="yes")
    osm.way(112, [2, 42], oneway="yes")
    osm.way(113, [10, 40])
    _, report = build(osm, tmp_path)
    groups = report.by_suspicion()
    assert [s.where.split()[0] for s in groups["more than 6 approaches"]] == ["osm:1"]
    assert [s.where.split()[0] for s in groups["near-parallel approaches"]] == ["osm:1"]
    assert [(s.where.split()[0], s.detail) for s in groups["one approach"]] == [("osm:2", "2 exits")]
    assert groups["one approach"][0].osm_ids == (2,)


def test_short_links_and_wide_junctions(tmp_path: Path) -> None:
    osm = divided_cross(100.0)
    osm.node(30, 400, -50)
    osm.node(31, 400, -58)
    osm.node(32, 700, -58)
    osm.ways[0] = (10, [20, 1, 2, 21, 30], osm.ways[0][2])
    folder = tmp_path / "overrides.toml"
    folder.write_text("[[consolidate]]\ntogether = [1, 2, 3, 4]")
    from traffic.overrides import read_overrides

    _, report = build(osm, tmp_path, overrides=read_overrides(folder))
    (wide,) = report.by_suspicion()["wide junction"]
    assert (wide.where.split()[0], wide.detail) == ("osm:1", "141 m")


def test_tags_that_could_not_be_used_are_counted(tmp_path: Path) -> None:
    osm = cross(maxspeed="fast", lanes="0")
    osm.ways[0] = (10, [2, 1], {**osm.ways[0][2], "turn:lanes:forward": "leftish|right"})
    osm.way(12, [1, 3], name="Abay")
    _, report = build(osm, tmp_path)
    assert report.turn_lanes_ignored == 1
    assert [(tag.way, tag.key) for tag in report.wrong_tags] == [
        (10, "lanes"),
        (10, "maxspeed"),
        (10, "turn:lanes:forward"),
        (11, "lanes"),
        (11, "maxspeed"),
    ]
    line = "wrong tag: way 11: lanes = '0', used 2 lanes forward (default), 2 lanes backward (default); "
    assert f"{line}the value must be a whole number of lanes from 1 to 12" in report.text()
