"""What of a SUMO configuration is not modelled, or could not be planned: told as warnings, or refused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from signals.sumo.lights import SumoLight
from simulation.sumo.config import SumoConfig
from traffic.errors import InputError
from traffic.sumo.records import records
from traffic.sumo.road import SumoRoads

__all__ = ["Others", "kept_lights", "others_of", "warnings_of"]

_STATIC = "static"
_ON_FOOT = frozenset({"person", "personFlow"})
_DRIVEN = frozenset({"vehicle", "trip", "flow", "route"})


@dataclass(frozen=True)
class Others:
    """What the files hold that no model of ours has: persons and flows of them, and vehicles, flows and routes with stops."""

    persons: int
    stopping: int


def others_of(config: SumoConfig) -> Others:
    """Read what our models leave out.

    Raises
    ------
    InputError
        Where a ``<WAUT>`` switches the programs of a light: SUMO would switch the planned one away.
    """
    persons = stopping = 0
    for file in (*config.additional, *config.routes):
        for element in records(file):
            if element.tag == "wautJunction":
                light = element.get("junctionID", "")
                raise InputError(
                    f"must not switch the programs of light {light}, as SUMO would switch its plan away",
                    file=file,
                    field=f"wautJunction {light}",
                    value=element.get("wautID", ""),
                    hint="Take the wautJunction out, and plan for the time in which one program is on",
                )
            persons += element.tag in _ON_FOOT
            stopping += element.tag in _DRIVEN and element.find(".//stop") is not None
    return Others(persons, stopping)


def warnings_of(
    config: SumoConfig, roads: SumoRoads, lights: Sequence[SumoLight], others: Others, left_out: float
) -> tuple[str, ...]:
    """Return what is modelled less than well.

    Parameters
    ----------
    left_out
        Vehicles that go where cars may not.
    """
    told = []
    if left_out:
        told.append(f"{left_out:g} vehicles go where cars may not: plans are made without them")
    if others.persons:
        told.append(f"people on foot are not modelled: {others.persons} persons or flows of them")
    if others.stopping:
        told.append(
            f"stops on the way are not modelled: {others.stopping} vehicles, flows or routes have some"
        )
    if config.max_depart_delay_s < math.inf:
        told.append(
            f"SUMO drops vehicles that wait for more than {config.max_depart_delay_s:g} s to enter (max-depart-delay), and its "
            "figures lack them: a plan can win there by keeping them out"
        )
    return (*told, *_of_lights(roads, lights))


def _of_lights(roads: SumoRoads, lights: Sequence[SumoLight]) -> list[str]:
    told = []
    programs = roads.net.programs()
    governing = dict.fromkeys(c.light for parts in roads.connections for c in parts if c.light in programs)
    idle = [light for light in governing if not programs[light].controls]
    if idle:
        told.append(f"lights that are off or only flash stay as they are: {', '.join(idle)}")
    reacting = [light.junction.key for light in lights if programs[light.junction.key].kind != _STATIC]
    if reacting:
        kinds = sorted({programs[light].kind for light in reacting})
        told.append(
            f"the delay before is that of fixed programs with the same phases, for lights that react to traffic "
            f"({', '.join(kinds)}): {', '.join(reacting)}"
        )
    return told + kept_lights(lights)


def kept_lights(lights: Sequence[SumoLight]) -> list[str]:
    """Return which lights keep their programs and why."""
    return [f"light {light.junction.key} keeps its program: {light.kept}" for light in lights if light.kept]
