"""What commands share: options, progress bars, and output for people and for programs."""

from __future__ import annotations

import functools
import json
import math
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import click

from traffic.errors import InputError
from traffic.files import is_file
from traffic.progress import Progress

__all__ = [
    "SEED",
    "FiniteRange",
    "check_outputs",
    "force_option",
    "json_option",
    "planned_scale_option",
    "print_problem",
    "print_result",
    "print_table",
    "progress_bar",
    "quiet_option",
    "require_new",
    "scenario_options",
    "search_options",
    "stop_on_interrupt",
]

_SMALL = 0.005  # less would be shown as 0.00
_Command = TypeVar("_Command", bound=Callable[..., Any])


class FiniteRange(click.FloatRange):
    """A range of numbers without NaN, which passes every comparison of `click.FloatRange`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or fail as click does."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is no number.", param, ctx)
        return number


SEED = click.IntRange(0, 2**63 - 1)
"""Seeds of random generators."""

json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON object on standard output and nothing else; an error is an RFC 9457 problem object on standard"
    " error.",
)
quiet_option = click.option("--quiet", is_flag=True, help="Show no progress.")
planned_scale_option = click.option(
    "--planned-scale",
    type=FiniteRange(0.001, 10),
    default=None,
    help="The --scale that the plans were made with; default: the same as --scale.",
)


def search_options(command: _Command) -> _Command:
    """Add the options that say how long and from which seed a search goes."""
    seed = click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of the search.")
    seconds = click.option(
        "--seconds",
        type=FiniteRange(min=0.0, max=86_400.0, min_open=True),
        default=20.0,
        show_default=True,
        help="Stop the search after this time, late by one evaluation at most.",
    )
    steps = click.option(
        "--steps",
        type=click.IntRange(min=0),
        default=None,
        help="Stop after this many steps instead, however long they take: same seed and steps, same plans.",
    )
    return seed(seconds(steps(command)))


def scenario_options(command: _Command) -> _Command:
    """Add the SCENARIO argument and the options that vary its demand.

    Before the command begins, an output that cannot be written or would replace an input is refused.
    """
    scale = click.option(
        "--scale",
        type=FiniteRange(0.001, 10),
        default=1.0,
        show_default=True,
        help="Multiply the demand by this factor.",
    )
    seed = click.option(
        "--demand-seed", type=SEED, default=None, help="Seed of generated demand; default: the scenario's."
    )
    argument = click.argument("scenario")

    @functools.wraps(command)
    def checked(**options: Any) -> Any:
        inputs = [options["scenario"], options.get("plans"), options.get("before"), options.get("from_plans")]
        check_outputs([options.get(name) for name in ("output", "timing_sheet", "zones")], inputs)
        return command(**options)

    return argument(scale(seed(checked)))  # type: ignore[return-value]


def check_outputs(outputs: Sequence[Path | None], inputs: Sequence[Path | str | None]) -> None:
    """Refuse, before the work, outputs that could not be written after it.

    Parameters
    ----------
    outputs
        Files or folders to write; folders above them need not exist yet.
    inputs
        What is read, which no output may replace.
    """
    read = {Path(name).resolve() for name in inputs if name is not None and is_file(name)}
    seen: set[Path] = set()
    for output in outputs:
        if output is None:
            continue
        target = output.resolve()
        hint = "Choose another name for the output"
        if target in read:
            raise InputError("must not replace an input", file=output, field="--output", hint=hint)
        if target in seen:
            raise InputError("must be the only output in its file", file=output, field="--output", hint=hint)
        seen.add(target)
        _check_folder(output)


def _check_folder(output: Path) -> None:
    """Refuse an output whose folder cannot be made or written to."""
    above = output.absolute().parent
    while not above.exists() and not above.is_symlink():
        above = above.parent
    hint = "Choose a folder that you may write to"
    if not above.is_dir():
        raise InputError(
            "must be in a folder", file=output, field="--output", value=f"{above} is a file", hint=hint
        )
    try:
        with tempfile.TemporaryFile(dir=above):
            pass
    except OSError as error:
        rule = "must be in a folder that can be written to"
        value = f"{above}: {error.strerror}"
        raise InputError(rule, file=output, field="--output", value=value, hint=hint) from error


force_option = click.option("--force", is_flag=True, help="Write over a file that is there.")


def require_new(output: Path, *, force: bool) -> None:
    """Raise where a file is there that is not to be written over: it may be the only copy of its kind."""
    if output.exists() and not force:
        hint = "Give another name, or --force to write over it"
        raise InputError("must be a new file", file=output, field="--output", hint=hint)


def print_result(values: Mapping[str, object], *, as_json: bool) -> None:
    """Print the figures of a command: one JSON object, or aligned lines, one for each item of a list or a table."""
    if as_json:
        click.echo(json.dumps(values, allow_nan=False))
        return
    width = max(len(name) for name in values)
    for name, value in values.items():
        for position, line in enumerate(_lines(value)):
            label = "" if position else name.replace("_", " ")
            click.echo(f"{label:<{width}}  {line}")


def _lines(value: object) -> list[str]:
    """Return the lines that one figure takes."""
    if isinstance(value, Mapping):
        value = [f"{name.replace('_', ' ')}: {_shown(item)}" for name, item in value.items()]
    if isinstance(value, list):
        return [_shown(item) for item in value] or ["none"]
    return [_shown(value)]


def _shown(value: object) -> str:
    """Return one figure for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.1e}" if 0 < abs(value) < _SMALL else f"{value:,.2f}"
    return "-" if value is None else str(value)


def print_table(rows: Sequence[Mapping[str, object]]) -> None:
    """Print rows with the same keys as a table with a heading, numbers to the right."""
    if not rows:
        return
    names = list(rows[0])
    cells = [[_shown(row[name]) for name in names] for row in rows]
    heads = [name.replace("_", " ") for name in names]
    widths = [max(len(line[k]) for line in (heads, *cells)) for k in range(len(names))]
    right = [isinstance(rows[0][name], int) and not isinstance(rows[0][name], bool) for name in names]
    for line in (heads, *cells):
        fitted = [
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(line, widths, right, strict=True)
        ]
        click.echo("  ".join(fitted).rstrip())


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


@contextmanager
def stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Let the first interrupt (Ctrl-C) ask work to stop with what it has, and the second one end it."""
    asked = False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        click.echo("Stopping with the best so far; interrupt again to stop without a result.", err=True)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)
