"""Maps with something wrong in them: `jasyl import osm` warns and goes on, and with --strict it refuses them."""

from __future__ import annotations

import json

import pytest

from api.cli import run
from tests.traffic.osm.maps import OsmMap, cross

NOT_MAPPED = "lanes are not mapped"


def _warnings(capsys):
    """Return what an import warned of, but for the lanes that most of these maps leave out."""
    told = json.loads(capsys.readouterr().out)["warnings"]
    return [warning for warning in told if not warning.startswith(NOT_MAPPED)]


def test_a_junction_with_one_approach_is_reported_and_gets_a_plan(refused, tmp_path, capsys):
    osm = OsmMap()
    osm.signal(1, 0, 0)
    for node, place in {2: (-300, 0), 3: (300, 0), 4: (0, 300)}.items():
        osm.node(node, *place)
    for way, nodes in {10: [2, 1], 11: [1, 3], 12: [1, 4]}.items():
        osm.way(way, nodes, oneway="yes")
    source = osm.write(tmp_path / "one.osm")
    assert run(["import", "osm", str(source), "-o", str(tmp_path / "one.npz"), "--json"]) == 0
    (warning,) = _warnings(capsys)
    assert warning.startswith("one approach: 1 (osm:1 junction: 2 exits); mend the oneway tags")
    problem = refused("import", "osm", "one.osm", "-o", "new.npz", "--quality", "q.txt", "--strict")
    assert (problem["field"], problem["value"]) == ("junction osm:1 junction", "one approach, 2 exits")
    assert problem["hint"].startswith("Mend the oneway tags")
    scenario = tmp_path / "one.toml"
    head = '[scenario]\nname = "one"\ntitle = "One"\n[network]\nkind = "osm"\nfile = "one.osm"\n'
    scenario.write_text(head + '[demand]\nkind = "generated"\ntotal_veh_h = 100\nzones = 3\n')
    assert run(["scenario", "check", str(scenario), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["junctions"] == 1


@pytest.mark.parametrize(
    ("key", "value", "rule", "used"),
    [
        (
            "lanes",
            "0",
            "must be a whole number of lanes from 1 to 12",
            "2 lanes forward (default), 2 lanes backward (default)",
        ),
        (
            "lanes",
            "nan",
            "must be a whole number of lanes from 1 to 12",
            "2 lanes forward (default), 2 lanes backward (default)",
        ),
        (
            "lanes",
            "-1",
            "must be a whole number of lanes from 1 to 12",
            "2 lanes forward (default), 2 lanes backward (default)",
        ),
        ("lanes:forward", "two", "must be a whole number of lanes from 1 to 12", "2 lanes (default)"),
        ("lanes:psv", "-3", "must be a whole number of lanes from 1 to 12", "none"),
        (
            "maxspeed",
            "0",
            "must be a speed from 5 to 150 km/h",
            "60 km/h forward (default), 60 km/h backward (default)",
        ),
        (
            "maxspeed",
            "nan",
            "must be a speed from 5 to 150 km/h",
            "60 km/h forward (default), 60 km/h backward (default)",
        ),
        ("maxspeed:backward", "900", "must be a speed from 5 to 150 km/h", "60 km/h (default)"),
        ("layer", "up", "must be a whole number", "0"),
        ("oneway", "maybe", "must be yes, no, -1, reversible or alternating", "both directions"),
        ("turn:lanes:forward", "thorugh|right", "must be words such as left, through, right", "none"),
    ],
)
def test_a_wrong_value_of_a_tag_is_named_and_refused_if_asked(
    refused, tmp_path, capsys, key, value, rule, used
):
    osm = cross()
    osm.ways[0][2][key] = value
    osm.write(tmp_path / "map.osm")
    problem = refused("import", "osm", "map.osm", "-o", "map.npz", "--strict")
    assert (problem["file"], problem["field"], problem["value"]) == ("map.osm", f"way 10: {key}", value)
    assert rule in problem["rule"]
    assert problem["hint"].endswith(f"go on with {used}")
    assert ("[[way]] id = 10" in problem["hint"]) is (key not in {"layer", "oneway"})
    assert run(["import", "osm", "map.osm", "-o", "map.npz", "--json"]) == 0
    (warning,) = _warnings(capsys)
    assert rule in warning
    assert warning.endswith(f"1 (way 10: {key} = {value!r}, used {used})")


@pytest.mark.parametrize("value", ["none", "signals", "walk", "RU:urban", "DE:autobahn", "40 mph", "60;80"])
def test_a_speed_that_may_be_mapped_is_no_wrong_value(tmp_path, capsys, value):  # nor are no bus lanes
    source = cross(maxspeed=value, lanes__psv="0").write(tmp_path / "map.osm")
    assert run(["import", "osm", str(source), "-o", str(tmp_path / "map.npz"), "--strict", "--json"]) == 0
    assert _warnings(capsys) == []


def test_the_engineers_word_stands_in_for_a_wrong_tag(tmp_path, capsys):
    source = cross(lanes="0", maxspeed="nan").write(tmp_path / "map.osm")
    fix = tmp_path / "fix.toml"
    fix.write_text(
        "[[way]]\nid = 10\nlanes = 3\nspeed_km_h = 50\n[[way]]\nid = 11\ndirection = 'forward'\nlanes = 1\n"
    )
    command = [
        "import",
        "osm",
        str(source),
        "-o",
        str(tmp_path / "map.npz"),
        "--overrides",
        str(fix),
        "--json",
    ]
    assert run(command) == 0
    told = _warnings(capsys)
    assert [warning.partition(" ")[0] for warning in told] == ["lanes", "maxspeed"]
    assert all("1 (way 11: " in warning for warning in told)
    assert "1 lane forward, 2 lanes backward (default)" in told[0]


def test_a_road_that_the_file_cuts_up_is_named(tmp_path, capsys):
    osm = cross()
    osm.ways[0] = (10, [2, 1, 99, 3], osm.ways[0][2])
    osm.way(12, [97, 98], "tertiary", name="Gone")
    osm.way(13, [2, 4, 96], "service", name="Yard")  # service roads are not asked for
    source = osm.write(tmp_path / "map.osm")
    command = ["import", "osm", str(source), "-o", str(tmp_path / "map.npz"), "--json"]
    assert run([*command, "--quality", str(tmp_path / "map.txt")]) == 0
    (warning,) = _warnings(capsys)
    first, second = (
        "way 10 Abay: node 99, 0 m from osm:1 Dostyk / Abay",
        "way 12 Gone: node 97 and 1 more, the file",
    )
    assert warning.startswith(
        f"road cut where a node is not in the file: 2 ({first}; {second} has none of its nodes)"
    )
    assert warning.endswith("make the extract again with complete ways")
    assert first in (tmp_path / "map.txt").read_text(encoding="utf-8")


def test_a_node_in_the_wrong_half_of_the_world_is_warned_of(tmp_path, capsys):
    file = cross().write(tmp_path / "far.osm")
    file.write_text(file.read_text().replace('id="3" version="1" lat="4', 'id="3" version="1" lat="-4', 1))
    assert run(["import", "osm", str(file), "-o", str(tmp_path / "far.npz"), "--json"]) == 0
    told = [
        text for text in json.loads(capsys.readouterr().out)["warnings"] if text.startswith("very long link")
    ]
    assert len(told) == 1
    assert "way 10" in told[0]
    assert told[0].endswith("mend the position of the nodes of the way")


@pytest.mark.parametrize(
    ("tags", "key", "rule", "used"),
    [
        ({"turn:lanes": "thorugh|right"}, "turn:lanes", "must be words such as left", "none"),
        (
            {"turn:lanes": "left|through"},
            "turn:lanes",
            "must be turn:lanes:forward or turn:lanes:back",
            "none",
        ),
        (
            {"lanes": "3", "lanes:forward": "3", "lanes:backward": "3"},
            "lanes",
            "must be 6, the sum of lanes:forward, lanes:backward and lanes:both_ways",
            "3 lanes forward, 3 lanes backward",
        ),
        (
            {"lanes": "2", "lanes:forward": "2"},
            "lanes",
            "must be more than lanes:forward, 2",
            "2 lanes forward, 1 lane backward",
        ),
        (
            {"lanes": "2", "lanes:forward": "1", "oneway": "yes"},
            "lanes",
            "must be 1, the sum of",
            "1 lane",
        ),
        ({"lanes": "2.5"}, "lanes", "must be a whole number of lanes", "1 lane forward, 1 lane backward"),
        ({"lanes": "2;3"}, "lanes", "must be a whole number of lanes", "1 lane forward, 1 lane backward"),
        ({"lanes:forward": "1.5"}, "lanes:forward", "must be a whole number of lanes", "1 lane"),
        (
            {"lanes": "4", "turn:lanes:forward": "left|through|right"},
            "turn:lanes:forward",
            "must have one entry for each lane of the direction, 2",
            "none",
        ),
        (
            {"lanes": "3", "oneway": "yes", "turn:lanes": "through|right"},
            "turn:lanes",
            "must have one entry for each lane of the direction, 3",
            "none",
        ),
    ],
)
def test_tags_that_contradict_each_other_are_named_and_refused_if_asked(
    refused, tmp_path, capsys, tags, key, rule, used
):
    osm = cross()
    osm.ways[1][2].update(tags)
    osm.write(tmp_path / "map.osm")
    problem = refused("import", "osm", "map.osm", "-o", "map.npz", "--quality", "q.txt", "--strict")
    assert (problem["field"], problem["value"]) == (f"way 11: {key}", tags[key])
    assert rule in problem["rule"]
    assert problem["hint"].endswith(f"go on with {used}")
    assert run(["import", "osm", "map.osm", "-o", "map.npz", "--json"]) == 0
    (warning,) = _warnings(capsys)
    assert rule in warning
    assert warning.endswith(f"1 (way 11: {key} = {tags[key]!r}, used {used})")
    fix = "[[way]]\nid = 11\nlanes = 2\n"
    (tmp_path / "fix.toml").write_text(fix)
    command = ["import", "osm", "map.osm", "-o", "map.npz", "--overrides", "fix.toml", "--strict", "--json"]
    assert run(command) == 0


@pytest.mark.parametrize(
    "tags",
    [
        {"lanes": "5", "lanes:forward": "2", "lanes:backward": "2", "lanes:both_ways": "1"},
        {"lanes": "3", "lanes:forward": "2"},
        {"lanes": "2.0", "lanes:forward": "1", "lanes:backward": "1"},
        {"lanes:forward": "3", "lanes:bus:forward": "1", "turn:lanes:forward": "left|through|right"},
        {"lanes": "4", "turn:lanes:forward": "left|through;right"},
        {"lanes": "1"},
    ],
)
def test_tags_that_agree_are_not_refused(tmp_path, capsys, tags):
    osm = cross()
    osm.ways[0][2].update(tags)
    source = osm.write(tmp_path / "map.osm")
    assert run(["import", "osm", str(source), "-o", str(tmp_path / "map.npz"), "--strict", "--json"]) == 0
    assert _warnings(capsys) == []


def test_lanes_that_are_not_mapped_are_told_and_not_refused(tmp_path, capsys):
    osm = cross()
    command = [
        "import",
        "osm",
        str(tmp_path / "map.osm"),
        "-o",
        str(tmp_path / "map.npz"),
        "--strict",
        "--json",
    ]
    told = []
    for way in (None, 0, 1):
        if way is not None:
            osm.ways[way][2]["lanes"] = "4"
        osm.write(tmp_path / "map.osm")
        assert run(command) == 0
        told.append(json.loads(capsys.readouterr().out)["warnings"])
    (warning,) = told[0]
    assert warning.startswith("lanes are not mapped on 100 % of the links")
    assert "[[way]]" in warning
    assert told[1:] == [[], []]  # half of the links, and none


def test_a_signal_off_the_road_beside_a_good_one_is_refused_if_asked(refused, tmp_path, capsys):
    osm = cross()
    osm.signal(77, 150.0, 150.0)
    osm.write(tmp_path / "map.osm")
    problem = refused("import", "osm", "map.osm", "-o", "map.npz", "--quality", "q.txt", "--strict")
    assert (problem["file"], problem["field"]) == ("map.osm", "node 77")
    assert problem["value"].startswith("off any way")
    assert "[[signal]] node = 77, signal = false" in problem["hint"]
    (tmp_path / "fix.toml").write_text("[[signal]]\nnode = 77\nsignal = false\n")
    command = ["import", "osm", "map.osm", "-o", "map.npz", "--overrides", "fix.toml", "--strict", "--json"]
    assert run(command) == 0
    assert _warnings(capsys) == []
