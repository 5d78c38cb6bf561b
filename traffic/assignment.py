"""Traffic assignment: from trips between zones to flows on links and movements at user equilibrium.

The vertices of the graph are links and its arcs are movements, so that banned turns do not exist in it.
Every zone adds a source, with an arc to each of its entry links, and a sink, with an arc from each of its
exit links.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from traffic.arrays import frozen
from traffic.demand import FlowDemand
from traffic.equilibrium import AssignmentGraph, CostFunction, Equilibrium
from traffic.errors import InputError
from traffic.network import JunctionKind, Turn
from traffic.priority import GiveWayKind, give_way
from traffic.units import VEH_H

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traffic.network import RoadNetwork
    from traffic.od import ODMatrix
    from traffic.progress import Progress
    from traffic.zones import Zones

__all__ = ["Assignment", "CostSettings", "TrafficAssignment", "assign", "default_capacity_veh_s"]


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
        Share of the cycle that lane groups have green at a signalised intersection; the second one for lane
        groups that serve left turns only.
    crossing_green_share
        The same at a mid-block crossing.
    minor_share, merge_share
        Share of the saturation flow that a movement has at an unsignalised node where it gives way to traffic
        whose path it crosses, and where it only merges with it. Gap acceptance leaves about this much beside a
        road with 600 to 900 vehicles an hour (Highway Capacity Manual 2010, chapter 19). A lane group has the
        mean of its movements.
    cycle_s
        Cycle time of the uniform delay, seconds.
    period_s
        Length T of the flow period, seconds; 15 minutes as in the Highway Capacity Manual.
    delay_parameter
        Akcelik's J; 0.4 is his value for arterial roads interrupted by signals.
    turn_s
        Constant cost of a right turn, through movement, left turn and U-turn, seconds.
    access_s
        Cost of a connector between a zone and a link when the zone uses all of its links alike, seconds; it
        grows with the flow, and so spreads the traffic of a zone over its links.
    """

    green_share: float = 0.45
    left_green_share: float = 0.15
    crossing_green_share: float = 0.65
    minor_share: float = 0.25
    merge_share: float = 0.4
    cycle_s: float = 90.0
    period_s: float = 900.0
    delay_parameter: float = 0.4
    turn_s: tuple[float, float, float, float] = (3.0, 0.0, 8.0, 45.0)
    access_s: float = 30.0

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
        for value in (*self.turn_s, self.access_s):
            if not (np.isfinite(value) and value >= 0):
                raise InputError("must be 0 or more", field="turn_s, access_s", value=value)


def _green_shares(network: RoadNetwork, settings: CostSettings) -> NDArray[np.float64]:
    """Share of the time that each lane group may discharge; shape (lane groups,)."""
    links, movements, groups = network.links, network.movements, network.lane_groups
    signal = np.full(len(network.nodes), -1)
    signal[network.junctions.node] = network.junctions.kind
    at_signal = signal[links.to_node]
    link_share = np.full(len(links), settings.green_share)
    link_share[at_signal == JunctionKind.CROSSING] = settings.crossing_green_share
    other = np.zeros(len(groups), dtype=bool)
    turn = movements.turn[network.connections.movement]
    other[network.connections.lane_group[(turn != Turn.LEFT) & (turn != Turn.U_TURN)]] = True
    intersection = at_signal[groups.link] == JunctionKind.INTERSECTION
    share: NDArray[np.float64] = np.where(
        at_signal[groups.link] >= 0, link_share[groups.link], _unsignalised_share(network, settings)
    )
    # at the stem of a T, where everything turns, the left turn has a stage like any other
    has_through = np.zeros(len(links), dtype=bool)
    has_through[movements.in_link[movements.turn == Turn.THROUGH]] = True
    share[intersection & ~other & has_through[groups.link]] = settings.left_green_share
    return share


def _sums(row: NDArray[Any], values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Sum `values` by row."""
    return np.bincount(row, weights=values, minlength=size).astype(np.float64)


def _unsignalised_share(network: RoadNetwork, settings: CostSettings) -> NDArray[np.float64]:
    """Share of its saturation flow that each lane group has if no signal stops it; shape (lane groups,)."""
    rules, count = give_way(network), len(network.movements)
    yielding = np.repeat(np.arange(count), np.diff(rules.begin))
    share = np.ones(count)
    share[yielding[rules.kind == GiveWayKind.MERGING]] = settings.merge_share
    share[yielding[rules.kind == GiveWayKind.CROSSING]] = settings.minor_share
    group, movement = network.connections.lane_group, network.connections.movement
    size = len(network.lane_groups)
    served = np.bincount(group, minlength=size)
    total = np.bincount(group, weights=share[movement], minlength=size)
    return np.divide(total, served, out=np.ones(size), where=served > 0)


def default_capacity_veh_s(
    network: RoadNetwork, settings: CostSettings | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Capacity of every link and of every movement under default green shares, vehicles per second.

    A movement's capacity is that of all lane groups that serve it, taken as if it had them for itself. A
    link's capacity is that of all of its lane groups.
    """
    settings = settings or CostSettings()
    groups, connections = network.lane_groups, network.connections
    rate = groups.saturation_veh_s * _green_shares(network, settings)
    factor = network.movements.saturation_factor[connections.movement]
    movement = _sums(connections.movement, rate[connections.lane_group] * factor, len(network.movements))
    used = np.bincount(connections.lane_group, minlength=len(groups))
    mean_factor = _sums(connections.lane_group, factor, len(groups)) / np.maximum(used, 1)
    effective = rate * np.where(used > 0, mean_factor, 1.0)
    link = _sums(groups.link, effective, len(network.links))
    return link, movement


class TrafficAssignment:
    """The assignment problem of one network, its zones and one matrix; may be scaled and solved again."""

    def __init__(
        self, network: RoadNetwork, zones: Zones, od: ODMatrix, *, settings: CostSettings | None = None
    ) -> None:
        zones.check(network)
        od.check(network, zones)
        self.network, self.zones, self.od = network, zones, od
        self.settings = settings or CostSettings()
        links, size = len(network.links), len(zones)
        tail = np.r_[
            network.movements.in_link,
            links + np.repeat(np.arange(size), np.diff(zones.entry_begin)),
            zones.exit_link,
        ]
        head = np.r_[
            network.movements.out_link,
            zones.entry_link,
            links + size + np.repeat(np.arange(size), np.diff(zones.exit_begin)),
        ]
        order = np.argsort(tail, kind="stable")
        graph = AssignmentGraph(links + 2 * size, tail[order].astype(np.int32), head[order].astype(np.int32))
        self._place = np.argsort(order, kind="stable")  # of each arc, as listed above, in the graph
        origin, destination = np.nonzero(od.trips_veh_h)
        flow = od.trips_veh_h[origin, destination] * VEH_H
        self._base = self._network_costs()
        cost = self._cost(od)
        trips = ((links + origin).astype(np.int32), (links + size + destination).astype(np.int32), flow)
        self.equilibrium = Equilibrium(graph, cost, *trips)

    def _network_costs(self) -> tuple[NDArray[np.float64], ...]:
        """Free cost, capacity and whether there is a queue, of links and of movements."""
        network, settings = self.network, self.settings
        links, movements = network.links, network.movements
        link_capacity, movement_capacity = default_capacity_veh_s(network, settings)
        kind = np.full(len(network.nodes), -1)
        kind[network.junctions.node] = network.junctions.kind
        share = np.array([settings.green_share, settings.crossing_green_share, 1.0])[kind[links.to_node]]
        uniform_s = 0.5 * settings.cycle_s * (1.0 - share) ** 2
        link_free = links.length_m / links.speed_m_s + uniform_s
        movement_free = np.asarray(settings.turn_s)[movements.turn]
        partial = movement_capacity < 0.99 * link_capacity[movements.in_link]
        return link_free, link_capacity, movement_free, movement_capacity, partial.astype(np.float64)

    def _cost(self, od: ODMatrix) -> CostFunction:
        zones, settings = self.zones, self.settings
        link_free, link_capacity, movement_free, movement_capacity, partial = self._base
        entries, exits = np.diff(zones.entry_begin), np.diff(zones.exit_begin)
        connectors = []
        for count, ends in ((entries, od.trips_veh_h.sum(axis=1)), (exits, od.trips_veh_h.sum(axis=0))):
            connectors.append(np.repeat(ends * VEH_H / np.maximum(count, 1), count))
        access = np.concatenate(connectors)
        nodes = np.zeros(2 * len(zones))
        queue_s = 0.25 * settings.period_s
        spread = 8.0 * settings.delay_parameter / settings.period_s

        def arcs(movement: NDArray[np.float64], connector: NDArray[np.float64]) -> NDArray[np.float64]:
            column = np.empty(len(movement) + len(connector))
            column[self._place] = np.r_[movement, connector]
            return column

        free = np.r_[link_free, nodes, arcs(movement_free, 0.0 * access)]
        capacity = np.r_[
            link_capacity, nodes + 1.0, arcs(movement_capacity, np.where(access > 0, access, 1.0))
        ]
        rise = np.r_[
            0.0 * link_free, nodes, arcs(0.0 * partial, np.where(access > 0, settings.access_s, 0.0))
        ]
        queue = np.r_[0.0 * link_free + queue_s, nodes, arcs(partial * queue_s, 0.0 * access)]
        return CostFunction(free, capacity, rise, np.ones(len(free)), queue, spread / capacity)

    def scale(self, factor: float) -> None:
        """Multiply the matrix, and the path flows found so far, by `factor` (more than 0)."""
        self.od = self.od.scaled(factor)
        self.equilibrium.scale(factor)
        self.equilibrium.set_cost(self._cost(self.od))

    def solve(
        self, gap: float = 1e-4, max_iterations: int = 100, *, progress: Progress | None = None
    ) -> Assignment:
        """Return the flows at the present matrix, as near to equilibrium as `gap` asks."""
        reached = self.equilibrium.solve(gap, max_iterations, progress=progress)
        links, movements = len(self.network.links), len(self.network.movements)
        vertices = self.equilibrium.graph.vertices
        flow, cost = self.equilibrium.flow, self.equilibrium.cost
        arc = flow[vertices:][self._place]
        entries = len(self.zones.entry_link)
        return Assignment(
            zones=self.zones,
            od=self.od,
            link_veh_s=flow[:links],
            movement_veh_s=arc[:movements],
            entry_veh_s=arc[movements : movements + entries],
            exit_veh_s=arc[movements + entries :],
            link_cost_s=cost[:links],
            movement_cost_s=cost[vertices:][self._place][:movements],
            relative_gap=reached,
            relative_gaps=tuple(self.equilibrium.relative_gaps),
        )


@dataclass(frozen=True, eq=False)
class Assignment:
    """Flows at user equilibrium.

    Attributes
    ----------
    zones, od
        What was assigned.
    link_veh_s, movement_veh_s
        Flows, vehicles per second; shapes (links,) and (movements,).
    entry_veh_s, exit_veh_s
        Flow from and to zones by row of `Zones.entry_link` and `Zones.exit_link`.
    link_cost_s, movement_cost_s
        Cost of each link and movement, as drivers are taken to judge it, seconds.
    relative_gap
        Relative gap that was reached; the values on the way, one per iteration, are `relative_gaps`.
    """

    zones: Zones
    od: ODMatrix
    link_veh_s: NDArray[np.float64]
    movement_veh_s: NDArray[np.float64]
    entry_veh_s: NDArray[np.float64]
    exit_veh_s: NDArray[np.float64]
    link_cost_s: NDArray[np.float64]
    movement_cost_s: NDArray[np.float64]
    relative_gap: float
    relative_gaps: tuple[float, ...]

    def __post_init__(self) -> None:
        for field in ("link", "movement", "entry", "exit"):
            name = f"{field}_veh_s"
            object.__setattr__(self, name, frozen(getattr(self, name), np.float64))
        for name in ("link_cost_s", "movement_cost_s"):
            object.__setattr__(self, name, frozen(getattr(self, name), np.float64))

    @property
    def iterations(self) -> int:
        """Number of iterations made."""
        return len(self.relative_gaps)

    def flow_demand(self, network: RoadNetwork) -> FlowDemand:
        """Return the demand for the flow model.

        The turning shares are those of the assigned flows in all periods; the entering flows follow the time
        profile of the matrix. Links without flow spread it evenly over their movements.
        """
        links = len(network.links)
        leaving = _sums(self.zones.exit_link, self.exit_veh_s, links)
        movement_share, exit_share = shares(network, self.movement_veh_s, leaving)
        entry_link, row = np.unique(self.zones.entry_link, return_inverse=True)
        entering = _sums(row, self.entry_veh_s, len(entry_link))
        used = entering > 0
        profile = self.od.profile[:, None]
        repeated = np.ones_like(profile)
        return FlowDemand(
            period_s=self.od.period_s,
            entry_link=entry_link[used],
            entry_veh_s=profile * entering[used],
            movement_share=repeated * movement_share,
            exit_share=repeated * exit_share,
            link_veh_s=profile * self.link_veh_s,
            source=self.od.source,
        )


def shares(
    network: RoadNetwork, movement_veh_s: NDArray[np.float64], exit_veh_s: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return movement and exit shares of every link from flows; they sum to 1 on each link.

    Links without flow divide it evenly among their movements, U-turns left out where there is another way;
    without movements everything leaves.
    """
    movements, links = network.movements, len(network.links)
    plain = (movements.turn != Turn.U_TURN).astype(np.float64)
    has_plain = _sums(movements.in_link, plain, links) > 0
    even = np.where(has_plain[movements.in_link], plain, 1.0)
    total = _sums(movements.in_link, movement_veh_s, links) + exit_veh_s
    flow = np.where(total[movements.in_link] > 0, movement_veh_s, even)
    ways = np.bincount(movements.in_link, minlength=links)
    leave = np.where(total > 0, exit_veh_s, (ways == 0).astype(np.float64))
    total = _sums(movements.in_link, flow, links) + leave
    return flow / total[movements.in_link], leave / total


def assign(
    network: RoadNetwork,
    zones: Zones,
    od: ODMatrix,
    *,
    gap: float = 1e-4,
    max_iterations: int = 100,
    settings: CostSettings | None = None,
    progress: Progress | None = None,
) -> Assignment:
    """Assign a matrix to user equilibrium.

    Parameters
    ----------
    gap
        Relative gap to stop at.
    max_iterations
        Shortest-tree searches to stop at in any case; the result says which gap was reached.

    Raises
    ------
    InputError
        Where a trip cannot be made on the network.
    """
    problem = TrafficAssignment(network, zones, od, settings=settings)
    return problem.solve(gap, max_iterations, progress=progress)
