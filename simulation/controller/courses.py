"""Courses: what the lamps are to show from now on, second by second of the controller's own count.

A course is steady (all red, flash, or a plan that repeats its cycle) or a *changeover*: rows that lead to a steady course.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulation.controller.lamps import ENDLESS, Window, cycle_rows, flash_row, plan_windows, red_row

if TYPE_CHECKING:
    from simulation.controller.gate import CheckedPlan
    from simulation.controller.tables import Tables

__all__ = ["Changeover", "Flash", "PlanCourse", "Red", "Steady"]


@dataclass(frozen=True)
class Red:
    """All red."""

    tables: Tables = field(repr=False, compare=False)

    def row(self, second: int) -> bytes:
        """Return what is shown."""
        del second
        return red_row(self.tables)

    def windows(self, begin: int, end: int) -> list[Window]:
        """Return no green."""
        del begin, end
        return []


@dataclass(frozen=True)
class Flash:
    """Flashing yellow for vehicles."""

    tables: Tables = field(repr=False, compare=False)

    def row(self, second: int) -> bytes:
        """Return what is shown."""
        del second
        return flash_row(self.tables)

    def windows(self, begin: int, end: int) -> list[Window]:
        """Return no green."""
        del begin, end
        return []


@dataclass(frozen=True)
class PlanCourse:
    """A plan in step.

    Attributes
    ----------
    base
        The first second, from 0 on, in which stage 0 starts.
    """

    plan: CheckedPlan
    base: int
    _rows: list[bytes] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "base", self.base % self.plan.cycle_s)

    def row(self, second: int) -> bytes:
        """Return what is shown."""
        if not self._rows:
            self._rows.extend(cycle_rows(self.plan))
        return self._rows[(second - self.base) % self.plan.cycle_s]

    def windows(self, begin: int, end: int) -> list[Window]:
        """Return the greens that are there or begin from second `begin` to before `end`; some that have ended too."""
        always = [Window(g, begin - 2 * self.plan.cycle_s, ENDLESS) for g in self.plan.always]
        return always + plan_windows(self.plan, self.base, begin - 2 * self.plan.cycle_s, end)


Steady = Red | Flash | PlanCourse


@dataclass(frozen=True)
class Changeover:
    """Rows from second `first` on that lead to a steady course.

    Attributes
    ----------
    greens
        The greens behind the rows, also those that go on in the steady course.
    """

    first: int
    rows: tuple[bytes, ...] = field(repr=False)
    greens: tuple[Window, ...] = field(repr=False)
    after: Steady

    def row(self, second: int) -> bytes:
        """Return what is shown."""
        if second < self.first + len(self.rows):
            return self.rows[second - self.first]
        return self.after.row(second)

    def windows(self, begin: int, end: int) -> list[Window]:
        """Return the greens that are there or begin from second `begin` to before `end`; some that have ended too."""
        return [window for window in self.greens if window.start < end and window.end > begin]

    def done(self, second: int) -> bool:
        """Return whether the steady course is reached."""
        return second >= self.first + len(self.rows)
