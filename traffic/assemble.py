"""The one way to make a `RoadNetwork`: from plain descriptions of nodes and roads.

The OSM import and the scenario builders describe nodes and links; `assemble` adds what follows from them:
movements and turns, lane use and lane groups, saturation flows, pedestrian crossings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from traffic import lanes as lane_rules
from traffic.arrays import require
from traffic.errors import InputError
from traffic.legs import LegEnd, crossing_length_m, crossings_at, has_refuge, legs_at
from traffic.network import (
    Connections,
    Crossings,
    JunctionKind,
    Junctions,
    LaneGroups,
    Links,
    Movements,
    Nodes,
    Places,
    RoadClass,
    RoadNetwork,
    Turn,
)
from traffic.specs import AssemblyNotes, JunctionSpec, LinkSpec, NodeSpec
from traffic.turns import classify, end_headings, turn_angles
from traffic.units import VEH_H

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    F1 = NDArray[np.float64]
    I1 = NDArray[np.int32]

__all__ = ["AssemblyNotes", "JunctionSpec", "LinkSpec", "NodeSpec", "assemble", "assemble_with_notes"]


def assemble(
    name: str,
    crs: str,
    nodes: Sequence[NodeSpec],
    links: Sequence[LinkSpec],
    *,
    banned: frozenset[tuple[int, int]] = frozenset(),
    u_turns: frozenset[tuple[int, int]] | bool = False,
    places: Places | None = None,
) -> RoadNetwork:
    """Make a road network; link i of the result is ``links[i]``, node i is ``nodes[i]``.

    Parameters
    ----------
    name, crs
        Name and projected coordinate system of the network.
    nodes, links
        What it is made of.
    banned
        Pairs (in-link, out-link) that may not be made.
    u_turns
        Pairs at which a U-turn is allowed; `True`: everywhere. By default a U-turn is made only where there
        is no other way on, and never at a gateway.
    places
        Poles of generated demand.
    """
    return assemble_with_notes(name, crs, nodes, links, banned=banned, u_turns=u_turns, places=places)[0]


def assemble_with_notes(
    name: str,
    crs: str,
    nodes: Sequence[NodeSpec],
    links: Sequence[LinkSpec],
    *,
    banned: frozenset[tuple[int, int]] = frozenset(),
    u_turns: frozenset[tuple[int, int]] | bool = False,
    places: Places | None = None,
) -> tuple[RoadNetwork, AssemblyNotes]:
    """Do as `assemble` does and return, beside the network, what its quality report should say."""
    names = tuple(dict.fromkeys(link.name for link in links if link.name))
    table = _link_columns(nodes, links, names)
    movements, forced = _movements(nodes, table, banned=banned, u_turns=u_turns)
    groups, connections, lane_count, ignored = _lanes(links, table, movements)
    columns = ("from_node", "to_node", "length_m", "speed_m_s", "road_class", "name", "osm_way", "layer")
    junction_nodes = [index for index, node in enumerate(nodes) if node.junction]
    specs = [node.junction for node in nodes if node.junction]
    network = RoadNetwork(
        name=name,
        crs=crs,
        nodes=Nodes(*(_column(nodes, field) for field in ("x_m", "y_m", "osm_id", "gateway"))),
        links=Links(
            **{field: table[field] for field in columns},
            lanes=lane_count,
            running_lanes=np.minimum(table["running_lanes"], lane_count),
            shape_start=table["shape_start"],
        ),
        lane_groups=groups,
        movements=movements,
        connections=connections,
        junctions=Junctions(
            node=np.array(junction_nodes, dtype=np.int32),
            kind=np.array([spec.kind for spec in specs], dtype=np.uint8),
            key=tuple(spec.key for spec in specs),
            name=tuple(spec.name for spec in specs),
            osm_nodes=tuple(spec.osm_nodes for spec in specs),
        ),
        crossings=_crossings(nodes, links, table, lane_count),
        places=places or Places.none(),
        names=names,
        shape_x_m=table["shape_x_m"],
        shape_y_m=table["shape_y_m"],
    )
    return network, AssemblyNotes(turn_lanes_ignored=ignored, forced_u_turns=forced)


def _column(specs: Sequence[object], field: str) -> NDArray[Any]:
    return np.array([getattr(spec, field) for spec in specs])


def _link_columns(
    nodes: Sequence[NodeSpec], links: Sequence[LinkSpec], names: tuple[str, ...]
) -> dict[str, NDArray[Any]]:
    """Columns of the links, their shapes and their headings at either end."""
    if not links:
        raise InputError("a network needs a link", field="links")
    fields = ("from_node", "to_node", "speed_m_s", "running_lanes", "road_class", "osm_way", "layer")
    table: dict[str, NDArray[Any]] = {field: _column(links, field) for field in fields}
    for field, least in (("running_lanes", 1), ("left_bay_lanes", 0), ("right_bay_lanes", 0)):
        values = _column(links, field)
        require(values >= least, f"links.{field}", f"must be {least} or more", values)
    for field in ("from_node", "to_node"):
        bad = np.flatnonzero((table[field] < 0) | (table[field] >= len(nodes)))
        if len(bad):
            value = int(table[field][bad[0]])
            raise InputError("must be the index of a node", field=f"links[{bad[0]}].{field}", value=value)
    index = {text: position for position, text in enumerate(names)}
    table["name"] = np.array([index.get(link.name, -1) for link in links], dtype=np.int32)
    points = np.concatenate([np.asarray(link.shape, dtype=np.float64) for link in links])
    counts = np.array([len(link.shape) for link in links])
    if (counts < 2).any():
        bad_link = int(np.argmin(counts))
        raise InputError("a link needs 2 points or more", field=f"links[{bad_link}].shape")
    table["shape_start"] = np.r_[0, np.cumsum(counts)[:-1]].astype(np.int32)
    table["shape_x_m"], table["shape_y_m"] = points[:, 0].copy(), points[:, 1].copy()
    steps = np.hypot(*np.diff(points, axis=0).T)
    steps[table["shape_start"][1:] - 1] = 0.0
    drawn = np.add.reduceat(np.r_[steps, 0.0], table["shape_start"])
    given = np.array([np.nan if link.length_m is None else link.length_m for link in links])
    none_given = np.array([link.length_m is None for link in links])
    table["length_m"] = np.where(none_given, drawn, given)
    table["arriving"], table["leaving"] = np.zeros(len(links)), np.zeros(len(links))
    return _with_headings(nodes, table)


def _with_headings(nodes: Sequence[NodeSpec], table: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    x, y, start = table["shape_x_m"], table["shape_y_m"], table["shape_start"]
    node_x, node_y, radius = (_column(nodes, field) for field in ("x_m", "y_m", "radius_m"))
    last = np.r_[start[1:], len(x)] - 1

    def inside(node: I1, point: I1) -> F1:
        gap = np.hypot(x[point] - node_x[node], y[point] - node_y[node])
        return np.asarray(np.maximum(radius[node] - gap, 0.0), dtype=np.float64)

    table["leaving"], table["arriving"] = end_headings(
        x,
        y,
        start,
        skip_start_m=inside(table["from_node"], start),
        skip_end_m=inside(table["to_node"], last),
    )
    return table


def _pairs(table: dict[str, NDArray[Any]]) -> tuple[I1, I1]:
    """All pairs of a link that ends at a node and a link that starts there, sorted by the first."""
    by_start = np.argsort(table["from_node"], kind="stable")
    starts = table["from_node"][by_start]
    first = np.searchsorted(starts, table["to_node"], side="left")
    count = np.searchsorted(starts, table["to_node"], side="right") - first
    in_link = np.repeat(np.arange(len(count)), count)
    rank = np.arange(len(in_link)) - np.repeat(np.cumsum(count) - count, count)
    return in_link.astype(np.int32), by_start[first[in_link] + rank].astype(np.int32)


def _movements(
    nodes: Sequence[NodeSpec],
    table: dict[str, NDArray[Any]],
    *,
    banned: frozenset[tuple[int, int]],
    u_turns: frozenset[tuple[int, int]] | bool,
) -> tuple[Movements, tuple[int, ...]]:
    """All movements, each link's from right to left, and the links that only a U-turn leaves."""
    links = len(table["from_node"])
    in_link, out_link = _pairs(table)
    angle = turn_angles(table["arriving"][in_link], table["leaving"][out_link])
    names = table["name"]
    turn = classify(
        angle,
        in_link,
        same_road=table["to_node"][out_link] == table["from_node"][in_link],
        same_name=(names[in_link] == names[out_link]) & (names[in_link] >= 0),
        same_class=table["road_class"][in_link] == table["road_class"][out_link],
    )
    angle = np.where(turn == Turn.U_TURN, np.abs(angle), angle)
    possible = ~_among(in_link, out_link, banned, links)
    is_u_turn = turn == Turn.U_TURN
    if isinstance(u_turns, bool):
        wanted = np.full(len(is_u_turn), u_turns)
    else:
        wanted = _among(in_link, out_link, u_turns, links)
    kept = possible & (~is_u_turn | wanted)
    leads_on = np.bincount(in_link[kept], minlength=links) > 0
    gateway = _column(nodes, "gateway").astype(bool)[table["to_node"]]
    forced = possible & ~leads_on[in_link] & ~gateway[in_link]
    kept |= forced
    _require_way_on(table, in_link, kept, gateway)
    chosen = np.flatnonzero(kept)
    chosen = chosen[np.lexsort((angle[chosen], is_u_turn[chosen], in_link[chosen]))]
    factor = np.array([lane_rules.TURN_FACTOR[Turn(value)] for value in sorted(Turn)])
    movements = Movements(
        in_link=in_link[chosen],
        out_link=out_link[chosen],
        turn=turn[chosen],
        angle_rad=angle[chosen],
        saturation_factor=factor[turn[chosen]],
    )
    return movements, tuple(np.unique(in_link[forced]).tolist())


def _among(in_link: I1, out_link: I1, pairs: frozenset[tuple[int, int]], links: int) -> NDArray[np.bool_]:
    """Which of the pairs (in-link, out-link) stand in `pairs`."""
    if not pairs:
        return np.zeros(len(in_link), dtype=bool)
    wanted = np.array([first * links + second for first, second in sorted(pairs)], dtype=np.int64)
    return np.isin(in_link.astype(np.int64) * links + out_link, wanted)


def _require_way_on(
    table: dict[str, NDArray[Any]], in_link: I1, kept: NDArray[np.bool_], gateway: NDArray[np.bool_]
) -> None:
    """Refuse links that traffic cannot leave, unless it leaves the network there."""
    links = len(gateway)
    some_way = np.bincount(in_link, minlength=links) > 0
    stuck = np.flatnonzero(some_way & ~gateway & (np.bincount(in_link[kept], minlength=links) == 0))
    if len(stuck):
        link = int(stuck[0])
        raise InputError(
            "must leave a way on for traffic that arrives",
            field=f"banned turns at the end of link {link}",
            value=f"OSM way {table['osm_way'][link]}",
            hint="Remove one of the bans or the link",
        )


def _lanes(
    links: Sequence[LinkSpec], table: dict[str, NDArray[Any]], movements: Movements
) -> tuple[LaneGroups, Connections, I1, tuple[int, ...]]:
    """Lane groups, their connections, lanes at each stop line, and links whose markings were ignored."""
    bounds = np.searchsorted(movements.in_link, np.arange(len(links) + 1)).tolist()
    turns = [Turn(value) for value in movements.turn.tolist()]
    exits = table["running_lanes"][movements.out_link].tolist()
    length = table["length_m"].tolist()
    groups: list[tuple[int, int, int, float, float]] = []
    connections: list[tuple[int, int]] = []
    ignored: list[int] = []
    lane_count = np.zeros(len(links), dtype=np.int32)
    for link, spec in enumerate(links):
        first, stop = bounds[link], bounds[link + 1]
        use, agrees = _lane_use(spec, tuple(turns[first:stop]), tuple(exits[first:stop]))
        if not agrees:
            ignored.append(link)
        lane_count[link] = len(use)
        rate = spec.saturation_veh_h_lane
        rate = lane_rules.lane_saturation_veh_h(spec.road_class) if rate is None else rate
        storage = _lane_lengths(spec, len(use), length[link])
        for run in lane_rules.lane_runs(use):
            own = storage[run.first_lane : run.first_lane + run.lanes]
            connections += [(len(groups), first + position) for position in run.movements]
            mean_m = sum(own) / run.lanes
            groups.append((link, run.first_lane, run.lanes, mean_m, run.lanes * rate * VEH_H))
    group_columns = tuple(zip(*groups, strict=True))
    pairs = np.array(connections, dtype=np.int32).reshape(-1, 2)
    return LaneGroups(*map(np.array, group_columns)), Connections(*pairs.T), lane_count, tuple(ignored)


def _lane_use(
    spec: LinkSpec, turns: tuple[Turn, ...], exit_lanes: tuple[int, ...]
) -> tuple[lane_rules.LaneUse, bool]:
    """Lane use of one link, and whether its markings (if any) agree with the geometry."""
    lanes = spec.running_lanes + spec.left_bay_lanes + spec.right_bay_lanes
    if not turns:
        return ((),) * lanes, True
    if spec.turn_lanes is not None and len(spec.turn_lanes) == lanes:
        marked = lane_rules.tagged_lane_use(turns, spec.turn_lanes, exit_lanes=exit_lanes)
        if marked is not None:
            return marked, True
    default = lane_rules.default_lane_use(
        turns,
        lanes,
        right_bays=spec.right_bay_lanes,
        left_bays=spec.left_bay_lanes,
        exit_lanes=exit_lanes,
    )
    return default, spec.turn_lanes is None


def _lane_lengths(spec: LinkSpec, lanes: int, length_m: float) -> list[float]:
    """Length of each lane from the right: of the bay for a turn bay, else of the link."""
    default_m = min(lane_rules.BAY_LENGTH_M, length_m / 2)
    bay_m = min(spec.bay_length_m, length_m) if spec.bay_length_m > 0 else default_m
    running = lanes - spec.left_bay_lanes - spec.right_bay_lanes
    return [bay_m] * spec.right_bay_lanes + [length_m] * running + [bay_m] * spec.left_bay_lanes


def _crossings(
    nodes: Sequence[NodeSpec], links: Sequence[LinkSpec], table: dict[str, NDArray[Any]], lane_count: I1
) -> Crossings:
    """Pedestrian crossings of all signalised junctions."""
    signalised = [index for index, node in enumerate(nodes) if node.junction]
    ending: dict[int, list[int]] = {index: [] for index in signalised}
    starting: dict[int, list[int]] = {index: [] for index in signalised}
    for link, spec in enumerate(links):
        if spec.to_node in ending:
            ending[spec.to_node].append(link)
        if spec.from_node in starting:
            starting[spec.from_node].append(link)
    rows = []
    for row, index in enumerate(signalised):
        junction = nodes[index].junction
        if not ending[index] or junction is None:
            raise InputError("a junction needs an approach", field=f"nodes[{index}].junction", value=junction)
        arriving = [_leg_end(links[i], i, table, int(lane_count[i]), arrives=True) for i in ending[index]]
        leaving = [
            _leg_end(links[i], i, table, links[i].running_lanes, arrives=False) for i in starting[index]
        ]
        mid_block = junction.kind is JunctionKind.CROSSING
        for leg in crossings_at(legs_at(arriving, leaving), mid_block=mid_block):
            in_link = leg.arriving.link if leg.arriving else -1
            out_link = leg.leaving.link if leg.leaving else -1
            rows.append((row, in_link, out_link, crossing_length_m(leg), has_refuge(leg)))
    columns = zip(*rows, strict=True) if rows else [()] * 5
    return Crossings(*map(np.array, columns))


def _leg_end(
    spec: LinkSpec, link: int, table: dict[str, NDArray[Any]], lanes: int, *, arrives: bool
) -> LegEnd:
    heading = float(table["arriving"][link]) + np.pi if arrives else float(table["leaving"][link])
    return LegEnd(
        link=link,
        far_node=spec.from_node if arrives else spec.to_node,
        bearing_rad=heading,
        lanes=lanes,
        name=int(table["name"][link]),
        road_class=RoadClass(spec.road_class),
        crossing=spec.crossing if arrives else None,
        refuge=spec.refuge,
    )
