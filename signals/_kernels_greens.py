"""Greens of a node in one-second bins, as its plan shows them: kept until the plan is another."""

from __future__ import annotations

import numpy as np

from signals._kernels_profile_tables import (
    FOE_BEGIN,
    FOE_END,
    FOOT,
    GROUP_BEGIN,
    GROUP_END,
    IN_BEGIN,
    IN_END,
    JUNCTION,
    PART_BEGIN,
    PART_END,
    PART_ROW,
    PART_SATURATION,
    PLAIN,
    RUN_ALWAYS,
    RUN_BEGIN,
    RUN_END,
    RUN_FIRST,
    RUN_GAP,
    RUN_LAST,
    RUN_SIGNAL,
    SHARE,
    SIGNAL,
    STAGE_BEGIN,
    STAGE_END,
    Net,
    PlanState,
    ProfileState,
)
from traffic._kernels_jit import I2, OutF1, OutI1, helper, index, small

__all__ = ["SHOWN", "show", "stage_starts"]

SHOWN = 4  # columns of `ProfileState.shown` before the durations: period, repeats, sequence, offset


@helper
def stage_starts(sequence: I2, duration: OutI1, starts: OutI1, row: int, of: int) -> int:
    """Write the start of each stage after the start of the cycle; return the number of stages.

    `row`: where the durations begin; `of`: the stage sequence.
    """
    count = int(sequence[of, STAGE_END]) - int(sequence[of, STAGE_BEGIN])
    total = 0
    for k in range(count):
        starts[k] = total
        total += duration[row + k]
    starts[count] = total
    return count


@helper
def _add_window(rate: OutF1, start: float, length: float, level: float) -> None:
    """Raise each bin to `level` times the share of it that lies in the cyclic window."""
    period = len(rate)
    first = int(np.floor(start))
    stop = start + length
    place = first % period
    t = float(first)
    while t < stop:
        inside = 1.0 if start <= t and t + 1.0 <= stop else min(stop, t + 1.0) - max(start, t)
        rate[index(place)] = max(rate[index(place)], level * inside)
        t += 1.0
        place += 1
        if place == period:
            place = 0


@helper
def _raise_green(
    run: I2,
    begin: int,
    end: int,
    starts: OutI1,
    cycle: int,
    offset: int,
    signal: int,
    before: float,
    after: float,
    level: float,
    rate: OutF1,
) -> None:
    """Raise `rate` to `level` in a part of the greens of a signal.

    The part begins `before` seconds after the start of green (less than 0: at its end) and ends `after` seconds
    after its end. `begin` and `end`: the runs of the stage sequence.
    """
    repeats = len(rate) // cycle
    for row in range(begin, end):
        if run[row, RUN_SIGNAL] != signal:
            continue
        if run[row, RUN_ALWAYS]:
            if before >= 0.0:
                rate[:] = level
            return
        first = int(run[row, RUN_FIRST])
        last = int(run[row, RUN_LAST])
        green = float(starts[last + 1] - starts[first] - run[row, RUN_GAP])
        if last < first:
            green += cycle
        start = float(offset + starts[first])
        length = green - before + after
        if before < 0.0:
            start += green
            length = after
        else:
            start += before
        if length > 0.0:
            for repeat in range(repeats):
                _add_window(rate, start + repeat * cycle, length, level)


@helper
def show(net: Net, plan: PlanState, state: ProfileState, node: int) -> bool:
    """Bring the greens at `node` up to date with its plan; return whether they are others than before."""
    junction = int(net.node[node, JUNCTION])
    row = node * (SHOWN + net.stages)
    same = state.shown[row] == plan.period[node]
    stages = 0
    if junction >= 0:
        sequence = int(plan.sequence[junction])
        stages = int(net.sequence[sequence, STAGE_END]) - int(net.sequence[sequence, STAGE_BEGIN])
        same = same and state.shown[row + 1] == plan.repeats[junction]
        same = same and state.shown[row + 2] == sequence
        same = same and state.shown[row + 3] == plan.offset[junction]
        for k in range(stages):
            same = same and state.shown[row + SHOWN + k] == plan.duration[junction * net.stages + k]
    if same:
        return False
    state.shown[row] = plan.period[node]
    if junction >= 0:
        state.shown[row + 1] = plan.repeats[junction]
        state.shown[row + 2] = plan.sequence[junction]
        state.shown[row + 3] = plan.offset[junction]
        for k in range(stages):
            state.shown[row + SHOWN + k] = plan.duration[junction * net.stages + k]
        stage_starts(net.sequence, plan.duration, state.stage_start, junction * net.stages, sequence)
    for place in range(net.node[node, IN_BEGIN], net.node[node, IN_END]):
        link = int(net.node_link[place])
        for each in range(net.link[link, GROUP_BEGIN], net.link[link, GROUP_END]):
            group = int(each)
            if net.group_value[group, SHARE] <= 0.0:
                continue
            if net.group[group, PLAIN]:
                _show_plain(net, state, row, group)
            else:
                _show_parts(net, state, row, group)
    return True


@small
def _raise(
    net: Net,
    state: ProfileState,
    row: int,
    signal: int,
    before: float,
    after: float,
    level: float,
    rate: OutF1,
) -> None:
    """Raise `rate` in a part of the greens of a signal under the plan in row `row` of `shown`; see `_raise_green`."""
    sequence = int(state.shown[row + 2])
    _raise_green(
        net.run,
        int(net.sequence[sequence, RUN_BEGIN]),
        int(net.sequence[sequence, RUN_END]),
        state.stage_start,
        len(rate) // int(state.shown[row + 1]),
        int(state.shown[row + 3]),
        signal,
        before,
        after,
        level,
        rate,
    )


@small
def _show_plain(net: Net, state: ProfileState, row: int, group: int) -> None:
    """Write the service of a plain lane group, and its sum."""
    part = int(net.group[group, PART_BEGIN])
    signal = int(net.part[part, SIGNAL])
    level = net.part_value[part, PART_SATURATION]
    start = group * net.stride
    service = state.service[start : start + int(state.shown[row])]
    service[:] = 0.0 if signal >= 0 else level
    if signal >= 0:
        _raise(net, state, row, signal, net.start_loss, net.yellow_use, level, service)
    volume = 0.0
    for t in range(len(service)):
        volume += service[t]
    state.volume[group] = volume


@small
def _show_parts(net: Net, state: ProfileState, row: int, group: int) -> None:
    """Write green and late green of each part of a lane group, and when any of them has it."""
    period = int(state.shown[row])
    first = int(net.part[net.group[group, PART_BEGIN], PART_ROW]) * net.stride
    opened = state.opened[first : first + period]
    opened[:] = 0.0
    for part in range(net.group[group, PART_BEGIN], net.group[group, PART_END]):
        start = int(net.part[part, PART_ROW]) * net.stride
        signal = int(net.part[part, SIGNAL])
        rate = state.rate[start : start + period]
        late = state.late[start : start + period]
        rate[:] = 0.0 if signal >= 0 else 1.0
        late[:] = 0.0
        if signal >= 0:
            _raise(net, state, row, signal, net.start_loss, net.yellow_use, 1.0, rate)
            if net.part[part, FOE_END] > net.part[part, FOE_BEGIN]:
                sneakers = net.sneakers * net.part_value[part, FOOT]
                _raise(net, state, row, signal, -1.0, net.sneak_time, sneakers, late)
        for t in range(period):
            opened[t] = max(opened[t], 1.0 if late[t] > 0.0 else rate[t])
