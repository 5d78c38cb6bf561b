"""Lane groups of a GMNS network: which movements leave from which lanes at the end of a link."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from traffic.lanes import lane_runs, lane_saturation_veh_h
from traffic.network import Connections, LaneGroups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from traffic.gmns.links import CarLink, GmnsRoads
    from traffic.gmns.stop_lines import Lane, StopLine
    from traffic.gmns.turns import GmnsTurns
    from traffic.network import RoadNetwork

__all__ = ["lane_groups", "movement_at"]

_HOUR_S = Decimal(3600)


def movement_at(network: RoadNetwork) -> dict[tuple[int, int], int]:
    """Return the movement of each pair of an in-link and an out-link."""
    moves = network.movements
    pairs = zip(moves.in_link.tolist(), moves.out_link.tolist(), strict=True)
    return {pair: movement for movement, pair in enumerate(pairs)}


def lane_groups(
    roads: GmnsRoads, lines: Sequence[StopLine], turns: GmnsTurns, made: RoadNetwork
) -> tuple[LaneGroups, Connections]:
    """Return lane groups and connections; movements whose lanes are not told have those of `made`."""
    default, at = _default_use(made), movement_at(made)
    told: dict[int, dict[int, set[int]]] = defaultdict(dict)
    for pair, turn in turns.told.items():
        if turn.lanes:
            told[pair[0]][at[pair]] = turn.lanes
    rows: list[tuple[int, int, int, float, float]] = []
    pairs: list[tuple[int, int]] = []
    for k, (link, line) in enumerate(zip(roads.links, lines, strict=True)):
        lanes, own = line.lanes[::-1], told[k]
        use = [
            {m for m in default[k][place] if m not in own} | {m for m in own if lane.number in own[m]}
            for place, lane in enumerate(lanes)
        ]
        for run in lane_runs(tuple(_occupied(use))):
            part = lanes[run.first_lane : run.first_lane + run.lanes]
            pairs += [(len(rows), movement) for movement in run.movements]
            rows.append((k, run.first_lane, run.lanes, _length_m(part, link), _flow_veh_s(part, link)))
    groups = LaneGroups(*map(np.array, zip(*rows, strict=True)))
    return groups, Connections(*np.array(pairs, dtype=np.int32).reshape(-1, 2).T)


def _default_use(made: RoadNetwork) -> list[list[set[int]]]:
    """Return the movements of each lane of each link, from the right."""
    use: list[list[set[int]]] = [[set() for _ in range(lanes)] for lanes in made.links.lanes.tolist()]
    groups, joined = made.lane_groups, made.connections
    for group, movement in zip(joined.lane_group.tolist(), joined.movement.tolist(), strict=True):
        first = int(groups.first_lane[group])
        for lane in range(first, first + int(groups.lanes[group])):
            use[int(groups.link[group])][lane].add(movement)
    return use


def _occupied(use: Sequence[set[int]]) -> list[tuple[int, ...]]:
    """Give lanes that no movement leaves from to the movements of the lane beside them."""
    served = [lane for lane, movements in enumerate(use) if movements] or list(range(len(use)))
    return [tuple(sorted(use[min(served, key=lambda s: abs(s - lane))])) for lane in range(len(use))]


def _length_m(lanes: Sequence[Lane], link: CarLink) -> float:
    """Return the mean length of lanes, to the last digit where all are equal."""
    along = Decimal(repr(link.length_m))
    return float(
        sum((along if lane.storage_m is None else lane.storage_m for lane in lanes), Decimal(0)) / len(lanes)
    )


def _flow_veh_s(lanes: Sequence[Lane], link: CarLink) -> float:
    default = Decimal(repr(lane_saturation_veh_h(link.road_class)))
    return float(sum((lane.saturation_veh_h or default for lane in lanes), Decimal(0)) / _HOUR_S)
