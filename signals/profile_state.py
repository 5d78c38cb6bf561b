"""What the cyclic profile model writes, and in which order it visits the nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from signals._kernels_greens import SHOWN
from signals._kernels_profile_tables import OUT_BEGIN, OUT_END, RESULTS, Journal, Net, PlanState, ProfileState

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from signals.profile_parameters import MeanDemand
    from signals.profile_tables import Sizes
    from traffic.network import RoadNetwork

__all__ = ["buffers", "downstream_order", "leaders"]


def buffers(network: RoadNetwork, net: Net, sizes: Sizes) -> tuple[ProfileState, PlanState, Journal]:
    """Return the arrays that evaluations of a network write."""
    nodes, links, stride = len(network.nodes), len(network.links), net.stride
    groups, parts = len(network.lane_groups), len(net.part)
    slots = int((net.node[:, OUT_END] - net.node[:, OUT_BEGIN]).max(initial=1))
    state = ProfileState(
        inflow=np.zeros(links * stride),
        arrive=np.zeros(links * stride),
        depart=np.zeros(sizes.departures * stride),
        service=np.zeros(groups * stride),
        node_cost=np.zeros(nodes),
        result=np.zeros(RESULTS * groups),
        queue=np.zeros(2 * nodes, dtype=np.int32),
        came=np.ones(links, dtype=np.uint8),
        shown=np.zeros(nodes * (SHOWN + net.stages), dtype=np.int32),
        volume=np.zeros(groups),
        rate=np.zeros(sizes.played * stride),
        late=np.zeros(sizes.played * stride),
        flow=np.zeros(sizes.played * stride),
        opened=np.zeros(sizes.played * stride),
        moved=np.zeros(sizes.departures, dtype=np.uint8),
        live=np.zeros(parts),
        fresh=np.zeros(parts),
        left=np.zeros(sizes.team),
        start=np.zeros(sizes.team),
        waiting=np.zeros(parts),
        cap=np.zeros(parts),
        line=np.zeros(sizes.team * stride),
        stood=np.zeros(sizes.team * stride),
        looked=np.zeros(sizes.team * stride),
        out=np.zeros(slots * stride),
        stage_start=np.zeros(net.stages + 1, dtype=np.int32),
    )
    count = len(network.junctions)
    plan = PlanState(
        stages=net.stages,
        period=np.ones(nodes, dtype=np.int32),
        repeats=np.ones(count, dtype=np.int32),
        sequence=np.zeros(count, dtype=np.int32),
        offset=np.zeros(count, dtype=np.int32),
        duration=np.zeros(count * net.stages, dtype=np.int32),
    )
    journal = Journal(
        size=np.zeros(3, dtype=np.int32),
        node=np.zeros(2 * nodes, dtype=np.int32),
        link=np.zeros(2 * links, dtype=np.int32),
        cost=np.zeros(nodes),
        inflow=np.zeros(links * stride),
        arrive=np.zeros(links * stride),
    )
    return state, plan, journal


def leaders(network: RoadNetwork, demand: MeanDemand) -> NDArray[np.int32]:
    """Return for each node the junction whose period it follows: its own, else the heaviest one upstream."""
    leader = np.full(len(network.nodes), -1, dtype=np.int32)
    leader[network.junctions.node] = np.arange(len(network.junctions))
    heaviest = np.argsort(-demand.link_veh_s, kind="stable")
    for ends in (
        (network.links.from_node, network.links.to_node),
        (network.links.to_node, network.links.from_node),
    ):
        source, target = ends[0][heaviest], ends[1][heaviest]
        while True:
            open_ = (leader[target] < 0) & (leader[source] >= 0)
            if not open_.any():
                break
            nodes, first = np.unique(target[open_], return_index=True)
            leader[nodes] = leader[source[open_][first]]
    return leader


def downstream_order(network: RoadNetwork, demand: MeanDemand) -> NDArray[np.int32]:
    """Return the nodes in the order in which vehicles from the entries reach them."""
    depth = np.full(len(network.nodes), len(network.nodes), dtype=np.int64)
    depth[network.links.from_node[demand.entry_veh_s > 0]] = 0
    for _ in range(len(network.nodes)):
        reached = depth.copy()
        np.minimum.at(reached, network.links.to_node, depth[network.links.from_node] + 1)
        if np.array_equal(reached, depth):
            break
        depth = reached
    return np.argsort(depth, kind="stable").astype(np.int32)
