"""Where SUMO's programs are, and what they need to run."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from traffic.errors import InputError

__all__ = ["MESSAGE_LENGTH", "environment", "produce", "sumo_program"]

MESSAGE_LENGTH = 1500
"""Of what a program said, in an error."""


def sumo_program(name: str) -> Path:
    """Return the path of one of SUMO's programs.

    Looked for in the folder that the environment variable ``SUMO_HOME`` names, in the package `eclipse-sumo`, and
    on the path, in this order.
    """
    for folder in (os.environ.get("SUMO_HOME"), _packaged_home()):
        found = shutil.which(name, path=str(Path(folder) / "bin")) if folder else None
        if found:
            return Path(found).absolute()
    found = shutil.which(name)
    if found:
        return Path(found).absolute()
    hint = "Install it beside Jasyl (pip install 'eclipse-sumo>=1.20'), put it on the path, or set SUMO_HOME to its folder"
    raise InputError(
        "needs SUMO, which is not found", field=name, value=os.environ.get("SUMO_HOME"), hint=hint
    )


def _packaged_home() -> str | None:
    """Return the folder of SUMO in the package `eclipse-sumo`, where that is installed."""
    try:
        home: str | None = getattr(importlib.import_module("sumo"), "SUMO_HOME", None)
    except ImportError:
        return None
    return home


def environment(program: Path) -> dict[str, str]:
    """Return the environment for a program of SUMO: its own data folder, where it stands beside the programs."""
    home = program.parent.parent
    return os.environ | ({"SUMO_HOME": str(home)} if (home / "data").is_dir() else {})


def produce(program: str, arguments: Sequence[str], target: Path, *, of: Path, refusal: str) -> None:
    """Run a program of SUMO that writes `target` from the configuration `of`.

    Raises
    ------
    InputError
        With `refusal` and what the program says, where it fails or writes nothing.
    """
    found = sumo_program(program)
    done = subprocess.run(  # noqa: S603 - our own arguments, no shell
        [str(found), *arguments],
        env=environment(found),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode or not target.is_file():
        said = done.stderr[-MESSAGE_LENGTH:].strip()
        raise InputError(f"{refusal}: {said}", file=of, field="route-files")
