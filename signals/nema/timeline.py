"""From the phases of rings to stages: what is green second by second, and what changes when.

Two things of rings have no counterpart in stages and are put so that every green is what it was:

- A green whose clearance began before the last change of stages before its end ends at a change of its own.
- Seconds in which no group has green (a hold) belong to the stage before them, and to the intergreens after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from signals.nema.rings import RingPlan

__all__ = ["StageTimes", "Timeline"]


@dataclass(frozen=True)
class StageTimes:
    """Stages with their times.

    Attributes
    ----------
    start_s
        Start of the first stage, seconds after the start of the reference phase; 0 or less.
    groups
        Groups of each stage.
    hold_s
        What each group's intergreens are longer by.
    """

    start_s: int
    groups: tuple[frozenset[int], ...]
    durations_s: tuple[int, ...]
    hold_s: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Timeline:
    """When the phases of each group run.

    Attributes
    ----------
    green
        By second from the start of the reference phase, yellow and all-red included; shape (groups, cycle).
    ending
        Phases with which each group's greens end; all of its phases where it is always green.
    """

    green: NDArray[np.bool_]
    ending: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, phases: Sequence[frozenset[int]], rings: RingPlan) -> Timeline:
        """Return the timeline of groups with these phases."""
        runs = {number: rings.runs(phase) for number, phase in rings.phases.items()}
        green = np.zeros((len(phases), rings.cycle_s), dtype=bool)
        ending = []
        for row, own in zip(green, phases, strict=True):
            row[:] = np.any([runs[number] for number in own], axis=0)
            last = row & ~np.roll(row, -1)
            found = sorted(number for number in own if (runs[number] & last).any())
            ending.append(tuple(found or sorted(own)))
        return cls(green, tuple(ending))

    def stages(self, after_s: Sequence[int], *, where: str) -> StageTimes:
        """Return the stages.

        Parameters
        ----------
        after_s
            Seconds from the end of each group's green to the end of its phase.
        where
            The junction, for errors.
        """
        green = _with_own_ends(self.green, after_s)
        if not green.any():
            raise InputError("must have a signal group with green", field=where)
        hold = _holds(green, where)
        begins = _changes(green)
        begins = [second for second in begins if green[:, second].any()] or [0]
        starts = begins if begins[0] == 0 else [begins[-1] - green.shape[1], *begins[:-1]]
        ends = [*starts[1:], starts[0] + green.shape[1]]
        return StageTimes(
            start_s=starts[0],
            groups=tuple(frozenset(np.flatnonzero(green[:, second]).tolist()) for second in starts),
            durations_s=tuple(end - start for start, end in zip(starts, ends, strict=True)),
            hold_s=hold,
        )


def _changes(green: NDArray[np.bool_]) -> list[int]:
    """Return the seconds that differ from the one before."""
    return [int(s) for s in np.flatnonzero((green != np.roll(green, 1, axis=1)).any(axis=0))]


def _with_own_ends(green: NDArray[np.bool_], after_s: Sequence[int]) -> NDArray[np.bool_]:
    """Let greens whose clearance began before the last change before their end go out by themselves."""
    green, cycle = green.copy(), green.shape[1]
    settled: set[tuple[int, int]] = set()
    again = True
    while again:
        again = False
        changes = np.array(_changes(green), dtype=np.int64)
        for group, after in enumerate(after_s):
            for end in np.flatnonzero(~green[group] & np.roll(green[group], 1)).tolist():
                since = int(((end - changes - 1) % cycle + 1).min(where=changes != end, initial=cycle))
                run = green[group, np.arange(end - after - 1, end) % cycle]
                if since > after or (group, end) in settled or not run.all():
                    continue
                green[group, np.arange(end - after, end) % cycle] = False
                settled.add((group, (end - after) % cycle))
                again = True
    return green


def _holds(green: NDArray[np.bool_], where: str) -> tuple[int, ...]:
    """Return how many seconds without any green follow the green of each group."""
    empty: NDArray[np.bool_] = ~np.any(green, axis=0)
    cycle = len(empty)
    found = []
    for row in green:
        ends = np.flatnonzero(~row & np.roll(row, 1)).tolist()
        waits = set()
        for end in ends:
            ahead = empty[np.arange(end, end + cycle) % cycle]
            waits.add(int(np.argmin(ahead)))
        if len(waits) > 1:
            rule = "seconds without green must follow every green of a group, or none"
            hint = "Hold all groups at one barrier only once in a cycle"
            raise InputError(rule, field=where, value=sorted(waits), hint=hint)
        found.append(waits.pop() if waits else 0)
    return tuple(found)
