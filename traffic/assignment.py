"""Traffic assignment: from trips between zones to flows on links and movements at user equilibrium.

The vertices of the graph are links and its arcs are movements, so that banned turns do not exist in it.
Every zone adds a source, with an arc to each of its entry links, and a sink, with an arc from each of its
exit links.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traffic.arrays import frozen
from traffic.capacity import (
    CostSettings,
    capacity_veh_s,
    default_capacity_veh_s,
    default_movement_shares,
    junction_kinds,
    sums,
)
from traffic.demand import FlowDemand
from traffic.equilibrium import AssignmentGraph, CostFunction, Equilibrium
from traffic.gaps import GapCapacity
from traffic.network import Turn
from traffic.units import VEH_H

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traffic.network import RoadNetwork
    from traffic.od import ODMatrix
    from traffic.progress import Progress
    from traffic.zones import Zones

__all__ = ["Assignment", "CostSettings", "TrafficAssignment", "assign", "default_capacity_veh_s"]


_ROUND_GAP = 5e-3
_LEAST_SHARE = 0.05
_STEADY = 3e-4


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
        self.movement_share = self._fixed_share = default_movement_shares(network, self.settings)
        self._gaps = GapCapacity(network)
        self._base = self._network_costs()
        cost = self._cost(od)
        trips = ((links + origin).astype(np.int32), (links + size + destination).astype(np.int32), flow)
        self.equilibrium = Equilibrium(graph, cost, *trips)

    def _network_costs(self) -> tuple[NDArray[np.float64], ...]:
        """Free cost, capacity and whether there is a queue, of links and of movements."""
        network, settings = self.network, self.settings
        links, movements = network.links, network.movements
        link_capacity, movement_capacity = capacity_veh_s(network, self.movement_share)
        kind = junction_kinds(network)[links.to_node]
        share = np.array([settings.green_share, settings.crossing_green_share, 1.0])[kind]
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

    def _respond(self) -> float:
        """Bring the capacities half of the way to those beside the present flows; return the mean change of shares."""
        movements = len(self.network.movements)
        flow = self.equilibrium.flow[self.equilibrium.graph.vertices :][self._place][:movements]
        change = 0.5 * (self._shares_beside(flow) - self.movement_share)
        self.movement_share = self.movement_share + change
        self._base = self._network_costs()
        self.equilibrium.set_cost(self._cost(self.od))
        given = self._gaps.gives
        total = float(flow[given].sum())
        return float(np.abs(change[given]) @ flow[given]) / total if total > 0 else 0.0

    def _shares_beside(self, movement_veh_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the shares of movements if those that give way find their gaps in these flows."""
        gaps, settings = self._gaps, self.settings
        share = self._fixed_share.copy()
        gives, at_signal = gaps.gives, gaps.at_signal
        green = np.full(len(gives), settings.green_share)
        turns = gaps.permissive_share(movement_veh_s, green, settings.cycle_s)
        at_lights = np.where(gaps.shared_left, turns, share[gives])
        share[gives] = np.where(at_signal, at_lights, gaps.share(movement_veh_s))
        return np.maximum(share, _LEAST_SHARE)

    def solve(
        self, gap: float = 1e-4, max_iterations: int = 100, *, progress: Progress | None = None
    ) -> Assignment:
        """Return the flows at the present matrix, as near to equilibrium as `gap` asks."""
        for _ in range(self.settings.rounds):
            coarse = self.equilibrium.solve(max(gap, _ROUND_GAP), max_iterations, progress=progress)
            if not np.isfinite(coarse) or self._respond() <= _STEADY:
                break
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
        leaving = sums(self.zones.exit_link, self.exit_veh_s, links)
        movement_share, exit_share = shares(network, self.movement_veh_s, leaving)
        entry_link, row = np.unique(self.zones.entry_link, return_inverse=True)
        entering = sums(row, self.entry_veh_s, len(entry_link))
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
    has_plain = sums(movements.in_link, plain, links) > 0
    even = np.where(has_plain[movements.in_link], plain, 1.0)
    total = sums(movements.in_link, movement_veh_s, links) + exit_veh_s
    flow = np.where(total[movements.in_link] > 0, movement_veh_s, even)
    ways = np.bincount(movements.in_link, minlength=links)
    leave = np.where(total > 0, exit_veh_s, (ways == 0).astype(np.float64))
    total = sums(movements.in_link, flow, links) + leave
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
