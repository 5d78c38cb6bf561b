"""The tables that the kernels of the microscopic model share.

A track is a lane, or the way of a connection through its junction: track ``LANES + c`` for connection c, where LANES is the
number of lanes. Lanes are sorted by edge and within it from the right, connections by the lane that they leave. Tables
hold one vehicle, track or connection a row.
"""

from __future__ import annotations

from typing import NamedTuple

from traffic._kernels_jit import F1, F2, I1, I2, U1, OutF1, OutF2, OutI1, OutI2

# Columns of World.car
(
    POSITION,
    SPEED,
    NEXT_SPEED,
    MOST,
    GAIN,
    LENGTH,
    GAP,
    ACCEL,
    DECEL,
    SIGMA,
    TAU,
    FACTOR,
    FASTEST,
    DEPART,
    DEPART_SPEED,
    DECIDES,
) = range(16)
CAR_COLUMNS = 16
# Columns of World.at: where a vehicle is; AHEAD and BEHIND are its neighbours on the track, NEXT the one after it in
# a queue that waits to enter; CAME_BY is the connection that it took last, WAITS tells that it will not pass the next line;
# its routes are OPTION to LAST_OPTION
(
    TRACK,
    AHEAD,
    BEHIND,
    STAGE,
    LAST_STAGE,
    HELPS,
    HALTED,
    YIELDS,
    NEXT,
    DEPART_LANE,
    CAME_BY,
    WAITS,
    OPTION,
    LAST_OPTION,
) = range(14)
AT_COLUMNS = 14
# Columns of World.track
TRACK_LENGTH, TRACK_SPEED, BOUND, TRACK_LOSS, TRACK_OUT = range(5)
TRACK_COLUMNS = 5
# Columns of World.ends: first and last vehicle on a track
FIRST, LAST = range(2)
# Columns of World.lane_at: its edge, its first connection, its first place in `way_in`; the row after the last lane closes
LANE_EDGE, LANE_CONN, LANE_IN = range(3)
# Columns of World.edge: its first lane, the first and last vehicle that waits to enter; one row more closes the ranges
EDGE_LANE, WAITS_FIRST, WAITS_LAST = range(3)
# Columns of World.conn
FROM_LANE, TO_LANE, TO_EDGE, LIGHT, PLACE, FOE_BEGIN, KEEP_CLEAR, IS_FOE, MINOR = range(9)
CONN_COLUMNS = 9
# Columns of World.foe and World.foe_m
FOE, MERGES, YIELDS_TO = range(3)
MEETS_FROM, MEETS_UNTIL = range(2)
# Columns of World.coming, for each of the SEEN vehicles that a connection expects
ARRIVES, LEAVES, BRAKED = range(3)
SEEN = 6

NOBODY = -1
OUTSIDE = -1
ARRIVED = -2
ANY_BEST, RIGHTMOST = -1, -2
"""DEPART_LANE where none is named: the best lane with most room, or the rightmost one."""

# Columns of World.stage
EDGE, WANTED, BEST = range(3)
# Columns of World.option
FIRST_STAGE, FINAL_STAGE = range(2)
WINDOW_S = 180
"""Over how many seconds the mean speed on an edge is told to those who choose a route; SUMO's default."""

# What a signal shows; UNGOVERNED where there is none.
RED, YELLOW, GAPS, STOP_THEN_GAPS, GREEN, UNGOVERNED = range(6)


class World(NamedTuple):
    """Network, vehicles and the state of one run.

    Attributes
    ----------
    lanes
        Number of lanes.
    way_in
        Connections, sorted by the lane that they lead into; ranges begin at LANE_IN of `lane_at`.
    stop_m
        Where on the way through the junction a vehicle of each connection waits for its gap; 0: before the junction.
    foe, foe_m
        The connections whose way each one meets, whether both lead into one lane and whether it gives way to them; and from
        where to where on the way of the foe they meet. Ranges begin at FOE_BEGIN of `conn`.
    stage
        Edge, the lanes of it (bits from the right) to change to, and those to take at its beginning, as they lead on
        farthest, of each stage of all routes.
    way_s
        Time from the edge of each stage to the next one through the junction, without traffic.
    option
        First and last stage of each route.
    pace, paces
        Mean speed on each edge in the last seconds, and in each of them; shape (WINDOW_S, edges), none where nobody chooses.
    coming
        Vehicles that approach each connection; `coming_count` says how many.
    """

    lanes: int
    car: OutF2
    at: OutI2
    track: OutF2
    ends: OutI2
    lane_at: I2
    edge: OutI2
    conn: I2
    way_in: I1
    stop_m: F1
    foe: I2
    foe_m: F2
    stage: I2
    way_s: F1
    option: I2
    pace: OutF1
    paces: OutF2
    coming: OutF2
    coming_count: OutI1
    active: OutI1
    totals: OutF1


# Entries of World.totals
LOST_S, DUE, REACHED, TELEPORTED, HALTS = range(5)
TOTALS = 5


class Lights(NamedTuple):
    """What each place of each signal shows in each second of its cycle; row by row in `code`."""

    begin: I1
    period_s: I1
    width: I1
    code: U1


class Habits(NamedTuple):
    """Numbers of drivers that vehicle types do not tell.

    Attributes
    ----------
    sight_m
        From how far away one who gives way sees whether there is a gap.
    stop_line_m
        Distance kept from the stop line.
    lookahead_s
        Time between vehicles that cross, and into one lane.
    help_m_s2
        Deceleration to let somebody change lanes.
    eager
        Advantage, summed over seconds, for which one changes lanes.
    impatience_s
        After so long a halt one expects all others to brake who can; 0 for never.
    teleport_s
        After so long a halt the first of a track is moved to its next edge; 0 for never.
    seed
        Of the imperfection of drivers.
    """

    sight_m: float
    stop_line_m: float
    lookahead_s: float
    help_m_s2: float
    eager: float
    impatience_s: float
    teleport_s: int
    seed: int
