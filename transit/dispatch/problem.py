"""The dispatcher's problem: one course for each vehicle, and when it leaves each control point, at the least cost.

Costs are seconds of passengers who wait at a stop. Those who come at random meet a headway h in proportion to h and wait half of
it: a headway costs ``rate_s * h**2 / 2``, here along the chords between `KNOTS_S`, so that the problem is linear.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["KNOTS_S", "Course", "Pass", "Placed", "Problem", "Weights", "bounds", "cost", "placed", "wait_s2"]

KNOTS_S: tuple[int, ...] = (
    *range(0, 1_200, 60),
    *range(1_200, 2_400, 300),
    *range(2_400, 7_200, 1_200),
    7_200,
    14_400,
    28_800,
)
NOWHERE = -1


@dataclass(frozen=True)
class Weights:
    """What counts for how much, in seconds of one passenger who waits at a stop.

    Attributes
    ----------
    aboard
        A second of one passenger in a vehicle that is held.
    late
        A second outside the window of the timetable, for each stop.
    lost
        Each stop that is left out, beyond the longer wait there.
    early_s, late_s
        The window: narrower than the one that counts, as predictions are not exact.
    """

    aboard: float = 0.5
    late: float = 2.0
    lost: float = 600.0
    early_s: float = 30.0
    late_s: float = 60.0

    def __post_init__(self) -> None:
        for name in ("aboard", "late", "lost", "early_s", "late_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0.0):
                raise InputError("must be a number of 0 or more", field=name, value=value)


class Pass(NamedTuple):
    """A vehicle at a control point.

    Attributes
    ----------
    call
        The caller's number for it.
    place
        Vehicles that come to the same place follow each other there; -1: nobody waits here.
    run_s
        From leaving the control point before until it could leave this one.
    planned_s
        When it is to leave.
    longest_s
        For how long it may be held; at terminals, so much later than if nobody had been held it may leave.
    earliest_s
        At terminals: it does not leave before. -inf elsewhere.
    rate_s
        Passengers who come here, and to the stops before the next control point, in a second.
    aboard
        Passengers in the vehicle.
    stops
        How many stops this one stands for.
    headway_s
        Planned, since the vehicle before; NaN for the first.
    """

    call: int
    place: int
    run_s: float
    planned_s: float
    longest_s: float
    earliest_s: float = -math.inf
    rate_s: float = 0.0
    aboard: float = 0.0
    stops: int = 1
    headway_s: float = math.nan

    @property
    def terminal(self) -> bool:
        """Whether a trip begins here."""
        return self.earliest_s > -math.inf


class Course(NamedTuple):
    """What a vehicle may do.

    Attributes
    ----------
    begin_s
        When it left the control point before its first pass, or is ready.
    trips
        Whose trips these are: each trip is run by one vehicle at most.
    cost
        What it costs that some stops are left out and passengers must change, besides waiting.
    """

    begin_s: float
    passes: tuple[Pass, ...]
    trips: tuple[int, ...] = ()
    cost: float = 0.0


@dataclass(frozen=True)
class Problem:
    """What is to be decided.

    Attributes
    ----------
    courses
        Of each vehicle, one or more: the first is what it does if nothing is said.
    last_s
        When the last vehicle left each place; places of which nothing is known have no headway before their first vehicle.
    due
        Trips that are to be run, and what it costs if nobody does.
    next_s
        When the next vehicle after all these is expected at each place: whoever comes until then waits, whichever trips are run.
    """

    courses: tuple[tuple[Course, ...], ...]
    last_s: Mapping[int, float] = field(default_factory=dict)
    due: Mapping[int, float] = field(default_factory=dict)
    weights: Weights = field(default_factory=Weights)
    next_s: Mapping[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, own in enumerate(self.courses):
            if not own:
                raise InputError("must be one at least for each vehicle", field="courses", value=number)
            for one in own:
                for at in one.passes:
                    _require_sound(at)


def _require_sound(at: Pass) -> None:
    for name in ("run_s", "longest_s", "rate_s", "aboard", "stops"):
        value = getattr(at, name)
        if not (math.isfinite(value) and value >= 0.0):
            raise InputError("must be a number of 0 or more", field=name, value=value)


class Bounds(NamedTuple):
    """When a vehicle leaves the passes of a course if it is never held, and at the latest."""

    free_s: tuple[float, ...]
    latest_s: tuple[float, ...]


def bounds(course: Course) -> Bounds:
    """Return between which moments a vehicle leaves each control point."""
    free, latest = [], []
    soon_s = late_s = course.begin_s
    for at in course.passes:
        soon_s = max(soon_s + at.run_s, at.earliest_s)
        late_s = soon_s + at.longest_s if at.terminal else late_s + at.run_s + at.longest_s
        free.append(soon_s)
        latest.append(late_s)
    return Bounds(tuple(free), tuple(latest))


class Placed(NamedTuple):
    """A pass at a place: which vehicle's, of which of its courses, and which of its passes."""

    vehicle: int
    course: int
    position: int


def placed(problem: Problem, free_s: Sequence[Sequence[Sequence[float]]]) -> dict[int, list[Placed]]:
    """Return the passes of every place, in the order in which vehicles would come if nobody were held; it is kept."""
    found: dict[int, list[tuple[float, Placed]]] = {}
    for v, own in enumerate(problem.courses):
        for c, one in enumerate(own):
            for k, at in enumerate(one.passes):
                if at.place != NOWHERE:
                    found.setdefault(at.place, []).append((free_s[v][c][k], Placed(v, c, k)))
    return {place: [who for _, who in sorted(rows)] for place, rows in found.items()}


def wait_s2(headway_s: float) -> float:
    """Return half of the headway squared, along its chords."""
    headway_s = max(headway_s, 0.0)
    k = min(bisect_right(KNOTS_S, headway_s) - 1, len(KNOTS_S) - 2)
    low, high = KNOTS_S[k], KNOTS_S[k + 1]
    twice: float = low * low + (low + high) * (headway_s - low)
    return twice / 2.0


def cost(problem: Problem, chosen: Sequence[int], leave_s: Sequence[Sequence[float]]) -> float:
    """Return what a plan costs: which course of each vehicle, and when it leaves its passes."""
    weights = problem.weights
    total = 0.0
    run: set[int] = set()
    for own, number, left in zip(problem.courses, chosen, leave_s, strict=True):
        course = own[number]
        run.update(course.trips)
        total += course.cost
        before_s = course.begin_s
        for at, leaves_s in zip(course.passes, left, strict=True):
            total += weights.aboard * at.aboard * (leaves_s - before_s - at.run_s)
            late_s = leaves_s - at.planned_s
            outside_s = max(late_s - weights.late_s, -weights.early_s - late_s, 0.0)
            total += weights.late * at.stops * outside_s
            before_s = leaves_s
    total += sum(lost for trip, lost in problem.due.items() if trip not in run)
    free = [[bounds(one).free_s for one in own] for own in problem.courses]
    for place, rows in placed(problem, free).items():
        before_s = problem.last_s.get(place, math.nan)
        rate_s = 0.0
        for v, c, k in rows:
            rate_s = problem.courses[v][c].passes[k].rate_s
            if chosen[v] != c:
                continue
            if not math.isnan(before_s):
                total += rate_s * wait_s2(leave_s[v][k] - before_s)
            before_s = leave_s[v][k]
        if not math.isnan(before_s) and place in problem.next_s:
            total += rate_s * wait_s2(problem.next_s[place] - before_s)
    return total
