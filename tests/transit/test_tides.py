"""TIDES out: packages that keep the schemas, and hold what went in."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traffic.errors import InputError
from transit.coded import Coded
from transit.positions import Positions
from transit.tides import UNKNOWN_VEHICLE, write_tides
from transit.tides_columns import COLUMNS
from transit.visits import Relationship, StopVisits

DAY = (date(2026, 11, 30) - date(1970, 1, 1)).days
START_S = DAY * 86_400 - 5 * 3600  # midnight in Almaty
NAN = float("nan")


def visits(**changes: Any) -> StopVisits:
    """Trip a in no order with a stop left out; trip b, of which no vehicle is known, added; the day after trip a again."""
    columns: dict[str, Any] = {
        "day": [DAY, DAY, DAY, DAY, DAY + 1],
        "route": ["32", "32", "32", "7", "32"],
        "direction": [0, 0, 0, -1, 0],
        "trip": ["a", "a", "a", "b", "a"],
        "stop": ["s1", "s3", "s2", "s9", "s1"],
        "vehicle": [None, "v1", None, None, "v2"],
        "block": ["b1", "b1", "b1", None, "b1"],
        "sequence": [0, 9, 4, 1, 0],
        "relationship": [
            Relationship.SCHEDULED,
            Relationship.SCHEDULED,
            Relationship.SKIPPED,
            Relationship.ADDED,
            Relationship.MISSING,
        ],
        "timepoint": [True, True, False, True, True],
        "scheduled_arrival_s": [START_S + 100.0, START_S + 900.0, START_S + 500.0, NAN, START_S + 86_500.0],
        "scheduled_departure_s": [START_S + 120.0, NAN, START_S + 510.0, NAN, START_S + 86_520.0],
        "arrival_s": [START_S + 90.0, START_S + 950.25, NAN, START_S + 700.0, NAN],
        "departure_s": [START_S + 125.0, NAN, NAN, START_S + 730.0, NAN],
        "boardings": [12.0, 0.0, NAN, 3.0, NAN],
        "alightings": [0.0, 12.0, NAN, NAN, NAN],
        "load": [12.0, 0.0, NAN, NAN, NAN],
    }
    return StopVisits.of("Asia/Almaty", 5, **{**columns, **changes})


def positions() -> Positions:
    rows = 6
    return Positions(
        np.array([START_S + 95.5, START_S + 400.0, START_S + 86_600.0, NAN, START_S - 50.0, START_S + 96.0]),
        np.array([76.90, 181.0, 76.91, 0.0, 76.90, 0.0]),
        np.array([43.25, 43.25, -91.0, 0.0, 43.25, 0.0]),
        np.array([360.0, NAN, -90.0, 0.0, 0.0, 0.0], np.float32),
        np.array([8.5, NAN, -1.0, 0.0, 0.0, 0.0], np.float32),
        Coded.of(["v1", "v1", "v2", "v1", "v1", "v3"]),
        Coded.of(["a", None, "a", "a", "a", "x"]),
        Coded.none(rows),
        Coded.none(rows),
        np.array([3, 4, 5, 6, 7, 8]),
    )


def _rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_visits_come_back(tmp_path: Path) -> None:
    write_tides(tmp_path / "out", visits())
    rows = _rows(tmp_path / "out", "stop_visits")
    keys = [(row["service_date"], row["trip_id_performed"], row["trip_stop_sequence"]) for row in rows]
    assert keys == [
        ("2026-11-30", "a", "1"),
        ("2026-11-30", "a", "2"),
        ("2026-11-30", "a", "3"),
        ("2026-11-30", "b", "1"),
        ("2026-12-01", "a", "1"),
    ]
    assert [row["scheduled_stop_sequence"] for row in rows] == ["0", "4", "9", "", "0"]
    assert [row["stop_id"] for row in rows] == ["s1", "s2", "s3", "s9", "s1"]
    assert [row["vehicle_id"] for row in rows] == ["", "", "v1", "", "v2"]
    assert [row["schedule_relationship"] for row in rows] == [
        "Scheduled",
        "Skipped",
        "Scheduled",
        "Added",
        "Missing",
    ]
    assert [row["timepoint"] for row in rows] == ["true", "false", "true", "true", "true"]
    assert [row["dwell"] for row in rows] == ["35", "", "", "30", ""]
    assert [row["boarding_1"] for row in rows] == ["12", "", "0", "3", ""]
    assert [row["alighting_1"] for row in rows] == ["0", "", "12", "", ""]
    assert [row["departure_load"] for row in rows] == ["12", "", "0", "", ""]
    assert rows[0]["schedule_arrival_time"] == "2026-11-29T19:01:40Z"
    assert rows[0]["actual_departure_time"] == "2026-11-29T19:02:05Z"
    assert rows[2]["actual_arrival_time"] == "2026-11-29T19:15:50.250Z"
    assert rows[1]["actual_arrival_time"] == ""


def test_trips_come_back(tmp_path: Path) -> None:
    write_tides(tmp_path / "out", visits())
    one, other, next_day = _rows(tmp_path / "out", "trips_performed")
    assert (one["trip_id_performed"], one["vehicle_id"], one["route_id"], one["block_id"]) == (
        "a",
        "v1",
        "32",
        "b1",
    )
    assert (one["trip_start_stop_id"], one["trip_end_stop_id"], one["direction_id"]) == ("s1", "s3", "0")
    assert (one["schedule_trip_start"], one["schedule_trip_end"]) == (
        "2026-11-29T19:02:00Z",
        "2026-11-29T19:15:00Z",
    )
    assert (one["actual_trip_start"], one["actual_trip_end"]) == (
        "2026-11-29T19:02:05Z",
        "2026-11-29T19:15:50.250Z",
    )
    assert (other["vehicle_id"], other["trip_id_scheduled"], other["direction_id"]) == (
        UNKNOWN_VEHICLE,
        "",
        "",
    )
    relationships = [row["schedule_relationship"] for row in (one, other, next_day)]
    assert relationships == ["Scheduled", "Added", "Scheduled"]
    assert (next_day["vehicle_id"], next_day["actual_trip_start"]) == ("v2", "")
    vehicles = [row["vehicle_id"] for row in _rows(tmp_path / "out", "vehicles")]
    assert vehicles == [UNKNOWN_VEHICLE, "v1", "v2"]


def test_a_trip_of_which_all_stops_were_left_out_was_canceled(tmp_path: Path) -> None:
    write_tides(tmp_path / "out", visits(relationship=[Relationship.SKIPPED] * 5))
    rows = _rows(tmp_path / "out", "trips_performed")
    assert {row["schedule_relationship"] for row in rows} == {"Canceled"}


def test_positions_come_back(tmp_path: Path) -> None:
    write_tides(tmp_path / "out", visits(), positions())
    rows = _rows(tmp_path / "out", "vehicle_locations")
    assert [row["location_ping_id"] for row in rows] == ["3", "4", "5", "7", "8"]
    assert [row["service_date"] for row in rows] == ["2026-11-30", "", "2026-12-01", "", ""]
    assert [row["trip_id_performed"] for row in rows] == ["a", "", "a", "", ""]
    assert [row["trip_id_scheduled"] for row in rows] == ["a", "", "a", "a", "x"]
    assert rows[0]["event_timestamp"] == "2026-11-29T19:01:35.500Z"
    assert [(row["longitude"], row["latitude"]) for row in rows[:3]] == [
        ("76.9", "43.25"),
        ("", "43.25"),
        ("76.91", ""),
    ]
    assert [(row["heading"], row["speed"]) for row in rows[:3]] == [("0", "8.5"), ("", ""), ("270", "")]
    assert [row["vehicle_id"] for row in _rows(tmp_path / "out", "vehicles")] == [
        UNKNOWN_VEHICLE,
        "v1",
        "v2",
        "v3",
    ]


def test_rows_of_several_sources_have_numbers_of_their_own(tmp_path: Path) -> None:
    two = positions().take(np.array([0, 0]))
    write_tides(tmp_path / "out", visits(), two)
    assert [row["location_ping_id"] for row in _rows(tmp_path / "out", "vehicle_locations")] == ["1", "2"]


def test_a_visit_without_a_trip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"trip\[3\]: must be known of every visit"):
        write_tides(tmp_path / "out", visits(trip=["a", "a", "a", None, "a"]))
    assert not (tmp_path / "out").exists()


def test_no_visits_make_empty_tables(tmp_path: Path) -> None:
    write_tides(tmp_path / "out", StopVisits.of("Asia/Almaty", 0), positions())
    assert _rows(tmp_path / "out", "stop_visits") == []
    assert [row["trip_id_performed"] for row in _rows(tmp_path / "out", "vehicle_locations")] == [""] * 5


def _report(folder: Path, spec: Path) -> Any:
    """Validate a package with frictionless, by the schemas that are here instead of those on the web."""
    frictionless = pytest.importorskip("frictionless")
    package = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    for resource in package["resources"]:
        name = resource["schema"].rsplit("/", 1)[1]
        resource["schema"] = json.loads((spec / name).read_text(encoding="utf-8"))
        resource.pop("profile")
    package.pop("profile")
    return frictionless.Package.from_descriptor(package, basepath=str(folder)).validate()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_package_keeps_the_schemas(tmp_path: Path, shared_data: Path) -> None:
    folder, spec = tmp_path / "out", shared_data / "tides"
    write_tides(folder, visits(), positions(), title="Almaty", agency="Generated")
    report = _report(folder, spec)
    assert report.valid, report.flatten(["type", "note"])
    assert sorted(task.name for task in report.tasks) == [
        "stop_visits",
        "trips_performed",
        "vehicle_locations",
        "vehicles",
    ]
    profile = json.loads((spec / "tides-datapackage-profile.json").read_text(encoding="utf-8"))
    package = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    jsonschema.validate(package, profile)
    for resource in package["resources"]:
        assert (spec / resource["schema"].rsplit("/", 1)[1]).is_file()


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_are_those_of_the_schemas(name: str, shared_data: Path) -> None:
    schema = json.loads((shared_data / "tides" / f"{name}.schema.json").read_text(encoding="utf-8"))
    assert COLUMNS[name] == tuple(field["name"] for field in schema["fields"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_schemas_refuse_a_package_that_is_damaged(tmp_path: Path, shared_data: Path) -> None:
    folder = tmp_path / "out"
    write_tides(folder, visits(), positions())
    text = (folder / "stop_visits.csv").read_text(encoding="utf-8")
    (folder / "stop_visits.csv").write_text(text.replace("Skipped", "Forgotten"), encoding="utf-8")
    report = _report(folder, shared_data / "tides")
    assert [error[0] for error in report.flatten(["type"])] == ["constraint-error"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@settings(max_examples=15)
@given(
    trip=st.lists(st.sampled_from(["a", 'b,"c"', "d e", "ж"]), min_size=1, max_size=12),
    seed=st.integers(0, 1000),
)
def test_any_visits_keep_the_schemas(
    trip: list[str], seed: int, tmp_path_factory: pytest.TempPathFactory, shared_data: Path
) -> None:
    generator, rows = np.random.default_rng(seed), len(trip)
    times = START_S + generator.uniform(-1e5, 1e5, (4, rows))
    times[generator.uniform(size=times.shape) < 0.3] = np.nan
    made = StopVisits.of(
        "Asia/Almaty",
        rows,
        day=DAY + generator.integers(0, 2, rows),
        trip=trip,
        vehicle=[None if each < 0.4 else "v" for each in generator.uniform(size=rows).tolist()],
        sequence=generator.integers(0, 4, rows),
        relationship=generator.integers(0, 4, rows),
        direction=generator.integers(-1, 2, rows),
        arrival_s=times[0],
        departure_s=times[1],
        scheduled_arrival_s=times[2],
        scheduled_departure_s=times[3],
        load=generator.integers(-1, 90, rows),
    )
    folder = tmp_path_factory.mktemp("tides")
    write_tides(folder, made)
    report = _report(folder, shared_data / "tides")
    assert report.valid, report.flatten(["type", "note"])
    assert len(_rows(folder, "stop_visits")) == rows
    assert {row["trip_id_performed"] for row in _rows(folder, "trips_performed")} == set(trip)
