"""Preparation of the flow model: the part of the network that carries traffic, in the order of the kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from traffic import _kernels_flow_tables as kernel_tables
from traffic._flow_lanes import lane_shares
from traffic._kernels_flow_tables import (
    CONN_AT_COLUMNS,
    CONN_COLUMNS,
    ENTRY_COLUMNS,
    EPS,
    FROM_NODE,
    GROUP_AT_COLUMNS,
    GROUP_COLUMNS,
    GROUP_CONN,
    GROUP_LINK,
    LINK_AT_COLUMNS,
    LINK_COLUMNS,
    LIVE_ROWS,
    NODE_AT_COLUMNS,
    Shares,
    Tables,
)
from traffic.arrays import frozen
from traffic.network import Turn
from traffic.priority import GapClass, GiveWay, give_way

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traffic._flow_parameters import FlowParameters
    from traffic.demand import FlowDemand
    from traffic.network import RoadNetwork

__all__ = ["GAP_PER_FLOW", "GAP_STEPS", "Prepared", "prepare"]

GAP_STEPS = 257
GAP_ROWS = GAP_STEPS + 2  # beyond the last flow there is no gap
GAP_PER_FLOW = 128.0  # table steps to a vehicle per second; beyond 2 veh/s there is no gap
_FULL_LENGTH = 1.0 - 1e-6


@dataclass(frozen=True, eq=False)
class Prepared:
    """Kernel tables at time 0, and where their rows come from. Runs work on copies.

    `link`, `group`, `movement` give for each row of links, lane groups and connections the network's link,
    lane group and movement. Connection i gives way to ``rule[rule_begin[i]:rule_begin[i + 1]]``, of whose flows the
    parts `rule_part` count.
    """

    tables: Tables
    shares: Shares
    link: NDArray[np.int64]
    group: NDArray[np.int64]
    movement: NDArray[np.int64]
    rule_begin: NDArray[np.int32]
    rule: NDArray[np.int32]
    rule_part: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Active:
    """Rows of the network that can carry traffic, in kernel order, and the inverse of `link`."""

    link: NDArray[np.int64]
    group: NDArray[np.int64]
    connection: NDArray[np.int64]
    link_row: NDArray[np.int64]
    group_row: NDArray[np.int64]


def prepare(network: RoadNetwork, demand: FlowDemand, parameters: FlowParameters) -> Prepared:
    """Return the kernel tables of `network` under `demand`."""
    active = _active(network, demand)
    yields = give_way(network)
    movement = network.connections.movement[active.connection].astype(np.int64)
    link, link_at, ring_size = _link_tables(network, active, parameters)
    group, group_at = _group_tables(network, active, parameters)
    conn, conn_at = _connection_tables(network, active, parameters, yields)
    node_at, out_link, from_node = _node_tables(network, active)
    link_at[FROM_NODE, : len(from_node)] = from_node
    entry_link, entry = _entries(demand, active)
    packed = Tables(
        link=link,
        link_at=link_at,
        state=np.concatenate([group.ravel(), conn.ravel()]),
        group=group,
        group_at=group_at,
        conn=conn,
        conn_at=conn_at,
        node_at=node_at,
        entry=np.zeros((ENTRY_COLUMNS, len(entry_link))),
        ring=np.zeros(ring_size),
        todo=np.zeros(len(movement) + 1, dtype=np.int32),
        live=np.zeros((LIVE_ROWS, len(movement) + 1), dtype=np.int32),
        out_link=frozen(out_link, np.int32),
        bay=frozen(np.flatnonzero(_bays(network)[active.group]), np.int32),
        entry_link=frozen(entry_link, np.int32),
        gap_table=frozen(_gap_table(parameters), np.float64),
    )
    rule_begin, rule, rule_part = _conflicts(yields, movement, len(network.movements))
    return Prepared(
        tables=packed,
        shares=_shares(network, demand, active, packed, entry),
        link=active.link,
        group=active.group,
        movement=movement,
        rule_begin=frozen(rule_begin, np.int32),
        rule=frozen(rule, np.int32),
        rule_part=frozen(rule_part, np.float64),
    )


def _active(network: RoadNetwork, demand: FlowDemand) -> _Active:
    movements, links = network.movements, network.links
    used = (demand.movement_share > 0).any(axis=0)
    reached = np.zeros(len(links), dtype=bool)
    frontier = demand.entry_link[(demand.entry_veh_s > 0).any(axis=0)]
    in_link, out_link = movements.in_link[used], movements.out_link[used]
    reached[frontier] = True
    while True:
        found = out_link[reached[in_link]]
        if reached[found].all():
            break
        reached[found] = True
    link = np.flatnonzero(reached)
    link = link[np.argsort(links.to_node[link], kind="stable")]
    link_row = np.full(len(links), -1, dtype=np.int64)
    link_row[link] = np.arange(len(link))
    movement_used = used & reached[movements.in_link]
    connection = np.flatnonzero(movement_used[network.connections.movement])
    group = np.unique(network.connections.lane_group[connection]).astype(np.int64)
    group = group[np.argsort(link_row[network.lane_groups.link[group]], kind="stable")]
    group_row = np.full(len(network.lane_groups), -1, dtype=np.int64)
    group_row[group] = np.arange(len(group))
    order = np.argsort(group_row[network.connections.lane_group[connection]], kind="stable")
    return _Active(link, group, connection[order], link_row, group_row)


def _begin(owner: NDArray[np.integer], size: int) -> NDArray[np.int64]:
    """Return where each owner's rows begin in a table sorted by owner; shape (size + 1,)."""
    begin = np.zeros(size + 1, dtype=np.int64)
    begin[1:] = np.cumsum(np.bincount(owner, minlength=size))
    return begin


def _bays(network: RoadNetwork) -> NDArray[np.bool_]:
    """Return which lane groups are turn bays: shorter than their link."""
    groups = network.lane_groups
    return groups.length_m < network.links.length_m[groups.link] * _FULL_LENGTH


def _numbers(rows: int, columns: int, **values: Any) -> NDArray[np.float64]:
    """Return a table of floats, one column a row; names of columns are those of `_kernels_flow_tables`."""
    table = np.zeros((columns, rows))
    for name, column in values.items():
        table[getattr(kernel_tables, name)] = column
    return table


def _places(rows: int, columns: int, **values: object) -> NDArray[np.int32]:
    """Return a table of integers with one entry more than `rows`, 0 where a column is shorter."""
    table = np.zeros((columns, rows + 1), dtype=np.int32)
    for name, column in values.items():
        array = np.asarray(column)
        table[getattr(kernel_tables, name), : len(array)] = array
    return table


def _link_tables(
    network: RoadNetwork, active: _Active, parameters: FlowParameters
) -> tuple[NDArray[np.float64], NDArray[np.int32], int]:
    """Return `Tables.link`, `.link_at` and the length of the ring buffers."""
    links, groups = network.links, network.lane_groups
    size = len(links)
    saturation = np.bincount(groups.link, groups.saturation_veh_s, size) / links.lanes
    bay_lanes = np.bincount(groups.link, groups.lanes * _bays(network), size)
    running = links.running_lanes
    jam = parameters.jam_density_veh_m
    if parameters.backward_wave_m_s is None:
        # the wave is not faster than the free speed, so the capacity is at most that of half the jam density
        per_lane = np.minimum(saturation, 0.5 * jam * links.speed_m_s)
        wave = per_lane / (jam - per_lane / links.speed_m_s)
    else:
        wave = np.full(size, parameters.backward_wave_m_s)
        per_lane = jam * wave * links.speed_m_s / (wave + links.speed_m_s)
    row = active.link
    capacity = (per_lane * running)[row]
    # one second is the shortest time on a link and the shortest time of a wave
    lag = np.maximum(links.length_m / links.speed_m_s, 1.0)[row]
    back = np.maximum(links.length_m / wave, 1.0)[row]
    stored_lanes = np.maximum(running, links.lanes - bay_lanes)[row]
    storage = np.maximum(jam * links.length_m[row] * stored_lanes, capacity * (lag + back))
    in_begin, in_size = _rings(lag, 0)
    out_begin, out_size = _rings(back, int(in_size.sum()))
    first_group = _begin(active.link_row[groups.link[active.group]], len(row))
    lag_s, back_s = np.floor(lag), np.floor(back)
    # nothing has entered or left: there is room for the whole storage
    numbers = _numbers(
        len(row),
        LINK_COLUMNS,
        LAG_PART=lag - lag_s,
        WAVE_PART=back - back_s,
        CAPACITY=capacity,
        STORAGE=storage,
        ROOM=storage,
    )
    places = _places(
        len(row),
        LINK_AT_COLUMNS,
        LAG_S=lag_s,
        IN_BEGIN=in_begin,
        IN_MASK=in_size - 1,
        WAVE_S=back_s,
        OUT_BEGIN=out_begin,
        OUT_MASK=out_size - 1,
        LINK_GROUP=first_group,
    )
    return numbers, places, int(in_size.sum() + out_size.sum())


def _rings(lag: NDArray[np.float64], first: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return begin and size of one ring buffer a link: a power of two that holds `lag` and one more."""
    size = np.exp2(np.ceil(np.log2(np.floor(lag) + 1.0))).astype(np.int64)
    return first + np.cumsum(size) - size, size


def _group_tables(
    network: RoadNetwork, active: _Active, parameters: FlowParameters
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Return `Tables.group` and `.group_at`."""
    groups, row = network.lane_groups, active.group
    # a bay holds one vehicle a lane at least, else nobody could ever turn
    storage = np.maximum(parameters.jam_density_veh_m * groups.length_m, 1.0) * groups.lanes
    owner = active.group_row[network.connections.lane_group[active.connection]]
    numbers = _numbers(
        len(row), GROUP_COLUMNS, LANES=groups.lanes[row], GROUP_STORAGE=storage[row], PRESS=EPS
    )
    places = _places(
        len(row),
        GROUP_AT_COLUMNS,
        GROUP_LINK=active.link_row[groups.link[row]],
        GROUP_CONN=_begin(owner, len(row)),
    )
    return numbers, places


def _connection_tables(
    network: RoadNetwork, active: _Active, parameters: FlowParameters, yields: GiveWay
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Return `Tables.conn` and `.conn_at`."""
    movements, groups = network.movements, network.lane_groups
    group = network.connections.lane_group[active.connection]
    movement = network.connections.movement[active.connection]
    saturation = groups.saturation_veh_s[group] * movements.saturation_factor[movement]
    crossed = np.zeros(len(network.links), dtype=bool)
    over = network.crossings.out_link
    crossed[over[over >= 0]] = True
    turns = (movements.turn != Turn.THROUGH) & crossed[movements.out_link]
    foot = np.where(turns & (yields.gap_class == GapClass.SIGNAL), parameters.pedestrian_factor, 1.0)
    numbers = _numbers(len(movement), CONN_COLUMNS, CONN_SAT=saturation, CONN_FOOT=foot[movement])
    places = _places(
        len(movement),
        CONN_AT_COLUMNS,
        CONN_GROUP=active.group_row[group],
        CONN_OUT=active.link_row[movements.out_link[movement]],
        CONN_GAPS=yields.gap_class[movement].astype(np.int64) * GAP_ROWS,
    )
    return numbers, places


def _conflicts(
    yields: GiveWay, movement: NDArray[np.int64], movements: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return, for each connection, where its list of connections to give way to begins; all lists; parts that count."""
    by_movement = np.argsort(movement, kind="stable")
    begin = _begin(movement, movements)
    pairs = np.diff(yields.begin)[movement]
    owner = np.repeat(np.arange(len(movement)), pairs)
    at = np.arange(len(owner)) - np.repeat(np.cumsum(pairs) - pairs, pairs)
    row = yields.begin[movement[owner]] + at
    owner, row = owner[yields.part[row] > 0], row[yields.part[row] > 0]
    other = yields.to_movement[row]
    count = np.diff(begin)[other]
    pair = np.repeat(np.arange(len(other)), count)
    at = np.arange(len(pair)) - np.repeat(np.cumsum(count) - count, count)
    return (
        _begin(owner[pair], len(movement)),
        by_movement[begin[other[pair]] + at],
        yields.part[row[pair]],
    )


def _node_tables(
    network: RoadNetwork, active: _Active
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Return `Tables.node_at`, `.out_link` and the row of the node at the start of each link."""
    group_node = network.links.to_node[network.lane_groups.link[active.group]]
    nodes, group_row = np.unique(group_node, return_inverse=True)
    movement = network.connections.movement[active.connection]
    node = network.links.to_node[network.movements.in_link[movement]]
    out = active.link_row[network.movements.out_link[movement]]
    pairs = np.unique(np.column_stack([np.searchsorted(nodes, node), out]), axis=0).reshape(-1, 2)
    places = _places(
        len(nodes),
        NODE_AT_COLUMNS,
        NODE_GROUP=_begin(group_row, len(nodes)),
        NODE_OUT=_begin(pairs[:, 0], len(nodes)),
    )
    from_node = np.zeros(len(active.link), dtype=np.int64)
    from_node[pairs[:, 1]] = pairs[:, 0]
    return places, pairs[:, 1], from_node


def _entries(demand: FlowDemand, active: _Active) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the entry rows, each once, and their flows; shape (periods, entries)."""
    carries = (demand.entry_veh_s > 0).any(axis=0)
    rows, inverse = np.unique(active.link_row[demand.entry_link[carries]], return_inverse=True)
    flow = np.zeros((demand.periods, len(rows)))
    for period in range(demand.periods):
        np.add.at(flow[period], inverse, demand.entry_veh_s[period, carries])
    return rows, flow


def _gap_table(parameters: FlowParameters) -> NDArray[np.float64]:
    flows = np.arange(GAP_STEPS) / GAP_PER_FLOW
    table = np.zeros((len(parameters.gaps), GAP_ROWS))
    for row, gap in zip(table, parameters.gaps, strict=True):
        row[:GAP_STEPS] = [gap.capacity_veh_s(float(v)) for v in flows]
    return table.ravel()


def _shares(
    network: RoadNetwork, demand: FlowDemand, active: _Active, packed: Tables, entry: NDArray[np.float64]
) -> Shares:
    """Return exits, lane group shares and the mix of movements in each lane group, by period."""
    periods, links, groups = demand.periods, len(active.link), len(active.group)
    movement = network.connections.movement[active.connection]
    conns = np.diff(packed.group_at[GROUP_CONN])
    owner = np.repeat(np.arange(groups), conns)
    owner_link = packed.group_at[GROUP_LINK, owner]
    exits = demand.exit_share[:, active.link].copy()
    group_share = np.zeros((periods, groups))
    mix = np.zeros((periods, len(movement)))
    last = 1.0 / conns[owner]
    for period in range(periods):
        share = lane_shares(packed, movement, demand.movement_share[period, movement])
        total = exits[period] + np.bincount(owner_link, share, links)
        share /= total[owner_link]
        exits[period] /= total
        of_group = np.bincount(owner, share, groups)
        # a lane group that nobody joins keeps the mix of those who still wait there
        last = np.divide(share, of_group[owner], out=last.copy(), where=of_group[owner] > 0)
        mix[period] = last
        group_share[period] = of_group
    return Shares(
        periods=periods,
        entry=frozen(entry, np.float64),
        exits=frozen(exits, np.float64),
        group=frozen(group_share, np.float64),
        mix=frozen(mix, np.float64),
    )
