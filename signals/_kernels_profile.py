"""Cyclic flow profiles at one node (TRANSYT family), one-second bins.

A node is evaluated from the arrivals of its in-links: service of each lane group, cyclic queue, departures,
inflow of its out-links. Nothing else is kept from one evaluation to the next.

Most lane groups are *plain*: all their vehicles see the same signal and give way to nobody. Their service does not
depend on others. The rest is played second by second, all such lane groups of the node together, as in the
flow model.
"""

from __future__ import annotations

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
    PLAIN,
    RESULTS,
    RUN_BEGIN,
    RUN_END,
    SEEN_ROW,
    SHARE,
    SIGNAL,
    STOPS,
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

_TURNS = 3
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
                    net.yellow_use,
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
    arrive, depart, service, live = state.arrive, state.depart, state.service, state.live
    rate, late, waiting, result, left = state.rate, state.late, state.waiting, state.result, state.left
    part_table, value = net.part, net.part_value
    waiting[:] = 0.0
    for index in range(count):
        left[index] = 0.0
        group = int(state.played[3 * index])
        for part in range(net.group[group, PART_BEGIN], net.group[group, PART_END]):
            live[part] = 0.0
    for turn in range(_TURNS):
        last = turn == _TURNS - 1
        if last:
            for index in range(count):
                group = int(state.played[3 * index])
                out = group * RESULTS
                result[out : out + RESULTS] = 0.0
                state.least[index] = left[index]
        for t in range(period):
            for index in range(count):
                group = int(state.played[3 * index])
                link = int(state.played[3 * index + 1])
                first = int(state.played[3 * index + 2])
                begin = int(net.group[group, PART_BEGIN])
                end = int(net.group[group, PART_END])
                lanes = net.group_value[group, LANES]
                arriving = net.group_value[group, SHARE] * arrive[link * stride + t]
                queue = left[index] + arriving
                opened = 0.0
                standing = 0.0
                used = 0.0
                time = 0.0
                for part in range(begin, end):
                    at = first + part - begin
                    green = rate[at * stride + t]
                    full = value[part, PART_SATURATION]
                    cap = green * full
                    first_foe = int(part_table[part, FOE_BEGIN])
                    end_foe = int(part_table[part, FOE_END])
                    if end_foe > first_foe and green > 0.0:
                        opposing = opposing_flow(
                            net.foe_row, net.foe_share, first_foe, end_foe, depart, stride, t, live
                        )
                        first_gap = int(part_table[part, GAPS]) * net.gap_steps
                        table = net.gap_table[first_gap : first_gap + net.gap_steps]
                        gaps = lanes * value[part, FOOT] * gap_flow(table, net.gap_per_flow, opposing)
                        cap = min(cap, max(gaps, late[at * stride + t]))
                    state.cap[at] = cap
                    opened = max(opened, green)
                    standing += waiting[at]
                    used += min(waiting[at], cap) / full
                    time += value[part, MIX] / full
                most = opened / time
                for part in range(begin, end):
                    at = first + part - begin
                    most = min(most, (lanes - waiting[at] + state.cap[at]) / value[part, MIX])
                capacity = max(most, 0.0)
                if end - begin == 1:
                    capacity = state.cap[first]
                draw = max(min(queue - standing, most, (opened - used) / time), 0.0)
                served = 0.0
                for part in range(begin, end):
                    at = first + part - begin
                    at_line = waiting[at] + value[part, MIX] * draw
                    goes = min(at_line, state.cap[at])
                    if end - begin == 1:
                        goes = min(queue, state.cap[at])
                        at_line = goes
                    waiting[at] = at_line - goes
                    state.cap[at] = goes
                    served += goes
                after = max(queue - served, 0.0)
                pressed = after > EMPTY and draw >= (opened - used) / time - EMPTY
                for part in range(begin, end):
                    at = first + part - begin
                    free = part_table[part, FOE_END] == part_table[part, FOE_BEGIN]
                    was = state.cap[at] if live[part] >= CLOSED else live[part]
                    if rate[at * stride + t] <= 0.0:
                        live[part] = 0.0
                    elif free and pressed:
                        live[part] = CLOSED
                    else:
                        live[part] = was + (state.cap[at] - was) / _LOOK_S
                if last:
                    out = group * RESULTS
                    before = left[index]
                    result[out + FLOW] += arriving
                    result[out + CAPACITY] += max(capacity, served)
                    result[out + UNIFORM] += 0.5 * (before + after)
                    met = min(1.0, before / net.stop_queue)
                    result[out + STOPS] += met * arriving + (1.0 - met) * min(arriving, after)
                    result[out + BACK] = max(result[out + BACK], after)
                    state.least[index] = min(state.least[index], after)
                    depart[group * stride + t] = served
                    service[group * stride + t] = max(capacity, served)
                left[index] = after
    for index in range(count):
        group = int(state.played[3 * index])
        out = group * RESULTS
        least = state.least[index]
        if least > EMPTY:
            total = 0.0
            for t in range(period):
                total += depart[group * stride + t]
            result[out + CAPACITY] = total
        for column in (FLOW, CAPACITY, UNIFORM, STOPS):
            result[out + column] /= period
        result[out + UNIFORM] -= least
        result[out + BACK] -= least


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
                state.played[3 * count] = group
                state.played[3 * count + 1] = link
                state.played[3 * count + 2] = rows
                count += 1
                rows += int(net.group[group, PART_END]) - part
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
            cost += _leave(net, state, int(state.played[3 * index]), period)
    return cost
