"""The city that a command works on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from api.console import progress_bar
from traffic.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from scenarios.loader import City
    from signals.plan import PlanSet

__all__ = ["build_city", "read_city_plans", "warm_up"]


def warm_up(*, quiet: bool) -> None:
    """Compile the kernels if this version has not run on this machine yet."""
    from simulation.warmup import compile_kernels

    with progress_bar("Compiling", quiet=quiet) as progress:
        compile_kernels(progress)


def build_city(scenario: str, *, scale: float, demand_seed: int | None, quiet: bool) -> City:
    """Load and build `scenario`, its demand multiplied by `scale`."""
    from scenarios.loader import build, load

    checked = load(scenario)
    warm_up(quiet=quiet)
    with progress_bar("Building the city", quiet=quiet) as progress:
        city = build(checked, seed=demand_seed, progress=progress)
    return city if scale == 1.0 else replace(city, demand=city.demand.scaled(scale))


def read_city_plans(city: City, path: Path) -> PlanSet:
    """Read plans and make sure that they are for the network of `city`."""
    from signals.wire import read_plans

    plans = read_plans(path, city.junctions)
    if plans.network_name != city.network.name:
        rule = f"must be plans for the network {city.network.name!r}"
        hint = "Give the scenario that they were made for, or optimise again"
        raise InputError(rule, file=path, field="network", value=plans.network_name, hint=hint)
    return plans
