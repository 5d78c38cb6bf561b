"""From the signed word of a version to the programme of a site: the last gate of ours before a site.

The word is verified, and each plan is shown second by second by the junction's tables, as a virtual controller does it: what
was smuggled past the gates of the service is refused here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from api.rsmp_bridge.programmes import Programme, programme_of
from signals.rsmp.capability import Capability
from signals.schedule_wire import day_types_to_list
from signals.signing import Typ
from signals.wire import plan_to_dict
from simulation.controller.days import Programme as GatedProgramme
from simulation.controller.tables import Tables
from traffic.errors import InputError

if TYPE_CHECKING:
    from api.centre.centre import Centre
    from api.rsmp_bridge.target import Content
    from signals.schedule import Schedule

__all__ = ["Contents"]

_KEPT = 16


class Contents:
    """The programmes of one site, read from the ledger's documents."""

    def __init__(self, centre: Centre, capability: Capability, tables: Tables) -> None:
        self._centre, self._capability, self._tables = centre, capability, tables
        self._known: dict[str, Programme] = {}

    async def of(self, content: Content) -> Programme:
        """Return what a version asks of the site.

        Raises
        ------
        InputError
            For what is not signed, not for this junction, unsafe, or beyond what the site can do.
        """
        name = content.version.plan
        if name not in self._known:
            self._known[name] = self._signed((await self._centre.documents.get(name)).decode(), content)
            while len(self._known) > _KEPT:
                del self._known[next(iter(self._known))]
        return self._known[name]

    def of_schedule(self, schedule: Schedule, row: int) -> Programme:
        """Return what a schedule asks of the site, whose junction is `row` in it."""
        plans = [
            {**plan_to_dict(plans[row]), "name": plans.name, "version": 1} for plans in schedule.plan_sets
        ]
        return self._gated(plans, day_types_to_list(schedule), self._tables.time_zone)

    def _signed(self, token: str, content: Content) -> Programme:
        payload = self._centre.signatory.known_keys.verify(token, Typ.PLAN)
        own = {
            "junction": self._tables.junction,
            "version": content.version.number,
            "slot": content.slot.value,
            "tables": self._tables.digest,
        }
        for name, wanted in own.items():
            if payload.get(name) != wanted:
                raise InputError(f"must be {wanted!r}", field=f"plan, {name}", value=payload.get(name))
        return self._gated(payload["plans"], payload["day_types"], payload["time_zone"])

    def _gated(
        self, plans: Iterable[Mapping[str, Any]], day_types: Iterable[Mapping[str, Any]], time_zone: str
    ) -> Programme:
        rows, days = list(plans), list(day_types)
        GatedProgramme.from_values(rows, days, time_zone, self._tables)
        return programme_of(rows, days, time_zone, self._capability)
