"""Records of a UTDF file as they stand: every section, record and column, known or not.

A file is a row of sections. Each begins with its name in brackets, a title and the names of its columns::

    [Timeplans]
    Timing Plan Settings
    RECORDNAME,INTID,DATA
    Cycle Length,3,110

Empty cells at the end of a row pad it to the width of the file; they carry nothing and are not kept.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from traffic.errors import InputError
from traffic.files import replacing

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = ["UtdfFile", "UtdfSection", "read_utdf", "write_utdf"]

_HINT = "Export it from Synchro as one UTDF file (combined CSV)"
_MISSING = "Export the file again with all sections"


@dataclass(frozen=True)
class UtdfSection:
    """One section: its name, title, columns and rows.

    Attributes
    ----------
    name, title
        ``"Lanes"`` and ``"Lane Group Data"``.
    columns
        Names of the columns, each once.
    rows
        Cells as text, one for each column.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(self.columns))
        object.__setattr__(self, "rows", tuple(tuple(row) for row in self.rows))
        if not self.name or self.name != self.name.strip() or set(self.name) & set("[]\r\n"):
            rule = "must be a name without brackets, line breaks and outer spaces"
            raise InputError(rule, field="section", value=self.name)
        if self.title.startswith("["):
            raise InputError("must not begin with a bracket", field=f"{self.name}, title", value=self.title)
        unlike = all(self.columns) and len(set(self.columns)) == len(self.columns)
        if not self.columns or not unlike or self.columns[0].startswith("["):
            rule = "must be names of columns, each once, and the first not in brackets"
            raise InputError(rule, field=f"{self.name}, columns", value=", ".join(self.columns))
        for position, row in enumerate(self.rows, start=1):
            if len(row) != len(self.columns):
                rule = f"must have {len(self.columns)} cells, one for each column"
                raise InputError(rule, field=f"{self.name}, record {position}", value=len(row))
            if not any(row) or row[0].startswith("["):
                rule = "must have a value, and none in brackets first"
                raise InputError(rule, field=f"{self.name}, record {position}", value=row[0])

    @classmethod
    def of(
        cls, name: str, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
    ) -> UtdfSection:
        """Return a section of values as they are written: numbers short, `None` empty, rows padded."""
        width = len(columns)
        texts = (tuple(_text(cell) for cell in row) for row in rows)
        return cls(name, title, tuple(columns), tuple(row + ("",) * (width - len(row)) for row in texts))


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.12g}"
    return "" if value is None else str(value)


@dataclass(frozen=True)
class UtdfFile:
    """All sections of a file in their order.

    Attributes
    ----------
    source
        Name of the file for errors; two files with equal sections are equal.
    """

    sections: tuple[UtdfSection, ...]
    source: str = "UTDF"

    def __post_init__(self) -> None:
        object.__setattr__(self, "sections", tuple(self.sections))
        names = [section.name for section in self.sections]
        for name in names:
            if names.count(name) > 1:
                raise InputError("must be the only section of its name", file=self.source, field=f"[{name}]")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UtdfFile) and self.sections == other.sections

    def __hash__(self) -> int:
        return hash(self.sections)

    def section(self, name: str) -> UtdfSection:
        """Return the section called `name`, whatever its capitals."""
        for section in self.sections:
            if section.name.casefold() == name.casefold():
                return section
        known = ", ".join(section.name for section in self.sections)
        raise InputError(
            "must have the section", file=self.source, field=f"[{name}]", value=known, hint=_MISSING
        )


def read_utdf(path: Path) -> UtdfFile:
    """Read a UTDF file.

    Raises
    ------
    InputError
        If it is no CSV, begins without a section, or a row is longer than its section's columns.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError("must be a file that exists", file=path, hint="Check the path") from None
    except OSError as error:
        raise InputError("must be a file that can be read", file=path, value=error.strerror) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="surrogateescape")  # Synchro writes the codes of Windows
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise InputError(
            "must be readable CSV", file=path, field="file content", value=str(error), hint=_HINT
        ) from error
    return UtdfFile(tuple(_sections(path, rows)), str(path))


def _sections(path: Path, rows: list[tuple[int, list[str]]]) -> Iterable[UtdfSection]:
    starts = [k for k, (_, row) in enumerate(rows) if row and row[0].startswith("[")]
    before = [(line, row) for line, row in rows[: starts[0] if starts else None] if any(row)]
    if before or not starts:
        value = ",".join(before[0][1])[:60] if before else "no section"
        field = f"row {before[0][0]}" if before else "file content"
        raise InputError(
            "must begin with a section such as [Network]", file=path, field=field, value=value, hint=_HINT
        )
    for start, stop in zip(starts, [*starts[1:], len(rows)], strict=True):
        yield _section(path, rows[start:stop])


def _section(path: Path, rows: list[tuple[int, list[str]]]) -> UtdfSection:
    line, head = rows[0]
    name = head[0].strip()
    if not name.endswith("]") or any(head[1:]) or len(rows) < 3:
        rule = "must be a section: its name in brackets, a title, and the names of its columns"
        raise InputError(rule, file=path, field=f"row {line}", value=",".join(head).rstrip(","), hint=_HINT)
    name = name[1:-1]
    title = _trimmed(rows[1][1])
    columns = _trimmed(rows[2][1])
    if len(title) > 1:
        rule = "must be a title, alone in its row"
        raise InputError(rule, file=path, field=f"row {rows[1][0]}", value=",".join(title), hint=_HINT)
    kept = []
    for number, row in rows[3:]:
        cells = _trimmed(row)
        if len(cells) > len(columns):
            rule = f"must have {len(columns)} cells or fewer, as [{name}] has columns"
            value = cells[len(columns)] or len(cells)
            hint = "Remove the cell, or name its column; quote texts that hold a comma"
            raise InputError(rule, file=path, field=f"row {number}", value=value, hint=hint)
        if cells:
            kept.append((*cells, *[""] * (len(columns) - len(cells))))
    try:
        return UtdfSection(name, title[0] if title else "", tuple(columns), tuple(kept))
    except InputError as error:
        raise InputError(error.rule, file=path, field=error.field, value=error.value, hint=_HINT) from error


def _trimmed(row: list[str]) -> list[str]:
    last = max((k + 1 for k, cell in enumerate(row) if cell), default=0)
    return row[:last]


def write_utdf(file: UtdfFile, path: str | os.PathLike[str]) -> None:
    """Write a UTDF file; equal records give equal bytes, and read again they are equal."""
    width = max((len(section.columns) for section in file.sections), default=1)
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    for position, section in enumerate(file.sections):
        rows: list[tuple[str, ...]] = [() for _ in range(position > 0)]
        rows += [(f"[{section.name}]",), (section.title,), section.columns, *section.rows]
        writer.writerows((*row, *[""] * (width - len(row))) for row in rows)
    with replacing(path) as draft:
        draft.write_bytes(stream.getvalue().encode("utf-8", errors="surrogateescape"))
