"""From the road network to junctions: groups, conflicts, intergreens and bounds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from signals.aspects import SignalSettings
from signals.clearance import vehicle_intergreen_s, yellow_s
from signals.conflicts import crossing_conflicts, movement_conflicts
from signals.groups import protected_left_turns, shared_lane_sets, turn_letters
from signals.junction import Conflict, GroupKind, Junction, SignalGroup
from signals.paths import movement_paths
from signals.walks import overridden_walks_m
from traffic.arrays import rows_by
from traffic.errors import InputError
from traffic.network import JunctionKind
from traffic.overrides import JunctionOverride

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from signals.conflicts import CrossingConflicts, MovementConflicts
    from signals.paths import MovementPaths
    from traffic.demand import FlowDemand
    from traffic.network import RoadNetwork
    from traffic.overrides import Overrides

    I1 = NDArray[np.int32]

__all__ = ["build_junctions"]

VEHICLES, PEDESTRIANS = "V", "P"


def build_junctions(
    network: RoadNetwork,
    *,
    settings: SignalSettings | None = None,
    overrides: Overrides | None = None,
    demand: FlowDemand | None = None,
) -> tuple[Junction, ...]:
    """Return the junctions of `network` in the order of its table.

    Parameters
    ----------
    settings
        Rules of the country; default: `SignalSettings()`.
    overrides
        The engineer's bounds, fixed orders, locks and names, by junction key.
    demand
        Flows that decide which left turns are protected.

    Raises
    ------
    InputError
        For a junction that cannot be controlled (one approach and no pedestrian crossing, or none at all),
        and for an override of a junction or group that does not exist.
    """
    settings = settings or SignalSettings()
    wishes = overrides.signals if overrides else {}
    for key in wishes:
        if key not in network.junctions.key:
            hint = "Remove it, or look the new key up in the quality report"
            raise InputError("must be the key of a junction", field="signals", value=key, hint=hint)
    paths = movement_paths(network, settings)
    conflicts = movement_conflicts(network, settings, paths=paths)
    switched = shared_lane_sets(network)
    plain = JunctionOverride()
    layout = _Layout(network, paths, switched, frozenset(conflicts.junction.tolist()))
    groups = [
        layout.groups(row, settings, wishes.get(key, plain)) for row, key in enumerate(network.junctions.key)
    ]
    protected = protected_left_turns(network, conflicts, switched, settings, demand)
    walks = overridden_walks_m(network, paths.crossings.width_m, groups, wishes)
    crossings = crossing_conflicts(network, settings, paths, protected, walks)
    tables = _matrices(network, groups, conflicts, crossings, protected, settings)
    return tuple(
        _junction(network, row, groups[row], *tables[row], settings, wishes.get(key, plain))
        for row, key in enumerate(network.junctions.key)
    )


def _junction(
    network: RoadNetwork,
    row: int,
    groups: tuple[SignalGroup, ...],
    conflict: NDArray[np.uint8],
    intergreen: NDArray[np.int64],
    settings: SignalSettings,
    wish: JunctionOverride,
) -> Junction:
    free = (conflict != Conflict.FULL).all(axis=1).tolist()
    for group, steady in zip(groups, free, strict=True):
        if steady and group.name in wish.max_green_s:
            raise InputError(
                "a group without a full conflict is always green and has no maximum",
                field=f"signals.{network.junctions.key[row]}.max_green_s",
                value=group.name,
            )
    groups = tuple(
        replace(group, max_green_s=None) if steady else group
        for group, steady in zip(groups, free, strict=True)
    )
    junction = Junction(
        index=row,
        key=network.junctions.key[row],
        name=network.junctions.name[row] if wish.name is None else wish.name,
        groups=groups,
        conflict=conflict,
        intergreen_s=intergreen.astype(np.int32),
        cycle_min_s=settings.cycle_min_s if wish.cycle_min_s is None else wish.cycle_min_s,
        cycle_max_s=settings.cycle_max_s if wish.cycle_max_s is None else wish.cycle_max_s,
        fixed_order=wish.fixed_order,
        locked=bool(wish.locked),
    )
    for stage in wish.fixed_order or ():
        for name in stage:
            junction.group_index(name)
    return junction


@dataclass(frozen=True, eq=False)
class _Bounds:
    """Bounds of vehicle greens that the engineer set, by group or approach."""

    key: str
    least: Mapping[str, int]
    most: Mapping[str, int]

    def check(self, groups: list[SignalGroup]) -> None:
        known = {name for group in groups for name in (group.name, _approach(group.name))}
        for field, names in (("min_green_s", self.least), ("max_green_s", self.most)):
            for name in names:
                if name not in known:
                    raise InputError(
                        "must be a signal group or an approach of the junction",
                        field=f"signals.{self.key}.{field}",
                        value=name,
                        hint=f"It has {', '.join(group.name for group in groups)}",
                    )

    def of(self, name: str, least: int, most: int | None) -> tuple[int, int | None]:
        """Return the bounds of the group `name`; those of a group come before those of its approach."""
        for own in (name, _approach(name)):
            if own in self.least:
                least = self.least[own]
                break
        for own in (name, _approach(name)):
            if own in self.most:
                most = self.most[own]
                break
        return least, most


def _approach(name: str) -> str:
    """Return the approach in the name of a vehicle group; the name itself for pedestrians."""
    return name if name.startswith(f"{PEDESTRIANS}-") else name.split("-", maxsplit=1)[0]


class _Layout:
    """Makes the signal groups of one junction after the other."""

    def __init__(
        self, network: RoadNetwork, paths: MovementPaths, switched: I1, contested: frozenset[int]
    ) -> None:
        self.network = network
        self.contested = contested
        self.paths = paths
        row = np.full(len(network.nodes), -1, dtype=np.int64)
        row[network.junctions.node] = np.arange(len(network.junctions))
        governor = row[network.links.to_node[network.movements.in_link]]
        self.movements = rows_by(governor, governor >= 0)
        self.crossings = rows_by(network.crossings.junction, network.crossings.junction >= 0)
        self.in_link = network.movements.in_link.tolist()
        self.turn = network.movements.turn.tolist()
        self.switched = switched.tolist()

    def groups(self, row: int, settings: SignalSettings, wish: JunctionOverride) -> tuple[SignalGroup, ...]:
        movements, crossings = self.movements.get(row, []), self.crossings.get(row, [])
        key = self.network.junctions.key[row]
        approaches = sorted({self.in_link[movement] for movement in movements})
        if not approaches or (len(approaches) == 1 and not crossings):
            raise InputError(
                "a junction needs two approaches, or one and a pedestrian crossing",
                field=f"junctions.{key}",
                value=len(approaches),
                hint="Remove the signal or mend the roads around it",
            )
        bounds = _Bounds(key, wish.min_green_s, wish.max_green_s)
        mid_block = self.network.junctions.kind[row] == JunctionKind.CROSSING
        if mid_block and not crossings:
            rule = "a mid-block crossing needs a pedestrian crossing"
            raise InputError(rule, field=f"junctions.{key}", value=0)
        # Vehicles that conflict with each other cannot share one group, whatever the junction is called.
        if mid_block and row not in self.contested:
            named = [(VEHICLES, movements)]
            walks = [(PEDESTRIANS, crossings)]
        else:
            named = self._vehicles(movements)
            walks = self._walks(crossings)
        made = [self._vehicle_group(name, members, settings, bounds) for name, members in named]
        made += [_walk_group(name, members, settings, bounds) for name, members in walks]
        bounds.check(made)
        return tuple(made)

    def _vehicles(self, movements: list[int]) -> list[tuple[str, list[int]]]:
        sets: dict[int, list[int]] = {}
        for movement in movements:
            sets.setdefault(self.switched[movement], []).append(movement)

        def place(first: int) -> tuple[float, int, int]:
            link = self.in_link[first]
            return float(self.paths.bearing_rad[link]), link, first

        found: dict[str, list[int]] = {}
        for first in sorted(sets, key=place):
            letters = turn_letters({self.turn[movement] for movement in sets[first]})
            found[_unused(f"{self.paths.in_leg[self.in_link[first]]}-{letters}", found)] = sets[first]
        return list(found.items())

    def _walks(self, crossings: list[int]) -> list[tuple[str, list[int]]]:
        table = self.network.crossings
        found: dict[str, list[int]] = {}
        for crossing in crossings:
            into, out_of = int(table.in_link[crossing]), int(table.out_link[crossing])
            leg = self.paths.in_leg[into] if into >= 0 else self.paths.out_leg[out_of]
            found[_unused(f"{PEDESTRIANS}-{leg}", found)] = [crossing]
        return list(found.items())

    def _vehicle_group(
        self, name: str, movements: list[int], settings: SignalSettings, bounds: _Bounds
    ) -> SignalGroup:
        speed = self.network.links.speed_m_s[[self.in_link[movement] for movement in movements]].max()
        least, most = bounds.of(name, settings.min_green_s, settings.max_green_s)
        return SignalGroup(
            name=name,
            kind=GroupKind.VEHICLE,
            movements=tuple(movements),
            crossings=(),
            min_green_s=least,
            max_green_s=most,
            flashing_green_s=settings.aspects.flashing_green_s,
            yellow_s=yellow_s(float(speed), settings),
            red_amber_s=settings.aspects.red_amber_s,
        )


def _unused(name: str, used: Mapping[str, object]) -> str:
    """Return `name`, numbered if it is `used`."""
    free, number = name, 2
    while free in used:
        free, number = f"{name}-{number}", number + 1
    return free


def _walk_group(name: str, crossings: list[int], settings: SignalSettings, bounds: _Bounds) -> SignalGroup:
    least, most = bounds.of(name, settings.walk_min_s, None)
    return SignalGroup(
        name=name,
        kind=GroupKind.PEDESTRIAN,
        movements=(),
        crossings=tuple(crossings),
        min_green_s=least,
        max_green_s=most,
        flashing_green_s=settings.aspects.flashing_green_s,
        yellow_s=0,
        red_amber_s=0,
    )


def _matrices(
    network: RoadNetwork,
    groups: list[tuple[SignalGroup, ...]],
    conflicts: MovementConflicts,
    crossings: CrossingConflicts,
    protected: NDArray[np.bool_],
    settings: SignalSettings,
) -> list[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """Conflict and intergreen matrix of each junction."""
    size = np.array([len(g) for g in groups], dtype=np.int64)
    base = np.concatenate([[0], np.cumsum(size**2)])
    of_movement = np.full(len(network.movements), -1, dtype=np.int64)
    of_crossing = np.full(len(network.crossings), -1, dtype=np.int64)
    yellow = np.zeros(len(network.movements), dtype=np.int64)
    for made in groups:
        for position, group in enumerate(made):
            of_movement[list(group.movements)] = position
            of_crossing[list(group.crossings)] = position
            yellow[list(group.movements)] = group.yellow_s
    conflict = np.zeros(base[-1], dtype=np.uint8)
    intergreen = np.zeros(base[-1], dtype=np.int64)

    def put(
        row: I1, one: NDArray[np.int64], other: NDArray[np.int64], relation: object, time: object
    ) -> None:
        at = base[row] + one * size[row] + other
        np.maximum.at(conflict, at, np.asarray(relation, dtype=np.uint8))
        np.maximum.at(intergreen, at, np.asarray(time, dtype=np.int64))

    one, other = of_movement[conflicts.one], of_movement[conflicts.other]
    apart = one != other
    row = conflicts.junction[apart]
    least = settings.aspects.red_amber_s
    time = vehicle_intergreen_s(yellow[conflicts.one], conflicts.clearing_s, settings)
    relation = _relations(conflicts, protected)
    put(row, one[apart], other[apart], relation[apart], np.maximum(time, least)[apart])

    vehicle, walk = of_movement[crossings.movement], of_crossing[crossings.crossing]
    time = vehicle_intergreen_s(yellow[crossings.movement], crossings.vehicle_clearing_s, settings)
    put(crossings.junction, vehicle, walk, crossings.relation, time)
    full = np.where(crossings.relation == Conflict.FULL, Conflict.FULL, Conflict.NONE)
    put(crossings.junction, walk, vehicle, full, np.maximum(crossings.walking_s, max(least, 1)))
    return [
        (conflict[base[r] : base[r + 1]].reshape(n, n), intergreen[base[r] : base[r + 1]].reshape(n, n))
        for r, n in enumerate(size.tolist())
    ]


def _relations(conflicts: MovementConflicts, protected: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """`Conflict` of each pair: permissive left turns yield to opposing traffic, which yields to nobody."""
    yields = conflicts.opposing & ~protected[conflicts.one]
    # The pairs hold both ways round and are sorted, so sorting them the other way finds the counterpart.
    counterpart = np.lexsort((conflicts.one, conflicts.other, conflicts.junction))
    has_way = yields[counterpart]
    relation = np.where(yields, Conflict.YIELD, np.where(has_way, Conflict.NONE, Conflict.FULL))
    return relation.astype(np.uint8)
