"""One worker process, seen from the service: it is asked, listened to, interrupted, and killed with all its children."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from api.child import kill_group, start_python

__all__ = ["Worker", "worker"]

_PROGRAM = ("-m", "api.jobs.worker")
_LONGEST_LINE = 1 << 20
_KEPT_ERRORS = 4000


class Worker:
    """A worker process that has a request."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._errors = b""
        self._listening = asyncio.create_task(self._keep_errors())

    @property
    def pid(self) -> int:
        """Number of the process, and of its group."""
        return self._process.pid

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """Yield what it tells, until it ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            yield json.loads(line)

    def interrupt(self) -> None:
        """Ask it to end with what it has."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End it and all that it has started."""
        kill_group(self._process)

    async def ended(self) -> str:
        """Return how it ended, once it has."""
        code = await self._process.wait()
        await self._listening
        if code < 0:
            return f"signal {signal.Signals(-code).name}"
        return f"exit code {code}"

    def errors(self) -> str:
        """Return the end of what it wrote on standard error."""
        return self._errors.decode("utf-8", "replace")

    async def _keep_errors(self) -> None:
        assert self._process.stderr is not None
        while chunk := await self._process.stderr.read(1 << 16):
            self._errors = (self._errors + chunk)[-_KEPT_ERRORS:]


@asynccontextmanager
async def worker(request: dict[str, Any], city: str, folder: Path) -> AsyncIterator[Worker]:
    """Start a worker on a request; whatever happens, nothing of it is left at the end.

    Parameters
    ----------
    request
        The request as plain values.
    folder
        A folder for this work alone.
    """
    process = await start_python(_PROGRAM, stdin=PIPE, stdout=PIPE, stderr=PIPE, limit=_LONGEST_LINE)
    made = Worker(process)
    try:
        assert process.stdin is not None
        line = json.dumps({"request": request, "city": city, "folder": os.fspath(folder)})
        process.stdin.write(line.encode() + b"\n")
        with suppress(BrokenPipeError, ConnectionResetError):  # it died already, as its end will tell
            await process.stdin.drain()
        yield made
    finally:
        made.kill()
        await asyncio.shield(made.ended())
