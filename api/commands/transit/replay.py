"""`jasyl transit replay`: days of buses over signals, under each policy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.console import json_option, print_result, print_table, progress_bar, quiet_option

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
    help="Buses that are out at once, about.",
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
    "--day", type=_DAY, default="2026-11-27", show_default=True, help="Day of the generated timetable."
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
    day: datetime,
    breakdowns: int,
    only: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Run generated days of buses over the signals of SCENARIO, untouched and under each policy alone and all together.

    Routes, timetable and passengers are generated: they say what policies do, not how punctual a real city is. Every policy meets
    the same days. Figures are means over the days.

    \b
    Examples:
      jasyl transit replay almaty --vehicles 350 --seeds 3
      jasyl transit replay almaty --vehicles 100 --breakdowns 5 --only untouched --only "optimising dispatcher"
      jasyl optimize almaty -o plans.json && jasyl transit replay almaty --plans plans.json --json
    """
    from api.commands._city import build_city
    from scenarios.plans import read_city_plans
    from simulation.buses.policies import compared

    city = build_city(scenario, scale=1.0, demand_seed=None, quiet=quiet)
    better = None if plans is None else read_city_plans(city, plans)
    with progress_bar("Running the days", quiet=quiet) as progress:
        found = compared(
            city,
            day.date(),
            vehicles=vehicles,
            seeds=seeds,
            better=better,
            breakdowns=breakdowns,
            only=only,
            progress=progress,
        )
    if as_json:
        print_result(found.document(), as_json=True)
        return
    print_table(found.rows())
