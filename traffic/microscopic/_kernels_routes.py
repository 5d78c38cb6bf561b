"""Who has several routes takes the fastest one by the traffic of the moment in which it is chosen."""

from __future__ import annotations

from traffic._kernels_jit import small
from traffic.microscopic._kernels_tables import (
    BEHIND,
    EDGE,
    EDGE_LANE,
    FACTOR,
    FASTEST,
    FINAL_STAGE,
    FIRST,
    FIRST_STAGE,
    LAST_OPTION,
    LAST_STAGE,
    OPTION,
    SPEED,
    STAGE,
    TRACK_LENGTH,
    TRACK_SPEED,
    WINDOW_S,
    World,
)

_NO_LIMIT = 1e18
_CREEPING_M_S = 0.001


@small
def note_pace(world: World, second: int) -> None:
    """Bring the mean speeds on all edges up to date; an empty edge has its speed limit."""
    now = second % WINDOW_S
    for edge in range(len(world.pace)):
        first = world.edge[edge, EDGE_LANE]
        total, count = 0.0, 0
        for lane in range(first, world.edge[edge + 1, EDGE_LANE]):
            who = world.ends[lane, FIRST]
            while who >= 0:
                total += world.car[who, SPEED]
                count += 1
                who = world.at[who, BEHIND]
        speed = total / count if count else world.track[first, TRACK_SPEED]
        world.pace[edge] += (speed - world.paces[now, edge]) / WINDOW_S
        world.paces[now, edge] = speed


@small
def choose_route(world: World, who: int) -> None:
    """Let `who` take the fastest of the routes open to it."""
    least = _NO_LIMIT
    for option in range(world.at[who, OPTION], world.at[who, LAST_OPTION] + 1):
        needed = _needed_s(world, who, world.option[option, FIRST_STAGE], world.option[option, FINAL_STAGE])
        if needed < least:
            least = needed
            world.at[who, STAGE] = world.option[option, FIRST_STAGE]
            world.at[who, LAST_STAGE] = world.option[option, FINAL_STAGE]


@small
def _needed_s(world: World, who: int, first: int, final: int) -> float:
    """Return how long a route takes at the present mean speeds, but no faster than `who` would drive."""
    needed = 0.0
    for stage in range(first, final + 1):
        edge = world.stage[stage, EDGE]
        lane = world.edge[edge, EDGE_LANE]
        fastest = min(world.track[lane, TRACK_SPEED] * world.car[who, FACTOR], world.car[who, FASTEST])
        needed += world.track[lane, TRACK_LENGTH] / max(min(world.pace[edge], fastest), _CREEPING_M_S)
        needed += world.way_s[stage]
    return needed
