"""Plan sets as they were handed in, read and checked: the first gate."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from api.centre.served_city import ServedCity
from api.store.documents import Documents
from signals.lifecycle.records import Lifecycle, PlanSetRecord
from signals.payloads import read_schedule_document
from signals.schedule import Schedule
from signals.signing import canonical

__all__ = ["PlanDocuments", "rollback_document"]

_ROLLBACK = "jasyl-rollback"
_KEPT = 4

Schedules = dict[str, tuple[Schedule, int]]
"""For each junction its schedule, and its row there."""


def rollback_document(plan_set: str, sources: Mapping[str, Sequence[str]]) -> bytes:
    """Return the document of a set that rolls another one back.

    Parameters
    ----------
    sources
        Junctions by the set that they had before.
    """
    return canonical({"format": _ROLLBACK, "format_version": 1, "of": plan_set, "sources": sources})


class PlanDocuments:
    """Reads the documents of plan sets for the junctions of a city; what is unsafe cannot be read."""

    def __init__(self, documents: Documents, city: ServedCity) -> None:
        self._documents = documents
        self._city = city
        self._read: dict[str, Schedule] = {}

    async def read(self, name: str, document: Mapping[str, Any]) -> Schedule:
        """Return the schedule of a document, checked; of the last few it is kept, as neither can change.

        Parameters
        ----------
        name
            Digest of the document.
        """
        if name not in self._read:
            schedule = await asyncio.to_thread(read_schedule_document, document, self._city.junctions)
            self._read[name] = schedule
            while len(self._read) > _KEPT:
                del self._read[next(iter(self._read))]
        return self._read[name]

    async def schedules(self, plans: Lifecycle, record: PlanSetRecord) -> Schedules:
        """Return the schedules of the junctions of a set; what is unsafe raises."""
        document = json.loads(await self._documents.get(record.document))
        if document["format"] == _ROLLBACK:
            return await self.before(plans, document["sources"])
        schedule = await self.read(record.document, document)
        return {plan.junction.key: (schedule, row) for row, plan in enumerate(schedule.plan_sets[0])}

    async def before(self, plans: Lifecycle, sources: Mapping[str, Sequence[str]]) -> Schedules:
        """Return the schedules of junctions that are rolled back, each of the set that it had."""
        found: Schedules = {}
        for source, keys in sources.items():
            own = await self.schedules(plans, plans.plan_set(source))
            found.update({key: own[key] for key in keys})
        return found
