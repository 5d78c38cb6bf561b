"""Timing plans of GMNS: the rings of each controller, and the phases in which movements and people go.

A green is `max_green`, or `min_green` where there is none; with `clearance`, yellow and all-red, it is the split. GMNS does not
divide `clearance`: the yellow is what a driver needs to stop from the speed of the approaches, or the column `yellow` that
Jasyl adds.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from signals.aspects import SignalSettings
from signals.clearance import yellow_s
from signals.nema.rings import MOST_CYCLE_S, ROUNDING_S, RingPhase, RingPlan, cycle_s, placed
from traffic.errors import InputError
from traffic.gmns.cells import by_key, rows_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from traffic.gmns.cells import Row
    from traffic.gmns.roads import GmnsNetwork

__all__ = ["TimingTables", "TurnPhases"]

_GREEN, _YELLOW, _RED = "begin_of_green", "begin_of_yellow", "begin_of_red"
_RTOR = "rtor"
_PROTECTION = ("", "protected", "permitted", _RTOR)


@dataclass(frozen=True)
class TurnPhases:
    """Phases, by their numbers, in which something is green in one timing plan.

    Attributes
    ----------
    protected, permitted
        By movement of the network.
    walks
        By crossing of the network.
    """

    protected: dict[int, frozenset[int]]
    permitted: dict[int, frozenset[int]]
    walks: dict[int, frozenset[int]]


class TimingTables:
    """The signal tables of a network.

    Attributes
    ----------
    pairs
        Each timing plan with each of its controllers, in the order of the tables.
    """

    def __init__(self, gmns: GmnsNetwork) -> None:
        self.gmns, folder = gmns, gmns.folder
        controllers = by_key(rows_of(folder, "signal_controller", ("controller_id",)), "controller_id")
        plans = rows_of(folder, "signal_timing_plan", ("timing_plan_id", "controller_id"))
        self.plans = by_key(plans, "timing_plan_id")
        for row in (*plans, *rows_of(folder, "signal_coordination", ("timing_plan_id", "controller_id"))):
            _known(row, "controller_id", controllers, "signal_controller")
        phases = rows_of(
            folder, "signal_timing_phase", ("timing_phase_id", "timing_plan_id", "signal_phase_num")
        )
        self.phase_rows = by_key(phases, "timing_phase_id")
        self.of_plan: dict[str, list[Row]] = defaultdict(list)
        for row in phases:
            self.of_plan[_known(row, "timing_plan_id", self.plans, "signal_timing_plan")].append(row)
        self.coordination: dict[tuple[str, str], Row] = {}
        for row in rows_of(folder, "signal_coordination"):
            plan = _known(row, "timing_plan_id", self.plans, "signal_timing_plan")
            pair = (plan, row.text("controller_id"))
            if pair in self.coordination:
                rule = f"must stand once with timing plan {plan}, and row {self.coordination[pair].line} has it too"
                raise row.wrong("controller_id", rule, "Remove one of the rows")
            self.coordination[pair] = row
        network = gmns.network
        junction = network.junctions.node[network.crossings.junction]
        self.walk_nodes = {key: gmns.node_ids[junction[at]] for key, at in gmns.crosswalks.items()}
        self.links = {row.text("link_id") for row in rows_of(folder, "link")}
        self.crossed = set(gmns.movement_nodes.values())
        own = [(key, row.text("controller_id")) for key, row in self.plans.items()]
        self.pairs = tuple(dict.fromkeys([*own, *self.coordination]))
        self.served: dict[str, list[Row]] = defaultdict(list)
        for row in rows_of(folder, "signal_phase_mvmt", ("timing_phase_id",)):
            self.served[_known(row, "timing_phase_id", self.phase_rows, "signal_timing_phase")].append(row)
            self._check(row)

    def _check(self, row: Row) -> None:
        """Refuse a row that names nothing that is there."""
        if row.text("protection").lower() not in _PROTECTION:
            rule = f"must be one of {', '.join(_PROTECTION[1:])}"
            raise row.wrong("protection", rule, "Correct the cell")
        if row.text("mvmt_id"):
            _known(row, "mvmt_id", self.gmns.movement_nodes, "movement")
        if row.text("link_id"):
            _known(row, "link_id", self.links, "link")

    def node(self, plan: str, controller: str) -> str:
        """Return the node that a controller governs: that of its id, else the one whose movements its phases serve."""
        if controller in self.crossed:
            return controller
        nodes = {
            self.gmns.movement_nodes[row.text("mvmt_id")]
            for phase in self.of_plan[plan]
            for row in self.served[phase.text("timing_phase_id")]
            if row.text("mvmt_id")
        }
        if len(nodes) != 1:
            rule = "must govern one node: one controller of several nodes is not read"
            hint = "Give each node a controller of its own, with phases for its movements in signal_phase_mvmt.csv"
            row = self.coordination.get((plan, controller), self.plans[plan])
            raise InputError(
                rule,
                file=row.file,
                field=f"row {row.line}, controller_id",
                value=f"{controller}: {', '.join(sorted(nodes)) or 'no node'}",
                hint=hint,
            )
        return nodes.pop()

    def phases(self, plan: str, node: str) -> list[Row]:
        """Return the phases of a timing plan but those that serve other nodes only."""
        found = []
        for phase in self.of_plan[plan]:
            rows = self.served[phase.text("timing_phase_id")]
            nodes = {self.gmns.movement_nodes.get(row.text("mvmt_id")) for row in rows}
            nodes |= {self.walk_nodes.get(row.text("link_id")) for row in rows}
            if node in nodes or nodes <= {None}:
                found.append(phase)
        return found

    def turns(self, plan: str, node: str) -> TurnPhases:
        """Return the phases of movements and crossings at a node in a timing plan."""
        found: tuple[dict[int, set[int]], ...] = (defaultdict(set), defaultdict(set), defaultdict(set))
        for phase in self.phases(plan, node):
            number = phase.whole("signal_phase_num")
            for row in self.served[phase.text("timing_phase_id")]:
                movement = self.gmns.movements.get(row.text("mvmt_id"))
                crossing = self.gmns.crosswalks.get(row.text("link_id"))
                protection = row.text("protection").lower()
                if movement is not None and protection != _RTOR:
                    found[protection == "permitted"][movement].add(number)
                if crossing is not None:
                    found[2][crossing].add(number)
        return TurnPhases(*({key: frozenset(own) for key, own in part.items()} for part in found))

    def rings(self, plan: str, controller: str, node: str, turns: TurnPhases) -> RingPlan:
        """Return the rings of a controller in a timing plan.

        Parameters
        ----------
        node
            The node that it governs.

        Raises
        ------
        InputError
            If it has no cycle, if splits, rings, barriers and cycle contradict each other, or times are no whole seconds.
        """
        row = self.plans[plan]
        if not row.text("cycle_length"):
            rule = "must be given: a plan without a cycle is actuated, and no fixed one"
            raise row.wrong("cycle_length", rule, "Give the cycle, or leave the plan to the controller")
        cycle = _seconds(row, "cycle_length")
        if not 1 <= cycle <= MOST_CYCLE_S:
            raise row.wrong("cycle_length", f"must be from 1 to {MOST_CYCLE_S} s", "Correct the cycle")
        rows = self.phases(plan, node)
        if not rows:
            rule, hint = "must have phases in signal_timing_phase.csv", "Add the phases of the plan"
            raise row.wrong("timing_plan_id", rule, hint)
        phases = self._placed(plan, rows, turns)
        total = cycle_s(phases)
        if total != cycle:
            rule = f"must be the {total} s that the splits of the longest rings add up to"
            raise row.wrong("cycle_length", rule, "Correct a split (max_green, clearance) or the cycle")
        first, offset = self._origin(plan, controller, phases)
        return RingPlan(cycle, phases, first, offset % cycle)

    def _placed(self, plan: str, rows: list[Row], turns: TurnPhases) -> dict[int, RingPhase]:
        found: dict[int, RingPhase] = {}
        place: dict[tuple[int, int, int], Row] = {}
        for row in rows:
            phase = self._phase(row, turns)
            if phase.number in found:
                rule = f"must be the only phase {phase.number} of timing plan {plan}"
                raise row.wrong("signal_phase_num", rule, "Give each controller a timing plan of its own")
            at = (phase.barrier, phase.ring, phase.position)
            if at in place:
                rule = f"must be a place of its own: row {place[at].line} has the same ring and barrier"
                raise row.wrong("position", rule, "Correct ring, barrier or position")
            found[phase.number], place[at] = phase, row
        try:
            return placed(found.values())
        except InputError as error:
            file = self.gmns.folder.file("signal_timing_phase")
            field = f"timing plan {plan}, {error.field}"
            raise InputError(
                error.rule, file=file, field=field, value=error.value, hint=error.hint
            ) from error

    def _phase(self, row: Row, turns: TurnPhases) -> RingPhase:
        column = "max_green" if row.text("max_green") else "min_green"
        times = {name: row.number(name, 0.0) for name in ("min_green", "walk_time", "ped_clearance")}
        times |= {name: row.number(name) for name in (column, "clearance")}
        for name, value in times.items():
            if not 0 <= value <= MOST_CYCLE_S:
                raise row.wrong(name, f"must be from 0 to {MOST_CYCLE_S} s", "Correct the time")
        split = times[column] + times["clearance"]
        if abs(split - round(split)) > ROUNDING_S or split < 1:
            raise row.wrong(column, "must be whole seconds with clearance, 1 or more", "Round the split")
        number = row.whole("signal_phase_num")
        yellow = self._yellow(row, number, times["clearance"], turns)
        return RingPhase(
            number=number,
            barrier=row.whole("barrier"),
            ring=row.whole("ring"),
            position=row.whole("position"),
            start_s=0,
            split_s=round(split),
            yellow_s=yellow,
            all_red_s=times["clearance"] - yellow,
            min_green_s=times["min_green"],
            walk_s=times["walk_time"],
            dont_walk_s=times["ped_clearance"],
        )

    def _yellow(self, row: Row, number: int, clearance: float, turns: TurnPhases) -> float:
        if row.text("yellow"):
            yellow = row.number("yellow")
            if not 0 <= yellow <= clearance:
                raise row.wrong("yellow", "must be from 0 s to clearance", "Correct the yellow")
            return yellow
        network = self.gmns.network
        moving = {
            m for part in (turns.protected, turns.permitted) for m, own in part.items() if number in own
        }
        speeds = (float(network.links.speed_m_s[network.movements.in_link[m]]) for m in moving)
        settings = SignalSettings.of("US")
        return min(max((float(yellow_s(speed, settings)) for speed in speeds), default=clearance), clearance)

    def _origin(self, plan: str, controller: str, phases: dict[int, RingPhase]) -> tuple[int, int]:
        """Return the phase that the stages begin with and its start of green after the cycle zero."""
        row = self.coordination.get((plan, controller))
        if row is None or not row.text("offset"):
            return min(phases), 0  # uncoordinated: an offset means nothing, any phase will do
        number = row.whole("coord_phase", min(phases))
        if number not in phases:
            rule = f"must be a phase of the plan: {', '.join(map(str, sorted(phases)))}"
            raise row.wrong("coord_phase", rule, "Choose a phase in use")
        phase = phases[number]
        reach = {
            _GREEN: 0.0,
            _YELLOW: phase.split_s - phase.yellow_s - phase.all_red_s,
            _RED: phase.split_s - phase.all_red_s,
        }
        point = row.text("coord_ref_to").lower() or _GREEN
        if point not in reach:
            raise row.wrong("coord_ref_to", f"must be one of {', '.join(reach)}", "Correct the cell")
        offset = sum(step.number("offset") for step in self._masters(plan, row)) - reach[point]
        if abs(offset - round(offset)) > ROUNDING_S:
            rule = "must begin the green of the phase at a whole second"
            raise row.wrong("offset", rule, "Round the offset or the green")
        return number, round(offset)

    def _masters(self, plan: str, row: Row) -> Iterator[Row]:
        """Yield the row of a controller and that of the one from whose cycle zero its offset counts."""
        yield row
        own, master = row.text("controller_id"), row.text("coord_contr_id")
        if master in {"", own}:
            return
        above = self.coordination.get((plan, master))
        if above is None or not above.text("offset") or above.text("coord_contr_id") not in {"", master}:
            rule = f"must be a controller with an offset of its own in timing plan {plan}"
            raise row.wrong("coord_contr_id", rule, "Add its row with itself as coord_contr_id")
        yield above


def _known(row: Row, column: str, keys: Container[str], table: str) -> str:
    key = row.text(column)
    if key not in keys:
        raise row.wrong(column, f"must be a {column} of {table}.csv", "Add the row, or correct the cell")
    return key


def _seconds(row: Row, column: str) -> int:
    value = row.number(column)
    if value != int(value):
        raise row.wrong(column, "must be whole seconds", "Round it")
    return int(value)
