"""The command line: exit codes, problems, and what it does not load."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from api import cli
from api.cli import run
from api.console import print_result
from tests.traffic.osm.maps import cross


def test_help_loads_no_heavy_library():
    code = (
        "import sys; from api.cli import run; run(['--help']); run(['optimize', '--help']);"
        "heavy = {'numba', 'numpy', 'scipy', 'pandas', 'ortools', 'geopandas', 'osmium'} & set(sys.modules);"
        "sys.exit(bool(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", ["import", "scenario", "optimize", "evaluate", "report", "sumo"])
def test_every_command_has_help_with_an_example(command, capsys):
    assert run([command, "--help"]) == 0
    assert f"jasyl {command}" in capsys.readouterr().out


def test_an_unknown_command_is_bad_usage(capsys):
    assert run(["optimise"]) == 2
    assert "optimise" in capsys.readouterr().err


def test_an_unknown_scenario_names_the_known_ones(capsys):
    assert run(["scenario", "show", "almatty", "--json"]) == 2
    captured = capsys.readouterr()
    problem = json.loads(captured.err)
    assert captured.out == ""
    assert problem["value"] == "almatty"
    assert "almaty" in problem["hint"]


def test_a_failure_of_ours_is_exit_code_one(monkeypatch, capsys):
    monkeypatch.setitem(cli._COMMANDS, "report", ("api.nowhere", ""))
    assert run(["report", "--json"]) == 1
    assert json.loads(capsys.readouterr().err)["status"] == 500


def _told(arguments, capsys):
    """Run a command with ``--json``: one object on standard output, nothing on standard error."""
    assert run([*arguments, "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return json.loads(captured.out)


def _import(tmp_path, capsys, *options):
    osm = cross()
    osm.node(50, 200.0, 150.0)
    osm.node(51, 200.0, 0.0)
    osm.ways[0][1].insert(2, 51)
    osm.way(30, [50, 51], "residential")
    osm.node(52, 200.0, -150.0)
    osm.way(31, [51, 52], "service")
    file, target = osm.write(tmp_path / "map.osm"), tmp_path / "city.npz"
    return _told(["import", "osm", str(file), "-o", str(target), *options], capsys)


def test_classes_of_an_import(tmp_path, capsys):
    links = {c: _import(tmp_path, capsys, "--classes", c)["links"] for c in ("major", "streets", "all")}
    assert links["major"] < links["streets"] < links["all"]
    assert _import(tmp_path, capsys)["links"] == links["streets"]
    assert run(["import", "osm", "map.osm", "-o", "x.npz", "--classes", "minor", "--json"]) == 2
    problem = json.loads(capsys.readouterr().err)
    assert all(c in problem["detail"] for c in ("'major'", "'streets'", "'all'"))


def test_the_keys_that_commands_print(city_files, capsys, monkeypatch):
    monkeypatch.chdir(city_files)
    cross().write(city_files / "cross.osm")
    assert list(_told(["import", "osm", "cross.osm", "-o", "cross.npz"], capsys)) == [
        "junctions", "signal_nodes", "signals_unmatched", "nodes", "links", "lane_km", "movements", "seconds",
        "warnings",
    ]  # fmt: skip
    assert list(_told(["optimize", "city.toml", "--seconds", "0.1", "-o", "new.json"], capsys)) == [
        "junctions", "objective_before", "objective_after", "offset_bound_ratio", "seconds", "seed", "plans",
    ]  # fmt: skip
    assert list(_told(["evaluate", "city.toml", "--plans", "plans.json"], capsys)) == [
        "vehicles", "arrived", "under_way", "waiting_to_enter", "total_time_s_per_veh", "delay_s_per_veh",
        "stops_per_veh", "throughput_veh_h", "fuel_l", "co2_kg", "seconds",
    ]  # fmt: skip
    assert set(_told(["report", "city.toml", "--plans", "plans.json", "-o", "r.html"], capsys)) == {
        "report",
        "megabytes",
    }


def test_a_timing_sheet_that_is_written_can_be_the_plans_in_force(city_files, capsys, monkeypatch):
    monkeypatch.chdir(city_files)
    command = ["optimize", "city.toml", "--steps", "1", "-o", "new.json"]
    first = _told([*command, "--timing-sheet", "sheets/now.csv"], capsys)
    with (city_files / "city.toml").open("a", encoding="utf-8") as scenario:
        scenario.write('\n[signals]\ntiming_sheet = "sheets/now.csv"\n')
    again = _told([*command[:3], "0", "-o", "again.json"], capsys)
    assert again["objective_before"] == first["objective_after"]


def test_what_there_is_no_figure_for(capsys):
    values = {"offset_bound_ratio": None, "seed": 0}
    print_result(values, as_json=True)
    assert json.loads(capsys.readouterr().out) == values
    print_result(values, as_json=False)
    assert capsys.readouterr().out.splitlines() == ["offset bound ratio  -", "seed                0"]


def test_the_optimiser_judges_the_run_that_is_evaluated(city_files, capsys, monkeypatch):
    monkeypatch.chdir(city_files)
    text = (city_files / "city.toml").read_text(encoding="utf-8") + "\n[run]\nduration_s = 900\n"
    (city_files / "short.toml").write_text(text, encoding="utf-8")
    found = _told(["optimize", "short.toml", "--steps", "2", "-o", "new.json"], capsys)
    seen = _told(["evaluate", "short.toml", "--plans", "new.json"], capsys)
    # the objective: delay and 5 s for each stop
    assert found["objective_after"] == pytest.approx(
        seen["delay_s_per_veh"] + 5.0 * seen["stops_per_veh"], rel=1e-9
    )
