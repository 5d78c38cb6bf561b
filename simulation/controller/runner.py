"""The runner: from what is in force to what the lamps show, one second at a time.

Two counts of seconds are kept apart. The *wall* is POSIX time as the controller's clock says it: offsets, schedules and
validities follow it, and it may jump. The controller's *own count* goes on by one with every second that is shown: greens,
clearances and the backup time follow it. A jump of the wall moves the plan, as a new offset would, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from simulation.controller.changeover import change, start_up
from simulation.controller.courses import Changeover, Flash, PlanCourse, Red
from simulation.controller.days import Method, Programme
from simulation.controller.monitor import Monitor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulation.controller.courses import Steady
    from simulation.controller.monitor import Fault
    from simulation.controller.tables import Tables

__all__ = ["SLOTS", "InForce", "Mode", "Order", "Release", "Runner"]

SLOTS = ("incident", "event", "base")
"""Slots, the highest priority first."""


class Mode(StrEnum):
    """What an operator may order."""

    FLASH = "flash"
    ALL_RED = "all_red"
    SLOT = "slot"
    NONE = "none"


@dataclass(frozen=True)
class Release:
    """An accepted version of a slot's programme.

    Attributes
    ----------
    active_s
        From when on it is in force, POSIX seconds; `None` until it is activated.
    until_s
        When it ends to be valid; `None`: never.
    release
        Name of the plan set that it was published with.
    """

    version: int
    slot: str
    programme: Programme = field(repr=False)
    active_s: float | None = None
    until_s: float | None = None
    release: str = ""

    def valid(self, wall_s: float) -> bool:
        """Return whether it has been activated and is valid."""
        begun = self.active_s is not None and self.active_s <= wall_s
        return begun and (self.until_s is None or wall_s < self.until_s)


@dataclass(frozen=True)
class Order:
    """What an operator has ordered, from when on and until when by the service's clock (POSIX seconds)."""

    sequence: int
    mode: Mode
    slot: str | None
    expires_s: float
    issued_s: float = -inf


class InForce(NamedTuple):
    """What is run: a version of a slot, the local schedule, or an order, and whether it is in step already."""

    source: str
    version: int | None
    plan: str | None
    in_step: bool


class Runner:
    """Runs what is in force by the controller's own count of seconds; never an unsafe second.

    Parameters
    ----------
    tables, local
        The controller's tables, and the programme that it runs when there is no other.
    fault
        What the monitor has seen before the power went, and nobody has reset.

    Attributes
    ----------
    monitor
        It has seen every second; a fault in it latches flash until `reset`.
    """

    def __init__(self, tables: Tables, local: Programme, fault: Fault | None = None) -> None:
        self.tables, self.local = tables, local
        self.releases: dict[str, tuple[Release, ...]] = {}
        self.order: Order | None = None
        self._order_ends = 0
        self._second = -1
        self._heard = 0
        self._wall_s: int | None = None
        self._restart(fault)

    def _restart(self, fault: Fault | None) -> None:
        self.monitor = Monitor(self.tables, self._second + 1, fault)
        self._course: Steady | Changeover = Red(self.tables)
        self._started = False
        self._source: tuple[str, int | None] = ("start", None)

    def restart(self) -> None:
        """Begin from all red, as after a power cut: seconds went by of which nobody knows what was shown.

        A fault stays.
        """
        self._second += 1
        self._restart(self.monitor.fault)

    def reset(self) -> None:
        """Take back the fault, as a person on site does, and begin from all red, which the flash that is shown ends with."""
        row = self.row
        self._restart(None)
        self.monitor.row = row

    @property
    def second(self) -> int:
        """The controller's own count."""
        return self._second

    @property
    def row(self) -> bytes:
        """What is shown."""
        return self.monitor.row

    def heard(self) -> None:
        """Note that the service has been heard."""
        self._heard = self._second

    @property
    def backup(self) -> bool:
        """Whether nothing has been heard for the backup time."""
        return self._second - self._heard >= self.tables.backup_s

    def take(self, releases: Mapping[str, tuple[Release, ...]]) -> None:
        """Take the accepted releases of every slot."""
        self.releases = dict(releases)

    def give(self, order: Order, wall_s: float) -> None:
        """Take an order; it ends when it expires, and after as many own seconds if the wall is slow or jumps back.

        Parameters
        ----------
        wall_s
            POSIX time of the second that is shown next.
        """
        self.order = order
        lasts_s = order.expires_s - max(order.issued_s, wall_s)
        self._order_ends = self._second + 1 + max(round(lasts_s), 0)

    def step(self, wall_s: int, *, may_plan: bool = True) -> bytes:
        """Go on by one second and return what the lamps show in it.

        Parameters
        ----------
        wall_s
            POSIX time of this second.
        may_plan
            Whether a changeover may be worked out now, which takes milliseconds; it can wait.
        """
        self._second += 1
        self._wall_s = wall_s
        source, goal, method = self._goal(wall_s)
        if isinstance(self._course, Changeover) and self._course.done(self._second):
            self._course = self._course.after
        if self._aim() != goal and may_plan and self._may_change(goal, wall_s):
            self._course = goal if _alike(self._course, goal) else self._way(goal, method)
            self._started = True
        if self._aim() == goal:
            self._source = source
        return self.monitor.screen(self._second, self._course.row(self._second))

    def wants_change(self, wall_s: int) -> bool:
        """Return whether the next step, in this second of POSIX time, would work out a changeover."""
        return self._aim() != self._goal(wall_s, ahead=1)[1]

    def in_force(self) -> InForce:
        """Return what is run."""
        if self.monitor.fault is not None:
            return InForce("fault", None, None, in_step=False)
        aim = self._aim()
        plan = aim.plan.name if isinstance(aim, PlanCourse) else None
        source, version = self._source
        waiting = isinstance(self._course, Changeover) and not self._course.done(self._second)
        return InForce(source, version, plan, in_step=self._started and not waiting)

    def _aim(self) -> Steady:
        return self._course.after if isinstance(self._course, Changeover) else self._course

    def _may_change(self, goal: Steady, wall_s: int) -> bool:
        """Finish a changeover before the next one, but not to a plan that has ended or that an order takes the place of."""
        if not isinstance(self._course, Changeover):
            return True
        if not isinstance(self._course.after, PlanCourse):
            return False
        return not isinstance(goal, PlanCourse) or self._ended(*self._source, wall_s)

    def _ended(self, slot: str, version: int | None, wall_s: int) -> bool:
        """Return whether a version has ended or was taken back; one that a newer one takes the place of was good till then."""
        if version is None:
            return False
        return not any(
            r.valid(wall_s)
            if r.version > version
            else r.version == version and (r.until_s is None or wall_s < r.until_s)
            for r in self.releases.get(slot, ())
        )

    def _way(self, goal: Steady, method: Method) -> Changeover:
        if isinstance(goal, PlanCourse) and not self._started:
            return start_up(self.monitor, goal, self._second)
        return change(self.monitor, self._course, goal, self._second, method)

    def _goal(self, wall_s: int, ahead: int = 0) -> tuple[tuple[str, int | None], Steady, Method]:
        """Return what is to be shown, where that comes from, and how to get there."""
        order = self._order_now(wall_s)
        if order is not None and order.mode == Mode.FLASH:
            return ("order", None), Flash(self.tables), Method.SHORTWAY
        if order is not None and order.mode == Mode.ALL_RED:
            return ("order", None), Red(self.tables), Method.SHORTWAY
        slots = SLOTS if order is None or order.slot is None else (order.slot, *SLOTS)
        release = None if self.backup else self._release(slots, wall_s)
        programme = self.local if release is None else release.programme
        source = ("local", None) if release is None else (release.slot, release.version)
        entry = programme.at(wall_s)
        base = entry.plan.offset_s - (wall_s - self._second - ahead)
        aim = self._aim()
        if (
            isinstance(aim, PlanCourse)
            and aim.plan is entry.plan
            and not (base - aim.base) % aim.plan.cycle_s
        ):
            return source, aim, entry.method
        return source, PlanCourse(entry.plan, base), entry.method

    def _order_now(self, wall_s: int) -> Order | None:
        order = self.order
        if order is None or order.mode == Mode.NONE:
            return None
        return order if wall_s < order.expires_s and self._second < self._order_ends else None

    def _release(self, slots: tuple[str, ...], wall_s: int) -> Release | None:
        for slot in slots:
            begun = [
                r for r in self.releases.get(slot, ()) if r.active_s is not None and r.active_s <= wall_s
            ]
            newest = max(begun, key=lambda r: r.version, default=None)
            if newest is not None and newest.valid(wall_s):
                return newest
        return None


def _alike(course: Steady | Changeover, goal: Steady) -> bool:
    """Return whether a plan that is in step shows what the goal would show, so that nothing has to change."""
    if not isinstance(course, PlanCourse) or not isinstance(goal, PlanCourse) or course.base != goal.base:
        return False
    names = ("cycle_s", "stages", "durations_s")
    return all(getattr(course.plan, name) == getattr(goal.plan, name) for name in names)
