"""`jasyl schedule`: plan sets for the times of a day."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.commands._city import build_city
from api.console import (
    json_option,
    print_result,
    print_table,
    progress_bar,
    quiet_option,
    scenario_options,
    search_options,
)

if TYPE_CHECKING:
    from signals.day import DaySchedule, Row

__all__ = ["command"]

_BEST = "best"
_LEFT = 0.02  # share of a day's vehicles that may be on the way at midnight


@click.command("schedule")
@scenario_options
@search_options
@click.option(
    "--day",
    default="typical",
    show_default=True,
    metavar="FILE.csv|typical",
    help="Profile of the day: from,scale or from,share; typical is a generic working day of no city.",
)
@click.option(
    "--transition",
    type=click.Choice(["dwell", "shortway", "longway", _BEST]),
    default=_BEST,
    show_default=True,
    help="How controllers get into step; best: the one that costs least at each switch.",
)
@click.option(
    "--sets", type=click.IntRange(1, 8), default=3, show_default=True, help="Use so many plan sets at most."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("schedule.json"),
    show_default=True,
    help="Where to write the schedule.",
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
    day: str,
    transition: str,
    sets: int,
    output: Path,
    as_json: bool,
    quiet: bool,
) -> None:
    """Choose plan sets and switch times for a day of SCENARIO, the cost of each transition counted.

    The demand of the scenario is that of the busiest interval of the day, or of scale 1. --seconds is the time for all
    optimisations together.

    \b
    Examples:
      jasyl schedule corridor -o schedule.json
      jasyl schedule corridor --day counts.csv --transition shortway --sets 2 --json
    """
    from scenarios.day_profile import read_profile

    began = time.perf_counter()
    scales = read_profile(day)
    still = quiet or as_json
    city = build_city(scenario, scale=scale, demand_seed=demand_seed, quiet=still)
    from signals.day import DayDemand, candidate_sets, schedule_day
    from signals.schedule_wire import write_schedule
    from signals.transition import Method

    demand = DayDemand.of_profile(city.network, city.demand, scales)
    with progress_bar("Optimising", quiet=still) as progress:
        found_sets = candidate_sets(
            city.network,
            city.junctions,
            demand,
            sets + 1,
            seed=seed,
            seconds=seconds,
            steps=steps,
            objective=city.objective,
            start=city.before,
            progress=progress,
        )
    methods = tuple(Method) if transition == _BEST else (Method(transition),)
    with progress_bar("Choosing", quiet=still) as progress:
        if progress is not None:
            progress(0, 1, "switch times")
        found = schedule_day(
            city.network, demand, found_sets, most_sets=sets, methods=methods, name=city.scenario.name
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    write_schedule(found.schedule, output)
    _tell(found, output, seconds=time.perf_counter() - began, seed=seed, as_json=as_json)


def _tell(found: DaySchedule, output: Path, *, seconds: float, seed: int, as_json: bool) -> None:
    """Print what came out."""
    warnings = []
    if found.left_share > _LEFT:
        warnings.append(
            f"{found.left_share:.0%} of the day's vehicles have not arrived at its end: the demand is more than the"
            " network carries, and delays tell little. Lower it with --scale."
        )
    figures: dict[str, object] = {
        "plan_sets": len(found.schedule.plan_sets),
        "single_set": found.single.name,
        "delay_single_s_per_veh": found.single_s,
        "delay_schedule_s_per_veh": found.schedule_s,
        "seconds": seconds,
        "seed": seed,
        "schedule": str(output),
    }
    if as_json:
        print_result(
            {**figures, "warnings": warnings, "entries": [_row(row) for row in found.rows]}, as_json=True
        )
        return
    print_result(figures, as_json=False)
    if found.dropped:
        click.echo("Over the whole day no change of plans was better than the single set.")
    click.echo("\nDelay in s/veh; transitions in vehicle-seconds of delay, and seconds until all are in step")
    print_table([_shown(row) for row in found.rows])
    for warning in warnings:
        click.echo(warning)


def _row(row: Row) -> dict[str, Any]:
    """Return an entry for programs."""
    from signals.schedule import clock

    return {
        "from": clock(row.entry.from_s),
        "set": row.entry.plans,
        "transition": str(row.entry.method) if row.transitions else None,
        "vehicles": row.vehicles,
        "delay_single_s_per_veh": row.single_s,
        "delay_schedule_s_per_veh": row.schedule_s,
        "transitions": {
            str(method): {
                "delay_veh_s": cost.delay_veh_s,
                "seconds": cost.seconds,
                "junctions_by_other_method": cost.other_method,
            }
            for method, cost in row.transitions.items()
        },
    }


def _shown(row: Row) -> dict[str, object]:
    """Return an entry for people."""
    told = _row(row)
    costs = ", ".join(
        f"{'*' if method == told['transition'] else ''}{method} {cost['delay_veh_s']:,.0f} ({cost['seconds']} s)"
        for method, cost in told["transitions"].items()
    )
    return {
        "from": told["from"],
        "set": told["set"],
        "single": told["delay_single_s_per_veh"],
        "schedule": told["delay_schedule_s_per_veh"],
        "transitions (* taken)": costs or "-",
    }
