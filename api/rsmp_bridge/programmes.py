"""What a version asks of a site: stored plans that are set, and when each of them runs. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from signals.rsmp.capability import Capability
from signals.rsmp.lists import Switch
from signals.rsmp.mapping import RsmpPlan, mapped
from signals.schedule import DAYS
from traffic.errors import InputError

__all__ = ["Day", "Programme", "allocated", "days_of", "programme_of", "require_room", "time_tables"]

MOST_TABLES = 12
_MOST_PLANS_OF_TABLES = 16

Day = tuple[tuple[int, int], ...]
"""From which minute of the day on which stored plan runs."""


@dataclass(frozen=True)
class Programme:
    """What a version asks of a site.

    Attributes
    ----------
    plans
        For each named plan, how each stored plan that can express it would be set.
    days
        Minutes and names of plans of each day of the week, Monday first.
    zone
        Of the times of day.
    """

    plans: Mapping[str, Mapping[int, RsmpPlan]]
    days: tuple[tuple[tuple[int, str], ...], ...]
    zone: ZoneInfo

    @property
    def only(self) -> str | None:
        """Name of the plan that runs at all times, where there is one."""
        return next(iter(self.plans)) if len(self.plans) == 1 else None

    def at(self, now: datetime) -> str:
        """Return the name of the plan that runs at an instant."""
        local = now.astimezone(self.zone)
        minute = 60 * local.hour + local.minute
        return [name for start, name in self.days[local.weekday()] if start <= minute][-1]

    def with_numbers(self, places: Mapping[str, RsmpPlan]) -> tuple[Day, ...]:
        """Return the days with the numbers of stored plans; what changes nothing is left out."""
        found = []
        for day in self.days:
            rows = [(minute, places[name].number) for minute, name in day]
            found.append(tuple(next(run) for _, run in groupby(rows, key=lambda row: row[1])))
        return tuple(found)


def programme_of(
    plans: Iterable[Mapping[str, Any]],
    day_types: Iterable[Mapping[str, Any]],
    time_zone: str,
    capability: Capability,
) -> Programme:
    """Return what a site is asked by plans and day types that have passed their gates.

    Raises
    ------
    InputError
        Naming what the site cannot do: order of stages, cycle, offset, a split, time tables.
    """
    days = _days(day_types)
    documents = {plan["name"]: plan for plan in plans}
    used = dict.fromkeys(name for day in days for _, name in day)
    found = {name: _candidates(documents[name], capability) for name in used}
    if len(found) > 1:
        found = {name: _of_tables(name, rows, capability) for name, rows in found.items()}
    result = Programme(found, days, ZoneInfo(time_zone))
    require_room([result], capability)
    return result


def _days(day_types: Iterable[Mapping[str, Any]]) -> tuple[tuple[tuple[int, str], ...], ...]:
    by_day: dict[str, tuple[tuple[int, str], ...]] = {}
    for day_type in day_types:
        rows = tuple(
            (_minute(entry["from"], day_type["name"]), entry["plans"]) for entry in day_type["entries"]
        )
        by_day |= dict.fromkeys(day_type["days"], rows)
    return tuple(by_day[day] for day in DAYS)


def _minute(clock: str, day_type: str) -> int:
    hours, minutes, *seconds = (int(part) for part in clock.split(":"))
    if any(seconds):
        rule = "must be whole minutes: the time tables of RSMP have no seconds"
        raise InputError(rule, field=f"day type {day_type}, from", value=clock)
    return 60 * hours + minutes


def _candidates(document: Mapping[str, Any], capability: Capability) -> dict[int, RsmpPlan]:
    mapped(document, capability)  # where none can, this says which feature is missing
    found = {}
    for stored in capability.plans:
        try:
            found[stored.number] = mapped(document, replace(capability, plans=(stored,)))
        except InputError:
            continue
    return found


def _of_tables(name: str, rows: Mapping[int, RsmpPlan], capability: Capability) -> dict[int, RsmpPlan]:
    found = {number: plan for number, plan in rows.items() if number <= _MOST_PLANS_OF_TABLES}
    if not found:
        rule = f"must be a stored plan from 1 to {_MOST_PLANS_OF_TABLES}: time tables choose no others"
        raise InputError(rule, field=f"site {capability.site}, plan {name}", value=sorted(rows))
    return found


def require_room(programmes: Sequence[Programme], capability: Capability) -> None:
    """Raise `InputError` unless a site has stored plans for all of these at the same time."""
    wanted: list[Mapping[int, RsmpPlan]] = []
    for programme in programmes:
        wanted += [rows for rows in programme.plans.values() if rows not in wanted]
    if _matched(wanted, {plan.number for plan in capability.plans}) is None:
        rule = f"must have room for {len(wanted)} plans, those that are in force or to come among them"
        hint = "Use fewer plan sets, or end the plans of an event; a plan that runs is not written into"
        value = [plan.number for plan in capability.plans]
        raise InputError(rule, field=f"site {capability.site}, stored plans", value=value, hint=hint)


def allocated(
    programme: Programme, places: Mapping[str, RsmpPlan], taken: Collection[int], site: str
) -> dict[str, RsmpPlan]:
    """Return which stored plan each plan is to be written into.

    Parameters
    ----------
    places
        Plans that need not be written: they are there already.
    taken
        Numbers of stored plans that must not be written into.
    """
    names = [name for name in programme.plans if name not in places]
    free = {number for rows in programme.plans.values() for number in rows}
    free -= {plan.number for plan in places.values()} | set(taken)
    numbers = _matched([programme.plans[name] for name in names], free)
    if numbers is None:
        rule = f"must have {len(names)} stored plans that are not in use and can express this"
        raise InputError(rule, field=f"site {site}, stored plans", value=sorted(free))
    return {name: programme.plans[name][number] for name, number in zip(names, numbers, strict=True)}


def _matched(wanted: Sequence[Mapping[int, RsmpPlan]], free: Collection[int]) -> list[int] | None:
    """Return a different free number for each row, by augmenting paths; `None` where there are too few."""
    owner: dict[int, int] = {}

    def place(row: int, seen: set[int]) -> bool:
        for number in wanted[row]:
            if number in free and number not in seen:
                seen.add(number)
                if number not in owner or place(owner[number], seen):
                    owner[number] = row
                    return True
        return False

    if not all(place(row, set()) for row in range(len(wanted))):
        return None
    of_row = {row: number for number, row in owner.items()}
    return [of_row[row] for row in range(len(wanted))]


def time_tables(
    days: Sequence[Day], week: Mapping[int, int], switches: Iterable[Switch], site: str
) -> tuple[dict[int, int], tuple[Switch, ...]]:
    """Return the week, and the rows of time tables, with which a site shows `days`.

    Tables that say it already are used; others are written into tables that the site's week does not use. The rows of
    tables that it does use are among those returned, since sites differ in whether they keep what is not sent.

    Parameters
    ----------
    week, switches
        As the site has them now.
    """
    now = _by_table(switches)
    used = set(week.values())
    known = {rows: table for table, rows in now.items() if rows}
    free = [table for table in range(1, MOST_TABLES + 1) if table not in used]
    free.sort(key=lambda table: now.get(table, ()) in set(days))  # not those that are good as they are
    for rows in dict.fromkeys(days):
        if rows not in known:
            if not free:
                rule = f"must have at most {MOST_TABLES} time tables, those in use among them"
                raise InputError(rule, field=f"site {site}, time tables", value=len(set(days)))
            known[rows] = free.pop(0)
    wanted = {day: known[rows] for day, rows in enumerate(days)}
    tables = {table: now[table] for table in used if table in now} | {known[rows]: rows for rows in days}
    switched = tuple(
        Switch(table, number, *divmod(minute, 60))
        for table, day in sorted(tables.items())
        for minute, number in day
    )
    return wanted, switched


def _by_table(switches: Iterable[Switch]) -> dict[int, Day]:
    found: dict[int, Day] = {}
    for row in sorted(switches, key=lambda row: (row.table, row.hour, row.minute)):
        found[row.table] = (*found.get(row.table, ()), (60 * row.hour + row.minute, row.plan))
    return found


def days_of(week: Mapping[int, int], switches: Iterable[Switch]) -> tuple[Day, ...]:
    """Return the days that a week of time tables shows."""
    tables = _by_table(switches)
    return tuple(tables.get(week.get(day, 0), ()) for day in range(len(DAYS)))
