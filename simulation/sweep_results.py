"""Results of sweeps as Parquet files. The only importer of pyarrow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import parquet

from traffic.errors import InputError
from traffic.files import is_file, replacing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["FIGURES", "partial_path", "read_results", "write_results"]

FIGURES = (
    "vehicles",
    "arrived",
    "under_way",
    "waiting_to_enter",
    "total_time_s_per_veh",
    "delay_s_per_veh",
    "stops_per_veh",
    "throughput_veh_h",
    "fuel_l",
    "co2_kg",
    "objective_s_per_veh",
)
"""Columns of figures, as `simulation.sweep.evaluate` returns them."""

_SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("scenario", pa.string(), nullable=False),
        pa.field("scale", pa.float64(), nullable=False),
        pa.field("demand_seed", pa.int64()),
        pa.field("method", pa.string(), nullable=False),
        pa.field("optimizer_seed", pa.int64()),
        pa.field("steps", pa.int64()),
        pa.field("seconds", pa.float64()),
        pa.field("planned_scale", pa.float64(), nullable=False),
        *(pa.field(name, pa.float64(), nullable=False) for name in FIGURES),
    ]
)


def partial_path(path: Path) -> Path:
    """Return where the results of a sweep stand until it is complete."""
    return path.with_name(f"{path.stem}.partial{path.suffix}")


def write_results(rows: Iterable[Mapping[str, object]], path: Path) -> None:
    """Write results, a row for each run, whole or not at all.

    Parameters
    ----------
    rows
        `simulation.sweep.Run.factors` and `FIGURES` of each run.
    """
    table = pa.Table.from_pylist([dict(row) for row in rows], schema=_SCHEMA)
    with replacing(path) as draft:
        parquet.write_table(table, draft)


def read_results(path: Path) -> list[dict[str, object]]:
    """Return the rows of results that `write_results` has written; none where there is no file."""
    if not is_file(path):
        return []
    hint = "Choose another name for the results, or remove the file"
    try:
        table = parquet.read_table(path, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        rule = "must be a Parquet file of `jasyl sweep`"
        raise InputError(rule, file=path, field="file content", value=str(error), hint=hint) from error
    if not table.schema.equals(_SCHEMA):
        rule = f"must have the columns of `jasyl sweep`: {', '.join(_SCHEMA.names)}"
        found = ", ".join(table.schema.names)
        raise InputError(rule, file=path, field="columns", value=found, hint=hint)
    rows: list[dict[str, object]] = table.to_pylist()
    return rows
