"""What the page of one junction shows: legs, movements, signal groups, and the plan of each case."""

from __future__ import annotations

from math import atan2, cos, degrees, sin
from typing import TYPE_CHECKING, Any

import numpy as np

from signals.junction import Conflict, GroupKind
from traffic.legs import LegEnd, leg_names, legs_at
from traffic.network import RoadClass, Turn

if TYPE_CHECKING:
    from api.report.measures import Case
    from api.report.roadmap import Frame
    from signals.junction import Junction, SignalGroup
    from signals.plan import Stage
    from traffic.legs import Leg
    from traffic.network import RoadNetwork

__all__ = ["JunctionPages"]

_BEARING_M = 40.0
_LEFTWARD = (int(Turn.LEFT), int(Turn.U_TURN))
_YIELD = int(Conflict.YIELD)


class _Site:
    """Legs, movements and lanes of one junction, in the order in which the page shows them."""

    def __init__(self, pages: JunctionPages, junction: Junction) -> None:
        self.network = network = pages.network
        self.junction = junction
        node = int(network.junctions.node[junction.index])
        self.x_m, self.y_m = float(network.nodes.x_m[node]), float(network.nodes.y_m[node])
        arriving = [self._end(link, inward=True) for link in pages.arriving(node)]
        leaving = [self._end(link, inward=False) for link in pages.leaving(node)]
        legs = legs_at(arriving, leaving)
        self.legs: list[Leg] = sorted(legs, key=lambda leg: _compass_deg(_bearing_rad(leg)))
        self.leg_names = leg_names([_bearing_rad(leg) for leg in self.legs])
        self.leg_of = {end.link: k for k, leg in enumerate(self.legs) for end in leg.ends}
        self.group_of = {m: g for g, group in enumerate(junction.groups) for m in group.movements}
        movements = network.movements
        known = [m for end in arriving for m in pages.movements(end.link)]
        known.sort(key=lambda m: (self.leg_of[int(movements.in_link[m])], float(movements.angle_rad[m])))
        self.movements = known
        self.crossed = [self._crossed(group) for group in junction.groups]
        self.yields_to = [self._yields_to(m) for m in known]

    def _end(self, link: int, *, inward: bool) -> LegEnd:
        links = self.network.links
        shape = self.network.shape(link)
        outward = shape[::-1] if inward else shape
        far = _along(outward, _BEARING_M)
        bearing = atan2(far[1] - self.y_m, far[0] - self.x_m)
        other = links.from_node if inward else links.to_node
        return LegEnd(
            link=link,
            far_node=int(other[link]),
            bearing_rad=bearing,
            lanes=int(links.lanes[link] if inward else links.running_lanes[link]),
            name=int(links.name[link]),
            road_class=RoadClass(int(links.road_class[link])),
            crossing=None,
            refuge=False,
        )

    def _crossed(self, group: SignalGroup) -> list[int]:
        """Return the legs that a pedestrian group crosses."""
        crossings = self.network.crossings
        rows = list(group.crossings)
        links = [*crossings.in_link[rows].tolist(), *crossings.out_link[rows].tolist()]
        return sorted({self.leg_of[link] for link in links if link in self.leg_of})

    def _yields_to(self, movement: int) -> frozenset[int]:
        """Return the groups to which a movement gives way when they are green together with it.

        A conflict is told of groups. Among the movements of one group, those that turn into a crossed leg
        give way to people on foot, and left turns (where it has any) to vehicles.
        """
        own = self.group_of.get(movement, -1)
        if own < 0:
            return frozenset()
        junction, turn = self.junction, self.network.movements.turn
        exit_leg = self.leg_of[int(self.network.movements.out_link[movement])]
        lefts = [m for m in junction.groups[own].movements if turn[m] in _LEFTWARD]
        found = set()
        for other in np.flatnonzero(junction.conflict[own] == _YIELD).tolist():
            on_foot = junction.groups[other].kind == GroupKind.PEDESTRIAN
            if exit_leg in self.crossed[other] if on_foot else (not lefts or movement in lefts):
                found.add(other)
        return frozenset(found)


def _along(points: np.ndarray[Any, np.dtype[np.float64]], distance_m: float) -> tuple[float, float]:
    """Return the point `distance_m` along a line, or its end."""
    way = np.r_[0.0, np.cumsum(np.hypot(*np.diff(points, axis=0).T))]
    return float(np.interp(distance_m, way, points[:, 0])), float(np.interp(distance_m, way, points[:, 1]))


def _compass_deg(bearing_rad: float) -> int:
    """Return a direction as degrees clockwise from north."""
    return round(90.0 - degrees(bearing_rad)) % 360


def _bearing_rad(leg: Leg) -> float:
    """Return the direction of a leg outwards: between those of its two links, as signal groups are named."""
    bearings = [end.bearing_rad for end in leg.ends]
    return atan2(sum(map(sin, bearings)), sum(map(cos, bearings)))


class JunctionPages:
    """Makes the pages of all junctions of a network."""

    def __init__(self, network: RoadNetwork, frame: Frame, cases: list[Case]) -> None:
        self.network, self.frame, self.cases = network, frame, cases
        self._by_end = np.argsort(network.links.to_node, kind="stable")
        self._by_start = np.argsort(network.links.from_node, kind="stable")
        nodes = np.arange(len(network.nodes) + 1)
        self._end_at = np.searchsorted(network.links.to_node[self._by_end], nodes)
        self._start_at = np.searchsorted(network.links.from_node[self._by_start], nodes)
        self._movement_at = np.searchsorted(network.movements.in_link, np.arange(len(network.links) + 1))
        self._lane_group_at = np.searchsorted(network.lane_groups.link, np.arange(len(network.links) + 1))
        self._turns = np.zeros(len(network.lane_groups), dtype=np.int64)
        turn = network.movements.turn[network.connections.movement].astype(np.int64)
        np.bitwise_or.at(self._turns, network.connections.lane_group, 1 << turn)

    def arriving(self, node: int) -> list[int]:
        """Return the links that end at a node."""
        rows: list[int] = self._by_end[self._end_at[node] : self._end_at[node + 1]].tolist()
        return rows

    def leaving(self, node: int) -> list[int]:
        """Return the links that start at a node."""
        rows: list[int] = self._by_start[self._start_at[node] : self._start_at[node + 1]].tolist()
        return rows

    def movements(self, link: int) -> range:
        """Return the movements from the end of a link."""
        return range(int(self._movement_at[link]), int(self._movement_at[link + 1]))

    def page(self, junction: Junction) -> dict[str, Any]:
        """Return everything that the page of `junction` shows."""
        site = _Site(self, junction)
        x, y = self.frame.point(site.x_m, site.y_m)
        return {
            "k": junction.key,
            "n": junction.name,
            "t": int(self.network.junctions.kind[junction.index]),
            "x": x,
            "y": y,
            "locked": junction.locked,
            "legs": [self._leg(leg, name) for leg, name in zip(site.legs, site.leg_names, strict=True)],
            "mv": [self._movement(site, m) for m in site.movements],
            "gr": [_group(g, legs) for g, legs in zip(junction.groups, site.crossed, strict=True)],
            "ig": junction.intergreen_s.tolist(),
            "cf": junction.conflict.tolist(),
            "cases": [self._case(site, case) for case in self.cases],
        }

    def _leg(self, leg: Leg, name: str) -> dict[str, Any]:
        page: dict[str, Any] = {"a": _compass_deg(_bearing_rad(leg)), "c": name, "n": leg.ends[0].name}
        if leg.arriving:
            page["in"] = self._lanes(leg.arriving.link)
        if leg.leaving:
            page["out"] = leg.leaving.lanes
        return page

    def _lanes(self, link: int) -> list[int]:
        """Return, for each lane from the right, its turns as bits (1 right, 2 through, 4 left, 8 U-turn)."""
        groups = range(int(self._lane_group_at[link]), int(self._lane_group_at[link + 1]))
        counts = self.network.lane_groups.lanes
        return [int(self._turns[group]) for group in groups for _ in range(int(counts[group]))]

    def _movement(self, site: _Site, movement: int) -> list[Any]:
        """Return ``[from leg, to leg, turn, signal group or -1, saturation flow in veh/h]``."""
        movements = self.network.movements
        return [
            site.leg_of[int(movements.in_link[movement])],
            site.leg_of[int(movements.out_link[movement])],
            int(movements.turn[movement]),
            site.group_of.get(movement, -1),
            round(float(self.cases[0].saturation_veh_h[movement])),
        ]

    def _case(self, site: _Site, case: Case) -> dict[str, Any]:
        plan = case.plans[site.junction.index]
        return {
            "c": plan.cycle_s,
            "o": plan.offset_s,
            "lc": max(int(plan.sequence.least_durations_s().sum()), plan.junction.cycle_min_s),
            "name": plan.name,
            "st": [[s, *_stage(site, stage)] for s, stage in zip(plan.durations_s, plan.stages, strict=True)],
            "w": case.windows[site.junction.index],
            "mv": [case.movement_row(m) for m in site.movements],
            "legs": [case.junction_row([leg.arriving.link]) if leg.arriving else None for leg in site.legs],
            "all": case.junction_row([leg.arriving.link for leg in site.legs if leg.arriving]),
        }


def _group(group: SignalGroup, crossed: list[int]) -> list[Any]:
    """Return ``[name, kind, min, max, flashing, yellow, red-amber, legs crossed]``."""
    return [
        group.name,
        int(group.kind),
        group.min_green_s,
        group.max_green_s,
        group.flashing_green_s,
        group.yellow_s,
        group.red_amber_s,
        crossed,
    ]


def _stage(site: _Site, stage: Stage) -> tuple[list[int], list[int]]:
    """Return the groups of a stage, and which of the page's movements give way in it."""
    green = stage.groups
    giving = [
        k
        for k, m in enumerate(site.movements)
        if site.group_of.get(m, -1) in green and site.yields_to[k] & green
    ]
    return sorted(green), giving
