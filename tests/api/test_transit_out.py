"""What commands of transit hand to others: alerts as GTFS-Realtime, figures and visits as tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.transit import gtfs_realtime_pb2 as pb

from api.cli import run
from tests.transit.feeds import GOOD, zipped
from tests.transit.test_alert_files import CSV, EIGHT_S, JSON, TOML
from tests.transit.test_records import AVL
from tests.transit.test_tides import _report

duckdb: Any = pytest.importorskip("duckdb")


@pytest.fixture
def gtfs(tmp_path: Path) -> str:
    return str(zipped(tmp_path / "gtfs.zip", GOOD))


def _alerts(folder: Path, gtfs: str, name: str, text: str, *more: str) -> int:
    (folder / name).write_text(text, encoding="utf-8")
    return run(
        ["transit", "alerts", str(folder / name), "--gtfs", gtfs, "-o", str(folder / "a.pb"), *more, "--json"]
    )


@pytest.mark.parametrize(("name", "text"), [("a.toml", TOML), ("a.json", JSON), ("a.csv", CSV)])
def test_alerts_are_read_back(
    name: str, text: str, tmp_path: Path, gtfs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _alerts(tmp_path, gtfs, name, text, "--time", str(EIGHT_S)) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["alerts"], told["time"], told["warnings"]) == (2, EIGHT_S, [])
    content = (tmp_path / "a.pb").read_bytes()
    assert told["bytes"] == len(content)
    feed = pb.FeedMessage.FromString(content)
    assert (feed.header.gtfs_realtime_version, feed.header.timestamp) == ("2.0", EIGHT_S)
    assert [entity.id for entity in feed.entity] == ["alert:works", "alert:snow"]
    works, snow = (entity.alert for entity in feed.entity)
    assert (works.cause, works.effect) == (pb.Alert.CONSTRUCTION, pb.Alert.DETOUR)
    texts = {each.language: each.text for each in works.header_text.translation}
    assert texts == {"kk": "Жөндеу", "en": "Works"}
    assert [(period.start, period.end) for period in works.active_period] == [(EIGHT_S, EIGHT_S + 3600)]
    assert [(each.route_id, each.stop_id, each.agency_id) for each in works.informed_entity] == [
        ("r1", "s1", ""),
        ("", "", "A"),
    ]
    (told_once,) = snow.header_text.translation
    assert (told_once.text, told_once.HasField("language")) == ("Snow", False)


def test_a_second_reader_finds_the_same(tmp_path: Path, gtfs: str) -> None:
    decode = pytest.importorskip("gtfs_rt_validator.proto.decode")
    schema = pytest.importorskip("gtfs_rt_validator.proto.schema_current")
    assert _alerts(tmp_path, gtfs, "a.toml", TOML, "--time", str(EIGHT_S)) == 0
    feed = decode.decode((tmp_path / "a.pb").read_bytes(), schema.SCHEMA)
    assert [entity.get("id") for entity in feed.get("entity")] == ["alert:works", "alert:snow"]
    works = feed.get("entity")[0].get("alert")
    assert [each.get("text") for each in works.get("header_text").get("translation")] == ["Жөндеу", "Works"]


@pytest.mark.parametrize(
    ("old", "new", "field", "value"),
    [
        ('route = "r1"', 'route = "r9"', "alert works.informed.route", "r9"),
        ('stop = "s2"', 'stop = "s9"', "alert snow.informed.stop", "s9"),
        ('agency = "A"', 'trip = "t1", route = "r2"', "alert works.informed.route", "r2"),
        ('key = "snow"', 'key = "works"', "alert.key", "works"),
        ('"DETOUR"', '"UP"', "alert works.effect", "UP"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_written(
    old: str, new: str, field: str, value: str, tmp_path: Path, gtfs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert old in TOML
    assert _alerts(tmp_path, gtfs, "a.toml", TOML.replace(old, new)) == 2
    problem = json.loads(capsys.readouterr().err)
    assert (problem["file"], problem["field"], problem["value"]) == (str(tmp_path / "a.toml"), field, value)
    assert problem["rule"].startswith("must")
    assert not (tmp_path / "a.pb").exists()


def test_a_feed_that_breaks_a_rule_is_not_written(
    tmp_path: Path, gtfs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """E001: the time in the header must be POSIX seconds."""
    assert _alerts(tmp_path, gtfs, "a.toml", TOML, "--time", "5") == 2
    problem = json.loads(capsys.readouterr().err)
    assert "E001" in problem["value"]
    assert not (tmp_path / "a.pb").exists()


def test_the_time_is_now_unless_it_is_given(
    tmp_path: Path, gtfs: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("api.commands.transit.alerts.time.time", lambda: EIGHT_S + 7.9)
    assert _alerts(tmp_path, gtfs, "a.toml", TOML) == 0
    assert json.loads(capsys.readouterr().out)["time"] == EIGHT_S + 7


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_visits_and_figures_become_tables(
    ending: str, tmp_path: Path, gtfs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    positions, folder = tmp_path / "avl.csv", tmp_path / "visits"
    positions.write_text(AVL, encoding="utf-8")
    table, figures = tmp_path / "deep" / f"visits.{ending}", tmp_path / "deep" / f"figures.{ending}"
    match = [
        "transit",
        "match",
        str(positions),
        "--gtfs",
        gtfs,
        "-o",
        str(folder),
        "--table",
        str(table),
        "--json",
    ]
    assert run(match) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["visits"], told["table"]) == (str(folder), str(table))
    reader = {"csv": duckdb.read_csv, "parquet": duckdb.read_parquet}[ending]
    found = reader(str(table)).order("sequence").select("trip", "stop").fetchall()
    assert found == [("t1", stop) for stop in ("s1", "s2", "s3", "s4")]
    count = ["transit", "punctuality", str(folder), "--by", "stop", "-o", str(figures), "--json"]
    assert run([*count, "--definition", "on-time-visits"]) == 0
    printed = json.loads(capsys.readouterr().out)
    parts = ("stop", "value", "numerator", "denominator", "unobserved")
    rows = reader(str(figures)).select(*parts).fetchall()
    assert rows == [
        (one["group"]["stop"], one["value"], one["numerator"], one["denominator"], one["unobserved"])
        for one in printed
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_matched_visits_keep_the_schemas_of_tides(tmp_path: Path, gtfs: str, shared_data: Path) -> None:
    (tmp_path / "avl.csv").write_text(AVL, encoding="utf-8")
    folder = tmp_path / "visits"
    assert run(["transit", "match", str(tmp_path / "avl.csv"), "--gtfs", gtfs, "-o", str(folder)]) == 0
    report = _report(folder, shared_data / "tides")
    assert report.valid, report.flatten(["type", "note"])
    assert {task.name for task in report.tasks} >= {"stop_visits", "trips_performed", "vehicle_locations"}


@pytest.mark.parametrize(("command", "option"), [("match", "--table"), ("punctuality", "-o")])
def test_tables_of_other_kinds_are_refused(
    command: str, option: str, tmp_path: Path, gtfs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    positions = tmp_path / "avl.csv"
    positions.write_text(AVL, encoding="utf-8")
    target = tmp_path / "table.xlsx"
    assert run(["transit", command, str(positions), "--gtfs", gtfs, option, str(target), "--json"]) == 2
    assert "must end in .csv or .parquet" in json.loads(capsys.readouterr().err)["detail"]
    assert not target.exists()
