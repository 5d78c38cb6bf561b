"""Lamps: greens, as windows in time, become what each signal group shows in each second."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from simulation.controller.tables import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulation.controller.gate import CheckedPlan
    from simulation.controller.tables import Group, Tables

__all__ = ["Lamp", "Window", "cycle_rows", "flash_row", "plan_windows", "red_row", "rows_of", "shown_names"]

ENDLESS = 1 << 60
"""End of a window that no end is known of."""


class Lamp(IntEnum):
    """What a signal group shows in one second; a row is one byte for each group."""

    RED = 0
    RED_AMBER = 1
    GREEN = 2
    FLASHING_GREEN = 3
    YELLOW = 4
    FLASHING_YELLOW = 5
    DARK = 6


class Window(NamedTuple):
    """A green of a group, from second `start` to before second `end`."""

    group: int
    start: int
    end: int


def red_row(tables: Tables) -> bytes:
    """Return all red."""
    return bytes([Lamp.RED] * len(tables.groups))


def flash_row(tables: Tables) -> bytes:
    """Return flash: vehicles see flashing yellow, pedestrians nothing."""
    return bytes(flash_lamp(group) for group in tables.groups)


def flash_lamp(group: Group) -> Lamp:
    """Return what a group shows in flash."""
    return Lamp.FLASHING_YELLOW if group.kind == Kind.VEHICLE else Lamp.DARK


def rows_of(tables: Tables, windows: Iterable[Window], begin: int, end: int) -> list[bytes]:
    """Return what is shown from second `begin` to before `end`, red where no window says otherwise."""
    length = max(end - begin, 0)
    columns = [bytearray(length) for _ in tables.groups]
    for g, start, stop in windows:
        group = tables.groups[g]
        flashing = max(stop - group.flashing_green_s, start)
        parts = (
            (Lamp.RED_AMBER, start - group.red_amber_s, start),
            (Lamp.GREEN, start, flashing),
            (Lamp.FLASHING_GREEN, flashing, stop),
            (Lamp.YELLOW, stop, stop + group.yellow_s),
        )
        for lamp, since, until in parts:
            low, high = min(max(since - begin, 0), length), min(max(until - begin, 0), length)
            columns[g][low:high] = bytes([lamp]) * (high - low)
    return [bytes(row) for row in zip(*columns, strict=True)]


def plan_windows(plan: CheckedPlan, base: int, begin: int, end: int) -> list[Window]:
    """Return the greens of a plan that begin from second `begin` to before `end`.

    Parameters
    ----------
    base
        A second in which stage 0 starts. Groups that are always green have no window.
    """
    first, last = (begin - base) // plan.cycle_s, (end - base) // plan.cycle_s
    found = []
    for turn in range(first, last + 1):
        zero = base + turn * plan.cycle_s
        for g, windows in enumerate(plan.windows):
            found += [Window(g, zero + start, zero + stop) for start, stop in windows]
    return [window for window in found if begin <= window.start < end]


def cycle_rows(plan: CheckedPlan) -> list[bytes]:
    """Return one cycle of a plan from the start of stage 0."""
    cycle = plan.cycle_s
    windows = [Window(g, -1 - plan.tables.groups[g].red_amber_s, ENDLESS) for g in plan.always]
    windows += plan_windows(plan, 0, -2 * cycle, 2 * cycle)
    return rows_of(plan.tables, windows, 0, cycle)


def shown_names(row: bytes) -> list[str]:
    """Return the names of what a row shows."""
    return [Lamp(lamp).name.lower() for lamp in row]
