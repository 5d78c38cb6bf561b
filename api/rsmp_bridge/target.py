"""What a site is to show at an instant, by the ledger. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from signals.lifecycle.in_force import in_force
from signals.lifecycle.records import JunctionRecord, Lifecycle, Order, OrderMode, Slot, Version

__all__ = ["Content", "Target", "kept", "next_change", "pending", "target_of"]

_PRIORITY = (Slot.INCIDENT, Slot.EVENT, Slot.BASE)


@dataclass(frozen=True)
class Content:
    """The plans of a version."""

    slot: Slot
    plan_set: str
    version: Version


@dataclass(frozen=True)
class Target:
    """What a site is to show.

    Attributes
    ----------
    mode
        Control by plans, or flash.
    content
        What it is to run, or would without flash; none: what it chooses itself.
    ever
        Whether the service has had plans for it at all; where it had none, the site is left alone.
    flash_until
        When flash ends.
    impossible
        What an operator has ordered and RSMP cannot do.
    """

    mode: Literal["control", "flash"]
    content: Content | None
    ever: bool
    flash_until: datetime | None = None
    impossible: str | None = None


def target_of(plans: Lifecycle, junction: str, now: datetime) -> Target:
    """Return what the site of a junction is to show now."""
    record = plans.junction(junction)
    found = {slot: _content(record, slot, now) for slot in _PRIORITY}
    content = next((found[slot] for slot in _PRIORITY if found[slot] is not None), None)
    ever = record.last_version > 0
    order = _order(record, now)
    if order is None:
        return Target("control", content, ever)
    if order.mode is OrderMode.FLASH:
        return Target("flash", content, ever, flash_until=order.expires_at)
    if order.mode is OrderMode.SLOT:
        assert order.slot is not None
        return Target("control", found[order.slot] or content, ever)
    text = f"{junction}: all red is ordered, and RSMP has no command for it"
    return Target("control", content, ever, impossible=text)


def _order(record: JunctionRecord, now: datetime) -> Order | None:
    order = record.order
    standing = order is not None and order.mode is not OrderMode.NONE and order.expires_at > now
    return order if standing else None


def _content(record: JunctionRecord, slot: Slot, now: datetime) -> Content | None:
    version = in_force(record.slot(slot), now)
    return None if version is None else Content(slot, version.plan_set, version)


def next_change(plans: Lifecycle, junction: str, now: datetime) -> datetime | None:
    """Return when time alone changes next what the site is to show."""
    record = plans.junction(junction)
    moments = [] if record.order is None else [record.order.expires_at]
    for slot, has in record.slots.items():
        ends = [version.until for version in (has.current, has.previous) if version is not None]
        moments += [at for at in (*ends, plans.begins_at(junction, slot)) if at is not None]
    return min((at for at in moments if at > now), default=None)


def pending(plans: Lifecycle, junction: str) -> list[Content]:
    """Return the versions that the site has neither accepted nor refused yet."""
    record = plans.junction(junction)
    found = []
    for slot, has in record.slots.items():
        version = has.pending
        if version is None or version.number in record.refused:
            continue
        if junction not in plans.sets[version.plan_set].group_of(junction).accepted:
            found.append(Content(slot, version.plan_set, version))
    return found


def kept(plans: Lifecycle, junction: str, now: datetime) -> list[Content]:
    """Return all that the site has or is to have, and must not be written over: also what is accepted and waits."""
    record = plans.junction(junction)
    waiting = {content.version for content in pending(plans, junction)}
    found = []
    for slot, has in record.slots.items():
        content = _content(record, slot, now)
        rows = [content] if content is not None else []
        for version in (has.current, has.pending):
            if version is not None and version not in waiting and version.number not in record.refused:
                ended = version.until is not None and version.until <= now
                rows += [] if ended else [Content(slot, version.plan_set, version)]
        found += [row for row in rows if row not in found]
    return found
