"""What the command line and the jobs of the service do with a city: optimise its plans, and evaluate them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from api.oversaturation import oversaturation_warning

if TYPE_CHECKING:
    from scenarios.loader import City
    from signals.objective import Objective
    from signals.optimize import Optimized, Step
    from signals.plan import PlanSet
    from traffic.progress import Progress

__all__ = ["Evaluated", "SearchSettings", "evaluate_city", "optimize_city", "optimized_figures"]


_KEPT = 2  # plans for cars that a search for buses goes on from, besides the best


@dataclass(frozen=True)
class SearchSettings:
    """How plans are searched for.

    Attributes
    ----------
    seed, seconds, steps
        Of `signals.optimize.optimize`.
    robust
        With `judged_at`: whether the mean under these demands counts, or the worst.
    judged_at
        Factors on the demand.
    buses
        So many generated buses are counted, or, where the scenario has a timetable, those of that; `None`: none.
    """

    seed: int = 0
    seconds: float = 20.0
    steps: int | None = None
    robust: str | None = None
    judged_at: tuple[float, ...] = ()
    buses: int | None = None


def optimize_city(
    city: City,
    settings: SearchSettings,
    *,
    start: PlanSet | None = None,
    progress: Progress | None = None,
    observe: Callable[[Step, float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Optimized:
    """Return the best plans found for a city.

    Where buses are counted half of the time, or as many steps, go into a search for cars alone, whose best plans the search that
    heeds buses then goes on from beside its own: short cycles, which buses like, are not always where it leads.

    Parameters
    ----------
    start
        Plans to go on from; default: those in force, as far as the scenario has any, which then are a start like others.
    progress, observe, should_stop
        Of `signals.optimize.optimize`.
    """
    from signals.optimize import Robust, optimize  # noqa: PLC0415 - keeps `--help` fast

    two = settings.buses is not None and start is None
    search = partial(
        optimize,
        city.network,
        city.junctions,
        city.demand,
        seed=settings.seed,
        seconds=settings.seconds / 2 if two else settings.seconds,
        steps=settings.steps,
        start=city.before if start is None else start,
        warm=start is not None,
        duration_s=city.scenario.run.duration_s,
        judged_under=[city.demand.scaled(factor) for factor in dict.fromkeys(settings.judged_at)],
        robust=Robust(settings.robust or Robust.MEAN),
        progress=progress,
        should_stop=should_stop,
    )
    goal, plain = _objective(city, settings.buses), city.objective
    cars = search(objective=plain) if two else None
    known = () if cars is None else (cars.plans, *cars.others[:_KEPT])
    found = search(objective=goal, candidates=known, observe=observe)
    return found if cars is None else replace(found, seconds=cars.seconds + found.seconds)


def _objective(city: City, buses: int | None) -> Objective:
    if buses is None:
        return city.objective
    from scenarios.bus_goal import with_buses  # noqa: PLC0415 - only for buses
    from scenarios.bus_service import bus_day_of  # noqa: PLC0415

    return with_buses(city.objective, city.network, city.demand, bus_day_of(city, vehicles=buses))


def optimized_figures(found: Optimized, plans: str) -> dict[str, object]:
    """Return what is told of an optimisation.

    Parameters
    ----------
    plans
        Where its plans are: a path, or a digest.
    """
    return {
        "junctions": len(found.plans.plans),
        "objective_before": found.objective_before,
        "objective_after": found.objective_after,
        "offset_bound_ratio": found.offset_bound_ratio,
        "seconds": found.seconds,
        "seed": found.seed,
        "plans": plans,
        "improved": found.objective_after < found.objective_before,
    }


@dataclass(frozen=True)
class Evaluated:
    """What plans do in the flow model, and what has to be said with it."""

    figures: dict[str, object]
    warning: str


def evaluate_city(city: City, plans: PlanSet) -> Evaluated:
    """Run plans through the flow model."""
    from signals.greens import movement_greens  # noqa: PLC0415 - keeps `--help` fast
    from traffic.flow import simulate  # noqa: PLC0415

    greens = movement_greens(city.network, plans)
    started = time.perf_counter()
    run = city.scenario.run
    result = simulate(city.network, city.demand, greens, duration_s=run.duration_s, report_s=run.report_s)
    summary = result.summary()
    warning = oversaturation_warning({"these plans": summary}, minutes=result.duration_s / 60)
    return Evaluated({**summary, "seconds": time.perf_counter() - started}, warning)
