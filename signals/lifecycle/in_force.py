"""What a junction is to show at an instant, by what was decided. Pure."""

from __future__ import annotations

from datetime import datetime

from signals.lifecycle.records import Lifecycle, OrderMode, PlanSetRecord, Slot, SlotRecord, Version

__all__ = [
    "active_versions",
    "has_begun",
    "in_force",
    "still_in_force",
    "still_told",
    "version_in_force",
    "version_of",
]

_PRIORITY = (Slot.INCIDENT, Slot.EVENT, Slot.BASE)


def has_begun(version: Version, at: datetime) -> bool:
    """Return whether the time has come at which the group of a version that is activated switches."""
    return version.begins_at is not None and version.begins_at <= at


def still_in_force(has: SlotRecord, at: datetime) -> Version | None:
    """Return what a slot goes on with until its current version begins; none where that has begun."""
    if has.current is None or has_begun(has.current, at):
        return None
    return has.previous if has.previous is not None and _lasts(has.previous, at) else None


def version_of(plan_set: str, has: SlotRecord, at: datetime) -> Version | None:
    """Return the version of a set that is activated in a slot: the current one, or what is there until that begins."""
    current, previous = has.current, has.previous
    if current is None or current.plan_set == plan_set:
        return current
    waits = previous is not None and previous.plan_set == plan_set and not has_begun(current, at)
    return previous if waits else None


def active_versions(state: Lifecycle, at: datetime, record: PlanSetRecord) -> dict[str, Version]:
    """Return the versions of a set in the junctions in which it is activated, and not replaced."""
    found = {
        key: version_of(record.id, state.junction(key).slot(record.slot), at) for key in record.junctions
    }
    return {key: version for key, version in found.items() if version is not None}


def still_told(slot: Slot, has: SlotRecord, at: datetime) -> Version | None:
    """Return what a controller has to hear of beside the current version, until that has begun.

    That is what is in force until then, or a version of the day that is over: nobody takes a plan of the day away but by
    a signed word, and who was away goes on with the one before it until told of its successor.
    """
    previous = has.previous
    if previous is None or (has.current is not None and has_begun(has.current, at)):
        return None
    return previous if slot is Slot.BASE or _lasts(previous, at) else None


def version_in_force(state: Lifecycle, junction: str, at: datetime) -> Version | None:
    """Return the version that the lamps of a junction are to follow; none where that is none of the service's."""
    record = state.junction(junction)
    order = record.order
    slots: tuple[Slot, ...] = _PRIORITY
    if order is not None and order.mode is not OrderMode.NONE and order.expires_at > at:
        if order.slot is None:
            return None
        slots = (order.slot, *_PRIORITY)
    found = (in_force(record.slot(slot), at) for slot in slots)
    return next((version for version in found if version is not None), None)


def in_force(has: SlotRecord, at: datetime) -> Version | None:
    """Return the version of a slot that is in force: one that has begun and lasts."""
    if has.current is not None and has_begun(has.current, at):
        return has.current if _lasts(has.current, at) else None
    return still_in_force(has, at)


def _lasts(version: Version, at: datetime) -> bool:
    return version.until is None or version.until > at
