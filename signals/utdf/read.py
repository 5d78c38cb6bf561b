"""Junctions and plans from a UTDF file; `signals.nema.plans` says how phases become groups and stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from signals.nema.plans import PhaseJunctions
from signals.utdf.rings import ring_plan
from traffic.errors import InputError

if TYPE_CHECKING:
    from signals.nema.rings import RingPlan
    from signals.plan import Plan
    from traffic.utdf.roads import UtdfRoads

__all__ = ["UtdfSignals", "read_signals"]

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


class _Reader:
    """Reads one junction of a file after the other."""

    def __init__(self, roads: UtdfRoads) -> None:
        self.roads = roads
        self.told_by, self.protected_phases, self.permitted_phases = self._movement_phases()
        protected = np.array([not permitted for permitted in self.permitted_phases], dtype=bool)
        self.junctions = PhaseJunctions(roads.network, protected)

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
        walks = self.roads.crosswalk_phases
        groups = [
            *self.junctions.vehicles(row, lambda members: self._common(members, intid, rings)),
            *self.junctions.people(row, lambda crossing: walks[crossing] & set(rings.phases)),
        ]
        try:
            return self.junctions.plan(row, groups, rings, "UTDF")
        except InputError as error:
            file = tables.file.source
            raise InputError(
                error.rule, file=file, field=error.field, value=error.value, hint=error.hint
            ) from error

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
