"""A city of one's own, from the map to SUMO: what the pages of docs/ tell a new user to write, all of it together."""

from __future__ import annotations

import csv
import json
import shlex
from pathlib import Path

import pytest

from api.cli import run
from tests.traffic.osm.maps import OsmMap

HEAD = """[scenario]
name = "own"
title = "My quarter"

[network]
kind = "osm"
file = "own.osm"
overrides = "corrections.toml"

[signals]
timing_sheet = "before.csv"

[run]
duration_s = 900

[demand]
"""
CORRECTIONS = """[[way]]
id = 10
lanes = 2
speed_km_h = 50

[[junction]]
nodes = [1]
name = "Abay / Dostyk"
locked = true
"""
COUNTS = "junction,from,to,start,count\n" + "".join(
    f"osm:{node},{start},{end},08:00,{count}\n"
    for node, start, end, count in ((1, "W", "E", 120), (1, "S", "E", 30), (2, "W", "E", 140))
)


def _map() -> OsmMap:
    """A street with two signals, 400 m apart, and a street that crosses it at each."""
    osm = OsmMap()
    for node, (x, y) in {1: (0, 0), 2: (400, 0)}.items():
        osm.signal(node, x, y)
        osm.node(10 * node, x, -400)
        osm.node(10 * node + 1, x, 400)
        osm.way(20 + node, [10 * node, node, 10 * node + 1], name=f"Cross Street {node}", lanes="4")
    osm.node(5, -400, 0)
    osm.node(6, 800, 0)
    osm.way(10, [5, 1, 2, 6], "primary", name="Abay", lanes="0")
    return osm


def _told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert run([*arguments, "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder with the map, the corrections, turning counts, zones, a matrix and a sheet of one junction."""
    monkeypatch.chdir(tmp_path)
    _map().write(tmp_path / "own.osm")
    (tmp_path / "counts.csv").write_text(COUNTS, encoding="utf-8")
    (tmp_path / "corrections.toml").write_text(CORRECTIONS.replace("locked = true", ""), encoding="utf-8")
    trips = (
        HEAD.replace('timing_sheet = "before.csv"', "") + 'kind = "generated"\ntotal_veh_h = 900\nzones = 6\n'
    )
    (tmp_path / "trips.toml").write_text(trips, encoding="utf-8")
    _told(capsys, "scenario", "show", "trips.toml", "--timing-sheet", "all.csv", "--zones", "zones.csv")
    head, *rows = (tmp_path / "all.csv").read_text(encoding="utf-8").splitlines()
    own = [row for row in rows if row.startswith("osm:1,")]
    (tmp_path / "before.csv").write_text("\n".join([head, *own, ""]), encoding="utf-8")
    (tmp_path / "corrections.toml").write_text(CORRECTIONS, encoding="utf-8")
    with (tmp_path / "zones.csv").open(encoding="utf-8", newline="") as stream:
        zones = list(dict.fromkeys(row["zone"] for row in csv.DictReader(stream)))
    pairs = [f"{a},{b},60\n" for a in zones for b in zones if a != b]
    (tmp_path / "matrix.csv").write_text("origin,destination,veh_h\n" + "".join(pairs), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("demand", "source"),
    [
        ('kind = "counts"\nfile = "counts.csv"\n', "turning counts"),
        ('kind = "od"\nfile = "matrix.csv"\nzones_file = "zones.csv"\n', "matrix.csv"),
    ],
)
def test_from_a_map_to_sumo(
    folder: Path, capsys: pytest.CaptureFixture[str], demand: str, source: str
) -> None:
    (folder / "own.toml").write_text(HEAD + demand, encoding="utf-8")
    checked = _told(capsys, "scenario", "check", "own.toml")
    assert (checked["junctions"], checked["demand"], checked["left_out_of_timing_sheet"]) == (2, source, 1)
    (note,) = checked["notes"]
    command = shlex.split(note.partition("jasyl ")[2])
    assert command[:2] == ["import", "osm"]
    assert _told(capsys, *command)["warnings"] == []  # the corrections overrule the wrong tag
    rows = _told(capsys, "scenario", "show", "own.toml", "--junctions")["junctions"]
    assert [(row["name"], row["locked"]) for row in rows if row["key"] == "osm:1"] == [
        ("Abay / Dostyk", True)
    ]

    _told(capsys, "optimize", "own.toml", "--steps", "3", "-o", "plans.json", "--timing-sheet", "after.csv")
    kept = [
        [row for row in (folder / name).read_text(encoding="utf-8").splitlines() if row.startswith("osm:1,")]
        for name in ("before.csv", "after.csv")
    ]
    assert kept[0] == kept[1]
    figures = _told(capsys, "evaluate", "own.toml", "--plans", "plans.json")
    assert figures["vehicles"] == pytest.approx(checked["demand_veh_h"] / 4, rel=1e-6)
    assert figures["warnings"] == []
    _told(capsys, "report", "own.toml", "--plans", "plans.json", "-o", "report.html")
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "Abay / Dostyk" in report
    assert "OpenStreetMap contributors" in report
    _told(capsys, "sumo", "export", "own.toml", "--plans", "plans.json", "-o", "sumo")
    assert (folder / "sumo" / "run.sumocfg").is_file()
