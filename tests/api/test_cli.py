"""The command line: exit codes, problems, and what it does not load."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from api import cli
from api.cli import run


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
