"""A run under way: positions along its path, one after the other, made into visits of its stops."""

from __future__ import annotations

import math

from traffic._kernels_jit import OutF1, helper
from transit._kernels_matching_tables import (
    D_DAY,
    D_FATE,
    D_OFF,
    D_S,
    D_SERIAL,
    D_TRIP,
    R_ARRIVAL,
    R_CROSSED,
    R_DAY,
    R_DEPARTURE,
    R_LEFT_S,
    R_NEXT,
    R_RAW_TIME,
    R_RAW_X,
    R_RAW_Y,
    R_S,
    R_S_BEFORE,
    R_STAND,
    R_TIME,
    R_TIME_BEFORE,
    R_TRIP,
    R_TRUST,
    V_ARRIVAL,
    V_DAY,
    V_DEPARTURE,
    V_STOP,
    V_TRIP,
    V_TRUST,
    V_VEHICLE,
    Out,
    Paths,
    Rules,
    Runs,
)

__all__ = ["advance", "close", "decide", "remember"]

_NOWHERE = -1.0
_SEEN, _STOOD = 1.0, 2.0
_FRESH_S = 30.0  # positions no further apart than this tell the time of a passage
_STALE_S = 240.0  # and at this much more they tell a third as much
_OFF_M = 60.0


@helper
def decide(out: Out, serial: float, fate: int, trip: float, day: float, s: float, off: float) -> None:
    """Write what became of a position."""
    row = out.rows[1]
    out.decided[row, D_SERIAL] = serial
    out.decided[row, D_FATE] = fate
    out.decided[row, D_TRIP] = trip
    out.decided[row, D_DAY] = day
    out.decided[row, D_S] = s
    out.decided[row, D_OFF] = off
    out.rows[1] = row + 1


@helper
def remember(way: OutF1, time_s: float, x: float, y: float) -> None:
    """Keep where the vehicle was last."""
    way[R_RAW_TIME] = time_s
    way[R_RAW_X] = x
    way[R_RAW_Y] = y


@helper
def _emit(
    out: Out, vehicle: int, way: OutF1, stop: int, arrival_s: float, departure_s: float, trust: float
) -> None:
    row = out.rows[0]
    out.visit[row, V_VEHICLE] = vehicle
    out.visit[row, V_TRIP] = way[R_TRIP]
    out.visit[row, V_DAY] = way[R_DAY]
    out.visit[row, V_STOP] = stop
    out.visit[row, V_ARRIVAL] = arrival_s
    out.visit[row, V_DEPARTURE] = departure_s
    out.visit[row, V_TRUST] = trust
    out.rows[0] = row + 1


@helper
def _zone(paths: Paths, rules: Rules, begin: int, end: int, k: int) -> float:
    """Return how far from stop k a vehicle may stand and be at it: not beyond half way to the next stop."""
    zone = rules.terminal_m if k == begin or k == end - 1 else rules.stop_m
    if k > begin:
        zone = min(zone, 0.5 * (paths.stop_s[k] - paths.stop_s[k - 1]))
    if k < end - 1:
        zone = min(zone, 0.5 * (paths.stop_s[k + 1] - paths.stop_s[k]))
    return zone


@helper
def _ahead(way: OutF1) -> None:
    """Look to the next stop."""
    way[R_NEXT] += 1.0
    way[R_STAND] = 0.0
    way[R_CROSSED] = math.nan


@helper
def _begin_at(
    paths: Paths, rules: Rules, way: OutF1, begin: int, end: int, s: float, time_s: float, trust: float
) -> None:
    """Take the first position of a run; stops behind it were not seen."""
    k = begin
    while k < end and paths.stop_s[k] < s - _zone(paths, rules, begin, end, k):
        k += 1
    way[R_NEXT] = k - begin
    way[R_STAND] = 0.0
    way[R_CROSSED] = math.nan
    if k < end and abs(s - paths.stop_s[k]) <= _zone(paths, rules, begin, end, k):
        way[R_STAND] = _SEEN
        way[R_ARRIVAL] = math.nan  # it was there before
        way[R_DEPARTURE] = time_s
        way[R_LEFT_S] = s
        if k == end - 1:
            way[R_NEXT] += 1.0
    way[R_S] = way[R_S_BEFORE] = s
    way[R_TIME] = way[R_TIME_BEFORE] = time_s
    way[R_TRUST] = trust


@helper
def _came(rules: Rules, way: OutF1) -> float:
    """Return when the vehicle came to where it stands: at the last position, or before it if it drove as usual."""
    drove = way[R_TIME_BEFORE] + (way[R_S] - way[R_S_BEFORE]) / rules.run_m_s
    return max(way[R_TIME_BEFORE], min(way[R_TIME], drove))


@helper
def _feed(
    out: Out,
    vehicle: int,
    paths: Paths,
    runs: Runs,
    rules: Rules,
    way: OutF1,
    s: float,
    time_s: float,
    trust: float,
) -> None:
    """Take a position along the path."""
    path = runs.path[int(way[R_TRIP])]
    begin, end = paths.stop_first[path], paths.stop_first[path + 1]
    if way[R_S] == _NOWHERE:
        _begin_at(paths, rules, way, begin, end, s, time_s, trust)
        return
    s = max(s, way[R_S])
    stale = math.exp(-max(0.0, time_s - way[R_TIME] - _FRESH_S) / _STALE_S)
    both = min(trust, way[R_TRUST])
    while way[R_NEXT] < end - begin:
        k = begin + int(way[R_NEXT])
        at, zone, last = paths.stop_s[k], _zone(paths, rules, begin, end, k), k == end - 1
        here = abs(s - at) <= zone
        if way[R_S] < at <= s:
            way[R_CROSSED] = way[R_TIME] + (at - way[R_S]) / (s - way[R_S]) * (time_s - way[R_TIME])
        slow = s - way[R_S] <= rules.stand_m_s * (time_s - way[R_TIME])
        if here and slow and abs(way[R_S] - at) <= zone:
            if way[R_STAND] == 0.0:
                way[R_ARRIVAL] = _came(rules, way)
            way[R_STAND] = _STOOD
            way[R_DEPARTURE] = time_s
            way[R_LEFT_S] = s
        elif way[R_STAND] > 0.0 and not math.isnan(way[R_LEFT_S]):
            drove = time_s - (s - way[R_LEFT_S]) / rules.run_m_s
            way[R_DEPARTURE] = min(time_s, max(way[R_DEPARTURE], drove))
            way[R_LEFT_S] = math.nan
        if last:
            if way[R_STAND] == _STOOD:
                _emit(out, vehicle, way, k - begin, way[R_ARRIVAL], math.nan, both)
                _ahead(way)
            elif not math.isnan(way[R_CROSSED]):
                _emit(out, vehicle, way, k - begin, way[R_CROSSED], math.nan, both * stale)
                _ahead(way)
            break
        if s <= at + zone:
            break
        if way[R_STAND] > 0.0:
            came = math.nan if k == begin else way[R_ARRIVAL]
            _emit(out, vehicle, way, k - begin, came, way[R_DEPARTURE], both)
        else:
            came = math.nan if k == begin else way[R_CROSSED]
            _emit(out, vehicle, way, k - begin, came, way[R_CROSSED], both * stale)
        _ahead(way)
    way[R_S_BEFORE], way[R_TIME_BEFORE] = way[R_S], way[R_TIME]
    way[R_S], way[R_TIME], way[R_TRUST] = s, time_s, trust


@helper
def close(out: Out, vehicle: int, paths: Paths, runs: Runs, rules: Rules, way: OutF1) -> None:
    """End the run under way: what is known of the stop ahead is written."""
    if way[R_TRIP] < 0.0:
        return
    path = runs.path[int(way[R_TRIP])]
    stops = paths.stop_first[path + 1] - paths.stop_first[path]
    k = int(way[R_NEXT])
    if k < stops and way[R_S] != _NOWHERE:
        trust = way[R_TRUST]
        crossed = way[R_CROSSED]
        at_end = k == stops - 1 and paths.stop_s[paths.stop_first[path] + k] - way[R_S] <= rules.terminal_m
        if way[R_STAND] > 0.0:
            if not math.isnan(way[R_ARRIVAL]):
                _emit(out, vehicle, way, k, way[R_ARRIVAL], math.nan, trust)
        elif at_end and math.isnan(crossed):
            _emit(out, vehicle, way, k, way[R_TIME], math.nan, trust)  # seen once, and gone
        elif not math.isnan(crossed):
            _emit(out, vehicle, way, k, crossed, math.nan if k == stops - 1 else crossed, trust)
    way[R_TRIP] = -1.0
    way[R_S] = _NOWHERE


@helper
def advance(
    out: Out,
    vehicle: int,
    paths: Paths,
    runs: Runs,
    rules: Rules,
    way: OutF1,
    time_s: float,
    x: float,
    y: float,
    trip: float,
    day: float,
    s: float,
    off: float,
    sure: float,
) -> None:
    """Take a position that is matched for good.

    A vehicle that waits between two trips may be taken for the end of the one or the start of the other: where it changes
    from one to the other at a terminal, the last position there counts for both.
    """
    trust = sure * math.exp(-0.5 * (off / _OFF_M) * (off / _OFF_M))
    if trip != way[R_TRIP] or day != way[R_DAY]:
        if way[R_TRIP] >= 0.0:
            path = runs.path[int(way[R_TRIP])]
            k = paths.stop_first[path + 1] - 1
            if (
                way[R_S] != _NOWHERE
                and math.hypot(x - paths.stop_x[k], y - paths.stop_y[k]) <= rules.terminal_m
            ):
                near = paths.stop_s[k]
                if near - way[R_S] <= rules.gate_m + rules.speed_m_s * (time_s - way[R_TIME]):
                    _feed(out, vehicle, paths, runs, rules, way, near, time_s, trust)
            close(out, vehicle, paths, runs, rules, way)
        way[R_TRIP] = trip
        way[R_DAY] = day
        way[R_S] = _NOWHERE
        k = paths.stop_first[runs.path[int(trip)]]
        off_start_m = math.hypot(way[R_RAW_X] - paths.stop_x[k], way[R_RAW_Y] - paths.stop_y[k])
        if off_start_m <= rules.terminal_m and 0.0 < time_s - way[R_RAW_TIME] <= rules.forget_s:
            _feed(out, vehicle, paths, runs, rules, way, min(s, paths.stop_s[k]), way[R_RAW_TIME], trust)
    elif s < way[R_S] - rules.terminal_m:
        way[R_S] = _NOWHERE  # back at its start: it had not begun
    _feed(out, vehicle, paths, runs, rules, way, s, time_s, trust)
    remember(way, time_s, x, y)
