"""The arrays that the kernels of matching share, and the columns of what they remember of each vehicle."""

from __future__ import annotations

from typing import NamedTuple

from traffic._kernels_jit import F1, I1, U1, OutF2, OutI1

# What became of a position: `transit.matching.Fate`
MATCHED, NO_PLACE, DUPLICATE, OUT_OF_ORDER, CLOCK, UNKNOWN, NO_TRIP, BETWEEN, OFF_ROUTE, CONTRADICTED = range(
    10
)

BUFFER = 8
"""Positions of a vehicle that wait for one that is under way."""
BEAM = 8
"""Hypotheses of a vehicle."""
WINDOW = 16
"""Positions that later ones may still change the mind about."""
PLACES = 4
"""Places of a path that one position may be at: where it meets itself."""
CANDIDATES = 64
"""Pairs of trip and place that one position may be at."""

TOO_EARLY = 1000.0
"""Cost of beginning a trip that is not to begin yet: none does."""

# Columns of a position that waits
P_TIME, P_X, P_Y, P_HEADING, P_SERIAL, P_GROUP = range(6)
P_COLUMNS = 6
# Columns of State.order, a row a vehicle: the buffer stands behind them
NEWEST, DONE, WAITING, HAS_SUSPECT, SUSPECT = range(5)
QUEUE = SUSPECT + P_COLUMNS
ORDER_COLUMNS = QUEUE + (BUFFER + 1) * P_COLUMNS
# Columns of a hypothesis
H_COST, H_TRIP, H_DAY, H_S, H_TIME, H_X, H_Y = range(7)
H_COLUMNS = 7
# Columns of State.beam: the count, then hypotheses by cost
BEAM_COLUMNS = 1 + BEAM * H_COLUMNS
# Columns of a position in the window, and of what a hypothesis takes it for
W_SERIAL, W_TIME, W_X, W_Y, W_REASON = range(5)
E_PARENT, E_TRIP, E_DAY, E_S, E_OFF = range(5)
E_COLUMNS = 5
SLOT = 5 + BEAM * E_COLUMNS
# Columns of State.window: first slot, count, then slots
WINDOW_COLUMNS = 2 + WINDOW * SLOT
# Columns of State.way: the run under way, its last two positions, the stop ahead
(
    R_TRIP,
    R_DAY,
    R_S,
    R_TIME,
    R_S_BEFORE,
    R_TIME_BEFORE,
    R_TRUST,
    R_NEXT,
    R_STAND,
    R_ARRIVAL,
    R_DEPARTURE,
    R_LEFT_S,
) = range(12)
R_CROSSED, R_RAW_TIME, R_RAW_X, R_RAW_Y = range(12, 16)
WAY_COLUMNS = 16
# Columns of a candidate
C_S, C_OFF, C_TRIP, C_DAY, C_COST, C_DUE = range(6)
C_COLUMNS = 6
# Columns of visits and of decided positions
V_VEHICLE, V_TRIP, V_DAY, V_STOP, V_ARRIVAL, V_DEPARTURE, V_TRUST = range(7)
V_COLUMNS = 7
D_SERIAL, D_FATE, D_TRIP, D_DAY, D_S, D_OFF = range(6)
D_COLUMNS = 6


class Paths(NamedTuple):
    """Lines that trips follow, in metres: vertices of path p are first[p] .. first[p + 1] - 1, its stops likewise."""

    first: I1
    x: F1
    y: F1
    s: F1
    stop_first: I1
    stop_s: F1
    stop_x: F1
    stop_y: F1
    duration_s: F1


class Grid(NamedTuple):
    """Segments by square cell, within each by path and place; a segment is named by its first vertex."""

    west: float
    south: float
    cell_m: float
    columns: int
    rows: int
    first: I1
    path: I1
    segment: I1


class Runs(NamedTuple):
    """Trips, days, and which trips a vehicle with some assignment may run.

    A group is a block, a route, or all trips; group g has rows group_first[g] .. group_first[g + 1] - 1, each a path and
    the trips on it by their start. From `groups` on, a group is a single trip.
    """

    path: I1
    first: I1
    service: I1
    block: I1
    start_s: F1
    end_s: F1
    arrival_s: F1
    departure_s: F1
    day_s: F1
    active: U1
    last_s: float
    groups: int
    group_first: I1
    group_path: I1
    trip_first: I1
    trip: I1


class Rules(NamedTuple):
    """See `transit.matching.MatchRules`."""

    gate_m: float
    noise_m: float
    early_s: float
    ahead_s: float
    late_s: float
    speed_m_s: float
    run_m_s: float
    stand_m_s: float
    stop_m: float
    terminal_m: float
    reorder_s: float
    clock_s: float
    forget_s: float
    skip_cost: float
    restart_cost: float
    detour_m: float
    early_scale_s: float
    late_scale_s: float


class State(NamedTuple):
    """What is remembered, a row a vehicle."""

    order: OutF2
    beam: OutF2
    window: OutF2
    way: OutF2


class Scratch(NamedTuple):
    """Room for one position."""

    place: OutF2
    candidate: OutF2
    before: OutF2
    rank: OutF2


class Out(NamedTuple):
    """What was found: `rows` of visits and of decided positions."""

    visit: OutF2
    decided: OutF2
    rows: OutI1
