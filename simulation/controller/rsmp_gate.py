"""A controller in memory for RSMP that knows its junction: settings that would make an unsafe plan are refused.

The gate is that of every virtual controller: the plan that a setting makes is shown second by second by the controller's own
tables. Whoever sent it, and whatever was checked before, no stored plan is ever set otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, tzinfo

from signals.rsmp.capability import Capability
from signals.rsmp.mapping import RsmpPlan, shown
from simulation.controller.gate import CheckedPlan, checked_plan
from simulation.controller.rsmp_memory import MemoryModel
from simulation.controller.rsmp_model import PlanSettings
from simulation.controller.tables import Tables
from traffic.errors import InputError

__all__ = ["GatedModel"]


class GatedModel(MemoryModel):
    """A `MemoryModel` behind the gate of its tables."""

    def __init__(
        self,
        capability: Capability,
        tables: Tables,
        *,
        clock: Callable[[], datetime],
        zone: tzinfo = UTC,
        seconds_to_change: float = 0.0,
    ) -> None:
        super().__init__(capability, clock=clock, zone=zone, seconds_to_change=seconds_to_change)
        self._junction = tables

    def set_cycle(self, plan: int, cycle_s: int) -> None:
        """Set the cycle time of a stored plan, if the plan is safe with it."""
        self._require_safe(plan, lambda now: replace(now, cycle_s=cycle_s))
        super().set_cycle(plan, cycle_s)

    def set_bands(self, plan: int, bands: Mapping[int, int]) -> None:
        """Set seconds in dynamic bands of a stored plan, if the plan is safe with them."""
        self._require_safe(plan, lambda now: replace(now, bands={**now.bands, **bands}))
        super().set_bands(plan, bands)

    def set_plan(self, number: int | None) -> None:
        """Run a plan by order, if it is safe as it is set; or what its own time tables choose."""
        if number is not None:
            self._require_safe(number, lambda now: now)
        super().set_plan(number)

    def checked(self, number: int) -> CheckedPlan:
        """Return a stored plan as it is set; one that is unsafe raises `InputError`."""
        return self._checked(number, self._settings(number))

    def _require_safe(self, number: int, change: Callable[[PlanSettings], PlanSettings]) -> None:
        self._checked(number, change(self._settings(number)))

    def _settings(self, number: int) -> PlanSettings:
        plans = self.plans()
        if number not in plans:
            raise InputError("must be a stored plan", field="plan", value=number)
        return plans[number]

    def _checked(self, number: int, to: PlanSettings) -> CheckedPlan:
        plan = RsmpPlan(number, to.cycle_s, to.offset_s, tuple(sorted(to.bands.items())))
        return checked_plan(shown(plan, self._capability, digest=self._junction.digest), self._junction)
