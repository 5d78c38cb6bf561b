"""Lane groups that give way, or whose vehicles see several signals: played second by second, turn by turn.

In a shared lane group vehicles come to the stop line in the mix of the group. One whose movement must wait
stands there; while there is no more than one such vehicle to a lane, others pass.
"""

from __future__ import annotations

import math

from signals._kernels_profile_tables import (
    FOE_BEGIN,
    FOE_END,
    FOOT,
    GAPS,
    LANES,
    LINK,
    LIVE_BEGIN,
    MEMBER_BEGIN,
    MEMBER_END,
    MIX,
    PART_BEGIN,
    PART_END,
    PART_ROW,
    PART_SATURATION,
    PER_SHARE,
    PER_VEHICLE,
    RESULTS,
    SHARE,
    TOGETHER,
    WATCHED,
    Net,
    ProfileState,
)
from signals._kernels_streams import CLOSED, EMPTY, figures
from traffic._kernels_jit import F1, helper, index, small

__all__ = ["play_team"]

_TURNS = 2
_LOOK_S = 4.0  # over which drivers who give way judge the flow of those who do so too


@helper
def play_team(net: Net, state: ProfileState, team: int, period: int, shown: bool) -> bool:
    """Evaluate a team if its plan (`shown`), its arrivals or what it gives way to is new; return whether it was."""
    anew = shown
    for place in range(net.team[team, MEMBER_BEGIN], net.team[team, MEMBER_END]):
        group = int(net.member[place])
        if state.came[net.group[group, LINK]]:
            anew = True
        for part in range(net.group[group, PART_BEGIN], net.group[group, PART_END]):
            if _look(net, state, group, part, period, shown):
                anew = True
    if not anew:
        return False
    first = int(net.team[team, MEMBER_BEGIN])
    group = int(net.member[first])
    alone = int(net.team[team, MEMBER_END]) - first == 1
    if (
        alone
        and net.group[group, PART_END] - net.group[group, PART_BEGIN] == 1
        and not net.group[group, WATCHED]
    ):
        _queue(net, state, group, period)
    else:
        _play(net, state, first, int(net.team[team, MEMBER_END]), period)
    for place in range(first, net.team[team, MEMBER_END]):
        group = int(net.member[place])
        at = group * net.stride
        arrive = int(net.group[group, LINK]) * net.stride
        opened = int(net.part[net.group[group, PART_BEGIN], PART_ROW]) * net.stride
        line = (place - first) * net.stride
        figures(
            state.arrive[arrive : arrive + period],
            state.opened[opened : opened + period],
            state.service[at : at + period],
            state.depart[at : at + period],
            state.line[line : line + period],
            state.start[place - first],
            net.group_value[group, SHARE],
            net.stop_queue,
            state.result[group * RESULTS : (group + 1) * RESULTS],
        )
    return True


@small
def _look(net: Net, state: ProfileState, group: int, part: int, period: int, shown: bool) -> bool:
    """Find what a part can discharge between the plain streams that it gives way to; return whether these are new."""
    first = int(net.part[part, FOE_BEGIN])
    live = int(net.part[part, LIVE_BEGIN])
    anew = shown
    for foe in range(first, live):
        if state.moved[net.foe_row[foe]]:
            anew = True
    if not anew:
        return False
    row = int(net.part[part, PART_ROW]) * net.stride
    flow = state.flow[row : row + period]
    flow[:] = 0.0
    for foe in range(first, live):
        start = int(net.foe_row[foe]) * net.stride
        seen = state.depart[start : start + period]
        share = net.foe_share[foe]
        flow[0] += share * seen[period - 1]
        for t in range(1, period):
            flow[t] += share * seen[t - 1]
    if live < net.part[part, FOE_END]:
        return True
    limited = live > first or net.group[group, PART_END] - net.group[group, PART_BEGIN] == 1
    saturation = net.part_value[part, PART_SATURATION]
    ways = net.group_value[group, LANES] * net.part_value[part, FOOT]
    gaps = int(net.part[part, GAPS]) * net.gap_steps
    for t in range(period):
        rate = state.rate[index(row + t)]
        late = state.late[index(row + t)]
        if rate + late <= 0.0:
            flow[t] = 0.0
        elif limited:
            found = _gap_flow(net.gap_table, gaps, net.gap_steps, net.gap_per_flow, flow[t])
            flow[t] = _discharge(rate, late, saturation, ways, found)
        else:
            flow[t] = rate * saturation
    return True


@helper
def _gap_flow(table: F1, first: int, steps: int, per_flow: float, opposing: float) -> float:
    """Return the flow of one lane that finds gaps in an opposing flow; the gap class begins at `first`."""
    place = opposing * per_flow
    if place >= steps - 1:
        return 0.0
    whole = int(place)
    rest = place - whole
    return float((1.0 - rest) * table[index(first + whole)] + rest * table[index(first + whole + 1)])


@small
def _discharge(rate: float, late: float, saturation: float, ways: float, gaps: float) -> float:
    """Return the capacity of a part in its green `rate` and late green: through gaps on `ways` lanes, or by sneaking."""
    return min(max(rate * saturation, late), max(gaps * (ways * rate), late))


@small
def _queue(net: Net, state: ProfileState, group: int, period: int) -> None:
    """Run the queue of a lane group of one part that nobody looks at, until it repeats itself, two turns at most."""
    row = group * net.stride
    start = int(net.group[group, LINK]) * net.stride
    first = int(net.part[net.group[group, PART_BEGIN], PART_ROW]) * net.stride
    arrive = state.arrive[start : start + period]
    flow = state.flow[first : first + period]
    depart = state.depart[row : row + period]
    service = state.service[row : row + period]
    line = state.line[:period]
    scale = net.group_value[group, SHARE]
    left = 0.0
    for t in range(period):
        total = left + scale * arrive[t]
        capacity = flow[t]
        service[t] = capacity
        served = min(total, capacity)
        left = total - served
        depart[t] = served
        line[t] = left
    state.start[0] = left
    for t in range(period):
        total = left + scale * arrive[t]
        served = min(total, flow[t])
        left = total - served
        depart[t] = served
        if left == line[t]:
            break
        line[t] = left


@helper
def _play(net: Net, state: ProfileState, first: int, end: int, period: int) -> None:
    """Run the queues of a team second by second until they repeat themselves, two turns at most."""
    stride = net.stride
    for place in range(first, end):
        group = int(net.member[place])
        state.left[place - first] = 0.0
        for part in range(net.group[group, PART_BEGIN], net.group[group, PART_END]):
            state.live[part] = 0.0
            state.fresh[part] = 0.0
            state.waiting[part] = 0.0
    for turn in range(_TURNS):
        for place in range(first, end):
            state.start[place - first] = state.left[place - first]
        for second in range(period):
            for place in range(first, end):
                _step(net, state, int(net.member[place]), place - first, second, period)
            same = turn > 0
            part_at = 0
            for place in range(first, end):
                group = int(net.member[place])
                at = (place - first) * stride + second
                same = same and state.line[at] == state.left[place - first]
                state.line[at] = state.left[place - first]
                for part in range(net.group[group, PART_BEGIN], net.group[group, PART_END]):
                    state.live[part] = state.fresh[part]
                    at = part_at * stride + second
                    part_at += 1
                    if turn == 0:
                        state.stood[at] = state.waiting[part]
                        state.looked[at] = state.live[part]
                    else:
                        same = same and state.stood[at] == state.waiting[part]
                        same = same and state.looked[at] == state.live[part]
            if same:
                return


@small
def _step(net: Net, state: ProfileState, group: int, member: int, t: int, period: int) -> None:
    """Serve a lane group for one second."""
    stride = net.stride
    begin = int(net.group[group, PART_BEGIN])
    end = int(net.group[group, PART_END])
    first = int(net.part[begin, PART_ROW]) * stride + t
    watched = net.group[group, WATCHED] != 0
    arriving = net.group_value[group, SHARE] * state.arrive[int(net.group[group, LINK]) * stride + t]
    queue = state.left[member] + arriving
    opened = state.opened[first]
    served = 0.0
    capacity = 0.0
    if opened <= 0.0:
        if watched:
            _wait(net, state, begin, end, t, period, queue > EMPTY)
    elif end - begin == 1:
        capacity = _possible(net, state, group, begin, first)
        served = min(queue, capacity)
        _show_flow(state, begin, served)
    else:
        lanes = net.group_value[group, LANES]
        standing = 0.0
        used = 0.0
        most = 1e9
        for part in range(begin, end):
            flow = _possible(net, state, group, part, first + (part - begin) * stride)
            state.cap[part] = flow
            waiting = state.waiting[part]
            standing += waiting
            used += min(waiting, flow) * net.part_value[part, PER_VEHICLE]
            most = min(most, (lanes - waiting + flow) * net.part_value[part, PER_SHARE])
        together = net.group_value[group, TOGETHER]
        capacity = max(min(most, opened * together), 0.0)
        free = (opened - used) * together
        draw = max(min(queue - standing, capacity, free), 0.0)
        for part in range(begin, end):
            at_line = state.waiting[part] + net.part_value[part, MIX] * draw
            goes = min(at_line, state.cap[part])
            state.waiting[part] = at_line - goes
            state.cap[part] = goes
            served += goes
        if watched:
            pressed = queue - served > EMPTY and draw >= free - EMPTY
            for part in range(begin, end):
                at = first + (part - begin) * stride
                if state.rate[at] + state.late[at] <= 0.0:
                    state.fresh[part] = 0.0
                elif pressed and net.part[part, FOE_END] == net.part[part, FOE_BEGIN]:
                    state.fresh[part] = CLOSED
                else:
                    _show_flow(state, part, state.cap[part])
    state.left[member] = max(queue - served, 0.0)
    state.depart[group * stride + t] = served
    state.service[group * stride + t] = capacity


@small
def _possible(net: Net, state: ProfileState, group: int, part: int, at: int) -> float:
    """Return what a part can discharge in the second of entry `at`."""
    flow = state.flow[at]
    live = int(net.part[part, LIVE_BEGIN])
    end = int(net.part[part, FOE_END])
    rate = state.rate[at]
    late = state.late[at]
    if live == end or rate + late <= 0.0:
        return flow if live == end else 0.0
    for foe in range(live, end):
        flow += net.foe_share[foe] * state.live[-1 - net.foe_row[foe]]
    gaps = _gap_flow(
        net.gap_table, int(net.part[part, GAPS]) * net.gap_steps, net.gap_steps, net.gap_per_flow, flow
    )
    ways = net.group_value[group, LANES] * net.part_value[part, FOOT]
    return _discharge(rate, late, net.part_value[part, PART_SATURATION], ways, gaps)


@small
def _show_flow(state: ProfileState, part: int, goes: float) -> None:
    """Let those who give way to a part see what it discharges now, as a mean over some seconds."""
    was = goes if state.live[part] >= CLOSED else state.live[part]
    state.fresh[part] = was + (goes - was) / _LOOK_S


@small
def _wait(net: Net, state: ProfileState, begin: int, end: int, t: int, period: int, queued: bool) -> None:
    """Let others see parts without green: a queue in its lost start-up time already keeps them waiting."""
    lost = math.ceil(net.start_loss)
    for part in range(begin, end):
        state.fresh[part] = 0.0
        if not queued or net.part[part, FOE_END] > net.part[part, FOE_BEGIN]:
            continue
        row = int(net.part[part, PART_ROW]) * net.stride
        for soon in range(t + 1, t + 1 + lost):
            if state.rate[row + soon % period] > 0.0:
                state.fresh[part] = CLOSED
