"""Plans as UTDF: each stage is a phase of one ring, and a turn has every phase in which its group is green.

That says any plan, also one that two rings cannot: a group in two stages that follow each other stays green. Yellow and
all-red of a phase are the time that its vehicles need before the next stage; where people need more, don't walk has the rest.
The offset is to the start of green of phase 1, which is stage 0.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from signals.junction import Conflict, GroupKind
from signals.sequence import stage_starts
from traffic.errors import InputError
from traffic.network import Turn
from traffic.utdf.records import UtdfFile, UtdfSection
from traffic.utdf.sections import NetworkPhases, network_sections

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from signals.plan import Plan, PlanSet
    from traffic.network import RoadNetwork

__all__ = ["plans_to_utdf"]

_PRETIMED, _FIRST_GREEN, _MAX_RECALL = 0, 3, 3
_MOST_PHASES, _POSITIONS = 16, 4
_FREE = -1


def plans_to_utdf(network: RoadNetwork, plans: PlanSet, movement_veh_s: NDArray[np.float64]) -> UtdfFile:
    """Return `network` with `plans` as a UTDF file.

    Parameters
    ----------
    movement_veh_s
        Flow of each movement, vehicles per second; shape (movements,).

    Raises
    ------
    InputError
        For plans of another network, a plan of more than 16 stages, and what [Links] and [Lanes] have no room for.
    """
    if len(plans) != len(network.junctions):
        rule = f"must be plans for the {len(network.junctions)} junctions of {network.name!r}"
        raise InputError(rule, field="plans", value=len(plans), hint="Optimise this network first")
    protected: dict[int, list[int]] = defaultdict(list)
    permitted: dict[int, list[int]] = defaultdict(list)
    walks: dict[int, list[int]] = defaultdict(list)
    timing: list[tuple[object, ...]] = []
    phasing: list[tuple[object, ...]] = []
    governed = np.isin(network.links.to_node[network.movements.in_link], network.junctions.node)
    for movement in np.flatnonzero(governed).tolist():
        permitted[movement] = [_FREE]
    for plan, node in zip(plans, network.junctions.node.tolist(), strict=True):
        if len(plan.stages) > _MOST_PHASES:
            rule = f"must have {_MOST_PHASES} stages or fewer, as UTDF has phases"
            field = f"junction {plan.junction.key}, stages"
            raise InputError(rule, field=field, value=len(plan.stages), hint="Join stages")
        _add_phases(plan, network, protected, permitted, walks)
        timing += _timing_rows(plan, node + 1)
        phasing += _phase_rows(plan, node + 1)
    numbers = [f"D{k}" for k in range(1, _MOST_PHASES + 1)]
    return UtdfFile(
        (
            *network_sections(network, movement_veh_s, NetworkPhases(protected, permitted, walks)),
            UtdfSection.of("Timeplans", "Timing Plan Settings", ("RECORDNAME", "INTID", "DATA"), timing),
            UtdfSection.of("Phases", "Phasing Data", ("RECORDNAME", "INTID", *numbers), phasing),
        ),
        network.name,
    )


def _add_phases(
    plan: Plan,
    network: RoadNetwork,
    protected: dict[int, list[int]],
    permitted: dict[int, list[int]],
    walks: dict[int, list[int]],
) -> None:
    """Note in which phases the movements and crossings of a plan are green."""
    junction, turn = plan.junction, network.movements.turn
    for g, group in enumerate(junction.groups):
        for movement in group.movements:
            permitted[movement] = []
        for number, stage in enumerate(plan.stages, start=1):
            if g not in stage.groups:
                continue
            yields = any(junction.conflict[g, h] == Conflict.YIELD for h in stage.groups)
            for movement in group.movements:
                across = turn[movement] in {Turn.LEFT, Turn.U_TURN}
                (permitted if yields and across else protected)[movement].append(number)
            for crossing in group.crossings:
                walks[crossing].append(number)


def _timing_rows(plan: Plan, intid: int) -> list[tuple[object, ...]]:
    values = {
        "Control Type": _PRETIMED,
        "Cycle Length": plan.cycle_s,
        "Lock Timings": 0,
        "Referenced To": _FIRST_GREEN,
        "Reference Phase": 1,
        "Offset": plan.offset_s,
        "Master": 0,
        "Yield": 0,
        "Node 0": intid,
        "Node 1": 0,
    }
    return [(name, intid, value) for name, value in values.items()]


def _phase_rows(plan: Plan, intid: int) -> list[tuple[object, ...]]:
    names = (
        *("BRP", "MinGreen", "MaxGreen", "Yellow", "AllRed", "Recall", "Walk", "DontWalk", "MinSplit"),
        *("Start", "End", "LocalStart"),
    )
    starts = stage_starts(plan.durations_s).tolist()
    cells: dict[str, list[object]] = {name: [] for name in names}
    for k, duration in enumerate(plan.durations_s):
        times = _phase_times(plan, k)
        begin = plan.offset_s + starts[k]
        values = {
            "BRP": f"{k // _POSITIONS + 1}1{k % _POSITIONS + 1}",
            "Recall": _MAX_RECALL,
            "Start": begin % plan.cycle_s,
            "End": (begin + duration) % plan.cycle_s,
            "LocalStart": starts[k],
            **times,
        }
        for name in names:
            cells[name].append(values[name])
    return [(name, intid, *row) for name, row in cells.items()]


def _phase_times(plan: Plan, k: int) -> dict[str, int | None]:
    """Return the times of the phase that is stage `k`: what changes at its end decides."""
    junction, sequence, duration = plan.junction, plan.sequence, plan.durations_s[k]
    ends: dict[GroupKind, list[tuple[int, int]]] = {kind: [] for kind in GroupKind}
    for (group, _, last), gap, always in zip(
        sequence.runs.tolist(), sequence.end_gap_s.tolist(), sequence.always_green.tolist(), strict=True
    ):
        if last == k and not always:
            ends[junction.groups[group].kind].append((group, gap))
    present = [junction.groups[g] for g in sorted(plan.stages[k].groups)]
    changing = [junction.groups[g] for g, _ in ends[GroupKind.VEHICLE]] or present
    yellow = min(max((group.yellow_s for group in changing), default=0), duration - 1)
    all_red = max(max((gap for _, gap in ends[GroupKind.VEHICLE]), default=0) - yellow, 0)
    change = yellow + all_red
    clearance = max(max((gap for _, gap in ends[GroupKind.PEDESTRIAN]), default=0) - change, 0)
    on_foot = [group.min_green_s for group in present if group.kind is GroupKind.PEDESTRIAN]
    least = [group.min_green_s for group in present if group.kind is GroupKind.VEHICLE]
    walk = min(*on_foot, duration - change - clearance) if on_foot else None
    green = min(min(least, default=1), duration - change)
    return {
        "MinGreen": green,
        "MaxGreen": duration - change,
        "Yellow": yellow,
        "AllRed": all_red,
        "Walk": walk,
        "DontWalk": clearance if on_foot else None,
        "MinSplit": max(green + change, (walk or 0) + clearance + change),
    }
