"""Plans from a file, checked against the city that they are for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traffic.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from scenarios.loader import City
    from signals.plan import PlanSet

__all__ = ["read_city_plans"]


def read_city_plans(city: City, path: Path) -> PlanSet:
    """Read plans and make sure that they are for the network of `city` and keep what its engineer has settled."""
    from signals.locked import check_settled  # noqa: PLC0415 - commands import this module for their help
    from signals.wire import read_plans  # noqa: PLC0415

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
