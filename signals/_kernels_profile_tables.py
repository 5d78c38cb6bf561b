"""Tables of the cyclic profile model and the names of their columns.

Columns that are read together lie in one row: fewer arrays make kernels compile and run faster.
"""

from __future__ import annotations

from typing import NamedTuple

from traffic._kernels_jit import F1, F2, I1, I2, OutF1, OutI1, OutU1

# Net.node
IN_BEGIN, IN_END, OUT_BEGIN, OUT_END, JUNCTION, TEAM_BEGIN, TEAM_END = range(7)
# Net.link and Net.link_value
TO_NODE, GROUP_BEGIN, GROUP_END = range(3)
TRAVEL, SMOOTHING, ENTRY = range(3)
# Net.group and Net.group_value
PART_BEGIN, PART_END, CONN_BEGIN, CONN_END, SEEN_ROW, PLAIN, LINK, WATCHED = range(8)
SHARE, SATURATION, STORAGE, DELAY_WEIGHT, STOP_WEIGHT, LANES, TOGETHER = range(7)
# Net.part and Net.part_value
SIGNAL, FOE_BEGIN, FOE_END, GAPS, LIVE_BEGIN, PART_ROW = range(6)
PART_SATURATION, MIX, FOOT, PER_VEHICLE, PER_SHARE = range(5)
# Net.team
MEMBER_BEGIN, MEMBER_END = range(2)
# Net.junction
SEQUENCE_BEGIN, SEQUENCE_END, CYCLE_MIN, CYCLE_MAX = range(4)
# Net.sequence
STAGE_BEGIN, STAGE_END, RUN_BEGIN, RUN_END = range(4)
# Net.stage
STAGE_MIN, STAGE_LEAST = range(2)
# Net.run
RUN_SIGNAL, RUN_FIRST, RUN_LAST, RUN_GAP, RUN_MIN, RUN_MAX, RUN_ALWAYS = range(7)
# ProfileState.result
FLOW, CAPACITY, UNIFORM, STOPS, BACK, OVERFLOW, RESULTS = range(7)


class Net(NamedTuple):
    """What no plan changes; made by `signals.profile_tables`.

    Rows of `node_link` are links, first the in-links of all nodes, then their out-links. A *part* of a lane
    group is the movements in it that see the same signal and give way to the same streams, with their mean
    saturation flow and their share of the group. A *foe* is a row of departures (below 0, and listed last: -1 - a
    part of a lane group that is not plain itself), and the share of it, that a part gives way to. A *team* is lane
    groups of a node, none of them plain, that are played together because they look at each other; most are alone.
    A *connection* leads a share of the group into an out-link of the node.
    """

    stride: int
    stages: int
    node: I2
    node_link: I1
    link: I2
    link_value: F2
    group: I2
    group_value: F2
    part: I2
    part_value: F2
    foe_row: I1
    foe_share: F1
    team: I2
    member: I1
    conn_slot: I1
    conn_share: F1
    junction: I2
    sequence: I2
    stage: I2
    run: I2
    gap_table: F1
    gap_steps: int
    gap_per_flow: float
    start_loss: float
    yellow_use: float
    sneakers: float
    sneak_time: float
    period: float
    randomness: float
    stop_queue: float
    overflow_weight: float


class PlanState(NamedTuple):
    """The plans in numbers: one row for each junction (`period`: node), durations in rows of `stages`."""

    stages: int
    period: OutI1
    repeats: OutI1
    sequence: OutI1
    offset: OutI1
    duration: OutI1


class ProfileState(NamedTuple):
    """Profiles in rows of `Net.stride`, results and work space.

    `inflow` and `arrive` hold a row for each link, `service` one for each lane group, `depart` the same and one
    more for each plain one that others give way to: what these see of it. `result` holds `RESULTS` columns for
    each lane group. `queue` holds the nodes to evaluate and, in its second half, whether each is in it.

    What need not be found again is kept. `came` tells of each link whether its arrivals are newer than the departures.
    `shown` is a row for each node: the plan that the greens are those of. These are, for plain lane groups, `service`,
    and `volume`, the sum of it; for the parts of the others `rate` and `late`, green and late green, `flow`, what they
    can discharge between the plain streams (with foes that are not plain: what these plain streams are), and, in the row of
    the first part, `opened`, the green of the lane group.

    The rest is work space: `moved` by row of what others see, whether the visit in hand found it anew; `live` and `fresh` by
    part, what others see of it;
    `left`, `start`, `waiting`, `cap`, `line`, `stood` and `looked` for the lane groups and parts of a team.
    """

    inflow: OutF1
    arrive: OutF1
    depart: OutF1
    service: OutF1
    node_cost: OutF1
    result: OutF1
    queue: OutI1
    came: OutU1
    shown: OutI1
    volume: OutF1
    rate: OutF1
    late: OutF1
    flow: OutF1
    opened: OutF1
    moved: OutU1
    live: OutF1
    fresh: OutF1
    left: OutF1
    start: OutF1
    waiting: OutF1
    cap: OutF1
    line: OutF1
    stood: OutF1
    looked: OutF1
    out: OutF1
    stage_start: OutI1


class Journal(NamedTuple):
    """What the profiles were before the change in hand.

    `size` holds the numbers of nodes and of links that changed, and of evaluations. `node` and `link` list them
    and hold, in their second half, whether each is in the list. `cost`, `inflow` and `arrive` hold an entry or a
    row for each.
    """

    size: OutI1
    node: OutI1
    link: OutI1
    cost: OutF1
    inflow: OutF1
    arrive: OutF1
