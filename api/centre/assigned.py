"""What a controller is to have, in signed words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from api.store.documents import Documents
from signals.lifecycle.in_force import still_told
from signals.lifecycle.records import Lifecycle, SlotRecord, Version

__all__ = ["assignment_of"]


async def assignment_of(
    plans: Lifecycle, documents: Documents, junction: str, at: datetime
) -> dict[str, Any]:
    """Return the assignment of a junction as it is told to its controller."""
    record = plans.junction(junction)
    told = {slot: still_told(slot, content, at) for slot, content in record.slots.items()}
    slots = {
        slot.value: await _slot(documents, content, told[slot])
        for slot, content in record.slots.items()
        if content.current or content.pending or told[slot]
    }
    return {
        "junction": junction,
        "sequence": record.sequence,
        "slots": slots,
        "order": None if record.order is None else record.order.token,
        "keys": plans.keys,
        "announcements": list(plans.announcements),
    }


async def _slot(documents: Documents, content: SlotRecord, previous: Version | None) -> dict[str, Any]:
    """Return a slot with its signed words, and with what is in force until `current` begins or has ended before its time."""
    found: dict[str, Any] = {}
    versions = {"current": content.current, "pending": content.pending}
    for name, version in (versions | ({} if previous is None else {"previous": previous})).items():
        token = None if version is None else (await documents.get(version.plan)).decode()
        found[name] = version and {
            "version": version.number,
            "plan": token,
            "activation": version.activation,
        }
    return found
