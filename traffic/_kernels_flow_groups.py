"""The passes over lane groups and connections: capacities, what is sent, what leaves."""

from __future__ import annotations

from traffic._kernels_flow_tables import (
    CAP,
    CAP_SUM,
    CEILING,
    CONN_CAP,
    CONN_GAPS,
    CONN_GROUP,
    CONN_OUT,
    CONN_SAT,
    DRAW,
    ENTERED,
    EPS,
    FLOOR,
    FLOW,
    FREE,
    FREELY,
    GAP_SCALE,
    GROUP_CONN,
    GROUP_LINK,
    IN_BAYS,
    LANES,
    LEFT,
    MIX,
    MOVED,
    OPEN,
    OPENS,
    PASSED,
    PRESS,
    QUEUE,
    QUEUE_NOW,
    SAT,
    SATURATED,
    SAVED,
    SEEN,
    SENT,
    SHARE,
    WAITING,
)
from traffic._kernels_jit import F1, I1, OutF2, OutI1, OutI2, helper, index

HELD = 1e30
"""PRESS of a lane group whose queue does not discharge at saturation, whatever its length."""


@helper
def find_gaps(
    group: OutF2,
    conn: OutF2,
    conn_at: OutI2,
    yielding: I1,
    conflict_begin: I1,
    conflict: I1,
    conflict_part: F1,
    todo: OutI1,
    gap_table: F1,
    gap_steps: int,
    gap_per_flow: float,
) -> None:
    """Set the capacity of connections that give way, from the flows that they saw in the last seconds.

    `gap_table` ends each class with two zeros: beyond its last flow there is no gap.
    """
    seen, cap, group_cap = conn[SEEN], conn[CONN_CAP], group[CAP]
    ceiling, scale, floor = conn[CEILING], conn[GAP_SCALE], conn[FLOOR]
    table, owner = conn_at[CONN_GAPS], conn_at[CONN_GROUP]
    # first list those that are open, without a branch that the processor cannot foresee
    number = 0
    for i in range(len(yielding)):
        todo[number] = i
        number += 1 if scale[index(yielding[i])] > 0.0 else 0
    for at in range(number):
        i = todo[at]
        c = index(yielding[i])
        opposing = 0.0
        for k in range(conflict_begin[i], conflict_begin[i + 1]):
            opposing += seen[index(conflict[k])] * conflict_part[k]
        step = opposing * gap_per_flow
        low = min(int(step), gap_steps)
        row = table[c] + low
        gaps = gap_table[row] + (step - low) * (gap_table[row + 1] - gap_table[row])
        now = min(ceiling[c], max(scale[c] * gaps, floor[c]))
        cap[c] = now
        # the capacity of a shared lane group follows in _draw
        group_cap[index(owner[c])] = now


@helper
def _draw(group: OutF2, group_at: OutI2, conn: OutF2, g: int) -> None:
    """Set the flows of a shared lane group whose movements do not always go together.

    Vehicles come to the stop line in the mix of the queue. One whose movement must wait stands there; while there
    is no more than one such vehicle to a lane, others pass.
    """
    begin, stop = group_at[GROUP_CONN, g], group_at[GROUP_CONN, g + 1]
    open_part, standing, used, most = 0.0, 0.0, 0.0, HELD
    lanes = group[LANES, g]
    for c in range(begin, stop):
        mix, waiting, cap = conn[MIX, c], conn[WAITING, c], conn[CONN_CAP, c]
        if mix > 0.0 or waiting > 0.0:
            open_part = max(open_part, conn[OPEN, c])
        standing += waiting
        used += min(waiting, cap) / conn[CONN_SAT, c]
        if mix > 0.0:
            most = min(most, (lanes - waiting + cap) / mix)
    sat = group[SAT, g]
    group[CAP, g] = max(min(most, sat * open_part), 0.0)
    free = sat * (open_part - used)
    draw = min(group[QUEUE_NOW, g] - standing, group[CAP, g], free)
    # fewer than EPS vehicles are nobody: a rest of rounding must not tie a lane group to a full link
    draw = draw if draw > EPS else 0.0
    group[DRAW, g] = draw
    group[PRESS, g] = EPS if draw >= free - EPS else HELD
    total = 0.0
    for c in range(begin, stop):
        there = conn[WAITING, c] + conn[MIX, c] * draw
        flow = min(there, conn[CONN_CAP, c])
        conn[FLOW, c] = flow
        conn[WAITING, c] = there - flow if there - flow > EPS else 0.0
        total += flow
    group[SENT, g] = total


@helper
def send(
    link: OutF2,
    group: OutF2,
    group_at: OutI2,
    conn: OutF2,
    conn_at: OutI2,
    mixed: I1,
    todo: OutI1,
    live_groups: OutI1,
    live_conns: OutI1,
) -> None:
    """Add what the links release to the lane groups' queues, and set what these send in this second."""
    queue, queue_now, share = group[QUEUE], group[QUEUE_NOW], group[SHARE]
    cap, sent, owner, moved = group[CAP], group[SENT], group_at[GROUP_LINK], link[MOVED]
    for g in range(len(queue)):
        queue_now[g] = queue[g] + share[g] * moved[index(owner[g])]
    for i in range(len(live_groups)):
        k = index(live_groups[i])
        sent[k] = min(queue_now[k], cap[k])
    flow, mix, of_group = conn[FLOW], conn[MIX], conn_at[CONN_GROUP]
    for i in range(len(live_conns)):
        c = index(live_conns[i])
        flow[c] = sent[index(of_group[c])] * mix[c]
    opens = group[OPENS]
    number = 0
    for i in range(len(mixed)):
        todo[number] = mixed[i]
        number += 1 if opens[mixed[i]] > 0.0 else 0
    for i in range(number):
        _draw(group, group_at, conn, todo[i])
    entered, out = link[ENTERED], conn_at[CONN_OUT]
    for i in range(len(live_conns)):
        c = index(live_conns[i])
        entered[index(out[c])] += flow[c]


@helper
def leave(
    link: OutF2,
    group: OutF2,
    group_at: OutI2,
    conn: OutF2,
    bay: I1,
    live_groups: OutI1,
    live_conns: OutI1,
) -> None:
    """Take the settled flows out of the lane groups and keep their books."""
    queue, queue_now, sent, owner = group[QUEUE], group[QUEUE_NOW], group[SENT], group_at[GROUP_LINK]
    in_bays = link[IN_BAYS]
    for i in range(len(bay)):
        g = bay[i]
        in_bays[owner[g]] += queue_now[g] - queue[g] - min(sent[g], queue_now[g])
    for g in range(len(queue)):
        queue[g] = max(queue_now[g] - sent[g], 0.0)
    cap, cap_sum, left = group[CAP], group[CAP_SUM], link[LEFT]
    saved, share, free = group[SAVED], group[SHARE], link[FREE]
    for i in range(len(live_groups)):
        k = index(live_groups[i])
        j = index(owner[k])
        cap_sum[k] += cap[k]
        came = share[k] * free[j]
        before, after = queue_now[k] - came, queue[k]
        saved[k] += (came - min(came, after)) * (before <= EPS)
        left[j] += sent[k]
    flow, passed = conn[FLOW], conn[PASSED]
    for i in range(len(live_conns)):
        c = index(live_conns[i])
        passed[c] += flow[c]


@helper
def watch(group: OutF2, conn: OutF2, conn_at: OutI2, live_seen: OutI1, smoothing: float) -> None:
    """Set what those who give way have seen of the connections in `live_seen` in the last seconds."""
    queue, press, of_group = group[QUEUE], group[PRESS], conn_at[CONN_GROUP]
    flow, seen, freely = conn[FLOW], conn[SEEN], conn[FREELY]
    for i in range(len(live_seen)):
        c = index(live_seen[i])
        g = index(of_group[c])
        was = flow[c] if seen[c] >= SATURATED else seen[c]
        now = was + (flow[c] - was) * smoothing
        # `and` would be a branch that the processor cannot foresee
        seen[c] = SATURATED if (freely[c] > 0.0) & (queue[g] > press[g]) else now
