"""From network, junctions and demand to the arrays of `signals._kernels_profile_tables.Net`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from signals._kernels_profile_tables import Net
from signals.junction import Conflict
from signals.profile_teams import find_teams
from traffic._kernels_flow_lanes import spread
from traffic.arrays import frozen
from traffic.network import Turn
from traffic.priority import GapClass, GiveWay, give_way

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from signals.junction import Junction
    from signals.profile_parameters import MeanDemand, ProfileParameters, Weights
    from signals.profile_teams import Teams
    from signals.sequence import StageSequence
    from traffic.network import RoadNetwork

__all__ = ["Sizes", "build_net", "lane_use"]

_GAP_STEPS = 257
_GAP_PER_FLOW = 128.0


class Sizes(NamedTuple):
    """How many rows the profiles need: departures, parts that are played, and the most parts of a team."""

    departures: int
    played: int
    team: int


def lane_use(network: RoadNetwork, movement_share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of the link's vehicles on each connection; shape (connections,).

    A movement divides over its lane groups so that those it uses have the same flow ratio, as in the flow
    model.
    """
    group, movement = network.connections.lane_group, network.connections.movement
    link = network.lane_groups.link[group]
    rate = network.lane_groups.saturation_veh_s[group] * network.movements.saturation_factor[movement]
    part = np.zeros(len(movement))
    spread(
        frozen(_ends(link, len(network.links)), np.int32),
        group,
        movement,
        frozen(rate, np.float64),
        frozen(movement_share[movement], np.float64),
        np.zeros(len(network.lane_groups)),
        part,
    )
    return part


def build_net(
    network: RoadNetwork,
    junctions: Sequence[Junction],
    sequences: Sequence[Sequence[StageSequence]],
    demand: MeanDemand,
    weights: Weights,
    parameters: ProfileParameters,
    *,
    stride: int,
) -> tuple[Net, Sizes]:
    """Return the tables of the kernels and the rows that profiles need.

    Parameters
    ----------
    sequences
        Stage sequences of each junction that a plan may use.
    stride
        Longest period, in seconds.
    """
    rows = _Streams(network, junctions, demand, parameters)
    flow = parameters.flow
    net = Net(
        stride=stride,
        stages=max((len(s) for several in sequences for s in several), default=1),
        **_node_columns(network, rows.teams.node_begin),
        **_link_columns(network, demand, parameters),
        **rows.columns(weights),
        **_sequence_columns(junctions, sequences),
        gap_table=_gap_table(parameters),
        gap_steps=_GAP_STEPS,
        gap_per_flow=_GAP_PER_FLOW,
        start_loss=flow.start_loss_s,
        yellow_use=flow.yellow_use_s,
        sneakers=flow.sneakers_veh / flow.sneak_time_s,
        sneak_time=float(flow.sneak_time_s),
        period=parameters.period_s,
        randomness=parameters.randomness,
        stop_queue=parameters.stop_queue_veh,
        overflow_weight=parameters.overflow_weight,
    )
    return net, rows.sizes()


def _table(*columns: object) -> NDArray[np.int32]:
    """Return whole-number columns side by side."""
    return frozen(np.column_stack([np.asarray(c, dtype=np.int64) for c in columns]), np.int32)


def _values(*columns: object) -> NDArray[np.float64]:
    """Return columns side by side."""
    return frozen(np.column_stack([np.asarray(c, dtype=np.float64) for c in columns]), np.float64)


def _ends(keys: NDArray[np.integer[Any]], size: int) -> NDArray[np.int64]:
    """Return where the rows of each key begin in a table sorted by key, and the end of the last."""
    return np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=size))])


def _lists(keys: NDArray[np.int32], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return begins and members of the lists of rows with each key."""
    return _ends(keys, size), np.argsort(keys, kind="stable")


def _gap_table(parameters: ProfileParameters) -> NDArray[np.float64]:
    """Return the flow of one lane that finds gaps, for each gap class and opposing flow."""
    flows = (np.arange(_GAP_STEPS) / _GAP_PER_FLOW).tolist()
    return frozen([gap.capacity_veh_s(v) for gap in parameters.flow.gaps for v in flows], np.float64)


def _node_columns(network: RoadNetwork, team_begin: NDArray[np.int64]) -> dict[str, Any]:
    nodes = len(network.nodes)
    in_begin, in_link = _lists(network.links.to_node, nodes)
    out_begin, out_link = _lists(network.links.from_node, nodes)
    junction = np.full(nodes, -1, dtype=np.int64)
    junction[network.junctions.node] = np.arange(len(network.junctions))
    first_out = out_begin + len(in_link)
    return {
        "node": _table(
            in_begin[:-1],
            in_begin[1:],
            first_out[:-1],
            first_out[1:],
            junction,
            team_begin[:-1],
            team_begin[1:],
        ),
        "node_link": frozen(np.concatenate([in_link, out_link]), np.int32),
    }


def _link_columns(network: RoadNetwork, demand: MeanDemand, parameters: ProfileParameters) -> dict[str, Any]:
    begin = _ends(network.lane_groups.link, len(network.links))
    beta = 1.0 / (1.0 + parameters.dispersion)
    travel = beta * np.maximum(network.links.length_m / network.links.speed_m_s, 1.0)
    smoothing = 1.0 / (1.0 + parameters.dispersion * travel)
    return {
        "link": _table(network.links.to_node, begin[:-1], begin[1:]),
        "link_value": _values(travel, smoothing, demand.entry_veh_s),
    }


class _Streams:
    """Lane groups, their parts and connections, and who gives way to whom."""

    def __init__(
        self,
        network: RoadNetwork,
        junctions: Sequence[Junction],
        demand: MeanDemand,
        parameters: ProfileParameters,
    ) -> None:
        self.network = network
        self.parameters = parameters
        self.yields = give_way(network)
        self.signal = np.full(len(network.movements), -1, dtype=np.int64)
        self.permissive = np.zeros(len(network.movements), dtype=bool)
        self._look_at(junctions)
        self.foes = _foes(network, junctions, self.signal, self.yields)
        self.foot = np.where(self._over_crossing(), parameters.flow.pedestrian_factor, 1.0)
        groups = len(network.lane_groups)
        use = lane_use(network, demand.movement_share)
        group = network.connections.lane_group
        self.group_share = np.bincount(group, weights=use, minlength=groups)
        self.conn_share = use / np.where(self.group_share > 0, self.group_share, 1.0)[group]
        self.conn_begin = _ends(group, groups)
        self.plain, self.seen_row = self._seen_rows()
        self.departure_rows = groups + int((self.seen_row >= 0).sum())
        self.parts: list[tuple[int, int, int, int]] = []
        self.part_values: list[tuple[float, float, float, float, float]] = []
        self.together: list[float] = []
        self.part_begin = [0]
        self.foe_rows: list[tuple[int, float]] = []
        self._gather_parts()
        self.teams = self._find_teams()

    def sizes(self) -> Sizes:
        """Return how many rows the profiles need."""
        parts = np.diff(self.part_begin)
        owner = np.repeat(np.arange(len(self.teams.begin) - 1), np.diff(self.teams.begin))
        team = np.bincount(owner, weights=parts[self.teams.member])
        return Sizes(self.departure_rows, int(parts[~self.plain].sum()), int(team.max(initial=1)))

    def _find_teams(self) -> Teams:
        owner = np.repeat(np.arange(len(self.plain)), np.diff(self.part_begin))
        pairs = [
            (int(owner[part]), int(owner[-1 - row]))
            for part, (_, first, end, _) in enumerate(self.parts)
            for row, _ in self.foe_rows[first:end]
            if row < 0
        ]
        looks, at = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        node = self.network.links.to_node[self.network.lane_groups.link]
        played = ~self.plain & (np.diff(self.part_begin) > 0)
        return find_teams(node, len(self.network.nodes), played, looks, at)

    def _part_columns(self) -> NDArray[np.int32]:
        """Return the parts with their first foe that is not plain and their row among those that are played."""
        rows = np.array(self.parts, dtype=np.int64).reshape(-1, 4)
        plain = [sum(row >= 0 for row, _ in self.foe_rows[first:end]) for _, first, end, _ in self.parts]
        played = np.repeat(~self.plain, np.diff(self.part_begin))
        at = np.where(played, np.cumsum(played) - 1, -1)
        return _table(rows, rows[:, 1] + np.array(plain, dtype=np.int64), at)

    def columns(self, weights: Weights) -> dict[str, Any]:
        """Return the columns of `Net`."""
        groups, conn_move = self.network.lane_groups, self.network.connections.movement
        storage = groups.length_m * groups.lanes * self.parameters.flow.jam_density_veh_m
        begin = self.conn_begin
        out_begin, out_link = _lists(self.network.links.from_node, len(self.network.nodes))
        slot = np.empty(len(out_link), dtype=np.int64)
        slot[out_link] = np.arange(len(out_link)) - out_begin[self.network.links.from_node[out_link]]
        foes = np.array(self.foe_rows, dtype=np.float64).reshape(-1, 2)
        return {
            "group": _table(
                self.part_begin[:-1],
                self.part_begin[1:],
                begin[:-1],
                begin[1:],
                self.seen_row,
                self.plain,
                groups.link,
                self.teams.watched,
            ),
            "group_value": _values(
                self.group_share,
                groups.saturation_veh_s,
                np.maximum(storage, groups.lanes),
                weights.delay[groups.link],
                weights.stop_s[groups.link],
                groups.lanes,
                self.together,
            ),
            "part": self._part_columns(),
            "part_value": frozen(np.array(self.part_values).reshape(-1, 5), np.float64),
            "foe_row": frozen(foes[:, 0], np.int32),
            "foe_share": frozen(foes[:, 1], np.float64),
            "team": _table(self.teams.begin[:-1], self.teams.begin[1:]),
            "member": frozen(self.teams.member, np.int32),
            "conn_slot": frozen(slot[self.network.movements.out_link[conn_move]], np.int32),
            "conn_share": frozen(self.conn_share, np.float64),
        }

    def _look_at(self, junctions: Sequence[Junction]) -> None:
        """Note the signal group of each movement and whether it is ever shown permissive."""
        for junction in junctions:
            yields = (junction.conflict == Conflict.YIELD).any(axis=1)
            for position, group in enumerate(junction.groups):
                self.signal[list(group.movements)] = position
                self.permissive[list(group.movements)] = yields[position]

    def _over_crossing(self) -> NDArray[np.bool_]:
        """Return which movements turn over a pedestrian crossing while people may walk."""
        movements = self.network.movements
        crossed = np.zeros(len(self.network.links), dtype=bool)
        over = self.network.crossings.out_link
        crossed[over[over >= 0]] = True
        turns = (movements.turn != Turn.THROUGH) & crossed[movements.out_link]
        return np.asarray(turns & self.permissive & (self.yields.gap_class == GapClass.SIGNAL))

    def _seen_rows(self) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Return which lane groups are plain, and for those that others give way to the row of what these see."""
        groups = len(self.network.lane_groups)
        conn_move, conn_group = self.network.connections.movement, self.network.connections.lane_group
        watched = np.zeros(len(self.foes), dtype=bool)
        watched[sorted({m for others in self.foes for m, _ in others})] = True
        giving = np.array([bool(others) for others in self.foes], dtype=bool)
        used = self.conn_share > 0
        seen = np.bincount(conn_group, weights=watched[conn_move] & used, minlength=groups) > 0
        gives = np.bincount(conn_group, weights=giving[conn_move] & used, minlength=groups) > 0
        first = np.full(groups, np.iinfo(np.int64).max)
        last = np.full(groups, -2)
        np.minimum.at(first, conn_group[used], self.signal[conn_move[used]])
        np.maximum.at(last, conn_group[used], self.signal[conn_move[used]])
        plain = ~gives & (first >= last)
        row = np.full(groups, -1, dtype=np.int64)
        row[seen & plain] = groups + np.arange(int((seen & plain).sum()))
        return plain, row

    def _gather_parts(self) -> None:
        """Put the connections of each lane group that see the same and give way to the same into parts."""
        network = self.network
        movement = network.connections.movement.tolist()
        owner = network.connections.lane_group
        rate = network.lane_groups.saturation_veh_s[owner]
        rate = rate * (network.movements.saturation_factor * self.foot)[network.connections.movement]
        share = self.conn_share.tolist()
        parts: list[dict[tuple[int, tuple[tuple[int, float], ...]], list[int]]] = []
        for group in range(len(network.lane_groups)):
            found: dict[tuple[int, tuple[tuple[int, float], ...]], list[int]] = {}
            for conn in range(int(self.conn_begin[group]), int(self.conn_begin[group + 1])):
                m = movement[conn]
                if share[conn] > 0:
                    found.setdefault((int(self.signal[m]), self.foes[m]), []).append(conn)
            parts.append(found)
            self.part_begin.append(self.part_begin[-1] + len(found))
        serving: dict[int, list[tuple[int, float]]] = {}
        for group, found in enumerate(parts):
            for place, conns in enumerate(found.values()):
                mix = sum(share[c] for c in conns)
                live = -1 - (self.part_begin[group] + place)
                row = int(self.seen_row[group]) if self.plain[group] else live
                for c in conns:
                    part = share[c] if self.plain[group] else share[c] / mix
                    serving.setdefault(movement[c], []).append((row, part))
        for found in parts:
            spent = 0.0
            for (signal, foes), conns in found.items():
                first, m = len(self.foe_rows), movement[conns[0]]
                found_rows = [
                    (row, part * counts) for foe, counts in foes for row, part in serving.get(foe, ())
                ]
                self.foe_rows += sorted(found_rows, key=lambda pair: pair[0] < 0)  # plain ones first
                self.parts.append((signal, first, len(self.foe_rows), int(self.yields.gap_class[m])))
                mix = sum(share[c] for c in conns)
                time = sum(share[c] / float(rate[c]) for c in conns)
                spent += time
                self.part_values.append((mix / time, mix, float(self.foot[m]), time / mix, 1.0 / mix))
            self.together.append(1.0 / spent if spent > 0 else 0.0)


def _foes(
    network: RoadNetwork, junctions: Sequence[Junction], signal: NDArray[np.int64], yields: GiveWay
) -> list[tuple[tuple[int, float], ...]]:
    """Return for each movement those that it gives way to while it has green, and the part of their flow that counts."""
    governor = np.full(len(network.nodes), -1, dtype=np.int64)
    governor[network.junctions.node] = np.arange(len(network.junctions))
    at = governor[network.links.to_node[network.movements.in_link]].tolist()
    signals = signal.tolist()
    begin = yields.begin.tolist()
    others = list(zip(yields.to_movement.tolist(), yields.part.tolist(), strict=True))
    foes: list[tuple[tuple[int, float], ...]] = []
    for movement, own in enumerate(signals):
        found = [pair for pair in others[begin[movement] : begin[movement + 1]] if pair[1] > 0]
        if own >= 0 and found:
            conflict = junctions[at[movement]].conflict
            found = [
                (m, part)
                for m, part in found
                if signals[m] >= 0 and conflict[own, signals[m]] == Conflict.YIELD
            ]
        foes.append(tuple(found))
    return foes


def _sequence_columns(
    junctions: Sequence[Junction], sequences: Sequence[Sequence[StageSequence]]
) -> dict[str, Any]:
    """Return the tables of the stage sequences."""
    flat = [s for several in sequences for s in several]
    begin = np.cumsum([0, *(len(several) for several in sequences)])
    stage_begin = np.cumsum([0, *(len(s) for s in flat)])
    run_begin = np.cumsum([0, *(len(s.runs) for s in flat)])
    low, high = [j.cycle_min_s for j in junctions], [j.cycle_max_s for j in junctions]
    stages = [_table(s.planned_stage_s, s.planned_durations_s()) for s in flat]
    runs = [_table(s.runs, s.end_gap_s, s.run_min_s, s.run_max_s, s.always_green) for s in flat]
    return {
        "junction": _table(begin[:-1], begin[1:], low, high),
        "sequence": _table(stage_begin[:-1], stage_begin[1:], run_begin[:-1], run_begin[1:]),
        "stage": frozen(np.vstack([np.empty((0, 2)), *stages]), np.int32),
        "run": frozen(np.vstack([np.empty((0, 7)), *runs]), np.int32),
    }
