"""`jasyl transit replay`: days of buses over signals, or a recorded day, under each policy."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from api.commands.transit._recorded_day import Wanted, is_record, refuse, replay_record
from api.commands.transit._records import (
    FILE,
    all_trips_option,
    columns_option,
    ignore_assignments_option,
    record_of,
)
from api.commands.transit._string_lines import check_lines, draw
from api.console import (
    FiniteRange,
    check_outputs,
    json_option,
    print_result,
    print_table,
    progress_bar,
    quiet_option,
)

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["command"]

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command("replay")
@click.argument("scenario", metavar="SCENARIO|RECORD")
@click.option(
    "--mode",
    type=click.Choice(["trace", "model"]),
    default=None,
    help="With RECORD: run it as it was, or (default) by a model that is fitted to it.",
)
@click.option(
    "--gtfs", type=FILE, default=None, help="The timetable, where RECORD has positions of vehicles."
)
@click.option("--zone", default=None, metavar="ZONE", help="Time zone of RECORD, where it does not say.")
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
    "--day",
    type=_DAY,
    default=None,
    help="Service day; default: that with the most trips of a timetable, the most visits of a record.",
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
    "--workers",
    type=click.IntRange(1, 256),
    default=None,
    help="Processes on this machine; default: 2, of a record 1.",
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
    help="Run this variant; may be given several times. Default: all, but the optimising dispatcher for 500 buses at most;"
    " of a record those that need no signals.",
)
@click.option(
    "--string-lines",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="File for time-distance diagrams of the first day under each variant: .html or .svg.",
)
@click.option(
    "--route",
    "routes",
    multiple=True,
    metavar="NAME",
    help="Route of --string-lines; default: that with the most visits. With RECORD: run this route only; may be given several"
    " times.",
)
@columns_option
@ignore_assignments_option
@all_trips_option
@json_option
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    scenario: str,
    mode: str | None,
    gtfs: Path | None,
    zone: str | None,
    vehicles: int,
    seeds: int,
    plans: Path | None,
    day: datetime | None,
    breakdowns: int,
    only: tuple[str, ...],
    taps: Path | None,
    expansion: float,
    workers: int | None,
    string_lines: Path | None,
    routes: tuple[str, ...],
    columns: Path | None,
    ignore_assignments: bool,
    all_trips: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run days of buses over the signals of SCENARIO, or the day of RECORD, untouched and under each policy.

    The timetable is that which SCENARIO names; else routes and timetable are generated. Running times and passengers are
    generated always: they say what policies do, not how punctual a real city is. Every policy meets the same days. Figures
    are means over the days.

    RECORD is as for `jasyl transit punctuality`: stop visits, a folder of TIDES tables or, with --gtfs, positions. With
    --mode trace it is run as it was, and what comes out is compared with it. With --mode model a model is fitted to every first
    trip and tried on every second one; then days drawn from all of them are run under each policy.

    \b
    Examples:
      jasyl transit replay almaty --vehicles 350 --seeds 3
      jasyl transit replay almaty --vehicles 100 --breakdowns 5 --only untouched --only "optimising dispatcher"
      jasyl optimize almaty --buses 3500 -o plans.json && jasyl transit replay almaty --plans plans.json --json
      jasyl transit replay almaty --vehicles 100 --only untouched --only "headway holding" --string-lines lines.html
      jasyl transit replay porto-alegre --seeds 2
      jasyl transit replay my-city.toml --taps taps.csv --expansion 1.25
      jasyl transit replay stop_visits.csv --mode trace
      jasyl transit replay stop_visits.csv --route 1 --seeds 10
    """
    check_outputs([string_lines], inputs=[scenario, plans, taps, gtfs, columns])
    check_lines(string_lines)
    given = {name for name in ctx.params if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    record = is_record(scenario)
    refuse(given, record=record, mode=mode, routes=routes)
    own_day = None if day is None else day.date()
    if record:
        read = partial(
            record_of,
            Path(scenario),
            gtfs,
            zone,
            columns=columns,
            ignore_assignments=ignore_assignments,
            all_trips=all_trips,
        )
        wanted = Wanted(
            read,
            mode or "model",
            own_day,
            routes,
            seeds,
            only,
            breakdowns,
            workers or 1,
            string_lines,
        )
        replay_record(wanted, as_json=as_json, quiet=quiet)
        return
    from api.commands._city import build_city, warm_up
    from scenarios.plans import read_city_plans
    from simulation.buses.policies import Ridden, compared

    warm_up(quiet=quiet or as_json, group="replay")
    city = build_city(scenario, scale=1.0, demand_seed=None, quiet=quiet or as_json)
    better = None if plans is None else read_city_plans(city, plans)
    with progress_bar("Running the days", quiet=quiet) as progress:
        found = compared(
            city,
            own_day,
            vehicles=vehicles,
            seeds=seeds,
            better=better,
            breakdowns=breakdowns,
            only=only,
            ridden=None if taps is None else Ridden(taps, expansion),
            workers=workers or 2,
            progress=progress,
        )
    if string_lines is not None:
        stops = found.days.service.timetable.stops
        names = dict(zip(stops.key, stops.name, strict=True))
        draw(string_lines, found.first_day(), routes[0] if routes else None, names)
    if as_json:
        print_result(found.document(), as_json=True)
        return
    print_table(found.rows())
