"""Which lane serves which movement, lane groups, and default saturation flows.

Lanes are counted from the right-hand side, movements of a link are ordered from the most right to the most
left. The lane use is always in physical order: if lane a lies to the right of lane b, no movement made from
a leads further to the left than one made from b. Every lane serves a movement and every movement has a lane.

Defaults (in the manner of the Highway Capacity Manual 2010, chapter 18, shared-lane cases)
-------------------------------------------------------------------------------------------
* One lane: everything from it.
* Two lanes and more: right turns from the right-hand lane, shared with through traffic; left turns from the
  left-hand lane, shared with through traffic; through traffic from all lanes.
* Turn bays are exclusive to their turn.
* At the stem of a T (no through movement) right and left divide the lanes, the odd one goes to the left.
* U-turns are made from the left-hand lane.
* Several movements of one direction (a fork) divide its lanes in proportion to the lanes of their exits; a
  lane that belongs to two of them by that rule is shared.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from traffic.errors import InputError
from traffic.network import RoadClass, Turn

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BAY_LENGTH_M",
    "CLASS_FACTOR",
    "LANE_WIDTH_M",
    "REFUGE_WIDTH_M",
    "SATURATION_VEH_H_LANE",
    "TURN_FACTOR",
    "LaneRun",
    "LaneUse",
    "default_lane_use",
    "lane_runs",
    "lane_saturation_veh_h",
    "tagged_lane_use",
]

LaneUse = tuple[tuple[int, ...], ...]

SATURATION_VEH_H_LANE = 1800.0
"""Saturation flow of one through lane, veh/h.

1900 pc/h/lane (HCM 2010, chapter 18: base saturation flow in metropolitan areas) times the heavy-vehicle
factor f_HV = 1 / (1 + P_HV (E_T - 1)) = 1 / (1 + 0.05 (2 - 1)) = 0.952, to the next 50 below.
Lane widths are unknown in OSM, so f_w = 1; lane utilisation is left to the flow model.
"""

CLASS_FACTOR: dict[RoadClass, float] = {
    RoadClass.UNCLASSIFIED: 0.90,
    RoadClass.RESIDENTIAL: 0.90,
    RoadClass.SERVICE: 0.90,
}
"""Factor of streets with kerb parking: f_p = (N - 0.1) / N with N = 1 (HCM 2010, chapter 18); else 1."""

TURN_FACTOR: dict[Turn, float] = {
    Turn.RIGHT: 0.85,
    Turn.THROUGH: 1.0,
    Turn.LEFT: 0.95,
    Turn.U_TURN: 0.80,
}
"""Reduction by the turn: f_RT = 1 / 1.18 = 0.85 and f_LT = 1 / 1.05 = 0.95 (HCM 2010, chapter 18).

The manual has no factor for U-turns; 0.80 stands for their smaller radius.
"""

LANE_WIDTH_M = 3.5
"""Width of a lane where none is given, for the length of pedestrian crossings."""

REFUGE_WIDTH_M = 2.0
"""Width of a refuge island, the least in which a person with a pram can wait."""

BAY_LENGTH_M = 60.0
"""Length of a turn bay where none is given (never more than half of the link)."""

# A lane is shared between two movements of a fork if each takes at least this part of it.
_SHARED_PART = 4


def lane_saturation_veh_h(road_class: RoadClass) -> float:
    """Return the default saturation flow of one through lane of a road class, veh/h."""
    return SATURATION_VEH_H_LANE * CLASS_FACTOR.get(road_class, 1.0)


@dataclass(frozen=True)
class LaneRun:
    """Neighbouring lanes that serve the same movements: what becomes a lane group."""

    first_lane: int
    lanes: int
    movements: tuple[int, ...]


@lru_cache(maxsize=65536)
def default_lane_use(
    turns: tuple[Turn, ...],
    lanes: int,
    *,
    right_bays: int = 0,
    left_bays: int = 0,
    exit_lanes: tuple[int, ...] | None = None,
) -> LaneUse:
    """Return, for each lane from the right, the positions in `turns` of the movements made from it.

    Parameters
    ----------
    turns
        Turns of the movements of the link, from the most right to the most left; U-turns last.
    lanes
        Lanes at the stop line, bays included.
    right_bays, left_bays
        How many of them, at either side, are turn bays.
    exit_lanes
        Lanes of the exit of each movement, which weigh the branches of a fork; default: equal.
    """
    if not 0 <= right_bays + left_bays < lanes:
        rule = f"must leave one of {lanes} lanes to through traffic"
        raise InputError(rule, field="turn bays", value=right_bays + left_bays)
    ranges = _default_ranges(frozenset(turns), lanes, right_bays, left_bays)
    return _spread(turns, lanes, ranges, exit_lanes or (1,) * len(turns))


@lru_cache(maxsize=65536)
def tagged_lane_use(
    turns: tuple[Turn, ...],
    tags: tuple[frozenset[Turn], ...],
    *,
    exit_lanes: tuple[int, ...] | None = None,
) -> LaneUse | None:
    """Return the lane use that turn-lane markings ask for, or `None` where they contradict the geometry.

    Markings contradict the geometry if a movement has no lane, a lane has no movement, or lanes would have to
    cross. A lane without a marking (an empty set) is a through lane. U-turns are made from the left-hand
    lane, whatever is marked.
    """
    present = [turn for turn in Turn if turn in turns and turn is not Turn.U_TURN]
    marked = [tag or frozenset((Turn.THROUGH,)) for tag in tags]
    ranges: dict[Turn, tuple[int, int]] = {}
    for turn in present:
        served = [lane for lane, tag in enumerate(marked) if turn in tag]
        if not served or served[-1] - served[0] + 1 != len(served):
            return None
        ranges[turn] = (served[0], served[-1])
    if Turn.U_TURN in turns:
        ranges[Turn.U_TURN] = (len(tags) - 1, len(tags) - 1)
    ordered = [ranges[turn] for turn in Turn if turn in ranges]
    if any(left[0] < right[1] for right, left in pairwise(ordered)):
        return None
    if {lane for first, last in ordered for lane in range(first, last + 1)} != set(range(len(tags))):
        return None
    return _spread(turns, len(tags), ranges, exit_lanes or (1,) * len(turns))


def lane_runs(use: LaneUse) -> tuple[LaneRun, ...]:
    """Join neighbouring lanes with equal movements, from the right-hand side to the left."""
    runs: list[LaneRun] = []
    for lane, movements in enumerate(use):
        if runs and runs[-1].movements == movements:
            runs[-1] = LaneRun(runs[-1].first_lane, runs[-1].lanes + 1, movements)
        else:
            runs.append(LaneRun(lane, 1, movements))
    return tuple(runs)


def _default_ranges(
    present: frozenset[Turn], lanes: int, right_bays: int, left_bays: int
) -> dict[Turn, tuple[int, int]]:
    """First and last lane of each turn that is present."""
    has_left = Turn.LEFT in present
    right_bays = right_bays if Turn.RIGHT in present else 0
    if not has_left:
        left_bays = min(left_bays, 1) if Turn.U_TURN in present else 0
    last = lanes - 1
    ranges = {Turn.U_TURN: (last, last)}
    if Turn.THROUGH in present:
        ranges[Turn.RIGHT] = (0, max(right_bays - 1, 0))
        ranges[Turn.THROUGH] = (right_bays, last - left_bays)
        ranges[Turn.LEFT] = (min(lanes - left_bays, last), last)
    elif Turn.RIGHT in present and has_left:
        border = min(max(lanes // 2, right_bays), lanes - max(left_bays, 1))
        ranges[Turn.RIGHT] = (0, max(border - 1, 0))
        ranges[Turn.LEFT] = (border, last)
    else:
        stop = last - left_bays if Turn.RIGHT in present else last
        ranges[Turn.RIGHT] = (0, stop)
        ranges[Turn.LEFT] = (0, last)
        if present == {Turn.U_TURN}:
            ranges[Turn.U_TURN] = (0, last)
    return {turn: ranges[turn] for turn in present}


def _spread(
    turns: tuple[Turn, ...],
    lanes: int,
    ranges: dict[Turn, tuple[int, int]],
    exit_lanes: Sequence[int],
) -> LaneUse:
    """Give each movement its lanes within the range of its turn."""
    use: list[set[int]] = [set() for _ in range(lanes)]
    for turn, (first, last) in ranges.items():
        members = [position for position, other in enumerate(turns) if other is turn]
        parts = _fork([max(exit_lanes[m], 1) for m in members], last - first + 1)
        for member, (low, high) in zip(members, parts, strict=True):
            for lane in range(first + low, first + high + 1):
                use[lane].add(member)
    return tuple(tuple(sorted(movements)) for movements in use)


def _fork(weights: list[int], lanes: int) -> list[tuple[int, int]]:
    """First and last lane of each branch: the lanes divided in proportion, slivers given to the neighbour."""
    total, done = sum(weights), 0
    parts = []
    for weight in weights:
        low, high = done * lanes, (done + weight) * lanes  # in units of 1 / total lanes
        first, last = low // total, (high - 1) // total
        if first < last and ((first + 1) * total - low) * _SHARED_PART < total:
            first += 1
        if first < last and (high - last * total) * _SHARED_PART < total:
            last -= 1
        parts.append((first, last))
        done += weight
    return parts
