"""Junctions: which way leads on, what the signal shows, whether there is room behind and a gap between others."""

from __future__ import annotations

from math import sqrt

from traffic._kernels_jit import small
from traffic.microscopic._kernels_following import braking_m, needed_m, travel_s
from traffic.microscopic._kernels_tables import (
    ACCEL,
    AHEAD,
    ARRIVES,
    BEHIND,
    BEST,
    BOUND,
    BRAKED,
    CAME_BY,
    DECEL,
    EDGE,
    EDGE_LANE,
    FACTOR,
    FASTEST,
    FIRST,
    FOE,
    FOE_BEGIN,
    FROM_LANE,
    GAP,
    GREEN,
    HALTED,
    IS_FOE,
    KEEP_CLEAR,
    LANE_CONN,
    LANE_EDGE,
    LAST,
    LAST_STAGE,
    LEAVES,
    LENGTH,
    LIGHT,
    MEETS_FROM,
    MEETS_UNTIL,
    MERGES,
    MINOR,
    NOBODY,
    PLACE,
    POSITION,
    RED,
    SEEN,
    SPEED,
    STAGE,
    TAU,
    TO_EDGE,
    TO_LANE,
    TRACK,
    TRACK_LENGTH,
    TRACK_SPEED,
    UNGOVERNED,
    WAITS,
    YELLOW,
    YIELDS_TO,
    Habits,
    Lights,
    World,
)

HALT_M_S = 0.1
_FAR_S = 20.0
_BRAKES_S = 30.0  # later comes who brakes, for the most impatient
_MOST_HOPS = 8
_LINE_M = 0.1


@small
def way_on(world: World, lane: int, stage: int) -> int:
    """Return the connection of a lane to the edge of the next stage, into a lane that leads on if there is one; -1 for none."""
    edge, lanes = world.stage[stage + 1, EDGE], world.stage[stage + 1, BEST]
    first_lane = world.edge[edge, EDGE_LANE]
    found = NOBODY
    for c in range(world.lane_at[lane, LANE_CONN], world.lane_at[lane + 1, LANE_CONN]):
        if world.conn[c, TO_EDGE] == edge:
            if (lanes >> (world.conn[c, TO_LANE] - first_lane)) & 1:
                return c
            if found < 0:
                found = c
    return found


@small
def shown(world: World, lights: Lights, c: int, second: int) -> int:
    """Return what the signal of a connection shows."""
    light = world.conn[c, LIGHT]
    if light < 0:
        return UNGOVERNED
    row = second % lights.period_s[light]
    return int(lights.code[lights.begin[light] + row * lights.width[light] + world.conn[c, PLACE]])


@small
def gives_way(world: World, c: int, shows: int) -> bool:
    """Tell whether a vehicle that may go has to give way."""
    return bool(shows != GREEN and world.conn[c, MINOR])


@small
def has_room(world: World, c: int, who: int, spare_m: float) -> bool:
    """Tell whether `who` would find room beyond the junction.

    That is behind the last who stands, less what all who move up to him need; where nobody stands, on the whole lane, or
    beyond it if `who` is fast enough to see past the junction (`spare_m` from where it begins) and
    the last there is in a lane that leads on.
    """
    lane = world.conn[c, TO_LANE]
    needed = world.car[who, LENGTH] + world.car[who, GAP]
    taken = world.track[lane, BOUND]
    last = other = world.ends[lane, LAST]
    while other >= 0:
        if world.car[other, SPEED] < HALT_M_S:
            return bool(world.car[other, POSITION] - world.car[other, LENGTH] - taken >= needed)
        taken += world.car[other, LENGTH] + world.car[other, GAP]
        other = world.at[other, AHEAD]
    if last < 0 or world.track[lane, TRACK_LENGTH] - taken >= needed:
        return True
    return bool(spare_m >= world.track[world.lanes + c, TRACK_LENGTH] and not world.at[last, WAITS])


@small
def _hanging(world: World, way: int) -> int:
    """Return who has left a way but for its rear; -1 for nobody."""
    last = world.ends[world.conn[way, TO_LANE], LAST]
    if last >= 0 and world.at[last, CAME_BY] == way and world.car[last, POSITION] < world.car[last, LENGTH]:
        return int(last)
    return NOBODY


@small
def is_blocked(world: World, c: int) -> bool:
    """Tell whether somebody stands inside the junction, across the way of connection `c`."""
    car = world.car
    for k in range(world.conn[c, FOE_BEGIN], world.conn[c + 1, FOE_BEGIN]):
        foe = world.foe[k, FOE]
        other = world.ends[world.lanes + foe, FIRST]
        while other >= 0:
            waits = car[other, POSITION] <= world.stop_m[foe] + _LINE_M
            if (
                car[other, SPEED] < HALT_M_S
                and not waits
                and (
                    car[other, POSITION] > world.foe_m[k, MEETS_FROM]
                    and car[other, POSITION] - car[other, LENGTH] < world.foe_m[k, MEETS_UNTIL]
                )
            ):
                return True
            other = world.at[other, BEHIND]
        other = _hanging(world, foe)
        if other >= 0 and car[other, SPEED] < HALT_M_S:
            rear_m = world.track[world.lanes + foe, TRACK_LENGTH] + car[other, POSITION] - car[other, LENGTH]
            if rear_m < world.foe_m[k, MEETS_UNTIL]:
                return True
    return False


@small
def announce(world: World, lights: Lights, who: int, second: int) -> None:
    """Enter `who` with the connections ahead that others give way to, as far as he may go without asking."""
    car = world.car
    own, stage = world.at[who, TRACK], world.at[who, STAGE]
    speed, decel = car[who, SPEED], car[who, DECEL]
    soon = speed + car[who, ACCEL]
    sight_m = soon * (1.0 + car[who, TAU]) + braking_m(soon, decel)
    stopping_m = braking_m(speed, decel)
    ahead_m = world.track[own, TRACK_LENGTH] - car[who, POSITION]
    for hop in range(_MOST_HOPS):
        if own >= world.lanes:
            own = world.conn[own - world.lanes, TO_LANE]
            ahead_m += world.track[own, TRACK_LENGTH]
            stage += 1
        if stage >= world.at[who, LAST_STAGE]:
            return
        if hop and ahead_m > sight_m:
            return
        c = way_on(world, own, stage)
        if c < 0:
            return
        shows = shown(world, lights, c, second)
        if shows == RED or (shows == YELLOW and stopping_m <= ahead_m):
            return
        if (
            world.conn[c, KEEP_CLEAR]
            and stopping_m <= ahead_m
            and not has_room(world, c, who, sight_m - ahead_m)
        ):
            return
        own = world.lanes + c
        count = world.coming_count[c]
        if world.conn[c, IS_FOE] and count < SEEN:
            limit = min(car[who, FACTOR] * world.track[own, TRACK_SPEED], car[who, FASTEST])
            arrives = travel_s(ahead_m, speed, car[who, ACCEL], max(limit, speed))
            if arrives > _FAR_S:
                return
            beyond_m = ahead_m + world.track[own, TRACK_LENGTH] + car[who, LENGTH]
            row = SEEN * c + count
            world.coming[row, ARRIVES] = arrives
            world.coming[row, LEAVES] = travel_s(beyond_m, speed, car[who, ACCEL], limit)
            world.coming[row, BRAKED] = sqrt(max(speed * speed - 2.0 * decel * ahead_m, 0.0))
            world.coming_count[c] = count + 1
        ahead_m += world.track[own, TRACK_LENGTH]


@small
def _clears(world: World, k: int, who: int, beyond_m: float) -> bool:
    """Tell whether all on the way of foe `k` are out of the way of `who`, whose rear has `beyond_m` to go to be out of theirs."""
    car, foe = world.car, world.foe[k, FOE]
    stop_m = world.stop_m[foe]
    other = world.ends[world.lanes + foe, FIRST]
    while other >= 0:
        if stop_m <= 0.0 or car[other, POSITION] > stop_m + _LINE_M or car[other, SPEED] >= HALT_M_S:
            rear_m = car[other, POSITION] - car[other, LENGTH]
            if not world.foe[k, MERGES]:
                if rear_m < world.foe_m[k, MEETS_UNTIL]:
                    return False
            else:
                gap = beyond_m - car[who, LENGTH] - car[who, GAP]
                gap -= world.track[world.lanes + foe, TRACK_LENGTH] - rear_m
                needed = needed_m(car[who, SPEED], car[who, DECEL], car[who, TAU])
                if needed > gap + braking_m(car[other, SPEED], car[other, DECEL]):
                    return False
        other = world.at[other, BEHIND]
    return True


@small
def finds_gap(world: World, habits: Habits, c: int, who: int, ahead_m: float) -> bool:
    """Tell whether `who`, `ahead_m` before the point where he gives way on connection `c`, finds a gap."""
    car, lookahead_s = world.car, habits.lookahead_s
    patience_s = habits.impatience_s
    hope_s = _BRAKES_S * min(world.at[who, HALTED] / patience_s, 1.0) if patience_s > 0.0 else 0.0
    own = world.lanes + c
    limit = min(car[who, FACTOR] * world.track[own, TRACK_SPEED], car[who, FASTEST])
    beyond_m = world.track[own, TRACK_LENGTH] - world.stop_m[c] + car[who, LENGTH]
    speed, accel = car[who, SPEED], car[who, ACCEL]
    arrives = travel_s(ahead_m, speed, accel, limit)
    leaves = travel_s(ahead_m + beyond_m, speed, accel, limit)
    leaving = min(sqrt(speed * speed + 2.0 * accel * (ahead_m + beyond_m)), limit)
    for k in range(world.conn[c, FOE_BEGIN], world.conn[c + 1, FOE_BEGIN]):
        if not world.foe[k, YIELDS_TO]:
            continue
        foe, merges = world.foe[k, FOE], world.foe[k, MERGES]
        if not _clears(world, k, who, ahead_m + beyond_m):
            return False
        other = NOBODY if merges else _hanging(world, foe)
        if other >= 0:
            rear_m = world.track[world.lanes + foe, TRACK_LENGTH] + car[other, POSITION] - car[other, LENGTH]
            if rear_m < world.foe_m[k, MEETS_UNTIL]:
                return False
        for row in range(SEEN * foe, SEEN * foe + world.coming_count[foe]):
            if world.coming[row, LEAVES] < arrives:
                if merges and arrives - world.coming[row, LEAVES] < lookahead_s:
                    return False
            elif world.coming[row, ARRIVES] + _hoped_s(world, row, arrives, hope_s) > leaves + lookahead_s:
                if merges and world.coming[row, BRAKED] > leaving:
                    return False
            else:
                return False
    return True


@small
def _hoped_s(world: World, row: int, arrives: float, hope_s: float) -> float:
    """Return how much later one hopes that who is announced in `row` comes: not at all if he comes first or cannot stop."""
    stops = world.coming[row, BRAKED] <= 0.0 and world.coming[row, ARRIVES] > arrives
    return hope_s if stops else 0.0


@small
def edge_of(world: World, track: int) -> int:
    """Return the edge of a lane, or the one that a connection leaves."""
    if track >= world.lanes:
        return int(world.lane_at[world.conn[track - world.lanes, FROM_LANE], LANE_EDGE])
    return int(world.lane_at[track, LANE_EDGE])
