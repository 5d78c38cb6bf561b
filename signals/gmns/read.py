"""Junctions and plans from GMNS signal tables; `signals.nema.plans` says how phases become groups and stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from signals.gmns.timing import TimingTables
from signals.nema.plans import PhaseJunctions
from traffic.errors import InputError
from traffic.gmns.cells import by_key, rows_of

if TYPE_CHECKING:
    from signals.gmns.timing import TurnPhases
    from signals.nema.rings import RingPlan
    from signals.plan import Plan
    from traffic.gmns.roads import GmnsNetwork

__all__ = ["GmnsSignals", "read_signals"]

_SIGNAL = "signal"


@dataclass(frozen=True)
class GmnsSignals:
    """What the signal tables have become.

    Attributes
    ----------
    plans
        The safe plans, named by their `timing_plan_id`, in the order of the tables; a junction may have several.
    refused
        Why each of the others has none, by junction and timing plan.
    """

    plans: tuple[Plan, ...]
    refused: dict[str, InputError]

    def first(self, timing_plan: str | None = None) -> tuple[Plan, ...]:
        """Return one plan for each junction: that of a timing plan, or the first that is safe."""
        found: dict[str, Plan] = {}
        for plan in self.plans:
            if timing_plan in {None, plan.name}:
                found.setdefault(plan.junction.key, plan)
        return tuple(found.values())


def read_signals(gmns: GmnsNetwork) -> GmnsSignals:
    """Make the junction and the plan of every timing plan of every controller, or say why it has none."""
    tables, network = TimingTables(gmns), gmns.network
    row_of = {gmns.node_ids[node]: row for row, node in enumerate(network.junctions.node.tolist())}
    plans: list[Plan] = []
    refused: dict[str, InputError] = {}
    layers: list[dict[int, tuple[str, str]]] = []
    for plan, controller in tables.pairs:
        name = f"controller {controller}, timing plan {plan}"
        try:
            row = _junction(tables, plan, controller, row_of)
        except InputError as error:
            refused[name] = error
            continue
        layer = next((layer for layer in layers if row not in layer), None)
        if layer is None:
            layer = {}
            layers.append(layer)
        layer[row] = (plan, controller)
    for layer in layers:
        reader = _Layer(gmns, tables, layer)
        for row in sorted(layer):
            try:
                plans.append(reader.plan(row))
            except InputError as error:
                refused[f"{network.junctions.key[row]}, timing plan {layer[row][0]}"] = error
    timed = {row for layer in layers for row in layer}
    for node, row in row_of.items():
        if row not in timed:
            rule, hint = "must have a timing plan", "Add it to signal_timing_plan.csv, with its phases"
            file = gmns.folder.file("node")
            refused[network.junctions.key[row]] = InputError(rule, file=file, field=f"node {node}", hint=hint)
    order = {pair: place for place, pair in enumerate(tables.plans)}
    return GmnsSignals(
        tuple(sorted(plans, key=lambda plan: (order[plan.name], plan.junction.index))), refused
    )


def _junction(tables: TimingTables, plan: str, controller: str, row_of: dict[str, int]) -> int:
    node = tables.node(plan, controller)
    if node not in row_of:
        row = tables.coordination.get((plan, controller), tables.plans[plan])
        rule = f"must govern a node with ctrl_type {_SIGNAL} and movements of cars"
        raise row.wrong("controller_id", rule, f"Correct node {node} in node.csv")
    return row_of[node]


class _Layer:
    """Reads one timing plan of each of some junctions."""

    def __init__(self, gmns: GmnsNetwork, tables: TimingTables, pairs: dict[int, tuple[str, str]]) -> None:
        self.gmns, self.tables, self.pairs = gmns, tables, pairs
        self.mvmt = {movement: key for key, movement in gmns.movements.items()}
        self.rows = by_key(rows_of(gmns.folder, "movement"), "mvmt_id")
        nodes = gmns.network.junctions.node
        self.node = {row: gmns.node_ids[nodes[row]] for row in pairs}
        self.turns = {row: tables.turns(plan, self.node[row]) for row, (plan, _) in pairs.items()}
        permitted = {m for turns in self.turns.values() for m in turns.permitted}
        protected = np.array([m not in permitted for m in range(len(gmns.network.movements))], dtype=bool)
        self.junctions = PhaseJunctions(gmns.network, protected)

    def plan(self, row: int) -> Plan:
        """Return the plan of the junction in `row`, with the junction."""
        (plan, controller), turns = self.pairs[row], self.turns[row]
        rings = self.tables.rings(plan, controller, self.node[row], turns)
        groups = [
            *self.junctions.vehicles(row, lambda members: self._common(members, turns, rings)),
            *self.junctions.people(row, lambda crossing: self._walk(crossing, turns, rings)),
        ]
        try:
            return self.junctions.plan(row, groups, rings, plan)
        except InputError as error:
            file = self.gmns.folder.file("signal_timing_phase")
            field = f"timing plan {plan}, {error.field}"
            raise InputError(
                error.rule, file=file, field=field, value=error.value, hint=error.hint
            ) from error

    def _common(self, members: list[int], turns: TurnPhases, rings: RingPlan) -> frozenset[int] | None:
        """Return the phases in which all that share a lane may go; `None` for what goes without a signal."""
        found: frozenset[int] | None = None
        for movement in members:
            own = turns.protected.get(movement, frozenset()) | turns.permitted.get(movement, frozenset())
            key = self.mvmt.get(movement)
            if (
                not own
                and key is not None
                and not self.rows[key].text("ctrl_type").lower().startswith(_SIGNAL)
            ):
                continue
            if not own:
                raise self._wrong(movement, own, "must have a phase", "Add it to signal_phase_mvmt.csv")
            found = own if found is None else found & own
            if not found:
                rule = "must share a phase with the movements in its lane"
                raise self._wrong(movement, own, rule, "Give the movement a lane of its own")
        assert found is None or found <= set(rings.phases)
        return found

    def _wrong(self, movement: int, own: frozenset[int], rule: str, hint: str) -> InputError:
        key = self.mvmt.get(movement)
        value = ", ".join(f"phase {number}" for number in sorted(own)) or "no phase"
        if key is None:
            links = self.gmns.network.movements
            field = f"movement of link {links.in_link[movement]} to {links.out_link[movement]} of the network"
            return InputError(
                rule, file=self.gmns.folder.file("movement"), field=field, value=value, hint=hint
            )
        row = self.rows[key]
        return InputError(rule, file=row.file, field=f"row {row.line}, mvmt_id {key}", value=value, hint=hint)

    def _walk(self, crossing: int, turns: TurnPhases, rings: RingPlan) -> frozenset[int]:
        phases = turns.walks.get(crossing, frozenset())
        for number in sorted(phases):
            if rings.phases[number].walk_s <= 0:
                key = next(key for key, at in self.gmns.crosswalks.items() if at == crossing)
                rule = f"must be more than 0 s, as crosswalk {key} has phase {number}"
                file, field = self.gmns.folder.file("signal_timing_phase"), f"phase {number}, walk_time"
                raise InputError(rule, file=file, field=field, value=0, hint="Give the walk of the phase")
        return phases
