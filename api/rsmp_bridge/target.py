"""What a site is to show at an instant, by the ledger. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from signals.lifecycle.records import (
    JunctionRecord,
    Lifecycle,
    Order,
    OrderMode,
    Slot,
    Version,
)

__all__ = ["Content", "Target", "kept", "next_change", "pending", "target_of"]

_PRIORITY = (Slot.INCIDENT, Slot.EVENT, Slot.BASE)


@dataclass(frozen=True)
class Content:
    """The plans of a version; where only the set that a junction had before is known, those of the set."""

    slot: Slot
    plan_set: str
    version: Version | None


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
    found = {slot: _content(plans, record, slot, now) for slot in _PRIORITY}
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


def _content(plans: Lifecycle, record: JunctionRecord, slot: Slot, now: datetime) -> Content | None:
    """Return what a slot has for now: a version that is activated, or before its time what it replaces."""
    has = record.slot(slot)
    current = has.current
    if current is None or (current.until is not None and current.until <= now):
        return None
    since = plans.begins_at(record.key, slot)
    if since is None or since <= now:
        return Content(slot, current.plan_set, current)
    before = plans.sets.get(has.before or "")
    if before is None:
        return None
    begun, until = before.group_of(record.key).activate_at, before.until_of(record.key)
    if (begun is not None and begun > now) or (until is not None and until <= now):
        return None
    return Content(slot, before.id, None)


def next_change(plans: Lifecycle, junction: str, now: datetime) -> datetime | None:
    """Return when time alone changes next what the site is to show."""
    record = plans.junction(junction)
    moments = [] if record.order is None else [record.order.expires_at]
    for slot, has in record.slots.items():
        if has.current is not None:
            before = plans.sets.get(has.before or "")
            ends = has.current.until, None if before is None else before.until_of(junction)
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
        content = _content(plans, record, slot, now)
        rows = [content] if content is not None else []
        for version in (has.current, has.pending):
            if version is not None and version not in waiting and version.number not in record.refused:
                ended = version.until is not None and version.until <= now
                rows += [] if ended else [Content(slot, version.plan_set, version)]
        found += [row for row in rows if row not in found]
    return found
