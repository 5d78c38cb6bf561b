"""`jasyl controller`: virtual controllers, and the tables that they trust."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.commands._city import build_city, read_city_plans
from api.commands._latch import reset, reset_options
from api.console import FiniteRange, json_option, print_result, quiet_option, scenario_options

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from signals.schedule import Schedule
    from simulation.controller.fleet import Fleet
    from simulation.controller.runner import InForce
    from simulation.controller.tables import Tables

__all__ = ["command"]

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_URL = click.option(
    "--url",
    envvar="JASYL_URL",
    default="http://127.0.0.1:8000",
    help="Root of the service; default: JASYL_URL, else http://127.0.0.1:8000.",
)


@click.group("controller")
def command() -> None:
    """Commission and run virtual controllers, which check every plan by tables of their own.

    \b
    Examples:
      jasyl controller commission corridor -o controllers --keys jwks.json
      jasyl controller run controllers --url http://127.0.0.1:8000 --credentials credentials.json
      jasyl controller check controllers/corridor%3A1.tables.json plans.json
      jasyl controller reset controllers --junction corridor:1 --by "A. Person" --why "wiring checked"
    """


@command.command("commission")
@scenario_options
@click.option("-o", "--output", type=_FOLDER, required=True, help="Folder for the tables, a file each.")
@click.option(
    "--keys",
    type=_FILE,
    default=None,
    help="Public keys of the service (JWK set); without them nothing is accepted.",
)
@click.option(
    "--plans",
    type=_FILE,
    default=None,
    help="Plans to run in silence; default: those in force, else Webster's.",
)
@click.option(
    "--time-zone", default="Asia/Almaty", show_default=True, help="Time zone of the local schedule."
)
@click.option(
    "--backup",
    "backup_s",
    type=click.IntRange(1, 86_400),
    default=300,
    show_default=True,
    help="Seconds without a word from the service until the local schedule is run.",
)
@json_option
@quiet_option
def commission_command(
    scenario: str,
    scale: float,
    demand_seed: int | None,
    output: Path,
    keys: Path | None,
    plans: Path | None,
    time_zone: str,
    backup_s: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write the tables of a controller for each junction of SCENARIO.

    They hold signal groups, conflicts, intergreens and bounds, a local schedule, and the keys that the controller trusts.

    \b
    Examples:
      jasyl controller commission corridor -o controllers
      jasyl controller commission almaty -o controllers --keys jwks.json --plans plans.json --backup 600
    """
    from simulation.controller.commissioning import commissioned, read_keys, write_tables

    trusted = [] if keys is None else read_keys(keys)
    schedule, junctions = _local_schedule(scenario, scale, demand_seed, plans, quiet=quiet or as_json)
    tables = [
        commissioned(junction, schedule, row, time_zone=time_zone, backup_s=backup_s, keys=trusted)
        for row, junction in enumerate(junctions)
    ]
    write_tables(tables, output)
    figures = {"controllers": len(tables), "keys": len(trusted), "local_plans": schedule.name}
    print_result({**figures, "folder": str(output)}, as_json=as_json)


def _local_schedule(
    scenario: str, scale: float, demand_seed: int | None, plans: Path | None, *, quiet: bool
) -> tuple[Schedule, Sequence[Any]]:
    from signals.schedule import Schedule
    from simulation.rivals import isolated_webster

    city = build_city(scenario, scale=scale, demand_seed=demand_seed, quiet=quiet)
    if plans is not None:
        local = read_city_plans(city, plans)
    elif city.before is not None:
        local = city.before
    else:
        local = isolated_webster(city.network, city.junctions, city.demand)
    return Schedule.of_one(local), city.junctions


@command.command("register")
@click.argument("folder", type=_FOLDER)
@_URL
@click.option(
    "--credentials",
    type=_FILE,
    required=True,
    help="Where to write (or add) the credentials; nobody else may read it.",
)
@click.option("--junction", "junctions", multiple=True, help="Register this one only; may be given again.")
@click.option("--rotate", is_flag=True, help="They are registered: give them new credentials.")
@click.option("--ca", type=_FILE, default=None, help="Authority of the service's certificate (PEM).")
@click.option(
    "--token-file",
    type=_FILE,
    default=None,
    help="File with the token of an administrator, which nobody else can read; default: the variable JASYL_TOKEN.",
)
@json_option
def register_command(
    folder: Path,
    url: str,
    credentials: Path,
    junctions: tuple[str, ...],
    rotate: bool,
    ca: Path | None,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """Register the controllers whose tables are in FOLDER, and let them trust the keys of the service.

    What this command is told is believed, so it should run over TLS or on the machine of the service.

    \b
    Examples:
      jasyl controller register controllers --credentials credentials.json --token-file admin.token
      jasyl controller register controllers --url https://centre.example --credentials c.json --rotate
    """
    from api.client.sending import read_token
    from simulation.controller.commissioning import (
        read_credentials,
        read_folder,
        with_keys,
        write_credentials,
        write_tables,
    )
    from simulation.controller.http import LinkError, Settings, register
    from traffic.errors import InputError

    token = read_token(token_file)
    if token is None:
        hint = "Give a file with --token-file, or set JASYL_TOKEN"
        raise InputError("must be given", field="--token-file", hint=hint)
    service = Settings(url, ca=None if ca is None else str(ca))
    known = read_credentials(credentials) if credentials.exists() else {}
    tables = read_folder(folder, junctions)
    for one in tables:
        try:
            answer = asyncio.run(
                register(service, token, one.junction, "jasyl controller register", rotate=rotate)
            )
        except LinkError as error:
            raise InputError(
                "must be registered by the service", field=one.junction, value=str(error)
            ) from error
        known[one.junction] = answer["token"]
        write_credentials(credentials, known)  # each is shown once
        write_tables([with_keys(one, answer.get("keys"))], folder)
    print_result({"controllers": len(tables), "credentials": str(credentials)}, as_json=as_json)


@command.command("check")
@click.argument("tables_file", metavar="TABLES", type=_FILE)
@click.argument("plans_file", metavar="PLAN", type=_FILE)
@json_option
def check_command(tables_file: Path, plans_file: Path, as_json: bool) -> None:
    """Say whether the controller with these TABLES accepts the plan in PLAN: a plan, or a file of plans with one of its junction.

    A plan that it refuses ends the command with exit code 2 and the rule that it breaks.

    \b
    Examples:
      jasyl controller check controllers/corridor%3A1.tables.json plans.json
      jasyl controller check controllers/corridor%3A1.tables.json plan.json --json
    """
    from simulation.controller.gate import checked_plan
    from simulation.controller.reading import json_value
    from simulation.controller.tables import read_tables
    from traffic.errors import InputError

    tables = read_tables(tables_file)
    document = json_value(plans_file)
    try:
        plan = checked_plan(_plan_of(document, tables), tables)
    except InputError as error:
        raise InputError(
            error.rule, file=plans_file, field=error.field, value=error.value, hint=error.hint
        ) from error
    greens = {name: list(map(list, plan.windows[g])) for g, name in enumerate(tables.names)}
    figures: dict[str, object] = {
        "junction": tables.junction,
        "accepted": True,
        "plan": plan.name,
        "cycle_s": plan.cycle_s,
        "offset_s": plan.offset_s,
    }
    print_result({**figures, "greens_s": greens} if as_json else figures, as_json=as_json)


def _plan_of(document: object, tables: Tables) -> object:
    """Return the plan of the controller's junction in a file of plans, or the document itself."""
    from traffic.errors import InputError

    if not isinstance(document, dict) or document.get("format") != "jasyl-plans":
        return document
    rows = document.get("plans")
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and row.get("junction") == tables.junction:
            return row
    raise InputError("must have a plan of the junction", field="plans", value=tables.junction)


@command.command("run")
@click.argument("folder", type=_FOLDER)
@_URL
@click.option(
    "--credentials",
    type=_FILE,
    required=True,
    help="JSON object from junctions to the credentials of their controllers.",
)
@click.option("--junction", "junctions", multiple=True, help="Run this one only; may be given again.")
@click.option("--data", type=_FOLDER, default=None, help="Folder for their memory; default: FOLDER/data.")
@click.option(
    "--push",
    type=click.Choice(["sse", "poll"]),
    default="sse",
    show_default=True,
    help="Whether the service pushes (server-sent events), or is polled and holds its answer.",
)
@click.option("--shared", is_flag=True, help="One pool of connections for all, in place of one each.")
@click.option("--events", is_flag=True, help="Report every change of aspects.")
@click.option(
    "--seconds",
    type=FiniteRange(min=0.0, min_open=True),
    default=None,
    help="Stop after this time; default: never.",
)
@click.option(
    "--spread",
    type=FiniteRange(0.0, 3600.0),
    default=0.0,
    show_default=True,
    help="Seconds over which the controllers begin to talk.",
)
@click.option("--log", type=_FILE, default=None, help="Append a JSON line for every change of what is run.")
@click.option("--ca", type=_FILE, default=None, help="Authority of the service's certificate (PEM).")
@click.option(
    "--cert", type=_FILE, default=None, help="Certificate of the controllers (PEM), for mutual TLS."
)
@click.option("--key", type=_FILE, default=None, help="Key of that certificate (PEM).")
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Seed of waits."
)
@json_option
def run_command(
    folder: Path, credentials: Path, junctions: tuple[str, ...], as_json: bool, **how: Any
) -> None:
    """Run the controllers whose tables are in FOLDER, until interrupted; then print what they did.

    Each keeps its last good plans on disk, runs them by its own clock, and its local schedule when it hears nothing.

    \b
    Examples:
      jasyl controller run controllers --url http://127.0.0.1:8000 --credentials credentials.json
      jasyl controller run controllers --url https://centre.example --credentials c.json --junction osm:1 --push poll
      jasyl controller run controllers --url http://127.0.0.1:8000 --credentials c.json --seconds 60 --json
    """
    import uvloop

    from simulation.controller.commissioning import read_credentials, read_folder
    from simulation.controller.fleet import Fleet, FleetSettings
    from simulation.controller.http import Settings

    paths = {name: None if how[name] is None else str(how[name]) for name in ("ca", "cert", "key")}
    service = Settings(how["url"], ca=paths["ca"], certificate=paths["cert"], key=paths["key"])
    tables = read_folder(folder, junctions)
    fleet = Fleet(
        tables,
        read_credentials(credentials, [one.junction for one in tables]),
        how["data"] or folder / "data",
        FleetSettings(
            service,
            push=how["push"] == "sse",
            shared=how["shared"],
            events=how["events"],
            spread_s=how["spread"],
            seed=how["seed"],
        ),
        clock=time.time,
        steady=time.monotonic,
        observe=_observer(how["log"], as_json=as_json),
    )
    uvloop.run(_run(fleet, how["seconds"]))
    print_result(_shown(fleet.summary(), as_json=as_json), as_json=as_json)


@command.command("reset")
@click.argument("folder", type=_FOLDER)
@click.option(
    "--junction",
    "junctions",
    multiple=True,
    required=True,
    help="Junction of the controller; may be given several times.",
)
@click.option("--data", type=_FOLDER, default=None, help="Folder of their memory; default: FOLDER/data.")
@reset_options
@json_option
def reset_command(
    folder: Path, junctions: tuple[str, ...], data: Path | None, by: str, why: str, as_json: bool
) -> None:
    """Take back what the conflict monitors of controllers in FOLDER have found, as a person at the cabinet does.

    Until then they flash, whatever is ordered and however often they are started. A controller that runs begins from all red
    within a second, any other when it is started; it reports who has reset it and why.

    \b
    Examples:
      jasyl controller reset controllers --junction corridor:1 --by "A. Person" --why "wiring checked"
      jasyl controller reset controllers --data memory --junction osm:1 --junction osm:2 --by "A. Person" --why "new lamps"
    """
    print_result(reset(data or folder / "data", junctions, by, why), as_json=as_json)


async def _run(fleet: Fleet, seconds: float | None) -> None:
    until, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, until.set)
    if seconds is not None:
        loop.call_later(seconds, until.set)
    await fleet.run(until)


def _observer(log: Path | None, *, as_json: bool) -> Callable[[str, InForce, int], None]:
    """Return who is told of every change: the log, and the terminal unless a program reads it."""

    def observe(junction: str, now: InForce, wall_s: int) -> None:
        if log is not None:
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"at": wall_s, "junction": junction, **now._asdict()}) + "\n")
        if not as_json:
            at = time.strftime("%H:%M:%S", time.localtime(wall_s))
            version = "" if now.version is None else f" version {now.version}"
            step = "" if now.in_step else ", not in step yet"
            click.echo(f"{at}  {junction}  {now.source}{version}  {now.plan or '-'}{step}")

    return observe


def _shown(summary: dict[str, Any], *, as_json: bool) -> dict[str, Any]:
    """Return the summary for programs, or for people: without lists of objects and empty values."""
    if as_json:
        return summary
    shown = {name: value for name, value in summary.items() if value not in (None, [], {})}
    shown["plan_sets"] = [
        f"{row['release']}: {row['result']} by {row['controllers']}" for row in summary["plan_sets"]
    ]
    return shown
