"""Degree of saturation of lane groups under a reference control, before any plan exists.

The reference is Webster's equisaturation (Webster 1958, Road Research Technical Paper 39) at a common cycle:

* The approaches of a junction form axes: two that come from opposite directions, or one alone.
* An axis has a stage for all lane groups that serve more than left turns, and, where two approaches face each
  other, another one for the lane groups that serve left turns and U-turns only.
* Every stage loses `lost_s` of the cycle; the rest is divided in proportion to the critical flow ratios.
* A mid-block crossing has one stage for vehicles and one of fixed length for people on foot.

* A turn to the left that shares a lane counts as several vehicles straight on: as many as could go in the
  green that it needs to find its gaps (through-car equivalents, Highway Capacity Manual 2000, appendix C of chapter 16).

It needs only the flows of movements and the saturation flows of lane groups, and is the same for all plans,
so that demand scaled by it means the same to all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traffic.arrays import require, require_finite
from traffic.errors import InputError
from traffic.gaps import GapCapacity
from traffic.network import JunctionKind, Turn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traffic.network import RoadNetwork

__all__ = ["ReferenceControl", "lane_group_flow_ratio"]

_BACK_M = 25.0
_OPPOSITE_RAD = np.pi / 4
_ROUNDS = 60
_GREEN_SHARE = 0.45
_MOST_EQUIVALENTS = 4.0


def lane_group_flow_ratio(network: RoadNetwork, movement_veh_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the flow ratio (flow / saturation flow) of every lane group; shape (lane groups,).

    A movement that several lane groups serve divides itself so that their flow ratios become equal, as far as
    the other movements in them allow (Highway Capacity Manual 2010, chapter 18: equal flow ratios of shared
    and exclusive lanes).
    """
    require_finite("movement_veh_s", movement_veh_s)
    require(movement_veh_s >= 0, "movement_veh_s", "must be 0 or more", movement_veh_s)
    group, movement = network.connections.lane_group, network.connections.movement
    rate = network.lane_groups.saturation_veh_s[group] * network.movements.saturation_factor[movement]
    load = movement_veh_s[movement] / rate
    weight = rate.copy()
    groups, movements = len(network.lane_groups), len(network.movements)
    ratio = np.zeros(groups)
    for _ in range(_ROUNDS):
        share = weight / np.bincount(movement, weights=weight, minlength=movements)[movement]
        ratio = np.bincount(group, weights=share * load, minlength=groups).astype(np.float64)
        present = np.maximum(ratio[group], 1e-9)
        weight = np.maximum(share / present, 1e-9)
    return ratio


def _headings(network: RoadNetwork, links: NDArray[np.intp]) -> NDArray[np.float64]:
    """Direction in which each link arrives, radians, taken over its last metres."""
    found = np.empty(len(links))
    for row, link in enumerate(links.tolist()):
        shape = network.shape(link)
        end = shape[-1]
        far = np.hypot(*(shape - end).T) >= _BACK_M
        start = shape[np.flatnonzero(far)[-1]] if far.any() else shape[0]
        found[row] = np.arctan2(end[1] - start[1], end[0] - start[0])
    return found


def _axes(headings: NDArray[np.float64]) -> list[tuple[int, ...]]:
    """Pair approaches that face each other, the straightest pair first; the others stay alone."""
    count = len(headings)
    pairs = []
    for a in range(count):
        for b in range(a + 1, count):
            bend = abs((headings[a] - headings[b]) % (2 * np.pi) - np.pi)
            if bend <= _OPPOSITE_RAD:
                pairs.append((round(float(bend), 6), a, b))
    axes: list[tuple[int, ...]] = []
    free = set(range(count))
    for _, a, b in sorted(pairs):
        if {a, b} <= free:
            axes.append((a, b))
            free -= {a, b}
    return axes + [(a,) for a in sorted(free)]


@dataclass(frozen=True)
class _Stages:
    """Which stage serves each lane group; -1 where it has no signal."""

    of_group: NDArray[np.intp]
    junction: NDArray[np.intp]


def _stages(network: RoadNetwork) -> _Stages:
    links, groups = network.links, network.lane_groups
    turn = network.movements.turn[network.connections.movement]
    more_than_left = np.zeros(len(groups), dtype=bool)
    other = (turn != Turn.LEFT) & (turn != Turn.U_TURN)
    more_than_left[network.connections.lane_group[other]] = True
    served = np.zeros(len(groups), dtype=bool)
    served[network.connections.lane_group] = True
    of_group = np.full(len(groups), -1, dtype=np.intp)
    junction_of: list[int] = []
    order = np.argsort(links.to_node, kind="stable")
    begin = np.searchsorted(links.to_node[order], np.arange(len(network.nodes) + 1))
    for junction, node in enumerate(network.junctions.node.tolist()):
        arriving = order[begin[node] : begin[node + 1]]
        if network.junctions.kind[junction] == JunctionKind.CROSSING:
            axes: list[tuple[int, ...]] = [tuple(range(len(arriving)))]
        else:
            axes = _axes(_headings(network, arriving))
        for axis in axes:
            members = np.flatnonzero(np.isin(groups.link, arriving[list(axis)]) & served)
            left = ~more_than_left[members] & (len(axis) == 2)
            for part in (members[~left], members[left]):
                if len(part):
                    of_group[part] = len(junction_of)
                    junction_of.append(junction)
    return _Stages(of_group, np.array(junction_of, dtype=np.intp))


class ReferenceControl:
    """The reference control of a network; prepared once, asked many times.

    Parameters
    ----------
    network
        The network; needs a signal.
    cycle_s
        The common cycle.
    lost_s
        Lost time of each stage. The plans that `signals` makes for whole cities lose about 8 s a stage, but have about
        half as many, as most left turns find gaps.
    walk_s
        Length of the stage for people on foot at a mid-block crossing, lost time included.
    """

    def __init__(
        self, network: RoadNetwork, *, cycle_s: float = 90.0, lost_s: float = 4.0, walk_s: float = 20.0
    ) -> None:
        if len(network.junctions) == 0:
            rule, hint = "needs a signalised junction", "check the import"
            raise InputError(rule, field="network.junctions", value=0, hint=hint)
        self.network = network
        self._stages = _stages(network)
        stages = np.bincount(self._stages.junction, minlength=len(network.junctions))
        crossing = network.junctions.kind == JunctionKind.CROSSING
        lost = lost_s * stages + np.where(crossing, walk_s, 0.0)
        self._gaps, self._cycle_s = GapCapacity(network), cycle_s
        self._usable = 1.0 - lost / cycle_s
        require(self._usable > 0, "cycle_s", "must be longer than the lost time", lost)

    @property
    def lane_groups(self) -> NDArray[np.intp]:
        """Lane groups that have a signal."""
        return np.flatnonzero(self._stages.of_group >= 0)

    def _flow_ratio(self, movement_veh_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the flow ratio of each lane group in vehicles straight on."""
        gaps = self._gaps
        green = np.full(len(gaps.gives), _GREEN_SHARE)
        reached = gaps.permissive_share(movement_veh_s, green, self._cycle_s)
        worth = np.minimum(green / np.maximum(reached, 1e-9), _MOST_EQUIVALENTS)
        flow = movement_veh_s.copy()
        flow[gaps.gives[gaps.shared_left]] *= worth[gaps.shared_left]
        return lane_group_flow_ratio(self.network, flow)

    def saturation(self, movement_veh_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the degree of saturation X of every lane group; 0 where it has no signal or no flow."""
        ratio = self._flow_ratio(movement_veh_s)
        groups, stage = self.lane_groups, self._stages.of_group[self.lane_groups]
        critical = np.zeros(len(self._stages.junction))
        np.maximum.at(critical, stage, ratio[groups])
        total = np.bincount(self._stages.junction, weights=critical, minlength=len(self._usable))
        # X of a critical lane group is the same in all stages: Y C / (C - L)
        junction = self._stages.junction[stage]
        relative = ratio[groups] / np.where(critical[stage] > 0, critical[stage], 1.0)
        x = np.zeros(len(ratio))
        x[groups] = relative * total[junction] / self._usable[junction]
        return x

    def quantile(self, movement_veh_s: NDArray[np.float64], q: float = 0.9) -> float:
        """Return the `q` quantile of X over the lane groups that have a signal."""
        return float(np.quantile(self.saturation(movement_veh_s)[self.lane_groups], q))
