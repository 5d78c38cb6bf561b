"""Plans as UTDF: each stage is a phase of one ring, and a turn has every phase in which its group is green.

The offset is to the start of green of phase 1, which is stage 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from signals.nema.stage_phases import ServedPhases, stage_phase
from signals.sequence import stage_starts
from traffic.errors import InputError
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
    served = ServedPhases()
    timing: list[tuple[object, ...]] = []
    phasing: list[tuple[object, ...]] = []
    governed = np.isin(network.links.to_node[network.movements.in_link], network.junctions.node)
    for plan, node in zip(plans, network.junctions.node.tolist(), strict=True):
        if len(plan.stages) > _MOST_PHASES:
            rule = f"must have {_MOST_PHASES} stages or fewer, as UTDF has phases"
            field = f"junction {plan.junction.key}, stages"
            raise InputError(rule, field=field, value=len(plan.stages), hint="Join stages")
        served.add(plan, network.movements.turn)
        timing += _timing_rows(plan, node + 1)
        phasing += _phase_rows(plan, node + 1)
    permitted = {movement: [_FREE] for movement in np.flatnonzero(governed).tolist()}
    permitted |= {movement: [] for movement in served.protected}
    permitted |= served.permitted
    numbers = [f"D{k}" for k in range(1, _MOST_PHASES + 1)]
    return UtdfFile(
        (
            *network_sections(
                network, movement_veh_s, NetworkPhases(served.protected, permitted, served.walks)
            ),
            UtdfSection.of("Timeplans", "Timing Plan Settings", ("RECORDNAME", "INTID", "DATA"), timing),
            UtdfSection.of("Phases", "Phasing Data", ("RECORDNAME", "INTID", *numbers), phasing),
        ),
        network.name,
    )


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
        times = stage_phase(plan, k)
        begin = plan.offset_s + starts[k]
        values = {
            "BRP": f"{k // _POSITIONS + 1}1{k % _POSITIONS + 1}",
            "Recall": _MAX_RECALL,
            "Start": begin % plan.cycle_s,
            "End": (begin + duration) % plan.cycle_s,
            "LocalStart": starts[k],
            "MinGreen": times.min_green_s,
            "MaxGreen": times.max_green_s,
            "Yellow": times.yellow_s,
            "AllRed": times.all_red_s,
            "Walk": times.walk_s,
            "DontWalk": times.dont_walk_s,
            "MinSplit": times.min_split_s,
        }
        for name in names:
            cells[name].append(values[name])
    return [(name, intid, *row) for name, row in cells.items()]
