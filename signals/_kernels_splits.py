"""Durations of the stages of one junction, by least cost at that junction."""

from __future__ import annotations

from signals._kernels_greens import stage_starts
from signals._kernels_profile import update_node
from signals._kernels_profile_tables import (
    JUNCTION,
    RUN_ALWAYS,
    RUN_BEGIN,
    RUN_END,
    RUN_FIRST,
    RUN_GAP,
    RUN_LAST,
    RUN_MAX,
    RUN_MIN,
    STAGE_BEGIN,
    STAGE_END,
    STAGE_LEAST,
    STAGE_MIN,
    Net,
    PlanState,
    ProfileState,
)
from traffic._kernels_jit import I1, I2, OutF1, OutI1, borrowed, helper, kernel

__all__ = ["allocate", "feasible", "split_all"]


@helper
def feasible(net: Net, plan: PlanState, starts: OutI1, junction: int, least: bool) -> bool:
    """Return whether the durations keep the bounds of the stage sequence; without `least` only upper ones."""
    row = junction * net.stages
    sequence = int(plan.sequence[junction])
    return _within(
        net.sequence, net.stage, net.run, plan.duration[row : row + net.stages], sequence, starts, least
    )


@helper
def _within(
    sequences: I2, stage: I2, run: I2, duration: OutI1, sequence: int, starts: OutI1, least: bool
) -> bool:
    count = stage_starts(sequences, duration, starts, 0, sequence)
    if least:
        first_stage = int(sequences[sequence, STAGE_BEGIN])
        for k in range(count):
            if duration[k] < stage[first_stage + k, STAGE_MIN]:
                return False
    for row in range(sequences[sequence, RUN_BEGIN], sequences[sequence, RUN_END]):
        if run[row, RUN_ALWAYS]:
            continue
        first = int(run[row, RUN_FIRST])
        last = int(run[row, RUN_LAST])
        green = starts[last + 1] - starts[first] - run[row, RUN_GAP]
        if last < first:
            green += starts[count]
        if green > run[row, RUN_MAX] or (least and green < run[row, RUN_MIN]):
            return False
    return True


@helper
def allocate(net: Net, plan: PlanState, state: ProfileState, node: int, cycle: int, warm: bool) -> float:
    """Divide `cycle` over the stages of the junction's sequence; return the node's cost, -1 if impossible.

    Cold, time goes from the least durations on, in parcels, to the stage where it saves most; warm, the
    durations in hand are stretched. Then time changes hands between stages while that helps. Arrivals are taken
    as they are.
    """
    junction = int(net.node[node, JUNCTION])
    sequence = int(plan.sequence[junction])
    first = int(net.sequence[sequence, STAGE_BEGIN])
    count = int(net.sequence[sequence, STAGE_END]) - first
    row = junction * net.stages
    least = 0
    total = 0
    for k in range(count):
        least += net.stage[first + k, STAGE_LEAST]
        total += plan.duration[row + k]
    rest = cycle - least
    if rest < 0:
        return -1.0
    if warm and total > least:
        left = rest
        for k in range(count):
            low = int(net.stage[first + k, STAGE_LEAST])
            part = max(int(plan.duration[row + k]) - low, 0) * rest // (total - least)
            plan.duration[row + k] = low + min(part, left)
            left -= min(part, left)
        plan.duration[row] += left
        if feasible(net, plan, state.stage_start, junction, True):
            return _exchange(net, plan, state, node, max(1, rest // 12))
    for k in range(count):
        plan.duration[row + k] = net.stage[first + k, STAGE_LEAST]
    if not feasible(net, plan, state.stage_start, junction, True):
        return -1.0
    parcel = max(1, -(-rest // 7))
    largest = parcel
    while rest > 0:
        step = min(parcel, rest)
        best = -1
        best_cost = 0.0
        for k in range(count):
            plan.duration[row + k] += step
            if feasible(net, plan, state.stage_start, junction, False):
                cost = update_node(net, plan, state, node)
                if best < 0 or cost < best_cost:
                    best = k
                    best_cost = cost
            plan.duration[row + k] -= step
        if best < 0:
            if step == 1:
                return -1.0
            parcel = step // 2
            continue
        plan.duration[row + best] += step
        rest -= step
    return _exchange(net, plan, state, node, max(1, largest // 2))


@helper
def _exchange(net: Net, plan: PlanState, state: ProfileState, node: int, largest: int) -> float:
    """Move time from stage to stage while the node's cost falls, in steps that halve; return the cost.

    The stage that gains most from a step takes it from the one that misses it least.
    """
    junction = int(net.node[node, JUNCTION])
    sequence = int(plan.sequence[junction])
    count = int(net.sequence[sequence, STAGE_END]) - int(net.sequence[sequence, STAGE_BEGIN])
    row = junction * net.stages
    cost = update_node(net, plan, state, node)
    step = largest
    while step >= 1:
        taker = 0
        most = -1.0
        for k in range(count):
            plan.duration[row + k] += step
            gain = cost - update_node(net, plan, state, node)
            plan.duration[row + k] -= step
            if k == 0 or gain > most:
                taker = k
                most = gain
        giver = -1
        least = cost * (1.0 - 1e-6)
        for k in range(count):
            if k == taker:
                continue
            plan.duration[row + k] -= step
            plan.duration[row + taker] += step
            if feasible(net, plan, state.stage_start, junction, True):
                trial = update_node(net, plan, state, node)
                if trial < least:
                    giver = k
                    least = trial
            plan.duration[row + k] += step
            plan.duration[row + taker] -= step
        if giver >= 0:
            plan.duration[row + giver] -= step
            plan.duration[row + taker] += step
            cost = least
        else:
            step //= 2
    return cost


@kernel
def split_all(net: Net, plan: PlanState, state: ProfileState, nodes: I1, warm: bool, cost: OutF1) -> None:
    """Allocate durations at each of `nodes` for its cycle; `cost` gets each node's cost, -1 if impossible."""
    net = borrowed(net)
    plan = borrowed(plan)
    state = borrowed(state)
    for place in range(len(nodes)):
        node = int(nodes[place])
        cycle = int(plan.period[node] // plan.repeats[int(net.node[node, JUNCTION])])
        cost[place] = allocate(net, plan, state, node, cycle, warm)


@kernel
def all_feasible(net: Net, plan: PlanState, state: ProfileState, junctions: I1) -> bool:
    """Return whether the durations of all `junctions` keep the bounds of their sequences."""
    net = borrowed(net)
    plan = borrowed(plan)
    state = borrowed(state)
    for junction in junctions:
        if not feasible(net, plan, state.stage_start, int(junction), True):
            return False
    return True
