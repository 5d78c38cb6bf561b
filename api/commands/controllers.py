"""`jasyl controllers`: the controllers that a service knows, and their credentials."""

from __future__ import annotations

from pathlib import Path

import click

from api.commands._service import Service, service_options, why_option
from api.commands.token import write_secret
from api.console import json_option, print_result, print_table

__all__ = ["command"]


@click.group("controllers")
def command() -> None:
    """List the controllers that are registered, give one another credential, or take its credentials back.

    Virtual ones are commissioned, registered and run by `jasyl controller`.

    \b
    Examples:
      jasyl controllers list --token-file viewer.token
      jasyl controllers rotate corridor:4 --why "yearly" -o corridor-4.credential --token-file admin.token
      jasyl controllers revoke corridor:4 --why "the cabinet was opened" --token-file admin.token
    """


@command.command("list")
@service_options
@json_option
def list_command(service: Service, as_json: bool) -> None:
    """List the controllers that are registered, and when each was last heard.

    \b
    Examples:
      jasyl controllers list --token-file viewer.token
    """
    with service.opened() as client:
        rows = [one.model_dump(mode="json") for one in client.iter_controllers()]
    if as_json:
        print_result({"controllers": rows}, as_json=True)
        return
    print_table([{**row, "credentials": ", ".join(row["credentials"])} for row in rows])


@command.command("rotate")
@click.argument("junction")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="New file for the credential, which nobody else can read.",
)
@why_option
@service_options
@json_option
def rotate(service: Service, junction: str, output: Path, why: str, as_json: bool) -> None:
    """Give the controller of a junction another credential; the old one counts for 15 minutes more.

    \b
    Examples:
      jasyl controllers rotate corridor:4 --why "yearly" -o corridor-4.credential --token-file admin.token
    """
    from traffic.errors import InputError

    if output.exists():
        raise InputError("must be a new file", file=output, field="--output")
    with service.opened() as client:
        made = client.rotate_controller(junction, why=why)
    write_secret(output, made.token)
    print_result({"junction": made.junction, "file": str(output)}, as_json=as_json)


@command.command("revoke")
@click.argument("junction")
@why_option
@service_options
@json_option
def revoke(service: Service, junction: str, why: str, as_json: bool) -> None:
    """Take all credentials of the controller of a junction back, at once.

    \b
    Examples:
      jasyl controllers revoke corridor:4 --why "the cabinet was opened" --token-file admin.token
    """
    with service.opened() as client:
        client.revoke_controller(junction, why=why)
    print_result({"revoked": junction}, as_json=as_json)
