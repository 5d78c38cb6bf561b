"""The arrays that the kernels of the flow model share, and the codes that they speak in.

Tables hold one column a row (``link[ENTERED]`` is an array over links), so that passes over all links, lane groups or
connections run through memory in order and in vector instructions, and kernels take few arrays, which compile fast.
Links are sorted by the node at their end, lane groups by link, connections by lane group.
"""

from __future__ import annotations

from typing import NamedTuple

from traffic._kernels_jit import F1, F2, I1, U1, OutF1, OutF2, OutI1, OutI2

# What a movement may do in one second: `Signals.factor` holds the share of the second that counts. Codes up to
# LAST_GREEN are protected, LATE_GREEN and END_GREEN in the yellow. From SNEAK on, a permissive green is over: who waited
# for a gap leaves, once what he gave way to is no longer green either.
RED = 0
GREEN = 1
START_GREEN = 2
PART_GREEN = 3
LATE_GREEN = 4
END_GREEN = LAST_GREEN = 5
GAPS = 6
START_GAPS = 7
PART_GAPS = LAST_GAPS = 8
SNEAK = 9
END_SNEAK = 10
LATE_SNEAK = 11
CODES = 12

EPS = 1e-9
"""A queue of fewer vehicles is none."""

SLACK = 1e-12
"""Vehicles by which a link may be overfilled: rounding of sums, not physics."""

SATURATED = 1e3
"""Stands for the flow of a discharging queue, vehicles per second: leaves no gap at all."""

NOT_MIXED = -1.0
"""DRAW of a lane group whose connections always go together."""

NEVER = 2**31 - 1

# Columns of Tables.link: cumulative counts, limits, shares of the period, this second, books, constants
ENTERED, ARRIVED, RELEASED, LEFT, IN_BAYS, LEVEL, ROOM, ROOM_NOW = range(8)
EXITS, MOVED, FREE, UNSTOPPED, QUEUE_SUM, QUEUE_MAX = range(8, 14)
LAG_PART, CAPACITY, WAVE_PART, STORAGE, WANT, LOAD = range(14, 20)
LINK_COLUMNS = 20
# Columns of Tables.link_at
LAG_S, IN_BEGIN, IN_MASK, WAVE_S, OUT_BEGIN, OUT_MASK, LINK_GROUP, FROM_NODE = range(8)
LINK_AT_COLUMNS = 8
# Columns of Tables.group
QUEUE, QUEUE_NOW, SHARE, CAP, SENT, CAP_SUM, SAVED, PRESS = range(8)
SAT, OPENS, DRAW, CLAIM, REDUCTION, LANES, GROUP_STORAGE, CLAIM_RATE = range(8, 16)
GROUP_COLUMNS = 16
# Columns of Tables.group_at
GROUP_LINK, GROUP_CONN, LIVE_FROM = range(3)
GROUP_AT_COLUMNS = 3
# Columns of Tables.conn
FLOW, MIX, PASSED, SEEN, CONN_CAP, OPEN, FREELY, WAITING = range(8)
CEILING, GAP_SCALE, FLOOR, CONN_SAT, CONN_FOOT = range(8, 13)
CONN_COLUMNS = 13
# Columns of Tables.conn_at
CONN_GROUP, CONN_OUT, CONN_GAPS = range(3)
CONN_AT_COLUMNS = 3
# Columns of Tables.node_at
NODE_GROUP, NODE_OUT, SHORT, IS_SHORT = range(4)
NODE_AT_COLUMNS = 4
# Columns of Tables.entry
OUTSIDE, OUTSIDE_SUM = range(2)
ENTRY_COLUMNS = 2
# Rows of Tables.live, lists: lane groups, their connections, those of these that others give way to
LIVE_GROUPS, LIVE_CONNS, LIVE_SEEN = range(3)
LIVE_ROWS = 3


class Tables(NamedTuple):
    """The network and the state of one run.

    The integer tables ``*_at`` have one entry more than their table, because columns that name the first row of
    another table (``LINK_GROUP``, ``GROUP_CONN`` and so on) need the end of the last. `ring` holds two ring buffers of
    each link: vehicles that entered it, and vehicles that left its running lanes. `todo` is scratch: rows of work in this
    second. `live` lists what may move: most lane groups of which all connections show red are left out; they send nothing.
    `group` and `conn` lie one after the other in `state`.
    """

    link: OutF2
    link_at: OutI2
    state: OutF1
    group: OutF2
    group_at: OutI2
    conn: OutF2
    conn_at: OutI2
    node_at: OutI2
    entry: OutF2
    ring: OutF1
    todo: OutI1
    live: OutI2
    out_link: I1
    bay: I1
    entry_link: I1
    gap_table: F1


class Shares(NamedTuple):
    """What changes with the demand period; one row a period."""

    periods: int
    entry: F2
    exits: F2
    group: F2
    mix: F2


class Signals(NamedTuple):
    """Encoded patterns by connection: `code` in this second and seconds for which it stays.

    `begin` is -1 for a connection without a signal, which always shows `without`. `yielding` are the connections that may
    have to find gaps, those with `conflict[conflict_begin[i]]` and on before the i-th; `yields_at` is the i of each
    connection, -1 for those that are not among them; `conflict_part` is the part of each flow that counts.
    `watched` tells of each connection
    whether another gives way to it. `mixed` are the lane groups whose connections do not always go together.
    """

    begin: I1
    period_s: I1
    code: U1
    stay_s: I1
    without: U1
    factor: F1
    yields_at: I1
    yielding: I1
    conflict_begin: I1
    conflict: I1
    conflict_part: F1
    watched: U1
    mixed: I1


class Settings(NamedTuple):
    """Plain numbers of one run."""

    duration_s: int
    report_s: int
    period_s: float
    gap_steps: int
    gap_per_flow: float
    sneakers: float
    smoothing: float
    give_way_weight: float


# Columns of Records.totals; sums run from the start of the run
INSIDE_VEH, OUTSIDE_VEH, ENTERED_VEH, GONE_VEH, INSIDE_S, OUTSIDE_S, QUEUE_S, ERROR = range(8)
TOTALS_COLUMNS = 8


class Records(NamedTuple):
    """Reports of a run: one row a report period, and the curves of chosen links."""

    totals: OutF2
    link_left: OutF2
    link_queue: OutF2
    curve_link: I1
    curve_in: OutF2
    curve_out: OutF2
