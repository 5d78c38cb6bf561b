"""What a lane group may do in one second, from the codes of its connections."""

from __future__ import annotations

from traffic._kernels_flow_tables import (
    CAP,
    CEILING,
    CONN_CAP,
    CONN_FOOT,
    CONN_SAT,
    DRAW,
    EPS,
    FLOOR,
    FREELY,
    GAP_SCALE,
    GAPS,
    GREEN,
    GROUP_CONN,
    LANES,
    LAST_GREEN,
    MIX,
    NEVER,
    NOT_MIXED,
    OPEN,
    OPENS,
    PART_GAPS,
    PART_GREEN,
    PRESS,
    RED,
    SAT,
    SEEN,
    SENT,
    SNEAK,
    START_GAPS,
    START_GREEN,
)
from traffic._kernels_jit import F1, I1, U1, OutF1, OutF2, OutI1, OutI2, helper

__all__ = ["show"]

_GREENS = (GREEN, START_GREEN, PART_GREEN, GAPS, START_GAPS, PART_GAPS)


@helper
def _faces_green(faced: I1, begin: I1, period_s: I1, pattern: U1, stay_s: I1, t: int) -> int:
    """Return for how many seconds at least one of `faced` is green from second t on; negative: for how many none is."""
    open_s, closed_s = 0, NEVER - t
    for k in range(len(faced)):
        c = faced[k]
        if begin[c] < 0:
            return NEVER - t
        at = begin[c] + t % period_s[c]
        if pattern[at] in _GREENS:
            open_s = max(open_s, int(stay_s[at]))
        else:
            closed_s = min(closed_s, int(stay_s[at]))
    return open_s if open_s > 0 else -closed_s


@helper
def _put(cell: OutI1, value: OutF1, last: OutF1, count: int, at: int, now: float, shared: bool) -> int:
    """List that cell `at` becomes `now`, unless it is that already; return how many are listed.

    A `shared` cell is one that other passes write too: what it is then is not known.
    """
    if last[at] == now and not shared:
        return count
    cell[count], value[count], last[at] = at, now, now
    return count + 1


@helper
def show(
    cell: OutI1,
    value: OutF1,
    last: OutF1,
    count: int,
    group: OutF2,
    group_at: OutI2,
    conn: OutF2,
    begin: I1,
    period_s: I1,
    pattern: U1,
    stay_s: I1,
    without: U1,
    factor: F1,
    yields_at: I1,
    conflict_begin: I1,
    conflict: I1,
    watched: U1,
    sneakers: float,
    g: int,
    t: int,
) -> tuple[int, int, bool]:
    """List what lane group `g` may do in second `t`; return how many are listed, until when, and whether it may move.

    Only what somebody reads is written: each column of a lane group or connection is a cache line of its own.
    A connection that gives way has the capacity ``min(CEILING, max(GAP_SCALE * gaps, FLOOR))``: see `find_gaps`.
    """
    groups, conns = group.shape[1], conn.shape[1]
    first = group.size
    until, live = NEVER, False
    start, stop = group_at[GROUP_CONN, g], group_at[GROUP_CONN, g + 1]
    alone, mixed = stop - start == 1, group[DRAW, g] != NOT_MIXED
    spent, open_part, sat, cap, finds_gaps = 0.0, 0.0, 0.0, 0.0, False
    for c in range(start, stop):
        code = int(without[c])
        if begin[c] >= 0:
            at = begin[c] + t % period_s[c]
            code = int(pattern[at])
            until = min(until, t + stay_s[at])
        foot = conn[CONN_FOOT, c] if code > LAST_GREEN else 1.0
        sat = conn[CONN_SAT, c] * foot
        worth = factor[code]
        i = yields_at[c]
        finds_gaps |= i >= 0
        yields = i >= 0 and code > LAST_GREEN
        sneaks = 0.0
        if yields and code >= SNEAK:
            # who has waited within the junction leaves without a gap once oncoming traffic has to stop too
            faced = conflict[conflict_begin[i] : conflict_begin[i + 1]]
            open_s = _faces_green(faced, begin, period_s, pattern, stay_s, t)
            sneaks = 0.0 if open_s > 0 else sneakers * foot
            until = min(until, t + abs(open_s))
        if i >= 0:
            scale = group[LANES, g] * foot * worth if yields else 0.0
            ceiling = max(sat * worth, sneaks)
            count = _put(cell, value, last, count, first + CEILING * conns + c, ceiling, False)
            count = _put(cell, value, last, count, first + FLOOR * conns + c, sneaks, False)
            count = _put(cell, value, last, count, first + GAP_SCALE * conns + c, scale, False)
        closed = code == RED or (code >= SNEAK and worth == 0.0 and sneaks == 0.0)
        live |= not closed
        freely = 0.0 if closed or yields else 1.0
        count = _put(cell, value, last, count, first + FREELY * conns + c, freely, False)
        if closed and watched[c]:
            count = _put(cell, value, last, count, first + SEEN * conns + c, 0.0, True)
        opens = 1.0 if sneaks > 0.0 else worth
        open_part = max(open_part, opens)
        cap = sneaks if yields else sat * worth
        if mixed:
            count = _put(cell, value, last, count, first + OPEN * conns + c, opens, False)
            count = _put(cell, value, last, count, first + CONN_CAP * conns + c, cap, i >= 0)
        if not alone:
            spent += conn[MIX, c] / sat
    # 1 / (1 / x) is not x, and a lane should fill a lane of the same capacity to the last bit
    sat = sat if alone else 1.0 / spent
    cap = cap if alone else sat * open_part
    count = _put(cell, value, last, count, CAP * groups + g, cap, finds_gaps or mixed)
    if mixed:
        count = _put(cell, value, last, count, SAT * groups + g, sat, False)
        count = _put(cell, value, last, count, OPENS * groups + g, open_part, False)
        count = _put(cell, value, last, count, DRAW * groups + g, 0.0, True)
        # a queue in its lost start-up time holds up those who give way
        count = _put(cell, value, last, count, PRESS * groups + g, EPS, True)
    if not live:
        count = _put(cell, value, last, count, SENT * groups + g, 0.0, True)
    return count, until, live
