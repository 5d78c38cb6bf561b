"""Tables in CSV files of millions of rows, read by column: bad rows are told and left out, the others are kept."""

from __future__ import annotations

import gzip
import zlib
from csv import Error as UnreadableError
from csv import reader as rows_of
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from traffic.errors import InputError
from transit.coded import NONE, Coded
from transit.problems import FeedProblem, Severity
from transit.table_times import posix_seconds

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection

    from numpy.typing import NDArray

__all__ = ["Table", "header_of", "read_bytes", "read_table"]

_MOST_TOLD = 1000
"""Problems of one kind in one column that are told one by one; a file may have millions."""


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of text, and what was wrong with them.

    Attributes
    ----------
    file
        Its name, for problems.
    columns
        Texts by name of column.
    line
        Line of each row, the header being line 1; shape (rows,).
    problems
        What was wrong; reading a column adds to it.
    """

    file: str
    columns: dict[str, Any]
    line: NDArray[np.int64]
    problems: list[FeedProblem] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.line)

    def has(self, name: str | None) -> bool:
        """Return whether there is a column of this name."""
        return name is not None and name in self.columns

    def texts(self, name: str | None) -> Coded:
        """Return a column as texts; none where it is not there."""
        if name is None or name not in self.columns:
            return Coded.none(len(self))
        column = pc.utf8_trim_whitespace(self.columns[name]).combine_chunks().dictionary_encode()
        names, code = column.dictionary.to_pylist(), np.asarray(column.indices, dtype=np.int32)
        if "" not in names:
            return Coded(tuple(names), code)
        empty = names.index("")
        moved = np.array([k - (k > empty) if k != empty else NONE for k in range(len(names))], np.int32)
        return Coded(tuple(name for name in names if name), moved[code])

    def numbers(
        self, name: str | None, *, least: float = -np.inf, most: float = np.inf, needed: bool = False
    ) -> NDArray[np.float64]:
        """Return a column as numbers: NaN where it is empty or wrong, which is told."""
        if name is None or name not in self.columns:
            return np.full(len(self), np.nan)
        column = pc.utf8_trim_whitespace(self.columns[name]).combine_chunks()
        try:
            filled = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
            values = pc.cast(filled, pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
        except pa.ArrowInvalid:
            values = np.array([_number(text) for text in column.to_pylist()], dtype=np.float64)
        given = np.asarray(pc.not_equal(column, ""), dtype=bool)
        good = np.isfinite(values) & (values >= least) & (values <= most)
        if most == np.inf and least == -np.inf:
            rule = "must be a number"
        else:
            rule = f"must be a number from {least:g} to {most:g}"
        self.tell((given | needed) & ~good, name, rule, needed=needed)
        return np.where(good, values, np.nan)

    def times(self, name: str | None, zone: str, *, needed: bool = False) -> NDArray[np.float64]:
        """Return a column as POSIX seconds: NaN where it is empty or wrong, which is told.

        Times without an offset from UTC are of the time zone `zone`; plain numbers are POSIX seconds, or milliseconds.
        """
        if name is None or name not in self.columns:
            return np.full(len(self), np.nan)
        column = pc.utf8_trim_whitespace(self.columns[name]).combine_chunks()
        values = posix_seconds(column, zone)
        given = np.asarray(pc.not_equal(column, ""), dtype=bool)
        rule = 'must be a time like "2026-11-27 08:30:00", with or without an offset from UTC'
        self.tell((given | needed) & ~np.isfinite(values), name, rule, needed=needed)
        return values

    def tell(self, wrong: NDArray[np.bool_], name: str, rule: str, *, needed: bool) -> None:
        """Add a problem for each wrong row; `needed`: the row is left out for it."""
        rows = np.flatnonzero(wrong)
        severity = Severity.ERROR if needed else Severity.WARNING
        column = self.columns.get(name)
        for row in rows[:_MOST_TOLD].tolist():
            value = "" if column is None else str(column[row])
            self.problems.append(FeedProblem(severity, self.file, int(self.line[row]), name, value, rule))
        if len(rows) > _MOST_TOLD:
            told = f"{rule}: {len(rows) - _MOST_TOLD} more rows like this"
            self.problems.append(FeedProblem(severity, self.file, 0, name, "", told))

    def require(self, names: Collection[str], what: str) -> None:
        """Raise `InputError` unless all columns are there."""
        missing = [name for name in names if name not in self.columns]
        if missing:
            hint = f"Columns there: {', '.join(self.columns)}. Name the right ones in a column map"
            rule = f"must have the columns {', '.join(names)} ({what})"
            raise InputError(rule, file=self.file, field="header", value=", ".join(missing), hint=hint)


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return what a file holds, unpacked where it is packed with gzip."""
    file = Path(path)
    try:
        content = file.read_bytes()
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except FileNotFoundError:
        raise InputError("must be a file that exists", file=file, hint="Check the path") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        hint = "The file is cut off or damaged: fetch it again"
        raise InputError("must be whole", file=file, value=str(error), hint=hint) from error
    except OSError as error:
        raise InputError("must be a file that can be read", file=file, value=error.strerror) from error


def header_of(content: bytes) -> set[str]:
    """Return the names in the first line of a CSV file; none where that is no text of one line."""
    first = content.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode("utf-8", errors="replace")
    try:
        return {name.strip() for name in next(rows_of([first.strip()]), [])}
    except UnreadableError:
        return set()


def read_table(path: str | os.PathLike[str], *, columns: Collection[str] | None = None) -> Table:
    """Read a CSV file with a header.

    Parameters
    ----------
    columns
        Names of the columns, for a file without a header.

    Raises
    ------
    InputError
        If there is no such file, it is empty, or no CSV at all.
    """
    name = Path(path).name
    content = read_bytes(path)
    if not content.strip():
        hint = "An export that failed leaves such a file: make it again"
        raise InputError("must not be empty", file=path, hint=hint)
    problems: list[FeedProblem] = []
    skipped: list[int] = []
    options = csv.ReadOptions(
        use_threads=False,  # so that rows are numbered
        encoding="utf8",
        column_names=None if columns is None else list(columns),
    )
    parsing = csv.ParseOptions(invalid_row_handler=_row_teller(name, problems, skipped))
    try:
        found = csv.read_csv(
            pa.BufferReader(_as_utf8(content, name, problems)), options, parsing, _as_text(content, columns)
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        hint = "Save it as CSV in UTF-8, with a header and commas between values"
        raise InputError("must be readable CSV", file=path, value=str(error)[:200], hint=hint) from error
    header = 0 if columns is not None else 1
    line = np.arange(1, found.num_rows + len(skipped) + 1) + header
    line = np.delete(line, [number - header - 1 for number in skipped])
    names = [text.strip().strip('"') for text in found.column_names]
    return Table(name, dict(zip(names, found.columns, strict=True)), line, problems)


def _row_teller(name: str, problems: list[FeedProblem], skipped: list[int]) -> Callable[[Any], str]:
    def tell(row: Any) -> str:
        skipped.append(row.number)
        rule = f"must have {row.expected_columns} values, not {row.actual_columns}: left out"
        if len(skipped) <= _MOST_TOLD:
            problems.append(FeedProblem(Severity.ERROR, name, row.number, "row", str(row.text)[:80], rule))
        return "skip"

    return tell


def _as_utf8(content: bytes, name: str, problems: list[FeedProblem]) -> bytes:
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        rule = "must be in UTF-8: letters that are not are replaced"
        wrong = repr(error.object[error.start : error.end])
        problems.append(FeedProblem(Severity.WARNING, name, line, "encoding", wrong, rule))
        return content.decode("utf-8", errors="replace").encode()
    return content


def _as_text(content: bytes, columns: Collection[str] | None) -> csv.ConvertOptions:
    """Return options by which every column is text, whatever it looks like."""
    if columns is not None:
        types = dict.fromkeys(columns, pa.string())
        return csv.ConvertOptions(column_types=types, strings_can_be_null=False)
    first = content.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode("utf-8", errors="replace")
    head = csv.read_csv(
        pa.BufferReader(first.strip().encode() + b"\n"), csv.ReadOptions(use_threads=False)
    ).column_names
    return csv.ConvertOptions(column_types=dict.fromkeys(head, pa.string()), strings_can_be_null=False)


def _number(text: str) -> float:
    try:
        return float(text.replace("_", "?"))
    except ValueError:
        return np.nan
