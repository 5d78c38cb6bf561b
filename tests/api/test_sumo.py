"""`jasyl sumo optimize` and `jasyl sumo run`: from a configuration to scored plans."""

import json

import pytest

from api.cli import run
from tests.simulation.sumo.nets import crossing, needs_sumo

pytestmark = needs_sumo


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return crossing(tmp_path_factory.mktemp("crossing"))


def told(capsys, *words):
    assert run(["sumo", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_plans_for_a_configuration_and_their_score(folder, tmp_path, capsys):
    out = tmp_path / "new" / "tls.add.xml"
    found = told(capsys, "optimize", folder, "--steps", 4, "--seed", 3, "-o", out)
    assert found["junctions"] == 1
    assert found["delay_after_s"] < found["delay_before_s"]
    assert (found["seed"], found["plans"]) == (3, str(out))
    before, after = told(capsys, "run", folder), told(capsys, "run", folder, "--plans", out, "--seeds", 3)
    assert list(after) == ["seeds", "mean", "sd"]
    assert list(after["seeds"]) == ["1", "2", "3"]
    assert after["mean"]["scheduled"] == before["mean"]["scheduled"] == 142
    assert after["mean"]["delay_per_veh"] < before["mean"]["delay_per_veh"]


def test_the_table_shows_mean_and_spread(folder, capsys):
    assert run(["sumo", "run", str(folder / "run.sumocfg"), "--seeds", "2", "--quiet"]) == 0
    lines = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    assert "+-" in lines["delay per veh"]


@pytest.mark.parametrize("command", ["optimize", "run"])
def test_what_is_no_configuration(command, tmp_path, capsys):
    assert run(["sumo", command, str(tmp_path / "none.sumocfg"), "--json"]) == 2
    assert "must be a .sumocfg file" in json.loads(capsys.readouterr().err)["rule"]


def test_an_output_must_not_replace_an_input(folder, capsys):
    network = folder / "net.net.xml"
    before = network.read_bytes()
    assert run(["sumo", "optimize", str(folder), "--steps", "0", "-o", str(network), "--json"]) == 2
    assert json.loads(capsys.readouterr().err)["field"] == "--output"
    assert network.read_bytes() == before
