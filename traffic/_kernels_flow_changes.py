"""What signals change in the tables, second by second.

Patterns repeat, so the changes of one cycle are listed once, sorted by second; the time loop only writes them. A lane
group is listed with the period in which all repeats that it depends on.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from traffic._kernels_flow_show import show
from traffic._kernels_flow_tables import (
    GROUP_CONN,
    LIVE_CONNS,
    LIVE_FROM,
    LIVE_GROUPS,
    LIVE_SEEN,
    NEVER,
    Signals,
)
from traffic._kernels_jit import I1, U1, OutF1, OutF2, OutI1, OutI2, helper, index

__all__ = ["LIST_S", "Changes", "change", "list_changes", "list_live"]

HORIZON_S = 600
"""Changes are listed for so many seconds at most, or a pattern as long as the run would need much memory."""
LIST_S = 4
"""Seconds for which a list of what may move holds. Those who close sooner stay on it, and send nothing."""


class _Notes(NamedTuple):
    """Pairs of place and value, to be sorted by row; room for more than are noted."""

    row: OutI1
    place: OutI1
    value: OutF1


class Changes(NamedTuple):
    """Changes by second: ``cell[begin[r]:begin[r + 1]]`` become `value` where r is ``first[k] + s % span_s[k]`` for any k.

    Lane groups ``closed[closed_begin[r]:closed_begin[r + 1]]`` close, for `closed_s` each. Seconds s count from
    `start_s`, up to `end_s`.
    """

    start_s: int
    end_s: int
    span_s: OutI1
    first: OutI1
    begin: OutI1
    cell: OutI1
    value: OutF1
    closed_begin: OutI1
    closed: OutI1
    closed_s: OutF1


@helper
def change(state: OutF1, group_at: OutI2, listed: Changes, t: int) -> None:
    """Write what changes in second `t`."""
    live_from = group_at[LIVE_FROM]
    for k in range(len(listed.span_s)):
        row = listed.first[k] + (t - listed.start_s) % listed.span_s[k]
        for i in range(listed.begin[row], listed.begin[row + 1]):
            state[index(listed.cell[i])] = listed.value[i]
        for i in range(listed.closed_begin[row], listed.closed_begin[row + 1]):
            live_from[listed.closed[i]] = t + int(listed.closed_s[i])


@helper
def list_live(group_at: OutI2, watched: U1, live: OutI2, t: int) -> tuple[int, int, int]:
    """List what may move before ``t + LIST_S``; return how many lane groups, connections and watched connections."""
    groups, conns, seen = live[LIVE_GROUPS], live[LIVE_CONNS], live[LIVE_SEEN]
    live_from, group_conn = group_at[LIVE_FROM], group_at[GROUP_CONN]
    # without branches that the processor cannot foresee
    count = 0
    for g in range(len(live_from) - 1):
        groups[count] = g
        count += 1 if live_from[g] < t + LIST_S else 0
    count_conns, count_seen = 0, 0
    for i in range(count):
        for c in range(group_conn[groups[i]], group_conn[groups[i] + 1]):
            conns[count_conns] = c
            count_conns += 1
            seen[count_seen] = c
            count_seen += watched[c]
    return count, count_conns, count_seen


@helper
def _lcm(a: int, b: int) -> int:
    """Return the least common multiple of two periods, or any number beyond the horizon."""
    return int(min(np.lcm(a, b), HORIZON_S + 1))


@helper
def _period_s(
    group_at: OutI2, begin: I1, period_s: I1, yields_at: I1, conflict_begin: I1, conflict: I1, g: int
) -> int:
    """Return after how many seconds all repeats that lane group `g` depends on; see `_lcm`."""
    period = 1
    for c in range(group_at[GROUP_CONN, g], group_at[GROUP_CONN, g + 1]):
        if begin[c] >= 0:
            period = _lcm(period, period_s[c])
        i = yields_at[c]
        if i >= 0:
            for k in range(conflict_begin[i], conflict_begin[i + 1]):
                if begin[conflict[k]] >= 0:
                    period = _lcm(period, period_s[conflict[k]])
    return period


@helper
def _notes(room: int) -> _Notes:
    """Return no notes, with room for as many."""
    return _Notes(np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.float64))


@helper
def _with_room(notes: _Notes, count: int, more: int) -> _Notes:
    """Return `notes` with room for `more` than `count`."""
    if count + more <= len(notes.row):
        return notes
    longer = _notes(2 * (count + more))
    longer.row[:count] = notes.row[:count]
    longer.place[:count] = notes.place[:count]
    longer.value[:count] = notes.value[:count]
    return longer


@helper
def _sorted(notes: _Notes, count: int, rows: int) -> tuple[OutI1, OutI1, OutF1]:
    """Return where each row begins, and the first `count` places and values sorted by row."""
    begin = np.zeros(rows + 1, dtype=np.int32)
    for i in range(count):
        begin[notes.row[i] + 1] += 1
    for row in range(rows):
        begin[row + 1] += begin[row]
    free = begin.copy()
    place, value = np.empty(count, dtype=np.int32), np.empty(count, dtype=np.float64)
    for i in range(count):
        at = free[notes.row[i]]
        free[notes.row[i]] += 1
        place[at], value[at] = notes.place[i], notes.value[i]
    return begin, place, value


@helper
def _spans(group_at: OutI2, sig: Signals, most_s: int) -> tuple[OutI1, OutI1, OutI1, int, bool]:
    """Return what `Changes` says of spans, the span's number of each lane group, all rows, and whether all repeat."""
    number = np.full(most_s + 1, -1, dtype=np.int32)
    span_s, first = np.empty(most_s, dtype=np.int32), np.empty(most_s, dtype=np.int32)
    of_group = np.empty(group_at.shape[1] - 1, dtype=np.int32)
    spans, rows, repeats = 0, 0, True
    begin, period_s, yields_at = sig.begin, sig.period_s, sig.yields_at
    conflict_begin, conflict = sig.conflict_begin, sig.conflict
    for g in range(len(of_group)):
        period = _period_s(group_at, begin, period_s, yields_at, conflict_begin, conflict, g)
        repeats &= period <= most_s
        span = min(period, most_s)
        if number[span] < 0:
            number[span], span_s[spans], first[spans] = spans, span, rows
            spans += 1
            rows += span
        of_group[g] = number[span]
    return span_s[:spans].copy(), first[:spans].copy(), of_group, rows, repeats


@helper
def _list_group(
    state: OutF1,
    last: OutF1,
    notes: _Notes,
    closings: _Notes,
    count: int,
    closed: int,
    group: OutF2,
    group_at: OutI2,
    conn: OutF2,
    sig: Signals,
    sneakers: float,
    g: int,
    start_s: int,
    span: int,
    first: int,
) -> tuple[_Notes, _Notes, int, int]:
    """Set the state of lane group `g` in second `start_s`, and note its changes after it and when it closes."""
    most = 7 * (group_at[GROUP_CONN, g + 1] - group_at[GROUP_CONN, g]) + 6
    live_from = group_at[LIVE_FROM]
    live_from[g] = NEVER
    t, was_live, closed_at = start_s, False, -1
    while t <= start_s + span:
        notes, closings = _with_room(notes, count, most), _with_room(closings, closed, 1)
        row = first + (t - start_s) % span
        end, until, is_live = show(
            notes.place,
            notes.value,
            last,
            count,
            group,
            group_at,
            conn,
            sig.begin,
            sig.period_s,
            sig.code,
            sig.stay_s,
            sig.without,
            sig.factor,
            sig.yields_at,
            sig.conflict_begin,
            sig.conflict,
            sig.watched,
            sneakers,
            g,
            t,
        )
        if t == start_s:
            for i in range(count, end):
                state[notes.place[i]] = notes.value[i]
        else:
            notes.row[count:end] = row
            count = end
        if is_live and closed_at >= 0:
            closings.value[closed - 1], closed_at = t - closed_at, -1
        elif is_live and not was_live:
            live_from[g] = t
        elif was_live and not is_live:
            closings.row[closed], closings.place[closed], closed_at = row, g, t
            closed += 1
        t, was_live = until, is_live
    if closed_at >= 0:
        closings.value[closed - 1] = live_from[g] + span - closed_at
    return notes, closings, count, closed


@helper
def list_changes(
    state: OutF1,
    group: OutF2,
    group_at: OutI2,
    conn: OutF2,
    sig: Signals,
    sneakers: float,
    start_s: int,
    most_s: int,
) -> Changes:
    """Set the state of second `start_s`, and list what changes after it, for `most_s` seconds or until all repeats."""
    most_s = min(most_s, HORIZON_S)
    span_s, first, of_group, rows, repeats = _spans(group_at, sig, most_s)
    last = np.full(len(state), np.nan)
    notes, closings, count, closed = _notes(len(state)), _notes(len(of_group)), 0, 0
    for g in range(len(of_group)):
        k = of_group[g]
        notes, closings, count, closed = _list_group(
            state,
            last,
            notes,
            closings,
            count,
            closed,
            group,
            group_at,
            conn,
            sig,
            sneakers,
            g,
            start_s,
            span_s[k],
            first[k],
        )
    begin, cell, value = _sorted(notes, count, rows)
    closed_begin, closed_group, closed_s = _sorted(closings, closed, rows)
    end_s = NEVER if repeats else start_s + most_s
    return Changes(start_s, end_s, span_s, first, begin, cell, value, closed_begin, closed_group, closed_s)
