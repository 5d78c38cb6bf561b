"""Legs of a junction and the pedestrian crossings over them.

A *leg* is where one road meets a junction: the link that arrives along it and the link that leaves along it,
or one of the two on a one-way road. The carriageways of a divided road make one leg.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traffic.lanes import LANE_WIDTH_M, REFUGE_WIDTH_M
from traffic.network import RoadClass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Leg", "LegEnd", "crossing_length_m", "crossings_at", "leg_names", "legs_at"]

_SAME_LEG_RAD = np.radians(30.0)
_SAME_ROAD_RAD = np.radians(100.0)
_OTHER_STREET_RAD = np.radians(10.0)
_COMPASS = ("E", "NE", "N", "NW", "W", "SW", "S", "SE")
_POINT_RAD = np.pi / 4


@dataclass(frozen=True)
class LegEnd:
    """The end of one link at a junction.

    Attributes
    ----------
    link, far_node
        The link and the node at its other end.
    bearing_rad
        Direction from the junction outwards along the link.
    lanes
        Lanes that somebody on foot crosses.
    name
        Index of the street name; -1 where it has none.
    road_class
        Class of the road.
    crossing, refuge
        What is known of a pedestrian crossing: there is one, there is none, or `None`; with a refuge island.
    """

    link: int
    far_node: int
    bearing_rad: float
    lanes: int
    name: int
    road_class: RoadClass
    crossing: bool | None
    refuge: bool


@dataclass(frozen=True)
class Leg:
    """One road at a junction: its arriving and its leaving link; one of them may be missing."""

    arriving: LegEnd | None
    leaving: LegEnd | None

    @property
    def ends(self) -> tuple[LegEnd, ...]:
        """The links that the leg has."""
        return tuple(end for end in (self.arriving, self.leaving) if end is not None)


def legs_at(
    arriving: Sequence[LegEnd], leaving: Sequence[LegEnd], mates: Mapping[int, int] | None = None
) -> tuple[Leg, ...]:
    """Pair arriving and leaving links into legs.

    Two links make a leg if they are the two directions of one road, or if they point the same way (30
    degrees) as the carriageways of a divided road do. The best pairs are made first.

    Parameters
    ----------
    mates
        What is settled already: the leaving link of an arriving one.
    """
    mates = mates or {}
    taken_before = set(mates.values())
    candidates = []
    for a, first in enumerate(arriving):
        for b, second in enumerate(leaving):
            apart = _apart(first.bearing_rad, second.bearing_rad)
            same_road = first.far_node == second.far_node and apart < _SAME_ROAD_RAD
            settled = mates.get(first.link) == second.link
            if not settled and (first.link in mates or second.link in taken_before):
                continue
            if settled or same_road or apart < _SAME_LEG_RAD:
                strange = _OTHER_STREET_RAD * (first.name != second.name)
                candidates.append((not same_road, apart + strange, a, b))
    mate_of: dict[int, int] = {}
    taken: set[int] = set()
    for _, _, a, b in sorted(candidates):
        if a not in mate_of and b not in taken:
            mate_of[a] = b
            taken.add(b)
    legs = [Leg(end, leaving[mate_of[a]] if a in mate_of else None) for a, end in enumerate(arriving)]
    legs += [Leg(None, end) for b, end in enumerate(leaving) if b not in taken]
    return tuple(legs)


def leg_names(bearings_rad: Sequence[float]) -> tuple[str, ...]:
    """Return a name for each leg of one junction: where it lies, as a compass point.

    Legs that share a point are numbered anticlockwise: ``"N"``, ``"N2"``.

    Parameters
    ----------
    bearings_rad
        Direction of each leg seen from the junction, radians, anticlockwise from east.
    """
    nearest = [round(bearing / _POINT_RAD) for bearing in bearings_rad]
    names = [""] * len(nearest)
    used: dict[str, int] = {}
    for leg in sorted(range(len(nearest)), key=lambda leg: bearings_rad[leg] - nearest[leg] * _POINT_RAD):
        point = _COMPASS[nearest[leg] % len(_COMPASS)]
        used[point] = used.get(point, 0) + 1
        names[leg] = point if used[point] == 1 else f"{point}{used[point]}"
    return tuple(names)


def crossings_at(legs: Sequence[Leg], *, mid_block: bool) -> tuple[Leg, ...]:
    """Return the legs that people cross on foot at a signalised junction.

    At an intersection that is every leg except those of motorways and trunk roads; at a mid-block crossing it
    is one. What the links say of a crossing comes before either rule.
    """
    marked = tuple(leg for leg in legs if any(end.crossing for end in leg.ends))
    if mid_block:
        if marked or not legs:
            return marked
        return (min(legs, key=lambda leg: (-len(leg.ends), min(end.link for end in leg.ends))),)
    return tuple(leg for leg in legs if leg in marked or _crossed_by_default(leg))


def crossing_length_m(leg: Leg) -> float:
    """Return the length of a crossing from kerb to kerb: both directions, and a refuge if there is one."""
    width = sum(end.lanes for end in leg.ends) * LANE_WIDTH_M
    return width + (REFUGE_WIDTH_M if has_refuge(leg) else 0.0)


def has_refuge(leg: Leg) -> bool:
    """Whether people may wait between the two directions of the leg; a leg of one direction has no between."""
    return len(leg.ends) == 2 and any(end.refuge for end in leg.ends)


def _crossed_by_default(leg: Leg) -> bool:
    return all(end.crossing is None and end.road_class > RoadClass.TRUNK for end in leg.ends)


def _apart(first_rad: float, second_rad: float) -> float:
    """Angle between two bearings, from 0 to pi."""
    return abs((first_rad - second_rad + np.pi) % (2 * np.pi) - np.pi)
