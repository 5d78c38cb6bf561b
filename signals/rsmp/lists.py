"""The small languages inside of texts: rows with commas between them, numbers with hyphens between them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from traffic.errors import InputError

__all__ = [
    "DAYS",
    "MOST_BANDS",
    "Switch",
    "by_number",
    "by_plan_and_band",
    "rows_text",
    "switches",
    "table_text",
]

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
"""Days of the week as RSMP numbers them, from 0."""

MOST_BANDS = 10
"""Dynamic bands of a plan have the numbers 1 to 10."""

_NUMBER = re.compile("[0-9]{1,6}")
_MOST_ROWS = 5000

_Key = TypeVar("_Key")


@dataclass(frozen=True, order=True)
class Switch:
    """One row of the time tables: at `hour`:`minute`, local time, `table` has plan `plan` begin.

    Attributes
    ----------
    table
        1 to 12.
    plan
        1 to 16; 0: the table chooses no plan.
    """

    table: int
    plan: int
    hour: int
    minute: int

    def __post_init__(self) -> None:
        for name, low, high in (("table", 1, 12), ("plan", 0, 16), ("hour", 0, 23), ("minute", 0, 59)):
            if not low <= getattr(self, name) <= high:
                field = f"time table, {name}"
                raise InputError(f"must be from {low} to {high}", field=field, value=getattr(self, name))


def by_number(text: str, field: str) -> Mapping[int, int]:
    """Return what ``"1-10,2-13"`` says: a value for each number."""
    return _mapping(((row[0], row[1]) for row in _rows(text, 2, field)), field)


def by_plan_and_band(text: str, field: str) -> Mapping[tuple[int, int], int]:
    """Return what ``"1-2-10"`` says: seconds for each plan and band."""
    return _mapping((((row[0], row[1]), row[2]) for row in _rows(text, 3, field)), field)


def switches(text: str, field: str) -> tuple[Switch, ...]:
    """Return what ``"1-2-6-30"`` says: in table 1, plan 2 from 06:30."""
    return tuple(sorted(Switch(*row) for row in _rows(text, 4, field)))


def table_text(values: Mapping[int, int]) -> str:
    """Return values by number as text."""
    return rows_text(sorted(values.items()))


def rows_text(rows: Iterable[Iterable[int]]) -> str:
    """Return rows of numbers as text."""
    return ",".join("-".join(str(number) for number in row) for row in rows)


def _rows(text: str, width: int, field: str) -> list[tuple[int, ...]]:
    if not text.strip():
        return []
    rows = text.split(",")
    if len(rows) > _MOST_ROWS:
        raise InputError(f"must have {_MOST_ROWS} rows at most", field=field, value=len(rows))
    return [_row(row.strip(), width, field) for row in rows]


def _row(text: str, width: int, field: str) -> tuple[int, ...]:
    numbers = text.split("-")
    if len(numbers) != width or not all(_NUMBER.fullmatch(number) for number in numbers):
        rule = f"must be rows of {width} whole numbers, hyphens between numbers and commas between rows"
        raise InputError(rule, field=field, value=text)
    return tuple(int(number) for number in numbers)


def _mapping(pairs: Iterable[tuple[_Key, int]], field: str) -> Mapping[_Key, int]:
    values: dict[_Key, int] = {}
    for key, value in pairs:
        if key in values:
            raise InputError("must not say the same twice", field=field, value=key)
        values[key] = value
    return MappingProxyType(values)
