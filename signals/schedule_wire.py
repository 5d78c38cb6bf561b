"""Schedules as JSON: pure conversions to and from plain values, and files that are written whole or not at all.

::

    {"format": "jasyl-schedule", "format_version": 1, "name": "...", "network": "...",
     "plan_sets": [{"name": "set 1", "plans": [...]}, ...],
     "day_types": [{"name": "every day", "days": ["monday", ...],
                    "entries": [{"from": "06:30", "plans": "set 1", "transition": "shortway"}, ...]}, ...]}

Plans are those of `signals.wire`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from signals.schedule import DayType, Entry, Schedule, clock
from signals.wire import (
    FORMAT as PLANS_FORMAT,
)
from signals.wire import (
    FORMAT_VERSION as PLANS_VERSION,
)
from signals.wire import (
    headed,
    listed,
    members,
    plan_to_dict,
    plans_from_dict,
    read_document,
    write_document,
)
from traffic.errors import InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from signals.junction import Junction

__all__ = [
    "FORMAT",
    "FORMAT_VERSION",
    "day_types_to_list",
    "read_schedule",
    "schedule_from_dict",
    "schedule_to_dict",
    "write_schedule",
]

FORMAT = "jasyl-schedule"
FORMAT_VERSION = 1

_HINT = "Give a file that `jasyl schedule` has written"
_FILE_KEYS = ("format", "format_version", "name", "network", "plan_sets", "day_types")
_SET_KEYS = ("name", "plans")
_DAY_KEYS = ("name", "days", "entries")
_ENTRY_KEYS = ("from", "plans", "transition")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")


def schedule_to_dict(schedule: Schedule) -> dict[str, Any]:
    """Return `schedule` as plain values."""
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "name": schedule.name,
        "network": schedule.network_name,
        "plan_sets": [
            {"name": plans.name, "plans": [plan_to_dict(plan) for plan in plans]}
            for plans in schedule.plan_sets
        ],
        "day_types": day_types_to_list(schedule),
    }


def day_types_to_list(schedule: Schedule) -> list[dict[str, Any]]:
    """Return the day types of `schedule` as plain values."""
    return [
        {
            "name": day_type.name,
            "days": list(day_type.days),
            "entries": [
                {"from": clock(entry.from_s), "plans": entry.plans, "transition": str(entry.method)}
                for entry in day_type.entries
            ],
        }
        for day_type in schedule.day_types
    ]


def schedule_from_dict(document: object, junctions: Sequence[Junction]) -> Schedule:
    """Return the schedule that `document` describes, for `junctions`.

    Raises
    ------
    InputError
        For anything that is misspelt, missing, unknown, made for other data, or unsafe.
    """
    values = headed(document, _FILE_KEYS, FORMAT, FORMAT_VERSION, hints=(_HINT, "Make the schedule again"))
    network = _text(values["network"], "network")
    sets = []
    for position, row in enumerate(listed(values["plan_sets"], "plan_sets")):
        where = f"plan_sets[{position}]"
        own = members(row, _SET_KEYS, where)
        name = _text(own["name"], f"{where}, name")
        plain = {
            "format": PLANS_FORMAT,
            "format_version": PLANS_VERSION,
            "name": name,
            "network": network,
            "plans": own["plans"],
        }
        try:
            sets.append(plans_from_dict(plain, junctions))
        except InputError as error:
            field = f"{where}, {error.field}"
            raise InputError(error.rule, field=field, value=error.value, hint=error.hint) from error
    days = [
        _day_type(row, f"day_types[{k}]") for k, row in enumerate(listed(values["day_types"], "day_types"))
    ]
    return Schedule(_text(values["name"], "name"), network, tuple(sets), tuple(days))


def _day_type(row: object, where: str) -> DayType:
    values = members(row, _DAY_KEYS, where)
    entries = []
    for position, item in enumerate(listed(values["entries"], f"{where}, entries")):
        field = f"{where}, entries[{position}]"
        own = members(item, _ENTRY_KEYS, field)
        from_s = _seconds(own["from"], f"{field}, from")
        try:
            entries.append(Entry(from_s, _text(own["plans"], "plans"), own["transition"]))
        except InputError as error:
            told = f"{field}, {error.field}"
            raise InputError(error.rule, field=told, value=error.value, hint=error.hint) from error
    days = tuple(_text(day, f"{where}, days") for day in listed(values["days"], f"{where}, days"))
    return DayType(_text(values["name"], f"{where}, name"), days, tuple(entries))


def _seconds(value: object, where: str) -> int:
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        hint = 'Write hours and minutes with two digits each: "06:30"'
        raise InputError("must be a time from 00:00 to 23:59:59", field=where, value=value, hint=hint)
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise InputError("must be text", field=where, value=value)
    return value


def write_schedule(schedule: Schedule, path: str | os.PathLike[str]) -> None:
    """Write `schedule` as JSON; equal schedules give equal bytes."""
    write_document(schedule_to_dict(schedule), path)


def read_schedule(path: str | os.PathLike[str], junctions: Sequence[Junction]) -> Schedule:
    """Read the schedule of `junctions`; see `schedule_from_dict` for what is refused."""
    return read_document(path, lambda document: schedule_from_dict(document, junctions), hint=_HINT)
