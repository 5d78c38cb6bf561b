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

from typing import TYPE_CHECKING

from signals.nema.rings import MOST_CYCLE_S, ROUNDING_S, RingPhase, RingPlan, cycle_s, placed
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from traffic.utdf.tables import UtdfRecords

__all__ = ["ring_plan"]

_BEGIN_OF_GREEN, _BEGIN_OF_YELLOW, _END, _FIRST_GREEN, _BEGIN_OF_CLEARANCE = range(5)
_AUTOMATIC = (0, 1, 2, 3)  # pretimed; actuated, semi-actuated and coordinated ones by their greatest splits


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
    if not 1 <= cycle <= MOST_CYCLE_S:
        rule = f"must be from 1 to {MOST_CYCLE_S} s"
        raise _refusal(timing, "Cycle Length", cycle, rule, "Give the cycle length")
    phases = _timed(phasing)
    total = cycle_s(phases)
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


def _timed(phasing: UtdfRecords) -> dict[int, RingPhase]:
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
    try:
        return placed(_phase(phasing, places[code], code) for code in sorted(places))
    except InputError as error:
        if error.file is not None:
            raise
        raise _refusal(phasing, str(error.field), error.value, error.rule, error.hint or "") from error


def _phase(phasing: UtdfRecords, number: int, code: str) -> RingPhase:
    column = f"D{number}"
    names = ("Yellow", "AllRed", "MaxGreen", "MinGreen")
    values = {name: phasing.number(name, column) for name in names}
    values |= {name: phasing.number(name, column, 0.0) for name in ("Walk", "DontWalk")}
    for name, value in values.items():
        if value < 0:
            raise _refusal(phasing, f"{name}, {column}", value, "must be 0 s or more", "Correct the time")
    split = values["MaxGreen"] + values["Yellow"] + values["AllRed"]
    if abs(split - round(split)) > ROUNDING_S or split < 1:
        rule = "must be whole seconds, 1 or more, with yellow and all-red"
        raise _refusal(phasing, f"MaxGreen, {column}", round(split, 3), rule, "Round the split")
    return RingPhase(
        number=number,
        barrier=int(code[0]),
        ring=int(code[1]),
        position=int(code[2]),
        start_s=0,
        split_s=round(split),
        yellow_s=values["Yellow"],
        all_red_s=values["AllRed"],
        min_green_s=values["MinGreen"],
        walk_s=values["Walk"],
        dont_walk_s=values["DontWalk"],
    )


def _origin(timing: UtdfRecords, phases: Mapping[int, RingPhase], cycle: int) -> tuple[int, int]:
    """Return the phase that the stages begin with and its start of green after the cycle zero."""
    code = timing.whole("Reference Phase", "DATA", 0)
    named = [code] if code < 100 else [code // 100, code % 100]
    given = [phases[number] for number in named if number in phases]
    if code and not given:
        rule = f"must be phases of the junction: {', '.join(map(str, sorted(phases)))}"
        raise _refusal(timing, "Reference Phase", code, rule, "Choose a phase in use")
    given = given or [phases[min(phases)]]  # uncoordinated: an offset means nothing, any phase will do
    point = timing.whole("Referenced To", "DATA", _BEGIN_OF_GREEN)
    reach: dict[int, Callable[[RingPhase], float]] = {
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
    if abs(offset - round(offset)) > ROUNDING_S:
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
        if min(apart, plan.cycle_s - apart) > ROUNDING_S:
            rule = f"must be {start}, where offset, sequence and splits put it"
            raise _refusal(phasing, f"Start, D{number}", told, rule, "Correct it, or empty the record Start")
