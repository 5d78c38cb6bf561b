"""Which keys a controller has to trust: the one that signs, and those that signed what is in force or waits.

Nothing is signed again when another key begins to sign: a plan that is signed anew would be another version, and all of a city
would change for it. Who comes later is to trust what those trust that are there already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.lifecycle.in_force import still_told
from signals.signing import kid_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from api.store.documents import Documents
    from signals.lifecycle.records import JunctionRecord, Lifecycle, Version

__all__ = ["signed_by"]


async def signed_by(
    plans: Lifecycle, documents: Documents, junctions: Iterable[str], at: datetime
) -> frozenset[str]:
    """Return the names of the keys that signed what junctions have or are to have."""
    found = set()
    for key in junctions:
        record = plans.junction(key)
        for version in _versions(record, at):
            found.add(kid_of((await documents.get(version.plan)).decode()))
            if version.activation is not None:
                found.add(kid_of(version.activation))
        if record.order is not None:
            found |= {kid_of(token) for token in (record.order.token, record.order.end) if token is not None}
    return frozenset(found)


def _versions(record: JunctionRecord, at: datetime) -> Iterator[Version]:
    for slot, has in record.slots.items():
        for version in (still_told(slot, has, at), has.current, has.pending):
            if version is not None:
                yield version
