"""A virtual controller behind an RSMP site: stored plans, the last gate, and lamps that a monitor watches.

What RSMP sets becomes a plan document, and that has to pass the controller's own gate before it runs: a stored plan
may be half set for a while (a cycle before its bands), but then it cannot be chosen, and one that runs cannot be set to
anything that the gate refuses. A change of plan or mode is told when the lamps have got there, not when it is asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from signals.rsmp.capability import Capability
from signals.rsmp.commands import Mode
from signals.rsmp.mapping import RsmpPlan, shown
from signals.rsmp.statuses import Source
from simulation.controller.days import DAYS, Entry, Method, Programme
from simulation.controller.gate import checked_plan
from simulation.controller.lamps import Lamp
from simulation.controller.latch import Latch
from simulation.controller.rsmp_memory import MemoryModel
from simulation.controller.rsmp_model import PlanSettings, SiteAlarm
from simulation.controller.runner import Mode as OrderMode
from simulation.controller.runner import Order, Runner
from simulation.controller.tables import Tables
from traffic.errors import InputError

__all__ = ["CabinetModel"]

_LETTERS = {
    Lamp.RED: "B",
    Lamp.RED_AMBER: "0",
    Lamp.GREEN: "1",
    Lamp.FLASHING_GREEN: "9",
    Lamp.YELLOW: "N",
    Lamp.FLASHING_YELLOW: "c",
    Lamp.DARK: "a",
}
_NEVER_S = 1e15
_LOG = logging.getLogger(__name__)


class CabinetModel(MemoryModel):
    """A controller with lamps. `step` has to be called for every second.

    Dark is shown to RSMP as such; inside it is flash, for the lamps have no other way out of a plan.

    Parameters
    ----------
    tables
        What the controller knows of its junction, by which the gate and the monitor judge.
    clock
        Gives the true time.
    latch
        Where a fault of the monitor is kept until a person takes it back; without one it stays as long as this object.

    Attributes
    ----------
    tell
        Is called with an alarm that has become active or inactive: the monitor has seen something unsafe (A0006).
    """

    def __init__(
        self,
        capability: Capability,
        tables: Tables,
        *,
        clock: Callable[[], datetime],
        latch: Latch | None = None,
    ) -> None:
        if [group.name for group in tables.groups] != [group.name for group in capability.groups]:
            rule = "must be the groups of the capability file, in its order"
            raise InputError(rule, field="tables, groups", value=list(tables.names))
        super().__init__(capability, clock=clock, zone=ZoneInfo(tables.time_zone))
        self._own = tables
        self.tell: Callable[[SiteAlarm], None] = lambda _alarm: None
        self._programmes = {
            number: self._programme(number, settings) for number, settings in self.plans().items()
        }
        self._refusals: dict[int, InputError] = {}
        self._runs = super().plan()
        self._in_mode: tuple[Mode, Source] = super().mode()
        self._reached = False
        self._told: str | None = None
        self._latch, fault = latch, None if latch is None else latch.fault()
        self.runner = Runner(tables, self._programmes[self._runs[0]], fault)

    def step(self, wall_s: int, *, may_plan: bool = True) -> bytes:
        """Show one second, and return what the lamps show in it.

        Parameters
        ----------
        wall_s
            POSIX time of this second.
        may_plan
            Whether a changeover may be worked out now, which takes milliseconds; it can wait.
        """
        number, source = super().plan()
        if (
            number in self._programmes
        ):  # else a time table has chosen what the gate refuses: the old one goes on
            self.runner.local = self._programmes[number]
        mode = super().mode()
        flashes = mode[0] != "NormalControl"
        if flashes != (self.runner.order is not None and self.runner.order.mode == OrderMode.FLASH):
            order = Order(0, OrderMode.FLASH if flashes else OrderMode.NONE, None, _NEVER_S)
            self.runner.give(order, wall_s)
        self.runner.heard()
        row = self.runner.step(wall_s, may_plan=may_plan)
        self._look(wall_s)
        now = self.runner.in_force()
        self._reached = now.in_step
        if now.in_step and flashes == (now.source == "order"):
            self._in_mode = mode
            if not flashes and now.plan == str(number):
                self._runs = (number, source)
        fault = self.runner.monitor.fault is not None
        component = self._capability.component
        if fault != self._alarms[component, "A0006"].active:
            self.tell(self.set_alarm(component, "A0006", active=fault))
        return row

    def _look(self, wall_s: int) -> None:
        told = None if self._latch is None else self._latch.look(self.runner, wall_s)
        if told is not None and told != self._told:
            _LOG.warning("site %s: %s", self._capability.site, told)
        self._told = told

    def restart(self) -> None:
        """Begin from all red, as seconds were missed; a fault of the monitor stays."""
        self._reached = False
        self.runner.restart()

    def mode(self) -> tuple[Mode, Source]:
        """Return the functional position that the lamps show, and who has chosen it."""
        return self._in_mode

    def control_mode(self) -> Literal["startup", "control", "standby", "failure", "test"]:
        """Return what it is doing."""
        if self.runner.monitor.fault is not None:
            return "failure"
        if self._in_mode[0] != "NormalControl":
            return "standby"
        return "control" if self._reached else "startup"

    def plan(self) -> tuple[int, Source]:
        """Return the number of the plan that the lamps have last been in step with, and who has chosen it."""
        return self._runs

    def set_plan(self, number: int | None) -> None:
        """Run a plan by order, if the gate lets it pass, or (`None`) what its own time tables choose."""
        if number is not None and number in self._refusals:
            raise self._refusals[number]
        super().set_plan(number)

    def groups(self) -> str:
        """Return what each signal group shows, one letter for each."""
        if self._in_mode[0] == "Dark" and super().mode()[0] == "Dark":
            return "a" * len(self._own.groups)
        return "".join(_LETTERS[Lamp(lamp)] for lamp in self.runner.row)

    def stage(self) -> int:
        """Return the stage that is shown, from 1; 0: none, or on the way to another plan."""
        return super().stage() if self._reached else 0

    def _change(self, plan: int, settings: PlanSettings) -> None:
        """Take settings of a stored plan; those of one that runs, or is to run, must pass the gate."""
        try:
            programme = self._programme(plan, settings)
        except InputError as error:
            if plan in {self._runs[0], super().plan()[0]}:
                raise
            self._programmes.pop(plan, None)
            self._refusals[plan] = error
        else:
            if settings != self._plans[plan]:
                self._programmes[plan] = programme
            self._refusals.pop(plan, None)
        super()._change(plan, settings)

    def _programme(self, number: int, settings: PlanSettings) -> Programme:
        bands = tuple(sorted(settings.bands.items()))
        plan = RsmpPlan(number, settings.cycle_s, settings.offset_s % settings.cycle_s, bands)
        if not self._known(number).offset_settable:
            plan = RsmpPlan(number, settings.cycle_s, settings.offset_s, bands)
        document = shown(plan, self._capability, digest=self._own.digest, name=str(number))
        checked = checked_plan(document, self._own)
        return Programme(tuple((Entry(0, checked, Method.SHORTWAY),) for _ in DAYS), ZoneInfo("UTC"))
