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
from traffic.store import load_network


def test_help_loads_no_heavy_library():
    code = (
        "import sys; from api.cli import run; run(['--help']); run(['optimize', '--help']);"
        "heavy = {'numba', 'numpy', 'scipy', 'pandas', 'ortools', 'geopandas', 'osmium'} & set(sys.modules);"
        "sys.exit(bool(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", ["import", "scenario", "optimize", "evaluate", "sweep", "report", "sumo"])
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
        "improved",
    ]  # fmt: skip
    assert list(_told(["evaluate", "city.toml", "--plans", "plans.json"], capsys)) == [
        "vehicles", "arrived", "under_way", "waiting_to_enter", "total_time_s_per_veh", "delay_s_per_veh",
        "stops_per_veh", "throughput_veh_h", "fuel_l", "co2_kg", "seconds", "warnings",
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


def test_junctions_that_the_timing_sheet_leaves_out_are_counted(city_files, small_city, capsys, monkeypatch):
    monkeypatch.chdir(city_files)
    rows = [row for row in small_city[2].splitlines() if not row.startswith(("grid:1-2", "grid:2-2"))]
    (city_files / "sheet.csv").write_text("\n".join(rows), encoding="utf-8")
    with (city_files / "city.toml").open("a", encoding="utf-8") as scenario:
        scenario.write('\n[signals]\ntiming_sheet = "sheet.csv"\n')
    for command in (
        ["scenario", "check", "city.toml"],
        ["optimize", "city.toml", "--steps", "0", "-o", "new.json"],
        ["evaluate", "city.toml", "--plans", "plans.json"],
        ["report", "city.toml", "--plans", "plans.json", "-o", "r.html"],
    ):
        assert _told(command, capsys)["left_out_of_timing_sheet"] == 2
        assert run(command) == 0
        assert "2 of 4 junctions, which have Webster's plan" in capsys.readouterr().out
    assert "Webster&#39;s plan at 2 junctions" in (city_files / "r.html").read_text(encoding="utf-8")


def test_webster_plans_of_left_out_junctions_are_those_of_the_planned_demand(
    city_files, small_city, capsys, monkeypatch
):
    monkeypatch.chdir(city_files)
    rows = [row for row in small_city[2].splitlines() if not row.startswith("grid:1-2")]
    (city_files / "some.csv").write_text("\n".join(rows), encoding="utf-8")
    with (city_files / "city.toml").open("a", encoding="utf-8") as scenario:
        scenario.write('\n[signals]\ntiming_sheet = "some.csv"\n')
    _told(["scenario", "show", "city.toml", "--timing-sheet", "all.csv"], capsys)
    assert (city_files / "all.csv").read_text(encoding="utf-8") == small_city[2]


def test_evaluate_warns_of_an_oversaturated_network(city_files, capsys, monkeypatch):
    monkeypatch.chdir(city_files)
    command = ["evaluate", "city.toml", "--plans", "plans.json", "--planned-scale", "1"]
    assert _told(command, capsys)["warnings"] == []
    assert run(command) == 0
    assert "oversaturated" not in capsys.readouterr().out
    over = [*command, "--scale", "10"]
    told = _told(over, capsys)
    assert told["arrived"] < 0.8 * told["vehicles"]
    (warning,) = told["warnings"]
    assert warning.startswith("The network is oversaturated in the model")
    assert run(over) == 0
    assert capsys.readouterr().out.splitlines()[-1] == warning


def test_what_there_is_no_figure_for(capsys):
    values = {"offset_bound_ratio": None, "seed": 0}
    print_result(values, as_json=True)
    assert json.loads(capsys.readouterr().out) == values
    print_result(values, as_json=False)
    assert capsys.readouterr().out.splitlines() == ["offset bound ratio  -", "seed                0"]


def test_plans_are_gone_on_from(city_files, capsys, monkeypatch):
    monkeypatch.chdir(city_files)
    first = _told(["optimize", "city.toml", "--steps", "6", "-o", "old.json"], capsys)
    again = ["optimize", "city.toml", "--from", "old.json", "-o", "new.json"]
    found = _told([*again, "--steps", "3"], capsys)
    assert found["objective_before"] == pytest.approx(first["objective_after"], rel=1e-12)
    assert found["objective_after"] <= found["objective_before"]
    more = [*again, "--scale", "1.2", "--planned-scale", "1"]
    anew = _told([*more, "--steps", "1"], capsys)
    seen = ["evaluate", "city.toml", "--scale", "1.2", "--planned-scale", "1", "--plans"]
    for plans, objective in (("old.json", "objective_before"), ("new.json", "objective_after")):
        figures = _told([*seen, plans], capsys)
        judged = figures["delay_s_per_veh"] + 5.0 * figures["stops_per_veh"]
        assert anew[objective] == pytest.approx(judged, rel=1e-9)


def test_old_plans_that_cannot_be_gone_on_from(city_files, refused):
    problem = refused("optimize", "city.toml", "--from", "plans.json", "-o", "plans.json")
    assert "plans.json" in problem["detail"]
    problem = refused("optimize", "city.toml", "--planned-scale", "1", "-o", "new.json")
    assert "--from" in problem["detail"]
    document = json.loads((city_files / "plans.json").read_text(encoding="utf-8"))
    document["plans"].pop()
    (city_files / "plans.json").write_text(json.dumps(document), encoding="utf-8")
    problem = refused("optimize", "city.toml", "--from", "plans.json", "-o", "new.json")
    assert (problem["file"], problem["field"]) == ("plans.json", "plans")


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


def _with_signals_off_the_road(tmp_path, count):
    osm = cross(lanes="4")
    for number in range(count):
        osm.signal(100 + number, 150.0 + number, 150.0)
    return osm.write(tmp_path / "map.osm")


def test_an_import_warns_once_for_each_kind_and_the_quality_report_lists_all(tmp_path, capsys):
    file, quality = _with_signals_off_the_road(tmp_path, 7), tmp_path / "quality.txt"
    told = _told(
        ["import", "osm", str(file), "-o", str(tmp_path / "a.npz"), "--quality", str(quality)], capsys
    )
    assert told["signals_unmatched"] == 7
    (warning,) = told["warnings"]
    assert warning.startswith("signals that no junction governs, off any way")
    assert warning.endswith(": 7 (node 100; node 101; node 102; ...)")
    text = quality.read_text(encoding="utf-8")
    assert [text.count(f"signal {100 + number} ") for number in range(7)] == [1] * 7


def test_lists_are_printed_a_line_each(capsys):
    values = {"warnings": ["one", "two"], "none": [], "improved": False, "gap": {"of_it": 8e-05, "all": 3.0}}
    print_result(values, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "warnings  one", "          two", "none      none", "improved  no", "gap       of it: 8.0e-05",
        "          all: 3.00",
    ]  # fmt: skip


def test_speeds_that_are_not_mapped_are_those_of_the_country(tmp_path, capsys):
    file, target = cross(highway="tertiary", lanes="2").write(tmp_path / "map.osm"), tmp_path / "city.npz"
    for country, km_h, warnings in (("KZ", 60.0, 0), ("br", 40.0, 0), ("FR", 50.0, 1)):
        told = _told(["import", "osm", str(file), "-o", str(target), "--country", country], capsys)
        assert load_network(target).links.speed_m_s == pytest.approx(km_h / 3.6)
        assert len(told["warnings"]) == warnings
    assert run(["import", "osm", str(file), "-o", str(target), "--country", "Brazil", "--json"]) == 2
    assert json.loads(capsys.readouterr().err)["field"] == "--country"


def test_a_city_is_imported_and_used_in_a_scenario(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cross().write(tmp_path / "map.osm")
    told = _told(["import", "osm", "map.osm", "-o", "city.npz", "--name", "Crossing"], capsys)
    (tmp_path / "city.toml").write_text(
        '[scenario]\nname = "city"\ntitle = "City"\n[network]\nkind = "file"\nfile = "city.npz"\n'
        '[demand]\nkind = "generated"\ntotal_veh_h = 400\nzones = 4\n',
        encoding="utf-8",
    )
    checked = _told(["scenario", "check", "city.toml"], capsys)
    assert (checked["label"], checked["links"]) == ("OpenStreetMap", told["links"])
    found = _told(["optimize", "city.toml", "--steps", "1", "-o", "plans.json"], capsys)
    assert found["junctions"] == told["junctions"] == 1


def test_a_search_that_found_nothing_better_says_so(city_files, capsys, monkeypatch):
    monkeypatch.chdir(city_files)
    command = ["optimize", "city.toml", "-o", "new.json", "--steps"]
    assert _told([*command, "0"], capsys)["improved"] is False
    assert run([*command, "0"]) == 0
    assert "Nothing better than the start was found in 0 steps; raise --steps." in capsys.readouterr().out
    told = _told([*command, "5"], capsys)
    assert told["improved"] is (told["objective_after"] < told["objective_before"])
    assert told["improved"]
    assert run([*command, "5"]) == 0
    assert "Nothing better" not in capsys.readouterr().out
