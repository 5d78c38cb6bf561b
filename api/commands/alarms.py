"""`jasyl alarms`: what an operator must see."""

from __future__ import annotations

import click

from api.commands._service import Service, service_options, why_option
from api.console import json_option, print_result, print_table

__all__ = ["command"]


@click.group("alarms")
def command() -> None:
    """List the alarms that stand, and say that they have been seen.

    \b
    Examples:
      jasyl alarms list --token-file viewer.token
      jasyl alarms acknowledge status:corridor:4:fault --why "a crew is on its way" --token-file engineer.token
    """


@command.command("list")
@click.option("--kind", default=None, help="Only those of this kind, such as controller_silent.")
@click.option("--new", "new_only", is_flag=True, help="Only those that nobody has acknowledged.")
@service_options
@json_option
def list_command(service: Service, kind: str | None, new_only: bool, as_json: bool) -> None:
    """List the alarms that stand.

    \b
    Examples:
      jasyl alarms list --token-file viewer.token
      jasyl alarms list --new --kind controller_silent --json
    """
    with service.opened() as client:
        found = [
            alarm
            for alarm in client.iter_alarms()
            if kind in {None, alarm.kind} and not (new_only and alarm.acknowledged_by)
        ]
    rows = [alarm.model_dump(mode="json") for alarm in found]
    if as_json:
        print_result({"alarms": rows}, as_json=True)
        return
    names = ("id", "kind", "raised_at", "acknowledged_by", "text")
    print_table([{name: row[name] for name in names} for row in rows])


@command.command("acknowledge")
@click.argument("alarms", metavar="ID...", nargs=-1, required=True)
@why_option
@service_options
@json_option
def acknowledge(service: Service, alarms: tuple[str, ...], why: str, as_json: bool) -> None:
    """Say that alarms have been seen, by the identifiers that `list` shows.

    One on what has happened, not on what lasts, ends by it.

    \b
    Examples:
      jasyl alarms acknowledge kept:1f0c:group-1 --why "published again" --token-file engineer.token
    """
    with service.opened() as client:
        for alarm in alarms:
            client.acknowledge_alarm(alarm, why=why)
    print_result({"acknowledged": list(alarms)}, as_json=as_json)
