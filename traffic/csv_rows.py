"""Rows of CSV files, read so that what is wrong is named by file, row and column."""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING

from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

__all__ = ["number", "rows"]

_UTF8_HINT = "Save it as CSV in UTF-8, with commas between values and points in decimals"


def rows(
    path: Path, columns: Collection[str], *, or_else: Collection[str] = (), header: str = "header"
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and values of each row; spaces around values do not count.

    Parameters
    ----------
    columns
        Columns that the file must have; it may have others.
    or_else
        Columns that will do as well.
    header
        What errors call the first row.

    Raises
    ------
    InputError
        If the file is no CSV in UTF-8, a column is missing or stands twice, or a row is too short or long.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            names = [name.strip() for name in reader.fieldnames or ()]
            _check_header(path, names, columns, or_else, header)
            reader.fieldnames = names
            for row in reader:
                yield reader.line_num, _checked(path, reader.line_num, row, len(names))
    except FileNotFoundError:
        raise InputError("must be a file that exists", file=path, hint="Check the path") from None
    except OSError as error:
        raise InputError("must be a file that can be read", file=path, value=error.strerror) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            "must be readable CSV in UTF-8",
            file=path,
            field="file content",
            value=str(error),
            hint=_UTF8_HINT,
        ) from error


def _check_header(
    path: Path, names: list[str], columns: Collection[str], or_else: Collection[str], header: str
) -> None:
    if not (set(columns) <= set(names) or (or_else and set(or_else) <= set(names))):
        rule = f"must have the columns {', '.join(columns)}"
        if or_else:
            rule += f" (or {', '.join(or_else)})"
        hint = "Put commas between the columns" if len(names) == 1 else None
        raise InputError(rule, file=path, field=header, value=", ".join(names), hint=hint)
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError("must not name a column twice", file=path, field=header, value=twice[0])


def _checked(path: Path, line: int, row: dict[str, str], width: int) -> dict[str, str]:
    if None in row or None in row.values():
        hint = "Write decimals with a point, and quote texts that hold a comma"
        raise InputError(f"must have {width} values", file=path, field=f"row {line}", hint=hint)
    return {name: value.strip() for name, value in row.items()}


def number(path: Path, field: str, text: str, *, most: float) -> float:
    """Return a finite number from 0 to `most` from the text of one value."""
    try:
        value = float(text.replace("_", "?"))  # which Python reads as a number, but no spreadsheet writes
    except ValueError:
        hint = "Write decimals with a point" if "," in text else None
        raise InputError("must be a number", file=path, field=field, value=text, hint=hint) from None
    if not math.isfinite(value):
        raise InputError("must be a finite number", file=path, field=field, value=text)
    if not 0 <= value <= most:
        rule = "must be 0 or more" if value < 0 else f"must be {most:,.0f} or less"
        raise InputError(rule, file=path, field=field, value=value)
    return value
