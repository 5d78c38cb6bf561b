"""What the page of one junction shows: legs, movements, signal groups, and the plan of each case."""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, cos, degrees, sin
from typing import TYPE_CHECKING, Any

import numpy as np

from signals.junction import Conflict, GroupKind
from traffic.network import Turn

if TYPE_CHECKING:
    from api.report.measures import Case
    from api.report.roadmap import Frame
    from signals.junction import Junction, SignalGroup
    from signals.paths import MovementPaths
    from signals.plan import Stage
    from traffic.network import RoadNetwork

__all__ = ["JunctionPages"]

_BEARING_M = 40.0
_LEFTWARD = (int(Turn.LEFT), int(Turn.U_TURN))
_YIELD = int(Conflict.YIELD)


@dataclass(frozen=True)
class _Leg:
    """One road at a junction: its name, its arriving and leaving link, and its direction clockwise from north."""

    name: str
    arriving: int | None
    leaving: int | None
    compass_deg: int

    @property
    def links(self) -> tuple[int, ...]:
        """The links that the leg has."""
        return tuple(link for link in (self.arriving, self.leaving) if link is not None)


class _Site:
    """Legs, movements and lanes of one junction, in the order in which the page shows them."""

    def __init__(self, pages: JunctionPages, junction: Junction) -> None:
        self.network = network = pages.network
        self.junction = junction
        node = int(network.junctions.node[junction.index])
        self.x_m, self.y_m = float(network.nodes.x_m[node]), float(network.nodes.y_m[node])
        self.legs = sorted(self._legs(pages, node), key=lambda leg: leg.compass_deg)
        self.leg_of = {link: k for k, leg in enumerate(self.legs) for link in leg.links}
        self.group_of = {m: g for g, group in enumerate(junction.groups) for m in group.movements}
        movements = network.movements
        known = [m for link in pages.arriving(node) for m in pages.movements(link)]
        known.sort(key=lambda m: (self.leg_of[int(movements.in_link[m])], float(movements.angle_rad[m])))
        self.movements = known
        self.crossed = [self._crossed(group) for group in junction.groups]
        self.yields_to = [self._yields_to(m) for m in known]

    def _legs(self, pages: JunctionPages, node: int) -> list[_Leg]:
        """Return the legs: links with one name, as signal groups are named."""
        arriving = {pages.paths.in_leg[link]: link for link in pages.arriving(node)}
        leaving = {pages.paths.out_leg[link]: link for link in pages.leaving(node)}
        legs = []
        for name in dict.fromkeys([*arriving, *leaving]):
            into, out_of = arriving.get(name), leaving.get(name)
            seen = [self._bearing_rad(into, inward=True)] if into is not None else []
            seen += [self._bearing_rad(out_of, inward=False)] if out_of is not None else []
            bearing = atan2(sum(map(sin, seen)), sum(map(cos, seen)))
            legs.append(_Leg(name, into, out_of, round(90.0 - degrees(bearing)) % 360))
        return legs

    def _bearing_rad(self, link: int, *, inward: bool) -> float:
        """Return the direction from the junction to a point of a link, anticlockwise from east."""
        shape = self.network.shape(link)
        x_m, y_m = _along(shape[::-1] if inward else shape, _BEARING_M)
        return atan2(y_m - self.y_m, x_m - self.x_m)

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


class JunctionPages:
    """Makes the pages of all junctions of a network."""

    def __init__(self, network: RoadNetwork, frame: Frame, cases: list[Case], paths: MovementPaths) -> None:
        self.network, self.frame, self.cases, self.paths = network, frame, cases, paths
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
            "legs": [self._leg(leg) for leg in site.legs],
            "mv": [self._movement(site, m) for m in site.movements],
            "gr": [_group(g, legs) for g, legs in zip(junction.groups, site.crossed, strict=True)],
            "ig": junction.intergreen_s.tolist(),
            "cf": junction.conflict.tolist(),
            "cases": [self._case(site, case) for case in self.cases],
        }

    def _leg(self, leg: _Leg) -> dict[str, Any]:
        links = self.network.links
        page: dict[str, Any] = {"a": leg.compass_deg, "c": leg.name, "n": int(links.name[leg.links[0]])}
        if leg.arriving is not None:
            page["in"] = self._lanes(leg.arriving)
        if leg.leaving is not None:
            page["out"] = int(links.running_lanes[leg.leaving])
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
        arriving = [leg.arriving for leg in site.legs]
        return {
            "c": plan.cycle_s,
            "o": plan.offset_s,
            "lc": max(int(plan.sequence.least_durations_s().sum()), plan.junction.cycle_min_s),
            "name": plan.name,
            "st": [[s, *_stage(site, stage)] for s, stage in zip(plan.durations_s, plan.stages, strict=True)],
            "w": case.windows[site.junction.index],
            "mv": [case.movement_row(m) for m in site.movements],
            "legs": [None if link is None else case.junction_row([link]) for link in arriving],
            "all": case.junction_row([link for link in arriving if link is not None]),
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
