"""What the engineer says of junctions, from the import of the map to the scenario that uses the saved network."""

from __future__ import annotations

import json

import pytest

from api.cli import run
from scenarios.loader import build, check_stages, load
from tests.traffic.osm.maps import cross
from traffic.errors import InputError

SCENARIO = """[scenario]
name = "city"
title = "City"
[network]
kind = "file"
file = "city.npz"
{}
[demand]
kind = "generated"
total_veh_h = 400
zones = 4
"""
ENTRY = "[[junction]]\nnodes = [1]\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cross(lanes="4", oneway="no").write(tmp_path / "map.osm")
    return tmp_path


def _import(folder, entries, *options):
    (folder / "fix.toml").write_text(entries, encoding="utf-8")
    return run(["import", "osm", "map.osm", "--overrides", "fix.toml", "-o", "city.npz", *options])


def _junction(folder, own=None):
    if own is not None:
        (folder / "own.toml").write_text(own, encoding="utf-8")
    text = SCENARIO.format('overrides = "own.toml"' if own is not None else "")
    (folder / "city.toml").write_text(text, encoding="utf-8")
    city = build(load("city.toml"))
    check_stages(city)
    return city.junctions[0]


def test_a_scenario_has_what_the_import_was_told_of_junctions(folder):
    order = '[["N-LTR", "S-LTR", "P-E", "P-W"], ["E-LTR", "W-LTR", "P-N", "P-S"]]'
    text = f'cycle_max_s = 77\nname = "A / D"\nmin_green_s = {{ "N" = 11 }}\nfixed_order = {order}\n'
    assert _import(folder, ENTRY + text) == 0
    junction = _junction(folder)
    assert (junction.cycle_min_s, junction.cycle_max_s, junction.name) == (40, 77, "A / D")
    assert junction.groups[junction.group_index("N-LTR")].min_green_s == 11
    assert junction.fixed_order is not None
    assert len(junction.fixed_order) == 2


def test_the_scenarios_own_overrides_come_on_top_setting_by_setting(folder):
    entry = 'cycle_min_s = 50\ncycle_max_s = 77\nlocked = true\nmin_green_s = { "N" = 11, "E" = 12 }\n'
    assert _import(folder, ENTRY + entry) == 0
    with pytest.raises(InputError, match="locked"):
        _junction(folder)
    own = '[[junction]]\nkey = "osm:1"\nlocked = false\ncycle_max_s = 88\nmin_green_s = { "E" = 13 }\n'
    junction = _junction(folder, own)
    assert (junction.cycle_min_s, junction.cycle_max_s, junction.locked) == (50, 88, False)
    least = {group.name: group.min_green_s for group in junction.groups}
    assert (least["N-LTR"], least["E-LTR"], least["S-LTR"]) == (11, 13, 7)


def test_walks_of_the_import_decide_the_clearance(folder):
    def walking(junction):
        return int(junction.intergreen_s[junction.group_index("P-E")].max())

    assert _import(folder, ENTRY) == 0
    mapped = walking(_junction(folder))
    assert _import(folder, f'{ENTRY}walk_m = {{ "P-E" = 30.0 }}\n') == 0
    assert walking(_junction(folder)) == 25 > mapped  # 30 m at 1.2 m/s


@pytest.mark.parametrize(
    ("entry", "field", "value"),
    [
        ('key = "osm:77"\n', "junction[0].key", "osm:77"),
        ("nodes = [2]\n", "junction[0].nodes", "[2]"),
        ('nodes = [1]\nrefuge = { "P-X" = true }\n', "junction[0].refuge", "P-X"),
        ('nodes = [1]\nwalk_m = { "N-LTR" = 5 }\n', "junction[0].walk_m", "N-LTR"),
        ('nodes = [1]\nwalk_m = { "P-E" = 3.5 }\n', "junction[0].walk_m.P-E", "3.5"),
        ('nodes = [1]\nmin_green_s = { "Q" = 8 }\n', "junction[0].min_green_s", "Q"),
        ('nodes = [1]\nfixed_order = [["Q"], ["N-LTR"]]\n', "junction[0].fixed_order", "Q"),
        ('nodes = [1]\nfixed_order = [["N-LTR", "E-LTR"]]\n', "junction osm:1, stage 1", "E-LTR, N-LTR"),
        ('nodes = [1]\nmin_green_s = { "N" = 250, "E" = 250 }\n', "junction osm:1, stages", "at least"),
        ("nodes = [1]\ncycle_max_s = 21\n", "junction osm:1, stages", "at least"),
    ],
)
def test_the_import_refuses_an_entry_that_cannot_hold(folder, capsys, entry, field, value):
    assert _import(folder, f"[[junction]]\n{entry}", "--json", "--quality", "q.txt") == 2
    problem = json.loads(capsys.readouterr().err)
    assert (problem["file"], problem["field"]) == ("fix.toml", field)
    assert value in problem["value"]
    assert problem["hint"]
    assert not (folder / "city.npz").exists()
    assert not (folder / "q.txt").exists()


def test_what_only_a_scenario_can_judge_does_not_stop_the_import(folder):
    entry = 'min_green_s = { "N" = 70, "E" = 70 }\n'
    assert _import(folder, ENTRY + entry) == 0
    with pytest.raises(InputError, match="must fit into a cycle of 40 to 120 s") as caught:
        _junction(folder)
    assert caught.value.file == f"{folder / 'city.npz'}, overrides of its import"


def test_an_error_names_the_file_that_says_the_setting(folder):
    assert _import(folder, f'{ENTRY}refuge = {{ "P-E" = true }}\nwalk_m = {{ "P-E" = 6.0 }}\n') == 0
    with pytest.raises(InputError, match="10 m or more") as caught:
        _junction(folder, f'{ENTRY}refuge = {{ "P-E" = false }}\n')
    assert caught.value.file == f"{folder / 'city.npz'}, overrides of its import"
    with pytest.raises(InputError, match="10 m or more") as caught:
        _junction(folder, f'{ENTRY}refuge = {{ "P-E" = false }}\nwalk_m = {{ "P-E" = 7.0 }}\n')
    assert (caught.value.file, caught.value.field) == (str(folder / "own.toml"), "junction[0].walk_m.P-E")


def test_a_junction_that_is_gone_is_warned_of_where_the_file_asks_for_that(folder, capsys):
    text = 'missing_ids = "warning"\n[[junction]]\nkey = "osm:77"\ncycle_max_s = 77\n'
    assert _import(folder, text, "--json") == 0
    (warning,) = [w for w in json.loads(capsys.readouterr().out)["warnings"] if "osm:77" in w]
    assert warning.startswith("fix.toml: junction[0].key osm:77: must name a signal junction")
    assert warning.endswith("the entry is not used; correct the id or remove the entry")
    assert _junction(folder).cycle_max_s == 120


@pytest.mark.parametrize(
    ("saved", "own", "rule"),
    [
        ("cycle_max_s = 77\n", "cycle_min_s = 90\n", "cycle_max_s must be at least cycle_min_s, 90"),
        (
            'max_green_s = { "N-LTR" = 10 }\n',
            'min_green_s = { "N-LTR" = 12 }\n',
            "max_green_s must be at least min_green_s, 12, for 'N-LTR'",
        ),
    ],
)
def test_own_overrides_that_contradict_those_of_the_import_are_refused(folder, saved, own, rule):
    assert _import(folder, ENTRY + saved) == 0
    with pytest.raises(InputError, match="with what the import was told") as caught:
        _junction(folder, ENTRY + own)
    assert caught.value.rule.startswith(rule)
    assert (caught.value.file, caught.value.field) == (str(folder / "own.toml"), "junction[0]")
