"""`jasyl rsmp`: capability files of RSMP controllers, and virtual sites to try the service with."""

from __future__ import annotations

import asyncio
import signal
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.console import json_option, print_result

if TYPE_CHECKING:
    from api.served_city import ServedCity
    from signals.rsmp.capability import Capability
    from simulation.controller.rsmp_site import RsmpSite

__all__ = ["command"]

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("rsmp")
def command() -> None:
    """Check capability files of RSMP controllers, and run virtual sites.

    \b
    Examples:
      jasyl rsmp check data/rsmp/1.toml corridor
      jasyl rsmp check data/rsmp/1.toml corridor --plans plans.json
      jasyl rsmp site data/rsmp/1.toml corridor --data data --connect 127.0.0.1:12111
    """


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
    from api.served_city import load_city
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
    if plans is not None:
        values["plans"] = _mapped(capability, served, plans, time_zone)
    print_result(values, as_json=as_json)


def _mapped(capability: Capability, city: ServedCity, file: Path, time_zone: str) -> list[object]:
    """Return what each plan of a file becomes."""
    from api.rsmp_bridge.programmes import allocated, programme_of
    from signals.payloads import read_schedule_document
    from signals.schedule_wire import day_types_to_list
    from signals.wire import plan_to_dict, read_document
    from traffic.errors import InputError

    schedule = read_document(
        file,
        lambda document: read_schedule_document(document, city.junctions),
        hint="Give plans of this city",
    )
    rows = [row for row, plan in enumerate(schedule.plan_sets[0]) if plan.junction.key == capability.junction]
    if not rows:
        rule = "must have a plan of the junction of the site"
        raise InputError(rule, file=file, field="plans", value=capability.junction)
    documents = [{**plan_to_dict(plans[rows[0]]), "name": plans.name} for plans in schedule.plan_sets]
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


@command.command("site")
@click.argument("file", type=_FILE)
@click.argument("city")
@click.option(
    "--connect", "address", default="127.0.0.1:12111", show_default=True, help="HOST:PORT of the service."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Data folder of the service: security codes are in rsmp/secrets.",
)
@click.option("--time-zone", default="Asia/Almaty", show_default=True, help="Time zone of its time tables.")
def site_command(file: Path, city: str, address: str, data: Path, time_zone: str) -> None:
    """Run a virtual site as the capability file FILE describes it, until Ctrl-C.

    Behind it stands a controller in memory that knows its junction in CITY, and refuses settings that would be unsafe.

    \b
    Examples:
      jasyl rsmp site data/rsmp/1.toml corridor --data data
    """
    from api.rsmp_bridge.files import read_codes
    from api.served_city import load_city
    from signals.rsmp.capability_file import read_capability
    from signals.rsmp.commissioning import require_junction
    from simulation.controller.commissioning import bare_tables
    from simulation.controller.rsmp_gate import GatedModel
    from simulation.controller.rsmp_site import RsmpSite, SiteSettings
    from simulation.controller.tables import time_zone as zone_of

    host, port = _address(address)
    capability = read_capability(file)
    junction = load_city(city).junction(capability.junction)
    require_junction(capability, junction)
    model = GatedModel(
        capability,
        bare_tables(junction, time_zone=time_zone),
        clock=lambda: datetime.now(UTC),
        zone=zone_of(time_zone, "--time-zone"),
    )
    site = RsmpSite(
        model,
        SiteSettings(capability.site, capability.component, sxl=capability.sxl),
        codes=read_codes(data / "rsmp", capability.security),
        new_id=lambda: str(uuid.uuid4()),
    )
    click.echo(f"Site {capability.site} connects to {host}:{port}")
    asyncio.run(_until_stopped(site, host, port))


def _address(text: str) -> tuple[str, int]:
    from traffic.errors import InputError

    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 1 <= int(port) <= 65_535:
        raise InputError("must be HOST:PORT", field="--connect", value=text)
    return host.strip("[]"), int(port)


async def _until_stopped(site: RsmpSite, host: str, port: int) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    running = asyncio.create_task(site.run(host, port))
    await asyncio.wait({running, asyncio.create_task(stopped.wait())}, return_when=asyncio.FIRST_COMPLETED)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
