"""Locked files in the data folder: who may use it, and whether a Redis still lives there."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

from traffic.errors import InputError

__all__ = ["lock_files", "lock_folder", "note_holder"]

_LOG = logging.getLogger("jasyl.redis")

_LEFT_OVER_S = 10.0
_POLL_S = 0.02
_PROGRAMS = ("redis-server", "valkey-server")


def lock_folder(folder: Path) -> int:
    """Return the locked file that says that a service uses `folder`, which is made if need be.

    Raises
    ------
    InputError
        When the folder cannot be written to, or another service uses it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = _opened(folder / "service.lock")
    except OSError as error:
        hint = "Give another folder with --data, or make this one writable"
        rule = "must be a folder that can be written to"
        raise InputError(rule, field="data", value=f"{folder}: {error.strerror}", hint=hint) from error
    if _locked(lock):
        note_holder(lock, os.getpid())
        return lock
    holder = _holder(lock)
    os.close(lock)
    hint = "Stop the other service, give another folder with --data, or share one Redis with JASYL_REDIS_URL"
    rule = "must not be in use by another service"
    raise InputError(rule, field="data", value=f"{folder}, by process {holder or 'unknown'}", hint=hint)


async def lock_files(folder: Path, ask_to_stop: Callable[[], Awaitable[None]]) -> int:
    """Return the locked file that Redis is to hold, once a Redis that was left behind has ended.

    Parameters
    ----------
    ask_to_stop
        Asks a Redis that was left behind to stop; it is killed if it does not.
    """
    lock = _opened(folder / "redis.lock")
    try:
        if not _locked(lock):
            _LOG.warning("A Redis that an earlier service left behind is asked to stop")
            await ask_to_stop()
            await _until_free(lock, folder)
    except BaseException:
        os.close(lock)
        raise
    os.truncate(lock, 0)
    return lock


def note_holder(lock: int, pid: int) -> None:
    """Write into a locked file which process holds it."""
    os.truncate(lock, 0)
    os.pwrite(lock, f"{pid}\n".encode(), 0)


async def _until_free(lock: int, folder: Path) -> None:
    if await _freed(lock):
        return
    holder = _holder(lock)
    if holder is not None and _is_redis(holder):
        _LOG.warning(
            "Redis process %d, which an earlier service left behind, does not stop and is killed", holder
        )
        os.killpg(holder, signal.SIGKILL)  # and its children, which hold the lock too
        if await _freed(lock):
            return
    rule = "must not be in use by a Redis that does not stop"
    hint = "End that process, then start again"
    raise InputError(rule, field="data", value=f"{folder}, by process {holder or 'unknown'}", hint=hint)


async def _freed(lock: int) -> bool:
    """Wait for a lock; the system tells nobody when one becomes free, so it is tried again and again."""
    for _ in range(int(_LEFT_OVER_S / _POLL_S)):
        if _locked(lock):
            return True
        await asyncio.sleep(_POLL_S)
    return False


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(lock: int) -> int | None:
    text = os.pread(lock, 20, 0).strip()
    return int(text) if text.isdigit() else None


def _is_redis(pid: int) -> bool:
    """Return whether a process is a Redis; also False where the system does not tell, and nothing is killed then."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip() in _PROGRAMS
    except OSError:
        return False
