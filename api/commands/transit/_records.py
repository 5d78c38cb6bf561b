"""What the commands of transit share: options, records read, and what is wrong with a feed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transit.matching import MatchRules
    from transit.position_files import ColumnMap
    from transit.problems import FeedProblem
    from transit.records import Record

__all__ = [
    "FILE",
    "all_trips_option",
    "columns_option",
    "ignore_assignments_option",
    "position_columns",
    "record_of",
    "rules_of",
    "tell",
    "told",
    "warn",
]

FILE = click.Path(path_type=Path, exists=True)
_SHOWN_PROBLEMS = 20

columns_option = click.option(
    "--columns",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=None,
    metavar="MAP",
    help="A TOML file that says which column is what, for a CSV in no known format. docs/matching.md has examples.",
)
ignore_assignments_option = click.option(
    "--ignore-assignments",
    is_flag=True,
    help="Try all trips for every vehicle, whatever trip, block or route it is assigned to.",
)
all_trips_option = click.option(
    "--all-trips",
    is_flag=True,
    help="Positions are of all vehicles: trips that were to run from the first to the last time of a position on a trip were "
    "due too, and dropped where none was seen. Default: only trips of which a stop was seen.",
)


def record_of(
    record: Path,
    gtfs: Path | None,
    zone: str | None,
    *,
    columns: Path | None = None,
    ignore_assignments: bool = False,
    all_trips: bool = False,
) -> Record:
    """Return what a record holds, matched where it has positions; warnings are told on standard error."""
    from transit.records import read_column_map, read_record

    found = read_record(
        record,
        gtfs,
        zone,
        columns=None if columns is None else read_column_map(columns),
        rules=rules_of(ignore_assignments=ignore_assignments),
        all_trips=all_trips,
    )
    warn(found.warnings)
    return found


def position_columns(columns: Path | None) -> ColumnMap | None:
    """Return a map of columns of positions."""
    from transit.position_files import ColumnMap

    return None if columns is None else ColumnMap.read(columns)


def rules_of(*, ignore_assignments: bool) -> MatchRules:
    """Return the rules of matching that options ask for."""
    from transit.matching import MatchRules

    return MatchRules(ignore_assignments=ignore_assignments)


def warn(warnings: Sequence[str]) -> None:
    """Tell warnings on standard error."""
    for text in warnings:
        click.echo(f"Warning: {text}", err=True)


def tell(problems: Sequence[FeedProblem], *, as_json: bool) -> None:
    """Tell on standard error what is wrong with a record, where anything is: figures are without the rows that were left out."""
    if not problems:
        return
    found = told(problems, as_json=as_json)
    if as_json:
        click.echo(json.dumps(found), err=True)
        return
    click.echo(f"Warning: problems of the record: {found['problems']}", err=True)
    for line in found["wrong"]:  # type: ignore[attr-defined]
        click.echo(f"  {line}", err=True)


def told(problems: Sequence[FeedProblem], *, as_json: bool) -> dict[str, object]:
    """Return what is wrong with a feed: everything for programs, for people the first of it, errors before warnings.

    Of either, those of a whole file come first: they also say of how many rows only the number is told.
    """
    errors = sorted((one for one in problems if one.severity == "error"), key=lambda one: one.line > 0)
    if as_json:
        found: dict[str, object] = {"problems": len(problems), "errors": len(errors)}
        return found | ({"wrong": [problem._asdict() for problem in problems]} if problems else {})
    if not problems:
        return {"problems": 0}
    others = sorted((one for one in problems if one.severity != "error"), key=lambda one: one.line > 0)
    lines = [f"{problem.severity}: {problem}" for problem in (*errors, *others)[:_SHOWN_PROBLEMS]]
    counts = f"{len(problems)}: {len(errors)} errors (left out), {len(others)} warnings (used all the same)"
    return {"problems": counts, "wrong": [*lines, *_more(len(problems))]}


def _more(count: int) -> list[str]:
    left = count - _SHOWN_PROBLEMS
    return [f"... and {left} more; --json has all of them"] if left > 0 else []
