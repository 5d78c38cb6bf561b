"""`jasyl transit match`: positions become stop visits."""

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
    position_columns,
    rules_of,
    told,
    warn,
)
from api.console import check_outputs, json_option, print_result, quiet_option

if TYPE_CHECKING:
    from transit.matched_records import MatchedRecord

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
@columns_option
@ignore_assignments_option
@all_trips_option
@json_option
@quiet_option
def command(
    positions: Path,
    gtfs: Path,
    zone: str | None,
    output: Path | None,
    table: Path | None,
    columns: Path | None,
    ignore_assignments: bool,
    all_trips: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Match POSITIONS of vehicles to trips of a timetable, and make stop visits of them.

    The format of POSITIONS is found out: GTFS-Realtime, TIDES (the folder of a package, too), AVL or HFP; for others say
    with --columns which column is what. What is left unmatched is told with its reason. Visits that were due and not found
    are written too, as missing: so the figures of `jasyl transit punctuality` are the same for the folder as for POSITIONS.

    \b
    Examples:
      jasyl transit match positions.csv --gtfs gtfs.zip
      jasyl transit match vehicle_positions.pb --gtfs gtfs.zip -o visits --table visits.parquet --json
      jasyl transit match gps.csv --gtfs gtfs.zip --columns map.toml -o visits
    """
    check_outputs([output, table], inputs=[positions, gtfs, columns])
    meaning = position_columns(columns)
    warm_up(quiet=quiet or as_json, group="matching")
    from transit.gtfs import read_gtfs
    from transit.matched_records import on_trips
    from transit.records import match_file
    from transit.table_out import check_table_name, write_visits
    from transit.tides import write_tides

    if table is not None:
        check_table_name(table, "--table")
    feed = read_gtfs(gtfs)
    rules = rules_of(ignore_assignments=ignore_assignments)
    read, matched = match_file(positions, feed, zone, columns=meaning, rules=rules, all_trips=all_trips)
    if output is not None:
        write_tides(output, matched.visits, on_trips(read.positions, matched.match, feed.timetable))
    if table is not None:
        table.parent.mkdir(parents=True, exist_ok=True)
        write_visits(table, matched.visits)
    result: dict[str, object] = {
        "positions": len(read.positions),
        **_counts(matched),
        "fates": matched.fates,
        **told(read.problems, as_json=as_json),
    }
    if output is not None:
        result["visits"] = str(output)
    if table is not None:
        result["table"] = str(table)
    if as_json:
        result["warnings"] = list(matched.warnings)
    print_result(result, as_json=as_json)
    if not as_json:
        warn(matched.warnings)


def _counts(matched: MatchedRecord) -> dict[str, object]:
    """Return how many positions and visits were found, of how many."""
    visits = matched.visits
    trips = len(set(zip(visits.day.tolist(), visits.trip.code.tolist(), strict=True)))
    return {
        "matched": matched.matched,
        "trips": trips,
        "stop_visits": matched.found,
        "could_be_found": matched.possible,
        "share_found": matched.found / matched.possible if matched.possible else None,
        "due": len(visits),
    }
