"""Junctions and plans from phases: signal groups by the lanes that they share, conflicts by geometry and by rings.

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
from signals.nema.timeline import Timeline
from signals.paths import movement_paths
from signals.plan import Plan
from signals.sequence import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from signals.nema.rings import RingPhase, RingPlan
    from traffic.network import RoadNetwork

__all__ = ["PhaseGroup", "PhaseJunctions"]

_CYCLE_S = (10, 600)


@dataclass(frozen=True)
class PhaseGroup:
    """A signal group to be: its members and the phases in which it is green."""

    name: str
    movements: tuple[int, ...]
    crossings: tuple[int, ...]
    phases: frozenset[int]


class PhaseJunctions:
    """Makes the junctions of a network whose controllers run phases.

    Parameters
    ----------
    protected
        Whether each movement has right of way over opposing traffic whenever it is green; shape (movements,).
    """

    def __init__(self, network: RoadNetwork, protected: NDArray[np.bool_]) -> None:
        self.network, self.protected = network, protected
        settings = SignalSettings.of("US")
        self.paths = movement_paths(network, settings)
        self.conflicts = movement_conflicts(network, settings, paths=self.paths)
        self.switched = shared_lane_sets(network)
        self.walks = crossing_conflicts(network, settings, self.paths, protected, network.crossings.length_m)
        self.row_of_node = np.full(len(network.nodes), -1)
        self.row_of_node[network.junctions.node] = np.arange(len(network.junctions))

    def vehicles(
        self, row: int, phases_of: Callable[[list[int]], frozenset[int] | None]
    ) -> Iterator[PhaseGroup]:
        """Yield the groups of vehicles of the junction in `row`.

        Parameters
        ----------
        phases_of
            Phases in which all movements that share a lane may go; `None` for what goes without a signal.
        """
        network = self.network
        governed = self.row_of_node[network.links.to_node[network.movements.in_link]] == row
        sets: dict[int, list[int]] = {}
        for movement in np.flatnonzero(governed).tolist():
            sets.setdefault(int(self.switched[movement]), []).append(movement)
        used: set[str] = set()
        for members in sorted(sets.values(), key=self._place):
            phases = phases_of(members)
            if phases is None:
                continue
            link = int(network.movements.in_link[members[0]])
            letters = turn_letters({int(network.movements.turn[m]) for m in members})
            name = _unlike(f"{self.paths.in_leg[link]}-{letters}", used)
            yield PhaseGroup(name, tuple(members), (), phases)

    def _place(self, members: list[int]) -> tuple[float, int, int]:
        link = int(self.network.movements.in_link[members[0]])
        return float(self.paths.bearing_rad[link]), link, members[0]

    def people(self, row: int, phases_of: Callable[[int], frozenset[int]]) -> Iterator[PhaseGroup]:
        """Yield a group for each crossing of the junction in `row` that has phases."""
        table = self.network.crossings
        used: set[str] = set()
        for crossing in np.flatnonzero(table.junction == row).tolist():
            into, out_of = int(table.in_link[crossing]), int(table.out_link[crossing])
            leg = self.paths.in_leg[into] if into >= 0 else self.paths.out_leg[out_of]
            name = _unlike(f"P-{leg}", used)
            phases = phases_of(crossing)
            if phases:
                yield PhaseGroup(name, (), (crossing,), phases)

    def plan(self, row: int, groups: list[PhaseGroup], rings: RingPlan, name: str) -> Plan:
        """Return the plan called `name` of the junction in `row`, with the junction; an unsafe one is refused."""
        network = self.network
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
            name=name,
        )

    def _matrices(
        self, row: int, groups: list[PhaseGroup], after_s: list[int], rings: RingPlan
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


def _unlike(name: str, used: set[str]) -> str:
    """Return `name`, with a number where it is used already, and note it."""
    found, number = name, 2
    while found in used:
        found, number = f"{name}-{number}", number + 1
    used.add(found)
    return found


def _never_together(groups: list[PhaseGroup], rings: RingPlan) -> NDArray[np.bool_]:
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


def _after_s(group: PhaseGroup, ends: list[RingPhase]) -> int:
    return max(phase.clearance_s if group.crossings else phase.change_s for phase in ends)


def _signal_group(group: PhaseGroup, ends: list[RingPhase], rings: RingPlan) -> SignalGroup:
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
