"""The city that a command works on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.console import progress_bar
from traffic.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from scenarios.loader import City
    from signals.plan import PlanSet

__all__ = ["build_city", "in_force_figures", "read_city_plans", "warm_up"]


def warm_up(*, quiet: bool) -> None:
    """Compile the kernels if this version has not run on this machine yet."""
    from simulation.warmup import compile_kernels

    with progress_bar("Compiling", quiet=quiet) as progress:
        compile_kernels(progress)


def build_city(
    scenario: str,
    *,
    scale: float,
    demand_seed: int | None,
    quiet: bool,
    planned_scale: float | None = None,
) -> City:
    """Load and build `scenario`, its demand multiplied by `scale`, its junctions those of `planned_scale`."""
    from scenarios.loader import build, load

    checked = load(scenario)
    warm_up(quiet=quiet)
    with progress_bar("Building the city", quiet=quiet) as progress:
        return build(checked, seed=demand_seed, scale=scale, planned_scale=planned_scale, progress=progress)


def in_force_figures(city: City, *, as_json: bool) -> dict[str, object]:
    """Return at how many junctions the plan in force is Webster's, where the scenario has a timing sheet."""
    if city.before is None:
        return {}
    told = f"{city.left_out} of {len(city.junctions)} junctions, which have Webster's plan"
    return {"left_out_of_timing_sheet": city.left_out if as_json else told}


def read_city_plans(city: City, path: Path) -> PlanSet:
    """Read plans and make sure that they are for the network of `city` and keep what its engineer has settled."""
    from signals.locked import check_settled
    from signals.wire import read_plans

    plans = read_plans(path, city.junctions)
    if plans.network_name != city.network.name:
        rule = f"must be plans for the network {city.network.name!r}"
        hint = "Give the scenario that they were made for, or optimise again"
        raise InputError(rule, file=path, field="network", value=plans.network_name, hint=hint)
    try:
        check_settled(city.junctions, plans, city.before)
    except InputError as error:
        raise InputError(
            error.rule, file=path, field=error.field, value=error.value, hint=error.hint
        ) from error
    return plans
