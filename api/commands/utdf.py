"""`jasyl utdf`: to and from Synchro, by its Universal Traffic Data Format."""

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
    from signals.utdf.read import UtdfSignals
    from traffic.counts import TurningCounts
    from traffic.network import RoadNetwork
    from traffic.utdf.roads import UtdfRoads

__all__ = ["command"]

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("utdf")
def command() -> None:
    """Exchange networks, volumes and timing with Synchro (UTDF version 8, one CSV file).

    \b
    Examples:
      jasyl utdf import city.csv -o city.npz --plans plans.json
      jasyl utdf export corridor --plans plans.json -o corridor.csv
    """


@command.command("import")
@click.argument("file", type=_FILE)
@click.option("-o", "--output", type=_FILE, required=True, help="Network file to write.")
@click.option("--plans", type=_FILE, default=None, help="Also write the timing plans that are safe.")
@click.option(
    "--counts", type=_FILE, default=None, help="Also write the volumes as turning counts of 15 minutes."
)
@click.option("--name", default=None, help="Name of the network; default: the file's.")
@click.option(
    "--crs",
    default="local",
    show_default=True,
    help="Projected coordinate system of the file's positions, taken in metres, e.g. EPSG:32612.",
)
@json_option
@quiet_option
def import_command(
    file: Path,
    output: Path,
    plans: Path | None,
    counts: Path | None,
    name: str | None,
    crs: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """Read a UTDF FILE: its roads, lanes and signals, and the timing plan of every controller.

    A plan that is unsafe or that Jasyl cannot express is refused with its reason, and the others load.

    \b
    Examples:
      jasyl utdf import city.csv -o city.npz
      jasyl utdf import city.csv -o city.npz --plans plans.json --counts counts.csv --json
    """
    del quiet
    check_outputs([output, plans, counts], [file])
    from signals.utdf.read import read_signals
    from traffic.store import save_network
    from traffic.utdf.records import read_utdf
    from traffic.utdf.roads import road_network

    roads = road_network(read_utdf(file), name=name or file.name.split(".")[0], crs=crs)
    signals = read_signals(roads)
    counted = None if counts is None else roads.counts()
    for path in (output, plans, counts):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
    save_network(roads.network, output)
    if plans is not None:
        write_read_plans(signals.plans, "UTDF", roads.network.name, plans)
    if counts is not None and counted is not None:
        _write_counts(counted, roads.network, counts)
    print_result(_figures(roads, signals, as_json=as_json), as_json=as_json)


def _write_counts(counted: TurningCounts, network: RoadNetwork, path: Path) -> None:
    """Write hourly volumes as the counts of one quarter of an hour."""
    from traffic.files import replacing

    moves, share = network.movements, 900.0 / counted.interval_s
    rows = ["junction,from,to,start,count"]
    for movement, vehicles in zip(counted.movement.tolist(), counted.vehicles[0].tolist(), strict=True):
        into, out_of = int(moves.in_link[movement]), int(moves.out_link[movement])
        rows.append(f"{network.links.to_node[into]},{into},{out_of},00:00,{vehicles * share:.12g}")
    with replacing(path) as draft:
        draft.write_text("\n".join(rows) + "\n", encoding="utf-8")


def _figures(roads: UtdfRoads, signals: UtdfSignals, *, as_json: bool) -> dict[str, object]:
    network = roads.network
    return {
        "nodes": len(network.nodes),
        "links": len(network.links),
        "movements": len(network.movements),
        "junctions": len(network.junctions),
        "plans": len(signals.plans),
        "plans_refused": len(signals.refused),
        "reasons": reasons(signals.refused, as_json=as_json),
        "warnings": list(roads.warnings),
    }


@command.command("export")
@scenario_options
@click.option(
    "--plans",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="Plans written by `jasyl optimize`.",
)
@click.option("-o", "--output", type=_FILE, required=True, help="UTDF file to write.")
@planned_scale_option
@json_option
@quiet_option
def export_command(
    scenario: str,
    scale: float,
    demand_seed: int | None,
    plans: Path,
    output: Path,
    planned_scale: float | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write SCENARIO's roads, lanes, traffic and --plans as a UTDF file.

    Every stage becomes a phase of one ring, and every turn has the phases in which it is green.

    \b
    Examples:
      jasyl utdf export corridor --plans plans.json -o corridor.csv
      jasyl utdf export grid-5x4 --plans plans.json --scale 0.8 -o grid.csv --json
    """
    city = build_city(
        scenario, scale=scale, demand_seed=demand_seed, planned_scale=planned_scale, quiet=quiet or as_json
    )
    from signals.utdf.write import plans_to_utdf
    from traffic.utdf.records import write_utdf

    found = read_city_plans(city, plans)
    file = plans_to_utdf(city.network, found, city.demand.movement_veh_s(city.network))
    output.parent.mkdir(parents=True, exist_ok=True)
    write_utdf(file, output)
    network = city.network
    figures = {
        "file": str(output),
        "nodes": len(network.nodes),
        "links": len(network.links),
        "junctions": len(network.junctions),
        "plans": len(found),
    }
    print_result(figures, as_json=as_json)
