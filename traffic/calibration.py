"""How much traffic: the scale of a matrix at which the city is as full as asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from traffic.assignment import Assignment, CostSettings, TrafficAssignment
from traffic.errors import InputError
from traffic.saturation import ReferenceControl

if TYPE_CHECKING:
    from traffic.network import RoadNetwork
    from traffic.od import ODMatrix
    from traffic.progress import Progress
    from traffic.zones import Zones

__all__ = ["Calibration", "calibrate_total"]

_PROBE = 1e-3
_STEP = 1.5
_SEARCH_GAP = 5e-3


@dataclass(frozen=True, eq=False)
class Calibration:
    """A matrix scaled to a degree of saturation.

    Attributes
    ----------
    scale
        Factor on the matrix that was given.
    assignment
        The scaled matrix and its flows.
    saturation
        Quantile of X that was reached.
    steps
        Scale and quantile of each step on the way.
    """

    scale: float
    assignment: Assignment
    saturation: float
    steps: tuple[tuple[float, float], ...]


def calibrate_total(
    network: RoadNetwork,
    zones: Zones,
    od: ODMatrix,
    *,
    target: float = 0.9,
    quantile: float = 0.9,
    gap: float = 1e-4,
    tolerance: float = 2e-3,
    max_steps: int = 12,
    settings: CostSettings | None = None,
    control: ReferenceControl | None = None,
    progress: Progress | None = None,
) -> Calibration:
    """Scale a matrix until a quantile of X over the signalised lane groups is `target`.

    X is that of the reference control (see `traffic.saturation`) at the flows of user equilibrium, which is
    found afresh, from the flows of the step before, at each scale; the scale follows the secant of the
    logarithms.

    Parameters
    ----------
    od
        Any total; its pattern counts. With a time profile, X is that of a period with the factor 1.
    tolerance
        Relative deviation of the quantile from `target` to stop at. On small networks X can jump over it; then
        the nearest X of all steps counts.
    """
    for field, value in (("target", target), ("quantile", quantile), ("tolerance", tolerance)):
        if not (np.isfinite(value) and value > 0):
            raise InputError("must be more than 0", field=field, value=value)
    control = control or ReferenceControl(network)
    problem = TrafficAssignment(network, zones, od, settings=settings)
    # near free flow X is proportional to the scale: a first guess for the price of one search
    scale, search_gap = _PROBE, 1.0
    problem.scale(scale)
    steps: list[tuple[float, float]] = []
    found: list[Calibration] = []
    while True:
        assignment = problem.solve(search_gap)
        reached = control.quantile(assignment.movement_veh_s, quantile)
        steps.append((scale, reached))
        if progress is not None:
            progress(len(steps), max_steps, f"demand scale {scale:.3f}: X = {reached:.3f}")
        if reached <= 0:
            rule = "the matrix must send traffic through the signalised lane groups"
            raise InputError(rule, field="trips_veh_h", value=od.total_veh_h, hint="check zones and matrix")
        away = abs(reached / target - 1.0)
        if search_gap <= gap:
            found.append(Calibration(scale, assignment, reached, ()))
        if found and ((found[-1].scale == scale and away <= tolerance) or len(steps) >= max_steps):
            break
        search_gap = gap if len(steps) >= max_steps // 2 or away <= 10 * tolerance else max(gap, _SEARCH_GAP)
        if away > tolerance:
            factor = target / reached if len(steps) == 1 else _next_factor(steps, target)
            scale *= factor
            problem.scale(factor)
    best = min(found, key=lambda one: abs(one.saturation / target - 1.0))
    return replace(best, steps=tuple(steps))


def _next_factor(steps: list[tuple[float, float]], target: float) -> float:
    """Return the factor on the last scale: the secant of log X over log scale, kept within what brackets the target."""
    scale, reached = steps[-1]
    elasticity = 1.0
    if len(steps) > 2:
        before, value = steps[-2]
        run = np.log(scale / before)
        if run != 0:
            elasticity = float(np.clip(np.log(reached / value) / run, 0.5, 2.0))
    factor = float(np.clip((target / reached) ** (1.0 / elasticity), 1.0 / _STEP, _STEP))
    below = max((s for s, x in steps if x < target), default=0.0)
    above = min((s for s, x in steps if x >= target), default=np.inf)
    if 0.0 < below < above < np.inf and not below < scale * factor < above:
        factor = float(np.sqrt(below * above)) / scale
    return factor
