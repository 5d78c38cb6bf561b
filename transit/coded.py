"""Texts by number: a column of names that repeat, as identifiers of routes and stops do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

__all__ = ["NONE", "Coded"]

NONE = -1
"""Code of a row that has no text."""


@dataclass(frozen=True, eq=False)
class Coded:
    """A column of texts.

    Attributes
    ----------
    names
        The texts, each once.
    code
        Position of each row's text in `names`, or `NONE`; shape (rows,).
    """

    names: tuple[str, ...]
    code: NDArray[np.int32]

    def __post_init__(self) -> None:
        if len(self.code) and not (self.code.min() >= NONE and self.code.max() < len(self.names)):
            rule = f"must be {NONE} or the position of one of {len(self.names)} names"
            raise InputError(rule, field="code", value=int(np.abs(self.code).max()))

    @classmethod
    def of(cls, texts: Iterable[str | None]) -> Coded:
        """Return the column of `texts`; names are in the order in which they come, and `None` and ``""`` are none."""
        number: dict[str, int] = {}
        code = [number.setdefault(text, len(number)) if text else NONE for text in texts]
        return cls(tuple(number), np.array(code, dtype=np.int32))

    @classmethod
    def none(cls, rows: int) -> Coded:
        """Return a column without texts."""
        return cls((), np.full(rows, NONE, dtype=np.int32))

    @classmethod
    def joined(cls, columns: Sequence[Coded]) -> Coded:
        """Return columns one after the other."""
        number: dict[str, int] = {}
        codes = []
        for column in columns:
            new = np.array(
                [number.setdefault(name, len(number)) for name in column.names] + [NONE], dtype=np.int32
            )
            codes.append(new[column.code])  # the last one is that of none
        return cls(tuple(number), np.concatenate(codes) if codes else np.zeros(0, dtype=np.int32))

    def __len__(self) -> int:
        return len(self.code)

    def __getitem__(self, row: int) -> str | None:
        code = int(self.code[row])
        return None if code == NONE else self.names[code]

    def texts(self) -> list[str | None]:
        """Return the text of every row."""
        return [None if code == NONE else self.names[code] for code in self.code.tolist()]

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Coded:
        """Return some rows; the names stay."""
        return Coded(self.names, self.code[rows])

    def is_any(self, wanted: Sequence[str]) -> NDArray[np.bool_]:
        """Return which rows have one of the wanted texts; shape (rows,)."""
        chosen = [k for k, name in enumerate(self.names) if name in set(wanted)]
        found: NDArray[np.bool_] = np.isin(self.code, chosen)
        return found
