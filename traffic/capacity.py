"""How drivers judge links and movements, and what these can discharge, before any signal plan is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from traffic.errors import InputError
from traffic.network import JunctionKind, Turn
from traffic.priority import GiveWayKind, give_way

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traffic.network import RoadNetwork

__all__ = [
    "CostSettings",
    "capacity_veh_s",
    "default_capacity_veh_s",
    "default_movement_shares",
    "junction_kinds",
    "sums",
]


@dataclass(frozen=True)
class CostSettings:
    """How drivers are taken to judge links and movements before any signal plan is known.

    A link costs its free travel time, the mean delay of an arrival at random at its signal (r^2 / (2 C) with
    the red time r and the cycle C: Webster 1958, first term at low flow) and the overflow delay of Akcelik's
    function (see `CostFunction`). A movement that does not have all lanes of its link has an overflow delay
    of its own, and a constant for its turn.

    Attributes
    ----------
    green_share, left_green_share
        Share of its saturation flow that a movement has at a signalised intersection; the second one for turns to
        the left that face oncoming traffic, which have a stage of their own or find gaps.
    crossing_green_share
        The same at a mid-block crossing.
    minor_share, merge_share
        Share of the saturation flow that a movement has at an unsignalised node where it gives way to traffic
        whose path it crosses, and where it only merges with it. Gap acceptance leaves about this much beside a
        road with 600 to 900 vehicles an hour (Highway Capacity Manual 2010, chapter 19). There a lane group has
        the mean of its movements, at a signal the best.
    cycle_s
        Cycle time of the uniform delay, seconds.
    period_s
        Length T of the flow period, seconds: how long queues grow where demand exceeds capacity. One hour, the
        time over which plans are judged.
    delay_parameter
        Akcelik's J; 0.4 is his value for arterial roads interrupted by signals.
    turn_s
        Constant cost of a right turn, through movement, left turn and U-turn, seconds.
    access_s
        Cost of a connector between a zone and a link when the zone uses all of its links alike, seconds; it
        grows with the flow, and so spreads the traffic of a zone over its links.
    rounds
        How often at most capacities follow the flows before the last equilibrium (`traffic.gaps`); they stop
        when they are steady.
    """

    green_share: float = 0.45
    left_green_share: float = 0.15
    crossing_green_share: float = 0.65
    minor_share: float = 0.25
    merge_share: float = 0.4
    cycle_s: float = 90.0
    period_s: float = 3600.0
    delay_parameter: float = 0.4
    turn_s: tuple[float, float, float, float] = (3.0, 0.0, 8.0, 45.0)
    access_s: float = 30.0
    rounds: int = 20

    def __post_init__(self) -> None:
        for field in (
            "green_share",
            "left_green_share",
            "crossing_green_share",
            "minor_share",
            "merge_share",
        ):
            if not 0 < getattr(self, field) <= 1:
                raise InputError("must be more than 0 and at most 1", field=field, value=getattr(self, field))
        for field in ("cycle_s", "period_s", "delay_parameter"):
            if not (np.isfinite(getattr(self, field)) and getattr(self, field) > 0):
                raise InputError("must be more than 0", field=field, value=getattr(self, field))
        if self.rounds < 0:
            raise InputError("must be 0 or more", field="rounds", value=self.rounds)
        for value in (*self.turn_s, self.access_s):
            if not (np.isfinite(value) and value >= 0):
                raise InputError("must be 0 or more", field="turn_s, access_s", value=value)


def sums(row: NDArray[Any], values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Sum `values` by row."""
    return np.bincount(row, weights=values, minlength=size).astype(np.float64)


def default_movement_shares(network: RoadNetwork, settings: CostSettings) -> NDArray[np.float64]:
    """Share of its saturation flow that each movement has if it has its lane groups for itself; shape (movements,)."""
    links, movements, rules = network.links, network.movements, give_way(network)
    yielding = np.repeat(np.arange(len(movements)), np.diff(rules.begin))
    share = np.ones(len(movements))
    share[yielding[rules.kind == GiveWayKind.MERGING]] = settings.merge_share
    share[yielding[rules.kind == GiveWayKind.CROSSING]] = settings.minor_share
    kind = junction_kinds(network)[links.to_node[movements.in_link]]
    share[kind == JunctionKind.INTERSECTION] = settings.green_share
    share[kind == JunctionKind.CROSSING] = settings.crossing_green_share
    # at the stem of a T, where everything turns, the left turn has a stage like any other
    has_through = np.zeros(len(links), dtype=bool)
    has_through[movements.in_link[movements.turn == Turn.THROUGH]] = True
    left = (movements.turn == Turn.LEFT) | (movements.turn == Turn.U_TURN)
    left &= (kind == JunctionKind.INTERSECTION) & has_through[movements.in_link]
    share[left] = settings.left_green_share
    return share


def _group_shares(network: RoadNetwork, movement_share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of its saturation flow that each lane group has: of its movements the best at a signal, else the mean."""
    group, movement = network.connections.lane_group, network.connections.movement
    size = len(network.lane_groups)
    served = np.bincount(group, minlength=size)
    total = sums(group, movement_share[movement], size)
    mean = np.divide(total, served, out=np.ones(size), where=served > 0)
    best = np.zeros(size)
    np.maximum.at(best, group, movement_share[movement])
    signal = junction_kinds(network)[network.links.to_node[network.lane_groups.link]] >= 0
    return np.where(signal & (served > 0), best, mean)


def junction_kinds(network: RoadNetwork) -> NDArray[np.int64]:
    """Return the `JunctionKind` of each node, -1 where there is no signal."""
    kind = np.full(len(network.nodes), -1, dtype=np.int64)
    kind[network.junctions.node] = network.junctions.kind
    return kind


def default_capacity_veh_s(
    network: RoadNetwork, settings: CostSettings | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Capacity of every link and of every movement under default green shares, vehicles per second.

    A movement's capacity is that of all lane groups that serve it, taken as if it had them for itself. A
    link's capacity is that of all of its lane groups.
    """
    return capacity_veh_s(network, default_movement_shares(network, settings or CostSettings()))


def capacity_veh_s(
    network: RoadNetwork, share: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the same for given shares of the movements."""
    groups, connections = network.lane_groups, network.connections
    factor = network.movements.saturation_factor[connections.movement]
    full = groups.saturation_veh_s[connections.lane_group] * factor
    movement = sums(connections.movement, full, len(network.movements)) * share
    used = np.bincount(connections.lane_group, minlength=len(groups))
    mean_factor = sums(connections.lane_group, factor, len(groups)) / np.maximum(used, 1)
    rate = groups.saturation_veh_s * _group_shares(network, share)
    link = sums(groups.link, rate * np.where(used > 0, mean_factor, 1.0), len(network.links))
    return link, movement
