"""The passes over links and entries: arrivals, release into lane groups, entering vehicles."""

from __future__ import annotations

import numpy as np

from traffic._kernels_flow_node import entered_before, room_of
from traffic._kernels_flow_tables import (
    ARRIVED,
    CAPACITY,
    ENTERED,
    EPS,
    EXITS,
    FREE,
    GROUP_STORAGE,
    IN_BAYS,
    IN_BEGIN,
    IN_MASK,
    LAG_PART,
    LAG_S,
    LEFT,
    LEVEL,
    LINK_GROUP,
    MOVED,
    OUT_BEGIN,
    OUT_MASK,
    OUTSIDE,
    OUTSIDE_SUM,
    QUEUE,
    QUEUE_MAX,
    QUEUE_SUM,
    RELEASED,
    ROOM,
    ROOM_NOW,
    SHARE,
    UNSTOPPED,
)
from traffic._kernels_jit import F2, I1, OutF1, OutF2, OutI2, helper, index


@helper
def _arrive(link: OutF2, link_at: OutI2, ring: OutF1, t: int) -> float:
    """Write the counts of time `t` into the ring buffers; set ARRIVED at t + 1 and what moves on, MOVED.

    Returns the vehicles inside at time `t`: the sum costs nothing beside the ring buffers.
    """
    entered, arrived, released, left = link[ENTERED], link[ARRIVED], link[RELEASED], link[LEFT]
    moved, free, in_bays, lag_part = link[MOVED], link[FREE], link[IN_BAYS], link[LAG_PART]
    in_begin, in_mask, lag_s = link_at[IN_BEGIN], link_at[IN_MASK], link_at[LAG_S]
    out_begin, out_mask = link_at[OUT_BEGIN], link_at[OUT_MASK]
    inside = 0.0
    for i in range(len(entered)):
        inside += entered[i] - left[i]
        begin, mask, back = in_begin[i], in_mask[i], t - lag_s[i]
        ring[index(begin + (t & mask))] = entered[i]
        ring[index(out_begin[i] + (t & out_mask[i]))] = left[i] + in_bays[i]
        new = ring[index(begin + ((back + 1) & mask))]
        old = ring[index(begin + (back & mask))]
        before = arrived[i]
        now = max(new - lag_part[i] * (new - old), before)
        arrived[i] = now
        move = now - released[i]
        moved[i] = move
        free[i] = move if before - released[i] <= EPS else 0.0
    return inside


@helper
def _release(link: OutF2, link_at: OutI2, group: OutF2, i: int) -> None:
    """Limit MOVED of link `i` to what its lane groups hold, first in, first out.

    LEVEL is set to what the link may have released before a lane group can be full; discharge only raises that.
    """
    level = np.inf
    for g in range(link_at[LINK_GROUP, i], link_at[LINK_GROUP, i + 1]):
        if group[SHARE, g] > 0.0:
            level = min(level, (group[GROUP_STORAGE, g] - group[QUEUE, g]) / group[SHARE, g])
    level = max(level, 0.0)
    link[LEVEL, i] = link[RELEASED, i] + level
    if link[MOVED, i] > level:
        link[MOVED, i] = level
        link[FREE, i] = min(link[FREE, i], level)


@helper
def move(link: OutF2, link_at: OutI2, group: OutF2, ring: OutF1, t: int) -> tuple[float, float]:
    """Let vehicles arrive at the ends of links and pass into lane groups or leave the network.

    Returns the vehicles inside at time `t` and those that leave in the second after it.
    """
    entered, released, left, moved = link[ENTERED], link[RELEASED], link[LEFT], link[MOVED]
    gone = 0.0
    queue_sum, queue_max, arrived = link[QUEUE_SUM], link[QUEUE_MAX], link[ARRIVED]
    for i in range(len(entered)):
        queue = arrived[i] - left[i]
        queue_sum[i] += queue
        queue_max[i] = max(queue_max[i], queue)
    inside = _arrive(link, link_at, ring, t)
    level = link[LEVEL]
    for i in range(len(entered)):
        if arrived[i] > level[i]:
            _release(link, link_at, group, i)
    exits, free, unstopped = link[EXITS], link[FREE], link[UNSTOPPED]
    for i in range(len(entered)):
        released[i] = min(released[i] + moved[i], arrived[i])
        leave = exits[i] * moved[i]
        gone += leave
        left[i] += leave
        unstopped[i] += exits[i] * free[i]
    room, room_now, capacity = link[ROOM], link[ROOM_NOW], link[CAPACITY]
    for i in range(len(entered)):
        room_now[i] = min(room[i], entered[i] + capacity[i])
    return inside, gone


@helper
def enter(
    link: OutF2,
    link_at: OutI2,
    ring: OutF1,
    entry: OutF2,
    entry_link: I1,
    demand: F2,
    period: int,
    t: int,
) -> tuple[float, float]:
    """Let vehicles enter; return how many did, and how many wait outside."""
    came, waiting = 0.0, 0.0
    entered, room_now = link[ENTERED], link[ROOM_NOW]
    outside, outside_sum, rate = entry[OUTSIDE], entry[OUTSIDE_SUM], demand[period]
    for i in range(len(entry_link)):
        j = entry_link[i]
        before = outside[i]
        flow = before + rate[i]
        kept = 0.0
        if entered[j] + flow > room_now[j]:
            link[ROOM, j] = room_of(link, link_at, ring, j, t)
            most = entered_before(link_at, ring, j, t) + link[CAPACITY, j]
            most = max(min(link[ROOM, j], most) - entered[j], 0.0)
            kept = max(flow - most, 0.0)
            flow = min(flow, most)
        outside[i] = kept
        outside_sum[i] += 0.5 * (before + kept)
        entered[j] += flow
        came += flow
        waiting += kept
    return came, waiting
