"""`jasyl keys`: the keys that sign what controllers are told."""

from __future__ import annotations

import json
from pathlib import Path

import click

__all__ = ["command"]

_DATA = click.option(
    "--data",
    "data_folder",
    type=click.Path(path_type=Path),
    default=None,
    help="Data folder of the service; default: the user's data folder.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group("keys")
def command() -> None:
    """Make and show the keys that sign what controllers are told.

    \b
    Examples:
      jasyl keys show
      jasyl keys new --data ./data
    """


def _folder(data_folder: Path | None) -> Path:
    from api.settings import load_settings

    return load_settings(data_folder=data_folder).data_folder / "keys"


@command.command("new")
@_DATA
@_JSON
def new(data_folder: Path | None, as_json: bool) -> None:
    """Make a key. It signs nothing until POST /v1/keys/signing names it, on replicas that all have it."""
    from api.serving import usable_folder
    from api.signing_keys import new_key

    folder = _folder(data_folder)
    usable_folder(folder)
    signer = new_key(folder)
    if as_json:
        click.echo(json.dumps({"key": signer.kid, "file": str(folder / f"{signer.kid}.pem")}))
    else:
        click.echo(f"key {signer.kid}")
        click.echo(f"file {folder / f'{signer.kid}.pem'}")


@command.command("show")
@_DATA
def show(data_folder: Path | None) -> None:
    """Print the public keys of a data folder as a JWK set, as controllers are commissioned with it."""
    from api.signing_keys import load_keys
    from signals.signing import TrustedKeys

    keys = load_keys(_folder(data_folder))
    click.echo(json.dumps(TrustedKeys.of_signers(keys.values()).jwks, indent=1))
