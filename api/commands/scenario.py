"""`jasyl scenario`: what there is to work on."""

from __future__ import annotations

import json
from pathlib import Path

import click

from api.commands._city import build_city
from api.console import check_outputs, json_option, print_result, quiet_option, scenario_options
from traffic.errors import InputError

__all__ = ["command"]


@click.group("scenario")
def command() -> None:
    """List, show, check and create scenarios.

    \b
    Examples:
      jasyl scenario list
      jasyl scenario show almaty
      jasyl scenario check my-city.toml
      jasyl scenario new my-city.toml
    """


@command.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """List the built-in scenarios."""
    from scenarios.loader import names

    known = dict(names())
    print_result(known, as_json=as_json)


@command.command("show")
@click.argument("scenario")
@json_option
def show_command(scenario: str, as_json: bool) -> None:
    """Show the settings of SCENARIO, defaults included.

    \b
    Example:
      jasyl scenario show almaty --json
    """
    from scenarios.loader import load

    settings = load(scenario).file.model_dump(mode="json")
    click.echo(json.dumps(settings, indent=None if as_json else 2, ensure_ascii=False))


@command.command("check")
@scenario_options
@json_option
@quiet_option
def check_command(scenario: str, scale: float, demand_seed: int | None, as_json: bool, quiet: bool) -> None:
    """Build SCENARIO and say what is in it; exit code 2 if it breaks a rule.

    \b
    Example:
      jasyl scenario check my-city.toml
    """
    city = build_city(scenario, scale=scale, demand_seed=demand_seed, quiet=quiet or as_json)
    figures = {
        "scenario": city.scenario.name,
        "label": city.label,
        "junctions": len(city.junctions),
        "nodes": len(city.network.nodes),
        "links": len(city.network.links),
        "movements": len(city.network.movements),
        "demand_veh_h": float(city.demand.entry_veh_s.mean(axis=0).sum() * 3600),
        "demand": city.demand.source,
    }
    print_result(figures, as_json=as_json)


@command.command("new")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
def new_command(file: Path, as_json: bool) -> None:
    """Write a scenario file to start from, every setting explained.

    \b
    Example:
      jasyl scenario new my-city.toml
    """
    from scenarios.loader import template
    from traffic.files import replacing

    if file.exists():
        raise InputError("must not exist yet", file=file, hint="Choose another name or remove the file")
    check_outputs([file], [])
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as draft:
        draft.write_text(template(), encoding="utf-8")
    print_result({"scenario": str(file)}, as_json=as_json)
