"""The state that follows from entries, and the check of a whole ledger: every link, and every state that stands on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from api.store.batch import Head
from api.store.chain import Entry, follow_on
from api.store.errors import LedgerDamaged
from api.store.log import Log
from api.store.snapshot import Snapshots

__all__ = ["Verified", "advanced", "verified"]

S = TypeVar("S")

_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Verified:
    """A chain that was found whole.

    Parameters
    ----------
    entries
        How many entries it has.
    hash
        The hash of the last one; who keeps it elsewhere can show later that nothing before it was changed.
    snapshot
        The entry after which the snapshot was made that was found to follow from the entries; None without one.
    """

    entries: int
    hash: str
    snapshot: int | None = None


def advanced(head: Head[S], entry: Entry, apply: Callable[[S, Entry], S]) -> Head[S]:
    """Return the head after an entry, which must follow on."""
    follow_on(entry, head.seq, head.hash)
    try:
        return Head(apply(head.state, entry), entry.seq, entry.hash)
    except Exception as error:
        rule = "must be an entry that this release can apply"
        hint = "Start the release that wrote it, or a newer one"
        raise LedgerDamaged(rule, seq=entry.seq, value=f"{entry.kind}: {error!r}", hint=hint) from error


async def verified(
    log: Log,
    first: Head[S],
    apply: Callable[[S, Entry], S],
    own: Head[S],
    snapshots: Snapshots[S] | None,
) -> Verified:
    """Read a whole ledger, and check every link, the state of this replica, and the snapshot.

    Parameters
    ----------
    first, apply
        The head before the first entry, and what gives the state after an entry.
    own
        The head of this replica.

    Raises
    ------
    LedgerDamaged
        Where something does not follow from the entries.
    """
    head, proved = first, None
    found = None if snapshots is None else await snapshots.found(log)
    while entries := await log.read(head.seq + 1, None):
        for entry in entries:
            head = advanced(head, entry, apply)
            if head.seq == own.seq:
                await asyncio.to_thread(_require_same, head, own)
            if snapshots and found and head.seq == found[0].seq:
                proved = head.seq if await snapshots.proved(*found, head.state) else None
            if head.seq % _AT_ONCE == 0:
                await asyncio.sleep(0)  # others are served meanwhile
    if head.seq < own.seq:
        raise LedgerDamaged("must be there: this replica has it", seq=head.seq + 1)
    return Verified(head.seq, head.hash, proved)


def _require_same(head: Head[S], own: Head[S]) -> None:
    if head.hash != own.hash:
        raise LedgerDamaged("must be the entry that this replica has", seq=head.seq, value=head.hash)
    if head.state != own.state:
        hint = "Start this replica again; where that does not help, without the snapshot"
        raise LedgerDamaged("must give the state that this replica has", seq=head.seq, hint=hint)
