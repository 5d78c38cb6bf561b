"""Groups of stop visits: by route, direction, stop, hour, vehicle, block, day, and any combination of these."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from traffic.errors import InputError
from transit.coded import NONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from transit.coded import Coded
    from transit.visits import StopVisits

__all__ = ["FIELDS", "Groups", "Label", "dense", "group_quantile", "group_sum", "hours_of", "name_ranks"]

FIELDS = ("route", "direction", "stop", "hour", "vehicle", "block", "day")
"""What visits may be grouped by."""

Label = str | int | None
"""What a group has in one field; `None` where it is not known."""

_QUARTER_S = 900  # clocks are changed, and zones differ, by whole quarters of an hour
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups in the order of their labels, as people sort them: route 9 before route 10, not known last.

    Attributes
    ----------
    by
        The fields, of `FIELDS`.
    labels
        Label of every group in each field.
    number
        Group of each visit; shape (visits,).
    """

    by: tuple[str, ...]
    labels: tuple[tuple[Label, ...], ...]
    number: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def of(cls, visits: StopVisits, moment_s: NDArray[np.float64], by: Sequence[str] = ()) -> Groups:
        """Return the groups of visits; hours are those of `moment_s`, POSIX seconds, in the zone of the visits."""
        for field in by:
            if field not in FIELDS:
                raise InputError(f"must be one of {', '.join(FIELDS)}", field="by", value=field)
        if len(set(by)) != len(by):
            raise InputError("must name each field once", field="by", value=", ".join(by))
        if not by:
            return cls((), ((),), np.zeros(len(visits), dtype=np.int64))
        columns = [_column(visits, moment_s, field) for field in by]
        number, first = dense([codes for codes, _ in columns])
        labels = [tuple(names[codes[row]] for codes, names in columns) for row in first.tolist()]
        order = sorted(
            range(len(labels)), key=lambda group: [_as_people_sort(part) for part in labels[group]]
        )
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        return cls(tuple(by), tuple(labels[group] for group in order), place[number])

    def records(self) -> list[dict[str, Label]]:
        """Return every group as field and label."""
        return [dict(zip(self.by, label, strict=True)) for label in self.labels]


def dense(columns: Sequence[NDArray[np.integer]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the number of each row's combination of values, from 0, and a row of each combination."""
    number = np.zeros(len(columns[0]), dtype=np.int64)
    first = np.zeros(min(1, len(number)), dtype=np.int64)
    for column in columns:
        values, code = np.unique(column, return_inverse=True)
        _, first, number = np.unique(number * len(values) + code, return_index=True, return_inverse=True)
    return number.astype(np.int64), first.astype(np.int64)


def name_ranks(column: Coded) -> NDArray[np.int64]:
    """Return the place of each row's text among the texts in order, -1 for none: it depends on no order of rows."""
    rank = np.full(len(column.names) + 1, NONE, dtype=np.int64)
    rank[np.argsort(np.array(column.names, dtype=np.str_), kind="stable")] = np.arange(len(column.names))
    return rank[column.code]


def hours_of(moment_s: NDArray[np.float64], zone: str) -> NDArray[np.int64]:
    """Return the hour of the local clock, from 0 to 23, or -1 where the moment is not known."""
    known = np.isfinite(moment_s)
    quarters, code = np.unique(np.floor(moment_s[known] / _QUARTER_S).astype(np.int64), return_inverse=True)
    place = ZoneInfo(zone)
    clock = [
        datetime.fromtimestamp(quarter * _QUARTER_S, tz=UTC).astimezone(place).hour
        for quarter in quarters.tolist()
    ]
    found = np.full(len(moment_s), NONE, dtype=np.int64)
    found[known] = np.array(clock, dtype=np.int64)[code]
    return found


def group_sum(values: NDArray[np.generic], group: NDArray[np.int64], groups: int) -> NDArray[np.float64]:
    """Return the sum of each group, the same to the last digit in whatever order the rows are."""
    if values.dtype.kind in "bui":
        whole = np.bincount(group, weights=values.astype(np.float64), minlength=groups)  # exact, below 2**53
        return whole.astype(np.float64)
    some = values != 0
    values, group = values[some], group[some]
    order = np.lexsort((values, group))
    starts = _starts(group[order])
    found = np.zeros(groups)
    if len(order):
        found[group[order][starts]] = np.add.reduceat(values[order].astype(np.float64), starts)
    return found


def group_quantile(
    values: NDArray[np.float64], group: NDArray[np.int64], groups: int, percent: int
) -> NDArray[np.float64]:
    """Return the least value of each group with at least `percent` % of the group at or below it; NaN for no values."""
    order = np.lexsort((values, group))
    starts = _starts(group[order])
    counts = np.diff(np.append(starts, len(order)))
    place = np.maximum(-(-percent * counts // 100), 1) - 1  # whole numbers: 0.15 * 20 would be more than 3
    found = np.full(groups, np.nan)
    found[group[order][starts]] = values[order][starts + place]
    return found


def _starts(ordered: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the first row of each run of equal numbers."""
    new = np.ones(len(ordered), dtype=bool)
    new[1:] = ordered[1:] != ordered[:-1]
    return np.flatnonzero(new)


def _column(
    visits: StopVisits, moment_s: NDArray[np.float64], field: str
) -> tuple[NDArray[np.int64], tuple[Label, ...]]:
    """Return codes, and the labels that they are positions of; the last one is that of code -1, not known."""
    if field == "hour":
        return hours_of(moment_s, visits.zone), (*range(24), None)
    if field == "direction":
        return visits.direction.astype(np.int64), (*range(int(visits.direction.max(initial=0)) + 1), None)
    if field == "day":
        days, code = np.unique(visits.day, return_inverse=True)
        return code.astype(np.int64), tuple(str(_EPOCH + timedelta(days=day)) for day in days.tolist())
    column: Coded = getattr(visits, field)
    return column.code.astype(np.int64), (*column.names, None)


def _as_people_sort(label: Label) -> tuple[int, list[tuple[int, int, str]]]:
    if label is None:
        return 1, []
    parts = re.findall(r"\d+|\D+", str(label))
    return 0, [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts]
