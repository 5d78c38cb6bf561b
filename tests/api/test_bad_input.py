"""Bad input at the command line: exit code 2, a problem that names the place, and nothing half-written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from api.cli import run
from tests.traffic.osm.maps import cross


def _refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    assert run([*arguments, "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    problem = json.loads(captured.err)
    assert problem["rule"]
    return dict(problem)


def _import(file: Path, tmp_path: Path, capsys, *options: str) -> dict[str, str]:
    target = tmp_path / "city.npz"
    problem = _refused(["import", "osm", str(file), "-o", str(target), *options], capsys)
    assert not target.exists()
    assert [p for p in tmp_path.iterdir() if p.name.startswith("city.npz")] == []
    return problem


def _scenario(tmp_path: Path, text: str) -> str:
    file = tmp_path / "city.toml"
    head = '[scenario]\nname = "city"\ntitle = "City"\n\n[network]\nkind = "grid"\ncolumns = 2\nrows = 2\n\n'
    file.write_text(head + text, encoding="utf-8")
    return str(file)


def test_a_truncated_file(tmp_path, capsys):
    whole = cross().write(tmp_path / "whole.osm").read_bytes()
    cut = tmp_path / "cut.osm"
    cut.write_bytes(whole[: len(whole) // 2])
    assert str(cut) in _import(cut, tmp_path, capsys)["file"]


def test_a_file_without_signals(tmp_path, capsys):
    file = cross(signal=False).write(tmp_path / "plain.osm")
    assert "signal" in _import(file, tmp_path, capsys)["rule"]


def test_a_signal_off_the_road(tmp_path, capsys):
    osm = cross(signal=False)
    osm.signal(99, 150.0, 150.0)
    problem = _import(osm.write(tmp_path / "off.osm"), tmp_path, capsys)
    assert "99" in problem["field"] + problem["detail"]


def test_zero_lanes_in_an_override(tmp_path, capsys):
    overrides = tmp_path / "overrides.toml"
    overrides.write_text("[[way]]\nid = 10\nlanes = 0\n", encoding="utf-8")
    file = cross().write(tmp_path / "cross.osm")
    problem = _import(file, tmp_path, capsys, "--overrides", str(overrides))
    assert "lanes" in problem["field"]
    assert problem["value"] == "0"


def test_an_override_for_an_id_that_is_gone(tmp_path, capsys):
    overrides = tmp_path / "overrides.toml"
    overrides.write_text("[[way]]\nid = 4711\nlanes = 2\n", encoding="utf-8")
    file = cross().write(tmp_path / "cross.osm")
    problem = _import(file, tmp_path, capsys, "--overrides", str(overrides))
    assert "4711" in problem["detail"]


def test_a_misspelt_key_names_the_one_that_was_meant(tmp_path, capsys):
    file = _scenario(tmp_path, "[run]\nduraton_s = 60\n")
    problem = _refused(["scenario", "check", file], capsys)
    assert "duraton_s" in problem["field"] + problem["detail"]
    assert "duration_s" in problem["hint"]


@pytest.mark.parametrize("value", ["nan", "inf", "-1.0"])
def test_demand_that_is_no_number_or_negative(tmp_path, capsys, value):
    file = _scenario(tmp_path, f'[demand]\nkind = "generated"\ntotal_veh_h = {value}\n')
    assert "total_veh_h" in _refused(["scenario", "check", file], capsys)["detail"]


@pytest.mark.parametrize("scale", ["nan", "-0.5"])
def test_a_scale_that_is_no_number_or_negative(capsys, scale):
    assert "scale" in _refused(["scenario", "check", "grid-2x2", "--scale", scale], capsys)["field"]


def test_plans_for_an_unknown_junction(tmp_path, capsys):
    plans = tmp_path / "plans.json"
    assert run(["optimize", "grid-2x2", "--seconds", "0.1", "-o", str(plans), "--json"]) == 0
    capsys.readouterr()
    text = plans.read_text(encoding="utf-8")
    key = next(p["junction"] for p in json.loads(text)["plans"])
    plans.write_text(text.replace(f'"{key}"', '"nowhere"'), encoding="utf-8")
    problem = _refused(["evaluate", "grid-2x2", "--plans", str(plans)], capsys)
    assert "nowhere" in problem["detail"]


def test_an_unsafe_plan_in_a_file(tmp_path, capsys):
    plans = tmp_path / "plans.json"
    assert run(["optimize", "grid-2x2", "--seconds", "0.1", "-o", str(plans), "--json"]) == 0
    capsys.readouterr()
    data = json.loads(plans.read_text(encoding="utf-8"))
    first, second = data["plans"][0]["stages"][:2]
    second["duration_s"] += first["duration_s"] - 1
    first["duration_s"] = 1
    plans.write_text(json.dumps(data), encoding="utf-8")
    report = tmp_path / "report.html"
    problem = _refused(["report", "grid-2x2", "--plans", str(plans), "-o", str(report)], capsys)
    assert data["plans"][0]["junction"] in problem["detail"]
    assert not report.exists()


def test_an_od_zone_that_is_unknown(tmp_path, capsys):
    (tmp_path / "trips.csv").write_text("origin,destination,veh_h\nhere,there,10\n", encoding="utf-8")
    file = _scenario(tmp_path, '[demand]\nkind = "od"\nfile = "trips.csv"\n')
    problem = _refused(["scenario", "check", file], capsys)
    assert "here" in problem["detail"]
    assert "trips.csv" in problem["file"]


def test_a_new_scenario_does_not_replace_a_file(tmp_path, capsys):
    file = tmp_path / "city.toml"
    file.write_text("mine", encoding="utf-8")
    _refused(["scenario", "new", str(file)], capsys)
    assert file.read_text(encoding="utf-8") == "mine"
