"""NEMA rings and barriers: when each phase of a UTDF timing plan begins and ends.

`BRP` says of each phase its barrier, its ring and its position there, a digit each. The phases of a ring follow each other;
rings run side by side and cross every barrier together. A split is green, yellow and all-red: a phase begins where the split
before it in its ring ends. The offset is absolute, from the cycle zero to the point of the reference phases that
`Referenced To` names:

- 0: the last of them begins its green;
- 3: the first of them begins its green;
- 1: the first of them begins its yellow;
- 2: the first of them ends its split;
- 4: the first of them begins its flashing don't walk (type 170).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from traffic.utdf.tables import UtdfRecords

__all__ = ["RingPlan", "UtdfPhase", "ring_plan"]

_ROUNDING = 1e-6
_MOST_CYCLE_S = 600
_BEGIN_OF_GREEN, _BEGIN_OF_YELLOW, _END, _FIRST_GREEN, _BEGIN_OF_CLEARANCE = range(5)
_AUTOMATIC = (0, 1, 2, 3)  # pretimed; actuated, semi-actuated and coordinated ones by their greatest splits


@dataclass(frozen=True)
class UtdfPhase:
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
        return ceil(self.yellow_s + self.all_red_s - _ROUNDING)

    @property
    def clearance_s(self) -> int:
        """From the end of the walk to the start of the phase after this one, whole seconds."""
        return ceil(self.dont_walk_s + self.yellow_s + self.all_red_s - _ROUNDING)

    def runs_with(self, other: UtdfPhase) -> bool:
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
    phases: Mapping[int, UtdfPhase]
    first: int
    offset_s: int

    def runs(self, phase: UtdfPhase) -> NDArray[np.bool_]:
        """Return whether `phase` runs in each second from the start of `first` on; shape (cycle,)."""
        zero = self.phases[self.first].start_s
        seconds = np.arange(self.cycle_s) + zero - phase.start_s
        running: NDArray[np.bool_] = seconds % self.cycle_s < phase.split_s
        return running


def ring_plan(timing: UtdfRecords, phasing: UtdfRecords) -> RingPlan:
    """Return the timing of one node.

    Raises
    ------
    InputError
        If splits, rings, barriers and cycle contradict each other, or times are no whole seconds.
    """
    kind = timing.whole("Control Type", "DATA")
    if kind not in _AUTOMATIC:
        raise _refusal(timing, "Control Type", kind, "must be from 0 to 3", "Choose another control type")
    cycle = _seconds(timing, "Cycle Length", "DATA")
    if not 1 <= cycle <= _MOST_CYCLE_S:
        rule = f"must be from 1 to {_MOST_CYCLE_S} s"
        raise _refusal(timing, "Cycle Length", cycle, rule, "Give the cycle length")
    phases = _timed(phasing)
    total = sum(max(_rings(phases, barrier).values()) for barrier in {p.barrier for p in phases.values()})
    if total != cycle:
        rule = f"must be the {total} s that the splits of the longest rings add up to"
        raise _refusal(
            timing, "Cycle Length", cycle, rule, "Correct a split (MaxGreen, Yellow, AllRed) or the cycle"
        )
    first, offset = _origin(timing, phases, cycle)
    plan = RingPlan(cycle, phases, first, offset)
    _check_starts(plan, phasing)
    return plan


def _refusal(records: UtdfRecords, record: str, value: object, rule: str, hint: str) -> InputError:
    return InputError(rule, file=records.file, field=f"{records.where}, {record}", value=value, hint=hint)


def _seconds(records: UtdfRecords, record: str, column: str) -> int:
    value = records.number(record, column)
    if value != int(value):
        raise _refusal(records, f"{record}, {column}", value, "must be whole seconds", "Round it")
    return int(value)


def _timed(phasing: UtdfRecords) -> dict[int, UtdfPhase]:
    """Return the phases that have a greatest green, each placed in its ring."""
    places: dict[str, int] = {}
    for number in range(1, 17):
        if phasing.text("MaxGreen", f"D{number}"):
            code = phasing.text("BRP", f"D{number}")
            if len(code) != 3 or not code.isdecimal() or "0" in code or code in places:
                rule = "must be barrier, ring and position, a digit from 1 each, that no other phase has"
                raise _refusal(
                    phasing, f"BRP, D{number}", code, rule, "Correct the ring and barrier designer"
                )
            places[code] = number
    if not places:
        raise _refusal(phasing, "MaxGreen", "", "must be given for a phase", "Export the file again")
    phases: dict[int, UtdfPhase] = {}
    begin, now = {"": 0}, 0
    for code in sorted(places):
        barrier, ring = code[0], code[1]
        if barrier not in begin:
            now = max(p.start_s + p.split_s for p in phases.values()) if phases else 0
            begin = {barrier: now}
        start = begin.get(barrier + ring, begin[barrier])
        phase = _phase(phasing, places[code], code, start)
        phases[phase.number] = phase
        begin[barrier + ring] = start + phase.split_s
    for barrier_number in {p.barrier for p in phases.values()}:
        rings = _rings(phases, barrier_number)
        if len(set(rings.values())) > 1:
            rule = f"must be the same in all rings between two barriers (barrier {barrier_number})"
            told = ", ".join(f"ring {ring}: {total} s" for ring, total in sorted(rings.items()))
            raise _refusal(phasing, "sum of splits", told, rule, "Lengthen a split of the shorter ring")
    return phases


def _rings(phases: Mapping[int, UtdfPhase], barrier: int) -> dict[int, int]:
    """Return the sum of splits of each ring between two barriers."""
    total: dict[int, int] = {}
    for phase in phases.values():
        if phase.barrier == barrier:
            total[phase.ring] = total.get(phase.ring, 0) + phase.split_s
    return total


def _phase(phasing: UtdfRecords, number: int, code: str, start: int) -> UtdfPhase:
    column = f"D{number}"
    names = ("Yellow", "AllRed", "MaxGreen", "MinGreen")
    values = {name: phasing.number(name, column) for name in names}
    values |= {name: phasing.number(name, column, 0.0) for name in ("Walk", "DontWalk")}
    for name, value in values.items():
        if value < 0:
            raise _refusal(phasing, f"{name}, {column}", value, "must be 0 s or more", "Correct the time")
    split = values["MaxGreen"] + values["Yellow"] + values["AllRed"]
    if abs(split - round(split)) > _ROUNDING or split < 1:
        rule = "must be whole seconds, 1 or more, with yellow and all-red"
        raise _refusal(phasing, f"MaxGreen, {column}", round(split, 3), rule, "Round the split")
    return UtdfPhase(
        number=number,
        barrier=int(code[0]),
        ring=int(code[1]),
        start_s=start,
        split_s=round(split),
        yellow_s=values["Yellow"],
        all_red_s=values["AllRed"],
        min_green_s=values["MinGreen"],
        walk_s=values["Walk"],
        dont_walk_s=values["DontWalk"],
    )


def _origin(timing: UtdfRecords, phases: Mapping[int, UtdfPhase], cycle: int) -> tuple[int, int]:
    """Return the phase that the stages begin with and its start of green after the cycle zero."""
    code = timing.whole("Reference Phase", "DATA", 0)
    named = [code] if code < 100 else [code // 100, code % 100]
    given = [phases[number] for number in named if number in phases]
    if code and not given:
        rule = f"must be phases of the junction: {', '.join(map(str, sorted(phases)))}"
        raise _refusal(timing, "Reference Phase", code, rule, "Choose a phase in use")
    given = given or [phases[min(phases)]]  # uncoordinated: an offset means nothing, any phase will do
    point = timing.whole("Referenced To", "DATA", _BEGIN_OF_GREEN)
    reach: dict[int, Callable[[UtdfPhase], float]] = {
        _BEGIN_OF_GREEN: lambda p: p.start_s,
        _FIRST_GREEN: lambda p: p.start_s,
        _BEGIN_OF_YELLOW: lambda p: p.start_s + p.split_s - p.yellow_s - p.all_red_s,
        _END: lambda p: p.start_s + p.split_s,
        _BEGIN_OF_CLEARANCE: lambda p: p.start_s + p.split_s - p.yellow_s - p.all_red_s - p.dont_walk_s,
    }
    if point not in reach:
        raise _refusal(timing, "Referenced To", point, "must be from 0 to 4", "Choose another reference")
    first = min(given, key=lambda p: (p.start_s, p.number))
    choose = max if point == _BEGIN_OF_GREEN else min
    offset = timing.number("Offset", "DATA", 0.0) + first.start_s - choose(map(reach[point], given))
    if abs(offset - round(offset)) > _ROUNDING:
        rule = "must begin the green of the reference phase at a whole second"
        raise _refusal(timing, "Offset", offset, rule, "Round the offset or the yellow")
    return first.number, round(offset) % cycle


def _check_starts(plan: RingPlan, phasing: UtdfRecords) -> None:
    """Refuse a file whose own start of a phase is not where splits and offset put it."""
    zero = plan.offset_s - plan.phases[plan.first].start_s
    for number, phase in sorted(plan.phases.items()):
        if not phasing.text("Start", f"D{number}"):
            continue
        told, start = phasing.number("Start", f"D{number}"), (zero + phase.start_s) % plan.cycle_s
        apart = (told - start) % plan.cycle_s
        if min(apart, plan.cycle_s - apart) > _ROUNDING:
            rule = f"must be {start}, where offset, sequence and splits put it"
            raise _refusal(phasing, f"Start, D{number}", told, rule, "Correct it, or empty the record Start")
