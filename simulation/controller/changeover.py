"""How the lamps get from one course to another without an unsafe second.

Two ways. *In step by stages* (dwell, shortway, longway): from a start of the plan's cycle on, the stages of the new plan in
cycles that are longer or shorter, until they are in step. Such a way is a proposal: only what a conflict monitor that has seen
the present second lets pass is taken. *Through red*, which always works: nothing starts any more and what is green runs out,
at the latest where it would have ended anyway; then each green of the new plan begins at its own start, once everybody is
out of its way. Greens of one plan are safe among themselves, also where some of them are left out.
"""

from __future__ import annotations

from itertools import islice
from math import ceil
from typing import TYPE_CHECKING

from simulation.controller.courses import Changeover, Flash, PlanCourse
from simulation.controller.days import Method
from simulation.controller.lamps import ENDLESS, Lamp, Window, plan_windows, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulation.controller.courses import Steady
    from simulation.controller.gate import CheckedPlan
    from simulation.controller.monitor import Monitor
    from simulation.controller.tables import Tables

    Course = Steady | Changeover

__all__ = ["LENGTHEN", "SHORTEN", "change", "start_up"]

LENGTHEN, SHORTEN = 0.20, 0.17
"""Largest shares by which a cycle is longer or shorter while the controller comes into step."""
_LONGEST_S = 300  # a group that is coordinated should not be out of step for longer
_MOST_PROPOSALS = 6


def change(
    monitor: Monitor, course: Course, goal: Steady, second: int, method: Method = Method.SHORTWAY
) -> Changeover:
    """Return the way from `course` to `goal` that is shown from `second` on.

    Parameters
    ----------
    monitor
        It has seen everything up to the second before.
    method
        How to come into step from one plan with another.
    """
    tables = monitor.tables
    if isinstance(course, PlanCourse) and isinstance(goal, PlanCourse):
        proposals = islice(_staged(course, goal, second, method), _MOST_PROPOSALS)
        for proposal in proposals:
            end = second + len(proposal.rows) + 2 * goal.plan.cycle_s
            if monitor.passes(proposal.row(s) for s in range(second, end)):
                return proposal
    if isinstance(course, Flash) and isinstance(goal, PlanCourse):
        return start_up(monitor, goal, second)
    greens = _running_out(monitor, course, second)
    # Of what is green and does not run out, the course before has the end in this second.
    ended = [
        end if since is None else second
        for end, since in zip(monitor.ended, monitor.green_since, strict=True)
    ]
    for g, _, end in greens:
        ended[g] = end
    if isinstance(goal, PlanCourse):
        return _coming_in(tables, greens, ended, goal, second, max([second, *(w.end for w in greens)]))
    last = max((end + tables.groups[g].yellow_s for g, _, end in greens), default=second)
    if isinstance(goal, Flash):
        last = max(last, max(ended) + tables.clearance_s)
    return Changeover(second, tuple(rows_of(tables, greens, second, last)), tuple(greens), goal)


def start_up(monitor: Monitor, goal: PlanCourse, second: int) -> Changeover:
    """Return the way from an unknown past to a plan: all red until everybody is out of everybody's way."""
    tables = monitor.tables
    clear = second + tables.clearance_s + max(group.red_amber_s for group in tables.groups)
    return _coming_in(tables, [], [second] * len(monitor.ended), goal, second, clear)


def _running_out(monitor: Monitor, course: Course, second: int) -> list[Window]:
    """Return the greens that are shown or announced, each with the end that it now gets; and those whose yellow is on.

    When they began, the monitor has seen. A plan that has just been reached says "long ago" of what is always green in it,
    and not shown yet.
    """
    tables = monitor.tables
    over = [Window(g, end, end) for g, end in enumerate(monitor.ended) if monitor.row[g] == Lamp.YELLOW]
    active, lead = [], max(group.red_amber_s for group in tables.groups)
    for window in course.windows(second - 1, second + lead):
        start, amber = monitor.start_of(window.group), tables.groups[window.group].red_amber_s
        if start is not None and window.start - amber < second <= window.end:
            active.append(window._replace(start=start))
    planned = {w.group: w.end for w in active}
    ends = {w.group: _earliest_end(tables, w, second) for w in active}
    announced = [w for w in active if w.start >= second]
    for w in active:  # who has to wait after it has passed already, if it does not outlast the start
        waiting = [n.start + 1 for n in announced if n.group != w.group and tables.needed_s[w.group][n.group]]
        ends[w.group] = min(max([ends[w.group], *waiting]), w.end)
    for _ in active:  # who gives way ends no earlier than those that it gives way to
        for g, end in ends.items():
            later = [other for h, other in ends.items() if tables.gives_way(g, h)]
            ends[g] = min(max([end, *later]), planned[g])
    return over + [Window(w.group, w.start, ends[w.group]) for w in active]


def _earliest_end(tables: Tables, window: Window, second: int) -> int:
    group = tables.groups[window.group]
    return min(max(second + group.flashing_green_s, window.start + group.min_green_s), window.end)


def _coming_in(
    tables: Tables, greens: list[Window], ended: Sequence[int], goal: PlanCourse, second: int, dark: int
) -> Changeover:
    """Return the way from greens that run out to a plan in step."""
    plan, needed = goal.plan, tables.needed_s
    admitted = [
        max(dark, second + group.red_amber_s, *(end + needed[i][j] for i, end in enumerate(ended)))
        for j, group in enumerate(tables.groups)
    ]
    # What is always green goes first: nothing of the plan has ended by then that it would have to wait for.
    first = max((admitted[g] for g in plan.always), default=dark)
    admitted = [first if g in plan.always else max(first, least) for g, least in enumerate(admitted)]
    last = max(admitted)
    new = [Window(g, first, ENDLESS) for g in plan.always]
    step = max([last, *(admitted[g] for g in plan.always)])
    for window in plan_windows(plan, goal.base, second - 2 * plan.cycle_s, last + 2 * plan.cycle_s):
        if window.start >= admitted[window.group]:
            new.append(window)
        else:
            step = max(step, window.end + tables.groups[window.group].yellow_s)
    every = [*greens, *new]
    return Changeover(second, tuple(rows_of(tables, every, second, step)), tuple(every), goal)


def _staged(course: PlanCourse, goal: PlanCourse, second: int, method: Method) -> Iterator[Changeover]:
    """Yield proposals to come into step by stages: by the method, the fewest cycles first, and then by dwell."""
    before, after = course.plan, goal.plan
    tables = after.tables
    lead = max(max(g.flashing_green_s, g.red_amber_s) for g in tables.groups)
    start = second + lead + (course.base - second - lead) % before.cycle_s
    shift = (goal.base - start) % after.cycle_s
    ways = [(length, method) for length in _cycle_lengths(after, shift, method, tables)]
    if method != Method.DWELL:
        ways += [(length, Method.DWELL) for length in _cycle_lengths(after, shift, Method.DWELL, tables)]
    for lengths, way in ways:
        stages = [*before.stages, *after.stages * (len(lengths) + 3)]
        starts = [start - before.cycle_s + at for at in before.starts_s]
        zero = start
        for length in [*lengths, *[after.cycle_s] * 3]:
            starts += [zero + at for at in _scaled(after, length, held=way == Method.DWELL)]
            zero += length
        end = start + sum(lengths)
        history = course.windows(second - 1, start - before.cycle_s + 1)
        greens = _stage_windows(tables, stages, starts, history)
        rows = rows_of(tables, greens, second, end)
        yield Changeover(second, tuple(rows), tuple(greens), goal)


def _cycle_lengths(after: CheckedPlan, shift: int, method: Method, tables: Tables) -> Iterator[list[int]]:
    """Yield the lengths of cycles that move the start of the cycle by `shift` seconds."""
    cycle = after.cycle_s
    if shift == 0:
        yield []
        return
    most = int(cycle * (1 + LENGTHEN) + 1e-9)
    least = ceil(cycle * (1 - SHORTEN) - 1e-9) if method == Method.SHORTWAY else cycle
    if method == Method.DWELL:
        most = cycle + shift
    else:
        most, least = min(most, tables.cycle_max_s), max(least, tables.cycle_min_s)
    for count in range(1, _LONGEST_S // least + 1):
        for total in (shift, shift - cycle):
            in_time = count == 1 or count * cycle + total <= _LONGEST_S
            if in_time and count * (least - cycle) <= total <= count * (most - cycle):
                yield [cycle + total * (k + 1) // count - total * k // count for k in range(count)]


def _scaled(plan: CheckedPlan, length: int, *, held: bool) -> list[int]:
    """Return the starts of the stages of a cycle of another length: the first stage is held, or all have their share."""
    if held:
        return [at + (length - plan.cycle_s if at else 0) for at in plan.starts_s]
    return [round(at * length / plan.cycle_s) for at in plan.starts_s]


def _stage_windows(
    tables: Tables, stages: Sequence[frozenset[int]], starts: Sequence[int], history: Sequence[Window]
) -> list[Window]:
    """Return the greens of stages one after the other; those of the first stage have begun as `history` says."""
    begun = {w.group: w.start for w in history if w.end > starts[0]}
    found = [w for w in history if w.end <= starts[0]]
    for g in stages[0]:
        begun.setdefault(g, starts[0])
    for k in range(len(stages) - 1):
        now, following = stages[k], stages[k + 1]
        starting = following - now
        for g in now - following:
            gap = max((tables.intergreen_s[g][s] for s in starting), default=0)
            found.append(Window(g, begun.pop(g), starts[k + 1] - gap))
        for g in starting:
            begun[g] = starts[k + 1]
    return found + [Window(g, since, ENDLESS) for g, since in begun.items()]
