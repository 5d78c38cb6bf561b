"""`jasyl transit`: feeds read, positions matched, punctuality told; what is wrong is said."""

from __future__ import annotations

import json
import re

import pytest

from api.cli import run
from tests.transit.feeds import GOOD, zipped

AVL = "vehicleId,time,assignmentId,assignmentType,heading,latitude,longitude\n" + "".join(
    f"17,2026-11-26 08:{minute:02d}:00,b1,BLOCK_ID,90,43.25,{76.90 + 0.004 * minute:.4f}\n"
    for minute in range(11)
)


@pytest.fixture
def gtfs(tmp_path):
    return str(zipped(tmp_path / "gtfs.zip", GOOD))


@pytest.fixture
def positions(tmp_path):
    file = tmp_path / "avl.csv"
    file.write_text(AVL, encoding="utf-8")
    return str(file)


def test_import_tells_what_is_there(gtfs, capsys):
    assert run(["transit", "import", gtfs, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["routes"], found["stops"], found["trips"], found["stop_times"]) == (2, 4, 3, 9)
    assert (found["problems"], found["time_zone"]) == (0, "Asia/Almaty")


def test_import_tells_what_is_wrong_by_line(tmp_path, capsys):
    broken = {**GOOD, "stops.txt": GOOD["stops.txt"].replace("43.25,76.92", "north,76.92")}
    assert run(["transit", "import", str(zipped(tmp_path / "broken.zip", broken)), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["problems"] >= 1
    assert any(
        (row["file"], row["line"], row["value"]) == ("stops.txt", 4, "north") for row in found["wrong"]
    )


def test_positions_become_visits_whose_punctuality_is_told(gtfs, positions, tmp_path, capsys):
    folder = tmp_path / "visits"
    assert run(["transit", "match", positions, "--gtfs", gtfs, "-o", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["positions"], found["stop_visits"], found["trips"]) == (11, 4, 1)
    chosen = ["--definition", "on-time-visits", "--by", "route", "--json"]
    assert run(["transit", "punctuality", str(folder / "stop_visits.csv"), *chosen]) == 0
    (figure,) = json.loads(capsys.readouterr().out)
    assert set(figure) == {"definition", "group", "value", "numerator", "denominator", "unobserved"}
    assert figure["denominator"] == 4


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["punctuality", "nowhere.csv"], "nowhere.csv"),
        (["match", "{positions}", "--gtfs", "{positions}"], "avl.csv"),
        (["punctuality", "{positions}", "--gtfs", "{gtfs}", "--definition", "lateness"], "on-time-visits"),
    ],
)
def test_what_is_wrong_is_refused(arguments, word, gtfs, positions, capsys):
    filled = [text.format(positions=positions, gtfs=gtfs) for text in arguments]
    assert run(["transit", *filled, "--json"]) == 2
    assert word in capsys.readouterr().err


def test_generated_taps_are_found_again_and_carried(tmp_path, capsys):
    taps = str(tmp_path / "taps.csv")
    assert run(["transit", "taps", "grid-6x5", "--vehicles", "10", "-o", taps, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["label"] == "generated"
    assert made["boarded"] == made["taps"] > made["linked"] >= made["alightings_found"] > 0
    days = ["transit", "replay", "grid-6x5", "--vehicles", "10", "--seeds", "1", "--workers", "1", "--json"]
    days += ["--only", "untouched"]
    assert run([*days, "--taps", taps, "--expansion", "1.5"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["taps"]["boarded"] == made["taps"]
    assert found["taps"]["expansion"] == 1.5
    assert "taps" in found["label"]
    assert run(days) == 0
    plain = json.loads(capsys.readouterr().out)
    assert "taps" not in plain
    assert plain["variants"]["untouched"]["mean"] != found["variants"]["untouched"]["mean"]


def test_plans_may_heed_buses_and_their_cost_to_traffic_is_told(tmp_path, capsys):
    plans = str(tmp_path / "plans.json")
    heed = ["optimize", "grid-6x5", "--buses", "40", "--steps", "2", "-o", plans, "--json"]
    assert run(heed) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["objective_after"] <= found["objective_before"]
    days = ["transit", "replay", "grid-6x5", "--vehicles", "10", "--seeds", "1", "--workers", "1"]
    for name in ("untouched", "signal priority", "other signals", "all together"):
        days += ["--only", name]
    assert run([*days, "--plans", plans, "--json"]) == 0
    variants = json.loads(capsys.readouterr().out)["variants"]
    delay = {name: row["mean"]["traffic_delay_s"] for name, row in variants.items()}
    assert delay["untouched"] == delay["signal priority"] > 0.0
    assert delay["other signals"] == delay["all together"] > 0.0
    assert run(["evaluate", "grid-6x5", "--plans", plans, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["delay_s_per_veh"]
    assert delay["other signals"] == pytest.approx(told, abs=1e-4)


def test_replayed_days_are_drawn_under_each_variant(tmp_path, capsys):
    file = tmp_path / "lines.html"
    chosen = [
        "--only",
        "untouched",
        "--only",
        "headway holding",
        "--vehicles",
        "6",
        "--seeds",
        "1",
        "--workers",
        "1",
    ]
    command = ["transit", "replay", "grid-6x5", *chosen, "--quiet"]
    assert run([*command, "--string-lines", str(file)]) == 0
    page = file.read_text(encoding="utf-8")
    assert page.count("<svg") >= 2
    assert re.search(r"</title>(Street|Avenue) \d+ \(\d+:\d+\)</text>", page)
    assert "untouched" in page
    assert "headway holding" in page
    assert run([*command, "--string-lines", str(file), "--route", "no such", "--json"]) == 2
    assert "must be a route of the day" in capsys.readouterr().err
    assert run([*command, "--string-lines", str(tmp_path / "lines.txt")]) == 2
