"""`jasyl sweep`: its output, and what it refuses."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import pytest

from api.cli import run
from api.commands.sweep import _with_interval
from simulation.sweep_results import FIGURES, read_results, write_results
from tests.simulation.test_cluster import workers


def test_means_and_differences_of_a_sweep(city_files, monkeypatch, capsys):
    monkeypatch.chdir(city_files)
    options = ["--demand-seeds", "1-2,4", "--plans", "plans.json", "--webster", "-o", "out/r.parquet"]
    assert run(["sweep", "city.toml", *options, "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    told = json.loads(captured.out)
    assert (told["runs"], told["resumed"], told["dropped"]) == (6, 0, 0)
    rows = read_results(city_files / "out" / "r.parquet")
    assert [(row["method"], row["demand_seed"]) for row in rows] == [
        (method, seed) for seed in (1, 2, 4) for method in ("plans.json", "webster")
    ]
    means = {(found["method"], found["figure"]): found for found in told["means"]}
    assert {figure for _, figure in means} == set(FIGURES)
    delays = [row["delay_s_per_veh"] for row in rows if row["method"] == "webster"]
    found = means["webster", "delay_s_per_veh"]
    assert found["mean"] == pytest.approx(sum(delays) / 3)
    assert found["low"] < found["mean"] < found["high"]
    assert {(d["method"], d["reference"]) for d in told["differences"]} == {("webster", "plans.json")}
    assert not workers()

    # everything is known by now: no worker is started, and people get a table
    assert run(["sweep", "city.toml", *options, "--resume"]) == 0
    shown = capsys.readouterr().out
    assert "resumed  6" in shown
    assert "95 % interval" in shown
    assert "Paired differences" in shown


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (["--scales", ""], "--scales"),
        (["--scales", "1,nan"], "--scales"),
        (["--scales", "0"], "--scales"),
        (["--demand-seeds", "8-1"], "--demand-seeds"),
        (["--demand-seeds", "1-"], "--demand-seeds"),
        (["--demand-seeds", "0-99999999999"], "--demand-seeds"),
        (["--seeds", "one"], "--seeds"),
        (["--workers", "0"], "--workers"),
        (["--plans", "none.json"], "--plans"),
        (["--steps", "1", "--seconds", "1"], "method"),
        (["-o", "city.toml"], "--output"),
        (["--plans", "plans.json", "-o", "plans.json"], "--output"),
    ],
)
def test_bad_options_are_refused(city_files, refused, options, field):
    assert (city_files / "plans.json").exists()
    assert refused("sweep", "city.toml", *options)["field"] == field


def test_bad_scenarios_are_refused(city_files, refused):
    assert "almaty" in refused("sweep", "almatty")["hint"]
    assert refused("sweep")["status"] == 400
    problem = refused("sweep", "city.toml", "grid-3x2", "--plans", "plans.json")
    assert (problem["file"].endswith("plans.json"), problem["status"]) == (True, 422)
    assert (city_files / "plans.json").exists()


def test_results_of_another_make_are_refused(city_files, refused):
    (city_files / "r.parquet").write_bytes(b"PAR1 or not")
    problem = refused("sweep", "city.toml", "--webster", "--resume", "-o", "r.parquet")
    assert (problem["file"], problem["field"]) == ("r.parquet", "file content")
    (city_files / "r.parquet").unlink()
    write_results([], city_files / "r.partial.parquet")
    assert "--resume" in refused("sweep", "city.toml", "--webster", "-o", "r.parquet")["hint"]


def test_a_scheduler_that_is_not_there_is_refused(city_files, refused):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    problem = refused("sweep", "city.toml", "--webster", "--scheduler", address)
    assert (problem["field"], problem["value"]) == ("--scheduler", address)
    assert (city_files / "city.toml").exists()


def test_help_loads_nothing_of_dask():
    code = (
        "import sys; from api.cli import run; run(['sweep', '--help']);"
        "sys.exit(bool({'numpy', 'dask', 'distributed', 'pyarrow', 'tornado'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "jasyl sweep corridor" in done.stdout


def test_an_interval_shows_on_which_side_of_zero_it_lies():
    assert (
        _with_interval({"mean": 1.0, "low": 0.00123, "high": 1234.5})["95_%_interval"] == "0.0012 to 1,234.50"
    )
    assert _with_interval({"mean": 1.0, "low": None, "high": None})["95_%_interval"] == "-"
