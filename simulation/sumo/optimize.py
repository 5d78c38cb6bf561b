"""Plans for the traffic lights of a SUMO configuration, found in our own models without running SUMO."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from signals.objective import Objective
from signals.optimize import Optimized, optimize
from signals.plan import PlanSet
from signals.profile_parameters import ProfileParameters
from signals.sumo.programs import additional_xml
from simulation.sumo.city import SumoCity
from traffic.files import replacing
from traffic.progress import Progress

__all__ = ["Stages", "optimize_city", "write_programs"]

Stages = Literal["kept", "free"]
"""Whether plans keep the stages and their order of the network file, or may have others."""

_PROGRAM = "jasyl"


def optimize_city(
    city: SumoCity,
    *,
    stages: Stages = "kept",
    stop_s: float = 0.0,
    seed: int = 0,
    seconds: float = 20.0,
    steps: int | None = None,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Optimized:
    """Return the best plans found for the traffic lights of `city`; the programs of its file are the start.

    Parameters
    ----------
    stages
        Keep the stages of these programs, or generate others from the same signal groups as well.
    stop_s
        A stop counts as much as this many seconds of delay; 0 minimises delay alone.
    seed, seconds, steps, progress, should_stop
        As in `signals.optimize.optimize`.
    """
    sequences = [[light.plan.sequence] for light in city.lights] if stages == "kept" else None
    return optimize(
        city.roads.network,
        [light.junction for light in city.lights],
        city.demand,
        seed=seed,
        seconds=seconds,
        steps=steps,
        objective=Objective(stop_s=stop_s),
        start=city.shipped(),
        sequences=sequences,
        parameters=ProfileParameters(flow=city.parameters),
        duration_s=city.duration_s,
        progress=progress,
        should_stop=should_stop,
    )


def write_programs(city: SumoCity, plans: PlanSet, file: Path) -> None:
    """Write `plans` as an additional file, which SUMO loads beside the configuration in place of its programs."""
    taken = {logic.program for logic in city.roads.net.logics}
    program, number = _PROGRAM, 0
    while program in taken:
        number += 1
        program = f"{_PROGRAM}-{number}"
    text = additional_xml(city.programs(plans), program=program)
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as draft:
        draft.write_text(text, encoding="utf-8")
