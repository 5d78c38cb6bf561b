"""What a site has stored, and what runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from api.rsmp.errors import NotAcknowledgedError, ReadBackError
from api.rsmp_bridge.programmes import Programme
from api.rsmp_server import Supervisor
from signals.rsmp.capability import Capability
from signals.rsmp.lists import Switch
from signals.rsmp.mapping import RsmpPlan
from signals.rsmp.statuses import (
    BandsStatus,
    CycleStatus,
    OffsetStatus,
    PlanStatus,
    Source,
    TimeTablesStatus,
    WeekStatus,
)

__all__ = ["Calendar", "Stored", "read_calendar", "read_stored"]


@dataclass(frozen=True)
class Stored:
    """What runs, who has chosen it, and what each stored plan is set to.

    Attributes
    ----------
    cycles, offsets, bands
        By number; of bands, by number and band. What cannot be set is as the capability file has it, and not here.
    """

    capability: Capability
    active: int
    source: Source
    cycles: Mapping[int, int]
    offsets: Mapping[int, int]
    bands: Mapping[tuple[int, int], int]

    def has(self, plan: RsmpPlan) -> bool:
        """Return whether a stored plan is set so."""
        stored = self.capability.plan(plan.number)
        return (
            (stored.cycle_range_s is None or self.cycles.get(plan.number) == plan.cycle_s)
            and (not stored.offset_settable or self.offsets.get(plan.number) == plan.offset_s)
            and all(self.bands.get((plan.number, band)) == seconds for band, seconds in plan.bands)
        )

    def places(self, programme: Programme) -> dict[str, RsmpPlan]:
        """Return in which stored plan each plan of a programme is; the one that runs comes before others."""
        found = {}
        for name, rows in programme.plans.items():
            ready = [plan for plan in rows.values() if self.has(plan)]
            if ready:
                found[name] = min(ready, key=lambda plan: plan.number != self.active)
        return found


@dataclass(frozen=True)
class Calendar:
    """The time tables of a site, and which day of the week has which."""

    week: Mapping[int, int]
    switches: tuple[Switch, ...]

    @property
    def numbers(self) -> set[int]:
        """Stored plans that the time tables in use may choose."""
        used = set(self.week.values())
        return {row.plan for row in self.switches if row.table in used}


async def read_stored(supervisor: Supervisor, capability: Capability) -> Stored:
    """Ask a site what it has stored, and what runs."""
    site, plans = capability.site, capability.plans
    runs = await supervisor.read(site, PlanStatus)
    cycles: Mapping[int, int] = {}
    offsets: Mapping[int, int] = {}
    bands: Mapping[tuple[int, int], int] = {}
    if any(plan.cycle_range_s is not None for plan in plans):
        cycles = (await supervisor.read(site, CycleStatus)).table
    if any(plan.offset_settable for plan in plans):
        offsets = (await supervisor.read(site, OffsetStatus)).table
    if any(plan.bands for plan in plans):
        bands = (await supervisor.read(site, BandsStatus)).bands
    return Stored(capability, runs.plan, runs.source, cycles, offsets, bands)


async def read_calendar(supervisor: Supervisor, site: str) -> Calendar | None:
    """Ask a site for its time tables; none where it does not tell them."""
    try:
        week = await supervisor.read(site, WeekStatus)
        tables = await supervisor.read(site, TimeTablesStatus)
    except (NotAcknowledgedError, ReadBackError):
        return None
    return Calendar(week.table, tables.switches)
