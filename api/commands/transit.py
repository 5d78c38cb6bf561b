"""`jasyl transit`: timetables, positions, stop visits, punctuality, replay."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.console import check_outputs, json_option, print_result, print_table, progress_bar, quiet_option

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from transit.problems import FeedProblem
    from transit.punctuality import Figures
    from transit.visits import StopVisits

__all__ = ["command"]

_FILE = click.Path(path_type=Path, exists=True)
_SHOWN_PROBLEMS = 20
_DAY = click.DateTime(["%Y-%m-%d"])


@click.group("transit")
def command() -> None:
    """Read timetables and records of buses, and say how punctual they were.

    \b
    Examples:
      jasyl transit import gtfs.zip
      jasyl transit match positions.csv --gtfs gtfs.zip -o visits
      jasyl transit punctuality visits --by route
      jasyl transit replay almaty --vehicles 350 --seeds 3
    """


@command.command("import")
@click.argument("feed", type=_FILE)
@click.option(
    "--strict", is_flag=True, help="Fail where anything in the feed is wrong, instead of leaving it out."
)
@json_option
def import_command(feed: Path, strict: bool, as_json: bool) -> None:
    """Read FEED, a GTFS file or folder, and say what is in it and what is wrong with it.

    What is wrong is told by file and line; the rest can be used.

    \b
    Examples:
      jasyl transit import gtfs.zip
      jasyl transit import gtfs.zip --json
    """
    from transit.gtfs import read_gtfs

    found = read_gtfs(feed, strict=strict)
    timetable = found.timetable
    days = sorted({day for days in timetable.days for day in days})
    result: dict[str, object] = {
        "routes": len(timetable.routes),
        "stops": len(timetable.stops),
        "trips": len(timetable.trips),
        "stop_times": len(timetable.times),
        "shapes": len(timetable.shapes),
        "blocks": len(timetable.trips.block.names),
        "time_zone": timetable.zone,
        "first_day": str(days[0]) if days else None,
        "last_day": str(days[-1]) if days else None,
        **_told(found.problems, as_json=as_json),
    }
    print_result(result, as_json=as_json)


@command.command("match")
@click.argument("positions", type=_FILE)
@click.option("--gtfs", type=_FILE, required=True, help="The timetable: a GTFS file or folder.")
@click.option(
    "--zone", default=None, metavar="ZONE", help="Time zone of times without one; default: the timetable's."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Folder for the stop visits, as a TIDES package.",
)
@json_option
def match_command(positions: Path, gtfs: Path, zone: str | None, output: Path | None, as_json: bool) -> None:
    """Match POSITIONS of vehicles to trips of a timetable, and make stop visits of them.

    The format of POSITIONS is found out: GTFS-Realtime, TIDES, AVL or HFP. What is left unmatched is told with its reason.

    \b
    Examples:
      jasyl transit match positions.csv --gtfs gtfs.zip
      jasyl transit match vehicle_positions.pb --gtfs gtfs.zip -o visits --json
    """
    from transit.gtfs import read_gtfs
    from transit.matching import match
    from transit.position_files import read_positions
    from transit.tides import write_tides

    check_outputs([output], inputs=[positions, gtfs])
    feed = read_gtfs(gtfs)
    read = read_positions(positions, zone=zone or feed.timetable.zone)
    found = match(feed.timetable, read.positions)
    if output is not None:
        write_tides(output, found.visits, read.positions)
    result: dict[str, object] = {
        "positions": len(read.positions),
        "stop_visits": len(found.visits),
        "trips": len(set(found.visits.trip.code.tolist())),
        "fates": {fate.name.lower(): count for fate, count in found.counts().items()},
        **_told(read.problems, as_json=as_json),
    }
    if output is not None:
        result["visits"] = str(output)
    print_result(result, as_json=as_json)


@command.command("punctuality")
@click.argument("record", type=_FILE)
@click.option(
    "--gtfs", type=_FILE, default=None, help="The timetable, where RECORD has positions of vehicles."
)
@click.option(
    "--by", default="", metavar="FIELD,...", help="Groups: route, direction, stop, hour, block, day, ..."
)
@click.option(
    "--definition",
    "names",
    multiple=True,
    metavar="NAME",
    help="Only this definition; may be given several times. Default: all of them.",
)
@click.option("--zone", default=None, metavar="ZONE", help="Time zone of RECORD, where it does not say.")
@json_option
def punctuality_command(
    record: Path, gtfs: Path | None, by: str, names: tuple[str, ...], zone: str | None, as_json: bool
) -> None:
    """Say how punctual the buses of RECORD were, by every definition at once.

    RECORD is a file of stop visits (TIDES, MBTA, Auckland) or, with --gtfs, of positions; its format is found out. Every figure
    comes with numerator, denominator and the share of what was not observed. docs/punctuality.md says what each counts.

    \b
    Examples:
      jasyl transit punctuality stop_visits.csv
      jasyl transit punctuality positions.csv --gtfs gtfs.zip --by route,hour --json
      jasyl transit punctuality stop_visits.csv --definition on-time-visits --by route
    """
    from transit.definitions import named
    from transit.punctuality import punctuality

    visits = _visits(record, gtfs, zone)
    fields = [field.strip() for field in by.split(",") if field.strip()]
    figures = punctuality(visits, fields, named(names) if names else None)
    if as_json:
        import json

        click.echo(json.dumps(figures.records(), allow_nan=False))
        return
    print_table(_rows(figures))


def _visits(record: Path, gtfs: Path | None, zone: str | None) -> StopVisits:
    """Return the visits of a record, matched where it has positions."""
    from transit.visit_files import read_visits

    if gtfs is None:
        return read_visits(record, zone=zone).visits
    from transit.gtfs import read_gtfs
    from transit.matched_visits import completed
    from transit.matching import match
    from transit.position_files import read_positions

    timetable = read_gtfs(gtfs).timetable
    found = match(timetable, read_positions(record, zone=zone or timetable.zone).positions)
    return completed(found.visits, timetable)


def _rows(figures: Figures) -> list[dict[str, object]]:
    return [
        {
            "definition": figure.definition,
            **figure.group,
            "value": "-" if figure.value is None else round(figure.value, 3),
            "numerator": round(figure.numerator, 1),
            "denominator": round(figure.denominator, 1),
            "unobserved": round(figure.unobserved, 3),
        }
        for figure in figures
    ]


def _told(problems: Sequence[FeedProblem], *, as_json: bool) -> dict[str, object]:
    """Return what is wrong with a feed: everything for programs, the first of it for people."""
    shown: list[Any] = [problem._asdict() if as_json else str(problem) for problem in problems]
    found: dict[str, object] = {"problems": len(problems)}
    if shown:
        found["wrong"] = shown if as_json else [*shown[:_SHOWN_PROBLEMS], *_more(len(shown))]
    return found


def _more(count: int) -> list[str]:
    left = count - _SHOWN_PROBLEMS
    return [f"... and {left} more; --json has all of them"] if left > 0 else []


@command.command("replay")
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
@json_option
@quiet_option
def replay_command(
    scenario: str, vehicles: int, seeds: int, plans: Path | None, day: datetime, as_json: bool, quiet: bool
) -> None:
    """Run generated days of buses over the signals of SCENARIO, untouched and under each policy alone and all together.

    Routes, timetable and passengers are generated: they say what policies do, not how punctual a real city is. Every policy meets
    the same days. Figures are means over the days.

    \b
    Examples:
      jasyl transit replay almaty --vehicles 350 --seeds 3
      jasyl optimize almaty -o plans.json && jasyl transit replay almaty --plans plans.json --json
    """
    from api.commands._city import build_city
    from scenarios.plans import read_city_plans
    from simulation.buses.policies import compared

    city = build_city(scenario, scale=1.0, demand_seed=None, quiet=quiet)
    better = None if plans is None else read_city_plans(city, plans)
    with progress_bar("Running the days", quiet=quiet) as progress:
        found = compared(city, day.date(), vehicles=vehicles, seeds=seeds, better=better, progress=progress)
    if as_json:
        print_result(found.document(), as_json=True)
        return
    print_table(found.rows())
