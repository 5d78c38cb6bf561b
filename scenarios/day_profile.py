"""Profiles of a day: what the demand of a scenario is multiplied by in each of its intervals."""

from __future__ import annotations

import re
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from traffic import csv_rows
from traffic.errors import InputError
from traffic.files import is_file

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TYPICAL", "read_profile"]

TYPICAL = "typical"
"""A working day in a city as it is generally: no city's own. Its shares of the daily traffic are round numbers."""

_DAY_MIN, _QUARTER_MIN = 1440, 15
_MOST_SCALE = 10.0
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def read_profile(name_or_path: str) -> tuple[float, ...]:
    """Return the factors of equal intervals from midnight on.

    A file has the columns `from` (hh:mm, from 00:00 in equal steps of 15 minutes or a multiple) and `scale`, or
    `share` of the daily traffic in any unit: there the busiest interval has the factor 1.

    Parameters
    ----------
    name_or_path
        ``"typical"`` or a CSV file.
    """
    if name_or_path == TYPICAL:
        with as_file(files("scenarios").joinpath("typical-day.csv")) as path:
            return _read(path)
    path = Path(name_or_path)
    if not is_file(path):
        hint = f"Check the path, or write {TYPICAL} for the built-in profile"
        rule = "must be a profile file (.csv) that exists"
        raise InputError(rule, file=path, field="--day", value=name_or_path, hint=hint)
    return _read(path)


def _read(path: Path) -> tuple[float, ...]:
    starts: list[int] = []
    values: list[float] = []
    column = "scale"
    for line, row in csv_rows.rows(path, ("from", "scale"), or_else=("from", "share")):
        column = "scale" if "scale" in row else "share"
        found = _CLOCK.fullmatch(row["from"])
        if found is None:
            hint = "Write hours and minutes: 06:30"
            field = f"row {line}: from"
            raise InputError(
                "must be a time from 00:00 to 23:59", file=path, field=field, value=row["from"], hint=hint
            )
        starts.append(int(found[1]) * 60 + int(found[2]))
        most = _MOST_SCALE if column == "scale" else 1e9
        values.append(csv_rows.number(path, f"row {line}: {column}", row[column], most=most))
    _check_starts(path, starts)
    most = max(values)
    if most <= 0:
        hint = "Write what share of the traffic each interval has"
        raise InputError("must be more than 0 in some interval", file=path, field=column, value=0, hint=hint)
    return tuple(values if column == "scale" else (value / most for value in values))


def _check_starts(path: Path, starts: Sequence[int]) -> None:
    """Refuse times that do not cut the day into equal intervals."""
    count = len(starts)
    step = _DAY_MIN // count if count else 0
    fits = count > 0 and _DAY_MIN % count == 0 and step % _QUARTER_MIN == 0
    expected = [k * step for k in range(count)]
    if fits and list(starts) == expected:
        return
    rule = "must go from 00:00 through the day in equal steps of 15 minutes or a multiple"
    hint = "Write 96 rows for quarters of an hour, or 24 for hours"
    wrong = next(
        (k for k, (one, other) in enumerate(zip(starts, expected, strict=True)) if one != other), None
    )
    if not fits or wrong is None:
        raise InputError(rule, file=path, field="from", value=f"{count} rows", hint=hint)
    value = f"{starts[wrong] // 60:02d}:{starts[wrong] % 60:02d}"
    raise InputError(rule, file=path, field=f"from, row {wrong + 2}", value=value, hint=hint)
