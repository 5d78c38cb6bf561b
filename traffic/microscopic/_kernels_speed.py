"""The speed of each vehicle in the next second: the least of what its leader, its way and its signal allow."""

from __future__ import annotations

from traffic._kernels_jit import small
from traffic.microscopic._kernels_following import (
    braking_m,
    chance,
    easing_speed,
    following_speed,
    safe_speed,
)
from traffic.microscopic._kernels_gaps import (
    HALT_M_S,
    edge_of,
    finds_gap,
    gives_way,
    has_room,
    is_blocked,
    shown,
    way_on,
)
from traffic.microscopic._kernels_tables import (
    ACCEL,
    AHEAD,
    DECEL,
    FACTOR,
    FASTEST,
    HELPS,
    KEEP_CLEAR,
    LAST,
    LAST_STAGE,
    MOST,
    NOBODY,
    POSITION,
    RED,
    SIGMA,
    SPEED,
    STAGE,
    TAU,
    TO_LANE,
    TRACK,
    TRACK_LENGTH,
    TRACK_SPEED,
    WAITS,
    YELLOW,
    YIELDS,
    Habits,
    Lights,
    World,
)

_NO_LIMIT = 1e9
_LINE_M = 0.1
_EMERGENCY_M_S2 = 9.0
_MOST_HOPS = 8


@small
def next_speed(world: World, lights: Lights, habits: Habits, who: int, second: int) -> float:
    """Return the speed of `who` in the next second."""
    car, own = world.car, world.at[who, TRACK]
    speed, decel, accel = car[who, SPEED], car[who, DECEL], car[who, ACCEL]
    free = min(speed + accel, world.track[own, TRACK_SPEED] * car[who, FACTOR], car[who, FASTEST])
    most = min(free, _for_neighbours(world, habits, who, own))
    most = _ahead(world, lights, habits, who, second, most)
    return _imperfect(most, speed, accel, decel, car[who, SIGMA] * chance(habits.seed, who, second))


@small
def _imperfect(most: float, speed: float, accel: float, decel: float, luck: float) -> float:
    """Return the speed of a driver who fails to use all of it; who starts does so less."""
    chosen = max(most, speed - _EMERGENCY_M_S2, 0.0)
    slowed = chosen - luck * min(accel, chosen)
    return max(slowed, min(chosen, speed - decel))


@small
def _for_neighbours(world: World, habits: Habits, who: int, own: int) -> float:
    """Return the speed behind the own leader, and beside those who change lanes."""
    car, at = world.car, world.at
    most = _NO_LIMIT
    leader = at[who, AHEAD]
    if leader >= 0:
        most = following_speed(car, who, leader, car[leader, POSITION])
    helped = at[who, HELPS]
    if helped >= 0:
        track = at[helped, TRACK]
        if 0 <= track < world.lanes and edge_of(world, track) == edge_of(world, own):
            slower = car[who, SPEED] - habits.help_m_s2
            most = min(most, max(following_speed(car, who, helped, car[helped, POSITION]), slower))
        at[who, HELPS] = NOBODY
    if car[who, MOST] < _NO_LIMIT:
        most = min(most, max(car[who, MOST], 0.0))
        car[who, MOST] = _NO_LIMIT
    return most


@small
def _ahead(world: World, lights: Lights, habits: Habits, who: int, second: int, most: float) -> float:
    """Return the speed, at `most` that given, that the way ahead allows, as far as `who` has to see."""
    car, track, stage = world.car, world.at[who, TRACK], world.at[who, STAGE]
    speed, decel, factor = car[who, SPEED], car[who, DECEL], car[who, FACTOR]
    soon = speed + car[who, ACCEL]
    sight_m = soon * (1.0 + car[who, TAU]) + braking_m(soon, decel)
    stopping_m = braking_m(speed, decel)
    ahead_m = world.track[track, TRACK_LENGTH] - car[who, POSITION]
    led = world.at[who, AHEAD] >= 0
    world.at[who, WAITS] = 0
    if track >= world.lanes:
        c = track - world.lanes
        wait_m = world.stop_m[c] - car[who, POSITION]
        yields = world.at[who, YIELDS] and 0.0 < wait_m <= sight_m and stopping_m <= wait_m
        if yields and not _may_pass(world, habits, c, who, wait_m):
            world.at[who, WAITS] = 1
            most = min(most, safe_speed(wait_m - _LINE_M, decel, 1.0))
    for _ in range(_MOST_HOPS):
        if ahead_m > sight_m:
            break
        if track < world.lanes:
            if stage >= world.at[who, LAST_STAGE]:
                break
            c = way_on(world, track, stage)
            if c < 0:
                world.at[who, WAITS] = 1
                return min(most, safe_speed(ahead_m - _LINE_M, decel, 1.0))
            shows = shown(world, lights, c, second)
            can_stop = stopping_m <= ahead_m
            if shows <= YELLOW and can_stop:
                line_m = min(habits.stop_line_m, ahead_m - stopping_m)
                return _stopping(world, who, most, safe_speed(ahead_m - line_m, decel, 1.0))
            if (
                can_stop
                and world.conn[c, KEEP_CLEAR]
                and (not has_room(world, c, who, sight_m - ahead_m) or is_blocked(world, c))
            ):
                return _stopping(world, who, most, safe_speed(ahead_m - _LINE_M, decel, 1.0))
            yields = shows > RED and gives_way(world, c, shows)
            if yields:
                wait_m = ahead_m + world.stop_m[c]
                if stopping_m <= wait_m <= sight_m and not _may_pass(world, habits, c, who, wait_m):
                    world.at[who, WAITS] = 1
                    most = min(most, safe_speed(wait_m - _LINE_M, decel, 1.0))
                    if world.stop_m[c] <= 0.0:
                        return most
            if most < min(decel, soon) and most <= safe_speed(ahead_m - _LINE_M, decel, 1.0):
                world.at[who, WAITS] = 1
            track = world.lanes + c
        else:
            track = world.conn[track - world.lanes, TO_LANE]
            stage += 1
        most = min(most, easing_speed(ahead_m, world.track[track, TRACK_SPEED] * factor, decel))
        last = world.ends[track, LAST]
        if not led and last >= 0:
            along_m = car[last, POSITION] + ahead_m + car[who, POSITION]
            most = min(most, following_speed(car, who, last, along_m))
            led = True
        ahead_m += world.track[track, TRACK_LENGTH]
    return most


@small
def _stopping(world: World, who: int, most: float, stop_m_s: float) -> float:
    """Return the speed of `who` before a line that must not be crossed, and note whether it already brakes for it."""
    if stop_m_s < max(world.car[who, SPEED], HALT_M_S):
        world.at[who, WAITS] = 1
    return min(most, stop_m_s)


@small
def _may_pass(world: World, habits: Habits, c: int, who: int, wait_m: float) -> bool:
    """Tell whether `who`, near enough to see it, finds a gap for connection `c`."""
    return bool(wait_m <= habits.sight_m and finds_gap(world, habits, c, who, wait_m))
