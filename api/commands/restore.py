"""`jasyl restore`: a service that goes on from a back-up."""

from __future__ import annotations

from pathlib import Path

import click

from api.console import json_option, print_result

__all__ = ["command"]


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--data",
    "data_folder",
    type=click.Path(path_type=Path),
    default=None,
    help="Data folder to make; it must have no service. Default: the user's data folder.",
)
@click.option(
    "--why", default="restored from a back-up", show_default=True, help="The reason, for the ledger."
)
@click.option("--check", "check_only", is_flag=True, help="Only read the back-up to its end; change nothing.")
@json_option
def command(file: Path, data_folder: Path | None, why: str, check_only: bool, as_json: bool) -> None:
    """Make a data folder from the back-up FILE; then start the service there.

    Every entry and every document is checked first. Numbers of versions and orders go on a million higher, so that controllers
    take what is published next, whatever they have heard since the back-up was made. Tokens and credentials are those of the
    back-up: what was revoked since must be revoked again.

    \b
    Examples:
      jasyl restore jasyl-2026-11-27.zip --check
      jasyl restore jasyl-2026-11-27.zip --data /var/lib/jasyl --why "disk of the server broke"
    """
    import asyncio
    import uuid
    from datetime import UTC, datetime

    from api.backup import check_backup, restore
    from api.settings import load_settings

    if check_only:
        made = check_backup(file)
        place = {}
    else:
        settings = load_settings(data_folder=data_folder)
        made = asyncio.run(
            restore(
                settings,
                file,
                who="service",
                why=why,
                clock=lambda: datetime.now(UTC),
                new_id=lambda: uuid.uuid4().hex,
            )
        )
        place = {"data": str(settings.data_folder)}
    shown = {name: value for name, value in made.to_dict().items() if not name.startswith("format")}
    print_result({**place, **shown}, as_json=as_json)
