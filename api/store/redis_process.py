"""One run of a Redis server: started, waited for until it answers, and stopped."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

from traffic.errors import InputError

__all__ = ["RedisProcess", "UnexpectedEnd"]

_LOG = logging.getLogger("jasyl.redis")

_READY = "eady to accept connections"
_TORN = "Unexpected end of file reading the append only file"
_LEVELS = {".": logging.DEBUG, "-": logging.DEBUG, "*": logging.INFO, "#": logging.WARNING}
_LAST_LINES = 8
_STOP_S, _STOP_TRIES = 10.0, 20
_PASSED_ON = ("PATH", "HOME", "LD_LIBRARY_PATH", "TMPDIR")


class UnexpectedEnd(InputError):  # noqa: N818
    """The append-only file ends within a record, or within a transaction."""


_PRIVATELY = ("/bin/sh", "-c", 'umask 077; exec "$0" "$@"')  # not every event loop can set the mask


class RedisProcess:
    """A running Redis server, whose output goes to the log ``jasyl.redis``.

    Parameters
    ----------
    process
        The process.
    output
        The reading end of the pipe that it writes to.
    """

    def __init__(self, process: asyncio.subprocess.Process, output: int) -> None:
        self._process = process
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._ready = asyncio.Event()
        self._warns = False  # what it says of its start and its stop it calls warnings too
        self._reader = asyncio.create_task(self._read(output))

    @classmethod
    async def start(
        cls, binary: Path, folder: Path, socket: Path, lock: int, *, cut: bool, within_s: float
    ) -> Self:
        """Start a server on the files of a folder and wait until it has read them.

        Parameters
        ----------
        lock
            The descriptor of a locked file, which the server inherits: it stays locked for as long as the server lives.
        cut
            Whether an incomplete end of the append-only file may be cut off.
        within_s
            How long reading the files may take.

        Raises
        ------
        UnexpectedEnd
            When the append-only file ends within a record and may not be cut.
        InputError
            When the server ends instead of answering, as it does on files that it cannot read.
        """
        output, its_end = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *_PRIVATELY,
                str(binary),
                *_arguments(folder, socket, cut),
                cwd=folder,
                env={name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {"LC_ALL": "C"},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=its_end,
                stderr=its_end,
                start_new_session=True,  # Ctrl-C is for the service, which stops Redis last
                pass_fds=(lock,),
            )
        except BaseException:
            os.close(output)
            raise
        finally:
            os.close(its_end)
        self = cls(process, output)
        try:
            await self._until_ready(folder, within_s)
        except BaseException:
            await self.kill()
            raise
        return self

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    async def ended(self) -> int:
        """Wait for the end of the process and return its exit code, negative for a signal."""
        code = await self._process.wait()
        with suppress(ProcessLookupError):
            os.killpg(
                self.pid, signal.SIGKILL
            )  # its child that writes the file anew would live on for seconds
        await asyncio.wait({self._reader})
        return code

    async def stop(self) -> None:
        """End the server; it writes what it has first, and is killed if that takes too long."""
        self._warns = False
        for _ in range(_STOP_TRIES):
            self._signal(signal.SIGTERM)  # which Redis passes over while it writes its first append-only file
            if await self._ended_within(_STOP_S / _STOP_TRIES):
                return
        _LOG.warning("Redis did not stop within %g s and is killed", _STOP_S)
        await self.kill()

    async def kill(self) -> None:
        """End the server at once."""
        self._signal(signal.SIGKILL)
        await self.ended()

    async def _ended_within(self, seconds: float) -> bool:
        ended = asyncio.create_task(self.ended())
        done, _ = await asyncio.wait({ended}, timeout=seconds)
        ended.cancel()
        return bool(done)

    def _signal(self, number: int) -> None:
        if self._process.returncode is None:
            self._process.send_signal(number)

    async def _until_ready(self, folder: Path, within_s: float) -> None:
        ready = asyncio.create_task(self._ready.wait())
        done, _ = await asyncio.wait(
            {ready, self._reader}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED
        )
        ready.cancel()
        if ready in done:
            return
        if not done:
            rule = f"must be read by Redis within {within_s:g} s"
            raise InputError(rule, file=folder, field="append-only file", value=self._said())
        error = UnexpectedEnd if _TORN in self._said() else InputError
        raise error(
            "must be files that Redis can start from",
            file=folder,
            field="append-only file",
            value=self._said(),
            hint="Put the folder aside and restore a back-up, or see what redis-check-aof says of a copy",
        )

    def _said(self) -> str:
        return " | ".join(self._lines)

    async def _read(self, output: int) -> None:
        """Log what Redis says; its pipe is not the one of the process, whose end it would hold back."""
        lines_in = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines_in), _opened(output)
        )
        rest = b""
        while piece := await lines_in.read(2**16):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                self._take_in(line.decode(errors="replace").rstrip())
            rest = rest[-(2**16) :]
        transport.close()

    def _take_in(self, line: str) -> None:
        level, message = _split(line)
        if message:
            self._lines.append(message)
            _LOG.log(level if self._warns else min(level, logging.INFO), message)
        if _READY in line:
            self._ready.set()
            self._warns = True


def _opened(descriptor: int) -> IO[bytes]:
    return os.fdopen(descriptor, "rb", buffering=0)


def _split(line: str) -> tuple[int, str]:
    """Return level and message of ``14504:M 27 Nov 2026 12:35:58.031 * Ready to accept connections``."""
    head, _, rest = line.partition(" ")
    parts = rest.split(" ", 5)
    if head.partition(":")[0].isdigit() and len(parts) == 6 and parts[4] in _LEVELS:
        return _LEVELS[parts[4]], parts[5]
    return logging.DEBUG, line.strip()


def _arguments(folder: Path, socket: Path, cut: bool) -> list[str]:
    settings = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "600",
        "dir": str(folder),
        "daemonize": "no",
        "logfile": "",
        "save": "",
        "appendonly": "yes",
        "appendfsync": "always",
        "aof-load-truncated": "yes" if cut else "no",
        "no-appendfsync-on-rewrite": "no",
        "maxmemory": "0",
        "maxmemory-policy": "noeviction",
        "protected-mode": "yes",
    }
    return [part for name, value in settings.items() for part in (f"--{name}", value)]
