"""Where vehicles are after each event, and what they have just done; which calls are ahead of them."""

from __future__ import annotations

import math
from typing import NamedTuple

from traffic._kernels_jit import F1, I1, U1, OutF1, OutF2, OutI1, OutU1, kernel

__all__ = ["Vehicles", "ahead", "follow"]


class Vehicles(NamedTuple):
    """State: of runs, and in `passed_s` of places.

    Attributes
    ----------
    at
        The last call that was seen, or -1.
    left
        1 where the vehicle has left it.
    since_s
        The time of the last event.
    came_s
        When the vehicle came to `at`; NaN where that was not seen.
    headway_s
        Since the vehicle before, when it left the last time; NaN where there was none.
    passed_s
        When the last vehicle left each place.
    """

    at: OutI1
    left: OutU1
    since_s: OutF1
    came_s: OutF1
    headway_s: OutF1
    passed_s: OutF1


@kernel
def follow(
    time_s: F1,
    call: I1,
    departed: U1,
    run: I1,
    first: I1,
    place: I1,
    state: Vehicles,
    passages: OutF2,
    dwells: OutF2,
    count: OutI1,
) -> None:
    """Bring the state forward, and write stretches that were run (call, left, seconds) and dwells (call, came, seconds, headway).

    What is late, a repeated event or one of a stop that is behind, changes nothing.
    """
    ran, stood = 0, 0
    for i in range(len(time_s)):
        c, t = call[i], time_s[i]
        r = run[c]
        at = state.at[r]
        if at >= 0:
            if c < at or t < state.since_s[r]:
                continue
            if c == at and (state.left[r] != 0 or departed[i] == 0):
                continue
        if c != at:
            if at >= 0 and c == at + 1 and state.left[r] != 0:
                passages[ran, 0], passages[ran, 1] = c - 1, state.since_s[r]
                passages[ran, 2] = t - state.since_s[r]
                ran += 1
            state.at[r] = c
            state.came_s[r] = t if departed[i] == 0 else math.nan
            state.left[r] = 0
        if departed[i] != 0:
            before = state.passed_s[place[c]]
            came = state.came_s[r]
            if c != first[r] and not math.isnan(came):
                dwells[stood, 0], dwells[stood, 1] = c, came
                dwells[stood, 2], dwells[stood, 3] = t - came, came - before
                stood += 1
            state.headway_s[r] = t - before
            state.passed_s[place[c]] = t
            state.left[r] = 1
        state.since_s[r] = t
    count[0], count[1] = ran, stood


@kernel
def ahead(
    now_s: float,
    horizon_s: float,
    stale_s: float,
    first: I1,
    follows: I1,
    arrival_s: F1,
    departure_s: F1,
    at: I1,
    since_s: F1,
    vehicle: OutI1,
    call: OutI1,
) -> int:
    """Write the calls ahead of each vehicle under way, that where it is or was last included; return how many rows.

    ``vehicle[k]`` is the row at which vehicle k begins, and ``vehicle[-1]`` how many vehicles there are. Where `call` is too
    short nothing is written beyond its end: call again with a longer one.
    """
    rows, vehicles = 0, 0
    for r in range(len(first) - 1):
        c = at[r]
        if c < 0:
            continue
        last, after = first[r + 1] - 1, follows[r]
        if after >= 0 and at[after] >= 0:
            after = -1
        if c == last and after < 0:
            continue
        following = c + 1 if c < last else first[after]
        if now_s - max(since_s[r], departure_s[following]) > stale_s:
            continue
        vehicle[vehicles] = rows
        vehicles += 1
        until_s = departure_s[c] + horizon_s
        if c == last:
            until_s = max(until_s, now_s + horizon_s)
        if rows < len(call):
            call[rows] = c
        rows += 1
        for k in range(c + 1, last + 1):
            if arrival_s[k] <= until_s:
                if rows < len(call):
                    call[rows] = k
                rows += 1
        if after >= 0 and arrival_s[last] <= until_s:
            for k in range(first[after], first[after + 1]):
                if arrival_s[k] <= until_s:
                    if rows < len(call):
                        call[rows] = k
                    rows += 1
    vehicle[vehicles] = rows
    vehicle[len(vehicle) - 1] = vehicles
    return rows
