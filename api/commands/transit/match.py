"""`jasyl transit match`: positions become stop visits."""

from __future__ import annotations

from pathlib import Path

import click

from api.commands.transit._records import FILE, told
from api.console import check_outputs, json_option, print_result

__all__ = ["command"]


@click.command("match")
@click.argument("positions", type=FILE)
@click.option("--gtfs", type=FILE, required=True, help="The timetable: a GTFS file or folder.")
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
@click.option(
    "--table",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="File for the stop visits as one table: .csv or .parquet.",
)
@json_option
def command(
    positions: Path, gtfs: Path, zone: str | None, output: Path | None, table: Path | None, as_json: bool
) -> None:
    """Match POSITIONS of vehicles to trips of a timetable, and make stop visits of them.

    The format of POSITIONS is found out: GTFS-Realtime, TIDES, AVL or HFP. What is left unmatched is told with its reason.

    \b
    Examples:
      jasyl transit match positions.csv --gtfs gtfs.zip
      jasyl transit match vehicle_positions.pb --gtfs gtfs.zip -o visits --table visits.parquet --json
    """
    from transit.gtfs import read_gtfs
    from transit.matching import match
    from transit.position_files import read_positions
    from transit.table_out import check_table_name, write_visits
    from transit.tides import write_tides

    check_outputs([output, table], inputs=[positions, gtfs])
    if table is not None:
        check_table_name(table, "--table")
    feed = read_gtfs(gtfs)
    read = read_positions(positions, zone=zone or feed.timetable.zone)
    found = match(feed.timetable, read.positions)
    if output is not None:
        write_tides(output, found.visits, read.positions)
    if table is not None:
        table.parent.mkdir(parents=True, exist_ok=True)
        write_visits(table, found.visits)
    result: dict[str, object] = {
        "positions": len(read.positions),
        "stop_visits": len(found.visits),
        "trips": len(set(found.visits.trip.code.tolist())),
        "fates": {fate.name.lower(): count for fate, count in found.counts().items()},
        **told(read.problems, as_json=as_json),
    }
    if output is not None:
        result["visits"] = str(output)
    if table is not None:
        result["table"] = str(table)
    print_result(result, as_json=as_json)
