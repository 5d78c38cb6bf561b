"""`jasyl rsmp`: capability files of RSMP controllers, and virtual sites to try the service with."""

from __future__ import annotations

import asyncio
import signal
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.commands._latch import reset, reset_options
from api.console import (
    FiniteRange,
    force_option,
    json_option,
    print_result,
    print_table,
    require_new,
)

if TYPE_CHECKING:
    from api.centre.served_city import ServedCity
    from signals.rsmp.capability import Capability
    from signals.schedule import Schedule
    from simulation.controller.rsmp_fleet import RsmpFleet

__all__ = ["command"]

_FILE = click.Path(path_type=Path, dir_okay=False)
_SITES = "sites"


@click.group("rsmp")
def command() -> None:
    """Make and check capability files of RSMP controllers, and run virtual sites.

    \b
    Examples:
      jasyl rsmp capability corridor corridor:1 --site AL+0001=001TC000 -o data/rsmp/1.toml
      jasyl rsmp check data/rsmp/1.toml corridor
      jasyl rsmp check data/rsmp/1.toml corridor --plans plans.json
      jasyl rsmp run corridor --data data --connect 127.0.0.1:12111
      jasyl rsmp reset --data data --site AL+1 --by "A. Person" --why "wiring checked"
    """


@command.command("capability")
@click.argument("city")
@click.argument("junction")
@click.option("--site", required=True, help="Site id, as in the Version message: AL+0001=001TC000.")
@click.option("-o", "--output", type=_FILE, required=True, help="File to write, .toml or .json.")
@click.option("--plans", type=_FILE, default=None, help="Plans, or a schedule, whose stages it is to carry.")
@click.option(
    "--sxl",
    type=click.Choice(["1.1.0", "1.2.0", "1.2.1"]),
    default="1.2.1",
    show_default=True,
    help="Version of the signal exchange list.",
)
@click.option(
    "--copies",
    type=click.IntRange(1, 30),
    default=3,
    show_default=True,
    help="Stored plans of each order of stages: one that runs, one for the next version, one for an event.",
)
@force_option
@json_option
def capability_command(
    city: str,
    junction: str,
    site: str,
    output: Path,
    plans: Path | None,
    sxl: str,
    copies: int,
    force: bool,
    as_json: bool,
) -> None:
    """Write a first capability file for JUNCTION of CITY, by Jasyl's tables of it.

    It is what a virtual site needs. For a real controller it is a beginning: its groups, intergreens and stored plans
    are those of its own documentation.

    \b
    Examples:
      jasyl rsmp capability corridor corridor:1 --site AL+0001=001TC000 -o data/rsmp/1.toml
      jasyl rsmp capability almaty osm:1 --site AL+0002=001TC000 --plans plans.json -o data/rsmp/2.toml
    """
    import json

    from api.centre.served_city import load_city
    from signals.rsmp.capability_file import capability_text, capability_to_dict
    from signals.rsmp.first_capability import first_capability
    from traffic.errors import InputError
    from traffic.files import replacing

    if output.suffix not in {".toml", ".json"}:
        raise InputError("must end with .toml or .json", file=output, field="--output")
    require_new(output, force=force)
    served = load_city(city)
    orders = [] if plans is None else _orders(plans, served, junction)
    made = first_capability(served.junction(junction), site=site, sxl=sxl, orders=orders, copies=copies)
    text = (
        capability_text(made)
        if output.suffix == ".toml"
        else json.dumps(capability_to_dict(made), ensure_ascii=False, indent=1) + "\n"
    )
    with replacing(output) as draft:
        draft.write_text(text, encoding="utf-8")
    values = {"site": site, "junction": junction, "stored_plans": [plan.number for plan in made.plans]}
    print_result({**values, "file": str(output)}, as_json=as_json)


def _orders(file: Path, city: ServedCity, junction: str) -> list[list[list[str]]]:
    """Return the orders of stages that the plans of a junction have, each once."""
    from signals.wire import plan_to_dict

    schedule, row = _of_junction(file, city, junction)
    found = []
    for plans in schedule.plan_sets:
        order = [sorted(stage["groups"]) for stage in plan_to_dict(plans[row])["stages"]]
        found += [] if order in found else [order]
    return found


def _of_junction(file: Path, city: ServedCity, junction: str) -> tuple[Schedule, int]:
    """Return the schedule in a file, and the row of a junction in it."""
    from signals.payloads import read_schedule_document
    from signals.wire import read_document
    from traffic.errors import InputError

    schedule = read_document(
        file,
        lambda document: read_schedule_document(document, city.junctions),
        hint="Give plans of this city",
    )
    rows = [row for row, plan in enumerate(schedule.plan_sets[0]) if plan.junction.key == junction]
    if not rows:
        rule = "must have a plan of the junction of the site"
        raise InputError(rule, file=file, field="plans", value=junction)
    return schedule, rows[0]


@command.command("check")
@click.argument("file", type=_FILE)
@click.argument("city")
@click.option(
    "--plans", type=_FILE, default=None, help="Plans, or a schedule, to be mapped through the file."
)
@click.option("--time-zone", default="Asia/Almaty", show_default=True, help="Time zone of schedules.")
@json_option
def check_command(file: Path, city: str, plans: Path | None, time_zone: str, as_json: bool) -> None:
    """Check the capability file FILE against its junction in CITY, and what plans become with it.

    Its groups must be those of the junction, its intergreens at least as long, and its stored plans safe however they can
    be set. With plans, the stored plan that each is written into is shown, or the feature that is missing.

    \b
    Examples:
      jasyl rsmp check data/rsmp/1.toml corridor
      jasyl rsmp check data/rsmp/1.toml corridor --plans plans.json --json
    """
    from api.centre.served_city import load_city
    from signals.rsmp.capability_file import read_capability
    from signals.rsmp.commissioning import require_junction

    capability = read_capability(file)
    served = load_city(city)
    require_junction(capability, served.junction(capability.junction))
    values: dict[str, object] = {
        "site": capability.site,
        "junction": capability.junction,
        "sxl": capability.sxl,
        "groups": [group.name for group in capability.groups],
        "stored_plans": [plan.number for plan in capability.plans],
    }
    rows = [] if plans is None else _mapped(capability, served, plans, time_zone)
    if as_json:
        print_result(values if plans is None else {**values, "plans": rows}, as_json=True)
        return
    print_result(values, as_json=False)
    print_table([{name: _cell(value) for name, value in row.items()} for row in rows])


def _cell(value: object) -> object:
    """Return what stands in a table for bands and for numbers of plans."""
    if isinstance(value, dict):
        return ", ".join(f"{band}: {seconds} s" for band, seconds in value.items()) or "none"
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else value


def _mapped(capability: Capability, city: ServedCity, file: Path, time_zone: str) -> list[dict[str, object]]:
    """Return what each plan of a file becomes."""
    from api.rsmp_bridge.programmes import allocated, programme_of
    from signals.schedule_wire import day_types_to_list
    from signals.wire import plan_to_dict

    schedule, row = _of_junction(file, city, capability.junction)
    documents = [{**plan_to_dict(plans[row]), "name": plans.name} for plans in schedule.plan_sets]
    programme = programme_of(documents, day_types_to_list(schedule), time_zone, capability)
    found = allocated(programme, {}, (), capability.site)
    return [
        {
            "plan": name,
            "number": plan.number,
            "cycle_s": plan.cycle_s,
            "offset_s": plan.offset_s,
            "bands": {str(band): seconds for band, seconds in plan.bands},
            "also_in": sorted(set(programme.plans[name]) - {plan.number}),
        }
        for name, plan in found.items()
    ]


@command.command("run")
@click.argument("city")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Data folder of the service: capability files are in rsmp, security codes in rsmp/secrets.",
)
@click.option(
    "--connect", "address", default="127.0.0.1:12111", show_default=True, help="HOST:PORT of the service."
)
@click.option("--time-zone", default="Asia/Almaty", show_default=True, help="Time zone of the time tables.")
@click.option(
    "--seconds", type=FiniteRange(0.0, 1e9), default=None, help="For how long; default: until Ctrl-C."
)
@json_option
def run_command(
    city: str, data: Path, address: str, time_zone: str, seconds: float | None, as_json: bool
) -> None:
    """Run a virtual site for each capability file of a data folder, as controllers of the junctions of CITY.

    They have lamps that a conflict monitor watches, and run nothing that their own gate refuses. What the monitor has found
    is kept in rsmp/sites, and stays until `jasyl rsmp reset`.

    \b
    Examples:
      jasyl rsmp run corridor --data data
      jasyl rsmp run almaty --data data --connect 127.0.0.1:12111 --seconds 600 --json
    """
    from api.centre.served_city import load_city
    from api.rsmp_bridge.files import read_codes, read_sites
    from simulation.controller.commissioning import bare_tables
    from simulation.controller.rsmp_fleet import RsmpFleet, RsmpFleetSettings
    from traffic.errors import InputError

    host, port = _address(address)
    served, folder = load_city(city), data / "rsmp"
    files = read_sites(folder, served.junctions)
    if not files:
        raise InputError("must have a capability file", file=folder, field="--data")
    controllers = []
    for row in files:
        if row.problem is not None or row.capability is None:
            raise InputError("must be usable", file=row.file, value=row.problem)
        tables = bare_tables(served.junction(row.capability.junction), time_zone=time_zone)
        controllers.append((row.capability, tables))
    fleet = RsmpFleet(
        controllers,
        codes=lambda name: read_codes(folder, name),
        settings=RsmpFleetSettings(host, port),
        clock=time.time,
        steady=time.monotonic,
        new_id=lambda: str(uuid.uuid4()),
        folder=folder / _SITES,
    )
    asyncio.run(_run(fleet, seconds))
    print_result(fleet.summary(), as_json=as_json)


@command.command("reset")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Data folder of `jasyl rsmp run`.",
)
@click.option(
    "--site", "sites", multiple=True, required=True, help="Id of the site; may be given several times."
)
@reset_options
@json_option
def reset_command(data: Path, sites: tuple[str, ...], by: str, why: str, as_json: bool) -> None:
    """Take back what the conflict monitors of virtual sites have found, as a person at the controller does.

    There is no way to do so over RSMP. A site that runs begins from all red within a second, any other when it is started.

    \b
    Examples:
      jasyl rsmp reset --data data --site AL+1 --by "A. Person" --why "wiring checked"
    """
    print_result(reset(data / "rsmp" / _SITES, sites, by, why), as_json=as_json)


def _address(text: str) -> tuple[str, int]:
    from traffic.errors import InputError

    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 1 <= int(port) <= 65_535:
        raise InputError("must be HOST:PORT", field="--connect", value=text)
    return host.strip("[]"), int(port)


async def _run(fleet: RsmpFleet, seconds: float | None) -> None:
    until, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, until.set)
    if seconds is not None:
        loop.call_later(seconds, until.set)
    await fleet.run(until)
