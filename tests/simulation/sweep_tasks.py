"""Tasks that leave a mark where they run, for workers in other processes to import."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def marked(task: tuple[str, int]) -> int:
    """Mark begin and end of a short task in a folder, by process; return the square of its number."""
    folder, number = task
    begun = Path(folder) / f"{number}-{os.getpid()}.begun"
    begun.touch()
    time.sleep(0.1)
    begun.with_suffix(".ended").touch()
    return number * number


def deadly(number: int) -> int:
    """End the process that this runs in."""
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def refusing(number: int) -> int:
    """Refuse one of the numbers."""
    from traffic.errors import InputError

    if number == 3:
        raise InputError("must not be 3", file="numbers.txt", field="number", value=number, hint="Take 4")
    return number
