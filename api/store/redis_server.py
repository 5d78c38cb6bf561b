"""A Redis server of our own: one for a data folder, started again when it ends, stopped with us.

Two locks keep files whole. ``service.lock`` is held by the service: a second one on the same folder is told so.
``redis.lock`` is inherited by Redis and held for as long as it lives: where a service was killed and left its Redis
behind, the next one finds the lock taken, asks that Redis to stop, and waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from api.store.append_only import set_aside
from api.store.chain import digest
from api.store.connection import Store
from api.store.errors import StoreUnavailable
from api.store.folder_lock import lock_files, lock_folder, note_holder
from api.store.redis_binary import find_redis, version_of
from api.store.redis_process import RedisProcess, UnexpectedEnd
from traffic.errors import InputError

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["RedisServer"]

_LOG = logging.getLogger("jasyl.redis")

_LONGEST_SOCKET_PATH = 100
_WITH_FOLDER = (7, 0)
"""Since this version the append-only file is a folder of files; older ones do not look into it."""
_READ_FILES_S = 120.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _STEADY_S = 0.05, 5.0, 10.0


class RedisServer:
    """A Redis server on the files of a folder, reached by a Unix socket only.

    Parameters
    ----------
    folder
        Where its files are; made if it is not there, and readable by nobody else.
    binary
        The server to run; by default the one that `find_redis` finds.
    """

    def __init__(self, folder: Path, *, binary: Path | None = None) -> None:
        self._folder = folder.absolute()
        self._binary = binary
        self._process: RedisProcess | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._service_lock: int | None = None
        self.socket = _socket_path(self._folder)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def pid(self) -> int | None:
        """The number of the process that runs now; None between two."""
        return self._process.pid if self._process else None

    def store(self, *, patience_s: float = 2.0) -> Store:
        """Return connections to the server."""
        return Store.at_socket(self.socket, patience_s=patience_s)

    async def start(self) -> None:
        """Start the server and return when it answers.

        Raises
        ------
        InputError
            When there is no server to run, the folder cannot be written to, another service has it, or its files
            cannot be read.
        """
        binary = self._binary or find_redis()
        self._service_lock = lock_folder(self._folder)
        try:
            _require_readable(self._folder, binary)
            await self._run(binary)
        except BaseException:
            self._unlock()
            raise
        self._supervisor = asyncio.create_task(self._supervise(binary))

    async def stop(self) -> None:
        """Stop the server and give the folder free."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
            self._supervisor = None
        if self._process is not None:
            await self._process.stop()
            self._process = None
        self.socket.unlink(missing_ok=True)
        self._unlock()

    async def _run(self, binary: Path) -> None:
        lock = await lock_files(self._folder, self._stop_left_over)
        try:
            _require_private(self.socket.parent)
            self.socket.unlink(missing_ok=True)
            _remove_drafts(self._folder)
            self._process = await self._started(binary, lock)
            note_holder(lock, self._process.pid)
        finally:
            os.close(lock)
        _LOG.info("Redis runs as process %d", self._process.pid)

    async def _started(self, binary: Path, lock: int) -> RedisProcess:
        """Start Redis; where the last write was not finished, without that write, which nobody was told of."""
        start = partial(RedisProcess.start, binary, self._folder, self.socket, lock, within_s=_READ_FILES_S)
        try:
            return await start(cut=False)
        except UnexpectedEnd:
            with set_aside(self._folder) as aside:
                process = await start(cut=True)
                try:
                    aside.require_torn_end()
                except InputError:
                    await process.stop()
                    raise
            return process

    async def _stop_left_over(self) -> None:
        store = self.store(patience_s=0.0)
        try:
            await store.call("SHUTDOWN", "NOSAVE")
        except StoreUnavailable as error:
            _LOG.info("It closed the connection, as one that stops does: %s", error.reason)
        finally:
            await store.close()

    async def _supervise(self, binary: Path) -> None:
        pause, loop = _FIRST_PAUSE_S, asyncio.get_running_loop()
        while True:
            if self._process is not None:
                began = loop.time()
                code = await self._process.ended()
                self._process = None
                pause = _FIRST_PAUSE_S if loop.time() - began > _STEADY_S else pause
                _LOG.error("Redis ended (%s) and is started again in %g s", _ending(code), pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)
            try:
                await self._run(binary)
            except Exception as error:  # noqa: BLE001  # whatever it was, Redis has to come back
                _LOG.error("Redis did not start, next try in %g s: %s", pause, error)

    def _unlock(self) -> None:
        if self._service_lock is not None:
            os.close(self._service_lock)
            self._service_lock = None


def _socket_path(folder: Path) -> Path:
    """Return where the socket is: in the folder, or in one of a short name where the path would be too long."""
    inside = folder / "redis.sock"
    if len(os.fsencode(inside)) <= _LONGEST_SOCKET_PATH:
        return inside
    return Path(tempfile.gettempdir()) / f"jasyl-{os.getuid()}" / f"{digest(os.fsencode(folder))[:16]}.sock"


def _require_private(folder: Path) -> None:
    """Make the folder of a socket, which nobody else may have made before us."""
    folder.mkdir(mode=0o700, exist_ok=True)
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & 0o022:
        rule = "must be a folder of this user that nobody else can write to"
        hint = "Remove it, or change its owner and mode (chmod 700)"
        raise InputError(rule, file=folder, field="folder of the socket", value=oct(about.st_mode), hint=hint)


def _remove_drafts(folder: Path) -> None:
    """Remove files that a Redis was writing anew when it was killed; no Redis runs now."""
    for place in (folder, folder / "appendonlydir"):
        for kind in ("aof", "rdb"):
            for path in place.glob(f"temp-*.{kind}"):
                path.unlink()


def _require_readable(folder: Path, binary: Path) -> None:
    """Refuse a server that would not see the files of a newer one, and would start with nothing."""
    version = version_of(binary)
    if (folder / "appendonlydir").exists() and (version is None or version < _WITH_FOLDER):
        found = ".".join(map(str, version)) if version else "unknown"
        rule = "must be 7.0 or newer, as the Redis that wrote the files of the data folder"
        raise InputError(
            rule,
            field="redis-server",
            value=f"{binary}, version {found}",
            hint="Install redis-server 7 or newer, or give another folder with --data",
        )


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
