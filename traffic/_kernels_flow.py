"""The flow model's time loop.

One second has these passes: links (vehicles arrive by the free-flow wave and pass into lane groups), lane groups
and connections (what they send), nodes whose out-links lack the room, lane groups again (what leaves), entries.

Helpers take single tables, not the tuple of all: numba counts references at each call.
"""

from __future__ import annotations

import math

from traffic._kernels_flow_changes import LIST_S, change, list_changes, list_live
from traffic._kernels_flow_groups import find_gaps, leave, send, watch
from traffic._kernels_flow_links import enter, move
from traffic._kernels_flow_node import settle
from traffic._kernels_flow_tables import (
    ARRIVED,
    ENTERED,
    ENTERED_VEH,
    EPS,
    ERROR,
    EXITS,
    FROM_NODE,
    GONE_VEH,
    INSIDE_S,
    INSIDE_VEH,
    IS_SHORT,
    LEFT,
    LEVEL,
    LIVE_CONNS,
    LIVE_GROUPS,
    LIVE_SEEN,
    MIX,
    NEVER,
    NODE_GROUP,
    OUTSIDE_S,
    OUTSIDE_VEH,
    PRESS,
    QUEUE_MAX,
    QUEUE_S,
    QUEUE_SUM,
    ROOM_NOW,
    SHARE,
    SHORT,
    SLACK,
    Records,
    Settings,
    Shares,
    Signals,
    Tables,
)
from traffic._kernels_jit import F2, I1, OutF1, OutF2, OutI1, OutI2, helper, kernel

__all__ = ["run_flow"]


@helper
def _change_period(
    link: OutF2,
    group: OutF2,
    conn: OutF2,
    exits: F2,
    group_share: F2,
    mix: F2,
    period: int,
) -> None:
    """Take up the shares of a demand period."""
    for i in range(link.shape[1]):
        link[LEVEL, i] = -1.0
        link[EXITS, i] = exits[period, i]
    for g in range(group.shape[1]):
        group[SHARE, g] = group_share[period, g]
    for c in range(conn.shape[1]):
        conn[MIX, c] = mix[period, c]


@helper
def _settle_all(
    link: OutF2,
    link_at: OutI2,
    ring: OutF1,
    group: OutF2,
    group_at: OutI2,
    conn: OutF2,
    conn_at: OutI2,
    node_at: OutI2,
    out_link: I1,
    todo: OutI1,
    give_way_weight: float,
    t: int,
) -> int:
    """Settle the nodes of which an out-link got more than it seems to hold; return how many.

    The nodes stand in the first entries of SHORT; SHORT of the last entry is not used.
    """
    entered, room_now, from_node = link[ENTERED], link[ROOM_NOW], link_at[FROM_NODE]
    short, is_short = node_at[SHORT], node_at[IS_SHORT]
    count = 0
    for i in range(len(entered)):
        if entered[i] > room_now[i] + SLACK:
            node = from_node[i]
            if is_short[node] == 0:
                is_short[node] = 1
                short[count] = node
                count += 1
    for k in range(count):
        is_short[short[k]] = 0
        settle(
            link,
            link_at,
            ring,
            group,
            group_at,
            conn,
            conn_at,
            node_at,
            out_link,
            todo,
            short[k],
            t,
            give_way_weight,
        )
    return count


@helper
def _count(link: OutF2) -> tuple[float, float, float]:
    """Return the vehicles inside, those of them in queues, and the queue's sums over time."""
    inside, queued, area = 0.0, 0.0, 0.0
    for i in range(link.shape[1]):
        inside += link[ENTERED, i] - link[LEFT, i]
        queued += link[ARRIVED, i] - link[LEFT, i]
        area += link[QUEUE_SUM, i]
    return inside, queued, area


@kernel
def run_flow(tab: Tables, per: Shares, sig: Signals, par: Settings, rec: Records) -> None:
    """Run the flow model from an empty network; writes `tab` and `rec`."""
    link, link_at, ring, state = tab.link, tab.link_at, tab.ring, tab.state
    group, group_at = tab.group, tab.group_at
    conn, conn_at, node_at, live = tab.conn, tab.conn_at, tab.node_at, tab.live
    groups, conns, seen = 0, 0, 0
    period, next_period, next_change, next_list = -1, 0, 0, 0
    report, next_report = 0, par.report_s
    came_all, gone, worst = 0.0, 0.0, 0.0
    outside, inside_s, outside_s = 0.0, 0.0, 0.0
    for t in range(par.duration_s):
        if t >= next_period:
            period += 1
            next_period = NEVER
            if period + 1 < per.periods:
                next_period = int(math.ceil((period + 1) * par.period_s))
            _change_period(link, group, conn, per.exits, per.group, per.mix, period)
        inside, out = move(link, link_at, group, ring, t)
        if came_all > 0.0:
            worst = max(worst, abs(came_all - gone - inside) / came_all)
        inside_s += inside
        gone += out
        if t >= next_change:
            # what a shared lane group can discharge depends on the mix
            most_s = max(min(next_period, par.duration_s) - t, 1)
            listed = list_changes(state, group, group_at, conn, sig, par.sneakers, t, most_s)
            next_change, next_list = min(listed.end_s, next_period), t
        else:
            change(state, group_at, listed, t)
        if t >= next_list:
            groups, conns, seen = list_live(group_at, sig.watched, live, t)
            next_list = t + LIST_S
        find_gaps(
            group,
            conn,
            conn_at,
            sig.yielding,
            sig.conflict_begin,
            sig.conflict,
            sig.conflict_part,
            tab.todo,
            tab.gap_table,
            par.gap_steps,
            par.gap_per_flow,
        )
        live_groups, live_conns = live[LIVE_GROUPS, :groups], live[LIVE_CONNS, :conns]
        send(link, group, group_at, conn, conn_at, sig.mixed, tab.todo, live_groups, live_conns)
        settled = _settle_all(
            link,
            link_at,
            ring,
            group,
            group_at,
            conn,
            conn_at,
            node_at,
            tab.out_link,
            tab.todo,
            par.give_way_weight,
            t,
        )
        leave(link, group, group_at, conn, tab.bay, live_groups, live_conns)
        watch(group, conn, conn_at, live[LIVE_SEEN, :seen], par.smoothing)
        for k in range(settled):
            node = node_at[SHORT, k]
            for g in range(node_at[NODE_GROUP, node], node_at[NODE_GROUP, node + 1]):
                group[PRESS, g] = EPS
        came, waiting = enter(link, link_at, ring, tab.entry, tab.entry_link, per.entry, period, t)
        came_all += came
        outside_s += 0.5 * (outside + waiting)
        outside = waiting
        for k in range(len(rec.curve_link)):
            rec.curve_in[k, t + 1] = link[ENTERED, rec.curve_link[k]]
            rec.curve_out[k, t + 1] = link[LEFT, rec.curve_link[k]]
        if t + 1 in (next_report, par.duration_s):
            inside, queued, queue_s = _count(link)
            worst = max(worst, abs(came_all - gone - inside) / came_all) if came_all > 0.0 else worst
            rec.totals[report, INSIDE_VEH] = inside
            rec.totals[report, OUTSIDE_VEH] = outside
            rec.totals[report, ENTERED_VEH] = came_all
            rec.totals[report, GONE_VEH] = gone
            rec.totals[report, INSIDE_S] = inside_s + 0.5 * inside
            rec.totals[report, OUTSIDE_S] = outside_s
            rec.totals[report, QUEUE_S] = queue_s + 0.5 * queued
            rec.totals[report, ERROR] = worst
            for i in range(link.shape[1]):
                rec.link_left[report, i] = link[LEFT, i]
                rec.link_queue[report, i] = link[ARRIVED, i] - link[LEFT, i]
            report += 1
            next_report += par.report_s
    for i in range(link.shape[1]):
        queue = link[ARRIVED, i] - link[LEFT, i]
        link[QUEUE_SUM, i] += 0.5 * queue
        link[QUEUE_MAX, i] = max(link[QUEUE_MAX, i], queue)
