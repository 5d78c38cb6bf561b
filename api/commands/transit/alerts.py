"""`jasyl transit alerts`: what passengers should know, as GTFS-Realtime."""

from __future__ import annotations

import time
from pathlib import Path

import click

from api.commands.transit._records import FILE
from api.console import check_outputs, json_option, print_result
from traffic.errors import InputError

__all__ = ["command"]


@click.command("alerts")
@click.argument("alerts", type=FILE)
@click.option("--gtfs", type=FILE, required=True, help="The timetable: a GTFS file or folder.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("alerts.pb"),
    show_default=True,
    help="Where to write the feed.",
)
@click.option(
    "--time",
    "time_s",
    type=click.IntRange(0, 10**11),
    default=None,
    help="When the feed was made, POSIX seconds; default: now.",
)
@json_option
def command(alerts: Path, gtfs: Path, output: Path, time_s: int | None, as_json: bool) -> None:
    """Write the alerts of ALERTS, a file in TOML, JSON or CSV, as a GTFS-Realtime feed.

    Routes, trips, stops and agencies must be in the timetable. The feed is checked by the rules of the public validator before
    it is written; one that breaks a rule is not. docs/transit-feeds.md shows the files.

    \b
    Examples:
      jasyl transit alerts alerts.toml --gtfs gtfs.zip -o alerts.pb
      jasyl transit alerts alerts.csv --gtfs gtfs.zip --json
    """
    from transit.alert_files import read_alerts
    from transit.gtfs import read_gtfs
    from transit.problems import Severity
    from transit.realtime import alerts as feed_of
    from transit.realtime import write_feed
    from transit.realtime_rules import check

    check_outputs([output], inputs=[alerts, gtfs])
    timetable = read_gtfs(gtfs).timetable
    made_s = int(time.time()) if time_s is None else time_s
    given = read_alerts(alerts, timetable.zone)
    try:
        feed = feed_of(given, timetable, time_s=made_s)
    except InputError as error:
        raise InputError(
            error.rule, file=alerts, field=error.field, value=error.value, hint=error.hint
        ) from error
    findings = check(feed, timetable, now_s=made_s)
    for finding in findings:
        if finding.severity is Severity.ERROR:
            raise InputError(
                "must keep the rules of GTFS-Realtime", file=alerts, field=finding.entity, value=str(finding)
            )
    output.parent.mkdir(parents=True, exist_ok=True)
    write_feed(output, feed)
    result: dict[str, object] = {
        "feed": str(output),
        "alerts": len(given),
        "bytes": output.stat().st_size,
        "time": made_s,
        "warnings": [str(finding) for finding in findings],
    }
    print_result(result, as_json=as_json)
