"""Rows of CSV files, read so that what is wrong is named by file, row and column."""

from __future__ import annotations

import csv
import math
from difflib import get_close_matches
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
        # the form of the file that more of its columns belong to
        wanted = max((columns, or_else), key=lambda form: len(set(form) & set(names))) if or_else else columns
        hint = _columns_hint(names, wanted)
        raise InputError(rule, file=path, field=header, value=", ".join(names), hint=hint)
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        hint = "Rename or remove one of the two"
        raise InputError("must not name a column twice", file=path, field=header, value=twice[0], hint=hint)


def _columns_hint(names: list[str], wanted: Collection[str]) -> str:
    """Say which columns are missing, and which of the others was perhaps meant."""
    if len(names) < 2:
        return "Put the names of the columns into the first row, with commas between them"
    others = [name for name in names if name not in wanted]
    missing = []
    for column in (column for column in wanted if column not in names):
        close = get_close_matches(column, others, n=1)
        missing.append(f"{column} (rename {close[0]!r}?)" if close else column)
    told = f"Add {', '.join(missing)}"
    return told + (f"; not known are {', '.join(map(repr, others))}" if others else "")


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
        hint = (
            "Write decimals with a point"
            if "," in text
            else "Write digits only, with a point before decimals"
        )
        hint = hint if text else "Write the number, or remove the row"
        raise InputError("must be a number", file=path, field=field, value=text, hint=hint) from None
    if not math.isfinite(value):
        hint = "Write the number, or remove the row where it is not known"
        raise InputError("must be a finite number", file=path, field=field, value=text, hint=hint)
    if value < 0:
        hint = "Check the sign and the sum that the value comes from, or remove the row"
        raise InputError("must be 0 or more", file=path, field=field, value=value, hint=hint)
    if value > most:
        hint = "Check the unit, and for a decimal point that was lost"
        raise InputError(f"must be {most:,.0f} or less", file=path, field=field, value=value, hint=hint)
    return value
