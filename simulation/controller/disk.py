"""A disk that many controllers of one process share: what waits together is written by one thread, one act after the other.

Handing every act to a thread of its own costs more, in hundreds of controllers that have something to remember at once, than
writing does.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

__all__ = ["Disk"]

_TOGETHER = 32  # one thread's share: where a disk is slow, several threads wait for it

Waiting = tuple["Callable[[], None]", "asyncio.Future[None]"]


class Disk:
    """Acts that wait for a disk.

    Parameters
    ----------
    executor
        The threads that wait.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._waiting: list[Waiting] = []

    async def do(self, act: Callable[[], None]) -> None:
        """Carry out `act`; it has been carried out when this returns, and raises what it raises."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._begin, loop)
        self._waiting.append((act, done))
        await done

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hand what waits to threads."""
        waiting, self._waiting = self._waiting, []
        for first in range(0, len(waiting), _TOGETHER):
            share = waiting[first : first + _TOGETHER]
            self._executor.submit(_carry_out, share, loop)


def _carry_out(share: list[Waiting], loop: asyncio.AbstractEventLoop) -> None:
    failures = [_failure_of(act) for act, _ in share]
    loop.call_soon_threadsafe(_tell, share, failures)


def _failure_of(act: Callable[[], None]) -> Exception | None:
    try:
        act()
    except Exception as failure:  # noqa: BLE001 - it is raised where the act is waited for
        return failure
    return None


def _tell(share: list[Waiting], failures: list[Exception | None]) -> None:
    for (_, done), failure in zip(share, failures, strict=True):
        if done.cancelled():
            continue
        if failure is None:
            done.set_result(None)
        else:
            done.set_exception(failure)
