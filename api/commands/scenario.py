"""`jasyl scenario`: what there is to work on."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.commands._city import build_city, in_force_figures
from api.console import (
    check_outputs,
    json_option,
    print_result,
    print_table,
    quiet_option,
    scenario_options,
)
from traffic.errors import InputError

if TYPE_CHECKING:
    from scenarios.loader import City, Scenario
    from traffic.network import RoadNetwork

__all__ = ["command"]

_WRITTEN = ("timing_sheet", "zones", "zones_made", "notes")


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
@scenario_options
@click.option("--junctions", is_flag=True, help="List the junctions instead of the settings.")
@click.option(
    "--junction",
    metavar="JUNCTION",
    help="Show the legs, signal groups and stages of one junction, given by its key, index or name.",
)
@click.option(
    "--timing-sheet",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="Write a timing sheet (CSV) to start from: the plans in force, else isolated Webster plans.",
)
@click.option(
    "--zones",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="Write the zones that are made where none are given (CSV), to be named in an OD matrix.",
)
@json_option
@quiet_option
def show_command(
    scenario: str,
    scale: float,
    demand_seed: int | None,
    junctions: bool,
    junction: str | None,
    timing_sheet: Path | None,
    zones: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Show the settings of SCENARIO, defaults included, or its junctions.

    \b
    Examples:
      jasyl scenario show almaty --json
      jasyl scenario show almaty --junctions
      jasyl scenario show corridor --junction 3
      jasyl scenario show my-city.toml --timing-sheet before.csv
      jasyl scenario show my-city.toml --zones zones.csv
    """
    if not (junctions or junction or timing_sheet or zones):
        click.echo(json.dumps(_settings(scenario), indent=None if as_json else 2, ensure_ascii=False))
        return
    told: dict[str, Any] = {}
    if zones:
        told |= _write_zones(scenario, zones)
    if junctions or junction or timing_sheet:
        city = build_city(scenario, scale=scale, demand_seed=demand_seed, quiet=quiet or as_json)
        told |= _told(city, junction, timing_sheet, every=junctions)
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        _print_junctions(told)


def _settings(name: str) -> dict[str, Any]:
    from scenarios.loader import load

    return load(name).in_force()


def _write_zones(name: str, path: Path) -> dict[str, Any]:
    """Write the made zones of a scenario; its demand is not needed for them and may refer to them."""
    from scenarios.loader import build_network, load
    from scenarios.schema import CountsDemand
    from traffic.zones import make_zones
    from traffic.zones_csv import write_zones_csv

    scenario = load(name)
    if isinstance(scenario.demand, CountsDemand):
        rule = "must be generated or od: turning counts have no zones"
        hint = "Give a scenario with trips between zones"
        raise InputError(rule, file=scenario.source, field="demand.kind", value="counts", hint=hint)
    network = build_network(scenario)
    path.parent.mkdir(parents=True, exist_ok=True)
    zones = make_zones(network, target=scenario.demand.zones)
    write_zones_csv(zones, network, path)
    return {
        "zones": str(path),
        "zones_made": len(zones),
        "notes": _zones_notes(scenario, network, len(zones)),
    }


def _zones_notes(scenario: Scenario, network: RoadNetwork, made: int) -> list[str]:
    """Say why the number of zones that were made is not the one that the scenario asks for."""
    from scenarios.schema import CountsDemand

    demand = scenario.demand
    if isinstance(demand, CountsDemand) or getattr(demand, "zones_file", None) or made == demand.zones:
        return []
    gateways = int(network.nodes.gateway.sum())
    if made > demand.zones:
        reason = f"each of the {gateways} gateways is a zone of its own"
    else:
        reason = f"besides the {gateways} gateways there are no more places on minor roads where trips may begin and end"
    return [f"{scenario.source}: demand.zones: {made} zones were made, not {demand.zones}: {reason}"]


def _count_notes(city: City) -> list[str]:
    from scenarios.demand import count_notes
    from scenarios.schema import CountsDemand

    demand = city.scenario.demand
    return count_notes(demand.file, city.figures, city.network) if isinstance(demand, CountsDemand) else []


def _import_notes(scenario: Scenario) -> list[str]:
    """Say which command lists what is wrong or suspicious in the map of a scenario."""
    from scenarios.schema import OsmNetwork

    network = scenario.network
    if not isinstance(network, OsmNetwork):
        return []
    command = ["jasyl", "import", "osm", str(scenario.find("network.file", network.file))]
    command += ["--classes", network.classes, "--country", scenario.signals.country]
    if network.overrides:
        command += ["--overrides", str(scenario.find("network.overrides", network.overrides))]
    told = shlex.join([*command, "-o", "network.npz", "--quality", "quality.txt"])
    return [f"what is wrong or suspicious in the map: {told}"]


def _told(city: City, name: str | None, timing_sheet: Path | None, *, every: bool) -> dict[str, Any]:
    from api.commands._junctions import describe, find_junction, summary

    told: dict[str, Any] = {}
    if every:
        told["junctions"] = [summary(city.network, junction) for junction in city.junctions]
    if name:
        told["junction"] = describe(city, find_junction(city.junctions, name))
    if timing_sheet:
        _write_sheet(city, timing_sheet)
        told["timing_sheet"] = str(timing_sheet)
    return told


def _write_sheet(city: City, path: Path) -> None:
    from signals.timing_sheet import write_timing_sheet
    from simulation.rivals import isolated_webster

    plans = city.before or isolated_webster(city.network, city.junctions, city.demand)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_timing_sheet(plans, path)


def _print_junctions(told: dict[str, Any]) -> None:
    """Print what was asked of junctions as tables."""
    if "junctions" in told:
        print_table(told["junctions"])
    if "junction" in told:
        shown = dict(told["junction"])
        legs, groups, sequences = (shown.pop(part) for part in ("legs", "signal_groups", "stage_sequences"))
        print_result(shown, as_json=False)
        click.echo()
        print_table(legs)
        click.echo()
        print_table([group | {"movements": _movements(group)} for group in groups])
        for number, sequence in enumerate(sequences, start=1):
            click.echo(f"\nstage sequence {number}, least cycle {sequence['least_cycle_s']} s")
            print_table([stage | {"groups": " ".join(stage["groups"])} for stage in sequence["stages"]])
    written: dict[str, object] = {name: told[name] for name in _WRITTEN if told.get(name)}
    if written:
        print_result(written, as_json=False)


def _movements(group: dict[str, Any]) -> str:
    return ", ".join(f"{move['from']}-{move['to']} {move['turn']}" for move in group["movements"])


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
    from scenarios.loader import check_stages

    city = build_city(scenario, scale=scale, demand_seed=demand_seed, quiet=quiet or as_json)
    check_stages(city)
    figures: dict[str, object] = {
        "scenario": city.scenario.name,
        "label": city.label,
        "junctions": len(city.junctions),
        "nodes": len(city.network.nodes),
        "links": len(city.network.links),
        "movements": len(city.network.movements),
        "demand_veh_h": float(city.demand.entry_veh_s.mean(axis=0).sum() * 3600),
        "demand": city.demand.source,
        "demand_figures": dict(city.figures),
    }
    figures |= in_force_figures(city, as_json=as_json)
    notes = _zones_notes(city.scenario, city.network, int(city.figures.get("zones", 0)))
    notes += _count_notes(city) + _import_notes(city.scenario)
    if notes or as_json:
        figures["notes"] = notes
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
