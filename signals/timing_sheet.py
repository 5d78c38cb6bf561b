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

    from signals.junction import Junction

__all__ = ["COLUMNS", "read_timing_sheet", "write_timing_sheet"]

COLUMNS = ("junction", "stage", "groups", "duration_s", "cycle_s", "offset_s")

_WHOLE = re.compile("-?[0-9]{1,9}")


def read_timing_sheet(
    path: str | os.PathLike[str],
    junctions: Sequence[Junction],
    *,
    others: PlanSet | None = None,
    network_name: str = "",
) -> PlanSet:
    """Read the plans in force, for comparison: the plan set ``"before"``.

    Parameters
    ----------
    junctions
        The junctions of the network, in its order.
    others
        Plans for the junctions that the sheet leaves out; without them it must hold all.
    network_name
        Goes into the plan set; empty: that of `others`.

    Raises
    ------
    InputError
        With file, row and column of what is wrong.
    """
    file = Path(path)
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
    made: dict[str, Plan] = {key: _plan(file, by_key[key], stages) for key, stages in rows.items()}
    if others is not None:
        made = {plan.junction.key: plan for plan in others} | made
    missing = [key for key in by_key if key not in made]
    if missing:
        hint = "Add its rows"
        raise InputError("must hold every junction", file=file, field="junction", value=missing[0], hint=hint)
    name = network_name or (others.network_name if others else "")
    return PlanSet("before", name, tuple(made[junction.key] for junction in junctions))


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
            raise InputError(rule, file=file, field=f"row {number}, stage", value=row["stage"])
        for column in ("cycle_s", "offset_s"):
            if row[column] != rows[0][1][column]:
                rule = f"must be the same in all rows of a junction; it is {rows[0][1][column]} above"
                raise InputError(rule, file=file, field=f"row {number}, {column}", value=row[column])
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
        raise InputError(
            "must be a whole number", file=file, field=f"row {number}, {column}", value=row[column]
        )
    return int(row[column])
