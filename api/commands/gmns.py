"""`jasyl gmns`: to and from the General Modeling Network Specification."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.commands._city import build_city, read_city_plans
from api.commands._exchange import reasons, write_read_plans
from api.console import (
    check_outputs,
    json_option,
    planned_scale_option,
    print_result,
    quiet_option,
    scenario_options,
)

if TYPE_CHECKING:
    from signals.gmns.read import GmnsSignals
    from traffic.gmns.roads import GmnsNetwork

__all__ = ["command"]

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("gmns")
def command() -> None:
    """Exchange networks and timing in the General Modeling Network Specification (GMNS, a folder of CSV files).

    \b
    Examples:
      jasyl gmns import city -o city.npz --plans plans.json
      jasyl gmns export corridor --plans plans.json -o corridor
    """


@command.command("import")
@click.argument("source", type=click.Path(path_type=Path), metavar="FOLDER_OR_ZIP")
@click.option("-o", "--output", type=_FILE, required=True, help="Network file to write.")
@click.option("--plans", type=_FILE, default=None, help="Also write the timing plans that are safe.")
@click.option(
    "--timing-plan",
    default=None,
    help="timing_plan_id of the plans to write; default: the first safe one of each junction.",
)
@click.option("--folder", default=None, help="Folder of the network, where a zip file holds several.")
@click.option("--name", default=None, help="Name of the network; default: dataset_name of config.csv.")
@click.option("--crs", default=None, help="Coordinate system, e.g. EPSG:32619; default: that of config.csv.")
@click.option(
    "--length-unit", default=None, help="Unit of lengths, e.g. meter; default: those of config.csv."
)
@click.option("--speed-unit", default=None, help="Unit of speeds, e.g. mph; default: that of config.csv.")
@json_option
@quiet_option
def import_command(
    source: Path,
    output: Path,
    plans: Path | None,
    timing_plan: str | None,
    folder: str | None,
    name: str | None,
    crs: str | None,
    length_unit: str | None,
    speed_unit: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Read the GMNS tables of FOLDER_OR_ZIP: roads, lanes, movements, signals, and every timing plan.

    Only what cars may use is read. A plan that is unsafe or not fixed is refused with its reason, and the others load.

    \b
    Examples:
      jasyl gmns import city -o city.npz
      jasyl gmns import examples.zip --folder Lima/GMNS -o lima.npz --json
      jasyl gmns import city -o city.npz --plans plans.json --timing-plan am
    """
    del quiet
    check_outputs([output, plans], [source, *source.glob("*.csv")] if source.is_dir() else [source])
    from signals.gmns.read import read_signals
    from traffic.errors import InputError
    from traffic.gmns.cells import rows_of
    from traffic.gmns.records import read_gmns
    from traffic.gmns.roads import road_network
    from traffic.store import save_network

    tables = read_gmns(source, inside=folder)
    gmns = road_network(tables, name=name, crs=crs, length=length_unit, speed=speed_unit)
    signals = read_signals(gmns)
    known = [row.text("timing_plan_id") for row in rows_of(tables, "signal_timing_plan")]
    if timing_plan is not None and timing_plan not in known:
        rule, hint = (
            "must be a timing_plan_id of signal_timing_plan.csv",
            f"Choose one: {', '.join(known) or 'none'}",
        )
        raise InputError(rule, file=tables.source, field="--timing-plan", value=timing_plan, hint=hint)
    chosen = signals.first(timing_plan)
    for path in (output, plans):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
    save_network(gmns.network, output)
    if plans is not None:
        write_read_plans(chosen, timing_plan or "GMNS", gmns.network.name, plans)
    print_result(_figures(gmns, signals, len(chosen), as_json=as_json), as_json=as_json)


def _figures(gmns: GmnsNetwork, signals: GmnsSignals, written: int, *, as_json: bool) -> dict[str, object]:
    network = gmns.network
    return {
        "nodes": len(network.nodes),
        "links": len(network.links),
        "movements": len(network.movements),
        "junctions": len(network.junctions),
        "crossings": len(network.crossings),
        "plans": written,
        "plans_safe": len(signals.plans),
        "plans_refused": len(signals.refused),
        "reasons": reasons(signals.refused, as_json=as_json, tables=True),
        "left_out": gmns.left_out,
        "warnings": list(gmns.warnings),
    }


@command.command("export")
@scenario_options
@click.option(
    "--plans",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=None,
    help="Plans written by `jasyl optimize`; without them the tables of signals are left out.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder to write: a new or an empty one.",
)
@planned_scale_option
@json_option
@quiet_option
def export_command(
    scenario: str,
    scale: float,
    demand_seed: int | None,
    plans: Path | None,
    output: Path,
    planned_scale: float | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write SCENARIO's roads, lanes, movements and crossings, and --plans, as a folder of GMNS tables.

    Every stage becomes a phase of one ring. Read again, the network is the same to the last digit.

    \b
    Examples:
      jasyl gmns export corridor -o corridor
      jasyl gmns export grid-5x4 --plans plans.json -o grid --json
    """
    check_outputs([output], [plans])
    from signals.gmns.write import plans_to_gmns
    from traffic.gmns.records import check_new_folder, write_gmns
    from traffic.gmns.write import network_to_gmns

    check_new_folder(output)
    city = build_city(
        scenario, scale=scale, demand_seed=demand_seed, planned_scale=planned_scale, quiet=quiet or as_json
    )
    network = city.network
    found = None if plans is None else read_city_plans(city, plans)
    tables = network_to_gmns(network) if found is None else plans_to_gmns(network, found)
    output.parent.mkdir(parents=True, exist_ok=True)
    write_gmns(tables, output)
    figures = {
        "folder": str(output),
        "tables": len(tables.tables),
        "nodes": len(network.nodes),
        "links": len(network.links),
        "movements": len(network.movements),
        "junctions": len(network.junctions),
        "plans": 0 if found is None else len(found),
    }
    print_result(figures, as_json=as_json)
