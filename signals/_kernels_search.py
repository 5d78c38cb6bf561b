"""Local search over offsets, durations, stage sequences and half cycles, with incremental evaluation."""

from __future__ import annotations

from signals._kernels_profile import update_node
from signals._kernels_profile_tables import (
    CYCLE_MAX,
    CYCLE_MIN,
    JUNCTION,
    SEQUENCE_BEGIN,
    SEQUENCE_END,
    STAGE_BEGIN,
    STAGE_END,
    Journal,
    Net,
    PlanState,
    ProfileState,
)
from signals._kernels_splits import allocate, feasible
from signals._kernels_spread import attempt, commit, undo
from traffic._kernels_jit import I1, I2, OutI1, borrowed, helper, kernel

__all__ = ["improve_orders", "improve_timings"]

_REPEATS = 8


@helper
def _exchange(plan: PlanState, row: int, giver: int, taker: int, step: int) -> None:
    plan.duration[row + giver] -= step
    plan.duration[row + taker] += step


@kernel
def improve_timings(
    net: Net,
    plan: PlanState,
    state: ProfileState,
    journal: Journal,
    nodes: I1,
    moves: I2,
    epsilon: float,
    probe: int,
    limit: int,
    tolerance: float,
) -> float:
    """Visit `nodes` in order and make the moves that pay, each as often as it pays; return the change of the cost.

    A row of `moves` is (giver, taker, step, shift): `step` seconds from one stage to another, and the offset
    `shift` seconds later. Giver and taker the same: the offset alone. -1 is the last stage.
    """
    net = borrowed(net)
    plan = borrowed(plan)
    state = borrowed(state)
    journal = borrowed(journal)
    gained = 0.0
    for place in range(len(nodes)):
        node = int(nodes[place])
        junction = int(net.node[node, JUNCTION])
        cycle = int(plan.period[node] // plan.repeats[junction])
        sequence = plan.sequence[junction]
        count = int(net.sequence[sequence, STAGE_END]) - int(net.sequence[sequence, STAGE_BEGIN])
        row = junction * net.stages
        for move in range(len(moves)):
            giver = int(moves[move, 0])
            taker = int(moves[move, 1])
            step = int(moves[move, 2])
            if giver >= count or taker >= count:
                continue
            if giver < 0:
                giver = count - 1
            elif taker < 0:
                taker = count - 1
            for _ in range(_REPEATS):
                before = plan.offset[junction]
                _exchange(plan, row, giver, taker, step)
                change = 0.0
                if giver == taker or feasible(net, plan, state.stage_start, junction, True):
                    plan.offset[junction] = (before + int(moves[move, 3])) % cycle
                    change = attempt(net, plan, state, journal, node, epsilon, probe, limit)
                if change < -tolerance:
                    commit(journal)
                    gained += change
                    continue
                undo(net, state, journal)
                plan.offset[junction] = before
                _exchange(plan, row, taker, giver, step)
                break
    return gained


@helper
def _swap(net: Net, plan: PlanState, junction: int, kept: OutI1, back: bool) -> None:
    """Keep the timing of a junction in `kept`, or put it back."""
    row = junction * net.stages
    if back:
        plan.sequence[junction] = kept[0]
        plan.offset[junction] = kept[1]
        plan.repeats[junction] = kept[2]
    else:
        kept[0] = plan.sequence[junction]
        kept[1] = plan.offset[junction]
        kept[2] = plan.repeats[junction]
    for k in range(net.stages):
        if back:
            plan.duration[row + k] = kept[3 + k]
        else:
            kept[3 + k] = plan.duration[row + k]


@helper
def _best_offset(
    net: Net, plan: PlanState, state: ProfileState, node: int, junction: int, cycle: int
) -> None:
    """Set the offset that is best for the node itself, among eight evenly spread ones."""
    start = int(plan.offset[junction])
    best = start
    least = 0.0
    for place in range(8):
        offset = (start + place * cycle // 8) % cycle
        plan.offset[junction] = offset
        cost = update_node(net, plan, state, node)
        if place == 0 or cost < least:
            least = cost
            best = offset
    plan.offset[junction] = best


@kernel
def improve_orders(
    net: Net,
    plan: PlanState,
    state: ProfileState,
    journal: Journal,
    kept: OutI1,
    nodes: I1,
    halving: bool,
    epsilon: float,
    probe: int,
    limit: int,
    tolerance: float,
) -> float:
    """Visit `nodes` and try their other stage sequences, and half or whole cycles; return the change of the cost."""
    net = borrowed(net)
    plan = borrowed(plan)
    state = borrowed(state)
    journal = borrowed(journal)
    gained = 0.0
    for place in range(len(nodes)):
        node = int(nodes[place])
        junction = int(net.node[node, JUNCTION])
        period = int(plan.period[node])
        for repeats in range(1, 3):
            cycle = period // repeats
            if repeats * cycle != period or (repeats != plan.repeats[junction] and not halving):
                continue
            if cycle < net.junction[junction, CYCLE_MIN] or cycle > net.junction[junction, CYCLE_MAX]:
                continue
            for sequence in range(
                net.junction[junction, SEQUENCE_BEGIN], net.junction[junction, SEQUENCE_END]
            ):
                if sequence == plan.sequence[junction] and repeats == plan.repeats[junction]:
                    continue
                _swap(net, plan, junction, kept, False)
                plan.sequence[junction] = sequence
                plan.repeats[junction] = repeats
                plan.offset[junction] %= cycle
                change = 0.0
                if allocate(net, plan, state, node, cycle, False) >= 0.0:
                    _best_offset(net, plan, state, node, junction, cycle)
                    change = attempt(net, plan, state, journal, node, epsilon, probe, limit)
                if change < -tolerance:
                    commit(journal)
                    gained += change
                else:
                    undo(net, state, journal)
                    _swap(net, plan, junction, kept, True)
    return gained
