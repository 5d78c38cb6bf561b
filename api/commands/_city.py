"""The city that a command works on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from api.console import progress_bar

if TYPE_CHECKING:
    from scenarios.loader import City

__all__ = ["build_city", "warm_up"]


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
