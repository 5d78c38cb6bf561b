"""`jasyl transit match` as an analyst meets it: figures are those of positions, what does not fit is told."""

from __future__ import annotations

import gzip
import json
from concurrent.futures import Future
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

from api.cli import run
from tests.transit.feeds import GOOD, zipped

HEADER = "vehicleId,time,assignmentId,assignmentType,heading,latitude,longitude\n"


def driven(
    *,
    vehicle: str = "17",
    block: str = "b1",
    start: str = "2026-11-26T08:00:00",
    minutes: int = 11,
    first: int = 0,
    lat: float = 43.25,
    lon: float = 76.90,
    every_s: float = 60.0,
) -> str:
    """A vehicle that drives east from the first stop, without the header."""
    begin = datetime.fromisoformat(start)
    return "".join(
        f"{vehicle},{(begin + timedelta(seconds=every_s * k)).isoformat(sep=' ')},{block},BLOCK_ID,90,"
        f"{lat},{lon + 0.004 * k:.4f}\n"
        for k in range(first, minutes)
    )


@pytest.fixture
def gtfs(tmp_path: Path) -> str:
    return str(zipped(tmp_path / "gtfs.zip", GOOD))


def written(folder: Path, text: str, name: str = "avl.csv") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> Any:
    assert run(["transit", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    assert run(["transit", *arguments, "--json"]) == 2
    found: dict[str, str] = json.loads(capsys.readouterr().err)
    return found


# What was not seen is in the package


CUT = (
    HEADER + driven(minutes=5) + driven(vehicle="18", start="2026-11-25T08:01:13.137", first=3, every_s=61.3)
)
FIELDS = ["", "route", "stop", "hour", "block", "day", "vehicle", "direction"]


@pytest.mark.parametrize("by", FIELDS)
@pytest.mark.parametrize("every", [[], ["--all-trips"]])
def test_figures_are_the_same_from_the_package_and_the_table(
    by: str, every: list[str], gtfs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """To the last digit, whatever they are counted by; two vehicles on one trip, of which parts were seen, are among them."""
    positions = written(tmp_path, CUT + driven(vehicle="19", start="2026-11-26T08:00:30.4", minutes=9))
    folder, table = tmp_path / "visits", tmp_path / "visits.csv"
    match = ["match", positions, "--gtfs", gtfs, "-o", str(folder), "--table", str(table), *every]
    told(match, capsys)
    fields = ["--by", by]
    direct = told(["punctuality", positions, "--gtfs", gtfs, *fields, *every], capsys)
    assert any(row["unobserved"] > 0.0 and row["denominator"] for row in direct) or by == "vehicle"
    assert told(["punctuality", str(folder), *fields], capsys) == direct
    assert told(["punctuality", str(table), "--zone", "Asia/Almaty", *fields], capsys) == direct


@pytest.mark.parametrize("seed", range(3))
def test_figures_of_frequent_buses_are_the_same_to_the_last_digit(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Waits and headways are sums of times that no decimal number is; they depend on the order in which they are taken."""
    generator = np.random.default_rng(seed)
    trips, stops = (
        GOOD["trips.txt"].splitlines()[0] + "\n",
        "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n",
    )
    rows = []
    for k in generator.permutation(12).tolist():
        trips += f"r1,week,f{k},,0,f{k},east\n"
        for place, stop in enumerate(("s1", "s2", "s3", "s4")):
            due = f"08:{5 * k // 2 + 3 * place:02d}:00"
            stops += f"f{k},{due},{due},{stop},{place + 1}\n"
        drive = driven(
            vehicle=f"v{k}",
            block=f"f{k}",
            start=f"2026-11-26T08:{5 * k // 2:02d}:{generator.uniform(10, 50):07.4f}",
            first=int(generator.integers(0, 4)),
            minutes=int(generator.integers(7, 12)),
            every_s=float(generator.uniform(50.0, 70.0)),
        )
        rows += drive.splitlines(keepends=True)
    rows = [rows[k] for k in np.argsort([row.split(",")[1] for row in rows], kind="stable").tolist()]
    gtfs = str(zipped(tmp_path / "frequent.zip", {**GOOD, "trips.txt": trips, "stop_times.txt": stops}))
    positions, folder = written(tmp_path, HEADER + "".join(rows)), tmp_path / "visits"
    told(["match", positions, "--gtfs", gtfs, "-o", str(folder)], capsys)
    for by in ("", "stop", "hour"):
        direct = told(["punctuality", positions, "--gtfs", gtfs, "--by", by], capsys)
        assert told(["punctuality", str(folder), "--by", by], capsys) == direct
        assert any(row["definition"] == "excess-wait" and row["value"] is not None for row in direct)


def test_figures_of_real_buses_are_the_same_from_the_package(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shared_data / "transit" / "wmata_2016"
    for route, name in (("S2", "avl_S2_2113.csv"), ("5A", "avl_5A_8062.csv")):
        positions, gtfs, out = folder / name, folder / f"wmata_gtfs_{route}.zip", tmp_path / route
        found = told(["match", str(positions), "--gtfs", str(gtfs), "-o", str(out)], capsys)
        assert found["stop_visits"] == found["could_be_found"] < found["due"]
        direct = told(["punctuality", str(positions), "--gtfs", str(gtfs), "--by", "hour"], capsys)
        assert told(["punctuality", str(out), "--by", "hour"], capsys) == direct


def test_what_was_due_and_could_be_found_is_told(
    gtfs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first bus is seen at the first three of four stops and the fourth stop is ahead of it; t2 was not seen at all."""
    positions = written(tmp_path, HEADER + driven(minutes=6))
    found = told(["match", positions, "--gtfs", gtfs], capsys)
    assert (found["positions"], found["matched"], found["trips"]) == (6, 6, 1)
    assert (found["stop_visits"], found["could_be_found"], found["share_found"], found["due"]) == (
        3,
        3,
        1.0,
        4,
    )
    assert found["warnings"] == []


def test_all_trips_of_the_time_were_due_where_all_vehicles_were_recorded(
    gtfs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of Wednesday one trip is seen at eight, of Thursday the other; in between two trips ran that nobody saw."""
    positions = written(
        tmp_path, HEADER + driven(start="2026-11-25T08:00:00") + driven(start="2026-11-26T08:00:00")
    )
    some = told(["match", positions, "--gtfs", gtfs], capsys)
    whole = told(["match", positions, "--gtfs", gtfs, "--all-trips"], capsys)
    assert (some["trips"], some["due"]) == (2, 8)
    assert (whole["trips"], whole["due"]) == (
        3,
        11,
    )  # t2 of Wednesday; that of Thursday begins after the last position
    dropped = ["--definition", "trips-dropped", "--all-trips"]
    (figure,) = told(["punctuality", positions, "--gtfs", gtfs, *dropped], capsys)
    assert (figure["numerator"], figure["denominator"]) == (1, 3)


# What does not fit


@pytest.mark.parametrize(
    ("rows", "most", "words"),
    [
        (driven(start="2015-08-01T08:00:00"), "no_trip", ["2015-08-01", "2026-11-23 to 2026-12-04"]),
        (driven(lat=38.9, lon=-77.0), "", ["nearest stop", "give the timetable of their city"]),
        (driven(block="b9"), "unknown_assignment", ["'b9'", "'b1'", "--ignore-assignments"]),
        (driven(start="2026-11-26T03:00:00"), "no_trip", ["100% of them", "--zone UTC"]),
        (driven(lat=0.0, lon=0.0, minutes=1) * 2, "no_place", ["0 and 0"]),
        (driven(start="2026-11-26T15:00:00"), "no_trip", ["No trip is under way at their times"]),
    ],
)
def test_positions_that_do_not_fit_are_refused_with_the_reason(
    rows: str, most: str, words: list[str], gtfs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    positions, folder = written(tmp_path, HEADER + rows), tmp_path / "visits"
    for arguments in (["match", positions, "-o", str(folder)], ["punctuality", positions]):
        problem = refused([*arguments, "--gtfs", gtfs], capsys)
        assert problem["file"] == positions
        assert "none of" in problem["rule"]
        assert problem["value"].startswith(most)
        assert all(word in problem["hint"] for word in words), problem["hint"]
    assert not folder.exists()


def test_exchanged_coordinates_are_recognised(
    gtfs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = driven().replace("43.25,76.9", "76.9,43.25")
    positions = written(tmp_path, HEADER + rows.replace("43.25,76.9", "76.9,43.25"))
    assert "exchanged" in refused(["match", positions, "--gtfs", gtfs], capsys)["hint"]


def test_a_few_that_fit_are_kept_and_the_others_are_warned_of(
    gtfs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = driven(minutes=4) + "".join(driven(vehicle=f"x{k}", block="b9") for k in range(8))
    positions, folder = written(tmp_path, HEADER + rows), tmp_path / "visits"
    found = told(["match", positions, "--gtfs", gtfs, "-o", str(folder)], capsys)
    assert (found["matched"], found["positions"]) == (4, 92)
    (warning,) = found["warnings"]
    assert "4 of 92 positions are" in warning
    assert "--ignore-assignments" in warning
    assert (folder / "stop_visits.csv").exists()
    assert run(["transit", "match", positions, "--gtfs", gtfs]) == 0
    assert f"Warning: {warning}" in capsys.readouterr().err


def test_a_feed_of_one_moment_has_no_visits_and_that_is_told(
    gtfs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bus between two stops: nothing is due, and its trip is not taken for one that was dropped."""
    positions = written(tmp_path, HEADER + driven(first=1, minutes=2))
    found = told(["match", positions, "--gtfs", gtfs], capsys)
    assert (found["matched"], found["stop_visits"], found["could_be_found"], found["due"]) == (1, 0, 0, 0)
    assert found["share_found"] is None
    (warning,) = found["warnings"]
    assert "no stop visit is to be seen" in warning


def test_assignments_that_are_unknown_are_ignored_where_that_is_asked_for(
    gtfs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    positions = written(tmp_path, HEADER + driven(block="b9"))
    found = told(["match", positions, "--gtfs", gtfs, "--ignore-assignments"], capsys)
    assert (found["matched"], found["stop_visits"]) == (11, 4)


def test_a_file_of_which_no_row_is_right_is_refused(
    gtfs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    positions = written(tmp_path, HEADER + driven().replace("43.25", "north"))
    problem = refused(["match", positions, "--gtfs", gtfs], capsys)
    assert problem["rule"] == "must have a position that can be used"
    assert "line 2" in problem["value"]
    assert "11 rows" in problem["value"]


# Other layouts


GPS = "bus,when,x,y,speed_kmh\n" + "".join(
    f"17,2026-11-26T08:{k:02d}:00,{76.90 + 0.004 * k:.4f},43.25,19\n" for k in range(11)
)
MAP = '[columns]\ntime = "when"\nlon = "x"\nlat = "y"\nvehicle = "bus"\n'


def test_any_table_is_read_by_a_map_of_its_columns(
    gtfs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gps, columns = written(tmp_path, GPS, "gps.csv"), written(tmp_path, MAP, "map.toml")
    mapped = ["--gtfs", gtfs, "--columns", columns]
    found = told(["match", gps, *mapped], capsys)
    assert (found["matched"], found["stop_visits"]) == (11, 4)
    (figure,) = told(["punctuality", gps, *mapped, "--definition", "on-time-visits"], capsys)
    assert (figure["denominator"], figure["unobserved"]) == (4, 0.0)
    ahead = told(["predict", gps, *mapped, "--at", "2026-11-26T08:03"], capsys)
    assert [row["stop"] for row in ahead["predictions"]] == ["s3", "s4"]
    page = str(tmp_path / "page.html")
    assert told(["report", gps, *mapped, "-o", page], capsys)["stop_visits"] == 4


def test_the_zone_of_a_map_holds_before_that_of_the_timetable(
    gtfs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gps = written(tmp_path, GPS.replace("T08:", "T03:"), "gps.csv")
    columns = written(tmp_path, MAP + 'zone = "UTC"\n', "map.toml")
    mapped = ["match", gps, "--gtfs", gtfs, "--columns", columns]
    assert told(mapped, capsys)["stop_visits"] == 4
    assert "2026-11-26" not in refused([*mapped, "--zone", "Asia/Almaty"], capsys)["hint"]


@pytest.mark.parametrize("command", ["match", "predict"])
def test_an_unknown_table_is_refused_with_the_map_to_write(
    command: str, gtfs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The example in the error is right as it stands where the names of columns are common ones."""
    gps = written(tmp_path, GPS, "gps.csv")
    problem = refused([command, gps, "--gtfs", gtfs], capsys)
    assert problem["value"] == "bus, when, x, y, speed_kmh"
    example = problem["hint"].split("--columns: ")[1].split(". Known")[0]
    columns = written(tmp_path, example, "map.toml")
    assert told([command, gps, "--gtfs", gtfs, "--columns", columns], capsys)["fates"] == {"matched": 11}


def test_visits_of_another_layout_are_read_by_a_map(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    visits = "date,run,halt,planned,real\n20261126,a,s1,23:50:00,23:50:30\n20261126,a,s2,24:10,24:20:00\n"
    file = written(tmp_path, visits, "visits.csv")
    problem = refused(["punctuality", file], capsys)
    assert 'stop = "halt"' in problem["hint"]
    names = 'day = "date"\ntrip = "run"\nstop = "halt"\nscheduled_departure = "planned"\ndeparture = "real"\n'
    columns = written(tmp_path, "[columns]\n" + names, "map.toml")
    chosen = ["--definition", "on-time-visits", "--by", "hour", "--columns", columns]
    found = told(["punctuality", file, *chosen, "--zone", "Asia/Almaty"], capsys)
    assert [(row["group"]["hour"], row["value"]) for row in found] == [(0, 0.0), (23, 1.0)]


# A package is a record


def test_the_folder_of_a_package_is_matched_by_its_vehicle_locations(
    gtfs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its positions have the trips that they were matched to: a second match finds the same."""
    positions = written(tmp_path, HEADER + driven(minutes=7))
    first, second = tmp_path / "first", tmp_path / "second"
    found = told(["match", positions, "--gtfs", gtfs, "-o", str(first)], capsys)
    again = told(["match", str(first), "--gtfs", gtfs, "-o", str(second)], capsys)
    assert {**again, "visits": ""} == {**found, "visits": ""}
    for name in ("stop_visits.csv", "trips_performed.csv", "vehicle_locations.csv"):
        text = (first / name).read_text(encoding="utf-8")
        assert (second / name).read_text(encoding="utf-8") == text
    assert "t1" in (first / "vehicle_locations.csv").read_text(encoding="utf-8")
    (first / "stop_visits.csv").unlink()
    chosen = ["--definition", "on-time-visits"]
    (by_place,) = told(["punctuality", str(first), "--gtfs", gtfs, *chosen], capsys)
    (by_visit,) = told(["punctuality", str(second), *chosen], capsys)
    assert by_place == by_visit


def test_a_folder_without_positions_is_refused(
    gtfs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    problem = refused(["match", str(tmp_path / "empty"), "--gtfs", gtfs], capsys)
    assert "vehicle_locations.csv" in problem["rule"]


# Small things


@pytest.mark.parametrize(("name", "content"), [("a.zip", b""), ("a.zip", b" \n"), ("a.txt", b"")])
def test_an_empty_feed_is_refused(
    name: str, content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    problem = refused(["import", str(tmp_path / name)], capsys)
    assert problem["rule"] == "must not be empty"
    assert problem["file"] == str(tmp_path / name)


def test_an_empty_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "feed").mkdir()
    problem = refused(["import", str(tmp_path / "feed")], capsys)
    assert problem["rule"] == "must hold stop_times.txt"


def test_positions_packed_with_gzip_are_read(
    gtfs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "avl.csv.gz").write_bytes(gzip.compress((HEADER + driven()).encode()))
    assert told(["match", str(tmp_path / "avl.csv.gz"), "--gtfs", gtfs], capsys)["matched"] == 11


@pytest.mark.parametrize(("more", "shown"), [([], True), (["--quiet"], False), (["--json"], False)])
def test_that_kernels_are_compiled_is_told_once(
    more: list[str],
    shown: bool,
    gtfs: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    done: list[str] = []
    monkeypatch.setattr("simulation.warmup._marker", lambda group: tmp_path / f"complete-{group}")
    monkeypatch.setattr("simulation.warmup._import", done.append)
    monkeypatch.setattr("simulation.warmup.ProcessPoolExecutor", InPlace)
    positions = written(tmp_path, HEADER + driven())
    for first in (True, False):
        assert run(["transit", "match", positions, "--gtfs", gtfs, *more]) == 0
        assert ("Compiling, once for this version" in capsys.readouterr().err) == (shown and first)
    assert done.count("transit._kernels_matching") == 1


class InPlace:
    """A pool that does the work at once."""

    def __init__(self, *_: object, **__: object) -> None:
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def submit(self, work: Any, *arguments: Any) -> Any:

        future: Future[Any] = Future()
        future.set_result(work(*arguments))
        return future
