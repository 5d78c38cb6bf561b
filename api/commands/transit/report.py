"""`jasyl transit report`: a page on punctuality to look at."""

from __future__ import annotations

import datetime as dt
import functools
from pathlib import Path

import click

from api.commands._city import warm_up
from api.commands.transit._records import (
    FILE,
    all_trips_option,
    columns_option,
    ignore_assignments_option,
    record_of,
)
from api.console import SEED, check_outputs, json_option, print_result, quiet_option

__all__ = ["command"]


@click.command("report")
@click.argument("record", type=FILE)
@click.option(
    "--gtfs",
    type=FILE,
    default=None,
    help="The timetable: needed where RECORD has positions; for stop visits it names the stops.",
)
@click.option("--before", type=FILE, default=None, help="A record to compare with, read as RECORD is.")
@click.option(
    "--before-gtfs", type=FILE, default=None, help="The timetable of --before; default: that of --gtfs."
)
@click.option(
    "--definition",
    "names",
    multiple=True,
    metavar="NAME",
    help="Show this definition; may be given several times. The first share of them ranks routes and stops.",
)
@click.option(
    "--goal",
    "goals",
    multiple=True,
    metavar="NAME=VALUE",
    help="What a figure should reach: on-time-visits=87%, excess-wait=60; may be given several times.",
)
@click.option(
    "--route",
    "routes",
    multiple=True,
    metavar="ROUTE",
    help="Draw string lines of this route; may be given several times. Default: the three worst ones.",
)
@click.option(
    "--least",
    type=click.IntRange(1),
    default=30,
    show_default=True,
    help="Routes and stops with fewer visits do not rank.",
)
@click.option(
    "--bootstrap",
    type=click.Choice(["trip", "day"]),
    default=None,
    help="What is drawn again for the intervals of differences; default: days where there are ten or more, else trips.",
)
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of the bootstrap.")
@click.option("--title", default=None, help="Heading of the page.")
@click.option("--zone", default=None, metavar="ZONE", help="Time zone of RECORD, where it does not say.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("report.html"),
    show_default=True,
    help="Where to write the page.",
)
@columns_option
@ignore_assignments_option
@all_trips_option
@json_option
@quiet_option
def command(
    record: Path,
    gtfs: Path | None,
    before: Path | None,
    before_gtfs: Path | None,
    names: tuple[str, ...],
    goals: tuple[str, ...],
    routes: tuple[str, ...],
    least: int,
    bootstrap: str | None,
    seed: int,
    title: str | None,
    zone: str | None,
    output: Path,
    columns: Path | None,
    ignore_assignments: bool,
    all_trips: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write a self-contained HTML page on how punctual the buses of RECORD were; it opens with no internet.

    RECORD is as for `jasyl transit punctuality`: stop visits, a folder of TIDES tables or, with --gtfs, positions. The page has
    figures with their definitions, the worst routes and stops, string lines, heat maps, headways, waits, and what is known of
    the data.

    \b
    Examples:
      jasyl transit report stop_visits.csv -o report.html
      jasyl transit report after.csv --before before.csv --goal on-time-visits=87%
      jasyl transit report positions.csv --gtfs gtfs.zip --route 32
    """
    from api.transit_report import CHOSEN, Wanted, write_transit_report
    from transit.comparing import Unit
    from transit.definitions import named
    from transit.goals import read_goals

    check_outputs([output], inputs=[record, gtfs, before, before_gtfs, columns])
    wanted = Wanted(
        date=dt.datetime.now(dt.UTC).date(),
        definitions=named(names or CHOSEN),
        goals=read_goals(goals),
        routes=routes,
        least=least,
        title=title,
        seed=seed,
        unit=None if bootstrap is None else Unit(bootstrap),
    )
    if gtfs is not None or before_gtfs is not None:
        warm_up(quiet=quiet or as_json, group="matching")
    read = functools.partial(
        record_of, zone=zone, columns=columns, ignore_assignments=ignore_assignments, all_trips=all_trips
    )
    found = read(record, gtfs)
    earlier = None if before is None else read(before, before_gtfs or gtfs)
    output.parent.mkdir(parents=True, exist_ok=True)
    write_transit_report(output, found, wanted, earlier)
    result: dict[str, object] = {
        "report": str(output),
        "megabytes": output.stat().st_size / 1e6,
        "stop_visits": len(found.visits),
        "problems": len(found.problems),
    }
    print_result(result, as_json=as_json)
