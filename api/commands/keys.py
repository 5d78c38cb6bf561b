"""`jasyl keys`: the keys that sign what controllers are told."""

from __future__ import annotations

import json
from pathlib import Path

import click

from api.commands._service import Service, service_options, why_option
from api.console import json_option, print_result

__all__ = ["command"]

_DATA = click.option(
    "--data",
    "data_folder",
    type=click.Path(path_type=Path),
    default=None,
    help="Data folder of the service; default: the user's data folder.",
)


@click.group("keys")
def command() -> None:
    """Make and show the keys that sign what controllers are told.

    \b
    Examples:
      jasyl keys show
      jasyl keys new --data ./data
      jasyl keys use KEY --why "yearly" --token-file admin.token
    """


def _folder(data_folder: Path | None) -> Path:
    from api.settings import load_settings

    return load_settings(data_folder=data_folder).data_folder / "keys"


@command.command("new")
@_DATA
@click.option("--id", "id_only", is_flag=True, help="Print its name alone, for scripts.")
@json_option
def new(data_folder: Path | None, id_only: bool, as_json: bool) -> None:
    """Make a key. It signs nothing until `jasyl keys use` names it, on replicas that all have it."""
    from api.centre.signing_keys import new_key
    from api.serving import usable_folder

    folder = _folder(data_folder)
    usable_folder(folder)
    signer = new_key(folder)
    if id_only:
        click.echo(signer.kid)
    elif as_json:
        click.echo(json.dumps({"key": signer.kid, "file": str(folder / f"{signer.kid}.pem")}))
    else:
        click.echo(f"key {signer.kid}")
        click.echo(f"file {folder / f'{signer.kid}.pem'}")


@command.command("show")
@_DATA
def show(data_folder: Path | None) -> None:
    """Print the public keys of a data folder as a JWK set, as controllers are commissioned with it."""
    from api.centre.signing_keys import load_keys
    from signals.signing import TrustedKeys

    keys = load_keys(_folder(data_folder))
    click.echo(json.dumps(TrustedKeys.of_signers(keys.values()).jwks, indent=1))


@command.command("use")
@click.argument("key_id", metavar="KEY")
@why_option
@service_options
@json_option
def use(service: Service, key_id: str, why: str, as_json: bool) -> None:
    """Let KEY sign from now on; the old one tells the controllers, which then trust both.

    \b
    Examples:
      jasyl keys use 2Zq8... --why "yearly" --token-file admin.token
    """
    with service.opened() as client:
        found = client.rotate_signing_key(key_id, why=why)
    print_result({"signing": found.signing, "keys": [one["kid"] for one in found.keys]}, as_json=as_json)
