"""What is signed for controllers: from plan sets and schedules to the payloads of one junction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from signals.instants import instant_text
from signals.schedule import Schedule
from signals.schedule_wire import FORMAT as SCHEDULE_FORMAT
from signals.schedule_wire import day_types_to_list, schedule_from_dict
from signals.wire import FORMAT as PLANS_FORMAT
from signals.wire import plan_to_dict, plans_from_dict
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from signals.junction import Junction
    from signals.lifecycle.records import OrderMode, PlanSetRecord, Slot

__all__ = [
    "EPOCH",
    "activation_payload",
    "cycles_of",
    "keys_payload",
    "order_payload",
    "plan_payload",
    "read_schedule_document",
    "require_same_junctions",
]

EPOCH = "1970-01-01T00:00:00Z"
"""Offsets count in whole cycles from here, in POSIX seconds, on every controller alike."""


def read_schedule_document(document: object, junctions: Mapping[str, Junction]) -> Schedule:
    """Return the plan set, or the schedule of plan sets, that `document` describes; a plan set is one for all times.

    It may be for some of `junctions`: all of those that it names.

    Raises
    ------
    InputError
        For anything that is misspelt, missing, unknown, made for other data, or unsafe.
    """
    form = document.get("format") if isinstance(document, dict) else None
    if form not in (PLANS_FORMAT, SCHEDULE_FORMAT):  # whatever it is, a list too
        rule = f"must be {PLANS_FORMAT!r} or {SCHEDULE_FORMAT!r}"
        hint = "Give what `jasyl optimize` or `jasyl schedule` has written"
        raise InputError(rule, field="format", value=form, hint=hint)
    assert isinstance(document, dict)
    named = _named(document, form)
    own = [junctions[key] for key in junctions if key in named]
    placed = [replace(junction, index=row) for row, junction in enumerate(own)]
    if form == SCHEDULE_FORMAT:
        return schedule_from_dict(document, placed)
    return Schedule.of_one(plans_from_dict(document, placed))


def _named(document: Mapping[str, Any], form: str) -> set[str]:
    """Return the keys of the junctions that the first plan set of a document names."""
    sets = document.get("plan_sets") if form == SCHEDULE_FORMAT else [document]
    first = sets[0] if isinstance(sets, list) and sets else None
    plans = first.get("plans") if isinstance(first, dict) else None
    rows = plans if isinstance(plans, list) else []
    named = {key for row in rows if isinstance(row, dict) and isinstance(key := row.get("junction"), str)}
    if not named:
        raise InputError("must have a plan of a junction", field="plans")
    return named


def require_same_junctions(groups: Mapping[str, Sequence[str]], schedule: Schedule) -> None:
    """Raise unless the groups have exactly the junctions of a schedule; each once is for the draft to see."""
    named = {key for keys in groups.values() for key in keys}
    own = {plan.junction.key for plan in schedule.plan_sets[0]}
    if named != own:
        rule = "must have the junctions of the plan set, each in one group"
        raise InputError(rule, field="groups", value=min(named ^ own))


def cycles_of(schedule: Schedule) -> dict[str, list[int]]:
    """Return the cycle of each junction in each plan set, in s."""
    return {
        plan.junction.key: [plans[row].cycle_s for plans in schedule.plan_sets]
        for row, plan in enumerate(schedule.plan_sets[0])
    }


def plan_payload(
    schedule: Schedule,
    row: int,
    record: PlanSetRecord,
    version: int,
    *,
    issued_at: datetime,
    time_zone: str,
) -> dict[str, Any]:
    """Return what is signed as the plan of one junction.

    Parameters
    ----------
    row
        Of the junction in the plan sets of `schedule`.
    record
        The plan set that it is published by.
    time_zone
        Of the day types.
    """
    junction = schedule.plan_sets[0][row].junction
    until = record.until_of(junction.key)
    plans = [
        {**plan_to_dict(plans[row]), "name": plans.name, "version": version} for plans in schedule.plan_sets
    ]
    return {
        "junction": junction.key,
        "version": version,
        "slot": record.slot.value,
        "release": record.id,
        "group": record.group_of(junction.key).name,
        "tables": junction.digest,
        "issued_at": instant_text(issued_at),
        "activate_from": instant_text(record.activate_from or issued_at),
        "valid_until": None if until is None else instant_text(until),
        "epoch": EPOCH,
        "time_zone": time_zone,
        "plans": plans,
        "day_types": day_types_to_list(schedule),
    }


def activation_payload(
    junction: str,
    version: int,
    slot: Slot,
    *,
    issued_at: datetime,
    activate_at: datetime,
    until: datetime | None,
) -> dict[str, Any]:
    """Return what is signed to let a junction switch to a version, until its end where it has one."""
    return {
        "junction": junction,
        "version": version,
        "slot": slot.value,
        "issued_at": instant_text(issued_at),
        "activate_at": instant_text(activate_at),
        "until": None if until is None else instant_text(until),
    }


def order_payload(
    junction: str,
    sequence: int,
    mode: OrderMode,
    slot: Slot | None,
    *,
    issued_at: datetime,
    expires_at: datetime,
) -> dict[str, Any]:
    """Return what is signed as an order of an operator."""
    return {
        "junction": junction,
        "sequence": sequence,
        "mode": mode.value,
        "slot": None if slot is None else slot.value,
        "issued_at": instant_text(issued_at),
        "expires_at": instant_text(expires_at),
    }


def keys_payload(keys: Sequence[Mapping[str, str]], *, issued_at: datetime) -> dict[str, Any]:
    """Return what is signed to announce the public keys (JWK) that are trusted from now on."""
    return {"keys": {"keys": [dict(key) for key in keys]}, "issued_at": instant_text(issued_at)}
