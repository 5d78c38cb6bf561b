"""`jasyl transit replay`: days of buses over signals, under each policy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.console import FiniteRange, json_option, print_result, print_table, progress_bar, quiet_option

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["command"]

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command("replay")
@click.argument("scenario")
@click.option(
    "--vehicles",
    type=click.IntRange(1, 20_000),
    default=3500,
    show_default=True,
    help="Buses that are out at once, about, where they are generated.",
)
@click.option(
    "--seeds", type=click.IntRange(1, 1000), default=3, show_default=True, help="Days that are run."
)
@click.option(
    "--plans",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=None,
    help="Plans written by `jasyl optimize`, to compare with Webster's.",
)
@click.option(
    "--day", type=_DAY, default=None, help="Service day; default: that with the most trips of a timetable."
)
@click.option(
    "--taps",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=None,
    help="Boardings: a CSV with the time and card of each tap, and vehicle (block), or route and stop.",
)
@click.option(
    "--expansion",
    type=FiniteRange(1, 100),
    default=1.0,
    show_default=True,
    help="With --taps: how many board for each one who taps.",
)
@click.option(
    "--workers", type=click.IntRange(1, 256), default=2, show_default=True, help="Processes on this machine."
)
@click.option(
    "--breakdowns",
    type=click.IntRange(0, 20_000),
    default=0,
    show_default=True,
    help="Vehicles that break down on each day, and are out for the rest of it.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="VARIANT",
    help="Run this variant; may be given several times. Default: all.",
)
@json_option
@quiet_option
def command(
    scenario: str,
    vehicles: int,
    seeds: int,
    plans: Path | None,
    day: datetime | None,
    breakdowns: int,
    only: tuple[str, ...],
    taps: Path | None,
    expansion: float,
    workers: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run days of buses over the signals of SCENARIO, untouched and under each policy alone and all together.

    The timetable is that which the scenario names; else routes and timetable are generated. Running times and passengers are
    generated always: they say what policies do, not how punctual a real city is. Every policy meets the same days. Figures
    are means over the days.

    \b
    Examples:
      jasyl transit replay almaty --vehicles 350 --seeds 3
      jasyl transit replay almaty --vehicles 100 --breakdowns 5 --only untouched --only "optimising dispatcher"
      jasyl optimize almaty --buses 3500 -o plans.json && jasyl transit replay almaty --plans plans.json --json
      jasyl transit replay porto-alegre --seeds 2
      jasyl transit replay my-city.toml --taps taps.csv --expansion 1.25
    """
    from api.commands._city import build_city
    from scenarios.plans import read_city_plans
    from simulation.buses.policies import Ridden, compared

    city = build_city(scenario, scale=1.0, demand_seed=None, quiet=quiet)
    better = None if plans is None else read_city_plans(city, plans)
    with progress_bar("Running the days", quiet=quiet) as progress:
        found = compared(
            city,
            None if day is None else day.date(),
            vehicles=vehicles,
            seeds=seeds,
            better=better,
            breakdowns=breakdowns,
            only=only,
            ridden=None if taps is None else Ridden(taps, expansion),
            workers=workers,
            progress=progress,
        )
    if as_json:
        print_result(found.document(), as_json=True)
        return
    print_table(found.rows())
