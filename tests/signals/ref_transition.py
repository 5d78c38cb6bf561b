"""An independent judge of transitions: it shows old cycles, transition and new cycles second by second and looks.

In plain Python, from the meaning of a junction's tables (`tests.signals.ref_expand.Tables`), without the project's code.
"""

from __future__ import annotations

from itertools import product

from tests.signals.ref_expand import FULL, YIELD, Tables

ROUNDS = 3


def faults(
    tables: Tables,
    before: tuple[list[set[int]], list[int]],
    middle: tuple[list[set[int]], list[int]],
    after: tuple[list[set[int]], list[int]],
) -> list[str]:
    """Return what is unsafe in three cycles of `before`, the transition, and three of `after`, joined."""
    stages = before[0] * ROUNDS + middle[0] + after[0] * ROUNDS
    durations = before[1] * ROUNDS + middle[1] + after[1] * ROUNDS
    if any(type(d) is not int or d < 1 for d in durations):
        return ["durations"]
    shown = show(tables, stages, durations)
    groups = range(len(shown))
    wrong = [
        f"{i} and {j} green together at {t}"
        for i, j in product(groups, groups)
        if tables.conflict[i][j] == FULL
        for t, both in enumerate(zip(shown[i], shown[j], strict=True))
        if all(both)
    ]
    second = 0
    for stage, duration in zip(stages, durations, strict=True):
        wrong += [f"{g} is not green in its stage at {second}" for g in stage if not shown[g][second]]
        second += duration
    ends = {g: [t for t in range(1, len(row)) if row[t - 1] and not row[t]] for g, row in enumerate(shown)}
    starts = {g: [t for t in range(1, len(row)) if row[t] and not row[t - 1]] for g, row in enumerate(shown)}
    for g in groups:
        for start in starts[g]:
            end = next((t for t in ends[g] if t > start), None)
            if end is not None and end - start < tables.min_green[g]:
                wrong.append(f"{g} green for {end - start} s only at {start}")
            most = tables.max_green[g]
            # how the last cycle goes on is not shown
            if most is not None and (len(shown[g]) - sum(after[1]) if end is None else end) - start > most:
                wrong.append(f"{g} green too long at {start}")
    for i, j in product(groups, groups):
        needed = max(1, tables.yellow[i] + tables.red_amber[i]) if i == j else tables.intergreen[i][j]
        for t in ends[i]:
            start = next((u for u in starts[j] if u >= t), None)
            if start is not None and start - t < needed:
                wrong.append(f"{j} starts {start - t} s after {i} at {t}")
    return wrong + _traps(tables, stages, durations)


def show(tables: Tables, stages: list[set[int]], durations: list[int]) -> list[list[bool]]:
    """Return the greens of every group in every second of the row."""
    shown: list[list[bool]] = [[] for _ in tables.min_green]
    for k, duration in enumerate(durations):
        now = stages[k]
        then = stages[k + 1] if k + 1 < len(stages) else now
        for left in range(duration, 0, -1):
            for group, row in enumerate(shown):
                gap = max((tables.intergreen[group][s] for s in then - now), default=0)
                row.append(group in now and (group in then or left > gap))
    return shown


def _traps(tables: Tables, stages: list[set[int]], durations: list[int]) -> list[str]:
    del durations
    return [
        f"{i} ends before {j} after stage {k}"
        for k in range(len(stages) - 1)
        for i, j in product(range(len(tables.min_green)), repeat=2)
        if tables.vehicle[i] and tables.vehicle[j] and tables.conflict[i][j] == YIELD
        if {i, j} <= stages[k] and i not in stages[k + 1] and j in stages[k + 1]
    ]
