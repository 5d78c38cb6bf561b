"""What the commands of transit share: records read, and what is wrong with a feed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transit.problems import FeedProblem
    from transit.visits import StopVisits

__all__ = ["FILE", "told", "visits_of"]

FILE = click.Path(path_type=Path, exists=True)
_SHOWN_PROBLEMS = 20


def visits_of(record: Path, gtfs: Path | None, zone: str | None) -> StopVisits:
    """Return the visits of a record, matched where it has positions."""
    from transit.records import read_record

    return read_record(record, gtfs, zone).visits


def told(problems: Sequence[FeedProblem], *, as_json: bool) -> dict[str, object]:
    """Return what is wrong with a feed: everything for programs, the first of it for people."""
    shown: list[Any] = [problem._asdict() if as_json else str(problem) for problem in problems]
    found: dict[str, object] = {"problems": len(problems)}
    if shown:
        found["wrong"] = shown if as_json else [*shown[:_SHOWN_PROBLEMS], *_more(len(shown))]
    return found


def _more(count: int) -> list[str]:
    left = count - _SHOWN_PROBLEMS
    return [f"... and {left} more; --json has all of them"] if left > 0 else []
