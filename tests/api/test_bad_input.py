"""Bad input to `jasyl import` and to the options of every command: exit code 2, and nothing half-written."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys

import osmium
import pytest

from api.cli import run
from tests.api.conftest import HEAD
from tests.traffic.osm.maps import OsmMap, cross

OLD = b"what was here before"


@pytest.fixture
def imported(refused, tmp_path):
    """Import a file that must be refused; the network file that is there must survive."""
    (tmp_path / "city.npz").write_bytes(OLD)

    def command(name: str, *options: str) -> dict[str, str]:
        return refused("import", "osm", name, "-o", "city.npz", *options)

    return command


def _pbf(path, osm):
    source = osm.write(path.with_name("plain.osm"))
    with osmium.SimpleWriter(str(path)) as writer:
        for thing in osmium.FileProcessor(str(source)):
            writer.add(thing)
    source.unlink()
    return path


def test_a_truncated_pbf(imported, tmp_path):
    whole = _pbf(tmp_path / "cut.osm.pbf", cross())
    whole.write_bytes(whole.read_bytes()[:-20])
    problem = imported("cut.osm.pbf")
    assert (problem["file"], problem["rule"]) == ("cut.osm.pbf", "must be a complete OpenStreetMap file")
    assert "download it again" in problem["hint"]


@pytest.mark.parametrize("name", ["cut.osm", "cut.osm.gz"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_a_truncated_or_empty_file(imported, tmp_path, name, share):
    data = cross().write(tmp_path / "whole.osm").read_bytes()
    data = gzip.compress(data) if name.endswith(".gz") else data
    (tmp_path / name).write_bytes(data[: int(share * len(data))])
    assert imported(name)["rule"] == "must be a complete OpenStreetMap file"


def test_a_folder_a_missing_file_and_another_format(imported, tmp_path):
    (tmp_path / "folder.osm").mkdir()
    (tmp_path / "roads.txt").write_text("x")
    assert "is a directory" in imported("folder.osm")["rule"]
    assert "exists" in imported("missing.osm")["rule"]
    assert ".osm.pbf" in imported("roads.txt")["rule"]


def test_a_file_without_roads_or_signals(imported, tmp_path):
    (tmp_path / "empty.osm").write_text('<?xml version="1.0"?><osm version="0.6"></osm>')
    cross(signal=False).write(tmp_path / "plain.osm")
    assert "road" in imported("empty.osm")["rule"]
    assert "signals" in imported("plain.osm")["rule"]


def test_a_signal_off_the_road(imported, tmp_path):
    osm = cross(signal=False)
    osm.signal(99, 150.0, 150.0)
    osm.write(tmp_path / "off.osm")
    problem = imported("off.osm")
    assert problem["field"] == "node 99"
    assert "off any way" in problem["value"]


def test_a_signal_where_no_traffic_goes_on(imported, tmp_path):
    osm = OsmMap()
    osm.signal(1, 0, 0)
    osm.node(2, -300, 0)
    osm.way(10, [2, 1], oneway="yes")
    osm.write(tmp_path / "end.osm")
    problem = imported("end.osm")
    assert problem["field"] == "node 1"
    assert "end of the network" in problem["value"]


def test_roads_without_a_length_are_refused(imported, tmp_path):
    osm = cross()
    osm.nodes = {node: (0.0, 0.0, tags) for node, (_, _, tags) in osm.nodes.items()}
    osm.write(tmp_path / "point.osm")
    problem = imported("point.osm")
    assert (problem["file"], problem["field"]) == ("point.osm", "node.lat, node.lon")


def test_a_coordinate_that_is_no_number(imported, tmp_path):
    file = cross().write(tmp_path / "nan.osm")
    file.write_text(file.read_text().replace('lat="4', 'lat="nan4', 1))
    assert imported("nan.osm")["field"] == "node.lat, node.lon"


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("[[way]]\nid = 10\nlanes = 0\n", "way[0].lanes", "0"),
        ("[[way]]\nid = 10\nspeed_km_h = nan\n", "way[0].speed_km_h", "nan"),
        ("[[way]]\nid = 10\nlanes = nan\n", "way[0].lanes", "nan"),
        ('[[junction]]\nnodes = [1]\nwalk_m = { "P-E" = -1 }\n', "junction[0].walk_m.P-E", "-1"),
        ('[[junction]]\nnodes = [1]\nrefuge = { "P-E" = 1 }\n', "junction[0].refuge.P-E", "1"),
        ("[[junction]]\nnodes = [1]\nwalk_m = 9.5\n", "junction[0].walk_m", "9.5"),
        ("[[junction]]\nnodes = [1]\ncycle_min_s = 80\ncycle_max_s = 60\n", "junction[0].cycle_max_s", "60"),
        ("[[junction]]\nnodes = [1]\nlocked = 1\n", "junction[0].locked", "1"),
        ("[[junction]]\nnodes = []\n", "junction[0].nodes", "[]"),
        ('missing_ids = "ignore"\n', "missing_ids", "ignore"),
        ("[[way]]\nid = 10\nspeed_km_h = 50,5\n", "file content", "line 3"),
        ("[[way]]\nid = 4711\nlanes = 2\n", "way.id", "4711"),
        ("[[signal]]\nnode = 4711\nsignal = true\n", "signal.node", "4711"),
        ("[[junction]]\nnodes = [4711]\nlocked = true\n", "junction.nodes", "4711"),
        ("[[consolidate]]\ntogether = [4711, 4712]\n", "consolidate.together", "4711"),
        ("[[turn]]\nfrom_way = 4711\nvia_node = 1\nto_way = 10\nallowed = false\n", "turn.from_way", "4711"),
        ("[[way]]\nid = 10\nlanes = 2\n[[way]]\nid = 10\nlanes = 3\n", "way.id", "10"),
        ("[[signal]]\nnode = 1\nsignal = true\n[[signal]]\nnode = 1\nsignal = false\n", "signal.node", "1"),
        ('[[junction]]\nnodes = [1]\nname = "a\\u0000b"\n', "junction[0].name", "a"),
        ("[[way]]\nid = " + "9" * 5000, "file content", "digits"),
        ("x = " + "[" * 5000 + "]" * 5000, "file content", "recursion"),
        ("# caf\xe9".encode("latin-1"), "file content", "utf-8"),
        ("[[way]]".encode("utf-16"), "file content", "utf-8"),
    ],
)
def test_overrides(imported, tmp_path, text, field, value):
    cross().write(tmp_path / "cross.osm")
    data = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "fix.toml").write_bytes(data)
    problem = imported("cross.osm", "--overrides", "fix.toml")
    assert (problem["file"], problem["field"]) == ("fix.toml", field)
    assert value in problem["value"]
    assert problem["hint"]


def test_a_misspelt_section_of_overrides(imported, tmp_path):
    cross().write(tmp_path / "cross.osm")
    (tmp_path / "fix.toml").write_text("[[wai]]\nid = 10\n")
    assert "'way'" in imported("cross.osm", "--overrides", "fix.toml")["hint"]


def test_an_import_does_not_replace_what_it_reads(refused, tmp_path):
    cross().write(tmp_path / "cross.osm")
    (tmp_path / "fix.toml").write_text("")
    for output in ("cross.osm", "./cross.osm", "fix.toml"):
        problem = refused("import", "osm", "cross.osm", "--overrides", "fix.toml", "-o", output)
        assert problem["rule"] == "must not replace an input"
    problem = refused("import", "osm", "cross.osm", "-o", "city.npz", "--geojson", "city.npz")
    assert problem["rule"] == "must be the only output in its file"


def test_every_output_of_an_import_is_checked_before_the_first_is_written(imported, tmp_path):
    cross().write(tmp_path / "cross.osm")
    problem = imported("cross.osm", "--quality", "cross.osm/quality.txt")
    assert problem["file"] == "cross.osm/quality.txt"


def test_a_geopackage_of_another_ending_is_refused_before_the_network_is_written(imported, tmp_path):
    cross().write(tmp_path / "cross.osm")
    problem = imported("cross.osm", "--geopackage", "city.sqlite")
    assert (problem["file"], problem["field"]) == ("city.sqlite", "--geopackage")


def test_a_folder_that_is_missing_is_made(tmp_path):
    source = cross().write(tmp_path / "cross.osm")
    target = tmp_path / "new" / "folder" / "city.npz"
    assert run(["import", "osm", str(source), "-o", str(target), "--json"]) == 0
    assert target.is_file()


def _commands(output: str) -> list[list[str]]:
    return [
        ["optimize", "city.toml", "--seconds", "1", "-o", output],
        ["report", "city.toml", "--plans", "plans.json", "-o", output],
        ["sumo", "export", "city.toml", "--plans", "plans.json", "-o", output],
        ["scenario", "new", output],
    ]


@pytest.mark.parametrize("number", range(4))
@pytest.mark.usefixtures("city_files")
def test_an_output_that_cannot_be_written_is_refused_before_the_work(refused, monkeypatch, number):
    def work(*_args: object, **_options: object) -> None:
        pytest.fail("the work began")

    monkeypatch.setattr("scenarios.loader.build", work)
    problem = refused(*_commands("city.toml/below/it")[number])
    assert problem["file"] == "city.toml/below/it"
    assert "city.toml is a file" in problem["value"]
    problem = refused(*_commands("/proc/below/it")[number])
    assert problem["rule"] == "must be in a folder that can be written to"


@pytest.mark.parametrize("output", ["plans.json", "city.toml", "before.json"])
def test_a_report_does_not_replace_what_it_reads(refused, city_files, output):
    (city_files / "before.json").write_bytes((city_files / "plans.json").read_bytes())
    files = ("city.toml", "--plans", "plans.json", "--before", "before.json", "-o", output)
    assert refused("report", *files)["rule"] == "must not replace an input"


@pytest.mark.usefixtures("city_files")
def test_plans_do_not_replace_the_scenario(refused):
    problem = refused("optimize", "city.toml", "--seconds", "1", "-o", "city.toml")
    assert problem["rule"] == "must not replace an input"


@pytest.mark.parametrize("scale", ["nan", "-0.5", "0", "inf", "1e300", "1e-320", "1,5"])
@pytest.mark.usefixtures("city_files")
def test_scale(refused, scale):
    problem = refused("scenario", "check", "city.toml", "--scale", scale)
    assert problem["field"] == "--scale"
    assert "--help" in problem["hint"]


@pytest.mark.parametrize("seconds", ["nan", "-1", "inf", "1e300", "ten"])
@pytest.mark.usefixtures("city_files")
def test_seconds(refused, seconds):
    assert "seconds" in refused("optimize", "city.toml", "--seconds", seconds)["field"]


@pytest.mark.parametrize("seed", ["-1", "1.5", "99999999999999999999"])
@pytest.mark.usefixtures("city_files")
def test_seeds(refused, seed):
    assert refused("scenario", "check", "city.toml", "--demand-seed", seed)["field"] == "--demand-seed"
    assert refused("sumo", "export", "city.toml", "-o", "sumo", "--seed", seed)["field"] == "--seed"


def test_bad_usage_has_the_shape_of_bad_input(refused):
    assert refused("evaluate", "corridor", "--plan", "x")["field"] == "--plan"
    assert refused("evaluate")["field"] == "SCENARIO"
    assert refused("evaluate", "corridor", "--plans", "none.json")["field"] == "--plans"


def test_a_new_scenario_does_not_replace_a_file(refused, tmp_path):
    (tmp_path / "city.toml").write_text("mine", encoding="utf-8")
    assert refused("scenario", "new", "city.toml")["file"] == "city.toml"


def test_the_process_ends_as_the_command_does(tmp_path):
    (tmp_path / "city.toml").write_text(HEAD + "[run]\nduraton_s = 60\n")
    code = "from api.cli import main; main()"
    command = [sys.executable, "-c", code, "scenario", "check", "city.toml", "--json"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert json.loads(done.stderr)["field"] == "run.duraton_s"


@pytest.mark.parametrize("name", ["nope.osm", "x.txt"])
def test_a_map_that_is_none_is_told_with_what_to_do(imported, tmp_path, name):
    (tmp_path / "x.txt").write_text("no map")
    problem = imported(name)
    assert (problem["file"], problem["field"]) == (name, "FILE")
    assert problem["hint"]


def test_help_says_where_errors_go_with_json(capsys):
    assert run(["import", "osm", "--help"]) == 0
    assert "an error is an RFC 9457 problem object on standard error" in " ".join(
        capsys.readouterr().out.split()
    )
