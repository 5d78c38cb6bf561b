"""The run: signals and announcements, speeds, moves, lane changes, entries; second after second."""

from __future__ import annotations

from traffic._kernels_jit import borrowed, kernel, small
from traffic.microscopic._kernels_gaps import HALT_M_S, announce, gives_way, shown, way_on
from traffic.microscopic._kernels_lanes import change_lane, enter, put_before, take_out
from traffic.microscopic._kernels_routes import choose_route, note_pace
from traffic.microscopic._kernels_speed import next_speed
from traffic.microscopic._kernels_tables import (
    AHEAD,
    ARRIVED,
    BEHIND,
    BOUND,
    CAME_BY,
    DECIDES,
    DEPART,
    DUE,
    EDGE,
    EDGE_LANE,
    FACTOR,
    FASTEST,
    FIRST,
    GAIN,
    GAP,
    HALTED,
    HALTS,
    HELPS,
    LAST,
    LAST_STAGE,
    LENGTH,
    LOST_S,
    NEXT,
    NEXT_SPEED,
    NOBODY,
    OUTSIDE,
    POSITION,
    REACHED,
    SPEED,
    STAGE,
    TELEPORTED,
    TO_LANE,
    TRACK,
    TRACK_LENGTH,
    TRACK_LOSS,
    TRACK_OUT,
    TRACK_SPEED,
    WAITS_FIRST,
    WAITS_LAST,
    YIELDS,
    Habits,
    Lights,
    World,
)

_REAR_M = 0.1


@small
def _move(world: World, lights: Lights, who: int, second: int) -> None:
    """Move `who` for one second, on to the next tracks where its own ends."""
    car, at = world.car, world.at
    track, speed = at[who, TRACK], car[who, NEXT_SPEED]
    fastest = min(world.track[track, TRACK_SPEED] * car[who, FACTOR], car[who, FASTEST])
    if speed < HALT_M_S:
        world.totals[HALTS] += at[who, HALTED] == 0
        at[who, HALTED] += 1
    else:
        at[who, HALTED] = 0
    lost = max(fastest - speed, 0.0) / fastest
    world.totals[LOST_S] += lost
    world.track[track, TRACK_LOSS] += lost
    car[who, SPEED] = speed
    car[who, POSITION] += speed
    while car[who, POSITION] >= world.track[track, TRACK_LENGTH]:
        following = _following_track(world, lights, who, track, second)
        if following == OUTSIDE:
            return
        if following == track:
            car[who, POSITION], car[who, SPEED] = world.track[track, TRACK_LENGTH] - _REAR_M, 0.0
            return
        position = car[who, POSITION] - world.track[track, TRACK_LENGTH]
        world.track[track, TRACK_OUT] += 1.0
        take_out(world, who)
        last = world.ends[following, LAST]
        if last >= 0 and position > car[last, POSITION] - car[last, LENGTH] - _REAR_M:
            position = car[last, POSITION] - car[last, LENGTH] - _REAR_M
            car[who, SPEED] = min(car[who, SPEED], car[last, SPEED])
        car[who, POSITION] = position
        put_before(world, who, following, NOBODY)
        at[who, HELPS] = NOBODY
        car[who, GAIN] = 0.0
        track = following


@small
def _following_track(world: World, lights: Lights, who: int, track: int, second: int) -> int:
    """Return the track after `track`: itself where the lane does not lead on, OUTSIDE at the end of the route."""
    at, room = world.at, world.car[who, LENGTH] + world.car[who, GAP]
    if track >= world.lanes:
        lane = world.conn[track - world.lanes, TO_LANE]
        world.track[lane, BOUND] -= room
        at[who, STAGE] += 1
        return int(lane)
    if at[who, STAGE] >= at[who, LAST_STAGE]:
        world.track[track, TRACK_OUT] += 1.0
        take_out(world, who)
        at[who, TRACK] = ARRIVED
        world.totals[REACHED] += 1.0
        return OUTSIDE
    c = way_on(world, track, at[who, STAGE])
    if c < 0:
        return int(track)
    at[who, YIELDS] = gives_way(world, c, shown(world, lights, c, second))
    at[who, CAME_BY] = c
    world.track[world.conn[c, TO_LANE], BOUND] += room
    return int(world.lanes + c)


@small
def _give_up(world: World, habits: Habits, who: int) -> None:
    """Take who has halted too long at the head of a track to the next edge of his route."""
    at, track = world.at, world.at[who, TRACK]
    if track < 0 or at[who, HALTED] <= habits.teleport_s or at[who, AHEAD] >= 0:
        return
    if track >= world.lanes:
        lane = world.conn[track - world.lanes, TO_LANE]
        world.track[lane, BOUND] -= world.car[who, LENGTH] + world.car[who, GAP]
    elif at[who, STAGE] >= at[who, LAST_STAGE]:
        return
    take_out(world, who)
    at[who, TRACK] = OUTSIDE
    at[who, STAGE] += 1
    at[who, HALTED] = 0
    world.totals[TELEPORTED] += 1.0
    _line_up(world, who, world.stage[at[who, STAGE], EDGE])


@small
def _line_up(world: World, who: int, edge: int) -> None:
    """Let `who` wait to enter an edge, behind those who wait there."""
    last = world.edge[edge, WAITS_LAST]
    if last >= 0:
        world.at[last, NEXT] = who
    else:
        world.edge[edge, WAITS_FIRST] = who
    world.edge[edge, WAITS_LAST] = who
    world.at[who, NEXT] = NOBODY


@small
def _let_in(world: World) -> None:
    """Let in who finds room, in the order of the queues, and count the seconds of the others."""
    for edge in range(len(world.edge) - 1):
        who = world.edge[edge, WAITS_FIRST]
        while who >= 0 and enter(world, who, edge):
            who = world.at[who, NEXT]
            world.edge[edge, WAITS_FIRST] = who
        if who < 0:
            world.edge[edge, WAITS_LAST] = NOBODY
        lane = world.edge[edge, EDGE_LANE]
        while who >= 0:
            world.totals[LOST_S] += 1.0
            world.track[lane, TRACK_LOSS] += 1.0
            who = world.at[who, NEXT]


@kernel
def simulate(world: World, lights: Lights, habits: Habits, duration_s: int) -> None:
    """Run `duration_s` seconds from an empty network; vehicles are sorted by departure."""
    world, lights = borrowed(world), borrowed(lights)
    due = decided = 0
    for second in range(duration_s):
        if len(world.paces) > 0:
            note_pace(world, second)
            while decided < len(world.car) and world.car[decided, DECIDES] <= second:
                choose_route(world, decided)
                decided += 1
        world.coming_count[:] = 0
        count = 0
        for track in range(len(world.ends)):
            who = world.ends[track, FIRST]
            while who >= 0:
                world.active[count] = who
                count += 1
                announce(world, lights, who, second)
                who = world.at[who, BEHIND]
        for k in range(count):
            who = world.active[k]
            world.car[who, NEXT_SPEED] = next_speed(world, lights, habits, who, second)
        for k in range(count):
            _move(world, lights, world.active[k], second)
        for k in range(count):
            who = world.active[k]
            if 0 <= world.at[who, TRACK] < world.lanes:
                change_lane(world, habits, who)
        if habits.teleport_s > 0:
            for k in range(count):
                _give_up(world, habits, world.active[k])
        while due < len(world.car) and world.car[due, DEPART] <= second:
            _line_up(world, due, world.stage[world.at[due, STAGE], EDGE])
            due += 1
        _let_in(world)
    world.totals[DUE] = due
