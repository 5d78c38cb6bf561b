"""What a junction is to show at an instant, by what was decided. Pure."""

from __future__ import annotations

from datetime import datetime

from signals.lifecycle.records import (
    JunctionRecord,
    Lifecycle,
    OrderMode,
    Slot,
    SlotRecord,
    Version,
)

__all__ = ["has_begun", "still_in_force", "version_in_force"]

_PRIORITY = (Slot.INCIDENT, Slot.EVENT, Slot.BASE)


def has_begun(state: Lifecycle, junction: str, version: Version, at: datetime) -> bool:
    """Return whether the time has come at which the group of a version that is activated switches."""
    activate_at = state.plan_set(version.plan_set).group_of(junction).activate_at
    return activate_at is not None and activate_at <= at


def still_in_force(state: Lifecycle, junction: str, has: SlotRecord, at: datetime) -> Version | None:
    """Return what a slot goes on with until its current version begins; none where that has begun."""
    if has.current is None or has_begun(state, junction, has.current, at):
        return None
    return has.previous if has.previous is not None and _lasts(has.previous, at) else None


def version_in_force(state: Lifecycle, junction: str, at: datetime) -> Version | None:
    """Return the version that the lamps of a junction are to follow; none where that is none of the service's."""
    record = state.junction(junction)
    order = record.order
    slots: tuple[Slot, ...] = _PRIORITY
    if order is not None and order.mode is not OrderMode.NONE and order.expires_at > at:
        if order.slot is None:
            return None
        slots = (order.slot, *_PRIORITY)
    found = (_of_slot(state, record, slot, at) for slot in slots)
    return next((version for version in found if version is not None), None)


def _of_slot(state: Lifecycle, record: JunctionRecord, slot: Slot, at: datetime) -> Version | None:
    has = record.slot(slot)
    if has.current is None:
        return None
    if has_begun(state, record.key, has.current, at):
        return has.current if _lasts(has.current, at) else None
    return still_in_force(state, record.key, has, at)


def _lasts(version: Version, at: datetime) -> bool:
    return version.until is None or version.until > at
