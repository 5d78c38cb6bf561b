"""Records as they come: files of visits, folders of TIDES tables, positions with a timetable."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.transit.feeds import GOOD, zipped
from tests.transit.made_visits import trip, visits_of
from traffic.errors import InputError
from transit.records import read_record
from transit.tides import write_tides

AVL = "vehicleId,time,assignmentId,assignmentType,heading,latitude,longitude\n" + "".join(
    f"17,2026-11-26 08:{minute:02d}:00,b1,BLOCK_ID,90,43.25,{76.90 + 0.004 * minute:.4f}\n"
    for minute in range(11)
)


@pytest.fixture
def gtfs(tmp_path: Path) -> Path:
    return zipped(tmp_path / "gtfs.zip", GOOD)


def test_positions_are_matched_and_what_was_missed_is_there_too(tmp_path: Path, gtfs: Path) -> None:
    (tmp_path / "avl.csv").write_text(AVL.replace("43.25,76.9400", "nowhere,76.9400"), encoding="utf-8")
    found = read_record(tmp_path / "avl.csv", gtfs)
    assert (found.name, found.visits.zone, len(found.visits)) == ("avl.csv", "Asia/Almaty", 4)
    assert int(found.visits.observed.sum()) == 3  # the last place of the bus was not read
    assert found.fates["matched"] == 10
    assert [(problem.file, problem.line) for problem in found.problems] == [("avl.csv", 12)]
    assert found.stop_names["s2"] == "Inner"


def test_a_folder_of_tides_tables_is_its_visits(tmp_path: Path, gtfs: Path) -> None:
    write_tides(tmp_path / "out", visits_of(trip([0.0, 60.0])))
    alone = read_record(tmp_path / "out")
    assert (alone.name, alone.visits.route.texts()) == ("stop_visits.csv", ["1", "1"])
    assert alone.visits.zone == "America/New_York"  # as datapackage.json says
    beside = read_record(tmp_path / "out" / "stop_visits.csv", gtfs)
    assert (beside.visits.zone, beside.stop_names["s1"]) == ("Asia/Almaty", "West")
    assert beside.visits.departure_s[0] == alone.visits.departure_s[0]
    assert read_record(tmp_path / "out", zone="Asia/Almaty").visits.zone == "Asia/Almaty"
    (tmp_path / "out" / "datapackage.json").unlink()
    assert read_record(tmp_path / "out").visits.zone == "UTC"


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must be a file, or a folder with stop_visits\.csv or vehicle_loc"):
        read_record(tmp_path)


def test_positions_without_a_timetable_are_refused(tmp_path: Path) -> None:
    (tmp_path / "avl.csv").write_text(AVL, encoding="utf-8")
    with pytest.raises(InputError, match="must come with a timetable, as it has positions"):
        read_record(tmp_path / "avl.csv")


@pytest.mark.parametrize("content", [b"PK\x03\x04a\rb\x00c\nd", b"\x00\r\x00\n", b'"open\r,a\n'])
def test_what_is_no_table_is_refused(content: bytes, tmp_path: Path, gtfs: Path) -> None:
    (tmp_path / "odd").write_bytes(content)
    for timetable in (None, gtfs):
        with pytest.raises(InputError, match="must"):
            read_record(tmp_path / "odd", timetable)
