"""Tables of a feed: columns of text with the line of every row, whatever state the file is in.

Lines that are no rows are left out one by one. A value may not run over several lines (the specification says so): an open
quotation mark then spoils one line and not the rest of the file. Where the lines make one good row together, they are
taken for one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import ConvertOptions, ParseOptions, ReadOptions, read_csv

from traffic.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.gtfs.problem_list import ProblemList

__all__ = ["Table", "read_table"]

_BOM = b"\xef\xbb\xbf"
_QUOTE, _LINE_END = ord('"'), ord("\n")
_MOST_LINES = 20  # of one value


@dataclass(frozen=True, eq=False)
class Table:
    """One file.

    Attributes
    ----------
    file
        Its name.
    columns
        Texts of the columns that are read, without spaces around; shape (rows,).
    line
        Where each row ends, from 1; shape (rows,).
    """

    file: str
    columns: Mapping[str, Any]
    line: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.line)

    def __contains__(self, column: str) -> bool:
        return column in self.columns

    def texts(self, column: str) -> Any:
        """Return a column as an arrow array; texts are empty where the file does not have it."""
        return self.columns[column] if column in self.columns else pa.array([""] * len(self), pa.string())

    def value(self, column: str, row: int) -> str:
        """Return one value."""
        return str(self.columns[column][row]) if column in self.columns else ""

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Table:
        """Return some of the rows, in their order."""
        chosen = pa.array(np.flatnonzero(rows) if rows.dtype == np.bool_ else rows)
        texts = {name: column.take(chosen) for name, column in self.columns.items()}
        return Table(self.file, texts, self.line[rows])


def read_table(
    file: str, content: bytes, needed: tuple[str, ...], others: tuple[str, ...], problems: ProblemList
) -> Table:
    """Return the columns of a file that are wanted and there.

    Raises
    ------
    InputError
        If the file is no such table at all: it is not text, has no header, or lacks a column that is needed.
    """
    content = _text(file, content, problems)
    lines = np.flatnonzero(np.frombuffer(content, np.uint8) == _LINE_END)
    starts = np.concatenate(([0], lines[:-1] + 1)) if len(lines) else lines
    number = np.flatnonzero(lines > starts) + 1
    if not len(number):
        hint = "Put the names of the columns into the first row"
        raise InputError("must have a header", file=file, hint=hint)
    if b'"' in content:
        first = int(number[0])
        content, number = _closed(file, content, lines, starts, number, problems)
        if not len(number) or number[0] != first:
            rule, hint = "must close its quotation marks", "Mend the names of the columns in the first row"
            raise InputError(rule, file=file, field="header", hint=hint)
    names = _header(file, content, int(number[0]), problems)
    wrong: dict[int, tuple[int, str]] = {}
    _require(file, names, needed)
    table = _parsed(content, names, (*needed, *others), wrong)
    for row, (width, text) in wrong.items():
        if text.strip(" \t,"):
            rule = f"must have {len(names)} values, as the header has"
            problems.error(file, "row", rule, line=int(number[row]), value=f"{width}: {text[:80]}")
    rows = np.ones(len(number) - 1, dtype=bool)
    rows[[row - 1 for row in wrong]] = False
    texts = {name: pc.utf8_trim_whitespace(table[name]).combine_chunks() for name in table.column_names}
    return _without_empty(Table(file, texts, number[1:][rows]))


def _text(file: str, content: bytes, problems: ProblemList) -> bytes:
    """Return UTF-8 without byte order mark, with lines that all end in the same way."""
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\0" in content[:1000]:
        raise InputError("must be text in UTF-8", file=file, value="UTF-16", hint="Save it in UTF-8")
    content = content.removeprefix(_BOM).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if not content.endswith(b"\n"):
        content += b"\n"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return _mended(file, content, problems)
    return content


def _mended(file: str, content: bytes, problems: ProblemList) -> bytes:
    r"""Write bytes that are not UTF-8 as ``\xe3``: what differs stays different."""
    lines = content.split(b"\n")
    for k, line in enumerate(lines):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            text = line.decode("utf-8", "backslashreplace")
            problems.warning(file, "row", "must be text in UTF-8", line=k + 1, value=text[:80])
            lines[k] = text.encode()
    return b"\n".join(lines)


def _closed(
    file: str,
    content: bytes,
    lines: NDArray[np.int64],
    starts: NDArray[np.int64],
    number: NDArray[np.int64],
    problems: ProblemList,
) -> tuple[bytes, NDArray[np.int64]]:
    """Return content in which no value runs over a line's end, and the line of each row."""
    quotes = np.flatnonzero(np.frombuffer(content, np.uint8) == _QUOTE)
    odd = (np.searchsorted(quotes, lines) - np.searchsorted(quotes, starts)) % 2 == 1
    if not odd.any():
        return content, number
    rows: list[bytes] = []
    ends: list[int] = []
    texts = content[:-1].split(b"\n")
    width, k = len(next(csv.reader([texts[int(number[0]) - 1].decode()]))), 0
    while k < len(texts):
        text, last = texts[k], k
        if odd[k]:
            last = next((m for m in range(k + 1, min(k + _MOST_LINES, len(texts))) if odd[m]), k)
            joined = b" ".join(texts[k : last + 1])
            if last > k and len(next(csv.reader([joined.decode()]))) == width:
                problems.warning(file, "row", "must not have a value of several lines", line=last + 1)
                text = joined
            else:
                rule, shown = "must close its quotation marks", text.decode()[:80]
                problems.error(file, "row", rule, line=k + 1, value=shown)
                text, last = b"", k
        if text:
            rows.append(text)
            ends.append(last + 1)
        k = last + 1
    return b"\n".join(rows) + b"\n", np.array(ends, np.int64)


def _header(file: str, content: bytes, line: int, problems: ProblemList) -> list[str]:
    first = content.lstrip(b"\n").split(b"\n", 1)[0].decode()
    names: list[str] = []
    for given in next(csv.reader([first])):
        name = given.strip().lower()
        if given.strip() != name:
            problems.warning(
                file, "header", "must be written in small letters", line=line, value=given.strip()
            )
        if name in names:
            problems.warning(file, "header", "must not name a column twice", line=line, value=name)
        names.append(name if name not in names else f"{name}#{len(names)}")
    return names


def _require(file: str, names: list[str], needed: tuple[str, ...]) -> None:
    missing = [column for column in needed if column not in names]
    if missing:
        rule = f"must have the column {' and '.join(missing)}"
        hint = "Add the column, or correct its name in the first row"
        raise InputError(rule, file=file, field="header", hint=hint)


def _parsed(
    content: bytes, names: list[str], columns: tuple[str, ...], wrong: dict[int, tuple[int, str]]
) -> Any:
    def skipped(row: Any) -> str:
        wrong[row.number - 1] = (row.actual_columns, row.text)
        return "skip"

    wanted = [name for name in columns if name in names]
    try:
        return read_csv(
            io.BytesIO(content.lstrip(b"\n")),
            ReadOptions(use_threads=False, column_names=names, skip_rows=1, block_size=1 << 22),
            ParseOptions(invalid_row_handler=skipped),  # which knows the number of a row in one thread only
            ConvertOptions(
                column_types=dict.fromkeys(wanted, pa.string()),
                include_columns=wanted,
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            return pa.table({name: pa.array([], pa.string()) for name in wanted})
        raise


def _without_empty(table: Table) -> Table:
    filled = np.zeros(len(table), dtype=bool)
    for texts in table.columns.values():
        filled |= pc.not_equal(texts, "").to_numpy(zero_copy_only=False)
    return table.take(filled)
