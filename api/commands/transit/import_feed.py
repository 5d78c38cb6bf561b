"""`jasyl transit import`: a timetable read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from api.commands.transit._records import FILE, told
from api.console import json_option, print_result

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["command"]


@click.command("import")
@click.argument("feed", type=FILE)
@click.option(
    "--strict", is_flag=True, help="Fail where anything in the feed is wrong, instead of leaving it out."
)
@json_option
def command(feed: Path, strict: bool, as_json: bool) -> None:
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
        **told(found.problems, as_json=as_json),
    }
    print_result(result, as_json=as_json)
