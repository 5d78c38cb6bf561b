"""`jasyl transit definitions`: what figures of punctuality mean, and which of them give a figure that was published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.commands.transit._records import (
    FILE,
    all_trips_option,
    columns_option,
    ignore_assignments_option,
    record_of,
    tell,
    told,
)
from api.console import FiniteRange, json_option, print_result, print_table
from traffic.errors import InputError

if TYPE_CHECKING:
    from transit.records import Record

__all__ = ["command"]

_SHARE = FiniteRange(0.0, 1.0)


@click.command("definitions")
@click.argument("record", type=FILE, required=False)
@click.option(
    "--between",
    type=(_SHARE, _SHARE),
    default=None,
    metavar="LOW HIGH",
    help="With RECORD: list the definitions whose share is from LOW to HIGH; default: all of them, 0 to 1.",
)
@click.option(
    "--gtfs", type=FILE, default=None, help="The timetable, where RECORD has positions of vehicles."
)
@click.option("--zone", default=None, metavar="ZONE", help="Time zone of RECORD, where it does not say.")
@columns_option
@ignore_assignments_option
@all_trips_option
@json_option
def command(
    record: Path | None,
    between: tuple[float, float] | None,
    gtfs: Path | None,
    zone: str | None,
    columns: Path | None,
    ignore_assignments: bool,
    all_trips: bool,
    as_json: bool,
) -> None:
    """Say what each definition of punctuality counts, or which ones give RECORD a share from LOW to HIGH.

    Without RECORD the named definitions are listed. With it, far more are tried: arrivals, departures and visits at various
    places within various windows, trips and headways within various tolerances, and those of agencies. A figure that was
    published without its definition may be any of those that are listed.

    \b
    Examples:
      jasyl transit definitions
      jasyl transit definitions stop_visits.csv --between 0.60 0.87
      jasyl transit definitions positions.csv --gtfs gtfs.zip --between 0.60 0.87 --json
    """
    if record is None:
        given = {
            "--between": between,
            "--gtfs": gtfs,
            "--zone": zone,
            "--columns": columns,
            "--ignore-assignments": ignore_assignments or None,
            "--all-trips": all_trips or None,
        }
        for option, value in given.items():
            if value is not None:
                hint = "Name a file of stop visits, as for jasyl transit punctuality"
                raise InputError("must come with RECORD", field=option, value=str(value), hint=hint)
        _list(as_json=as_json)
        return
    if between is not None and between[0] > between[1]:
        hint = "Write the lower share first: --between 0.60 0.87"
        raise InputError("must not fall", field="--between", value=between, hint=hint)
    found = record_of(
        record, gtfs, zone, columns=columns, ignore_assignments=ignore_assignments, all_trips=all_trips
    )
    _search(found, between or (0.0, 1.0), as_json=as_json)


def _list(*, as_json: bool) -> None:
    from transit.definitions import definitions

    rows = [{"definition": each.name, "unit": each.unit, "says": each.says} for each in definitions()]
    if as_json:
        sources = [{**row, "source": each.source} for row, each in zip(rows, definitions(), strict=True)]
        print_result({"definitions": sources}, as_json=True)
        return
    print_table(rows)


def _search(record: Record, between: tuple[float, float], *, as_json: bool) -> None:
    from transit.definition_search import definitions_within

    tried = definitions_within(record.visits, *between)
    figures = [one.figure for one in tried if one.within]
    figures.sort(key=lambda figure: (figure.value or 0.0, figure.definition))
    result: dict[str, object] = {
        "low": between[0],
        "high": between[1],
        "tried": len(tried),
        "within": len(figures),
    }
    if as_json:
        records = [
            {name: value for name, value in figure.record().items() if name != "group"} for figure in figures
        ]
        found = told(record.problems, as_json=True)
        print_result({**result, **found, "definitions": records}, as_json=True)
        return
    tell(record.problems, as_json=False)
    print_result(result, as_json=False)
    print_table(
        [
            {
                "value": f"{100 * (figure.value or 0.0):.1f} %",
                "numerator": int(figure.numerator),
                "denominator": int(figure.denominator),
                "unobserved": f"{100 * figure.unobserved:.1f} %",
                "definition": figure.definition,
            }
            for figure in figures
        ]
    )
