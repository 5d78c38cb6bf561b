"""Programmes: which checked plan a controller runs by day of the week and time of day in its time zone."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from simulation.controller.gate import CheckedPlan, checked_plan
from simulation.controller.reading import choice, items, record, text, time_of_day
from simulation.controller.tables import time_zone
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    from simulation.controller.tables import Tables

__all__ = ["DAYS", "Entry", "Method", "Programme", "local_programme"]

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_QUARTER_S = 900  # clocks are set forward and back at full quarters of an hour


class Method(StrEnum):
    """How a controller comes into step with another plan."""

    DWELL = "dwell"
    SHORTWAY = "shortway"
    LONGWAY = "longway"


class Entry(NamedTuple):
    """From a second after midnight on, a plan, and how to get to it."""

    from_s: int
    plan: CheckedPlan
    method: Method


@dataclass(frozen=True)
class Programme:
    """Checked plans of one junction and when each of them is run.

    Attributes
    ----------
    days
        Entries of each day of the week from Monday on, in the order of time, the first at midnight.
    zone
        Time zone of the times of day.
    """

    days: tuple[tuple[Entry, ...], ...]
    zone: ZoneInfo
    _cache: list[tuple[int, int, Entry]] = field(default_factory=list, repr=False, compare=False)

    @classmethod
    def from_values(cls, plans: object, day_types: object, zone: object, tables: Tables) -> Programme:
        """Return the programme that plain values describe; every plan must pass the gate.

        Parameters
        ----------
        plans
            Plans as in the files of plans, their names unique.
        day_types
            Day types as in the files of schedules; each day of the week is in one of them.
        """
        by_name: dict[str, CheckedPlan] = {}
        for position, value in enumerate(items(plans, "plans")):
            plan = _placed(value, tables, f"plans[{position}]")
            if plan.name in by_name:
                raise InputError("must have names that differ", field=f"plans[{position}]", value=plan.name)
            by_name[plan.name] = plan
        days: dict[str, tuple[Entry, ...]] = {}
        for position, value in enumerate(items(day_types, "day_types")):
            where = f"day_types[{position}]"
            row = record(value, ("name", "days", "entries"), where)
            text(row["name"], f"{where}, name", empty=True)
            entries = _entries(row["entries"], by_name, where)
            for day in items(row["days"], f"{where}, days"):
                if choice(day, DAYS, f"{where}, days") in days:
                    raise InputError("must be in one day type only", field=f"{where}, days", value=day)
                days[day] = entries
        missing = [day for day in DAYS if day not in days]
        if missing:
            raise InputError("must have every day of the week", field="day_types", value=missing[0])
        return cls(tuple(days[day] for day in DAYS), time_zone(zone, "time_zone"))

    def at(self, posix_s: int) -> Entry:
        """Return what is to be run in a second of POSIX time."""
        if self._cache:
            begin, end, entry = self._cache[0]
            if begin <= posix_s < end:
                return entry
        local = datetime.fromtimestamp(posix_s, UTC).astimezone(self.zone)
        entries = self.days[local.weekday()]
        second = local.hour * 3600 + local.minute * 60 + local.second
        position = bisect_right([entry.from_s for entry in entries], second) - 1
        following = [entry.from_s for entry in entries[position + 1 :]][:1]
        until = min([posix_s - second + start for start in following], default=posix_s + _QUARTER_S)
        self._cache[:] = [
            (posix_s, min(until, posix_s + _QUARTER_S - posix_s % _QUARTER_S), entries[position])
        ]
        return entries[position]


def local_programme(tables: Tables) -> Programme:
    """Return the controller's own schedule, which must pass the gate like any other."""
    try:
        return Programme.from_values(list(tables.plans), list(tables.day_types), tables.time_zone, tables)
    except InputError as error:
        where = f"schedule, {error.field}"
        raise InputError(error.rule, field=where, value=error.value, hint=error.hint) from error


def _placed(value: object, tables: Tables, where: str) -> CheckedPlan:
    try:
        return checked_plan(value, tables)
    except InputError as error:
        told = f"{where}: {error.field}"
        raise InputError(error.rule, field=told, value=error.value, hint=error.hint) from error


def _entries(value: object, plans: Mapping[str, CheckedPlan], where: str) -> tuple[Entry, ...]:
    found: list[Entry] = []
    for position, item in enumerate(items(value, f"{where}, entries")):
        field_name = f"{where}, entries[{position}]"
        row = record(item, ("from", "plans", "transition"), field_name)
        name = text(row["plans"], f"{field_name}, plans", empty=True)
        if name not in plans:
            raise InputError("must be the name of a plan", field=f"{field_name}, plans", value=name)
        method = Method(choice(row["transition"], tuple(Method), f"{field_name}, transition"))
        found.append(Entry(time_of_day(row["from"], f"{field_name}, from"), plans[name], method))
    _check_order(found, where)
    return tuple(found)


def _check_order(entries: Sequence[Entry], where: str) -> None:
    starts = [entry.from_s for entry in entries]
    if not starts or starts[0] != 0:
        raise InputError("must have a first entry at 00:00", field=f"{where}, entries", value=starts[:1])
    if any(b <= a for a, b in pairwise(starts)):
        raise InputError("must be in the order of time", field=f"{where}, entries", value=starts)
