"""Processes of our own: each in a group of its own, without our secrets, and gone when we are done with it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

__all__ = ["child_environment", "kill_group", "start_python"]

_KEPT = ("JASYL_CACHE_DIR", "JASYL_DATA")  # what says where files are; all other names of ours may be secrets


def child_environment() -> dict[str, str]:
    """Return our environment without the settings of the service, some of which are secret."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith("JASYL_") or name in _KEPT
    }


async def start_python(
    arguments: Sequence[str], *, stdin: int, stdout: int, stderr: int, limit: int = 1 << 16
) -> asyncio.subprocess.Process:
    """Start a Python of our own kind; nothing is imported from the folder that it is started in."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        *arguments,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env=child_environment(),
        start_new_session=True,
        limit=limit,
    )


def kill_group(process: asyncio.subprocess.Process) -> None:
    """Kill a process that was started here and all that it has started."""
    with suppress(ProcessLookupError, PermissionError):  # gone already
        os.killpg(process.pid, signal.SIGKILL)
