"""The node model: competing streams share the room of the links that they flow into.

Flows that fit are what the lane groups send. Where they do not fit, the general first-order node model of
Tampère, Corthout, Cattrysse and Immers (2011, Transportation Research Part B 45, 289-309) shares the room in
proportion to capacities: it keeps the turning fractions of each lane group (first in, first out), uses all
room that can be used, and a lane group that is held back does not change its flow when it sends more
(invariance principle). Movements that give way count with a part of their capacity (oriented
priorities: Flötteröd and Rohde 2011, Transportation Research Part B 45, 903-922).
"""

from __future__ import annotations

import numpy as np

from traffic._kernels_flow_groups import HELD
from traffic._kernels_flow_tables import (
    CAP,
    CAPACITY,
    CLAIM,
    CLAIM_RATE,
    CONN_OUT,
    DRAW,
    ENTERED,
    EPS,
    FLOW,
    FREELY,
    GROUP_CONN,
    IN_BEGIN,
    IN_MASK,
    LOAD,
    MIX,
    NODE_GROUP,
    NODE_OUT,
    NOT_MIXED,
    OUT_BEGIN,
    OUT_MASK,
    PRESS,
    REDUCTION,
    ROOM,
    ROOM_NOW,
    SENT,
    SLACK,
    STORAGE,
    WAITING,
    WANT,
    WAVE_PART,
    WAVE_S,
)
from traffic._kernels_jit import I1, OutF1, OutF2, OutI1, OutI2, helper, inlined

_OPEN = -1.0


@helper
def room_of(link: OutF2, link_at: OutI2, ring: OutF1, j: int, t: int) -> float:
    """Return how many vehicles may have entered link `j` by the end of second `t`: Newell's backward wave."""
    begin, mask = link_at[OUT_BEGIN, j], link_at[OUT_MASK, j]
    back = t - link_at[WAVE_S, j]
    new = ring[begin + ((back + 1) & mask)]
    old = ring[begin + (back & mask)]
    return new - link[WAVE_PART, j] * (new - old) + link[STORAGE, j]


@helper
def entered_before(link_at: OutI2, ring: OutF1, j: int, t: int) -> float:
    """Return how many vehicles have entered link `j` before second `t`."""
    return ring[link_at[IN_BEGIN, j] + (t & link_at[IN_MASK, j])]


@inlined
def _tightest(
    link: OutF2,
    group: OutF2,
    group_at: OutI2,
    conn: OutF2,
    conn_at: OutI2,
    outs: I1,
    sending: OutI1,
) -> tuple[int, float]:
    """Return the one of `outs` with the least room for what open lane groups claim, and room over claims."""
    for k in range(len(outs)):
        link[LOAD, outs[k]] = 0.0
    for i in range(len(sending)):
        g = sending[i]
        if group[REDUCTION, g] == _OPEN:
            claim = group[CLAIM_RATE, g]
            for c in range(group_at[GROUP_CONN, g], group_at[GROUP_CONN, g + 1]):
                link[LOAD, conn_at[CONN_OUT, c]] += claim * conn[FLOW, c]
    tightest, least = -1, np.inf
    for k in range(len(outs)):
        j = outs[k]
        if link[LOAD, j] > 0.0:
            ratio = max(link[WANT, j], 0.0) / link[LOAD, j]
            if ratio < least:
                tightest, least = j, ratio
    return tightest, least


@inlined
def _fix(
    link: OutF2,
    group: OutF2,
    group_at: OutI2,
    conn: OutF2,
    conn_at: OutI2,
    sending: OutI1,
    tightest: int,
    ratio: float,
    demand_fits: bool,
) -> bool:
    """Decide open lane groups that flow into `tightest`: those that send less than their part, or all."""
    any_fixed = False
    for i in range(len(sending)):
        g = sending[i]
        part = ratio * group[CLAIM, g]
        if group[REDUCTION, g] != _OPEN or (demand_fits and group[SENT, g] > part):
            continue
        begin, stop = group_at[GROUP_CONN, g], group_at[GROUP_CONN, g + 1]
        concerned = False
        for c in range(begin, stop):
            concerned |= conn_at[CONN_OUT, c] == tightest and conn[FLOW, c] > 0.0
        if concerned:
            factor = 1.0 if demand_fits else min(part / group[SENT, g], 1.0)
            group[REDUCTION, g] = factor
            for c in range(begin, stop):
                link[WANT, conn_at[CONN_OUT, c]] -= factor * conn[FLOW, c]
            any_fixed = True
    return any_fixed


@inlined
def _reduce(group: OutF2, group_at: OutI2, conn: OutF2, g: int) -> None:
    """Take the part REDUCTION of what lane group `g` sends."""
    factor, draw = group[REDUCTION, g], group[DRAW, g]
    for c in range(group_at[GROUP_CONN, g], group_at[GROUP_CONN, g + 1]):
        if draw != NOT_MIXED:
            # who came to the stop line or left it, comes or leaves in part
            came = conn[MIX, c] * draw - conn[FLOW, c]
            waiting = conn[WAITING, c] - (1.0 - factor) * came
            conn[WAITING, c] = waiting if waiting > EPS else 0.0
        conn[FLOW, c] *= factor
    if draw != NOT_MIXED:
        group[DRAW, g] *= factor
    group[SENT, g] *= factor
    group[PRESS, g] = HELD


@inlined
def _share(
    link: OutF2,
    group: OutF2,
    group_at: OutI2,
    conn: OutF2,
    conn_at: OutI2,
    outs: I1,
    sending: OutI1,
    give_way_weight: float,
) -> None:
    """Share the room of the links `outs`, in WANT, among the lane groups `sending`."""
    for i in range(len(sending)):
        g = sending[i]
        weight = 1.0
        for c in range(group_at[GROUP_CONN, g], group_at[GROUP_CONN, g + 1]):
            if conn[FREELY, c] == 0.0 and conn[FLOW, c] > 0.0:
                weight = give_way_weight
        sent = group[SENT, g]
        claim = max(group[CAP, g], sent) * weight
        group[REDUCTION, g] = _OPEN
        group[CLAIM, g] = claim
        group[CLAIM_RATE, g] = claim / sent
    while True:
        tightest, ratio = _tightest(link, group, group_at, conn, conn_at, outs, sending)
        if tightest < 0:
            break
        if not _fix(link, group, group_at, conn, conn_at, sending, tightest, ratio, True):
            _fix(link, group, group_at, conn, conn_at, sending, tightest, ratio, False)
    for i in range(len(sending)):
        g = sending[i]
        if _OPEN < group[REDUCTION, g] < 1.0:
            _reduce(group, group_at, conn, g)


@inlined
def settle(
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
    node: int,
    t: int,
    give_way_weight: float,
) -> None:
    """Fit the flows of `node` to the room downstream.

    Takes what the lane groups send and leaves what fits; ENTERED of the out-links is set accordingly. PRESS
    of a lane group that is held back tells that its queue does not discharge at saturation.
    """
    outs = out_link[node_at[NODE_OUT, node] : node_at[NODE_OUT, node + 1]]
    for k in range(len(outs)):
        j = outs[k]
        link[ENTERED, j] = entered_before(link_at, ring, j, t)
        link[ROOM, j] = room_of(link, link_at, ring, j, t)
        link[ROOM_NOW, j] = min(link[ROOM, j], link[ENTERED, j] + link[CAPACITY, j])
        link[WANT, j] = 0.0
    number = 0
    for g in range(node_at[NODE_GROUP, node], node_at[NODE_GROUP, node + 1]):
        todo[number] = g
        number += 1 if group[SENT, g] > 0.0 else 0
    sending = todo[:number]
    for i in range(number):
        for c in range(group_at[GROUP_CONN, sending[i]], group_at[GROUP_CONN, sending[i] + 1]):
            link[WANT, conn_at[CONN_OUT, c]] += conn[FLOW, c]
    fits = True
    for k in range(len(outs)):
        j = outs[k]
        if link[ENTERED, j] + link[WANT, j] > link[ROOM_NOW, j] + SLACK:
            fits = False
        link[WANT, j] = max(link[ROOM_NOW, j] - link[ENTERED, j], 0.0)
    if not fits:
        _share(link, group, group_at, conn, conn_at, outs, sending, give_way_weight)
    for i in range(number):
        for c in range(group_at[GROUP_CONN, sending[i]], group_at[GROUP_CONN, sending[i] + 1]):
            link[ENTERED, conn_at[CONN_OUT, c]] += conn[FLOW, c]
