"""What commands share: options, progress bars, and output for people and for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from traffic.progress import Progress

__all__ = ["json_option", "print_problem", "print_result", "progress_bar", "quiet_option", "scenario_options"]

_Command = TypeVar("_Command", bound=Callable[..., Any])

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on standard output and nothing else."
)
quiet_option = click.option("--quiet", is_flag=True, help="Show no progress.")


def scenario_options(command: _Command) -> _Command:
    """Add the SCENARIO argument and the options that vary its demand."""
    scale = click.option(
        "--scale", type=float, default=1.0, show_default=True, help="Multiply the demand by this factor."
    )
    seed = click.option(
        "--demand-seed", type=int, default=None, help="Seed of generated demand; default: the scenario's."
    )
    argument = click.argument("scenario")
    return argument(scale(seed(command)))


def print_result(values: Mapping[str, object], *, as_json: bool) -> None:
    """Print the figures of a command: one JSON object, or aligned lines."""
    if as_json:
        click.echo(json.dumps(values, allow_nan=False))
        return
    width = max(len(name) for name in values)
    for name, value in values.items():
        shown = f"{value:,.2f}" if isinstance(value, float) else value
        click.echo(f"{name.replace('_', ' '):<{width}}  {shown}")


def print_problem(problem: Mapping[str, object], text: str, *, as_json: bool) -> None:
    """Print an error on standard error: an RFC 9457 problem object, or its sentence."""
    click.echo(json.dumps(problem) if as_json else f"Error: {text}", err=True)


@contextmanager
def progress_bar(title: str, *, quiet: bool) -> Iterator[Progress | None]:
    """Show a progress bar on standard error while a terminal is there to see it."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - keeps `--help` fast
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.progress import Progress as Bar  # noqa: PLC0415

    columns = (TextColumn(title), BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def report(done: float, total: float, note: str = "") -> None:
            bar.update(task, completed=done, total=total, description=note)

        yield report
