"""Signal patterns as the flow model reads them: what each second is worth, and who meets whom."""

from __future__ import annotations

from traffic._kernels_flow_tables import (
    END_GREEN,
    END_SNEAK,
    GAPS,
    GREEN,
    LAST_GREEN,
    LATE_GREEN,
    LATE_SNEAK,
    PART_GAPS,
    PART_GREEN,
    RED,
    SNEAK,
    START_GAPS,
    START_GREEN,
)
from traffic._kernels_jit import F1, I1, U1, OutI1, OutU1, helper, kernel

__all__ = ["encode", "meet"]

_RED, _PERMISSIVE, _YELLOW = 0, 1, 3


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
