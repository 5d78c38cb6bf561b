"""The routes that vehicles drive in SUMO where their file leaves the choice to SUMO."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from simulation.sumo.config import SumoConfig
from simulation.sumo.executables import environment, sumo_program
from traffic.errors import InputError
from traffic.sumo.net_file import records

__all__ = ["driven_routes"]

_MESSAGE_LENGTH = 1500
_SEED = 1


def driven_routes(config: SumoConfig) -> dict[str, tuple[str, ...]]:
    """Return the edges of every vehicle that departs in a run of SUMO, by its id; empty where all have routes already.

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
    """Tell whether a route file has trips, or vehicles and flows from one edge to another."""
    return any(
        element.tag == "trip" or (element.tag in {"vehicle", "flow"} and element.get("from") is not None)
        for element in records(file, "routes", "additional")
    )


def _run(config: SumoConfig, target: Path) -> None:
    program = sumo_program("sumo")
    command = [str(program), "-c", str(config.file), "--seed", str(_SEED), "--end", str(config.end_s)]
    command += ["--time-to-teleport", str(config.teleport_s), "--no-step-log", "--no-warnings"]
    command += ["--vehroute-output", str(target), "--vehroute-output.write-unfinished"]
    done = subprocess.run(  # noqa: S603 - our own arguments, no shell
        command, env=environment(program), capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode or not target.is_file():
        message = done.stderr[-_MESSAGE_LENGTH:].strip()
        raise InputError(f"SUMO cannot run it: {message}", file=config.file, field="route-files")


def _last_routes(file: Path) -> list[tuple[str, tuple[str, ...]]]:
    """Return the route that each vehicle took in the end."""
    found = []
    for element in records(file, "routes"):
        if element.tag == "vehicle":
            route = element.findall(".//route")
            if route:
                found.append((element.get("id", ""), tuple(route[-1].get("edges", "").split())))
    return found
