"""Whose folder it is: two controllers with one memory would both take numbers that were given out once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from traffic.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["locked"]


def locked(folder: Path, junction: str) -> FileLock:
    """Return the lock on a controller's folder, held; it ends with the process, however that ends.

    Raises
    ------
    InputError
        Where another one holds it.
    """
    lock = FileLock(folder / "in_use.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        hint = "Stop the other one, or give this one a folder of its own with --data"
        rule = "must be of a controller that does not run already"
        raise InputError(rule, file=folder, field="--data", value=junction, hint=hint) from error
    except OSError as error:
        rule = "must be a folder that can be written to"
        raise InputError(rule, file=folder, field="--data", value=error.strerror) from error
    return lock
