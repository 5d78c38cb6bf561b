"""NEMA rings and barriers: when each phase of a timing plan begins and ends.

The phases of a ring follow each other by their positions; rings run side by side and cross every barrier together. A split is
green, yellow and all-red: a phase begins where the split before it in its ring ends.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

__all__ = ["MOST_CYCLE_S", "ROUNDING_S", "RingPhase", "RingPlan", "cycle_s", "placed"]

MOST_CYCLE_S = 600
ROUNDING_S = 1e-6
"""What a time may differ from whole seconds by."""


@dataclass(frozen=True)
class RingPhase:
    """A NEMA phase of one timing plan, seconds.

    Attributes
    ----------
    start_s
        Start of green after that of the first barrier.
    split_s
        From there to the start of the phase after it.
    walk_s
        0 where people have no walk in the phase.
    """

    number: int
    barrier: int
    ring: int
    position: int
    start_s: int
    split_s: int
    yellow_s: float
    all_red_s: float
    min_green_s: float
    walk_s: float
    dont_walk_s: float

    @property
    def change_s(self) -> int:
        """Yellow and all-red, in whole seconds."""
        return ceil(self.yellow_s + self.all_red_s - ROUNDING_S)

    @property
    def clearance_s(self) -> int:
        """From the end of the walk to the start of the phase after this one, whole seconds."""
        return ceil(self.dont_walk_s + self.yellow_s + self.all_red_s - ROUNDING_S)

    def runs_with(self, other: RingPhase) -> bool:
        """Whether both may be green together: one phase, or of two rings between the same barriers."""
        return self.number == other.number or (self.barrier == other.barrier and self.ring != other.ring)


@dataclass(frozen=True)
class RingPlan:
    """The phases of one controller and where its cycle begins.

    Attributes
    ----------
    first
        Reference phase whose start is the origin of the stages.
    offset_s
        Start of green of `first` after the cycle zero, from 0 to ``cycle_s - 1``.
    """

    cycle_s: int
    phases: Mapping[int, RingPhase]
    first: int
    offset_s: int

    def runs(self, phase: RingPhase) -> NDArray[np.bool_]:
        """Return whether `phase` runs in each second from the start of `first` on; shape (cycle,)."""
        zero = self.phases[self.first].start_s
        seconds = np.arange(self.cycle_s) + zero - phase.start_s
        running: NDArray[np.bool_] = seconds % self.cycle_s < phase.split_s
        return running


def placed(phases: Iterable[RingPhase]) -> dict[int, RingPhase]:
    """Return phases by number, in the order of barriers, rings and positions, each with its start.

    Raises
    ------
    InputError
        If the splits of two rings between the same barriers differ in their sum.
    """
    found: dict[int, RingPhase] = {}
    begin: dict[tuple[int, int], int] = {}
    barrier, now = None, 0
    for phase in sorted(phases, key=lambda p: (p.barrier, p.ring, p.position)):
        if phase.barrier != barrier:
            barrier = phase.barrier
            now = max((p.start_s + p.split_s for p in found.values()), default=0)
        start = begin.get((barrier, phase.ring), now)
        found[phase.number] = replace(phase, start_s=start)
        begin[barrier, phase.ring] = start + phase.split_s
    for barrier in {phase.barrier for phase in found.values()}:
        rings = _rings(found, barrier)
        if len(set(rings.values())) > 1:
            rule = f"must be the same in all rings between two barriers (barrier {barrier})"
            told = ", ".join(f"ring {ring}: {total} s" for ring, total in sorted(rings.items()))
            hint = "Lengthen a split of the shorter ring"
            raise InputError(rule, field="sum of splits", value=told, hint=hint)
    return found


def cycle_s(phases: Mapping[int, RingPhase]) -> int:
    """Return the cycle that the splits of placed phases add up to."""
    return sum(max(_rings(phases, b).values()) for b in {p.barrier for p in phases.values()})


def _rings(phases: Mapping[int, RingPhase], barrier: int) -> dict[int, int]:
    """Return the sum of splits of each ring between two barriers."""
    total: dict[int, int] = {}
    for phase in phases.values():
        if phase.barrier == barrier:
            total[phase.ring] = total.get(phase.ring, 0) + phase.split_s
    return total
