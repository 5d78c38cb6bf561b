"""`jasyl evaluate`: what plans do in the flow model."""

from __future__ import annotations

from pathlib import Path

import click

from api.city_work import evaluate_city
from api.commands._city import build_city, in_force_figures, read_city_plans
from api.console import json_option, planned_scale_option, print_result, quiet_option, scenario_options

__all__ = ["command"]


@click.command("evaluate")
@scenario_options
@click.option(
    "--plans",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="Plans written by `jasyl optimize`.",
)
@planned_scale_option
@json_option
@quiet_option
def command(
    scenario: str,
    scale: float,
    demand_seed: int | None,
    plans: Path,
    planned_scale: float | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run the plans of SCENARIO through the flow model and print what the traffic does.

    Delay is the time in the system above free flow, waiting to enter included, over all vehicles that were
    due to enter.

    \b
    Examples:
      jasyl evaluate almaty --plans plans.json
      jasyl evaluate almaty --plans plans.json --scale 1.1 --planned-scale 1 --json
    """
    city = build_city(
        scenario, scale=scale, demand_seed=demand_seed, planned_scale=planned_scale, quiet=quiet or as_json
    )
    done = evaluate_city(city, read_city_plans(city, plans))
    figures, warning = {**done.figures, **in_force_figures(city, as_json=as_json)}, done.warning
    if as_json:
        figures["warnings"] = [warning] if warning else []
    print_result(figures, as_json=as_json)
    if warning and not as_json:
        click.echo(warning)
