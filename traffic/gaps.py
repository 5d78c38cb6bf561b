"""What movements that give way can discharge beside given mean flows.

Long-term means for whoever needs capacities before a plan exists: assignment and the reference control. At a permissive
turn the flow model, which looks back over some seconds, lets a tenth to a fifth less through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traffic._flow_parameters import FlowParameters
from traffic.network import Turn
from traffic.priority import GapClass, give_way

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traffic.network import RoadNetwork

    F1 = NDArray[np.float64]

__all__ = ["GapCapacity"]


class GapCapacity:
    """Gap acceptance at all nodes of a network; prepared once, asked many times.

    Attributes
    ----------
    gives
        Movements that may have to give way.
    at_signal
        Which of `gives` are at a signal.
    shared_left
        Which of `gives` are turns to the left at a signal that share a lane with others.
    """

    def __init__(self, network: RoadNetwork, parameters: FlowParameters | None = None) -> None:
        self.network, self.parameters = network, parameters or FlowParameters()
        movements, links = network.movements, network.links
        rules = give_way(network)
        self._giving = np.repeat(np.arange(len(movements)), np.diff(rules.begin))
        self._other = rules.to_movement
        self._part = rules.part
        self.gives = np.flatnonzero(np.diff(rules.begin) > 0)
        signal = np.zeros(len(network.nodes), dtype=bool)
        signal[network.junctions.node] = True
        self.at_signal = signal[links.to_node[movements.in_link[self.gives]]]
        group, movement = network.connections.lane_group, network.connections.movement
        size = len(movements)
        rate = network.lane_groups.saturation_veh_s[group] * movements.saturation_factor[movement]
        saturation = np.maximum(np.bincount(movement, rate, size), 1e-9)[self.gives]
        lanes = np.bincount(movement, network.lane_groups.lanes[group], size)[self.gives]
        self._saturation, self._lanes = saturation, lanes
        self._opposing_rate = links.lanes[movements.in_link[self.gives]] * saturation / np.maximum(lanes, 1)
        self._gap = [self.parameters.gaps[GapClass(int(c))] for c in rules.gap_class[self.gives]]
        left = (movements.turn == Turn.LEFT) | (movements.turn == Turn.U_TURN)
        others = np.bincount(group, ~left[movement], len(network.lane_groups))
        shared = left & (np.bincount(movement, others[group], size) > 0)
        self.shared_left = shared[self.gives] & self.at_signal

    def opposing_veh_s(self, movement_veh_s: F1) -> F1:
        """Return the flow in which each of `gives` has to find gaps."""
        seen = movement_veh_s[self._other] * self._part
        total = np.bincount(self._giving, seen, len(movement_veh_s))
        return np.asarray(total[self.gives], dtype=np.float64)

    def share(self, movement_veh_s: F1) -> F1:
        """Return the flow of each of `gives` that finds gaps all the time, over its saturation flow; at most 1."""
        opposing = self.opposing_veh_s(movement_veh_s).tolist()
        flow = np.array([gap.capacity_veh_s(v) for gap, v in zip(self._gap, opposing, strict=True)])
        return np.minimum(flow * self._lanes / self._saturation, 1.0)

    def permissive_share(self, movement_veh_s: F1, green_share: F1, cycle_s: float) -> F1:
        """Return the same for permissive turns at a signal: gaps once the opposing queue has gone, and sneakers.

        Highway Capacity Manual 2000, appendix C of chapter 16. Opposing traffic is taken to have as many lanes as
        the link that the turn leaves.

        Parameters
        ----------
        movement_veh_s
            Flows; shape (movements,).
        green_share
            Share of the cycle that each of `gives` has green.
        cycle_s
            Cycle of the sneakers.
        """
        load = np.minimum(self.opposing_veh_s(movement_veh_s) / self._opposing_rate, 0.99)
        free = np.maximum(green_share - load, 0.0) / (1.0 - load)
        sneakers = self.parameters.sneakers_veh / cycle_s / self._saturation
        return np.minimum(free * self.share(movement_veh_s) + sneakers, green_share)
