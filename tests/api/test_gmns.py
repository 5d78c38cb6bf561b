"""`jasyl gmns`: a city to GMNS and back, and tables that must be refused."""

from __future__ import annotations

import json

import pytest

from api.cli import run
from signals.gmns.read import read_signals
from signals.wire import plan_from_dict, read_plans
from tests.signals.gmns.told import told
from tests.traffic.gmns.hand_tables import changed, crossroads_gmns, without
from tests.traffic.gmns.same import differences
from traffic.gmns.records import read_gmns, write_gmns
from traffic.gmns.roads import road_network
from traffic.store import load_network


@pytest.fixture
def hand(tmp_path):
    """Write the crossroads, changed where asked for, into the folder ``hand``."""

    def write(*change):
        folder = changed(crossroads_gmns(), *change) if change else crossroads_gmns()
        write_gmns(folder, tmp_path / "hand")
        return tmp_path / "hand"

    return write


def test_import_writes_network_and_plans(hand, tmp_path, capsys):
    outputs = [tmp_path / name for name in ("out/net.npz", "out/plans.json")]
    arguments = [str(hand()), "-o", str(outputs[0]), "--plans", str(outputs[1]), "--json"]
    assert run(["gmns", "import", *arguments]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures == {
        "nodes": 5,
        "links": 8,
        "movements": 12,
        "junctions": 1,
        "crossings": 4,
        "plans": 1,
        "plans_safe": 1,
        "plans_refused": 0,
        "reasons": [],
        "left_out": {},
        "warnings": [],
    }
    network = load_network(outputs[0])
    gmns = road_network(crossroads_gmns())
    assert differences(network, gmns.network) == []
    plan = read_signals(gmns).plans[0]
    document = json.loads(outputs[1].read_text(encoding="utf-8"))
    assert document["network"] == "hand"
    assert [plan_from_dict(row, {plan.junction.key: plan.junction}) for row in document["plans"]] == [plan]


def test_import_says_what_was_refused(hand, tmp_path, capsys):
    folder, output = hand("signal_timing_plan", "cycle_length", "91"), str(tmp_path / "net.npz")
    assert run(["gmns", "import", str(folder), "-o", output, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["plans"], figures["plans_refused"]) == (0, 1)
    assert figures["reasons"] == [
        {
            "junction": "gmns:C, timing plan am",
            "file": str(folder / "signal_timing_plan.csv"),
            "field": "row 2, cycle_length",
            "value": "91",
            "rule": "must be the 90 s that the splits of the longest rings add up to",
            "hint": "Correct a split (max_green, clearance) or the cycle",
        }
    ]
    assert run(["gmns", "import", str(folder), "-o", output]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "gmns:C, timing plan am: signal_timing_plan.csv: row 2, cycle_length: must be the 90 s" in shown
    assert load_network(tmp_path / "net.npz").junctions.key == ("gmns:C",)


def test_a_city_that_is_exported_comes_back(small_city, city_files, capsys):
    city, _, _ = small_city
    scenario, plans, out = (str(city_files / name) for name in ("city.toml", "plans.json", "city"))
    assert run(["gmns", "export", scenario, "--plans", plans, "-o", out, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["junctions"], figures["plans"], figures["folder"]) == (4, 4, out)
    network = city_files / "net.npz"
    assert (
        run(["gmns", "import", out, "-o", str(network), "--plans", str(city_files / "back.json"), "--json"])
        == 0
    )
    figures = json.loads(capsys.readouterr().out)
    assert (figures["plans"], figures["plans_refused"], figures["warnings"], figures["left_out"]) == (
        4,
        0,
        [],
        {},
    )
    assert differences(city.network, load_network(network)) == []
    back = read_signals(road_network(read_gmns(city_files / "city"))).plans
    for plan, found in zip(read_plans(plans, city.junctions), back, strict=True):
        assert told(found) == told(plan)


def test_export_without_plans_has_no_tables_of_signals(city_files, capsys):
    out = city_files / "roads"
    assert run(["gmns", "export", str(city_files / "city.toml"), "-o", str(out), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["plans"], figures["tables"]) == (0, len(list(out.iterdir())))
    assert not list(out.glob("signal*"))


def test_export_leaves_a_folder_with_something_in_it_alone(refused, city_files, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.csv").write_text("mine", encoding="utf-8")
    problem = refused("gmns", "export", str(city_files / "city.toml"), "-o", "full")
    assert problem["rule"] == "must be a new or an empty folder"


@pytest.mark.parametrize(
    ("table", "column", "value", "rule"),
    [
        ("link", "from_node_id", "nowhere", "must be a node_id of node.csv"),
        ("link", "lanes", "0", "must be from 1 to 20 where cars are allowed"),
        ("node", "node_id", "E", "must be unique, and row 2 has it too"),
        ("node", "x_coord", "NaN", "must be given"),
        ("config", "crs", "nonsense", "must be a coordinate system"),
        ("config", "speed", "knots", "must be a unit of speed: m/s, mps, km/h, kmh, kph, kmph, mph, mi/h"),
        ("signal_phase_mvmt", "timing_phase_id", "x", "must be a timing_phase_id of signal_timing_phase.csv"),
    ],
)
def test_bad_tables_are_refused_and_nothing_is_written(refused, hand, table, column, value, rule):
    hand(table, column, value)
    problem = refused("gmns", "import", "hand", "-o", "net.npz", "--plans", "plans.json")
    assert problem["rule"] == rule
    assert problem["file"] == f"hand/{table}.csv"
    row, at = problem["field"].split(", ")
    assert row.startswith("row ")
    assert (at, problem["value"].lower()) == (column, value.lower())
    assert problem["hint"]


@pytest.mark.parametrize(
    ("arguments", "field", "rule"),
    [
        (["--timing-plan", "night"], "--timing-plan", "must be a timing_plan_id of signal_timing_plan.csv"),
        (["--crs", "EPSG:0"], "--crs", "must be a coordinate system"),
        (["--speed-unit", "knots"], "--speed-unit", "must be a unit of speed"),
        (["--length-unit", "verst"], "--length-unit", "must be a unit of length"),
        (["--plans", "hand/node.csv"], "--output", "must not replace an input"),
        (["--folder", "none"], None, "must hold node.csv"),
    ],
)
def test_bad_options_are_refused(refused, hand, arguments, field, rule):
    hand()
    problem = refused("gmns", "import", "hand", "-o", "net.npz", *arguments)
    assert problem.get("field") == field
    assert problem["rule"].startswith(rule)


SCENARIO = """
[scenario]
name = "hand"
title = "Hand"
label = "GMNS"

[network]
kind = "file"
file = "net.npz"

[demand]
kind = "generated"
total_veh_h = 800
zones = 4
"""


def test_a_network_from_gmns_is_one_of_a_scenario(hand, tmp_path, capsys, monkeypatch):
    hand()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hand.toml").write_text(SCENARIO, encoding="utf-8")
    assert run(["gmns", "import", "hand", "-o", "net.npz", "--json"]) == 0
    assert run(["optimize", "hand.toml", "--steps", "1", "-o", "plans.json", "--json"]) == 0
    assert run(["gmns", "export", "hand.toml", "--plans", "plans.json", "-o", "out", "--json"]) == 0
    capsys.readouterr()
    assert run(["gmns", "import", "out", "-o", "again.npz", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["plans"] == 1
    assert differences(load_network("net.npz"), load_network("again.npz")) == []


def test_a_network_without_signals_has_nothing_to_optimise(hand, tmp_path, capsys, monkeypatch, refused):
    hand("node", "ctrl_type", "none")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hand.toml").write_text(SCENARIO, encoding="utf-8")
    assert run(["gmns", "import", "hand", "-o", "net.npz", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["junctions"], told["plans_refused"]) == (0, 1)
    problem = refused("optimize", "hand.toml", "--steps", "1", "-o", "plans.json")
    assert problem["rule"] == "must have a junction with signals"


def test_units_and_coordinates_may_be_given(tmp_path, capsys):
    write_gmns(without(crossroads_gmns(), "config"), tmp_path / "bare")
    given = ["--crs", "EPSG:32643", "--length-unit", "kilometer", "--speed-unit", "kph", "--name", "bare"]
    output = tmp_path / "net.npz"
    assert run(["gmns", "import", str(tmp_path / "bare"), "-o", str(output), *given, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["links"] == 8
    network = load_network(output)
    assert (network.name, network.crs, network.links.length_m[0]) == ("bare", "EPSG:32643", 250.0)


def test_an_example_of_the_specification(shared_data, tmp_path, capsys):
    archive, output = str(shared_data / "gmns" / "gmns_examples.zip"), str(tmp_path / "net.npz")
    assert run(["gmns", "import", archive, "--folder", "Arlington_Signals", "-o", output, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["links"], figures["junctions"], figures["plans"], figures["plans_refused"]) == (
        10,
        2,
        0,
        8,
    )


def test_help_shows_examples(capsys):
    for arguments in (["gmns"], ["gmns", "import"], ["gmns", "export"]):
        assert run([*arguments, "--help"]) == 0
        assert "Example" in capsys.readouterr().out
