"""Lanes, speed and turn bays of a link from the pieces that it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from traffic.network import RoadClass, Turn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from traffic.osm.streets import Street, Streets
    from traffic.osm.tags import Direction, WayTags

__all__ = ["LaneProfile", "Run", "breaks", "lane_profile", "runs_of"]

BREAK_M = 200.0
"""A change of lanes, class or speed makes a node if the road is this long on either side of it."""

BAY_MAX_M = 150.0
"""Lanes added at the end of a link over no more than this length are turn bays."""

_SPEED_STEP_M_S = 2.5


@dataclass(frozen=True)
class Run:
    """Part of a link along which nothing changes, in driving direction."""

    length_m: float
    way: WayTags
    side: Direction
    osm_way: int


@dataclass(frozen=True)
class LaneProfile:
    """What a link takes from its runs: see `traffic.specs.LinkSpec`."""

    running_lanes: int
    left_bay_lanes: int
    right_bay_lanes: int
    bay_length_m: float
    turn_lanes: tuple[frozenset[Turn], ...] | None
    speed_m_s: float
    saturation_veh_h_lane: float | None
    road_class: RoadClass
    layer: int
    osm_way: int
    lanes_default: bool
    speed_default: bool
    ignored: tuple[str, ...]


def runs_of(
    streets: Streets, way_id: Sequence[int], street: Street, begin_m: float, end_m: float, *, against: bool
) -> list[Run]:
    """Return the runs between two distances from the start of a street, in driving direction."""
    runs = []
    begin = 0
    for (piece, reverse), end in zip(street.parts, street.part_end, strict=True):
        low, high = max(float(street.along_m[begin]), begin_m), min(float(street.along_m[end]), end_m)
        begin = end
        tags = streets.roads.tags[piece.way]
        side = tags.backward if reverse != against else tags.forward
        if high > low and side is not None:
            runs.append(Run(high - low, tags, side, int(way_id[piece.way])))
    if against:
        runs.reverse()
    return runs


def breaks(streets: Streets, street: Street) -> list[float]:
    """Return the distances from the start at which lanes, class or speed change for good."""
    changes = []
    begin, before = 0, None
    for (piece, reverse), end in zip(street.parts, street.part_end, strict=True):
        tags = streets.roads.tags[piece.way]
        sides = (tags.backward, tags.forward) if reverse else (tags.forward, tags.backward)
        if before is not None and _differ(before, (tags.road_class, *sides)):
            changes.append(float(street.along_m[begin]))
        begin, before = end, (tags.road_class, *sides)
    kept: list[float] = []
    stops = [0.0, *changes, street.length_m]
    for previous, here, following in zip(stops, changes, stops[2:], strict=False):
        if here - max(previous, *kept[-1:], 0.0) >= BREAK_M and following - here >= BREAK_M:
            kept.append(here)
    return kept


def _differ(
    first: tuple[RoadClass, Direction | None, Direction | None],
    second: tuple[RoadClass, Direction | None, Direction | None],
) -> bool:
    return any(
        a.lanes != b.lanes or abs(a.speed_m_s - b.speed_m_s) > _SPEED_STEP_M_S
        for a, b in zip(first[1:], second[1:], strict=True)
        if a is not None and b is not None
    )


def lane_profile(runs: Sequence[Run], *, bays: bool) -> LaneProfile:
    """Join runs into one link.

    The speed keeps the travel time. Running lanes are those of the longest number of lanes before the turn
    bays. Lanes that are added at the end over at most 150 m are turn bays (if `bays`): on the side that
    the markings give, else on the left.
    """
    length = sum(run.length_m for run in runs)
    groups = [(lanes, list(own)) for lanes, own in groupby(runs, key=lambda run: run.side.lanes)]
    last = runs[-1]
    extra, bay_m = 0, 0.0
    if len(groups) > 1:
        bay_m = sum(run.length_m for run in groups[-1][1])
        if bays and groups[-1][0] > groups[-2][0] and bay_m <= min(BAY_MAX_M, length / 2):
            extra = groups[-1][0] - groups[-2][0]
            groups = groups[:-1]
    running = _longest(groups) if extra == 0 else groups[-1][0]
    left, right = _bay_sides(extra, last.side.turn_lanes)
    side = last.side
    left = left if side.left_bay_lanes is None else side.left_bay_lanes
    right = right if side.right_bay_lanes is None else side.right_bay_lanes
    turn_lanes = side.turn_lanes
    ignored = {key for run in runs for key in run.side.ignored}
    if turn_lanes is not None and len(turn_lanes) != running + left + right:
        if len(turn_lanes) - left - right >= 1 and last.length_m >= length / 2:
            running = len(turn_lanes) - left - right
        else:
            turn_lanes = None
            ignored.add("turn:lanes")
    longest = max(runs, key=lambda run: run.length_m)
    return LaneProfile(
        running_lanes=running,
        left_bay_lanes=left,
        right_bay_lanes=right,
        bay_length_m=(side.bay_length_m or bay_m if extra else side.bay_length_m or 0.0),
        turn_lanes=turn_lanes,
        speed_m_s=length / sum(run.length_m / run.side.speed_m_s for run in runs),
        saturation_veh_h_lane=side.saturation_veh_h_lane,
        road_class=longest.way.road_class,
        layer=last.way.layer,
        osm_way=runs[0].osm_way,
        lanes_default=longest.side.lanes_default,
        speed_default=longest.side.speed_default,
        ignored=tuple(sorted(ignored)),
    )


def _longest(groups: Sequence[tuple[int, list[Run]]]) -> int:
    """Return the number of lanes that holds for the longest part of the link."""
    total: dict[int, float] = {}
    for lanes, own in groups:
        total[lanes] = total.get(lanes, 0.0) + sum(run.length_m for run in own)
    return max(total, key=lambda lanes: (total[lanes], lanes))


def _bay_sides(extra: int, turn_lanes: tuple[frozenset[Turn], ...] | None) -> tuple[int, int]:
    """Divide added lanes between left and right by the markings."""
    if extra == 0 or turn_lanes is None:
        return extra, 0
    right_only = _leading(turn_lanes, frozenset({Turn.RIGHT}))
    left_only = _leading(turn_lanes[::-1], frozenset({Turn.LEFT, Turn.U_TURN}))
    right = min(extra - min(extra, left_only), right_only)
    return extra - right, right


def _leading(turn_lanes: Sequence[frozenset[Turn]], turns: frozenset[Turn]) -> int:
    """Count the lanes from one side that are marked for nothing but `turns`."""
    count = 0
    while count < len(turn_lanes) and turn_lanes[count] and turn_lanes[count] <= turns:
        count += 1
    return count
