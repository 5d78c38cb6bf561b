"""Stop visits of any layout, by a map of their columns."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transit.made_visits import trip, visits_of
from traffic.errors import InputError
from transit.coded import Coded
from transit.records import read_column_map, read_record
from transit.table_out import write_visits
from transit.visit_columns import VisitMap
from transit.visit_files import VisitFormat, read_visits
from transit.visits import Point, Relationship, StopVisits

ZONE = "Asia/Almaty"
CLOCKS = """date,run,halt,planned,real,what
2026-11-26,a,s1,23:50,23:50:30,
26.11.2026,a,s2,23:55,23:55:00,
20261126,a,s3,24:10:00,,
20261126,b,s3,24:20:00,,Skipped
,b,s4,24:30:00,24:31:00,
20261126,b,,24:30:00,24:31:00,
20261126,b,s4,24:75:00,,
"""
NAMED = VisitMap(
    stop="halt",
    day="date",
    trip="run",
    scheduled_departure="planned",
    departure="real",
    relationship="what",
    zone=ZONE,
)


def posix(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).timestamp()


def read(
    path: Path, text: str, meaning: VisitMap, zone: str | None = None
) -> tuple[StopVisits, list[tuple[int, str]]]:
    path.write_text(text, encoding="utf-8")
    found = read_visits(path, columns=meaning, zone=zone)
    assert found.kind is VisitFormat.CSV
    return found.visits, [(problem.line, problem.field) for problem in found.problems]


def test_clock_times_are_of_the_service_day(tmp_path: Path) -> None:
    good = "".join(line + "\n" for k, line in enumerate(CLOCKS.splitlines()) if k in {0, 1, 3, 4})
    visits, problems = read(tmp_path / "v.csv", good, NAMED)
    assert problems == []
    assert visits.scheduled_departure_s.tolist() == [
        posix("2026-11-26 23:50:00"),
        posix("2026-11-27 00:10:00"),
        posix("2026-11-27 00:20:00"),
    ]
    assert visits.departure_deviation_s[0] == 30.0
    assert len(set(visits.day.tolist())) == 1
    assert visits.relationship.tolist() == [0, Relationship.MISSING, Relationship.SKIPPED]
    assert visits.point.tolist() == [Point.START, Point.END, Point.START]
    assert visits.sequence.tolist() == [1, 2, 1]
    assert visits.zone == ZONE


def test_rows_that_are_wrong_are_told_and_left_out(tmp_path: Path) -> None:
    """A day that is none, no day at all, and no stop."""
    rows = CLOCKS.replace("24:75:00", "24:35:00")
    visits, problems = read(tmp_path / "v.csv", rows, NAMED)
    assert problems == [(3, "date"), (6, "date"), (7, "halt")]
    assert visits.stop.texts() == ["s1", "s3", "s3", "s4"]


def test_clock_times_without_a_service_day_are_told(tmp_path: Path) -> None:
    meaning = VisitMap(stop="s", scheduled_arrival="plan")
    visits, problems = read(tmp_path / "v.csv", "s,plan\ns1,08:00:00\ns2,08:10\n", meaning)
    assert (len(visits), problems) == (0, [(2, "plan"), (3, "plan")])


def test_times_with_a_date_need_no_day(tmp_path: Path) -> None:
    """The night belongs to the day before."""
    text = "s,t,plan,real\ns1,a,2026-11-26 23:50:00,2026-11-26T18:50:30Z\ns2,a,2026-11-27 00:10:00,\n"
    meaning = VisitMap(stop="s", trip="t", scheduled_arrival="plan", arrival="real")
    visits, problems = read(tmp_path / "v.csv", text, meaning, ZONE)
    assert problems == []
    assert visits.arrival_deviation_s[0] == 30.0
    assert visits.day[0] == visits.day[1]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('[columns]\nstop = "s"\n', "must name one of scheduled_arrival"),
        ('[columns]\narrival = "a"\n', "must be given"),
        ('[columns]\nstop = "s"\narrival = 5\n', "must be a text"),
        ('[columns]\nstop = "s"\narival = "a"\n', "must be one of stop, scheduled_arrival"),
        ("columns = 5\n", "must be a table"),
        ('columns = { stop = "s", arrival = "a", zone = "Almaty" }\n', "must be an IANA time zone"),
        ("[columns\n", "must be TOML"),
    ],
)
def test_maps_that_are_wrong_are_refused(text: str, rule: str, tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=rule):
        read_column_map(tmp_path / "map.toml")


def test_a_column_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("halt,planned\ns1,2026-11-26 08:00:00\n", encoding="utf-8")
    with pytest.raises(InputError, match="Columns there: halt, planned"):
        read_visits(tmp_path / "v.csv", columns=VisitMap(stop="halt", arrival="real"))


def test_a_record_is_read_by_a_map(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("halt,real\ns1,2026-11-26 08:00:00\n", encoding="utf-8")
    found = read_record(tmp_path / "v.csv", zone=ZONE, columns=VisitMap(stop="halt", arrival="real"))
    assert found.visits.arrival_s.tolist() == [posix("2026-11-26 08:00:00")]


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 12))
def test_tables_that_are_written_come_back(
    seed: int, rows: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """All columns but headways and confidence, which tables of visits have beside these."""
    generator = np.random.default_rng(seed)
    made = visits_of(
        [row for k in range(rows) for row in trip(generator.uniform(0.0, 900.0, 3).tolist(), name=f"t{k}")]
    )
    path = tmp_path_factory.mktemp("visits") / "visits.csv"
    made = made.rounded(3)
    write_visits(path, made)
    found = read_visits(path, zone=made.zone)
    assert (found.kind, found.problems) == (VisitFormat.TABLE, ())
    for name in (field.name for field in fields(StopVisits)):
        if name in {"scheduled_headway_s", "headway_s", "confidence", "zone"}:
            continue
        old, new = getattr(made, name), getattr(found.visits, name)
        if isinstance(old, Coded):
            assert new.texts() == old.texts()
        else:
            np.testing.assert_array_equal(new, old, err_msg=name)
