"""The city that a command works on."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from api.console import progress_bar
from scenarios.plans import read_city_plans

if TYPE_CHECKING:
    from scenarios.loader import City

__all__ = ["build_city", "in_force_figures", "read_city_plans", "warm_up"]


def warm_up(*, quiet: bool, group: str = "city") -> None:
    """Compile the kernels of a group if this version has not run on this machine yet, and say so where nobody sees a bar."""
    from simulation.warmup import compile_kernels, is_warm

    if is_warm(group):
        return
    if not (quiet or sys.stderr.isatty()):
        click.echo("Compiling, once for this version ...", err=True)
    with progress_bar("Compiling", quiet=quiet) as progress:
        compile_kernels(progress, group)


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
