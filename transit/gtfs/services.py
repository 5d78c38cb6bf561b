"""On which days services run: weekdays of a calendar, and single days added and removed."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from transit.gtfs.places import with_key
from transit.gtfs.values import days, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.gtfs.problem_list import ProblemList
    from transit.gtfs.tables import Table

__all__ = ["WEEKDAYS", "read_services"]

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MOST_DAYS = 20 * 366  # a service "for ever" ends on the last day that a calendar can write
_ADDED, _REMOVED = 1, 2


def read_services(
    calendar: Table | None, dates: Table | None, problems: ProblemList
) -> tuple[tuple[str, ...], tuple[frozenset[date], ...]]:
    """Return the services and the days of each."""
    running: dict[str, set[int]] = {}
    if calendar is not None:
        _add_weeks(calendar, running, problems)
    if dates is not None:
        _add_dates(dates, running, problems)
    found = tuple(frozenset(date.fromordinal(day) for day in each) for each in running.values())
    return tuple(running), found


def _add_weeks(table: Table, running: dict[str, set[int]], problems: ProblemList) -> None:
    table, (keys,) = with_key(table, ("service_id",), problems)
    weekdays = np.zeros((len(table), len(WEEKDAYS)), dtype=bool)
    bad = np.zeros(len(table), dtype=bool)
    for column, name in enumerate(WEEKDAYS):
        value, wrong = whole(table, name, problems, most=1)
        problems.errors(table, (value < 0) & ~wrong, name, "must be given")
        weekdays[:, column] = value == 1
        bad |= value < 0
    start, end = (_given_days(table, name, problems) for name in ("start_date", "end_date"))
    backwards = (start > 0) & (end > 0) & (end < start)
    problems.errors(table, backwards, "end_date", "must not be before start_date")
    long = end - start > _MOST_DAYS
    problems.warnings(
        table, long & (start > 0), "end_date", "must be within 20 years of start_date: cut there"
    )
    end = np.where(long, start + _MOST_DAYS, end)
    for row in np.flatnonzero(~bad & ~backwards & (start > 0) & (end > 0)).tolist():
        span = np.arange(start[row], end[row] + 1)
        chosen = span[weekdays[row, (span - 1) % 7]]  # day 1 was a Monday
        running[str(keys[row])] = set(chosen.tolist())


def _given_days(table: Table, column: str, problems: ProblemList) -> NDArray[np.int32]:
    found, wrong = days(table, column, problems)
    problems.errors(table, (found == 0) & ~wrong, column, "must be given")
    return found


def _add_dates(table: Table, running: dict[str, set[int]], problems: ProblemList) -> None:
    table, (keys, _) = with_key(table, ("service_id", "date"), problems)
    day, _ = days(table, "date", problems)
    kind, wrong = whole(table, "exception_type", problems, most=2)
    neither = (kind <= 0) & ~wrong
    problems.errors(table, neither, "exception_type", "must be 1 (added) or 2 (removed)")
    for row in np.flatnonzero((day > 0) & (kind > 0)).tolist():
        found = running.setdefault(str(keys[row]), set())
        if kind[row] == _ADDED:
            found.add(int(day[row]))
        elif kind[row] == _REMOVED:
            found.discard(int(day[row]))
