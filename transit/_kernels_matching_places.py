"""Where a position may be: places on paths near it, and the trips that may be there at its time."""

from __future__ import annotations

import math

from traffic._kernels_jit import F1, I1, OutF2, helper
from transit._kernels_matching_tables import (
    BETWEEN,
    C_COST,
    C_DAY,
    C_DUE,
    C_OFF,
    C_S,
    C_TRIP,
    CANDIDATES,
    NO_TRIP,
    OFF_ROUTE,
    PLACES,
    TOO_EARLY,
    Grid,
    Paths,
    Rules,
    Runs,
)

__all__ = ["candidates", "why_not"]

_APART_M = 150.0  # places of one path that are further apart than this along it are two
_WRONG_WAY_COST = 2.0
_BEGUN_M = 2000.0  # from its start a trip that is under way much too early is none: the vehicle is on its way to the start


@helper
def _lower(values: F1, begin: int, end: int, wanted: float) -> int:
    """Return the first of begin .. end with a value of `wanted` or more."""
    while begin < end:
        middle = (begin + end) >> 1
        if values[middle] < wanted:
            begin = middle + 1
        else:
            end = middle
    return begin


@helper
def _lower_path(values: I1, begin: int, end: int, wanted: int) -> int:
    while begin < end:
        middle = (begin + end) >> 1
        if values[middle] < wanted:
            begin = middle + 1
        else:
            end = middle
    return begin


@helper
def _lower_start(trips: I1, start_s: F1, begin: int, end: int, wanted: float) -> int:
    while begin < end:
        middle = (begin + end) >> 1
        if start_s[trips[middle]] < wanted:
            begin = middle + 1
        else:
            end = middle
    return begin


@helper
def due_at(paths: Paths, runs: Runs, trip: int, s: float) -> float:
    """Return when a trip is to be at a place of its path, seconds after the start of the service day."""
    path = runs.path[trip]
    begin, end = paths.stop_first[path], paths.stop_first[path + 1]
    first = runs.first[trip]
    k = _lower(paths.stop_s, begin, end, s)
    if k == begin:
        return runs.departure_s[first]
    i = first + k - begin
    if k == end:
        return runs.arrival_s[i - 1]
    span = paths.stop_s[k] - paths.stop_s[k - 1]
    share = (s - paths.stop_s[k - 1]) / span if span > 0.0 else 1.0
    return runs.departure_s[i - 1] + share * (runs.arrival_s[i] - runs.departure_s[i - 1])


@helper
def _places(
    paths: Paths,
    grid: Grid,
    begin: int,
    end: int,
    x: float,
    y: float,
    heading: float,
    rules: Rules,
    place: OutF2,
) -> int:
    """Write the places of one path near a point, with their cost; the path's segments are begin .. end of the grid."""
    count = 0
    gate = rules.gate_m * rules.gate_m
    for e in range(begin, end):
        k = grid.segment[e]
        ax, ay = paths.x[k], paths.y[k]
        dx, dy = paths.x[k + 1] - ax, paths.y[k + 1] - ay
        length = dx * dx + dy * dy
        share = ((x - ax) * dx + (y - ay) * dy) / length if length > 0.0 else 0.0
        share = min(max(share, 0.0), 1.0)
        ex, ey = x - ax - share * dx, y - ay - share * dy
        off = ex * ex + ey * ey
        if off > gate:
            continue
        s = paths.s[k] + share * (paths.s[k + 1] - paths.s[k])
        if count > 0 and s - place[count - 1, 0] < _APART_M:
            if off >= place[count - 1, 1]:
                continue
        elif count < PLACES:
            count += 1
        else:
            continue
        place[count - 1, 0] = s
        place[count - 1, 1] = off
        against = 0.0
        if heading > 0.0 or heading < 0.0:  # 0 is what a unit without compass says
            angle = math.radians(heading)
            if dx * math.sin(angle) + dy * math.cos(angle) < 0.0:
                against = _WRONG_WAY_COST
        place[count - 1, 2] = against
    for i in range(count):
        off = place[i, 1]
        place[i, 1] = math.sqrt(off)
        place[i, 2] += 0.5 * off / (rules.noise_m * rules.noise_m)
    return count


@helper
def _add(
    candidate: OutF2, count: int, s: float, off: float, trip: int, day: int, cost: float, due: float
) -> int:
    """Add a candidate, in the place of the worst where there is no room; return how many there are."""
    row = count
    if count == CANDIDATES:
        row = 0
        for i in range(1, count):
            if candidate[i, C_COST] + candidate[i, C_DUE] > candidate[row, C_COST] + candidate[row, C_DUE]:
                row = i
        if cost + due >= candidate[row, C_COST] + candidate[row, C_DUE]:
            return count
    else:
        count += 1
    candidate[row, C_S] = s
    candidate[row, C_OFF] = off
    candidate[row, C_TRIP] = trip
    candidate[row, C_DAY] = day
    candidate[row, C_COST] = cost
    candidate[row, C_DUE] = due
    return count


@helper
def _try_trip(
    paths: Paths,
    runs: Runs,
    rules: Rules,
    place: OutF2,
    places: int,
    trip: int,
    day: int,
    rel_s: float,
    candidate: OutF2,
    count: int,
) -> int:
    if runs.active[runs.service[trip] * len(runs.day_s) + day] == 0:
        return count
    for i in range(places):
        late_s = rel_s - due_at(paths, runs, trip, place[i, 0])
        if -rules.early_s <= late_s <= rules.late_s:
            begun_m = place[i, 0] - paths.stop_s[paths.stop_first[runs.path[trip]]]
            waits = late_s >= 0.0 or begun_m <= rules.terminal_m
            due = abs(late_s) / (rules.late_scale_s if waits else rules.early_scale_s)
            if late_s < -rules.ahead_s and rules.terminal_m < begun_m < _BEGUN_M:
                due += TOO_EARLY
            count = _add(candidate, count, place[i, 0], place[i, 1], trip, day, place[i, 2], due)
    return count


@helper
def _days(runs: Runs, rules: Rules, time_s: float) -> tuple[int, int]:
    """Return the days, first and after the last, whose trips may be under way."""
    days = len(runs.day_s)
    begin = _lower(runs.day_s, 0, days, time_s - runs.last_s - rules.late_s)
    end = _lower(runs.day_s, begin, days, time_s + rules.early_s)
    return begin, end


@helper
def _cell(grid: Grid, x: float, y: float) -> int:
    column = math.floor((x - grid.west) / grid.cell_m)
    row = math.floor((y - grid.south) / grid.cell_m)
    if column < 0 or column >= grid.columns or row < 0 or row >= grid.rows:
        return -1
    return int(row) * grid.columns + int(column)


@helper
def candidates(
    paths: Paths,
    grid: Grid,
    runs: Runs,
    rules: Rules,
    time_s: float,
    x: float,
    y: float,
    heading: float,
    group: int,
    place: OutF2,
    candidate: OutF2,
) -> int:
    """Write where a position of a vehicle with some assignment may be; return how many."""
    cell = _cell(grid, x, y)
    if cell < 0:
        return 0
    begin, end = grid.first[cell], grid.first[cell + 1]
    if begin == end:
        return 0
    day_begin, day_end = _days(runs, rules, time_s)
    count = 0
    if group >= runs.groups:
        trip = group - runs.groups
        path = runs.path[trip]
        a = _lower_path(grid.path, begin, end, path)
        b = _lower_path(grid.path, a, end, path + 1)
        places = _places(paths, grid, a, b, x, y, heading, rules, place)
        for day in range(day_begin, day_end):
            rel_s = time_s - runs.day_s[day]
            count = _try_trip(paths, runs, rules, place, places, trip, day, rel_s, candidate, count)
        return count
    for row in range(runs.group_first[group], runs.group_first[group + 1]):
        path = runs.group_path[row]
        a = _lower_path(grid.path, begin, end, path)
        if a == end:
            break  # rows are in the order of paths, as the segments of a cell
        if grid.path[a] != path:
            continue
        b = _lower_path(grid.path, a, end, path + 1)
        places = _places(paths, grid, a, b, x, y, heading, rules, place)
        if places == 0:
            continue
        first, last = runs.trip_first[row], runs.trip_first[row + 1]
        for day in range(day_begin, day_end):
            rel_s = time_s - runs.day_s[day]
            earliest = rel_s - rules.late_s - paths.duration_s[path]
            i = _lower_start(runs.trip, runs.start_s, first, last, earliest)
            while i < last:
                trip = runs.trip[i]
                if runs.start_s[trip] > rel_s + rules.early_s:
                    break
                count = _try_trip(paths, runs, rules, place, places, trip, day, rel_s, candidate, count)
                i += 1
    return count


@helper
def why_not(runs: Runs, rules: Rules, time_s: float, group: int) -> int:
    """Return why a position that is near no path of its group is not matched."""
    day_begin, day_end = _days(runs, rules, time_s)
    reason = NO_TRIP
    if group >= runs.groups:
        first, last = group - runs.groups, group - runs.groups + 1
    else:
        first, last = runs.trip_first[runs.group_first[group]], runs.trip_first[runs.group_first[group + 1]]
    for i in range(first, last):
        trip = i if group >= runs.groups else runs.trip[i]
        for day in range(day_begin, day_end):
            if runs.active[runs.service[trip] * len(runs.day_s) + day] == 0:
                continue
            rel_s = time_s - runs.day_s[day]
            if runs.start_s[trip] <= rel_s <= runs.end_s[trip]:
                return OFF_ROUTE
            if runs.start_s[trip] - rules.early_s <= rel_s <= runs.end_s[trip] + rules.late_s:
                reason = BETWEEN
    return reason
