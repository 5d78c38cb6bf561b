"""The city that a command works on."""

from __future__ import annotations

from dataclasses import replace

from scenarios.loader import City, build, load
from traffic.progress import Progress

__all__ = ["build_city"]


def build_city(
    scenario: str, *, scale: float, demand_seed: int | None, progress: Progress | None = None
) -> City:
    """Load and build `scenario`, its demand multiplied by `scale`."""
    city = build(load(scenario), seed=demand_seed, progress=progress)
    return city if scale == 1.0 else replace(city, demand=city.demand.scaled(scale))
