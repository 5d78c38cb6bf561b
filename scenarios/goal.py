"""The section ``[objective]`` of a scenario, on the links of its network."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np

from signals.objective import Objective
from traffic.errors import InputError

if TYPE_CHECKING:
    from scenarios.scenario import Scenario
    from traffic.network import RoadNetwork

__all__ = ["objective_of"]


def objective_of(scenario: Scenario, network: RoadNetwork) -> Objective:
    """Return what the optimiser minimises in `scenario`.

    Raises
    ------
    InputError
        For a street that the network does not have.
    """
    goal, links = scenario.objective, len(network.links)
    weight, buses = np.ones(links), np.zeros(links)
    for name, street in goal.streets.items():
        chosen = _links(scenario, network, name)
        weight[chosen], buses[chosen] = street.weight, street.bus_share
    return Objective(
        stop_s=goal.stop_s,
        bus_weight=goal.bus_weight,
        overflow=goal.overflow,
        link_weight=weight if goal.streets else None,
        bus_share=buses if goal.streets else None,
    )


def _links(scenario: Scenario, network: RoadNetwork, name: str) -> list[int]:
    """Return the links of the street called `name`, in both directions."""
    if name in network.names:
        return np.flatnonzero(network.links.name == network.names.index(name)).tolist()
    close = get_close_matches(name, network.names, n=1)
    hint = f"Did you mean {close[0]!r}?" if close else "Streets are called as on the map of the report"
    rule = "must be a street of the network"
    raise InputError(rule, file=scenario.source, field="objective.streets", value=name, hint=hint)
