"""The routes that vehicles drive in SUMO where their file leaves the choice to SUMO."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from simulation.sumo.config import SumoConfig
from simulation.sumo.executables import produce
from traffic.sumo.records import records
from traffic.sumo.routes import DrivenRoute

__all__ = ["driven_routes"]

_SEED = 1


def driven_routes(config: SumoConfig) -> dict[str, DrivenRoute]:
    """Return what vehicles without a route drive in a run of SUMO, by their id; it runs only where there are some.

    Raises
    ------
    InputError
        Where SUMO cannot run the configuration.
    """
    free = {name: all_free for file in config.routes for name, all_free in _without_route(file)}
    if not free:
        return {}
    with tempfile.TemporaryDirectory(prefix="jasyl-sumo-") as name:
        written = Path(name) / "driven.xml"
        _run(config, written)
        return {name: DrivenRoute(edges, free[name]) for name, edges in _last_routes(written) if name in free}


def _without_route(file: Path) -> Iterator[tuple[str, bool]]:
    """Yield the ids of trips, and of vehicles from one edge to another, and whether they have no edges to pass.

    Flows have one route for all.
    """
    for element in records(file, "routes", "additional"):
        if element.tag == "trip" or (element.tag == "vehicle" and element.get("from") is not None):
            yield element.get("id", ""), element.get("via") is None


def _run(config: SumoConfig, target: Path) -> None:
    arguments = ["-c", str(config.file), "--seed", str(_SEED), "--end", str(config.end_s)]
    arguments += ["--time-to-teleport", str(config.teleport_s), "--no-step-log", "--no-warnings"]
    arguments += ["--vehroute-output", str(target), "--vehroute-output.write-unfinished"]
    produce("sumo", arguments, target, of=config.file, refusal="SUMO cannot run it")


def _last_routes(file: Path) -> list[tuple[str, tuple[str, ...]]]:
    """Return the route that each vehicle took in the end."""
    found = []
    for element in records(file, "routes"):
        if element.tag == "vehicle":
            route = element.findall(".//route")
            if route:
                found.append((element.get("id", ""), tuple(route[-1].get("edges", "").split())))
    return found
