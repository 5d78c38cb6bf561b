"""Documents of plan sets that came to their end long ago: they leave Redis, and are read from files where somebody asks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from api.centre.state import ServiceState
from api.store.chain import Entry
from api.store.documents import Documents
from api.store.errors import StoreDamaged, StoreUnavailable
from api.store.ledger import Ledger
from signals.lifecycle.in_force import still_told
from signals.lifecycle.records import FINAL, Lifecycle

__all__ = ["OldDocuments"]

_LOG = logging.getLogger("jasyl.documents")

_ENDS = frozenset(f"plan_set.{state.value}" for state in FINAL)
_AT_ONCE = 100


class OldDocuments:
    """Moves documents into files.

    Parameters
    ----------
    ledger, documents
        What names them, and what has them.
    clock
        Gives the time.
    kept_for
        How long after the end of their set they stay where they are.
    """

    def __init__(
        self,
        ledger: Ledger[ServiceState],
        documents: Documents,
        *,
        clock: Callable[[], datetime],
        kept_for: timedelta,
    ) -> None:
        self._ledger, self._documents = ledger, documents
        self._clock, self._kept_for = clock, kept_for
        self._moved: set[str] = set()  # sets that nothing is left of to move

    async def run(self, every_s: float) -> None:
        """Move what is old, again and again, until cancelled; not at the start, when there is enough to do."""
        while True:
            await asyncio.sleep(every_s)
            try:
                await self.move()
            except (StoreUnavailable, StoreDamaged, OSError) as error:
                _LOG.error("Old documents are not moved, next try in %g s: %s", every_s, error)

    async def move(self) -> int:
        """Move what is old, and return how many documents were moved."""
        moved = 0
        for plan_set, names in (await self._old(self._clock() - self._kept_for)).items():
            needed = set(_needed(self._ledger.state.plans, self._clock()))
            old = [name for name in names if name not in needed]
            for first in range(0, len(old), _AT_ONCE):
                moved += await self._documents.move_out(old[first : first + _AT_ONCE])
            if len(old) == len(names):
                self._moved.add(plan_set)
        if moved:
            _LOG.info("Moved %d documents of old plan sets into files", moved)
        return moved

    async def _old(self, limit: datetime) -> dict[str, list[str]]:
        """Return the documents of each set that had ended before `limit`."""
        named: dict[str, list[str]] = {}
        ended: set[str] = set()
        newest = self._ledger.seq
        if newest:
            async for entry in self._ledger.follow(0):
                if entry.at >= limit:
                    break
                plan_set = str(entry.data.get("plan_set"))
                if entry.kind.startswith("plan_set.") and plan_set not in self._moved:
                    named.setdefault(plan_set, []).extend(_documents(entry))
                    if entry.kind in _ENDS or entry.data.get("findings"):
                        ended.add(plan_set)
                if entry.seq >= newest:
                    break
        return {plan_set: names for plan_set, names in named.items() if plan_set in ended}


def _documents(entry: Entry) -> Iterator[str]:
    if entry.kind == "plan_set.drafted":
        yield entry.data["document"]
    elif entry.kind == "plan_set.published":
        yield from (row["plan"] for row in entry.data["versions"].values())


def _needed(plans: Lifecycle, at: datetime) -> Iterator[str]:
    """Yield the documents that controllers may ask for, or that may be checked, published or rolled back to."""
    before = set()
    for junction in plans.junctions.values():
        for slot, has in junction.slots.items():
            found = [v for v in (has.current, has.pending, still_told(slot, has, at)) if v is not None]
            before |= {version.before for version in found}
            yield from (version.plan for version in found)
    for record in plans.sets.values():
        if record.state not in FINAL or record.id in before:
            yield record.document
