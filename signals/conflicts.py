"""Which movements and crossings of a junction conflict, who gives way, and how long clearing takes.

Two movements from different links conflict if their paths cross (their ends alternate around the junction),
if they lead into the same link, or if vehicles on them would come too close. What may be green together is
policy: a left turn may give way to opposing traffic (permissive), a turning vehicle to people who cross its
exit. Every other conflict is full. A protected left turn gives way to nobody: neither to opposing traffic nor
to people on foot, who must not walk while it has green.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from signals.clearance import pedestrian_clearance_s
from signals.junction import Conflict
from signals.paths import movement_paths
from traffic.arrays import require
from traffic.network import Turn
from traffic.priority import GiveWayKind, give_way

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from signals.aspects import SignalSettings
    from signals.paths import MovementPaths
    from traffic.network import RoadNetwork

    F1 = NDArray[np.float64]
    I1 = NDArray[np.int32]
    B1 = NDArray[np.bool_]

__all__ = ["CrossingConflicts", "MovementConflicts", "crossing_conflicts", "movement_conflicts"]

_CHUNK = 256


@dataclass(frozen=True, eq=False)
class MovementConflicts:
    """Conflicting pairs of movements, both ways round; sorted by junction, then movements.

    Attributes
    ----------
    junction, one, other
        Junction and movements of the pair; shape (pairs,).
    opposing
        True where `one` is a left turn or U-turn and `other` comes towards it, straight or turning right:
        `one` may be let go at the same time and then gives way.
    clearing_s
        Seconds from the end of yellow of `one` until its last vehicle is out of the way of the first of
        `other`; may be negative where the entering time is deducted.
    """

    junction: I1
    one: I1
    other: I1
    opposing: B1
    clearing_s: F1

    def __len__(self) -> int:
        return len(self.one)


@dataclass(frozen=True, eq=False)
class CrossingConflicts:
    """Movements that drive over pedestrian crossings, sorted by crossing.

    Attributes
    ----------
    junction, crossing, movement
        Indices; shape (pairs,).
    relation
        `Conflict` of the movement to the crossing: YIELD for vehicles that turn over the one of their exit,
        unless they turn left under protection.
    vehicle_clearing_s
        Seconds from the end of yellow until the last vehicle has left the crossing.
    walking_s
        Seconds from the end of the walk until people are out of the way.
    """

    junction: I1
    crossing: I1
    movement: I1
    relation: NDArray[np.uint8]
    vehicle_clearing_s: F1
    walking_s: NDArray[np.int64]


def movement_conflicts(
    network: RoadNetwork, settings: SignalSettings, *, paths: MovementPaths | None = None
) -> MovementConflicts:
    """Return all conflicting pairs of movements at signalised junctions."""
    paths = movement_paths(network, settings) if paths is None else paths
    first, second = _candidates(paths, network)
    speed = clearing_speed_m_s(network, settings)
    conflict, forward, backward = _meet(paths, first, second, speed, network, settings)
    first, second = first[conflict], second[conflict]
    one = np.concatenate([paths.movement[first], paths.movement[second]])
    other = np.concatenate([paths.movement[second], paths.movement[first]])
    junction = np.concatenate([paths.junction[first], paths.junction[first]])
    clearing = np.concatenate([forward[conflict], backward[conflict]])
    order = np.lexsort((other, one, junction))
    junction, one, other, clearing = junction[order], one[order], other[order], clearing[order]
    if not len(one):
        return MovementConflicts(junction, one, other, np.zeros(0, dtype=bool), clearing)
    at = _first_of_each(one, other)
    clearing = np.maximum.reduceat(clearing, at)
    junction, one, other = junction[at], one[at], other[at]
    return MovementConflicts(junction, one, other, _opposing(network, one, other), clearing)


def clearing_speed_m_s(network: RoadNetwork, settings: SignalSettings) -> F1:
    """Return the speed at which each movement clears the junction: of its road, or of a turning vehicle."""
    speed = network.links.speed_m_s[network.movements.in_link]
    turning = network.movements.turn != Turn.THROUGH
    return np.where(turning, np.minimum(speed, settings.turning_speed_m_s), speed)


def _candidates(paths: MovementPaths, network: RoadNetwork) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All pairs of paths of one junction that come from different links."""
    count = len(paths.junction)
    stop = np.searchsorted(paths.junction, paths.junction, side="right")
    after = stop - np.arange(count) - 1
    first = np.repeat(np.arange(count), after)
    second = np.arange(len(first)) - np.repeat(np.cumsum(after) - after, after) + first + 1
    in_link = network.movements.in_link[paths.movement]
    kept = in_link[first] != in_link[second]
    return first[kept], second[kept]


def _meet(
    paths: MovementPaths,
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    speed: F1,
    network: RoadNetwork,
    settings: SignalSettings,
) -> tuple[B1, F1, F1]:
    """Whether each pair of paths conflicts, and the clearing times either way."""
    exit_link = network.movements.out_link[paths.movement]
    certain = _cross(paths, first, second) | (exit_link[first] == exit_link[second])
    conflict = certain.copy()
    forward, backward = np.zeros(len(first)), np.zeros(len(first))
    points = paths.points_m.astype(np.float32)
    way = paths.along_m + paths.missing_m[:, None] + settings.vehicle_length_m
    out_s = (way / speed[paths.movement][:, None]).astype(np.float32)
    in_s = _entering_s(paths, network, settings).astype(np.float32)
    near = np.float32(settings.conflict_distance_m)
    for low in range(0, len(first), _CHUNK):
        part = slice(low, low + _CHUNK)
        a, b = first[part], second[part]
        gap = (points[a, :, None, 0] - points[b, None, :, 0]) ** 2
        gap += (points[a, :, None, 1] - points[b, None, :, 1]) ** 2
        closest = gap.min(axis=(1, 2))
        conflict[part] |= closest <= near**2
        zone = gap <= np.maximum(closest, near**2)[:, None, None]
        far = np.float32(-np.inf)
        ahead = np.where(zone, out_s[a][:, :, None] - in_s[b][:, None, :], far)
        behind = np.where(zone, out_s[b][:, None, :] - in_s[a][:, :, None], far)
        forward[part], backward[part] = ahead.max(axis=(1, 2)), behind.max(axis=(1, 2))
    return conflict, forward, backward


def _entering_s(paths: MovementPaths, network: RoadNetwork, settings: SignalSettings) -> F1:
    """Time from the start of green until the first vehicle is at each point; 0 where it is not deducted."""
    if not settings.deducts_entering_time:
        return np.zeros_like(paths.along_m)
    speed = network.links.speed_m_s[network.movements.in_link[paths.movement]]
    way = np.maximum(paths.along_m - paths.ahead_m[:, None], 0.0)
    times: F1 = way / np.maximum(speed, settings.entering_speed_m_s)[:, None]
    return times


def _cross(paths: MovementPaths, first: NDArray[np.int64], second: NDArray[np.int64]) -> B1:
    """Whether the ends of the two paths alternate around the junction."""
    low = np.minimum(paths.entry, paths.exit)
    high = np.maximum(paths.entry, paths.exit)

    def between(rank: I1) -> B1:
        inside: B1 = (low[first] < rank[second]) & (rank[second] < high[first])
        return inside

    ends_apart = (low[first] != low[second]) & (low[first] != high[second])
    ends_apart &= (high[first] != low[second]) & (high[first] != high[second])
    crossing: B1 = ends_apart & (between(paths.entry) != between(paths.exit))
    return crossing


def _opposing(network: RoadNetwork, one: I1, other: I1) -> B1:
    """Whether `one` turns left across `other` and gives way to it: by the table that the flow model uses."""
    rules = give_way(network)
    count = len(network.movements)
    yielding = np.repeat(np.arange(count), np.diff(rules.begin))
    turn = network.movements.turn
    oncoming = (rules.kind == GiveWayKind.OPPOSING) & (turn[yielding] >= Turn.LEFT)
    oncoming &= turn[rules.to_movement] <= Turn.THROUGH
    listed = (yielding.astype(np.int64) * count + rules.to_movement)[oncoming]
    opposing: B1 = np.isin(one.astype(np.int64) * count + other, listed)
    return opposing


def crossing_conflicts(
    network: RoadNetwork, settings: SignalSettings, paths: MovementPaths, protected: B1, walks_m: F1
) -> CrossingConflicts:
    """Return which movements drive over which pedestrian crossings of their junction.

    Parameters
    ----------
    protected
        Movements that are let go only when they need not give way; shape (movements,).
    walks_m
        Longest walk of each crossing between places of safety; shape (crossings,).
    """
    movements, crossings = network.movements, network.crossings
    _check_crossings(network)
    crossing, movement, distance = _driven_over(network, settings, paths)
    starts = movements.in_link[movement] == crossings.in_link[crossing]
    ends = movements.out_link[movement] == crossings.out_link[crossing]
    clearing = (distance + settings.vehicle_length_m) / clearing_speed_m_s(network, settings)[movement]
    turn = movements.turn[movement]
    gives_way = turn == Turn.RIGHT
    if settings.left_yields_to_pedestrians:
        gives_way |= ((turn == Turn.LEFT) | (turn == Turn.U_TURN)) & ~protected[movement]
    relation = np.where(gives_way & ends & ~starts, Conflict.YIELD, Conflict.FULL).astype(np.uint8)
    walking = np.array(
        [pedestrian_clearance_s(metres, settings.walking_speed_m_s) for metres in walks_m.tolist()],
        dtype=np.int64,
    )
    return CrossingConflicts(
        junction=crossings.junction[crossing],
        crossing=crossing,
        movement=movement,
        relation=relation,
        vehicle_clearing_s=clearing,
        walking_s=walking[crossing],
    )


def _check_crossings(network: RoadNetwork) -> None:
    node = network.junctions.node[network.crossings.junction]
    rule = "must be a leg of the crossing's junction"
    for field, link_node in (("in_link", network.links.to_node), ("out_link", network.links.from_node)):
        link = getattr(network.crossings, field)
        require((link < 0) | (link_node[link] == node), f"crossings.{field}", rule, link)
    neither = (network.crossings.in_link < 0) & (network.crossings.out_link < 0)
    require(~neither, "crossings.in_link", "must be a link where out_link is none", network.crossings.in_link)


def _driven_over(network: RoadNetwork, settings: SignalSettings, paths: MovementPaths) -> tuple[I1, I1, F1]:
    """Crossing, movement, and the way from the stop line to behind the crossing, of all that meet.

    Those are the movements of the crossing's own leg: an outer corner that a path cuts on its way past
    another leg is no crossing that vehicles drive over.
    """
    movements, crossings = network.movements, network.crossings
    crossing, path = _same_junction(crossings.junction, paths.junction)
    starts = movements.in_link[paths.movement[path]] == crossings.in_link[crossing]
    ends = movements.out_link[paths.movement[path]] == crossings.out_link[crossing]
    kept = starts | ends
    crossing, path, starts, ends = crossing[kept], path[kept], starts[kept], ends[kept]
    movement, along = paths.movement[path], paths.along_m[path]
    on = paths.crossings.contain(crossing, paths.points_m[path], margin_m=settings.conflict_distance_m / 2.0)
    distance = np.where(on, along, 0.0).max(axis=1, initial=0.0)
    distance[starts] = np.maximum(distance[starts], settings.crossing_depth_m)
    distance[ends] = along[ends, -1] + paths.missing_m[path[ends]]
    order = np.lexsort((movement, crossing))
    crossing, movement, distance = crossing[order], movement[order], distance[order]
    at = _first_of_each(crossing, movement)
    distance = np.maximum.reduceat(distance, at) if len(at) else distance
    return crossing[at], movement[at], distance


def _same_junction(one: I1, other: I1) -> tuple[I1, I1]:
    """All pairs of rows of two tables with the same junction; the `other` table is sorted by it."""
    begin = np.searchsorted(other, one, side="left")
    count = np.searchsorted(other, one, side="right") - begin
    first = np.repeat(np.arange(len(one)), count)
    second = np.arange(len(first)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(begin, count)
    return first.astype(np.int32), second.astype(np.int32)


def _first_of_each(one: I1, other: I1) -> NDArray[np.int64]:
    """Rows at which a new pair begins, of pairs that are sorted."""
    if not len(one):
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.concatenate([[True], (np.diff(one) != 0) | (np.diff(other) != 0)]))
