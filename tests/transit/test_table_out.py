"""Tables out: what is written is read back by other programs, the same in CSV and in Parquet."""

from __future__ import annotations

import csv
import math
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transit.made_visits import NINE_S, random_rows, trip, visits_of
from traffic.errors import InputError
from transit.definitions import named
from transit.punctuality import punctuality
from transit.table_out import write_figures, write_visits
from transit.visits import Relationship, StopVisits

duckdb: Any = pytest.importorskip("duckdb")


def _rows(path: Path) -> list[dict[str, Any]]:
    """Read a Parquet file by a library that did not write it."""
    reader = duckdb.connect()
    reader.execute("SET TimeZone = 'UTC'")
    found = reader.execute("SELECT * FROM read_parquet(?)", [str(path)])
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_visits_come_back(tmp_path: Path) -> None:
    rows = trip([0.0, None, 90.25], vehicle="v7", direction=1)
    rows[1] |= {"relationship": Relationship.SKIPPED, "timepoint": False, "route": None, "direction": -1}
    write_visits(tmp_path / "visits.parquet", visits_of(rows))
    first, second, last = _rows(tmp_path / "visits.parquet")
    assert (first["day"], first["route"], first["trip"], first["vehicle"]) == (
        date(2018, 10, 1),
        "1",
        "t",
        "v7",
    )
    assert (first["point"], last["point"], second["relationship"]) == ("start", "end", "skipped")
    assert (second["route"], second["direction"], first["direction"]) == (None, None, 1)
    assert (second["timepoint"], first["timepoint"]) == (False, True)
    assert first["departure"] == datetime.fromtimestamp(NINE_S, tz=UTC)
    assert (second["departure"], first["arrival"]) == (None, None)
    assert last["arrival"] == datetime.fromtimestamp(NINE_S + 690.25, tz=UTC)
    assert last["arrival_deviation_s"] == 90.25
    assert first["departure_deviation_s"] == 0.0
    assert first["boardings"] is None
    write_visits(tmp_path / "visits.csv", visits_of(rows))
    text = _csv(tmp_path / "visits.csv")
    assert (text[0]["departure"], text[2]["arrival"]) == (
        "2018-10-01 13:00:00.000Z",
        "2018-10-01 13:11:30.250Z",
    )
    assert (text[1]["departure"], text[1]["direction"], text[1]["route"]) == ("", "", "")
    assert list(text[0]) == list(first)


def test_times_in_parquet_have_the_zone_of_the_visits(tmp_path: Path) -> None:
    from pyarrow import parquet

    write_visits(tmp_path / "visits.parquet", visits_of(trip([0.0, 0.0])))
    schema = parquet.read_schema(tmp_path / "visits.parquet")
    assert str(schema.field("departure").type) == "timestamp[ms, tz=America/New_York]"


def test_figures_come_back(tmp_path: Path) -> None:
    rows = trip([0.0, 600.0], "a") + trip([None, None], "b", start_s=1200.0, route=None)
    figures = punctuality(
        visits_of(rows), ("route", "hour", "direction"), named(["on-time-visits-seen", "deviation-p50"])
    )
    write_figures(tmp_path / "figures.parquet", figures)
    write_figures(tmp_path / "figures.csv", figures)
    found, text = _rows(tmp_path / "figures.parquet"), _csv(tmp_path / "figures.csv")
    assert found == [
        {
            "definition": figure.definition,
            "unit": unit,
            **figure.group,
            "value": figure.value,
            "numerator": float(figure.numerator),
            "denominator": float(figure.denominator),
            "unobserved": figure.unobserved,
        }
        for figure, unit in zip(figures, ["share", "share", "s", "s"], strict=True)
    ]
    assert list(text[0]) == list(found[0])
    assert [row["value"] for row in text] == ["0.5", "", "0", ""]
    assert [row["route"] for row in text] == ["1", "", "1", ""]


@settings(max_examples=25)
@given(
    rows=st.lists(random_rows(), min_size=0, max_size=1).map(
        lambda some: [row for one in some for row in one]
    )
)
def test_any_visits_come_back(rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("table") / "visits.parquet"
    write_visits(path, visits_of(rows))
    found = _rows(path)
    assert len(found) == len(rows)
    for given_row, row in zip(rows, found, strict=True):
        for name in ("route", "trip", "stop", "vehicle", "block", "sequence"):
            assert row[name] == given_row[name]
        for name in ("arrival", "departure", "scheduled_arrival", "scheduled_departure"):
            wanted = given_row[f"{name}_s"]
            if math.isnan(wanted):
                assert row[name] is None
            else:
                assert row[name].timestamp() == pytest.approx(wanted, abs=0.0006)


def test_no_visits_make_a_table_without_rows(tmp_path: Path) -> None:
    write_visits(tmp_path / "visits.parquet", StopVisits.of("Asia/Almaty", 0))
    assert _rows(tmp_path / "visits.parquet") == []


@pytest.mark.parametrize("name", ["figures.xlsx", "figures", "figures.csv.gz"])
def test_other_names_are_refused(name: str, tmp_path: Path) -> None:
    figures = punctuality(visits_of(trip([0.0, 0.0])), (), named(["on-time-visits"]))
    with pytest.raises(InputError, match=r"must end in \.csv or \.parquet"):
        write_figures(tmp_path / name, figures)
    assert list(tmp_path.iterdir()) == []
