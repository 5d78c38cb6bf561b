"""Acts that wait for a disk together are carried out by one thread; each is told its own end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from simulation.controller.disk import Disk


def carried_out(acts: list[Callable[[], None]], threads: int = 4) -> list[BaseException | None]:
    async def run() -> list[BaseException | None]:
        with ThreadPoolExecutor(threads) as executor:
            disk = Disk(executor)
            return await asyncio.gather(*map(disk.do, acts), return_exceptions=True)

    return asyncio.run(run())


def test_acts_that_wait_together_share_a_thread_and_keep_their_order() -> None:
    seen: list[tuple[int, int]] = []
    carried_out([lambda n=n: seen.append((n, threading.get_ident())) for n in range(20)])
    assert [number for number, _ in seen] == list(range(20))
    assert len({thread for _, thread in seen}) == 1


def test_more_than_a_share_is_divided_and_all_is_done() -> None:
    seen: set[int] = set()
    found = carried_out([lambda n=n: seen.add(n) for n in range(500)])
    assert seen == set(range(500))
    assert found == [None] * 500


def test_a_failure_is_told_to_the_one_that_waits_for_it_alone() -> None:
    def fail() -> None:
        raise OSError("disk full")

    done: list[int] = []
    found = carried_out([lambda: done.append(1), fail, lambda: done.append(2)])
    assert done == [1, 2]
    assert [type(one) for one in found] == [type(None), OSError, type(None)]


def test_one_that_was_given_up_does_not_keep_the_others_from_hearing() -> None:
    async def run() -> list[str]:
        with ThreadPoolExecutor(1) as executor:
            disk, done = Disk(executor), list[str]()
            given_up = asyncio.ensure_future(disk.do(lambda: done.append("first")))
            other = asyncio.ensure_future(disk.do(lambda: done.append("second")))
            await asyncio.sleep(0)
            given_up.cancel()
            await other
            with pytest.raises(asyncio.CancelledError):
                await given_up
            return done

    assert asyncio.run(run()) == ["first", "second"]
