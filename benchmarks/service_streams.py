"""Holds many streams of the service open, in a process of its own, and notes when each hears something new."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self
from urllib.parse import quote

__all__ = ["Streams"]

_AT_ONCE = 100
_EVENT = b"event: assignment"


class Streams:
    """Streams that are open inside the block.

    Parameters
    ----------
    controllers
        Junctions and credentials; each has several streams where there are more streams than controllers.
    """

    def __init__(self, host: str, port: int, controllers: Sequence[tuple[str, str]], count: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._here, there = context.Pipe()
        arguments = (host, port, controllers, count, there)
        self._process = context.Process(target=_hold, args=arguments, daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        assert self._here.recv() == "open"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.join()

    def arrivals(self, *, timeout_s: float) -> list[float]:
        """Return when, in POSIX seconds, each stream has heard; those that have not within the time are left out."""
        self._here.send(timeout_s)
        found: list[float] = self._here.recv()
        return found


def _hold(
    host: str, port: int, controllers: Sequence[tuple[str, str]], count: int, parent: Connection
) -> None:
    asyncio.run(_holding(host, port, controllers, count, parent))


async def _holding(
    host: str, port: int, controllers: Sequence[tuple[str, str]], count: int, parent: Connection
) -> None:
    heard: list[float] = []
    opened, slots = 0, asyncio.Semaphore(_AT_ONCE)
    everyone, told = asyncio.Event(), asyncio.Event()

    async def one(junction: str, token: str) -> None:
        nonlocal opened
        async with slots:
            reader, writer = await asyncio.open_connection(host, port)
            path = f"/v1/controllers/{quote(junction, safe='')}/stream"
            head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
            writer.write(head.encode())
            await reader.readuntil(_EVENT)
        opened += 1
        if opened == count:
            everyone.set()
        while await _event(reader):
            heard.append(time.time())
            if len(heard) == count:
                told.set()

    tasks = [asyncio.create_task(one(*controllers[k % len(controllers)])) for k in range(count)]
    await everyone.wait()
    parent.send("open")
    loop = asyncio.get_running_loop()
    timeout_s = await loop.run_in_executor(None, parent.recv)
    with suppress(TimeoutError):
        await asyncio.wait_for(told.wait(), timeout_s)
    parent.send(heard[:count])
    await asyncio.gather(*tasks)


async def _event(reader: asyncio.StreamReader) -> bool:
    """Return whether another event came before the end."""
    while line := await reader.readline():
        if line.startswith(_EVENT):
            return True
    return False
