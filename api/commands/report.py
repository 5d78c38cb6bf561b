"""`jasyl report`: a page to look at."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.commands._city import build_city, in_force_figures, read_city_plans
from api.console import json_option, planned_scale_option, print_result, quiet_option, scenario_options

if TYPE_CHECKING:
    from signals.plan import PlanSet
    from traffic.flow import FlowResult

__all__ = ["command"]


@click.command("report")
@scenario_options
@click.option(
    "--plans",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="Plans written by `jasyl optimize`.",
)
@click.option(
    "--before",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=None,
    help="Plans to compare with; default: the scenario's timing sheet, else isolated Webster plans.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("report.html"),
    show_default=True,
    help="Where to write the report.",
)
@planned_scale_option
@json_option
@quiet_option
def command(
    scenario: str,
    scale: float,
    demand_seed: int | None,
    plans: Path,
    before: Path | None,
    output: Path,
    planned_scale: float | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write a self-contained HTML report on the plans of SCENARIO; it opens with no internet.

    \b
    Examples:
      jasyl report almaty --plans plans.json -o report.html
      jasyl report almaty --plans new.json --before old.json -o comparison.html
    """
    city = build_city(
        scenario, scale=scale, demand_seed=demand_seed, planned_scale=planned_scale, quiet=quiet or as_json
    )
    from api.report import write_report
    from signals.greens import movement_greens
    from simulation.rivals import isolated_webster
    from traffic.flow import FlowModel

    after_plans = read_city_plans(city, plans)
    before_plans = read_city_plans(city, before) if before else city.before
    if before_plans is None:
        before_plans = isolated_webster(city.network, city.junctions, city.demand)
    model, run = FlowModel(city.network, city.demand), city.scenario.run

    def figures(plan_set: PlanSet) -> FlowResult:
        greens = movement_greens(city.network, plan_set)
        return model.run(greens, duration_s=run.duration_s, report_s=run.report_s)

    output.parent.mkdir(parents=True, exist_ok=True)
    write_report(
        city,
        after_plans,
        output,
        before=before_plans,
        result=figures(after_plans),
        result_before=figures(before_plans),
        date=dt.datetime.now(dt.UTC).date(),
        seed=demand_seed,
        scale=scale,
    )
    told: dict[str, object] = {"report": str(output), "megabytes": output.stat().st_size / 1e6}
    print_result(told | in_force_figures(city, as_json=as_json), as_json=as_json)
