"""Vehicles on their tracks: entering, changing lanes, and the order of those on one track."""

from __future__ import annotations

from traffic._kernels_jit import small
from traffic.microscopic._kernels_following import braking_m, following_speed, needed_m, safe_speed
from traffic.microscopic._kernels_tables import (
    AHEAD,
    ANY_BEST,
    BEHIND,
    DECEL,
    DEPART_LANE,
    DEPART_SPEED,
    EDGE_LANE,
    FACTOR,
    FASTEST,
    FIRST,
    GAIN,
    GAP,
    HELPS,
    LANE_CONN,
    LANE_EDGE,
    LANE_IN,
    LAST,
    LENGTH,
    MOST,
    NOBODY,
    POSITION,
    RIGHTMOST,
    SPEED,
    STAGE,
    TAU,
    TRACK,
    TRACK_LENGTH,
    TRACK_SPEED,
    WANTED,
    Habits,
    World,
)

_SLACK_M = 1e-9
_CALM_M_S = 10.0
_WORSE_M_S = 5.0 / 3.6
_LANE_LOOK_M, _LANE_LOOK_S = 60.0, 10.0
_REAR_M = 0.1
_LEAST_M_S = 0.1


@small
def take_out(world: World, who: int) -> None:
    """Take `who` off its track."""
    at, track = world.at, world.at[who, TRACK]
    ahead, behind = at[who, AHEAD], at[who, BEHIND]
    if ahead >= 0:
        at[ahead, BEHIND] = behind
    else:
        world.ends[track, FIRST] = behind
    if behind >= 0:
        at[behind, AHEAD] = ahead
    else:
        world.ends[track, LAST] = ahead


@small
def put_before(world: World, who: int, track: int, follower: int) -> None:
    """Put `who` on a track right before `follower`; last where that is nobody."""
    at = world.at
    ahead = at[follower, AHEAD] if follower >= 0 else world.ends[track, LAST]
    at[who, AHEAD], at[who, BEHIND], at[who, TRACK] = ahead, follower, track
    if ahead >= 0:
        at[ahead, BEHIND] = who
    else:
        world.ends[track, FIRST] = who
    if follower >= 0:
        at[follower, AHEAD] = who
    else:
        world.ends[track, LAST] = who


@small
def _rear_gap(world: World, who: int, leader: int) -> float:
    car = world.car
    return float(car[leader, POSITION] - car[leader, LENGTH] - car[who, POSITION] - car[who, GAP])


@small
def _safely_behind(world: World, who: int, leader: int) -> bool:
    """Tell whether `who` could be behind `leader` without braking now."""
    return _has_gap(world, who, leader, _rear_gap(world, who, leader))


@small
def _has_gap(world: World, who: int, leader: int, gap: float) -> bool:
    """Tell whether `who` need not brake now, `gap` metres behind `leader`."""
    car = world.car
    need = needed_m(car[who, SPEED], car[who, DECEL], car[who, TAU])
    return bool(gap >= 0.0 and need <= gap + braking_m(car[leader, SPEED], car[leader, DECEL]) + _SLACK_M)


@small
def _leader_at(world: World, who: int, lane: int) -> int:
    """Return who would be ahead of `who` in another lane."""
    other = world.ends[lane, LAST]
    while other >= 0 and world.car[other, POSITION] < world.car[who, POSITION]:
        other = world.at[other, AHEAD]
    return int(other)


@small
def _behind_those_inside(world: World, who: int, lane: int) -> bool:
    """Tell whether `who` could be first in `lane`, behind those who have just left it and may still be partly there."""
    car = world.car
    for c in range(world.lane_at[lane, LANE_CONN], world.lane_at[lane + 1, LANE_CONN]):
        last = world.ends[world.lanes + c, LAST]
        if last >= 0:
            rear_m = world.track[lane, TRACK_LENGTH] + car[last, POSITION] - car[last, LENGTH]
            if not _has_gap(world, who, last, rear_m - car[who, POSITION] - car[who, GAP]):
                return False
    return True


@small
def _before_those_inside(world: World, who: int, lane: int) -> bool:
    """Tell whether `who` could be last in `lane`, before those who are about to come out of the junction into it."""
    car = world.car
    rear_m = car[who, POSITION] - car[who, LENGTH]
    for k in range(world.lane_at[lane, LANE_IN], world.lane_at[lane + 1, LANE_IN]):
        way = world.lanes + world.way_in[k]
        first = world.ends[way, FIRST]
        if first >= 0 and first != who:
            gap = rear_m + world.track[way, TRACK_LENGTH] - car[first, POSITION] - car[first, GAP]
            if not _has_gap(world, first, who, gap):
                return False
    return True


@small
def _fits(world: World, who: int, lane: int, leader: int, follower: int) -> bool:
    if leader >= 0:
        if not _safely_behind(world, who, leader):
            return False
    elif not _behind_those_inside(world, who, lane):
        return False
    if follower >= 0:
        return _safely_behind(world, follower, who)
    return _before_those_inside(world, who, lane)


@small
def _move(world: World, who: int, lane: int, follower: int) -> None:
    take_out(world, who)
    put_before(world, who, lane, follower)
    world.car[who, GAIN] = 0.0


@small
def change_lane(world: World, habits: Habits, who: int) -> None:
    """Move `who` to a neighbouring lane where its route wants that, or where it gets on better."""
    lane = world.at[who, TRACK]
    edge = world.lane_at[lane, LANE_EDGE]
    begin, end = world.edge[edge, EDGE_LANE], world.edge[edge + 1, EDGE_LANE]
    if end - begin < 2:
        return
    lead_on = world.stage[world.at[who, STAGE], WANTED]
    if (lead_on >> (lane - begin)) & 1:
        if not _overtake(world, habits, who, lane, 1, begin, end, lead_on):
            _overtake(world, habits, who, lane, -1, begin, end, lead_on)
        return
    left_m = world.track[lane, TRACK_LENGTH] - world.car[who, POSITION]
    if left_m <= _LANE_LOOK_M + world.car[who, SPEED] * _LANE_LOOK_S:
        _change_for_route(world, habits, who, _towards(lane, begin, end, lead_on))


@small
def _towards(lane: int, begin: int, end: int, lead_on: int) -> int:
    """Return the neighbour of `lane` on the way to the nearest lane that leads on."""
    for k in range(1, end - begin):
        if lane + k < end and (lead_on >> (lane + k - begin)) & 1:
            return lane + 1
        if lane - k >= begin and (lead_on >> (lane - k - begin)) & 1:
            return lane - 1
    return lane


@small
def _change_for_route(world: World, habits: Habits, who: int, lane: int) -> None:
    """Change if there is a gap; else the follower there opens one, and `who` slows down towards it."""
    if lane == world.at[who, TRACK]:
        return
    car = world.car
    leader = _leader_at(world, who, lane)
    follower = world.at[leader, BEHIND] if leader >= 0 else world.ends[lane, FIRST]
    if _fits(world, who, lane, leader, follower):
        _move(world, who, lane, follower)
        return
    if follower >= 0 and _rear_gap(world, follower, who) >= 0.0:
        world.at[follower, HELPS] = who
    if leader >= 0:
        behind = following_speed(car, who, leader, car[leader, POSITION])
        left_s = (world.track[lane, TRACK_LENGTH] - car[who, POSITION]) / max(car[who, SPEED], _LEAST_M_S)
        slowing = max(habits.help_m_s2, (car[who, SPEED] - behind) / max(left_s, 1.0))
        car[who, MOST] = max(car[who, SPEED] - min(slowing, car[who, DECEL]), behind)


@small
def _free_speed(world: World, who: int, lane: int, leader: int) -> float:
    car = world.car
    most = min(world.track[lane, TRACK_SPEED] * car[who, FACTOR], car[who, FASTEST])
    return float(min(most, following_speed(car, who, leader, car[leader, POSITION])) if leader >= 0 else most)


@small
def _overtake(
    world: World, habits: Habits, who: int, lane: int, side: int, begin: int, end: int, lead_on: int
) -> bool:
    """Change to the lane on one side (1: left) once its advantage has added up; GAIN is below 0 for the right."""
    car, other = world.car, lane + side
    if other < begin or other >= end or not (lead_on >> (other - begin)) & 1:
        return False
    here = _free_speed(world, who, lane, world.at[who, AHEAD])
    leader = _leader_at(world, who, other)
    there = _free_speed(world, who, other, leader)
    gain = (there - here) / max(there, _CALM_M_S)
    if here - _WORSE_M_S > there:
        if car[who, GAIN] * side > 0.0:
            car[who, GAIN] *= 0.5
    else:
        car[who, GAIN] += side * gain
    if car[who, GAIN] * side <= habits.eager or gain <= 0.0:
        return False
    follower = world.at[leader, BEHIND] if leader >= 0 else world.ends[other, FIRST]
    if not _fits(world, who, other, leader, follower):
        return False
    _move(world, who, other, follower)
    return True


@small
def enter(world: World, who: int, edge: int) -> bool:
    """Let `who` enter at the beginning of an edge, if there is room; return whether it did."""
    car = world.car
    lane = _entry_lane(world, who, edge)
    position = min(car[who, LENGTH] + _REAR_M, world.track[lane, TRACK_LENGTH])
    fastest = min(world.track[lane, TRACK_SPEED] * car[who, FACTOR], car[who, FASTEST])
    speed = min(car[who, DEPART_SPEED], fastest)
    leader = world.ends[lane, LAST]
    if leader >= 0:
        gap = car[leader, POSITION] - car[leader, LENGTH] - position - car[who, GAP]
        if gap < 0.0:
            return False
        room = gap + braking_m(car[leader, SPEED], car[leader, DECEL])
        speed = min(speed, safe_speed(room, car[who, DECEL], car[who, TAU]))
    car[who, POSITION], car[who, SPEED] = position, speed
    put_before(world, who, lane, NOBODY)
    return True


@small
def _entry_lane(world: World, who: int, edge: int) -> int:
    """Return the lane asked for, or the emptiest of those that lead on."""
    begin, end = world.edge[edge, EDGE_LANE], world.edge[edge + 1, EDGE_LANE]
    asked = world.at[who, DEPART_LANE]
    if asked == RIGHTMOST:
        return int(begin)
    if asked != ANY_BEST:
        return int(min(begin + asked, end - 1))
    lead_on = world.stage[world.at[who, STAGE], WANTED]
    best, fewest = begin, 1 << 30
    for lane in range(begin, end):
        if (lead_on >> (lane - begin)) & 1:
            count, other = 0, world.ends[lane, LAST]
            while other >= 0:
                count, other = count + 1, world.at[other, AHEAD]
            if count < fewest:
                best, fewest = lane, count
    return int(best)
