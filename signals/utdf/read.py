"""Junctions and plans from a UTDF file.

A signal group is what shares a lane: it is green while one of its phases runs. Left turns with a permitted phase yield,
those without are protected. Two groups are in full conflict where their paths meet, or where the rings never let them go
together. Their intergreen is the yellow and all-red of the phase that ends, to the next whole second; that of people their
flashing don't walk as well. An actuated plan is taken as fixed, with its greatest splits; a protected phase that leads over
into a permitted one is one green.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from signals.aspects import SignalSettings
from signals.conflicts import crossing_conflicts, movement_conflicts
from signals.groups import shared_lane_sets, turn_letters
from signals.junction import Conflict, GroupKind, Junction, SignalGroup
from signals.paths import movement_paths
from signals.plan import Plan
from signals.sequence import Stage
from signals.utdf.rings import RingPlan, UtdfPhase, ring_plan
from signals.utdf.timeline import Timeline
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from traffic.utdf.roads import UtdfRoads

__all__ = ["UtdfSignals", "read_signals"]

_CYCLE_S = (10, 600)
_FREE = -1
_STANDS_IN = {"R2": "RTL", "R": "TL", "T": "", "L": "T", "L2": "LT", "U": "LT"}


@dataclass(frozen=True)
class UtdfSignals:
    """What the timing of a file has become.

    Attributes
    ----------
    plans
        Plans of the junctions that have a safe one, in the order of the network's junctions.
    refused
        Why each of the others has none, by junction key.
    """

    plans: tuple[Plan, ...]
    refused: dict[str, InputError]


def read_signals(roads: UtdfRoads) -> UtdfSignals:
    """Make the junction and the plan of every signalised node, or say why it has none."""
    reader = _Reader(roads)
    plans, refused = [], {}
    for row, key in enumerate(roads.network.junctions.key):
        try:
            plans.append(reader.plan(row))
        except InputError as error:
            refused[key] = error
    return UtdfSignals(tuple(plans), refused)


@dataclass(frozen=True)
class _Group:
    """A signal group to be: its members and the phases in which it is green."""

    name: str
    movements: tuple[int, ...]
    crossings: tuple[int, ...]
    phases: frozenset[int]


class _Reader:
    """Reads one junction of a file after the other."""

    def __init__(self, roads: UtdfRoads) -> None:
        self.roads, network = roads, roads.network
        settings = SignalSettings.of("US")
        self.paths = movement_paths(network, settings)
        self.conflicts = movement_conflicts(network, settings, paths=self.paths)
        self.switched = shared_lane_sets(network)
        self.told_by, self.protected_phases, self.permitted_phases = self._movement_phases()
        self.protected = np.array([not permitted for permitted in self.permitted_phases], dtype=bool)
        self.walks = crossing_conflicts(
            network, settings, self.paths, self.protected, network.crossings.length_m
        )
        self.row_of_node = np.full(len(network.nodes), -1)
        self.row_of_node[network.junctions.node] = np.arange(len(network.junctions))

    def _movement_phases(self) -> tuple[list[str], list[frozenset[int]], list[frozenset[int]]]:
        """Return the column that tells the phases of each movement, its protected and its permitted phases."""
        network, lanes = self.roads.network, self.roads.tables.lanes
        names, protected, permitted = list(self.roads.columns), list[frozenset[int]](), list[frozenset[int]]()
        for movement, column in enumerate(self.roads.columns):
            node = network.links.to_node[network.movements.in_link[movement]]
            records = lanes.get(self.roads.intid[int(node)])
            pair: tuple[frozenset[int], frozenset[int]] = (frozenset(), frozenset())
            if records is not None and column:
                for name in (column, *(column[:2] + other for other in _STANDS_IN[column[2:]])):
                    pair = (
                        frozenset(records.numbered("Phase", name)),
                        frozenset(records.numbered("PermPhase", name)),
                    )
                    if any(pair):
                        names[movement] = name
                        break
            protected.append(pair[0])
            permitted.append(pair[1])
        return names, protected, permitted

    def plan(self, row: int) -> Plan:
        """Return the plan of the junction in `row`, with the junction."""
        tables, network = self.roads.tables, self.roads.network
        intid = self.roads.intid[int(network.junctions.node[row])]
        where = f"[Timeplans], INTID {intid}"
        if intid not in tables.timeplans or intid not in tables.phases:
            rule, hint = "must have a timing plan of its own", "One controller of several nodes is not read"
            raise InputError(rule, file=tables.file.source, field=where, hint=hint)
        timing = tables.timeplans[intid]
        cluster = [timing.whole(f"Node {k}", "DATA", 0) for k in range(1, 8)]
        if any(cluster):
            rule, hint = (
                "must be 0: one controller of several nodes is not read",
                "Give each node its controller",
            )
            value = next(node for node in cluster if node)
            raise InputError(rule, file=tables.file.source, field=f"{where}, Node 1", value=value, hint=hint)
        rings = ring_plan(timing, tables.phases[intid])
        groups = [*self._vehicles(row, intid, rings), *self._people(row, rings)]
        try:
            return self._made(row, groups, rings)
        except InputError as error:
            file = tables.file.source
            raise InputError(
                error.rule, file=file, field=error.field, value=error.value, hint=error.hint
            ) from error

    def _vehicles(self, row: int, intid: int, rings: RingPlan) -> Iterable[_Group]:
        network = self.roads.network
        governed = self.row_of_node[network.links.to_node[network.movements.in_link]] == row
        sets: dict[int, list[int]] = {}
        for movement in np.flatnonzero(governed).tolist():
            sets.setdefault(int(self.switched[movement]), []).append(movement)
        used: set[str] = set()
        for members in sorted(sets.values(), key=self._place):
            phases = self._common(members, intid, rings)
            if phases is None:
                continue
            link = int(network.movements.in_link[members[0]])
            letters = turn_letters({int(network.movements.turn[m]) for m in members})
            name = base = f"{self.paths.in_leg[link]}-{letters}"
            number = 2
            while name in used:
                name, number = f"{base}-{number}", number + 1
            used.add(name)
            yield _Group(name, tuple(members), (), phases)

    def _place(self, members: list[int]) -> tuple[float, int, int]:
        link = int(self.roads.network.movements.in_link[members[0]])
        return float(self.paths.bearing_rad[link]), link, members[0]

    def _common(self, members: list[int], intid: int, rings: RingPlan) -> frozenset[int] | None:
        """Return the phases in which all that share a lane may go; `None` for what goes without a signal."""
        found: frozenset[int] | None = None
        for movement in members:
            own = self.protected_phases[movement] | self.permitted_phases[movement]
            column = self.told_by[movement]
            where = f"[Lanes], INTID {intid}, Phase1 and PermPhase1, {column}"
            file = self.roads.tables.file.source
            if _FREE in own:
                continue
            if not own or not own <= set(rings.phases):
                rule, hint = "must be phases with a split", "Give the turn a phase that is in use"
                value = ", ".join(map(str, sorted(own))) or "none"
                raise InputError(rule, file=file, field=where, value=value, hint=hint)
            found = own if found is None else found & own
            if not found:
                rule, hint = (
                    "must share a phase with the turns in its lane",
                    "Give the turn a lane of its own",
                )
                raise InputError(
                    rule, file=file, field=where, value=", ".join(map(str, sorted(own))), hint=hint
                )
        return found

    def _people(self, row: int, rings: RingPlan) -> Iterable[_Group]:
        table = self.roads.network.crossings
        used: set[str] = set()
        for crossing in np.flatnonzero(table.junction == row).tolist():
            phases = self.roads.crosswalk_phases[crossing] & set(rings.phases)
            into, out_of = int(table.in_link[crossing]), int(table.out_link[crossing])
            leg = self.paths.in_leg[into] if into >= 0 else self.paths.out_leg[out_of]
            name, number = f"P-{leg}", 2
            while name in used:
                name, number = f"P-{leg}-{number}", number + 1
            used.add(name)
            if phases:
                yield _Group(name, (), (crossing,), frozenset(phases))

    def _made(self, row: int, groups: list[_Group], rings: RingPlan) -> Plan:
        network = self.roads.network
        timeline = Timeline.of([group.phases for group in groups], rings)
        ends = [[rings.phases[p] for p in numbers] for numbers in timeline.ending]
        after = [_after_s(group, ends[g]) for g, group in enumerate(groups)]
        stages = timeline.stages(after, where=f"junction {network.junctions.key[row]}")
        held = [a + hold for a, hold in zip(after, stages.hold_s, strict=True)]
        conflict, intergreen = self._matrices(row, groups, held, rings)
        junction = Junction(
            index=row,
            key=network.junctions.key[row],
            name=network.junctions.name[row],
            groups=tuple(_signal_group(group, ends[g], rings) for g, group in enumerate(groups)),
            conflict=conflict,
            intergreen_s=intergreen,
            cycle_min_s=_CYCLE_S[0],
            cycle_max_s=_CYCLE_S[1],
        )
        return Plan(
            junction=junction,
            cycle_s=rings.cycle_s,
            offset_s=(rings.offset_s + stages.start_s) % rings.cycle_s,
            stages=tuple(Stage(served) for served in stages.groups),
            durations_s=stages.durations_s,
            name="UTDF",
        )

    def _matrices(
        self, row: int, groups: list[_Group], after_s: list[int], rings: RingPlan
    ) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """Conflicts by geometry and by rings, and the intergreens after each group."""
        size = len(groups)
        conflict = np.zeros((size, size), dtype=np.uint8)
        timed = np.zeros((size, size), dtype=bool)
        at = {movement: g for g, group in enumerate(groups) for movement in group.movements}
        on = {crossing: g for g, group in enumerate(groups) for crossing in group.crossings}
        pairs = self.conflicts
        yields = dict[tuple[int, int], bool]()
        rows = np.flatnonzero(pairs.junction == row).tolist()
        for k in rows:
            one, other = int(pairs.one[k]), int(pairs.other[k])
            yields[one, other] = bool(pairs.opposing[k]) and not self.protected[one]
        for one, other in yields:
            if one not in at or other not in at or at[one] == at[other]:
                continue
            relation = Conflict.NONE if yields[other, one] else Conflict.FULL
            relation = Conflict.YIELD if yields[one, other] else relation
            g, h = at[one], at[other]
            conflict[g, h] = max(conflict[g, h], relation)
            timed[g, h] = True
        for k in np.flatnonzero(self.walks.junction == row).tolist():
            movement, crossing = int(self.walks.movement[k]), int(self.walks.crossing[k])
            if movement in at and crossing in on:
                g, h, relation = at[movement], on[crossing], Conflict(self.walks.relation[k])
                conflict[g, h] = max(conflict[g, h], relation)
                timed[g, h] = True
                if relation is Conflict.FULL:
                    conflict[h, g], timed[h, g] = relation, True
        apart = _never_together(groups, rings)
        conflict[apart] = Conflict.FULL
        full = (conflict == Conflict.FULL) | (conflict == Conflict.FULL).T
        conflict[full] = Conflict.FULL
        return conflict, np.where(timed | full, np.array(after_s)[:, None], 0).astype(np.int32)


def _never_together(groups: list[_Group], rings: RingPlan) -> NDArray[np.bool_]:
    """Whether no phase of one group runs beside one of the other; people never disturb each other."""
    phases = rings.phases
    return np.array(
        [
            [
                one is not other
                and bool(one.movements or other.movements)
                and not any(phases[p].runs_with(phases[q]) for p in one.phases for q in other.phases)
                for other in groups
            ]
            for one in groups
        ],
        dtype=bool,
    ).reshape(len(groups), len(groups))


def _after_s(group: _Group, ends: list[UtdfPhase]) -> int:
    return max(phase.clearance_s if group.crossings else phase.change_s for phase in ends)


def _signal_group(group: _Group, ends: list[UtdfPhase], rings: RingPlan) -> SignalGroup:
    on_foot = bool(group.crossings)
    phases = [rings.phases[number] for number in sorted(group.phases)]
    least = min(phase.walk_s if on_foot else phase.min_green_s for phase in phases)
    return SignalGroup(
        name=group.name,
        kind=GroupKind.PEDESTRIAN if on_foot else GroupKind.VEHICLE,
        movements=group.movements,
        crossings=group.crossings,
        min_green_s=max(ceil(least), 1),
        max_green_s=None,
        flashing_green_s=0,
        yellow_s=0 if on_foot else max(ceil(phase.yellow_s) for phase in ends),
        red_amber_s=0,
    )
