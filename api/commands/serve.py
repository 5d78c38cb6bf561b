"""`jasyl serve`: the service that brings plans to controllers."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

__all__ = ["command"]


@click.command("serve")
@click.argument("city", required=False)
@click.option("--host", default=None, help="Address to listen on; default: 127.0.0.1, this machine alone.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=None, help="Port; default: 8000; 0: any that is free."
)
@click.option(
    "--data",
    "data_folder",
    type=click.Path(path_type=Path),
    default=None,
    help="Folder for what must not be lost; default: the user's data folder.",
)
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path),
    default=None,
    help="TOML file of settings; default: jasyl.toml in the data folder.",
)
@click.option(
    "--first-token",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="File for the token of the first start, which nobody else can read; default: it is printed.",
)
@click.option(
    "--change-city",
    is_flag=True,
    help="The junctions of the city are others than those that the data folder was served with: go on with them.",
)
def command(
    city: str | None,
    host: str | None,
    port: int | None,
    data_folder: Path | None,
    settings_file: Path | None,
    first_token: Path | None,
    change_city: bool,
) -> None:
    """Serve the junctions of CITY: take plan sets, have them approved, and bring them to the controllers.

    CITY is the name of a built-in scenario or a scenario file; default: almaty. Every setting has a default. One can be
    given in the environment (JASYL_PORT=8080) or in a file (port = 8080).

    \b
    Examples:
      jasyl serve
      jasyl serve corridor --port 8080 --data ./data
      JASYL_LOG_FORMAT=json jasyl serve --settings /etc/jasyl.toml
    """
    from api.serving import serve
    from api.settings import load_settings, shown

    settings = load_settings(settings_file, city=city, host=host, port=port, data_folder=data_folder)
    width = max(len(name) for name in shown(settings))
    for name, value in shown(settings).items():
        click.echo(f"{name:<{width}}  {value}")
    serve(
        settings,
        lambda address: click.echo(f"Serving {settings.city} at {address}"),
        partial(_tell_token, first_token),
        change_city=change_city,
    )


def _tell_token(file: Path | None, token: str) -> None:
    if file is None:
        click.echo("There is no administrator yet. This token makes the first one, once, within 24 h:")
        click.echo(f"  {token}")
        return
    from api.commands.token import write_secret

    file.unlink(missing_ok=True)  # one that was printed before is spent
    write_secret(file, token)
    click.echo(f"There is no administrator yet. The token in {file} makes the first one, once, within 24 h.")
