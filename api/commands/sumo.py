"""`jasyl sumo`: to and from the SUMO simulator."""

from __future__ import annotations

from pathlib import Path

import click

from api.commands._city import build_city, read_city_plans
from api.console import (
    SEED,
    FiniteRange,
    check_outputs,
    json_option,
    planned_scale_option,
    print_result,
    progress_bar,
    quiet_option,
    scenario_options,
    search_options,
    stop_on_interrupt,
)

__all__ = ["command"]


@click.group("sumo")
def command() -> None:
    """Work with the SUMO simulator: found by SUMO_HOME, in the extra jasyl[sumo], or on the path.

    \b
    Examples:
      jasyl sumo export corridor --plans plans.json -o corridor-sumo
      jasyl sumo optimize corridor-sumo -o tls.add.xml
      jasyl sumo run corridor-sumo --plans tls.add.xml --seeds 5
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


_config_argument = click.argument("config", type=click.Path(path_type=Path))


@command.command("optimize")
@_config_argument
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("tls.add.xml"),
    show_default=True,
    help="Additional file to write, which SUMO loads beside CONFIG.",
)
@click.option(
    "--stages",
    type=click.Choice(["kept", "free"]),
    default="kept",
    show_default=True,
    help="Keep the stages of the programs in the network, or let them change too.",
)
@click.option(
    "--stop-seconds",
    type=FiniteRange(0, 600),
    default=0.0,
    show_default=True,
    help="A stop counts as much as this many seconds of delay.",
)
@search_options
@json_option
@quiet_option
def optimize_command(
    config: Path,
    output: Path,
    stages: str,
    stop_seconds: float,
    seed: int,
    seconds: float,
    steps: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Compute plans for the traffic lights of CONFIG, a .sumocfg file or the folder that holds one.

    Network, routes and programs are read, and plans are found in Jasyl's own models, with flows and then with single
    vehicles; SUMO runs once, and only where vehicles have no routes. Every yellow and every intergreen is kept. Figures are
    those of Jasyl's microscopic model, seconds per vehicle due: the objective is delay with weighted stops and much for each
    vehicle that gets stuck; with more than four lights, every second run has 8 % more demand.

    \b
    Examples:
      jasyl sumo optimize cologne8 -o tls.add.xml
      jasyl sumo optimize cologne8/run.sumocfg --stages free --seconds 60 -o tls.add.xml
      sumo -c cologne8/run.sumocfg -a tls.add.xml
    """
    from simulation.sumo.city import read_city, write_programs
    from simulation.sumo.config import read_config
    from simulation.sumo.optimize import optimize_city

    read = read_config(config)
    check_outputs([output], [read.file, read.network, *read.routes, *read.additional])
    city = read_city(read)
    with stop_on_interrupt() as should_stop, progress_bar("Optimising", quiet=quiet or as_json) as progress:
        found = optimize_city(
            city,
            stages="free" if stages == "free" else "kept",
            stop_s=stop_seconds,
            seed=seed,
            seconds=seconds,
            steps=steps,
            progress=progress,
            should_stop=should_stop,
        )
    write_programs(city, found.plans, output)
    figures = {
        "junctions": len(found.plans.plans),
        "objective_before_s": found.objective_before_s,
        "objective_after_s": found.objective_after_s,
        "delay_before_s": found.delay_before_s,
        "delay_after_s": found.delay_after_s,
        "offset_bound_ratio": found.offset_bound_ratio,
        "seconds": found.seconds,
        "seed": seed,
        "plans": str(output),
        "warnings": list(city.warnings),
    }
    print_result(figures, as_json=as_json)


@command.command("run")
@_config_argument
@click.option(
    "--plans",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="Additional file with signal programs; may be given several times.",
)
@click.option(
    "--seeds", type=click.IntRange(1, 1000), default=3, show_default=True, help="Run seeds 1 to this number."
)
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Runs at a time.")
@json_option
@quiet_option
def run_command(
    config: Path, plans: tuple[Path, ...], seeds: int, jobs: int, as_json: bool, quiet: bool
) -> None:
    """Run CONFIG, a .sumocfg file or the folder that holds one, in SUMO and score it.

    All vehicles due count, those still under way or waiting to enter too: delay_per_veh is their time loss and their wait
    to enter, in seconds per vehicle due.

    \b
    Examples:
      jasyl sumo run cologne8
      jasyl sumo run cologne8 --plans tls.add.xml --seeds 5 --json
    """
    from simulation.sumo.config import read_config
    from simulation.sumo.run import run_seeds, summary

    read = read_config(config)
    with progress_bar("Running SUMO", quiet=quiet or as_json) as progress:
        found = summary(run_seeds(read, range(1, seeds + 1), plans=plans, jobs=jobs, progress=progress))
    if as_json:
        print_result(found, as_json=True)
        return
    shown = {key: f"{mean:,.2f} +- {found['sd'][key]:.2f}" for key, mean in found["mean"].items()}
    print_result(shown, as_json=False)
