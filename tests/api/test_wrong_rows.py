"""Rows of a record that are wrong: every command that reads it says so, as figures are without them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from api.cli import run

MAP = """[columns]
day = "day"
trip = "trip"
stop = "stop"
scheduled_departure = "plan"
departure = "act"
zone = "Asia/Almaty"
"""
LATE = 30


def written(folder: Path, rows: int) -> list[str]:
    """Return a record of which every second row is late by an hour, and of a day that there is not; and its map."""
    file, columns = folder / "lost.csv", folder / "map.toml"
    good = "2026-11-27,t{k},s1,08:{m:02d}:00,08:{m:02d}:30\n"
    bad = "2026-11-31,t{k},s1,08:{m:02d}:00,09:{m:02d}:00\n"
    texts = [(bad if k % 2 else good).format(k=k, m=k % 60) for k in range(rows)]
    file.write_text("day,trip,stop,plan,act\n" + "".join(texts), encoding="utf-8")
    columns.write_text(MAP, encoding="utf-8")
    return [str(file), "--columns", str(columns)]


@pytest.fixture
def record(tmp_path: Path) -> list[str]:
    return written(tmp_path, 2 * LATE)


def test_punctuality_tells_people(record: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["transit", "punctuality", *record, "--definition", "on-time-visits"]) == 0
    found = capsys.readouterr()
    assert "problems" not in found.out
    head, *lines = found.err.splitlines()
    assert (
        head
        == f"Warning: problems of the record: {LATE}: {LATE} errors (left out), 0 warnings (used all the same)"
    )
    assert lines[0].startswith("  error: lost.csv, line 3: day: ")
    assert lines[-1] == f"  ... and {LATE - 20} more; --json has all of them"


def test_punctuality_tells_programs_beside_the_figures(
    record: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["transit", "punctuality", *record, "--definition", "on-time-visits", "--json"]) == 0
    found = capsys.readouterr()
    (figure,) = json.loads(found.out)
    assert (figure["numerator"], figure["denominator"]) == (LATE, LATE)
    told = json.loads(found.err)
    assert (told["problems"], told["errors"]) == (LATE, LATE)
    assert [row["line"] for row in told["wrong"]] == list(range(3, 2 * LATE + 2, 2))
    assert {(row["field"], row["value"]) for row in told["wrong"]} == {("day", "2026-11-31")}


@pytest.mark.parametrize(
    "command",
    [["definitions"], ["replay", "--mode", "trace"]],
    ids=["definitions", "replay"],
)
def test_others_tell_in_their_result(
    command: list[str], record: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["transit", command[0], *record, *command[1:], "--json"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    found = json.loads(told.out)
    assert (found["problems"], found["errors"], len(found["wrong"])) == (LATE, LATE, LATE)
    assert run(["transit", command[0], *record, *command[1:]]) == 0
    shown = capsys.readouterr()
    assert f"{LATE} errors (left out)" in shown.out + shown.err
    assert "lost.csv, line 3: day: " in shown.out + shown.err


def test_a_record_with_nothing_wrong_is_not_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["transit", "punctuality", *written(tmp_path, 1), "--definition", "on-time-visits"]) == 0
    assert capsys.readouterr().err == ""


def test_more_than_are_told_one_by_one_come_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A thousand are; of the others people see the number at once, not behind the thousand."""
    record = written(tmp_path, 4000)
    assert run(["transit", "punctuality", *record, "--definition", "on-time-visits"]) == 0
    assert "1000 more rows like this" in capsys.readouterr().err.splitlines()[1]
