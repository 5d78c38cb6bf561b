"""`jasyl schedule`."""

from __future__ import annotations

import json

import pytest

from api.cli import run
from scenarios.loader import build, load
from signals.schedule_wire import read_schedule


def test_a_schedule_is_written_and_told(tmp_path, capsys):
    path = tmp_path / "made" / "schedule.json"
    arguments = [
        "schedule",
        "grid-3x2",
        "--scale",
        "0.6",
        "--steps",
        "2",
        "--sets",
        "2",
        "-o",
        str(path),
        "--json",
    ]
    assert run(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    city = build(load("grid-3x2"), scale=0.6)
    schedule = read_schedule(path, city.junctions)
    assert told["warnings"] == []
    assert told["plan_sets"] == len(schedule.plan_sets) <= 2
    assert told["delay_schedule_s_per_veh"] <= told["delay_single_s_per_veh"]
    assert [entry["set"] for entry in told["entries"]] == [e.plans for e in schedule.day_types[0].entries]
    for entry in told["entries"]:
        assert entry["transition"] is None or set(entry["transitions"]) == {"dwell", "shortway", "longway"}
    first = path.read_bytes()
    assert run(arguments[:-1]) == 0  # same seed and steps, same schedule
    assert path.read_bytes() == first
    assert "delay schedule s per veh" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--day", "no.csv"], "exists"),
        (["--transition", "jump"], "jump"),
        (["--sets", "0"], "--sets"),
    ],
)
def test_bad_input_ends_with_2_and_writes_nothing(tmp_path, capsys, options, told):
    path = tmp_path / "schedule.json"
    assert run(["schedule", "grid-3x2", "-o", str(path), *options]) == 2
    assert told in capsys.readouterr().err
    assert not path.exists()


def test_a_day_that_the_network_does_not_carry_is_warned_of(tmp_path, capsys):
    path = tmp_path / "schedule.json"
    assert run(["schedule", "grid-3x2", "--scale", "2", "--steps", "0", "--sets", "1", "-o", str(path)]) == 0
    assert "Lower it with --scale" in capsys.readouterr().out


@pytest.mark.parametrize("options", [["--robust", "mean"], ["--at", "0.8"]])
def test_robust_and_at_go_together(tmp_path, capsys, options):
    path = tmp_path / "plans.json"
    assert run(["optimize", "grid-3x2", "-o", str(path), *options]) == 2
    assert "go together" in capsys.readouterr().err
    assert not path.exists()
