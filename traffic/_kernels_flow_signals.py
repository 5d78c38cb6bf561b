"""Signal patterns as the flow model reads them: what each second is worth, and who meets whom."""

from __future__ import annotations

from traffic._kernels_flow_tables import (
    CAP,
    CEILING,
    CHANGE_S,
    CONN_CAP,
    CONN_FOOT,
    CONN_SAT,
    DRAW,
    END_GREEN,
    END_SNEAK,
    EPS,
    FLOOR,
    FREELY,
    GAP_SCALE,
    GAPS,
    GREEN,
    GROUP_CONN,
    GROUP_LIVE,
    LANES,
    LAST_GREEN,
    LATE_GREEN,
    LATE_SNEAK,
    LIVE_CONNS,
    LIVE_GROUPS,
    LIVE_SEEN,
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
from traffic._kernels_jit import F1, I1, U1, OutF2, OutI1, OutI2, OutU1, helper, kernel

__all__ = ["encode", "list_live", "meet", "show"]

_RED, _PERMISSIVE, _YELLOW = 0, 1, 3
_GREENS = (GREEN, START_GREEN, PART_GREEN, GAPS, START_GAPS, PART_GAPS)


@helper
def _green(kind: int, loss_s: float) -> int:
    if loss_s <= 0.0:
        return kind
    if loss_s >= 1.0:
        return START_GREEN if kind == GREEN else START_GAPS
    return PART_GREEN if kind == GREEN else PART_GAPS


@helper
def _after(kind: int, use_s: float, sneak_s: float) -> int:
    """Return the code of a second after green: `use_s` of the yellow and `sneak_s` of sneaking are left."""
    if kind == GREEN and use_s > 0.0:
        return LATE_GREEN if use_s >= 1.0 else END_GREEN
    if kind == GAPS and use_s > 0.0:
        return SNEAK if use_s >= 1.0 else END_SNEAK
    return LATE_SNEAK if kind == GAPS and sneak_s > 0.0 else RED


@helper
def _stays(code: OutU1, stay_s: OutI1, goal: int, size: int) -> None:
    """Set for each second how long its code stays, at most one period."""
    run = 0
    for back in range(2 * size - 1, -1, -1):
        s = back % size
        run = run + 1 if code[goal + s] == code[goal + (s + 1) % size] else 1
        stay_s[goal + s] = min(run, size)


@helper
def _share_seconds(begin: I1, period_s: I1, code: U1, a: int, b: int) -> bool:
    """Return whether connection `b` may be open in a second in which `a` has to find gaps."""
    if begin[a] < 0 or begin[b] < 0 or period_s[a] != period_s[b]:
        return True
    for s in range(period_s[a]):
        if code[begin[a] + s] > LAST_GREEN and code[begin[b] + s] != RED:
            return True
    return False


@helper
def _go_together(begin: I1, period_s: I1, code: U1, factor: F1, a: int, b: int) -> bool:
    """Return whether connections `a` and `b` are always open together."""
    if begin[a] == begin[b]:
        return True
    if begin[a] < 0 or begin[b] < 0 or period_s[a] != period_s[b]:
        return False
    for s in range(period_s[a]):
        if factor[code[begin[a] + s]] != factor[code[begin[b] + s]]:
            return False
    return True


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
def show(
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
    t: int,
) -> bool:
    """Set what the lane groups that change in second `t` may do; return whether there were any.

    Only what somebody reads is written: each column of a lane group or connection is a cache line of its own.
    A connection that gives way has the capacity ``min(CEILING, max(GAP_SCALE * gaps, FLOOR))``: see `find_gaps`.
    """
    change_s, any_change = group_at[CHANGE_S], False
    for g in range(group.shape[1]):
        if t < change_s[g]:
            continue
        any_change, until, live = True, NEVER, 0
        start, stop = group_at[GROUP_CONN, g], group_at[GROUP_CONN, g + 1]
        alone, mixed = stop - start == 1, group[DRAW, g] != NOT_MIXED
        spent, open_part, sat, cap = 0.0, 0.0, 0.0, 0.0
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
            yields = i >= 0 and code > LAST_GREEN
            sneaks = 0.0
            if yields and code >= SNEAK:
                # who has waited within the junction leaves without a gap once oncoming traffic has to stop too
                faced = conflict[conflict_begin[i] : conflict_begin[i + 1]]
                open_s = _faces_green(faced, begin, period_s, pattern, stay_s, t)
                sneaks = 0.0 if open_s > 0 else sneakers * foot
                until = min(until, t + abs(open_s))
            if i >= 0:
                conn[CEILING, c] = max(sat * worth, sneaks)
                conn[FLOOR, c] = sneaks
                conn[GAP_SCALE, c] = group[LANES, g] * foot * worth if yields else 0.0
            closed = code == RED or (code >= SNEAK and worth == 0.0 and sneaks == 0.0)
            conn[FREELY, c] = 0.0 if closed or yields else 1.0
            if not closed:
                live = 1
            elif watched[c]:
                conn[SEEN, c] = 0.0
            opens = 1.0 if sneaks > 0.0 else worth
            open_part = max(open_part, opens)
            cap = sneaks if yields else sat * worth
            if mixed:
                conn[OPEN, c] = opens
                conn[CONN_CAP, c] = cap
            if not alone:
                spent += conn[MIX, c] / sat
        # 1 / (1 / x) is not x, and a lane should fill a lane of the same capacity to the last bit
        sat = sat if alone else 1.0 / spent
        group[CAP, g] = cap if alone else sat * open_part
        if mixed:
            group[SAT, g] = sat
            group[OPENS, g] = open_part
            group[DRAW, g] = 0.0
            # a queue in its lost start-up time holds up those who give way
            group[PRESS, g] = EPS
        change_s[g] = until
        group_at[GROUP_LIVE, g] = live
        if live == 0:
            group[SENT, g] = 0.0
    return any_change


@helper
def list_live(group_at: OutI2, watched: U1, live: OutI2) -> tuple[int, int, int]:
    """List what may move into `live`; return how many lane groups, connections and watched connections."""
    groups, conns, seen = live[LIVE_GROUPS], live[LIVE_CONNS], live[LIVE_SEEN]
    is_live, group_conn = group_at[GROUP_LIVE], group_at[GROUP_CONN]
    # without branches that the processor cannot foresee
    count = 0
    for g in range(len(is_live) - 1):
        groups[count] = g
        count += is_live[g]
    count_conns, count_seen = 0, 0
    for i in range(count):
        for c in range(group_conn[groups[i]], group_conn[groups[i] + 1]):
            conns[count_conns] = c
            count_conns += 1
            seen[count_seen] = c
            count_seen += watched[c]
    return count, count_conns, count_seen


@kernel
def encode(
    state: U1,
    source: I1,
    target: I1,
    period_s: I1,
    start_loss_s: float,
    yellow_use_s: float,
    sneak_s: int,
    code: OutU1,
    stay_s: OutI1,
) -> None:
    """Encode patterns: from `state` at `source`, into `code` and `stay_s` at `target`.

    Patterns are read as cyclic. A green begins after red or yellow; while it lasts, a change between
    permissive and protected starts nothing anew. Yellow counts as the kind of green before it.
    """
    for i in range(len(source)):
        begin, goal, size = source[i], target[i], period_s[i]
        ends = False
        for s in range(size):
            ends |= state[begin + s] in (_RED, _YELLOW)
        # a green that never ends never loses its start
        kind, after_s, green_s = RED, 0, 0 if ends else int(start_loss_s) + 1
        # the first round finds out what goes before the first second
        for step in range(2 * size):
            s = step % size
            shown = state[begin + s]
            if shown in (_RED, _YELLOW):
                use_s = yellow_use_s - after_s if shown == _YELLOW else 0.0
                code[goal + s] = _after(kind, use_s, sneak_s - after_s)
                after_s += 1
                green_s = 0
            else:
                kind = GAPS if shown == _PERMISSIVE else GREEN
                code[goal + s] = _green(kind, start_loss_s - green_s)
                after_s = 0
                green_s += 1
        _stays(code, stay_s, goal, size)


@kernel
def meet(
    group_conn: I1,
    rule_begin: I1,
    rule: I1,
    begin: I1,
    period_s: I1,
    code: U1,
    without: U1,
    factor: F1,
    count: OutI1,
    met: OutI1,
    mixed: OutU1,
) -> None:
    """Find who meets whom under these signals.

    From the rules of the road (connection c gives way to ``rule[rule_begin[c]:rule_begin[c + 1]]``), sets `count`, the number
    of those that may be open while c has to find gaps, lists their rows in `rule` in ``met[rule_begin[c]:]``, and sets
    `mixed` for each lane group: whether its connections do not always go together.
    """
    for c in range(len(count)):
        finds_gaps = begin[c] < 0 and without[c] > LAST_GREEN
        if begin[c] >= 0:
            for s in range(period_s[c]):
                finds_gaps |= code[begin[c] + s] > LAST_GREEN
        count[c] = 0
        if finds_gaps:
            for k in range(rule_begin[c], rule_begin[c + 1]):
                if _share_seconds(begin, period_s, code, c, rule[k]):
                    met[rule_begin[c] + count[c]] = k
                    count[c] += 1
    for g in range(len(mixed)):
        first, end = group_conn[g], group_conn[g + 1]
        together = True
        for c in range(first, end):
            together &= count[c] == 0 and _go_together(begin, period_s, code, factor, first, c)
        mixed[g] = 0 if together or end - first == 1 else 1
