"""`jasyl token`: the tokens of people and feeds."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.commands._service import Service, instant_option, service_options, why_option
from api.console import json_option, print_result, print_table

if TYPE_CHECKING:
    from api.client.models import NewToken

__all__ = ["command", "write_secret"]

_ROLES = ("viewer", "engineer", "approver", "administrator", "feed")


@click.group("token")
def command() -> None:
    """Make, list and revoke tokens.

    \b
    Examples:
      jasyl token create --name Aigerim --role administrator --why "first" --token-file first.token -o admin.token
      jasyl token list --token-file admin.token
      jasyl token revoke 1f3a5b7c9d0e2f41 --why "left" --token-file admin.token
    """


@command.command("create")
@click.option("--name", required=True, help="Whose it is; the ledger calls them so.")
@click.option(
    "--role", "roles", type=click.Choice(_ROLES), multiple=True, required=True, help="May be given again."
)
@click.option(
    "--right",
    "rights",
    multiple=True,
    help="Only this right of those that the roles have; may be given again.",
)
@instant_option("--expires", "When it is over; default: in a year.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="New file for the token, which nobody else can read; default: it is printed.",
)
@click.option(
    "--id",
    "id_only",
    is_flag=True,
    help="Print its identifier alone, for scripts; give --output to have the token.",
)
@why_option
@service_options
@json_option
def create(
    service: Service,
    name: str,
    roles: tuple[str, ...],
    rights: tuple[str, ...],
    expires: datetime | None,
    output: Path | None,
    id_only: bool,
    why: str,
    as_json: bool,
) -> None:
    """Make a token; it is shown once. The token of the first start makes the first administrator, and is spent.

    \b
    Examples:
      jasyl token create --name Aigerim --role administrator --why "first" --token-file first.token -o admin.token
      jasyl token create --name Bolat --role engineer --why "joined" --token-file admin.token -o bolat.token
    """
    from api.centre.security import Right, Role
    from traffic.errors import InputError

    known = {right.value for right in Right}
    for right in rights:
        if right not in known:
            raise InputError(f"must be one of {', '.join(sorted(known))}", field="--right", value=right)
    if output is not None and output.exists():
        raise InputError("must be a new file", file=output, field="--output")
    with service.opened() as client:
        made = client.create_token(
            name,
            [Role(role) for role in roles],
            rights=[Right(right) for right in rights] or None,
            expires_at=expires,
            why=why,
        )
    _tell(made, output, id_only=id_only, as_json=as_json)


def _tell(made: NewToken, output: Path | None, *, id_only: bool, as_json: bool) -> None:
    values = made.model_dump(mode="json")
    if output is not None:
        write_secret(output, made.token)
        values = {name: value for name, value in values.items() if name != "token"} | {"file": str(output)}
    if id_only:
        click.echo(made.id)
    else:
        print_result(values, as_json=as_json)


def write_secret(file: Path, text: str) -> None:
    """Write a secret into a new file that nobody else can read."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(f"{text}\n")


@command.command("list")
@service_options
@json_option
def list_command(service: Service, as_json: bool) -> None:
    """List the tokens that count now, without their secrets.

    \b
    Examples:
      jasyl token list --token-file admin.token
    """
    with service.opened() as client:
        found = [token.model_dump(mode="json") for token in client.iter_tokens()]
    if as_json:
        print_result({"tokens": found}, as_json=True)
        return
    rows = [
        {"id": t["id"], "name": t["name"], "roles": ", ".join(t["roles"]), "expires_at": t["expires_at"]}
        for t in found
    ]
    print_table(rows)


@command.command("revoke")
@click.argument("token_id")
@why_option
@service_options
@json_option
def revoke(service: Service, token_id: str, why: str, as_json: bool) -> None:
    """Take a token back by its identifier, at once.

    \b
    Examples:
      jasyl token revoke 1f3a5b7c9d0e2f41 --why "left" --token-file admin.token
    """
    with service.opened() as client:
        client.revoke_token(token_id, why=why)
    print_result({"revoked": token_id}, as_json=as_json)
