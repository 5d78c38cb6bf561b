"""Plans as GMNS signal tables: each stage is a phase of one ring, with every movement and crosswalk that is green in it.

A junction is a controller with a timing plan of its own; both have the id of its node. The offset is to the start of green of
phase 1, which is stage 0. The column `yellow` says how much of `clearance` is yellow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from signals.nema.stage_phases import ServedPhases, stage_phase
from traffic.errors import InputError
from traffic.gmns.records import GmnsFolder, GmnsTable
from traffic.gmns.write import crosswalk_id, network_to_gmns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from signals.plan import Plan, PlanSet
    from traffic.network import RoadNetwork

__all__ = ["plans_to_gmns"]

_ALWAYS = "11111111_0000_2359"  # every day of the week and holidays, the whole day
_PHASE = (
    *("timing_phase_id", "timing_plan_id", "signal_phase_num", "min_green", "max_green", "extension"),
    *("clearance", "walk_time", "ped_clearance", "ring", "barrier", "position", "yellow"),
)


def plans_to_gmns(network: RoadNetwork, plans: PlanSet) -> GmnsFolder:
    """Return `network` with `plans` as GMNS tables.

    Raises
    ------
    InputError
        For plans of another network.
    """
    if len(plans) != len(network.junctions):
        rule = f"must be plans for the {len(network.junctions)} junctions of {network.name!r}"
        raise InputError(rule, field="plans", value=len(plans), hint="Optimise this network first")
    served = ServedPhases()
    phases: list[tuple[object, ...]] = []
    timing: list[tuple[object, ...]] = []
    coordination: list[tuple[object, ...]] = []
    for plan, node in zip(plans, (network.junctions.node + 1).tolist(), strict=True):
        served.add(plan, network.movements.turn)
        phases += _phase_rows(plan, node)
        timing.append((node, node, _ALWAYS, plan.cycle_s))
        coordination.append((node, node, node, node, 1, "begin_of_green", plan.offset_s))
    controlled = np.zeros(len(network.movements), dtype=bool)
    controlled[[*served.protected, *served.permitted]] = True
    roads = network_to_gmns(network, controlled)
    columns = (
        "coordination_id",
        "timing_plan_id",
        "controller_id",
        "coord_contr_id",
        "coord_phase",
        "coord_ref_to",
    )
    tables = [
        GmnsTable.of("signal_controller", ("controller_id",), [row[:1] for row in timing]),
        GmnsTable.of(
            "signal_timing_plan", ("timing_plan_id", "controller_id", "time_day", "cycle_length"), timing
        ),
        GmnsTable.of("signal_coordination", (*columns, "offset"), coordination),
        GmnsTable.of("signal_timing_phase", _PHASE, phases),
        _served_table(roads, network, served),
    ]
    return GmnsFolder((*roads.tables, *tables), roads.source)


def _phase_rows(plan: Plan, node: int) -> Iterator[tuple[object, ...]]:
    for k in range(len(plan.stages)):
        times = stage_phase(plan, k)
        yield (
            f"{node}_{k + 1}",
            node,
            k + 1,
            times.min_green_s,
            times.max_green_s,
            0,
            times.yellow_s + times.all_red_s,
            times.walk_s,
            times.dont_walk_s,
            1,
            1,
            k + 1,
            times.yellow_s,
        )


def _served_table(roads: GmnsFolder, network: RoadNetwork, served: ServedPhases) -> GmnsTable:
    """Return which phases each row of ``movement.csv`` and each crosswalk has."""
    rows: list[tuple[object, ...]] = []
    movements = roads.table("movement")
    assert movements is not None
    at = [movements.columns.index(column) for column in ("mvmt_id", "node_id")]
    for cells in movements.rows:
        key, node = (cells[position] for position in at)
        movement = int(key.partition("_")[0]) - 1
        for part, protection in ((served.protected, "protected"), (served.permitted, "permitted")):
            rows += [(f"{node}_{number}", key, None, protection) for number in part.get(movement, ())]
    for crossing, numbers in sorted(served.walks.items()):
        at_node = int(network.junctions.node[network.crossings.junction[crossing]]) + 1
        rows += [(f"{at_node}_{number}", None, crosswalk_id(crossing), "protected") for number in numbers]
    columns = ("signal_phase_mvmt_id", "timing_phase_id", "mvmt_id", "link_id", "protection")
    return GmnsTable.of("signal_phase_mvmt", columns, ((k, *row) for k, row in enumerate(rows, start=1)))
