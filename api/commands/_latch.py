"""What commands that reset a conflict monitor share: who does it, why, and the request beside the fault."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["reset", "reset_options"]

_Command = Callable[..., Any]


def reset_options(command: _Command) -> _Command:
    """Add the options that say who resets, and why."""
    by = click.option("--by", required=True, help="Your name; it stands in the reports of the controller.")
    why = click.option("--why", required=True, help="What was found and mended; it stands there too.")
    return by(why(command))


def reset(folder: Path, names: Sequence[str], by: str, why: str) -> dict[str, object]:
    """Ask for the reset of controllers that keep their memory in `folder`, all or none, and return the faults."""
    from simulation.controller.latch import Latch
    from traffic.errors import InputError

    latches = {name: Latch(folder / quote(name, safe="")) for name in names}
    for name, latch in latches.items():
        if latch.fault() is None:
            hint = f"Nothing is latched in {folder}; check the name and the folder"
            raise InputError("must be a controller with a fault", field=name, hint=hint)
    faults = {name: str(latch.ask(by, why, time.time())) for name, latch in latches.items()}
    return {"reset": len(faults), "faults": faults}
