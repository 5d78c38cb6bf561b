"""`jasyl transit replay`: days of buses over signals, under each policy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.console import (
    FiniteRange,
    check_outputs,
    json_option,
    print_result,
    print_table,
    progress_bar,
    quiet_option,
)
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from transit.visits import StopVisits

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
    help="Run this variant; may be given several times. Default: all, but the optimising dispatcher for 500 buses at most.",
)
@click.option(
    "--string-lines",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="File for time-distance diagrams of the first day under each variant: .html or .svg.",
)
@click.option(
    "--route",
    default=None,
    metavar="NAME",
    help="Route of --string-lines; default: that with the most visits.",
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
    string_lines: Path | None,
    route: str | None,
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
      jasyl transit replay almaty --vehicles 100 --only untouched --only "headway holding" --string-lines lines.html
      jasyl transit replay porto-alegre --seeds 2
      jasyl transit replay my-city.toml --taps taps.csv --expansion 1.25
    """
    from api.commands._city import build_city
    from scenarios.plans import read_city_plans
    from simulation.buses.policies import Ridden, compared

    check_outputs([string_lines], inputs=[plans, taps])
    if string_lines is not None and string_lines.suffix.lower() not in {".html", ".svg"}:
        raise InputError("must end in .html or .svg", field="--string-lines", value=string_lines.name)
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
    if string_lines is not None:
        stops = found.days.service.timetable.stops
        _draw(string_lines, found.first_day(), route, dict(zip(stops.key, stops.name, strict=True)))
    if as_json:
        print_result(found.document(), as_json=True)
        return
    print_table(found.rows())


def _draw(path: Path, days: Mapping[str, StopVisits], route: str | None, names: Mapping[str, str]) -> None:
    """Write the string lines of a route, in the direction with the most visits, under each variant."""
    import numpy as np

    from api.transit_report import write_string_lines
    from transit.string_lines import string_lines

    visits = next(iter(days.values()))
    if route is None:
        route = visits.route.names[int(np.bincount(visits.route.code[visits.route.code >= 0]).argmax())]
    own = visits.direction[
        np.array([name == route for name in visits.route.names] + [False])[visits.route.code]
    ]
    if not len(own):
        hint = f"One of: {', '.join(sorted(visits.route.names)[:20])}"
        raise InputError("must be a route of the day", field="--route", value=route, hint=hint)
    direction = int(np.bincount(own + 1).argmax()) - 1
    panels = {name: string_lines(found, route, direction) for name, found in days.items()}
    title = f"Route {route}" + (f", direction {direction}" if direction >= 0 else "")
    write_string_lines(path, panels, title=title, names=names)
