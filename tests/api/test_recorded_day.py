"""`jasyl transit replay RECORD` and `jasyl transit definitions`: a recorded day from the command line."""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from api.cli import run
from simulation.buses.service import Service
from tests.simulation.buses.days import DAY, line
from tests.simulation.buses.records import some_record, visits_of
from transit.coded import Coded
from transit.definition_search import definitions_within
from transit.definitions import definitions
from transit.tides import write_tides
from transit.visit_files import read_visits

HOUR = 3600
MBTA = "transit/mbta_2018/mbta_bus_arrival_departure_sample_2018.csv.gz"
Told = tuple[dict[str, Any], str]


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """A TIDES package of 24 trips to the millisecond, one of them not seen and one with gaps."""
    starts = range(6 * HOUR, 10 * HOUR, 600)
    service = Service.of(line(starts, blocks=[f"b{k % 3}" for k in range(24)]), DAY)
    arrival, departure = (np.round(at, 3) for at in some_record(service, np.random.default_rng(2)))
    for gone in (slice(10, 15), slice(22, 24)):
        arrival[gone] = departure[gone] = np.nan
    visits = visits_of(service, arrival, departure)
    other = replace(visits, route=Coded.of(["33"] * len(visits)), trip=_named(visits.trip))
    write_tides(tmp_path / "visits", type(visits).joined([visits, other]))
    return tmp_path / "visits"


def _named(trip: Coded) -> Coded:
    return Coded(tuple(f"other {name}" for name in trip.names), trip.code)


def told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> Any:
    assert run(["transit", *arguments, "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return json.loads(captured.out)


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert run(["transit", *arguments, "--json"]) == 2
    problem: dict[str, Any] = json.loads(capsys.readouterr().err)
    return problem


def test_a_record_comes_out_as_it_was(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(["replay", str(record), "--mode", "trace"], capsys)
    assert found["exact"] is True
    assert found["arrivals"] == found["departures"] == {"recorded": 226, "same": 226, "largest_s": 0.0}
    assert (found["trips_planned"], found["trips_not_seen"], found["trips_run"]) == (48, 2, 46)
    assert (found["trips_seen_throughout"], found["calls"], found["calls_not_seen"]) == (44, 230, 4)
    share = {row["definition"]: row for row in found["figures"]}["on-time-visits"]
    assert share["record"] == share["replay"]
    (figure,) = told(["punctuality", str(record), "--definition", "on-time-visits"], capsys)
    assert figure == {"definition": "on-time-visits", "group": {}, **share["replay"]}


def test_what_came_out_is_told_to_people(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["transit", "replay", str(record / "stop_visits.csv"), "--mode", "trace", "--quiet"]) == 0
    shown = capsys.readouterr().out
    assert "exact                      yes\n" in shown
    assert "\ndefinition " in shown
    assert " no\n" not in shown


def test_a_model_is_tried_and_run_under_each_policy(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["replay", str(record), "--seeds", "2"]
    found = told(command, capsys)
    assert (found["mode"], found["day"], found["seeds"], found["blocks"]) == ("model", str(DAY), 2, 6)
    assert set(found["validation"]["on_time"]) == {
        "fitted",
        "observed",
        "low",
        "high",
        "replayed",
        "sd",
        "inside",
    }
    assert found["validation"]["fitted_trips"] + found["validation"]["tested_trips"] == 44
    assert {"untouched", "schedule holding", "extra vehicles", "dispatch control"} <= set(found["variants"])
    assert not any("priority" in name or "optimising" in name for name in found["variants"])
    assert found == told(command, capsys)
    assert run(["transit", *command, "--quiet"]) == 0
    shown = capsys.readouterr().out
    for head in ("figure ", "variant "):
        assert f"\n{head}" in shown
    assert " ± " in shown


def test_days_may_be_shared_among_processes(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["replay", str(record), "--seeds", "2", "--only", "untouched", "--breakdowns", "2"]
    alone = told(command, capsys)
    assert alone == told([*command, "--workers", "2"], capsys)
    assert alone["variants"]["untouched"]["mean"]["dropped"] > 0.0


def test_a_record_may_be_limited_to_routes(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(["replay", str(record), "--mode", "trace", "--route", "33"], capsys)
    assert found["trips_planned"] == 24
    problem = refused(["replay", str(record), "--route", "34"], capsys)
    assert (problem["field"], problem["value"], problem["hint"]) == ("--route", "34", "One of: 32, 33")


@pytest.mark.parametrize("mode", ["trace", "model"])
def test_a_record_is_drawn_beside_what_came_of_it(
    mode: str, record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = tmp_path / "lines.html"
    chosen = ["--only", "schedule holding", "--seeds", "1"] if mode == "model" else []
    told(["replay", str(record), "--mode", mode, *chosen, "--string-lines", str(lines)], capsys)
    page = lines.read_text(encoding="utf-8")
    for name in ("record", "schedule holding" if mode == "model" else "replayed"):
        assert f">{name}" in page


@pytest.mark.parametrize(
    ("given", "field", "word"),
    [
        (["--plans", "{record}/stop_visits.csv"], "--plans", "signals"),
        (["--taps", "{record}/stop_visits.csv"], "--taps", "stood"),
        (["--expansion", "1.5"], "--expansion", "stood"),
        (["--vehicles", "3500"], "--vehicles", "recorded"),
        (["--only", "signal priority"], "--only", "signals"),
        (["--mode", "trace", "--seeds", "3"], "--seeds", "once"),
        (["--mode", "trace", "--only", "untouched"], "--only", "once"),
        (["--day", "2026-11-28"], "--day", "2026-11-27"),
        (["--string-lines", "lines.txt"], "--string-lines", ".html"),
    ],
)
def test_what_cannot_be_done_for_a_record_is_refused_by_its_option(
    given: list[str], field: str, word: str, record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = refused(["replay", str(record), *(text.format(record=record) for text in given)], capsys)
    assert problem["field"] == field
    assert word in problem["detail"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (["--mode", "trace"], "--mode"),
        (["--zone", "UTC"], "--zone"),
        (["--all-trips"], "--all-trips"),
        (["--ignore-assignments"], "--ignore-assignments"),
        (["--route", "1", "--route", "2"], "--route"),
    ],
)
def test_what_is_for_records_is_refused_with_a_scenario(
    given: list[str], field: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused(["replay", "grid-6x5", *given], capsys)["field"] == field


@pytest.mark.parametrize("name", ["nowhere.csv", "almatty", "nowhere.toml", "grid-0x5"])
def test_who_names_neither_is_told_of_both(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    problem = refused(["replay", name], capsys)
    assert problem["field"] == "SCENARIO or RECORD"
    assert problem["value"] == name
    for word in ("record of buses", "stop visits", "--gtfs"):
        assert word in problem["detail"]


def test_a_file_that_is_neither_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "table.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    problem = refused(["replay", str(tmp_path / "table.csv")], capsys)
    assert "stop visits" in problem["detail"]
    assert "scenario" in problem["detail"]


def test_definitions_are_listed_with_what_they_say(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(["definitions"], capsys)["definitions"]
    assert [row["definition"] for row in found] == [each.name for each in definitions()]
    assert all(row["says"].endswith(".") and row["source"] for row in found)
    assert run(["transit", "definitions"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(found) + 1
    assert lines[1].endswith(found[0]["says"])


def test_definitions_that_give_a_figure_are_found(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(["definitions", str(record), "--between", "0.6", "0.87"], capsys)
    tried = definitions_within(read_visits(record / "stop_visits.csv").visits, 0.6, 0.87)
    assert (found["tried"], found["within"]) == (len(tried), sum(one.within for one in tried))
    assert 0 < found["within"] < found["tried"]
    values = [row["value"] for row in found["definitions"]]
    assert values == sorted(values)
    assert {row["definition"]: row["value"] for row in found["definitions"]} == {
        one.figure.definition: one.figure.value for one in tried if one.within
    }
    everything = told(["definitions", str(record)], capsys)
    assert everything["within"] == everything["tried"] == found["tried"]
    assert run(["transit", "definitions", str(record), "--between", "0.6", "0.87"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4 + 1 + found["within"]


def test_a_record_in_columns_of_its_own_is_read_by_a_map(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, columns = tmp_path / "visits.csv", tmp_path / "map.toml"
    file.write_text(
        "date,run,halt,planned,real\n20261126,a,s1,23:50:00,23:50:30\n20261126,a,s2,24:10:00,24:20:00\n"
    )
    columns.write_text(
        '[columns]\nday = "date"\ntrip = "run"\nstop = "halt"\nscheduled_departure = "planned"\ndeparture = "real"\n'
    )
    mapped = [str(file), "--columns", str(columns), "--zone", "Asia/Almaty"]
    found = told(["replay", *mapped, "--mode", "trace"], capsys)
    assert (found["exact"], found["trips_run"], found["departures"]["same"]) == (True, 1, 2)
    values = {
        row["definition"]: row["value"] for row in told(["definitions", *mapped], capsys)["definitions"]
    }
    (figure,) = told(["punctuality", *mapped, "--definition", "on-time-departures"], capsys)
    assert figure["value"] in values.values()
    assert refused(["definitions", *mapped[:1]], capsys)["hint"].startswith("Say which column is what")


@pytest.mark.parametrize("given", [["--between", "0.6", "0.87"], ["--zone", "UTC"], ["--all-trips"]])
def test_a_range_without_a_record_is_refused(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(["definitions", *given], capsys)["field"] == given[0]


@pytest.mark.parametrize("between", [["0.87", "0.6"], ["60", "87"], ["nan", "0.5"]])
def test_a_range_that_is_none_is_refused(
    between: list[str], record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "--between" in refused(["definitions", str(record), "--between", *between], capsys)["field"]


def counted(file: Path, routes: set[str]) -> tuple[int, int]:
    """Count times at ends and elsewhere, of trips whose times do not go back, in a plain way."""
    trips: dict[str, list[tuple[int, str, bool]]] = {}
    with gzip.open(file, "rt", encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            if row["route_id"] in routes and row["actual"]:
                visit = (int(row["time_point_order"]), row["actual"], row["point_type"] == "Endpoint")
                trips.setdefault(row["half_trip_id"], []).append(visit)
    found = [0, 0]
    for visits in trips.values():
        times = [at for _, at, _ in sorted(visits)]
        if times == sorted(times):
            for _, _, ends in visits:
                found[ends] += 1
    return found[1], found[0]


def test_boston_by_command(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two routes as they were; and half of the trips of all routes as the other half tells."""
    command = ["replay", str(shared_data / MBTA)]
    trace = told([*command, "--route", "1", "--route", "9", "--mode", "trace"], capsys)
    assert trace["exact"] is True
    same = (trace["arrivals"]["same"], trace["departures"]["same"])
    assert same == counted(shared_data / MBTA, {"1", "9"})
    model = told([*command, "--only", "untouched", "--only", "terminal discipline", "--seeds", "10"], capsys)
    assert (model["validation"]["fitted_trips"], model["validation"]["tested_trips"]) == (575, 562)
    assert model["validation"]["on_time"]["inside"]
    assert model["validation"]["headway_cv"]["inside"]
    assert model["variants"]["terminal discipline"]["change"]["mean"]["on_time"] > 0.0
