"""Values of columns: numbers, times and days, and identifiers of other tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from transit.coded import NONE, Coded

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from transit.gtfs.problem_list import ProblemList
    from transit.gtfs.tables import Table

__all__ = ["NO_TIME", "coded", "days", "numbers", "positions_in", "repeated", "times_s", "whole"]

NO_TIME = -1
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"\d{1,9}", re.ASCII)
_TIME = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d)", re.ASCII)
_DAY = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)


def coded(table: Table, column: str) -> Coded:
    """Return a column of identifiers."""
    encoded = table.texts(column).dictionary_encode()
    names = encoded.dictionary.to_pylist()
    code = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int32)
    if "" in names:
        empty = names.index("")
        code = np.where(code == empty, NONE, code - (code > empty)).astype(np.int32)
        names.pop(empty)
    return Coded(tuple(names), code)


def positions_in(column: Coded, keys: Mapping[str, int]) -> NDArray[np.int32]:
    """Return the number that `keys` give each row's text, or `NONE`; shape (rows,)."""
    numbers_of = np.array([keys.get(name, NONE) for name in column.names] + [NONE], dtype=np.int32)
    found: NDArray[np.int32] = numbers_of[column.code]
    return found


def repeated(codes: Sequence[NDArray[Any]]) -> NDArray[np.bool_]:
    """Return which rows have the key of an earlier one; a key may have several columns."""
    rows = len(codes[0])
    if not rows:
        return np.zeros(0, dtype=bool)
    order = np.lexsort((np.arange(rows), *codes[::-1]))
    same = np.logical_and.reduce([np.diff(code[order]) == 0 for code in codes])
    found = np.zeros(rows, dtype=bool)
    found[order[1:][same]] = True
    return found


def numbers(
    table: Table, column: str, problems: ProblemList, *, least: float, most: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the numbers of a column, NaN where there is none; and which texts are no number (kept as errors)."""

    def number(text: str) -> float | None:
        value = float(text) if _NUMBER.fullmatch(text) else np.nan
        return value if least <= value <= most else None

    rule = f"must be a number from {least:g} to {most:g}"
    return _values(table, column, problems, (number, rule), missing=np.nan, dtype=np.float64)


def whole(
    table: Table, column: str, problems: ProblemList, *, most: int, warn: bool = False
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return the numbers from 0 to `most` of a column, -1 where there is none; and which texts are none."""

    def number(text: str) -> int | None:
        value = int(text) if _WHOLE.fullmatch(text) else -1
        return value if 0 <= value <= most else None

    rule = f"must be a whole number from 0 to {most}"
    return _values(table, column, problems, (number, rule), missing=-1, dtype=np.int32, warn=warn)


def times_s(table: Table, column: str, problems: ProblemList) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return seconds after the start of the service day, `NO_TIME` where there is none; and which texts are none."""

    def seconds(text: str) -> int | None:
        found = _TIME.fullmatch(text)
        return None if found is None else int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3])

    rule = "must be a time H:MM:SS, counted on past 24:00:00 after midnight"
    return _values(table, column, problems, (seconds, rule), missing=NO_TIME, dtype=np.int32)


def days(table: Table, column: str, problems: ProblemList) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return days as `date.toordinal` counts them, 0 where there is none; and which texts are none."""

    def ordinal(text: str) -> int | None:
        found = _DAY.fullmatch(text)
        try:
            return None if found is None else date(int(found[1]), int(found[2]), int(found[3])).toordinal()
        except ValueError:
            return None

    return _values(
        table, column, problems, (ordinal, "must be a day YYYYMMDD that there is"), missing=0, dtype=np.int32
    )


def _values(
    table: Table,
    column: str,
    problems: ProblemList,
    reading: tuple[Callable[[str], float | None], str],
    *,
    missing: float,
    dtype: DTypeLike,
    warn: bool = False,
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    encoded = pc.dictionary_encode(table.texts(column))
    code = encoded.indices.to_numpy(zero_copy_only=False)
    read, rule = reading
    found = [missing if text == "" else read(text) for text in encoded.dictionary.to_pylist()]
    wrong = np.array([value is None for value in found], dtype=bool)[code]
    (problems.warnings if warn else problems.errors)(table, wrong, column, rule)
    return np.array([missing if value is None else value for value in found], dtype=dtype)[code], wrong
