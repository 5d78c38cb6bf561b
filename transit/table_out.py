"""Figures and stop visits as one table each, for other programs: CSV or Parquet, by the end of the file's name.

Columns are named as here. Times have the time zone of the visits in Parquet, and are UTC in CSV; what is not known is empty.
"""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet
from pyarrow.csv import write_csv

from traffic.errors import InputError
from traffic.files import replacing
from transit.coded import NONE, Coded
from transit.visits import Point, Relationship

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from transit.punctuality import Figures
    from transit.visits import StopVisits

__all__ = ["KINDS", "check_table_name", "write_figures", "write_visits"]

KINDS = (".csv", ".parquet")
_TIMES = frozenset({"scheduled_arrival_s", "scheduled_departure_s", "arrival_s", "departure_s"})
_WORDS: dict[str, type[IntEnum]] = {"point": Point, "relationship": Relationship}
_MS = 1000.0


def check_table_name(path: str | os.PathLike[str], field: str = "--output") -> None:
    """Raise `InputError` unless the name of a file says what it is to be."""
    if Path(path).suffix.lower() not in KINDS:
        raise InputError("must end in .csv or .parquet", field=field, value=str(path))


def write_figures(path: str | os.PathLike[str], figures: Figures) -> None:
    """Write figures: a row for each definition and group, with value, numerator, denominator and unobserved share."""
    table = figures.table()
    columns: dict[str, Any] = {name: table[name] for name in ("definition", "unit")}
    for name in figures.by:
        columns[name] = pa.array(table[name], pa.int64() if name in {"hour", "direction"} else pa.string())
    for name in ("value", "numerator", "denominator", "unobserved"):
        columns[name] = pa.array(table[name], pa.float64())
    _write(path, pa.table(columns))


def write_visits(path: str | os.PathLike[str], visits: StopVisits) -> None:
    """Write stop visits: a row each, in their order; deviations are there too, so that nobody need compute them."""
    columns: dict[str, Any] = {}
    for name in visits.columns():
        column = getattr(visits, name)
        columns[name.removesuffix("_s") if name in _TIMES else name] = _column(name, column, visits.zone)
    for name in ("arrival_deviation_s", "departure_deviation_s"):
        columns[name] = _numbers(np.round(getattr(visits, name), 3))
    _write(path, pa.table(columns))


def _column(name: str, column: Any, zone: str) -> Any:
    if isinstance(column, Coded):
        return _texts(column)
    if name in _TIMES:
        return _moments(column, zone)
    if name == "day":
        return pa.array(column.astype(np.int32), pa.date32())
    if name in _WORDS:
        names = tuple(word.name.lower() for word in _WORDS[name])
        return _texts(Coded(names, column.astype(np.int32)))
    if name == "direction":
        return pa.array(column, pa.int8(), mask=column < 0)
    return _numbers(column) if column.dtype.kind == "f" else pa.array(column)


def _texts(column: Coded) -> Any:
    codes = pa.array(column.code, pa.int32(), mask=column.code == NONE)
    return pa.DictionaryArray.from_arrays(codes, pa.array(column.names, pa.string()))


def _numbers(column: NDArray[np.floating[Any]]) -> Any:
    return pa.array(column, mask=~np.isfinite(column))


def _moments(column: NDArray[np.float64], zone: str) -> Any:
    known = np.isfinite(column)
    ticks = np.round(np.where(known, column, 0.0) * _MS).astype(np.int64)
    return pa.array(ticks, pa.int64(), mask=~known).cast(pa.timestamp("ms", zone))


def _write(path: str | os.PathLike[str], table: Any) -> None:
    check_table_name(path)
    with replacing(path) as draft:
        if Path(path).suffix.lower() == ".parquet":
            parquet.write_table(table, draft)
        else:
            write_csv(_in_utc(table), draft)


def _in_utc(table: Any) -> Any:
    """Return a table as CSV can hold it: texts without their numbers, and times that say their zone."""
    columns = {}
    for name in table.column_names:
        column = table[name]
        if pa.types.is_dictionary(column.type):
            column = column.cast(pa.string())
        elif pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("ms", "UTC"))
        columns[name] = column
    return pa.table(columns)
