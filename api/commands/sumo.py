"""`jasyl sumo`: to and from the SUMO simulator."""

from __future__ import annotations

from pathlib import Path

import click

from api.commands._city import build_city, read_city_plans
from api.console import SEED, json_option, planned_scale_option, print_result, quiet_option, scenario_options

__all__ = ["command"]


@click.group("sumo")
def command() -> None:
    """Work with the SUMO simulator: found by SUMO_HOME, in the extra jasyl[sumo], or on the path.

    \b
    Example:
      jasyl sumo export corridor --plans plans.json -o corridor-sumo
    """


@command.command("export")
@scenario_options
@click.option(
    "--plans",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=None,
    help="Plans written by `jasyl optimize`; default: SUMO's own programs.",
)
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of the vehicles' routes.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder to write to.",
)
@planned_scale_option
@json_option
@quiet_option
def export_command(
    scenario: str,
    scale: float,
    demand_seed: int | None,
    plans: Path | None,
    seed: int,
    output: Path,
    planned_scale: float | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write SCENARIO's network, demand and signal programs as a SUMO simulation.

    Run it with: sumo -c FOLDER/run.sumocfg

    \b
    Examples:
      jasyl sumo export corridor --plans plans.json -o corridor-sumo
      jasyl sumo export grid-5x4 --scale 0.8 --seed 3 -o grid-sumo
    """
    city = build_city(
        scenario, scale=scale, demand_seed=demand_seed, planned_scale=planned_scale, quiet=quiet or as_json
    )
    from simulation.sumo.export import export

    files = export(
        city.network,
        city.demand,
        output,
        plans=read_city_plans(city, plans) if plans else None,
        seed=seed,
        duration_s=city.scenario.run.duration_s,
    )
    print_result(
        {"folder": str(output), "config": str(files.config), "vehicles": files.vehicles}, as_json=as_json
    )
