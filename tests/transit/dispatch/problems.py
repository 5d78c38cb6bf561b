"""Small problems of dispatch for the tests, and their best plan by trying everything."""

from __future__ import annotations

import math
from itertools import pairwise, product
from typing import TYPE_CHECKING

import numpy as np

from transit.dispatch.problem import Course, Pass, Problem, bounds, cost, placed

if TYPE_CHECKING:
    from collections.abc import Iterator

STEP_S = 60
"""Where everything is a whole number of these, so is the best plan: its chords have their knots there."""


def tried(problem: Problem) -> float:
    """The least cost of all plans whose times are whole steps. Slow and plain."""
    best = math.inf
    order = placed(problem, [[bounds(one).free_s for one in own] for own in problem.courses])
    for chosen in product(*(range(len(own)) for own in problem.courses)):
        courses = [own[c] for own, c in zip(problem.courses, chosen, strict=True)]
        trips = [trip for one in courses for trip in one.trips]
        if len(trips) != len(set(trips)):
            continue
        for leave_s in product(*(list(_times(one)) for one in courses)):
            if _in_order(order, chosen, leave_s):
                best = min(best, cost(problem, chosen, leave_s))
    return best


def _times(course: Course) -> Iterator[tuple[float, ...]]:
    """All times at which a vehicle may leave its passes."""
    free_s, _ = bounds(course)

    def rest(k: int, before_s: float) -> Iterator[tuple[float, ...]]:
        if k == len(course.passes):
            yield ()
            return
        at = course.passes[k]
        begin_s = max(before_s + at.run_s, at.earliest_s)
        end_s = (free_s[k] if at.terminal else begin_s) + at.longest_s
        for leave_s in np.arange(begin_s, end_s + 1, STEP_S).tolist():
            for more in rest(k + 1, leave_s):
                yield leave_s, *more

    return rest(0, course.begin_s)


def _in_order(order: dict, chosen: tuple, leave_s: tuple) -> bool:
    for rows in order.values():
        times = [leave_s[v][k] for v, c, k in rows if chosen[v] == c]
        if any(b < a for a, b in pairwise(times)):
            return False
    return True


def simple(call: int, place: int, run_s: float, planned_s: float = 0.0, **more: float) -> Pass:
    """A pass where nobody is charged for lateness unless told so."""
    return Pass(call, place, run_s, planned_s, **{"longest_s": 300.0, "stops": 0, "rate_s": 0.01, **more})
