"""An independent judge of what lamps have shown: it looks at the whole record afterwards, group by group.

Written from the meaning of the tables, in plain Python, without the monitor's code. The record begins with the power coming
on, after an unknown past, and has no flash in it.
"""

from __future__ import annotations

from itertools import groupby

from simulation.controller.tables import Tables

RED, AMBER, GREEN, FLASHING, YELLOW = range(5)


def stream_faults(tables: Tables, rows: list[bytes]) -> list[str]:
    """Return what is wrong with a record; an empty list means that it is safe."""
    greens = [_greens([row[g] for row in rows]) for g in range(len(tables.groups))]
    wrong = []
    for g in range(len(tables.groups)):
        wrong += _order(tables, g, [row[g] for row in rows])
        wrong += _lengths(tables, g, greens[g], len(rows))
    return wrong + _pairs(tables, greens, len(rows)) + _traps(tables, greens, len(rows))


def _segments(column: list[int]) -> list[tuple[int, int]]:
    return [(lamp, len(list(same))) for lamp, same in groupby(column)]


def _greens(column: list[int]) -> list[tuple[int, int]]:
    """Starts and ends of green; an end beyond the record is its length."""
    found, at = [], 0
    for green, same in groupby(lamp in (GREEN, FLASHING) for lamp in column):
        length = len(list(same))
        if green:
            found.append((at, at + length))
        at += length
    return found


def _order(tables: Tables, g: int, column: list[int]) -> list[str]:
    group = tables.groups[g]
    fixed = {AMBER: group.red_amber_s, FLASHING: group.flashing_green_s, YELLOW: group.yellow_s}
    parts = _segments([RED, *column])
    wrong = []
    for k, (lamp, length) in enumerate(parts):
        last = k == len(parts) - 1
        if lamp in fixed and (length > fixed[lamp] or (length < fixed[lamp] and not last)):
            wrong.append(f"{g}: {lamp} for {length} s")
        if last:
            continue
        following = parts[k + 1][0]
        to_green = following in (GREEN, FLASHING)
        end = {YELLOW} if group.yellow_s else {RED, AMBER} if group.red_amber_s else {RED}
        right = {
            RED: following == AMBER if group.red_amber_s else to_green,
            AMBER: to_green,
            GREEN: following in ({FLASHING} if group.flashing_green_s else end),
            FLASHING: following in end,
            YELLOW: following == RED or (following == AMBER if group.red_amber_s else to_green),
        }
        if not right[lamp]:
            wrong.append(f"{g}: {following} after {lamp}")
    return wrong


def _lengths(tables: Tables, g: int, greens: list[tuple[int, int]], end: int) -> list[str]:
    group, wrong = tables.groups[g], []
    for start, stop in greens:
        if stop - start < group.min_green_s and stop < end:
            wrong.append(f"{g}: green for {stop - start} s only")
        if group.max_green_s is not None and stop - start > group.max_green_s:
            wrong.append(f"{g}: green for {stop - start} s")
    return wrong


def _pairs(tables: Tables, greens: list[list[tuple[int, int]]], end: int) -> list[str]:
    wrong = []
    for i in range(len(greens)):
        # The power coming on is the end of greens that nobody saw.
        ends = [0, *(stop for _, stop in greens[i] if stop < end)]
        for j in range(len(greens)):
            needed = tables.groups[i].yellow_s + tables.groups[i].red_amber_s
            needed = max(needed, 1) if i == j else tables.intergreen_s[i][j]
            for stop in ends:
                starts = [start for start, _ in greens[j] if start >= stop]
                if starts and starts[0] - stop < needed:
                    wrong.append(f"{j} {starts[0] - stop} s after {i}")
            if tables.conflict[i][j] == 2:
                for a, b in greens[i]:
                    if any(c < b and a < d for c, d in greens[j]):
                        wrong.append(f"{i} and {j} green together")
    return wrong


def _traps(tables: Tables, greens: list[list[tuple[int, int]]], end: int) -> list[str]:
    """Who ends while one that it gives way to stays green for longer than any change of stages takes."""
    wrong = []
    for i in range(len(greens)):
        room = max(tables.intergreen_s[i])
        for j in range(len(greens)):
            if tables.conflict[i][j] != 1 or {tables.groups[g].kind for g in (i, j)} != {"vehicle"}:
                continue
            for _, stop in greens[i]:
                if stop + room < end and any(
                    start < stop and last > stop + room for start, last in greens[j]
                ):
                    wrong.append(f"{i} ends, {j} stays")
    return wrong
