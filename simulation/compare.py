"""Plans side by side in the flow model, at several demand levels and demand seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from signals.greens import movement_greens
from signals.objective import Objective
from traffic.errors import InputError
from traffic.flow import FlowModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from signals.plan import PlanSet
    from traffic.demand import FlowDemand
    from traffic.network import RoadNetwork

__all__ = ["SCALES", "Row", "compare", "markdown", "summarise"]

SCALES = (0.6, 0.8, 1.0, 1.1)
"""Demand levels, relative to the demand at which the 90th percentile of X is 0.9."""

_FIGURES = ("delay_s_per_veh", "stops_per_veh", "objective_s_per_veh", "throughput_veh_h")


@dataclass(frozen=True)
class Row:
    """Figures of one set of plans under one demand.

    Attributes
    ----------
    plans, scale, seed
        Name of the plans, demand level and demand seed.
    delay_s_per_veh, stops_per_veh
        Over all vehicles due; delay includes the wait of those who have not entered.
    objective_s_per_veh
        `signals.objective.Objective.judge`.
    throughput_veh_h
        Vehicles that arrived.
    """

    plans: str
    scale: float
    seed: int
    delay_s_per_veh: float
    stops_per_veh: float
    objective_s_per_veh: float
    throughput_veh_h: float


def compare(
    network: RoadNetwork,
    demand: FlowDemand,
    plans: Mapping[str, PlanSet],
    *,
    scale: float = 1.0,
    seed: int = 0,
    objective: Objective | None = None,
    duration_s: int = 3600,
) -> tuple[Row, ...]:
    """Run every set of plans under `demand` times `scale`."""
    goal = objective or Objective()
    model = FlowModel(network, demand.scaled(scale))
    rows = []
    for name, several in plans.items():
        result = model.run(movement_greens(network, several), duration_s, duration_s)
        figures = result.summary()
        rows.append(
            Row(
                plans=name,
                scale=scale,
                seed=seed,
                delay_s_per_veh=figures["delay_s_per_veh"],
                stops_per_veh=figures["stops_per_veh"],
                objective_s_per_veh=goal.judge(network, result),
                throughput_veh_h=figures["throughput_veh_h"],
            )
        )
    return tuple(rows)


def summarise(rows: Iterable[Row]) -> dict[tuple[str, float], dict[str, tuple[float, float]]]:
    """Return mean and standard deviation over the demand seeds of every figure, by plans and demand level."""
    groups: dict[tuple[str, float], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.plans, row.scale), []).append(row)
    return {key: {figure: _spread(several, figure) for figure in _FIGURES} for key, several in groups.items()}


def _spread(rows: Sequence[Row], figure: str) -> tuple[float, float]:
    values = np.array([getattr(row, figure) for row in rows])
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0


def markdown(rows: Sequence[Row], *, figure: str = "delay_s_per_veh", digits: int = 1) -> str:
    """Return a table of `figure`: a line for each set of plans, a column for each demand level, mean +- sd."""
    if figure not in _FIGURES:
        raise InputError(f"must be one of {', '.join(_FIGURES)}", field="figure", value=figure)
    table = summarise(rows)
    names = list(dict.fromkeys(row.plans for row in rows))
    scales = sorted({row.scale for row in rows})
    lines = [
        f"| {figure} | " + " | ".join(f"x {scale:g}" for scale in scales) + " |",
        "| --- |" + " ---: |" * len(scales),
    ]
    for name in names:
        cells = []
        for scale in scales:
            mean, sd = table.get((name, scale), {}).get(figure, (float("nan"), 0.0))
            cells.append(f"{mean:.{digits}f} +- {sd:.{digits}f}" if sd > 0 else f"{mean:.{digits}f}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
