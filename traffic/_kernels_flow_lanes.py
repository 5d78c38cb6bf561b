"""How movements that may use several lane groups spread over them."""

from __future__ import annotations

import numpy as np

from traffic._kernels_jit import F1, I1, OutF1, helper, kernel

__all__ = ["spread"]

_SWEEPS = 200
_DONE = 1e-14


@helper
def _first(movement: I1, begin: int, conn: int) -> bool:
    for other in range(begin, conn):
        if movement[other] == movement[conn]:
            return False
    return True


@helper
def _fill(
    group: I1,
    movement: I1,
    saturation: F1,
    ratio: OutF1,
    part: OutF1,
    first: int,
    end: int,
    flow: float,
) -> float:
    """Spread one movement over its lane groups; return the largest change of a part."""
    this = movement[first]
    for c in range(first, end):
        if movement[c] == this:
            ratio[group[c]] -= part[c] / saturation[c]
    # the level falls, round after round, as lane groups that stand above it drop out
    level = np.inf
    used = end - first + 1
    while True:
        total, room, count = flow, 0.0, 0
        for c in range(first, end):
            if movement[c] == this and ratio[group[c]] < level:
                total += ratio[group[c]] * saturation[c]
                room += saturation[c]
                count += 1
        if count == 0 or count >= used:
            break
        level, used = total / room, count
    change = 0.0
    for c in range(first, end):
        if movement[c] == this:
            now = max(level - ratio[group[c]], 0.0) * saturation[c]
            change = max(change, abs(now - part[c]))
            part[c] = now
            ratio[group[c]] += now / saturation[c]
    return change


@kernel
def spread(
    link_conn: I1, group: I1, movement: I1, saturation: F1, flow: F1, ratio: OutF1, part: OutF1
) -> None:
    """Set `part`, the flow of each connection, such that drivers find no lane group with a lower flow ratio.

    The connections of link i are ``link_conn[i]`` to ``link_conn[i + 1] - 1``. `flow` is the flow of the connection's
    movement; `ratio` is scratch by lane group, zero on entry. Each sweep fills one movement after the other into its
    lane groups from the lowest flow ratio up; that is coordinate descent on a convex function, so it converges.
    """
    for link in range(len(link_conn) - 1):
        begin, end = link_conn[link], link_conn[link + 1]
        several = False
        for c in range(begin, end):
            same = 0
            for other in range(begin, end):
                if movement[other] == movement[c]:
                    same += 1
            part[c] = flow[c] / same
            ratio[group[c]] += part[c] / saturation[c]
            several = several or same > 1
        if several:
            for _ in range(_SWEEPS):
                change = 0.0
                for c in range(begin, end):
                    if _first(movement, begin, c):
                        moved = _fill(group, movement, saturation, ratio, part, c, end, flow[c])
                        change = max(change, moved)
                if change < _DONE:
                    break
