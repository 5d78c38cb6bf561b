"""Offsets in the pairwise model: tables of cost against relative offset, and their least sum.

Table row e holds, for d = 0 .. period - 1, the cost of the links between the two junctions of edge e when the
first junction's offset is d seconds later against the second's than in the state that the tables came from.
"""

from __future__ import annotations

from signals._kernels_profile_tables import (
    CAPACITY,
    DELAY_WEIGHT,
    FLOW,
    GROUP_BEGIN,
    GROUP_END,
    OVERFLOW,
    RESULTS,
    SHARE,
    STOP_WEIGHT,
    STORAGE,
    TO_NODE,
    Net,
    PlanState,
    ProfileState,
)
from signals._kernels_streams import EMPTY
from traffic._kernels_jit import F1, I1, OutF1, OutI1, helper, kernel

__all__ = ["descend", "forest_step", "link_tables"]


@helper
def _shifted(
    arrive: OutF1, service: OutF1, scale: float, stop_queue: float, shift: int, figures: OutF1
) -> None:
    """Write queue area, stops and back of queue of one period, with arrivals `shift` bins later, into `figures`."""
    period = len(service)
    balance = 0.0
    least = 0.0
    empty = period
    for t in range(shift):
        balance += scale * arrive[period - shift + t] - service[t]
        if balance < least:
            least = balance
            empty = t + 1
    for t in range(shift, period):
        balance += scale * arrive[t - shift] - service[t]
        if balance < least:
            least = balance
            empty = t + 1
    left = 0.0
    gone = 0.0
    area = 0.0
    stops = 0.0
    back = 0.0
    begin = empty
    end = period
    for _ in range(2):
        for t in range(begin, end):
            arriving = scale * (arrive[t - shift] if t >= shift else arrive[period - shift + t])
            total = left + arriving
            if service[t] <= 0.0 or left <= EMPTY:
                gone = 0.0
            served = min(total, service[t])
            after = total - served
            area += left + after
            met = min(1.0, left / stop_queue)
            stops += met * arriving + (1.0 - met) * min(arriving, after)
            if left > EMPTY or after > EMPTY:
                back = max(back, total + gone)
            gone += served
            left = after
        begin = 0
        end = empty
    figures[0] = 0.5 * area
    figures[1] = stops
    figures[2] = back


@kernel
def link_tables(
    net: Net,
    plan: PlanState,
    state: ProfileState,
    links: I1,
    row: I1,
    forward: I1,
    table: OutF1,
    figures: OutF1,
) -> None:
    """Add the cost of each of `links` to row `row` of `table`, for all relative offsets of its two junctions.

    `forward` is 1 where the link leads from the first to the second junction of the edge. The state must be
    evaluated. `figures` is work space for 3 values.
    """
    stride = net.stride
    for place in range(len(links)):
        link = int(links[place])
        period = int(plan.period[net.link[link, TO_NODE]])
        arrive = state.arrive[link * stride : link * stride + period]
        for index in range(net.link[link, GROUP_BEGIN], net.link[link, GROUP_END]):
            group = int(index)
            if net.group_value[group, SHARE] <= 0.0:
                continue
            service = state.service[group * stride : group * stride + period]
            result = state.result[group * RESULTS : (group + 1) * RESULTS]
            scale = net.group_value[group, SHARE]
            if result[FLOW] > result[CAPACITY]:
                scale *= result[CAPACITY] / result[FLOW]
            for shift in range(period):
                _shifted(arrive, service, scale, net.stop_queue, shift, figures)
                cost = net.group_value[group, DELAY_WEIGHT] * figures[0]
                cost += net.group_value[group, STOP_WEIGHT] * figures[1]
                over = figures[2] + result[OVERFLOW] - net.group_value[group, STORAGE]
                column = shift if forward[place] else (period - shift) % period
                table[row[place] * stride + column] += cost / period + max(0.0, over) * net.overflow_weight


@helper
def _edge_cost(table: F1, start: int, period: int, difference: int) -> float:
    return table[start + (difference + period) % period]


@kernel
def descend(
    period: int, stride: int, begin: I1, other: I1, edge: I1, sign: I1, table: F1, order: I1, offset: OutI1
) -> float:
    """Set each junction of `order` to the best offset given its neighbours; return the change of the cost.

    `begin`, `other`, `edge` and `sign` list the edges at each junction; sign is 1 at an edge's first junction.
    """
    gained = 0.0
    for node in order:
        if begin[node + 1] == begin[node]:
            continue
        now = 0.0
        best = 0
        least = 0.0
        for trial in range(period):
            cost = 0.0
            for place in range(begin[node], begin[node + 1]):
                difference = sign[place] * (trial - offset[other[place]])
                cost += _edge_cost(table, edge[place] * stride, period, difference)
            if trial == offset[node]:
                now = cost
            if trial == 0 or cost < least:
                least = cost
                best = trial
        if least < now - 1e-12:
            gained += least - now
            offset[node] = best
    return gained


@helper
def _root(parent: OutI1, node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@helper
def _grow_forest(begin: I1, other: I1, order: I1, group: OutI1, inside: OutI1, count: int) -> None:
    """Mark junctions, in `order`, that together have no cycle; no two edges lead to one tree."""
    for node in range(count):
        group[node] = node
        inside[node] = 0
    for node in order:
        fits = True
        for place in range(begin[node], begin[node + 1]):
            if not inside[other[place]]:
                continue
            root = _root(group, other[place])
            for before in range(begin[node], place):
                if inside[other[before]] and _root(group, other[before]) == root:
                    fits = False
        if fits:
            inside[node] = 1
            for place in range(begin[node], begin[node + 1]):
                if inside[other[place]]:
                    group[_root(group, other[place])] = node


@kernel
def forest_step(
    period: int,
    stride: int,
    begin: I1,
    other: I1,
    edge: I1,
    sign: I1,
    table: F1,
    order: I1,
    offset: OutI1,
    work: OutI1,
    value: OutF1,
    choice: OutI1,
) -> None:
    """Set the offsets of a forest of junctions to the best there are, given all others; by dynamic programming.

    `order` decides which junctions the forest takes. `work` holds 5 rows of one entry for each junction,
    `value` and `choice` one row of `stride` for each junction.
    """
    count = len(begin) - 1
    inside = work[:count]
    group = work[count : 2 * count]
    visit = work[2 * count : 3 * count]
    up = work[3 * count : 4 * count]
    seen = work[4 * count : 5 * count]
    _grow_forest(begin, other, order, group, inside, count)
    for node in range(count):
        seen[node] = 0
    filled = 0
    head = 0
    for start in order:
        if not inside[start] or seen[start]:
            continue
        seen[start] = 1
        up[start] = -1
        visit[filled] = start
        filled += 1
        while head < filled:
            node = visit[head]
            head += 1
            for place in range(begin[node], begin[node + 1]):
                child = other[place]
                if inside[child] and not seen[child]:
                    seen[child] = 1
                    up[child] = place
                    visit[filled] = child
                    filled += 1
    for place_in_visit in range(filled - 1, -1, -1):
        node = visit[place_in_visit]
        for trial in range(period):
            cost = 0.0
            for place in range(begin[node], begin[node + 1]):
                neighbour = other[place]
                if not inside[neighbour]:
                    difference = sign[place] * (trial - offset[neighbour])
                    cost += _edge_cost(table, edge[place] * stride, period, difference)
                elif up[neighbour] >= 0 and edge[up[neighbour]] == edge[place]:
                    row = neighbour * stride
                    best = 0
                    least = 0.0
                    for theirs in range(period):
                        difference = sign[place] * (trial - theirs)
                        sum_ = value[row + theirs] + _edge_cost(
                            table, edge[place] * stride, period, difference
                        )
                        if theirs == 0 or sum_ < least:
                            least = sum_
                            best = theirs
                    cost += least
                    choice[row + trial] = best
            value[node * stride + trial] = cost
    for place_in_visit in range(filled):
        node = visit[place_in_visit]
        if up[node] < 0:
            best = 0
            for trial in range(1, period):
                if value[node * stride + trial] < value[node * stride + best]:
                    best = trial
            offset[node] = best
        else:
            # The edge is listed at the parent; its other end there is this junction.
            parent = -1
            for place in range(begin[node], begin[node + 1]):
                if edge[place] == edge[up[node]]:
                    parent = other[place]
            offset[node] = choice[node * stride + offset[parent]]
