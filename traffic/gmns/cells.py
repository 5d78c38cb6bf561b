"""Rows of a GMNS table by the names of its columns, and what is wrong with a cell by file, row and column.

Tables that have been a shapefile have names of 10 letters: ``from_node_`` is read as `from_node_id`. A cell ``NaN`` is empty, as
the specification has it, and so is ``NULL``.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import TYPE_CHECKING

from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from traffic.gmns.records import GmnsFolder

__all__ = ["Row", "by_key", "rows_of"]

_SHAPEFILE = 10
_MOST = Decimal(10) ** 12
_HINT = "Correct the cell"
_EMPTY = ("", "nan", "null")


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes
    ----------
    file, line
        Where it stands, for errors.
    """

    file: str
    line: int
    at: Mapping[str, int]
    cells: tuple[str, ...]

    def text(self, column: str) -> str:
        """Return a cell without outer spaces; empty where there is none."""
        text = self._raw(column)
        return "" if text.lower() in _EMPTY else text

    def verbatim(self, column: str) -> str:
        """Return a cell as it stands, with outer spaces; empty where `text` is."""
        return self._cell(column) if self.text(column) else ""

    def _raw(self, column: str) -> str:
        return self._cell(column).strip()

    def _cell(self, column: str) -> str:
        position = self.at.get(column)
        if position is None:
            position = self.at.get(column[:_SHAPEFILE]) if len(column) > _SHAPEFILE else None
        return "" if position is None else self.cells[position]

    def decimal(self, column: str, default: Decimal | None = None) -> Decimal:
        """Return the number in a cell with all its digits; the default where it is empty."""
        text = self.text(column)
        if not text and default is not None:
            return default
        if not text:
            raise self.wrong(column, "must be given", "Write the number")
        try:
            value = Decimal(text.replace("_", "?"))
        except InvalidOperation:
            raise self.wrong(
                column, "must be a number", "Write digits, with a point before decimals"
            ) from None
        if not value.is_finite() or abs(value) > _MOST:
            raise self.wrong(column, "must be a finite number of a size that occurs", _HINT)
        return value

    def number(self, column: str, default: float | None = None) -> float:
        """Return the number in a cell; the default where it is empty."""
        return float(self.decimal(column, None if default is None else Decimal(repr(default))))

    def whole(self, column: str, default: int | None = None) -> int:
        """Return the whole number in a cell; the default where it is empty."""
        value = self.decimal(column, None if default is None else Decimal(default))
        if value != int(value):
            raise self.wrong(column, "must be a whole number", _HINT)
        return int(value)

    def yes(self, column: str, *, default: bool) -> bool:
        """Return the truth value in a cell."""
        text = self.text(column).lower()
        if text and text not in _TRUTH:
            raise self.wrong(column, "must be true or false", "Write 1 or 0, true or false")
        return _TRUTH.get(text, default)

    def wrong(self, column: str, rule: str, hint: str) -> InputError:
        """Return the error that a cell breaks `rule`."""
        field = f"row {self.line}, {column}"
        return InputError(rule, file=self.file, field=field, value=self._raw(column), hint=hint)


_TRUTH = {
    "1": True,
    "true": True,
    "t": True,
    "yes": True,
    "0": False,
    "false": False,
    "f": False,
    "no": False,
}


def rows_of(folder: GmnsFolder, name: str, columns: Sequence[str] = ()) -> list[Row]:
    """Return the rows of a table; none where there is no such table.

    Parameters
    ----------
    columns
        Columns that the table must have.
    """
    table = folder.table(name)
    if table is None:
        return []
    at = {column.strip(): position for position, column in enumerate(table.columns)}
    for column in columns:
        if column not in at and (len(column) <= _SHAPEFILE or column[:_SHAPEFILE] not in at):
            close = get_close_matches(column, list(at), n=1)
            hint = f"Add {column}" + (f" (rename {close[0]!r}?)" if close else "")
            rule = f"must have the column {column}"
            raise InputError(rule, file=folder.file(name), field="header", value=", ".join(at), hint=hint)
    file = folder.file(name)
    return [Row(file, line, at, cells) for line, cells in zip(table.lines, table.rows, strict=True)]


def by_key(rows: Sequence[Row], column: str) -> dict[str, Row]:
    """Return rows by their key, which each must have, and no other."""
    found: dict[str, Row] = {}
    for row in rows:
        key = row.text(column)
        if not key:
            raise row.wrong(column, "must not be empty", "Give the row an id of its own")
        if key in found:
            rule = f"must be unique, and row {found[key].line} has it too"
            raise row.wrong(column, rule, "Remove one of the rows, or give it another id")
        found[key] = row
    return found
