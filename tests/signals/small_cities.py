"""Small signalised networks with junctions, stages and demand, for the tests of the optimiser."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scenarios.corridor import build_corridor
from scenarios.grid import build_grid
from signals.aspects import SignalSettings
from signals.build import build_junctions
from signals.junction import Conflict, GroupKind, Junction, SignalGroup
from signals.sequence import Stage, StageSequence
from tests.traffic.small_networks import Group, Road, network
from traffic.demand import FlowDemand
from traffic.network import Turn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from traffic.network import RoadNetwork

TURN_SHARE = {Turn.RIGHT: 0.2, Turn.THROUGH: 0.65, Turn.LEFT: 0.15, Turn.U_TURN: 0.0}


def two_stages(
    index: int,
    first: Sequence[int],
    second: Sequence[int] = (),
    *,
    yields: Sequence[tuple[int, int]] = (),
    key: str = "",
) -> Junction:
    """A junction whose movements `first` and `second` have 4 s of intergreen between them.

    Each movement has a group of its own, after it one for people on foot who walk with `second`. `yields` are pairs of
    movements of which the one gives way to the other.
    """
    movements = [*first, *second]
    size = len(movements) + 1
    conflict = np.zeros((size, size), dtype=np.uint8)
    split = len(first)
    conflict[:split, split:] = conflict[split:, :split] = Conflict.FULL
    for one, other in yields:
        conflict[movements.index(one), movements.index(other)] = Conflict.YIELD
    intergreen = np.where(conflict == Conflict.FULL, 4, 0)
    groups = [SignalGroup(f"G{m}", GroupKind.VEHICLE, (m,), (), 5, None, 0, 3, 0) for m in movements]
    groups.append(SignalGroup("P", GroupKind.PEDESTRIAN, (), (), 5, None, 0, 0, 0))
    name = key or f"node {index}"
    return Junction(index, name, name, tuple(groups), conflict, intergreen, 20, 120)


def two_stage_sequence(junction: Junction, first: int) -> StageSequence:
    """The first `first` groups, then all others."""
    rest = range(first, len(junction.groups))
    return StageSequence.of(junction, (Stage(frozenset(range(first))), Stage(frozenset(rest))))


def road_of_signals(count: int, *, spacing: float = 300.0, saturation: float = 0.8) -> RoadNetwork:
    """A one-way road with `count` signals; link k leads to signal k, the last link out."""
    points = [(k * spacing, 0.0) for k in range(count + 2)]
    roads = [
        Road(k, k + 1, spacing, (Group((k + 1,) if k < count else (), saturation=saturation),))
        for k in range(count + 1)
    ]
    return network(points, roads, signals=range(1, count + 1))


def even_demand(net: RoadNetwork, entry_veh_s: float) -> FlowDemand:
    """The same flow at every gateway, and the same turning shares everywhere; dead ends exit."""
    movements, links = net.movements, net.links
    weight = np.array([TURN_SHARE[Turn(turn)] for turn in movements.turn.tolist()])
    total = np.bincount(movements.in_link, weights=weight, minlength=len(links))
    share = np.divide(weight, total[movements.in_link], out=np.zeros_like(weight), where=weight > 0)
    exits = np.where(total > 0, 0.0, 1.0)
    entry = np.flatnonzero(net.nodes.gateway[links.from_node])
    flow = np.zeros(len(links))
    flow[entry] = entry_veh_s
    reached = flow.copy()
    for _ in range(400):
        reached = flow + np.bincount(
            movements.out_link, weights=reached[movements.in_link] * share, minlength=len(links)
        )
    return FlowDemand(
        period_s=3600.0,
        entry_link=entry,
        entry_veh_s=np.full((1, len(entry)), entry_veh_s),
        movement_share=share[None],
        exit_share=exits[None],
        link_veh_s=reached[None],
        source="by hand",
    )


def grid_city(
    columns: int, rows: int, entry_veh_s: float
) -> tuple[RoadNetwork, tuple[Junction, ...], FlowDemand]:
    """A grid of the scenario builder with even demand."""
    net = build_grid(columns, rows)
    return net, build_junctions(net, settings=SignalSettings.of("kz")), even_demand(net, entry_veh_s)


def corridor_city(count: int, entry_veh_s: float) -> tuple[RoadNetwork, tuple[Junction, ...], FlowDemand]:
    """A corridor of the scenario builder with even demand."""
    net = build_corridor(count)
    return net, build_junctions(net, settings=SignalSettings.of("kz")), even_demand(net, entry_veh_s)


def locked(junctions: Sequence[Junction], rows: set[int]) -> tuple[Junction, ...]:
    """The junctions, those of `rows` locked."""
    return tuple(replace(j, locked=True) if j.index in rows else j for j in junctions)
