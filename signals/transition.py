"""From the plan in force to the next one: the transition of one junction, by dwell, shortway or longway.

A controller that is given another cycle or offset is out of step: its cycle does not start when the new plan's would. From
the first start of the plan in force at or after the switch time on, it runs the stages of the new plan

- *dwell*: and holds the reference stage until it is in step;
- *longway*: in cycles that are longer, each by a fifth at most;
- *shortway*: in cycles that are longer or shorter (by 17 % at most), whichever is in step first.

Where the reference stages of both plans differ, stages of the old plan go before (the *bridge*), until the reference stage
of the new one can follow. A transition keeps every rule of `signals.plan` but the bounds of the cycle, which
a reference stage that is held may exceed: one that breaks a rule cannot be constructed (`signals.transition_rules`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate
from typing import TYPE_CHECKING

from signals.sequence import Stage, whole_number
from signals.transition_rules import Bound, StageRow, bounds_of, safe_starts
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from signals.plan import Plan

__all__ = ["LENGTHEN", "SHORTEN", "Method", "Transition", "TransitionCycle", "first_start_s", "transition"]

LENGTHEN = 0.20
"""Largest share by which a cycle of a transition is longer."""
SHORTEN = 0.17
"""Largest share by which a cycle of a transition is shorter."""
BRIDGE_SLACK_S = 15
"""Seconds by which the last stage of a bridge may be longer, so that intergreens to the next stage fit in."""
_LONGEST_S = 1800
_MOST_CYCLES = 40


class Method(StrEnum):
    """How a controller comes into step."""

    DWELL = "dwell"
    SHORTWAY = "shortway"
    LONGWAY = "longway"


@dataclass(frozen=True)
class TransitionCycle:
    """Stages of one cycle of a transition, or of a part of one, with the seconds from each start to the next."""

    stages: tuple[Stage, ...]
    durations_s: tuple[int, ...]

    @property
    def seconds(self) -> int:
        """Length in seconds."""
        return sum(self.durations_s)


@dataclass(frozen=True)
class Transition:
    """What one junction shows between two plans; safe and in step by construction.

    Attributes
    ----------
    switch_s
        When the new plan is to take over, seconds since the cycle zero of the epoch.
    start_s, end_s
        From the start of a cycle of the plan before to the start of one of the plan after.
    cycles
        What is shown from `start_s` to `end_s`; none where both plans are in step.
    """

    before: Plan
    after: Plan
    method: Method
    switch_s: int
    start_s: int
    cycles: tuple[TransitionCycle, ...]
    row: StageRow = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        before, after = self.before, self.after
        where = f"junction {before.junction.key}, transition"
        _check_junction(before, after)
        object.__setattr__(self, "method", Method(self.method))
        object.__setattr__(self, "cycles", tuple(self.cycles))
        for name in ("switch_s", "start_s"):
            object.__setattr__(self, name, whole_number(getattr(self, name), f"{where}, {name}"))
        if self.start_s != first_start_s(before, self.switch_s):
            rule = f"must be the first start of the plan before from {self.switch_s} s on"
            raise InputError(rule, field=f"{where}, start_s", value=self.start_s)
        if (self.end_s - after.offset_s) % after.cycle_s:
            rule = f"must be in step: {after.offset_s} s after a multiple of {after.cycle_s} s"
            raise InputError(rule, field=f"{where}, end_s", value=self.end_s)
        first = self.cycles[0].stages[0] if self.cycles else after.stages[0]
        if first != before.stages[0]:
            rule = "must begin with the reference stage of the plan before, which its last cycle leads to"
            raise InputError(rule, field=f"{where}, cycles", value=sorted(first.groups))
        stages, durations = [*before.stages], [*before.durations_s]
        for cycle in self.cycles:
            stages += cycle.stages
            durations += cycle.durations_s
        stages += after.stages
        durations += after.durations_s
        starts = [self.start_s - before.cycle_s]
        for duration in durations:
            starts.append(starts[-1] + duration)
        object.__setattr__(self, "row", StageRow(before.junction, tuple(stages), tuple(starts)))

    @property
    def seconds(self) -> int:
        """Time in transition."""
        return sum(cycle.seconds for cycle in self.cycles)

    @property
    def end_s(self) -> int:
        """Start of the first whole cycle of the plan after."""
        return self.start_s + self.seconds


@dataclass(frozen=True)
class _Attempt:
    """One way through: `bridge` stages of the old plan, `cycles` of the new one, held at last for `hold` stages (0 or 1)."""

    bridge: int
    cycles: int
    hold: int
    end_s: int


def first_start_s(plan: Plan, from_s: int) -> int:
    """Return the first start of green of the plan's reference stage at or after `from_s`."""
    return from_s + (plan.offset_s - from_s) % plan.cycle_s


def transition(
    before: Plan,
    after: Plan,
    switch_s: int,
    method: Method = Method.SHORTWAY,
    *,
    lengthen: float = LENGTHEN,
    shorten: float = SHORTEN,
) -> Transition:
    """Return the shortest transition by `method`.

    Parameters
    ----------
    before, after
        Plans of the same junction.
    switch_s
        Seconds since the cycle zero of the epoch.
    lengthen, shorten
        Largest shares by which longway and shortway change a cycle, below 1.

    Raises
    ------
    InputError
        Where greatest greens, or stages that cannot follow each other, leave no way by this method within half an hour.
    """
    _check_junction(before, after)
    for name, share in (("lengthen", lengthen), ("shorten", shorten)):
        if not 0 <= share < 1:
            raise InputError("must be from 0 to below 1", field=name, value=share)
    method, start_s = Method(method), first_start_s(before, switch_s)
    if _alike(before, after):
        return Transition(before, after, method, switch_s, start_s, ())
    least, most = _cycle_bounds(after, method, lengthen, shorten)
    end_s = first_start_s(after, start_s)
    while end_s <= start_s + _LONGEST_S:
        for bridge in _bridges(before, after):
            ahead = sum(before.durations_s[:bridge])
            for attempt in _attempts(after, method, bridge, end_s, end_s - start_s - ahead, least, most):
                cycles = _carried_out(before, after, method, start_s, attempt, least, most)
                if cycles is not None:
                    return Transition(before, after, method, switch_s, start_s, cycles)
        end_s += after.cycle_s
    raise InputError(
        f"must have a safe transition of at most {_LONGEST_S} s",
        field=f"junction {before.junction.key}, {method}",
        value=f"from a cycle of {before.cycle_s} s to {after.cycle_s} s, offset {after.offset_s} s",
        hint="Take another method, or allow longer greens: the greatest greens limit how far a cycle can be lengthened",
    )


def _alike(before: Plan, after: Plan) -> bool:
    """Return whether both plans show the same at all times."""
    return all(
        getattr(before, name) == getattr(after, name)
        for name in ("cycle_s", "offset_s", "stages", "durations_s")
    )


def _check_junction(before: Plan, after: Plan) -> None:
    one, other = before.junction, after.junction
    if one is not other and (one.key, one.digest) != (other.key, other.digest):
        rule = f"must be a plan of the junction {one.key} as it is in the plan before"
        raise InputError(rule, field="after", value=other.key)


def _cycle_bounds(after: Plan, method: Method, lengthen: float, shorten: float) -> tuple[int, int]:
    """Return the least and the greatest cycle of a transition, seconds; dwell has none but the stages' own."""
    cycle, junction = after.cycle_s, after.junction
    if method == Method.DWELL:
        return cycle, _LONGEST_S
    most = min(math.floor(cycle * (1 + lengthen) + 1e-9), junction.cycle_max_s)
    if method == Method.LONGWAY:
        return cycle, most
    return max(math.ceil(cycle * (1 - shorten) - 1e-9), junction.cycle_min_s), most


def _bridges(before: Plan, after: Plan) -> Sequence[int]:
    """Return how many stages of the old plan may go before the new one's reference stage."""
    if before.stages[0] == after.stages[0]:
        return (0,)
    count = len(before.stages)
    return [k for k in range(1, count + 1) if before.stages[k - 1] != after.stages[0]]


def _attempts(
    after: Plan, method: Method, bridge: int, end_s: int, total_s: int, least: int, most: int
) -> Iterator[_Attempt]:
    """Yield the ways to spend about `total_s` seconds before `end_s`, those that change the cycle least first."""
    cycle = after.cycle_s
    if method == Method.DWELL:
        room = _hold_room_s(after)
        for cycles in range(min(max(total_s, 0) // cycle, _MOST_CYCLES), -1, -1):
            held = total_s - cycles * cycle
            if held <= cycle + (cycles + 1) * room:
                yield _Attempt(bridge, cycles, int(held > 0), end_s)
        return
    slack = BRIDGE_SLACK_S if bridge else 0
    low, high = math.ceil((total_s - slack) / most), min(total_s // least, _MOST_CYCLES)
    counts = range(max(low, 0), high + 1)
    for cycles in sorted(counts, key=lambda k: abs(total_s - k * cycle) / max(k, 1)):
        yield _Attempt(bridge, cycles, 0, end_s)


def _hold_room_s(plan: Plan) -> int:
    """Return by how many seconds the greatest greens let the reference stage of `plan` be longer in every cycle."""
    sequence = plan.sequence
    of_reference = [int(group) in plan.stages[0].groups for group in sequence.runs[:, 0]]
    room = sequence.run_max_s - sequence.green_s(plan.durations_s)
    return int(room[of_reference].min())


def _carried_out(
    before: Plan, after: Plan, method: Method, start_s: int, attempt: _Attempt, least: int, most: int
) -> tuple[TransitionCycle, ...] | None:
    """Return the cycles of an attempt, or `None` where they cannot be safe."""
    pieces = [before.stages[: attempt.bridge]] if attempt.bridge else []
    pieces += [after.stages] * attempt.cycles + [after.stages[:1]] * attempt.hold
    middle = [stage for piece in pieces for stage in piece]
    first = len(before.stages)
    end = first + len(middle)
    try:
        bounds = bounds_of(before.junction, (*before.stages, *middle, *after.stages))
    except InputError:
        return None
    bounds += _method_bounds(before, after, method, attempt, first, least, most)
    ahead = _starts(before, start_s - before.cycle_s)
    behind = _starts(after, attempt.end_s)
    fixed = dict(enumerate(ahead)) | dict(enumerate(behind, start=end))
    wanted = _wanted(before, after, method, start_s, attempt)
    starts = safe_starts(bounds, fixed, [*ahead[:-1], *wanted, *behind])
    if starts is None:
        return None
    cycles, at = [], first
    for piece in pieces:
        durations = (starts[k + 1] - starts[k] for k in range(at, at + len(piece)))
        cycles.append(TransitionCycle(tuple(piece), tuple(durations)))
        at += len(piece)
    return tuple(cycles)


def _starts(plan: Plan, from_s: int) -> list[int]:
    """Return the starts of the stages of one cycle, and its end."""
    return [from_s, *(from_s + passed for passed in accumulate(plan.durations_s))]


def _method_bounds(
    before: Plan, after: Plan, method: Method, attempt: _Attempt, first: int, least: int, most: int
) -> list[Bound]:
    """Return what the method asks of the stages from `first` on, beside safety."""
    bounds: list[Bound] = []

    def between(since: int, until: int, low: int, high: int) -> None:
        bounds.append(Bound(since, until, low, "must last as long as the method says"))
        bounds.append(Bound(until, since, -high, "must last as long as the method says"))

    for k, duration in enumerate(before.durations_s[: attempt.bridge]):
        slack = BRIDGE_SLACK_S if k == attempt.bridge - 1 else 0
        between(first + k, first + k + 1, duration, duration + slack)
    at = first + attempt.bridge
    for _ in range(attempt.cycles):
        if method == Method.DWELL:
            between(at, at + 1, after.durations_s[0], most)
            for k, duration in enumerate(after.durations_s[1:], start=1):
                between(at + k, at + k + 1, duration, duration)
        else:
            between(at, at + len(after.stages), least, most)
        at += len(after.stages)
    return bounds


def _wanted(before: Plan, after: Plan, method: Method, start_s: int, attempt: _Attempt) -> list[float]:
    """Return where the stages of an attempt would start best: holds early, other changes spread over all stages."""
    wanted, at = [], float(start_s)
    for duration in before.durations_s[: attempt.bridge]:
        wanted.append(at)
        at += duration
    spare = attempt.end_s - at - attempt.cycles * after.cycle_s
    for _ in range(attempt.cycles):
        for k, duration in enumerate(after.durations_s):
            wanted.append(at)
            if method == Method.DWELL:
                at += duration + (spare if k == 0 else 0.0)
            else:
                at += duration * (1.0 + spare / (attempt.cycles * after.cycle_s))
    return [*wanted, *[at] * attempt.hold]
