"""The routes that vehicles drive in SUMO where their file leaves the choice to SUMO."""

from __future__ import annotations

import tempfile
from pathlib import Path

from simulation.sumo.config import SumoConfig
from simulation.sumo.executables import produce
from traffic.sumo.net_file import records

__all__ = ["driven_routes"]

_SEED = 1


def driven_routes(config: SumoConfig) -> dict[str, tuple[str, ...]]:
    """Return the edges of every vehicle that departs in a run of SUMO, by its id; empty where no single one needs it.

    Raises
    ------
    InputError
        Where SUMO cannot run the configuration.
    """
    if not any(_leaves_choice(file) for file in config.routes):
        return {}
    with tempfile.TemporaryDirectory(prefix="jasyl-sumo-") as name:
        written = Path(name) / "driven.xml"
        _run(config, written)
        return dict(_last_routes(written))


def _leaves_choice(file: Path) -> bool:
    """Tell whether a route file has trips, or vehicles from one edge to another; flows have one route for all."""
    return any(
        element.tag == "trip" or (element.tag == "vehicle" and element.get("from") is not None)
        for element in records(file, "routes", "additional")
    )


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
