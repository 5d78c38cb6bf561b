"""Cyclic flow profiles at one node (TRANSYT family), one-second bins.

A node is evaluated from the arrivals of its in-links: service of each lane group, cyclic queue, departures,
inflow of its out-links. Nothing else is kept from one evaluation to the next.

Most lane groups are *plain*: all their vehicles see the same signal and give way to nobody. Their service does not
depend on others. The rest is played second by second, all such lane groups of the node together, as in the
flow model.
"""

from __future__ import annotations

import math

from signals._kernels_profile_tables import (
    BACK,
    CAPACITY,
    CONN_BEGIN,
    CONN_END,
    ENTRY,
    FLOW,
    FOE_BEGIN,
    FOE_END,
    FOOT,
    GAPS,
    GROUP_BEGIN,
    GROUP_END,
    IN_BEGIN,
    IN_END,
    JUNCTION,
    LANES,
    MIX,
    OUT_BEGIN,
    OUT_END,
    PART_BEGIN,
    PART_END,
    PART_SATURATION,
    PER_SHARE,
    PER_VEHICLE,
    PLAIN,
    RESULTS,
    RUN_BEGIN,
    RUN_END,
    SEEN_ROW,
    SHARE,
    SIGNAL,
    STOPS,
    TOGETHER,
    UNIFORM,
    Net,
    PlanState,
    ProfileState,
)
from signals._kernels_streams import (
    CLOSED,
    EMPTY,
    cost_of,
    gap_flow,
    opposing_flow,
    raise_green,
    serve,
    stage_starts,
)
from traffic._kernels_jit import helper

__all__ = ["update_node"]

_TURNS = 2
_PLAYED = 5  # columns of `ProfileState.played`: lane group, link, row of its first part, its parts
_LOOK_S = 4.0  # over which drivers who give way judge the flow of those who do so too


@helper
def _parts(
    net: Net,
    state: ProfileState,
    group: int,
    first_row: int,
    period: int,
    cycle: int,
    offset: int,
    first_run: int,
    end_run: int,
) -> None:
    """Write green and late green of each part of a lane group into the work space, from row `first_row`."""
    stride = net.stride
    for part in range(net.group[group, PART_BEGIN], net.group[group, PART_END]):
        row = (first_row + part - int(net.group[group, PART_BEGIN])) * stride
        signal = int(net.part[part, SIGNAL])
        rate = state.rate[row : row + period]
        late = state.late[row : row + period]
        rate[:] = 0.0 if signal >= 0 else 1.0
        late[:] = 0.0
        if signal >= 0:
            raise_green(
                net.run,
                first_run,
                end_run,
                state.stage_start,
                cycle,
                offset,
                signal,
                net.start_loss,
                net.yellow_use,
                1.0,
                rate,
            )
            if net.part[part, FOE_END] > net.part[part, FOE_BEGIN]:
                raise_green(
                    net.run,
                    first_run,
                    end_run,
                    state.stage_start,
                    cycle,
                    offset,
                    signal,
                    -1.0,
                    net.sneak_time,
                    net.sneakers * net.part_value[part, FOOT],
                    late,
                )


@helper
def _play(net: Net, state: ProfileState, count: int, period: int) -> None:
    """Run the queues of the `count` lane groups listed in `state.played`, second by second, turn by turn.

    In a shared lane group vehicles come to the stop line in the mix of the group. One whose movement must wait
    stands there; while there is no more than one such vehicle to a lane, others pass.
    """
    stride = net.stride
    arrive, depart, service = state.arrive, state.depart, state.service
    live, fresh, gone = state.live, state.fresh, state.gone
    rate, late, waiting, result, left = state.rate, state.late, state.waiting, state.result, state.left
    cap, played, least, value, part_table = state.cap, state.played, state.least, net.part_value, net.part
    foe_row, foe_share, gap_table, stop_queue = net.foe_row, net.foe_share, net.gap_table, net.stop_queue
    lost = math.ceil(net.start_loss)
    for index in range(count):
        left[index] = 0.0
        for part in range(played[_PLAYED * index + 3], played[_PLAYED * index + 4]):
            live[part] = 0.0
            waiting[played[_PLAYED * index + 2] + part - played[_PLAYED * index + 3]] = 0.0
    for turn in range(_TURNS):
        last = turn == _TURNS - 1
        if last:
            for index in range(count):
                out = played[_PLAYED * index] * RESULTS
                result[out : out + RESULTS] = 0.0
                least[index] = left[index]
                gone[index] = 0.0
        for t in range(period):
            ago = t - 1 if t > 0 else period - 1
            for index in range(count):
                group = int(played[_PLAYED * index])
                first = int(played[_PLAYED * index + 2])
                begin = int(played[_PLAYED * index + 3])
                end = int(played[_PLAYED * index + 4])
                arriving = net.group_value[group, SHARE] * arrive[played[_PLAYED * index + 1] * stride + t]
                before = left[index]
                queue = before + arriving
                opened = 0.0
                for at in range(first, first + end - begin):
                    opened = max(opened, 1.0 if late[at * stride + t] > 0.0 else rate[at * stride + t])
                served = 0.0
                capacity = 0.0
                if opened <= 0.0:
                    # A queue in its lost start-up time already keeps the others waiting.
                    for part in range(begin, end):
                        row = (first + part - begin) * stride
                        free = part_table[part, FOE_END] == part_table[part, FOE_BEGIN]
                        fresh[part] = 0.0
                        for soon in range(t + 1, t + 1 + lost):
                            if free and queue > EMPTY and rate[row + soon % period] > 0.0:
                                fresh[part] = CLOSED
                elif end - begin == 1:
                    capacity = rate[first * stride + t] * value[begin, PART_SATURATION]
                    opposing = opposing_flow(
                        foe_row,
                        foe_share,
                        part_table[begin, FOE_BEGIN],
                        part_table[begin, FOE_END],
                        depart,
                        stride,
                        ago,
                        live,
                    )
                    gaps = gap_flow(
                        gap_table,
                        part_table[begin, GAPS] * net.gap_steps,
                        net.gap_steps,
                        net.gap_per_flow,
                        opposing,
                    )
                    gaps *= net.group_value[group, LANES] * value[begin, FOOT]
                    sneaks = late[first * stride + t]
                    capacity = min(max(capacity, sneaks), max(gaps * rate[first * stride + t], sneaks))
                    served = min(queue, capacity)
                    was = served if live[begin] >= CLOSED else live[begin]
                    fresh[begin] = was + (served - was) / _LOOK_S
                else:
                    lanes = net.group_value[group, LANES]
                    together = net.group_value[group, TOGETHER]
                    standing = 0.0
                    used = 0.0
                    most = 1e9
                    for part in range(begin, end):
                        at = first + part - begin
                        flow = rate[at * stride + t] * value[part, PART_SATURATION]
                        first_foe = part_table[part, FOE_BEGIN]
                        end_foe = part_table[part, FOE_END]
                        sneaks = late[at * stride + t]
                        if end_foe > first_foe and flow + sneaks > 0.0:
                            opposing = opposing_flow(
                                foe_row, foe_share, first_foe, end_foe, depart, stride, ago, live
                            )
                            gaps = gap_flow(
                                gap_table,
                                part_table[part, GAPS] * net.gap_steps,
                                net.gap_steps,
                                net.gap_per_flow,
                                opposing,
                            )
                            gaps *= lanes * value[part, FOOT] * rate[at * stride + t]
                            flow = min(max(flow, sneaks), max(gaps, sneaks))
                        cap[at] = flow
                        standing += waiting[at]
                        used += min(waiting[at], flow) * value[part, PER_VEHICLE]
                        most = min(most, (lanes - waiting[at] + flow) * value[part, PER_SHARE])
                    capacity = max(min(most, opened * together), 0.0)
                    free = (opened - used) * together
                    draw = max(min(queue - standing, capacity, free), 0.0)
                    for part in range(begin, end):
                        at = first + part - begin
                        at_line = waiting[at] + value[part, MIX] * draw
                        goes = min(at_line, cap[at])
                        waiting[at] = at_line - goes
                        cap[at] = goes
                        served += goes
                    pressed = queue - served > EMPTY and draw >= free - EMPTY
                    for part in range(begin, end):
                        at = first + part - begin
                        was = cap[at] if live[part] >= CLOSED else live[part]
                        if rate[at * stride + t] + late[at * stride + t] <= 0.0:
                            fresh[part] = 0.0
                        elif pressed and part_table[part, FOE_END] == part_table[part, FOE_BEGIN]:
                            fresh[part] = CLOSED
                        else:
                            fresh[part] = was + (cap[at] - was) / _LOOK_S
                after = max(queue - served, 0.0)
                left[index] = after
                if last:
                    out = group * RESULTS
                    result[out + FLOW] += arriving
                    result[out + CAPACITY] += max(capacity, served)
                    result[out + UNIFORM] += 0.5 * (before + after)
                    met = min(1.0, before / stop_queue)
                    result[out + STOPS] += met * arriving + (1.0 - met) * min(arriving, after)
                    if opened <= 0.0 or before <= EMPTY:
                        gone[index] = 0.0
                    if before > EMPTY or after > EMPTY:
                        result[out + BACK] = max(result[out + BACK], queue + gone[index])
                    gone[index] += served
                    least[index] = min(least[index], after)
                    depart[group * stride + t] = served
                    service[group * stride + t] = max(capacity, served)
            for index in range(count):
                for part in range(played[_PLAYED * index + 3], played[_PLAYED * index + 4]):
                    live[part] = fresh[part]
    for index in range(count):
        group = int(played[_PLAYED * index])
        out = group * RESULTS
        if least[index] > EMPTY:
            total = 0.0
            for t in range(period):
                total += depart[group * stride + t]
            result[out + CAPACITY] = total
        for column in (FLOW, CAPACITY, UNIFORM, STOPS):
            result[out + column] /= period
        result[out + UNIFORM] -= least[index]
        result[out + BACK] -= least[index]


@helper
def _leave(net: Net, state: ProfileState, group: int, period: int) -> float:
    """Lead the departures of a lane group into the out-links; return its cost."""
    stride = net.stride
    depart = state.depart[group * stride : group * stride + period]
    for conn in range(net.group[group, CONN_BEGIN], net.group[group, CONN_END]):
        share = net.conn_share[conn]
        if share > 0.0:
            target = int(net.conn_slot[conn]) * stride
            out = state.out[target : target + period]
            for t in range(period):
                out[t] += share * depart[t]
    result = state.result[group * RESULTS : (group + 1) * RESULTS]
    return cost_of(net.group_value, group, result, net.period, net.randomness, net.overflow_weight)


@helper
def update_node(net: Net, plan: PlanState, state: ProfileState, node: int) -> float:
    """Evaluate a node from its arrivals; inflows of its out-links into `state.out`; return its cost."""
    period = int(plan.period[node])
    stride = net.stride
    junction = int(net.node[node, JUNCTION])
    cycle, offset, first_run, end_run = period, 0, 0, 0
    if junction >= 0:
        sequence = int(plan.sequence[junction])
        stage_starts(net.sequence, plan.duration, state.stage_start, junction * net.stages, sequence)
        cycle = period // int(plan.repeats[junction])
        offset = int(plan.offset[junction])
        first_run = int(net.sequence[sequence, RUN_BEGIN])
        end_run = int(net.sequence[sequence, RUN_END])
    first_out = int(net.node[node, OUT_BEGIN])
    for slot in range(net.node[node, OUT_END] - first_out):
        entry = net.link_value[net.node_link[first_out + slot], ENTRY]
        state.out[slot * stride : slot * stride + period] = entry
    cost = 0.0
    count = 0
    rows = 0
    for place in range(net.node[node, IN_BEGIN], net.node[node, IN_END]):
        link = int(net.node_link[place])
        arrive = state.arrive[link * stride : link * stride + period]
        for index in range(net.link[link, GROUP_BEGIN], net.link[link, GROUP_END]):
            group = int(index)
            if net.group_value[group, SHARE] <= 0.0:
                continue
            part = int(net.group[group, PART_BEGIN])
            if not net.group[group, PLAIN]:
                _parts(net, state, group, rows, period, cycle, offset, first_run, end_run)
                end_part = int(net.group[group, PART_END])
                state.played[_PLAYED * count] = group
                state.played[_PLAYED * count + 1] = link
                state.played[_PLAYED * count + 2] = rows
                state.played[_PLAYED * count + 3] = part
                state.played[_PLAYED * count + 4] = end_part
                count += 1
                rows += end_part - part
                continue
            signal = int(net.part[part, SIGNAL])
            service = state.service[group * stride : group * stride + period]
            service[:] = 0.0 if signal >= 0 else net.part_value[part, PART_SATURATION]
            if signal >= 0:
                raise_green(
                    net.run,
                    first_run,
                    end_run,
                    state.stage_start,
                    cycle,
                    offset,
                    signal,
                    net.start_loss,
                    net.yellow_use,
                    net.part_value[part, PART_SATURATION],
                    service,
                )
            seen = int(net.group[group, SEEN_ROW])
            watched = seen if seen >= 0 else group
            serve(
                arrive,
                service,
                state.depart[group * stride : group * stride + period],
                state.depart[watched * stride : watched * stride + period],
                seen >= 0,
                net.group_value[group, SHARE],
                net.stop_queue,
                state.result[group * RESULTS : (group + 1) * RESULTS],
            )
            cost += _leave(net, state, group, period)
    if count > 0:
        _play(net, state, count, period)
        for index in range(count):
            cost += _leave(net, state, int(state.played[_PLAYED * index]), period)
    return cost
