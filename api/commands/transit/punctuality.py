"""`jasyl transit punctuality`: how punctual buses were, by every definition."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.commands._city import warm_up
from api.commands.transit._records import (
    FILE,
    all_trips_option,
    columns_option,
    ignore_assignments_option,
    record_of,
    tell,
)
from api.console import check_outputs, json_option, print_table, quiet_option

if TYPE_CHECKING:
    from transit.punctuality import Figures

__all__ = ["command"]


@click.command("punctuality")
@click.argument("record", type=FILE)
@click.option(
    "--gtfs", type=FILE, default=None, help="The timetable, where RECORD has positions of vehicles."
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
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="Write the figures into this file too: .csv or .parquet.",
)
@columns_option
@ignore_assignments_option
@all_trips_option
@json_option
@quiet_option
def command(
    record: Path,
    gtfs: Path | None,
    by: str,
    names: tuple[str, ...],
    zone: str | None,
    output: Path | None,
    columns: Path | None,
    ignore_assignments: bool,
    all_trips: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Say how punctual the buses of RECORD were, by every definition at once.

    RECORD is a file of stop visits (TIDES, MBTA, Auckland, or `match --table` as CSV), the folder of a TIDES package, or, with
    --gtfs, a file of positions. Its format is found out; for others --columns says which column is what. Every figure comes with
    numerator, denominator and the share of what was not observed. docs/punctuality.md says what each counts.
    Rows of RECORD that are wrong are told on standard error, by line; with --json as an object.

    \b
    Examples:
      jasyl transit punctuality stop_visits.csv
      jasyl transit punctuality positions.csv --gtfs gtfs.zip --by route,hour --json
      jasyl transit punctuality stop_visits.csv --definition on-time-visits --by route -o figures.parquet
    """
    from transit.definitions import named
    from transit.punctuality import punctuality
    from transit.table_out import check_table_name, write_figures

    check_outputs([output], inputs=[record, gtfs, columns])
    if output is not None:
        check_table_name(output)
    if gtfs is not None:
        warm_up(quiet=quiet or as_json, group="matching")
    found = record_of(
        record, gtfs, zone, columns=columns, ignore_assignments=ignore_assignments, all_trips=all_trips
    )
    tell(found.problems, as_json=as_json)
    fields = [field.strip() for field in by.split(",") if field.strip()]
    figures = punctuality(found.visits, fields, named(names) if names else None)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_figures(output, figures)
    if as_json:
        import json

        click.echo(json.dumps(figures.records(), allow_nan=False))
        return
    print_table(_rows(figures))


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
