"""Timing sheets: the plans in force, as cities keep them, in CSV.

One row for each stage, in the order of the stages::

    junction,stage,groups,duration_s,cycle_s,offset_s
    osm:1,1,N-TR S-TR P-E P-W,35,60,12
    osm:1,2,E-TR W-TR P-N P-S,25,60,12

`duration_s` counts from the start of green of a stage to the start of green of the next, so the change
between them is in it and the durations add up to `cycle_s`. `groups` are signal groups with spaces between.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING

from signals.plan import Plan, PlanSet, Stage
from traffic.csv_rows import rows as rows_of
from traffic.errors import InputError
from traffic.files import replacing

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from signals.junction import Junction
    from traffic.demand import FlowDemand
    from traffic.network import RoadNetwork

__all__ = ["COLUMNS", "read_timing_sheet", "write_timing_sheet"]

COLUMNS = ("junction", "stage", "groups", "duration_s", "cycle_s", "offset_s")

_WHOLE = re.compile("-?[0-9]{1,9}")


def read_timing_sheet(
    path: str | os.PathLike[str], network: RoadNetwork, junctions: Sequence[Junction], demand: FlowDemand
) -> tuple[PlanSet, int]:
    """Read the plans in force; junctions that the sheet leaves out get Webster's plan for the busiest period.

    Parameters
    ----------
    junctions
        The junctions of the network, in its order.
    demand
        Flows for Webster's plans.

    Returns
    -------
    The plan set ``"before"``, and the number of its plans that are Webster's.

    Raises
    ------
    InputError
        With file, row and column of what is wrong, for a locked junction that the sheet leaves out, and where it
        leaves out all.
    """
    made = _plans(Path(path), junctions)
    if not made:
        rule, hint = "must hold at least one junction", "Add its rows, one for each stage"
        raise InputError(rule, file=path, field="junction", value="no rows", hint=hint)
    missing = [junction for junction in junctions if junction.key not in made]
    for junction in missing:
        if junction.locked:
            rule, hint = "must hold every locked junction", "Add its rows"
            raise InputError(rule, file=path, field="junction", value=junction.key, hint=hint)
    made |= _webster_plans(network, missing, demand)
    return PlanSet("before", network.name, tuple(made[junction.key] for junction in junctions)), len(missing)


def _webster_plans(
    network: RoadNetwork, junctions: Sequence[Junction], demand: FlowDemand
) -> dict[str, Plan]:
    """Return Webster's plans for the busiest period by the key of their junction."""
    if not junctions:
        return {}
    from signals.webster_plans import flow_ratios  # noqa: PLC0415 - a full sheet needs none

    flows = [demand.movement_veh_s(network, period) for period in range(demand.periods)]
    busiest = max(flows, key=lambda flow: float(flow.sum()))
    ratios = flow_ratios(network, junctions, busiest)
    return {j.key: _webster(j, ratio) for j, ratio in zip(junctions, ratios, strict=True)}


def _webster(junction: Junction, ratio: NDArray[np.float64]) -> Plan:
    from signals.stages import stage_sequences  # noqa: PLC0415 - loads a solver
    from signals.webster_plans import webster_plan  # noqa: PLC0415

    return webster_plan(junction, stage_sequences(junction, flows=ratio, limit=1), ratio, None, "Webster")


def _plans(file: Path, junctions: Sequence[Junction]) -> dict[str, Plan]:
    """Return the plans of the sheet by the key of their junction."""
    by_key = {junction.key: junction for junction in junctions}
    rows: dict[str, list[tuple[int, dict[str, str]]]] = {}
    for number, row in rows_of(file, COLUMNS, header="row 1"):
        key = row["junction"]
        if key not in by_key:
            rule = "must be the key of a junction of the network"
            some = ", ".join(list(by_key)[:3])
            field, hint = f"row {number}, junction", f"junctions are called {some}, ..."
            raise InputError(rule, file=file, field=field, value=key, hint=hint)
        rows.setdefault(key, []).append((number, row))
    return {key: _plan(file, by_key[key], stages) for key, stages in rows.items()}


def write_timing_sheet(plans: PlanSet, path: str | os.PathLike[str]) -> None:
    """Write `plans` as a timing sheet."""
    with replacing(path) as draft, draft.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for plan in plans:
            for position, groups in enumerate(plan.sequence.names()):
                row = (plan.junction.key, position + 1, " ".join(groups), plan.durations_s[position])
                writer.writerow((*row, plan.cycle_s, plan.offset_s))


def _plan(file: Path, junction: Junction, rows: list[tuple[int, dict[str, str]]]) -> Plan:
    stages, durations = [], []
    for position, (number, row) in enumerate(rows):
        if _whole(file, number, row, "stage") != position + 1:
            rule = f"stages must be numbered in order; {position + 1} comes here"
            hint = "Number the rows of a junction 1, 2, 3, ... in the order in which its stages are shown"
            raise InputError(rule, file=file, field=f"row {number}, stage", value=row["stage"], hint=hint)
        for column in ("cycle_s", "offset_s"):
            if row[column] != rows[0][1][column]:
                rule = f"must be the same in all rows of a junction; it is {rows[0][1][column]} above"
                hint = f"Write the same {column} into all rows of {junction.key}"
                raise InputError(
                    rule, file=file, field=f"row {number}, {column}", value=row[column], hint=hint
                )
        stages.append(_stage(file, number, row, junction))
        durations.append(_whole(file, number, row, "duration_s"))
    number, first = rows[0]
    cycle, offset = (_whole(file, number, first, column) for column in ("cycle_s", "offset_s"))
    try:
        return Plan(junction, cycle, offset, tuple(stages), tuple(durations), name="before")
    except InputError as error:
        raise InputError(
            error.rule,
            file=file,
            field=f"rows {number} to {rows[-1][0]}, {error.field}",
            value=error.value,
            hint=error.hint,
        ) from error


def _stage(file: Path, number: int, row: dict[str, str], junction: Junction) -> Stage:
    try:
        groups = [junction.group_index(name) for name in row["groups"].split()]
        return Stage(frozenset(groups))
    except InputError as error:
        field = f"row {number}, groups"
        raise InputError(error.rule, file=file, field=field, value=error.value, hint=error.hint) from error


def _whole(file: Path, number: int, row: dict[str, str], column: str) -> int:
    if not _WHOLE.fullmatch(row[column]):
        rule, field = "must be a whole number", f"row {number}, {column}"
        unit = " of seconds" if column.endswith("_s") else ""
        hint = f"Write the number{unit} in digits, without decimals"
        raise InputError(rule, file=file, field=field, value=row[column], hint=hint)
    return int(row[column])
