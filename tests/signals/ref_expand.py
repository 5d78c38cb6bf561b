"""An independent judge of plans: it shows them second by second and looks.

Written from the meaning of a junction's tables and of a plan, in plain Python, without the project's code. It
returns the rules that a plan breaks, so that a test can compare its verdict with that of the plan class.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

YIELD, FULL = 1, 2


@dataclass(frozen=True)
class Tables:
    """What the controller of a junction knows."""

    conflict: list[list[int]]
    intergreen: list[list[int]]
    min_green: list[int]
    max_green: list[int | None]
    yellow: list[int]
    red_amber: list[int]
    vehicle: list[bool]
    cycle_min: int
    cycle_max: int


def tables_of(junction: object) -> Tables:
    """Copy the numbers out of a junction."""
    groups = junction.groups  # type: ignore[attr-defined]
    return Tables(
        conflict=junction.conflict.tolist(),  # type: ignore[attr-defined]
        intergreen=junction.intergreen_s.tolist(),  # type: ignore[attr-defined]
        min_green=[g.min_green_s for g in groups],
        max_green=[g.max_green_s for g in groups],
        yellow=[g.yellow_s for g in groups],
        red_amber=[g.red_amber_s for g in groups],
        vehicle=[not g.crossings for g in groups],
        cycle_min=junction.cycle_min_s,  # type: ignore[attr-defined]
        cycle_max=junction.cycle_max_s,  # type: ignore[attr-defined]
    )


def faults(
    tables: Tables, stages: list[set[int]], durations: list, cycle: object, offset: object
) -> list[str]:
    """Return what is wrong with a plan; an empty list means that it is safe."""
    numbers = [*durations, cycle, offset]
    if any(type(n) is not int for n in numbers):
        return ["whole numbers"]
    if len(stages) != len(durations) or not stages or not all(stages):
        return ["stages and durations"]
    if any(g < 0 or g >= len(tables.min_green) for stage in stages for g in stage):
        return ["unknown group"]
    wrong = []
    if not tables.cycle_min <= cycle <= tables.cycle_max:
        wrong.append("cycle bounds")
    if not 0 <= offset < cycle:
        wrong.append("offset")
    if any(d < 1 for d in durations) or sum(durations) != cycle:
        return [*wrong, "durations"]
    if len(stages) > 1 and any(a == b for a, b in zip(stages, stages[1:] + stages[:1], strict=True)):
        wrong.append("a stage that changes nothing")
    shown = show(tables, stages, durations)
    return wrong + _look(tables, shown, stages, durations)


def show(tables: Tables, stages: list[set[int]], durations: list[int]) -> list[list[bool]]:
    """Return the greens of every group in every second of one cycle."""
    shown: list[list[bool]] = [[] for _ in tables.min_green]
    for k, duration in enumerate(durations):
        now, then = stages[k], stages[(k + 1) % len(stages)]
        starting = then - now
        for second in range(duration):
            left = duration - second
            for group, row in enumerate(shown):
                if group not in now:
                    row.append(False)
                elif group in then:
                    row.append(True)
                else:
                    gap = max((tables.intergreen[group][s] for s in starting), default=0)
                    row.append(left > gap)
    return shown


def _look(tables: Tables, shown: list[list[bool]], stages: list[set[int]], durations: list[int]) -> list[str]:
    size, cycle = len(shown), len(shown[0])
    wrong = [
        f"{i} and {j} green together"
        for i in range(size)
        for j in range(size)
        if tables.conflict[i][j] == FULL and any(a and b for a, b in zip(shown[i], shown[j], strict=True))
    ]
    second = 0
    for stage, duration in zip(stages, durations, strict=True):
        wrong += [f"{g} is not green in its stage" for g in stage if not shown[g][second]]
        second += duration
    ends: dict[int, list[int]] = {}
    starts: dict[int, list[int]] = {}
    for g, row in enumerate(shown):
        if not any(row):
            wrong.append(f"{g} never green")
        ends[g] = [t for t in range(cycle) if row[t - 1] and not row[t]]
        starts[g] = [t for t in range(cycle) if row[t] and not row[t - 1]]
        if all(row) and tables.max_green[g] is not None:
            wrong.append(f"{g} green for ever")
        wrong += _lengths(tables, g, starts[g], ends[g], cycle)
    wrong += _traps(tables, shown, ends, durations)
    for i in range(size):
        for j in range(size):
            for t in ends[i]:
                wait = min(((u - t) % cycle for u in starts[j]), default=cycle)
                if starts[j] and wait < _needed(tables, i, j):
                    wrapped = ", over the end of the cycle" if t + wait >= cycle else ""
                    wrong.append(f"{j} starts too soon after {i}{wrapped}")
    return wrong


def _traps(
    tables: Tables, shown: list[list[bool]], ends: dict[int, list[int]], durations: list[int]
) -> list[str]:
    """Who turns on yellow in front of traffic that keeps its green beyond the change of stages."""
    cycle = len(shown[0])
    changes = {sum(durations[: k + 1]) % cycle for k in range(len(durations))}
    wrong = []
    for i, j in product(range(len(shown)), repeat=2):
        if not (tables.vehicle[i] and tables.vehicle[j] and tables.conflict[i][j] == YIELD):
            continue
        for t in ends[i]:
            change = next(s for s in range(t, t + cycle) if s % cycle in changes)
            if all(shown[j][s % cycle] for s in range(t - 1, change + 1)):
                wrong.append(f"{i} ends before {j}")
    return wrong


def _needed(tables: Tables, i: int, j: int) -> int:
    return max(1, tables.yellow[i] + tables.red_amber[i]) if i == j else tables.intergreen[i][j]


def _lengths(tables: Tables, g: int, starts: list[int], ends: list[int], cycle: int) -> list[str]:
    wrong = []
    for t in starts:
        length = min((u - t) % cycle for u in ends)
        if length < tables.min_green[g]:
            wrong.append(f"{g} green for {length} s only")
        most = tables.max_green[g]
        if most is not None and length > most:
            wrong.append(f"{g} green for {length} s")
    return wrong
