"""Archived reports as Parquet files, a folder for each UTC day. With `simulation.sweep_results` an importer of pyarrow.

A file is complete or not there: it is written aside, brought to disk, and renamed. One that was written twice, because the
service ended before the reports were taken out of Redis, gives each report once when read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, date
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from api.store.chain import canonical
from api.store.errors import StoreDamaged
from api.store.reports import StoredReport

__all__ = ["archived_days", "read_day", "remove_days", "remove_drafts", "write_reports"]

_DRAFT = ".part"
_TIME = pa.timestamp("ms", tz="UTC")
_SCHEMA = pa.schema(
    [
        pa.field("junction", pa.string(), nullable=False),
        pa.field("number", pa.int64(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("at", _TIME, nullable=False),
        pa.field("received", _TIME, nullable=False),
        pa.field("data", pa.string(), nullable=False),
        pa.field("position", pa.string(), nullable=False),
    ]
)


def write_reports(folder: Path, reports: Sequence[StoredReport]) -> list[Path]:
    """Write reports to files by the day on which they were received; they are on disk when this returns."""
    by_day: dict[date, list[StoredReport]] = {}
    for report in reports:
        by_day.setdefault(report.received.astimezone(UTC).date(), []).append(report)
    return [_write_day(folder / day.isoformat(), rows) for day, rows in sorted(by_day.items())]


def read_day(folder: Path, day: date, *, junction: str | None = None) -> list[StoredReport]:
    """Return the archived reports of a day, each once, in the order in which they were received.

    Raises
    ------
    StoreDamaged
        When a file is not one that `write_reports` has written.
    """
    filters = None if junction is None else [("junction", "=", junction)]
    found: dict[tuple[str, int], StoredReport] = {}
    for path in sorted((folder / day.isoformat()).glob("*.parquet")):
        try:
            table = parquet.read_table(path, filters=filters, partitioning=None)
        except (pa.ArrowException, OSError) as error:
            raise StoreDamaged(
                "must be a Parquet file of reports", where=str(path), value=str(error)
            ) from error
        if not table.schema.equals(_SCHEMA):
            rule = f"must have the columns {', '.join(_SCHEMA.names)}"
            raise StoreDamaged(rule, where=str(path), value=", ".join(table.schema.names))
        for row in table.to_pylist():
            report = StoredReport(**{**row, "data": json.loads(row["data"])})
            found.setdefault((report.junction, report.number), report)
    return sorted(found.values(), key=_place)


def archived_days(folder: Path) -> list[date]:
    """Return the days that there are files of, the oldest first."""
    return sorted({date.fromisoformat(path.parent.name) for path in folder.glob("????-??-??/*.parquet")})


def remove_drafts(folder: Path) -> None:
    """Remove files that were being written when the service ended; what they hold is still in Redis."""
    for path in folder.glob(f"????-??-??/*{_DRAFT}"):
        path.unlink()


def remove_days(folder: Path, oldest: date) -> list[date]:
    """Remove the files of the days before `oldest`, and return which days those were."""
    removed = [day for day in archived_days(folder) if day < oldest]
    for day in removed:
        own = folder / day.isoformat()
        for path in own.glob("*.parquet"):
            path.unlink()
        own.rmdir()
    return removed


def _write_day(folder: Path, reports: Sequence[StoredReport]) -> Path:
    first, last = reports[0].position, reports[-1].position
    target = folder / f"{first}_{last}.parquet"
    new_folder = not folder.is_dir()
    folder.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(target.name + _DRAFT)
    rows = [
        {
            "junction": report.junction,
            "number": report.number,
            "kind": report.kind,
            "at": report.at,
            "received": report.received,
            "data": canonical(report.data).decode(),
            "position": report.position,
        }
        for report in reports
    ]
    parquet.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), draft, compression="zstd")
    _to_disk(draft)
    draft.replace(target)
    _to_disk(folder)
    if new_folder:
        _to_disk(folder.parent)
    return target


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _place(report: StoredReport) -> tuple[int, ...]:
    return tuple(int(part) for part in (report.position or "0-0").split("-"))
