"""`jasyl backup`: everything that the service must not lose, in one file."""

from __future__ import annotations

from pathlib import Path

import click

from api.console import force_option, json_option, print_result, require_new

__all__ = ["command"]


@click.command("backup")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File to write."
)
@click.option(
    "--data",
    "data_folder",
    type=click.Path(path_type=Path),
    default=None,
    help="Data folder of the service; default: the user's data folder.",
)
@force_option
@json_option
def command(output: Path, data_folder: Path | None, force: bool, as_json: bool) -> None:
    """Write all that a service has into one file, while it runs or when it does not.

    The file holds the ledger, the plans, the reports of controllers, jobs, the settings and the keys that sign: whoever has
    it can sign plans. It is readable by nobody else; keep it so, on another machine.

    \b
    Examples:
      jasyl backup -o jasyl-2026-11-27.zip
      jasyl backup --data /var/lib/jasyl -o /mnt/backup/jasyl.zip --json
    """
    import asyncio
    from datetime import UTC, datetime

    from api.backup import back_up
    from api.settings import load_settings

    require_new(output, force=force)
    settings = load_settings(data_folder=data_folder)
    made = asyncio.run(back_up(settings, output, clock=lambda: datetime.now(UTC)))
    shown = {name: value for name, value in made.to_dict().items() if not name.startswith("format")}
    print_result({"file": str(output), **shown}, as_json=as_json)
