"""Plans for the traffic lights of a SUMO configuration, found in our own models.

First `signals.optimize` searches with flows; then moves are tried with single vehicles (`simulation.sumo.refine`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, NamedTuple

from signals.objective import Objective
from signals.optimize import Optimized, optimize
from signals.plan import PlanSet
from signals.profile_parameters import ProfileParameters
from simulation.sumo.alone import with_other_cycles
from simulation.sumo.city import SumoCity
from simulation.sumo.offsets import coordinate, offset_tables, zero_offsets
from simulation.sumo.refine import refine
from traffic.progress import Progress

__all__ = ["CityPlans", "Stages", "optimize_city", "optimize_flows", "with_stages_shown"]

Stages = Literal["kept", "free"]
"""Whether plans keep the stages and their order of the network file, or may have others."""

_WITH_FLOWS = 0.4  # part of the time


class CityPlans(NamedTuple):
    """The result of `optimize_city`.

    Attributes
    ----------
    objective_before_s, objective_after_s
        Delay, with weighted halts and teleports, per vehicle in the microscopic model, of the shipped programs and of `plans`,
        seconds; the mean over seeds, of which some have more demand (`simulation.sumo.refine`).
    delay_before_s, delay_after_s
        Delay alone, under the demand as it is.
    offset_bound_ratio
        As in `signals.optimize.Optimized`, of the plans that flows lead to.
    """

    plans: PlanSet
    objective_before_s: float
    objective_after_s: float
    delay_before_s: float
    delay_after_s: float
    offset_bound_ratio: float | None
    seconds: float
    seed: int


def optimize_city(
    city: SumoCity,
    *,
    stages: Stages = "kept",
    stop_s: float = 0.0,
    seed: int = 0,
    seconds: float = 20.0,
    steps: int | None = None,
    progress: Progress | None = None,
    threads: int | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> CityPlans:
    """Return the best plans found for the traffic lights of `city`; the programs of its file are the start.

    Parameters
    ----------
    stages
        Keep the stages of these programs, or generate others from the same signal groups as well.
    stop_s
        A stop counts as much as this many seconds of delay; 0 minimises delay alone.
    seed, seconds, steps, progress, should_stop
        As in `signals.optimize.optimize`; `steps` holds for each of the two searches.
    threads
        In which runs with several seeds take place at once; default: one for each core. They do not change the plans.
    """
    began = time.perf_counter()
    if stages == "kept":
        city = with_stages_shown(city)
    flows = optimize_flows(
        city,
        stages=stages,
        stop_s=stop_s,
        seed=seed,
        seconds=_WITH_FLOWS * seconds,
        steps=steps,
        progress=_part(progress, 0.0, seconds),
        should_stop=should_stop,
    )
    passed = time.perf_counter() - began
    found = refine(
        city,
        [
            city.shipped(),
            flows.plans,
            *_with_other_offsets(city, flows.plans, seed),
            *_with_other_cycles(city, flows.plans),
            *flows.others,
        ],
        stop_s=stop_s,
        seed=seed,
        seconds=max(seconds - passed, 0.0),
        steps=steps,
        threads=threads,
        progress=_part(progress, passed, seconds),
        should_stop=should_stop,
    )
    return CityPlans(
        found.plans,
        found.objective_before_s,
        found.objective_after_s,
        found.delay_before_s,
        found.delay_after_s,
        flows.offset_bound_ratio,
        time.perf_counter() - began,
        seed,
    )


def with_stages_shown(city: SumoCity) -> SumoCity:
    """Return the city with lights whose stages plans must show (`signals.sumo.lights.SumoLight.with_stages_shown`)."""
    return replace(city, lights=tuple(light.with_stages_shown() for light in city.lights))


def _with_other_offsets(city: SumoCity, plans: PlanSet, seed: int) -> list[PlanSet]:
    """Return the plans with offsets that are best for the main wave of each platoon, and with all offsets 0."""
    tables = offset_tables(city, plans)
    if not tables.models:
        return []
    return [coordinate(tables, seed=seed, merges=0)[1].plans, zero_offsets(plans)]


def _with_other_cycles(city: SumoCity, plans: PlanSet) -> list[PlanSet]:
    """Return the plans at other cycles, where there is one light, whose cycle is its own."""
    if len(city.lights) != 1 or city.lights[0].junction.locked:
        return []
    return with_other_cycles(plans, city.lights[0].junction.cycle_max_s)


def _part(progress: Progress | None, passed_s: float, seconds: float) -> Progress | None:
    """Return the progress of a part that begins after `passed_s` of `seconds`."""
    if progress is None:
        return None

    def tell(done: float, total: float, note: str = "") -> None:  # noqa: ARG001 - of the part only
        progress(min(passed_s + done, seconds), seconds, note)

    return tell


def optimize_flows(
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
    """Return the best plans that the search with flows finds; see `optimize_city`."""
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
