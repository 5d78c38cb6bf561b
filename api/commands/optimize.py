"""`jasyl optimize`: safe, coordinated plans for every junction of a scenario."""

from __future__ import annotations

from pathlib import Path

import click

from api.city_work import SearchSettings, optimize_city, optimized_figures
from api.commands._city import build_city, in_force_figures, read_city_plans
from api.console import (
    FiniteRange,
    json_option,
    planned_scale_option,
    print_result,
    progress_bar,
    quiet_option,
    scenario_options,
    search_options,
    stop_on_interrupt,
)

__all__ = ["command"]


@click.command("optimize")
@scenario_options
@search_options
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("plans.json"),
    show_default=True,
    help="Where to write the plans.",
)
@click.option(
    "--timing-sheet",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="Write the plans as a timing sheet (CSV) too, which a scenario can name as its plans in force.",
)
@click.option(
    "--from",
    "from_plans",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=None,
    help="Go on from these plans, as for a demand that has changed a little: their stages and common cycles are kept.",
)
@planned_scale_option
@click.option(
    "--robust",
    type=click.Choice(["mean", "worst"]),
    default=None,
    help="Judge plans under several demands (--at), by their mean objective or the worst.",
)
@click.option(
    "--at",
    type=FiniteRange(0.001, 10),
    multiple=True,
    help="With --robust: a factor on the demand to judge under; give it several times.",
)
@click.option(
    "--buses",
    type=click.IntRange(1, 20_000),
    default=None,
    help="Count the delay of so many generated buses too, or of those in the scenario's timetable.",
)
@json_option
@quiet_option
def command(
    scenario: str,
    scale: float,
    demand_seed: int | None,
    seed: int,
    seconds: float,
    steps: int | None,
    output: Path,
    timing_sheet: Path | None,
    from_plans: Path | None,
    planned_scale: float | None,
    robust: str | None,
    at: tuple[float, ...],
    buses: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Compute safe, coordinated signal plans for every junction of SCENARIO.

    SCENARIO is the name of a built-in scenario (see `jasyl scenario list`) or a TOML file.

    \b
    Examples:
      jasyl optimize almaty -o plans.json
      jasyl optimize grid-25x18 --seconds 60 --seed 7 -o grid.json
      jasyl optimize corridor --seed 3 --steps 20 -o corridor.json
      jasyl optimize my-city.toml --scale 1.1 --json
      jasyl optimize almaty --scale 1.1 --from plans.json --planned-scale 1 --seconds 2 -o again.json
      jasyl optimize corridor --robust worst --at 0.8 --at 1.0 --at 1.1
      jasyl optimize almaty --buses 3500 -o plans.json
    """
    if (robust is None) != (not at):
        raise click.UsageError("--robust and --at go together: say what counts, and under which demands.")
    if planned_scale is not None and from_plans is None:
        raise click.UsageError("--planned-scale is that of the plans to go on from: give them with --from.")
    city = build_city(
        scenario, scale=scale, demand_seed=demand_seed, planned_scale=planned_scale, quiet=quiet or as_json
    )
    from signals.timing_sheet import write_timing_sheet
    from signals.wire import write_plans

    old = None if from_plans is None else read_city_plans(city, from_plans)
    settings = SearchSettings(
        seed=seed, seconds=seconds, steps=steps, robust=robust, judged_at=at, buses=buses
    )
    with stop_on_interrupt() as should_stop, progress_bar("Optimising", quiet=quiet or as_json) as progress:
        found = optimize_city(city, settings, start=old, progress=progress, should_stop=should_stop)
    output.parent.mkdir(parents=True, exist_ok=True)
    write_plans(found.plans, output)
    if timing_sheet is not None:
        timing_sheet.parent.mkdir(parents=True, exist_ok=True)
        write_timing_sheet(found.plans, timing_sheet)
    figures = optimized_figures(found, str(output))
    figures |= in_force_figures(city, as_json=as_json)
    print_result(figures, as_json=as_json)
    if not (figures["improved"] or as_json):
        spent, option = (
            (f"{steps} steps", "--steps") if steps is not None else (f"{seconds:g} s", "--seconds")
        )
        click.echo(f"Nothing better than the start was found in {spent}; raise {option}.")
