"""Tables of a GMNS network as they stand: every table, row and column, known or not.

A network is a folder of CSV files, or such a folder in a zip file. The name of a file is that of its table.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["GmnsFolder", "GmnsTable", "check_new_folder", "read_gmns", "write_gmns"]

_NODES = "node.csv"
_MOST_BYTES = 2**31


@dataclass(frozen=True)
class GmnsTable:
    """One table.

    Attributes
    ----------
    name
        ``"signal_timing_plan"``.
    columns
        Names of the columns, each once.
    rows
        Cells as text, one for each column.
    lines
        Line of the file on which each row ends; two tables that differ in nothing else are equal.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(self.columns))
        object.__setattr__(self, "rows", tuple(tuple(row) for row in self.rows))
        object.__setattr__(self, "lines", tuple(self.lines) or tuple(range(2, len(self.rows) + 2)))
        if not self.name or set(self.name) & set("/\\\0\r\n") or self.name.startswith("."):
            raise InputError("must be the name of a file", field="table", value=self.name)
        for column in self.columns:
            if not column.strip() or self.columns.count(column) > 1:
                rule, hint = "must be the name of one column", "Rename or remove the column"
                raise InputError(rule, field=f"{self.name}, header", value=column, hint=hint)
        for line, row in zip(self.lines, self.rows, strict=True):
            if len(row) != len(self.columns) or not any(row):
                rule = f"must have {len(self.columns)} cells, one for each column, and a value in one"
                raise InputError(rule, field=f"{self.name}, row {line}", value=len(row))

    @classmethod
    def of(cls, name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> GmnsTable:
        """Return a table of values; `None` is an empty cell."""
        texts = (tuple("" if cell is None else str(cell) for cell in row) for row in rows)
        return cls(name, tuple(columns), tuple(texts))


@dataclass(frozen=True)
class GmnsFolder:
    """All tables of a network.

    Attributes
    ----------
    tables
        By name, in the order of their names.
    source
        The folder, for errors; two networks with equal tables are equal.
    """

    tables: tuple[GmnsTable, ...]
    source: str = field(default="GMNS", compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tables", tuple(sorted(self.tables, key=lambda table: table.name)))
        names = [table.name for table in self.tables]
        for name in names:
            if names.count(name) > 1:
                raise InputError("must be the only table of its name", file=self.source, field=name)

    def file(self, name: str) -> str:
        """Return the path of a table, for errors."""
        return str(Path(self.source) / f"{name}.csv")

    def table(self, name: str) -> GmnsTable | None:
        """Return the table called `name`; `None` where there is none."""
        return next((table for table in self.tables if table.name == name), None)


def read_gmns(path: Path, *, inside: str | None = None) -> GmnsFolder:
    """Read a folder of CSV files, or a zip file with one.

    Parameters
    ----------
    inside
        Folder in the zip file, where it holds several networks.

    Raises
    ------
    InputError
        If there is no ``node.csv``, a file is no CSV in UTF-8, a column stands twice, or a row is longer than the header.
    """
    if path.is_dir():
        where = path if inside is None else path / inside
        files = {child.name: _bytes(child) for child in sorted(where.glob("*.csv")) if _is_table(child.name)}
        source = str(where)
    else:
        files, source = _unzipped(path, inside)
    if _NODES not in files:
        rule, hint = f"must hold {_NODES}", "Give the folder that has the tables of one GMNS network"
        raise InputError(rule, file=source, value=", ".join(files) or "no CSV file", hint=hint)
    tables = (_table(Path(source) / name, content) for name, content in files.items())
    return GmnsFolder(tuple(tables), source)


def _is_table(name: str) -> bool:
    return name.endswith(".csv") and not name.startswith(".")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        rule, hint = "must be a file that can be read", "Correct its rights, or remove it from the folder"
        raise InputError(rule, file=path, value=error.strerror, hint=hint) from error


def _unzipped(path: Path, inside: str | None) -> tuple[dict[str, bytes], str]:
    if not path.is_file():
        rule, hint = "must be a folder or a zip file that exists", "Check the path"
        raise InputError(rule, file=path, hint=hint)
    try:
        with zipfile.ZipFile(path) as archive:
            return _member_files(path, archive, inside)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        rule, hint = "must be a folder or a zip file", "Give the folder of the tables, or pack it again"
        raise InputError(rule, file=path, value=str(error), hint=hint) from error


def _member_files(path: Path, archive: zipfile.ZipFile, inside: str | None) -> tuple[dict[str, bytes], str]:
    members = [(PurePosixPath(info.filename), info) for info in archive.infolist() if not info.is_dir()]
    folders = sorted(str(name.parent) for name, _ in members if name.name == _NODES)
    chosen = folders[0] if len(folders) == 1 and inside is None else str(PurePosixPath(inside or ""))
    if chosen not in folders:
        rule = f"must be a folder with {_NODES} in the zip file"
        hint = f"Give --folder: {', '.join(folders)}" if folders else f"Pack a folder with {_NODES}"
        raise InputError(rule, file=path, field="--folder", value=inside or "none", hint=hint)
    own = [(name, info) for name, info in members if str(name.parent) == chosen and _is_table(name.name)]
    if sum(info.file_size for _, info in own) > _MOST_BYTES:
        rule, hint = "must be 2 GiB or less when unpacked", "Unpack the folder and remove what is no table"
        raise InputError(rule, file=path, field="zip file", value=chosen, hint=hint)
    return {name.name: archive.read(info) for name, info in own}, str(path / chosen)


def _table(path: Path, content: bytes) -> GmnsTable:
    try:
        text = content.decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        lines = [(reader.line_num, row) for row in reader if any(row)]
    except (UnicodeDecodeError, csv.Error) as error:
        rule, hint = "must be readable CSV in UTF-8", "Save it as CSV in UTF-8, with commas between values"
        raise InputError(rule, file=path, field="file content", value=str(error), hint=hint) from error
    if not lines:
        hint = "Put the names of the columns into the first row, or remove the file"
        raise InputError("must have a header", file=path, field="file content", hint=hint)
    header = _trimmed(lines[0][1])
    rows = []
    for line, row in lines[1:]:
        if len(_trimmed(row)) > len(header):
            rule, hint = f"must have {len(header)} cells or fewer", "Quote texts that hold a comma"
            raise InputError(rule, file=path, field=f"row {line}", value=row[len(header)], hint=hint)
        rows.append((*row[: len(header)], *[""] * (len(header) - len(row))))
    try:
        return GmnsTable(path.stem, tuple(header), tuple(rows), tuple(line for line, _ in lines[1:]))
    except InputError as error:
        raise InputError(
            error.rule, file=path, field=error.field, value=error.value, hint=error.hint
        ) from error


def _trimmed(row: list[str]) -> list[str]:
    last = max((k + 1 for k, cell in enumerate(row) if cell), default=0)
    return row[:last]


def check_new_folder(path: Path) -> None:
    """Refuse a folder to write that is there already with something in it."""
    if path.is_symlink() or (path.exists() and not (path.is_dir() and not any(path.iterdir()))):
        rule, hint = "must be a new or an empty folder", "Choose another folder, or remove this one first"
        raise InputError(rule, file=path, field="--output", hint=hint)


def write_gmns(folder: GmnsFolder, path: Path) -> None:
    """Write the tables into a new folder; equal tables give equal bytes, and read again they are equal.

    Raises
    ------
    InputError
        If `path` is there already and no empty folder, or the folder above it is not there.
    """
    check_new_folder(path)
    if not path.absolute().parent.is_dir():
        raise InputError("must be in a folder that exists", file=path, hint="Make the folder first")
    draft = path.absolute().with_name(f".{path.absolute().name}.{os.getpid()}.part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    try:
        for table in folder.tables:
            (draft / f"{table.name}.csv").write_bytes(_csv(table))
        path.mkdir(exist_ok=True)
        for file in sorted(draft.iterdir()):
            file.replace(path / file.name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _csv(table: GmnsTable) -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\r\n").writerows([table.columns, *table.rows])
    text = stream.getvalue()
    return text.encode("utf-8-sig" if text.startswith("\ufeff") else "utf-8")
