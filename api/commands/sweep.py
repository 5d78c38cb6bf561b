"""`jasyl sweep`: many evaluations in parallel, with confidence intervals."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.commands._city import warm_up
from api.console import (
    SEED,
    FiniteRange,
    check_outputs,
    json_option,
    print_result,
    print_table,
    progress_bar,
    quiet_option,
)

if TYPE_CHECKING:
    from simulation.sweep import Method
    from simulation.sweep_run import Ledger

__all__ = ["command"]

_SHOWN = ("delay_s_per_veh", "stops_per_veh", "objective_s_per_veh")
_DEFAULT_SECONDS = 20.0
_MOST_SEEDS = 100_000


def _scales(ctx: click.Context, param: click.Parameter, value: str) -> tuple[float, ...]:
    """Return numbers with commas between them, each once."""
    scale = FiniteRange(0.001, 10)
    return tuple(dict.fromkeys(scale.convert(part.strip(), param, ctx) for part in value.split(",")))


def _seeds(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...]:
    """Return seeds and ranges of seeds with commas between them (``1-8``, ``1,3,5-7``), each once."""
    seeds: dict[int, None] = {}
    for part in value.split(",") if value is not None else ():
        first, dash, last = part.strip().partition("-")
        low = SEED(first, param, ctx)
        high = SEED(last, param, ctx) if dash else low
        if high < low:
            raise click.BadParameter(f"{part} is no range: {high} is less than {low}.", ctx, param)
        if high - low >= _MOST_SEEDS:
            raise click.BadParameter(f"{part} has more than {_MOST_SEEDS} seeds.", ctx, param)
        seeds |= dict.fromkeys(range(low, high + 1))
    return tuple(seeds)


@click.command("sweep")
@click.argument("scenarios", nargs=-1, required=True, metavar="SCENARIO...")
@click.option(
    "--scales",
    callback=_scales,
    metavar="NUMBERS",
    default="1",
    show_default=True,
    help="Multiply the demand by each of these: 0.8,1.",
)
@click.option(
    "--demand-seeds",
    callback=_seeds,
    metavar="SEEDS",
    default=None,
    help="Seeds of generated demand (1-8 or 1,3,5-7); default: the scenario's.",
)
@click.option(
    "--plans",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="Evaluate these plans; may be given several times.",
)
@click.option(
    "--planned-scale",
    type=FiniteRange(0.001, 10),
    default=1.0,
    show_default=True,
    help="The --scale that --plans were made with.",
)
@click.option(
    "--webster", is_flag=True, help="Evaluate isolated Webster plans, made for the demand of each run."
)
@click.option("--steps", type=click.IntRange(min=0), default=None, help="Optimise, so many steps.")
@click.option(
    "--seconds",
    type=FiniteRange(0.001, 86_400.0),
    default=None,
    help=f"Optimise, for about so long; default, with neither --plans nor --webster: {_DEFAULT_SECONDS:g}.",
)
@click.option(
    "--seeds",
    callback=_seeds,
    metavar="SEEDS",
    default="0",
    show_default=True,
    help="Optimise with each of these seeds.",
)
@click.option(
    "--workers", type=click.IntRange(1, 256), default=2, show_default=True, help="Processes on this machine."
)
@click.option(
    "--scheduler",
    default=None,
    metavar="ADDRESS",
    help="Let the workers of this Dask scheduler do it instead.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("results.parquet"),
    show_default=True,
    help="Where to write the results: Parquet, a row for each run.",
)
@click.option("--resume", is_flag=True, help="Keep the results of this sweep that are there already.")
@json_option
@quiet_option
def command(
    scenarios: tuple[str, ...],
    scales: tuple[float, ...],
    demand_seeds: tuple[int, ...],
    plans: tuple[Path, ...],
    planned_scale: float,
    webster: bool,
    steps: int | None,
    seconds: float | None,
    seeds: tuple[int, ...],
    workers: int,
    scheduler: str | None,
    output: Path,
    resume: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run every combination of SCENARIOs, demand and plans in parallel.

    Prints mean, standard deviation and 95 % confidence interval by scenario, scale and method, and the paired
    differences between methods that were run with the same demand seeds.

    \b
    Examples:
      jasyl sweep corridor --demand-seeds 1-8 --scales 0.8,1 --webster --steps 4
      jasyl sweep almaty --demand-seeds 1-20 --plans old.json --plans new.json -o compared.parquet
      jasyl sweep grid-25x18 --seeds 0-9 --seconds 60 --scheduler tcp://127.0.0.1:8786 --resume
    """
    from simulation.sweep import Sweep, check
    from simulation.sweep_results import partial_path
    from simulation.sweep_run import opened

    check_outputs([output, partial_path(output)], [*scenarios, *plans])

    began = time.perf_counter()
    sweep = Sweep(
        scenarios=tuple(dict.fromkeys(scenarios)),
        methods=_methods(plans, webster=webster, steps=steps, seconds=seconds),
        scales=scales,
        demand_seeds=demand_seeds,
        optimizer_seeds=seeds,
        planned_scale=planned_scale,
    )
    runs = sweep.runs()
    ledger = opened(runs, output, resume=resume)
    still = quiet or as_json
    warm_up(quiet=still)
    with progress_bar("Building the cities", quiet=still) as progress:
        check(runs, progress)
    _carry_out(ledger, workers=workers, scheduler=scheduler, quiet=still)
    _tell(ledger, seconds=time.perf_counter() - began, as_json=as_json)


def _methods(
    plans: tuple[Path, ...], *, webster: bool, steps: int | None, seconds: float | None
) -> tuple[Method, ...]:
    """Return what is compared, in the order of the options' help; the optimiser if nothing else is named."""
    from simulation.sweep import OPTIMIZE, WEBSTER, Method

    methods = [Method.of_file(path) for path in dict.fromkeys(plans)]
    if webster:
        methods.append(Method(WEBSTER))
    if steps is None and seconds is None and not methods:
        seconds = _DEFAULT_SECONDS
    if steps is not None or seconds is not None:
        methods.append(Method(OPTIMIZE, steps=steps, seconds=seconds))
    return tuple(methods)


def _carry_out(ledger: Ledger, *, workers: int, scheduler: str | None, quiet: bool) -> None:
    from simulation.sweep_results import partial_path
    from simulation.sweep_run import carry_out

    try:
        with progress_bar("Sweeping", quiet=quiet) as progress:
            carry_out(ledger, workers=workers, scheduler=scheduler, progress=progress)
    except KeyboardInterrupt:
        if ledger.results and not quiet:
            where = partial_path(ledger.path)
            told = f"{len(ledger.results)} of {len(ledger.runs)} results are in {where}"
            click.echo(f"{told}; go on with --resume.", err=True)
        raise


def _tell(ledger: Ledger, *, seconds: float, as_json: bool) -> None:
    """Print what came out."""
    from simulation.sweep_results import FIGURES
    from simulation.sweep_statistics import differences, groups

    rows = ledger.rows()
    figures = FIGURES if as_json else _SHOWN
    means = [_flat(group) for group in groups(rows, figures)]
    paired = [_flat(difference) for difference in differences(rows, figures)]
    head: dict[str, object] = {
        "runs": len(rows),
        "resumed": ledger.resumed,
        "dropped": ledger.dropped,
        "seconds": seconds,
        "results": str(ledger.path),
    }
    if as_json:
        print_result({**head, "means": means, "differences": paired}, as_json=True)
        return
    print_result(head, as_json=False)
    click.echo()
    print_table([_with_interval(row) for row in means])
    if paired:
        click.echo("\nPaired differences over the same demand seeds, method less reference")
        print_table([_with_interval(row) for row in paired])


def _flat(found: Any) -> dict[str, Any]:
    """Return a group or a difference with its estimate as one table row."""
    row: dict[str, Any] = asdict(found)
    estimate = row.pop("estimate")
    return {**row, **estimate}


def _with_interval(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row for people, the ends of its interval in one column."""
    row = dict(row)
    low, high = row.pop("low"), row.pop("high")
    return {**row, "95_%_interval": "-" if low is None else f"{_end(low)} to {_end(high)}"}


def _end(value: float) -> str:
    """Return an end of an interval; small ones keep two digits, as 0.00 would hide which side of 0 they are on."""
    return f"{value:.2g}" if abs(value) < 0.1 else f"{value:,.2f}"
