"""A session: what is put into force and acknowledged is on disk, and the service is there as long as it says so itself."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from numpy.random import default_rng

from simulation.controller.cabinet import Cabinet
from simulation.controller.disk import Disk
from simulation.controller.http import Answer, LinkError
from simulation.controller.session import Session, Tally
from tests.simulation.controller.signing_desk import NOW, Service

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Executor
    from pathlib import Path


class ScriptedLink:
    """A way to the service that gives one answer after the other; what is told is kept."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.told: list[tuple[int, str]] = []
        self.time: str | None = None

    async def poll(self, _tag: str | None) -> Answer:
        if not self.answers:
            raise asyncio.CancelledError
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Answer(answer, "tag")

    async def acknowledge(self, told: Any, _at: str) -> None:
        self.told.append((told.version, told.result))


def _session(cabinet: Cabinet, link: ScriptedLink, executor: Executor) -> Session:
    return Session(
        cabinet,
        link,
        push=False,
        generator=default_rng(0),
        retry_s=(0.001, 0.001),
        clock=lambda: NOW,
        disk=Disk(executor),
        tally=Tally(),
    )


def _run(scenario: Callable[[Executor], Coroutine[Any, Any, None]]) -> None:
    with ThreadPoolExecutor(1) as executor:
        asyncio.run(scenario(executor))


def test_nothing_is_put_into_force_or_acknowledged_before_the_disk_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service()
    service.order = service.order_token(3, "flash")
    service.publish(7)
    cabinet = Cabinet(service.tables, tmp_path, clock=lambda: NOW)
    save, failures = cabinet.save, [OSError("No space left on device")] * 2

    def fail_first() -> None:
        if failures:
            raise failures.pop()
        save()

    monkeypatch.setattr(cabinet, "save", fail_first)
    link = ScriptedLink(*[service.assignment] * 3)

    async def scenario(executor: Executor) -> None:
        session = _session(cabinet, link, executor)
        for _ in range(2):
            with pytest.raises(OSError, match="No space"):
                await session._poll()
            await session._acknowledge()
            assert link.told == []
            assert cabinet.runner.order is None
            assert not any(cabinet.runner.releases.values())
        await session._poll()
        await session._acknowledge()

    _run(scenario)
    assert link.told == [(7, "accepted")]
    again = Cabinet(service.tables, tmp_path, clock=lambda: NOW)
    assert (again.desk.highest_version, again.desk.order_sequence) == (7, 3)
    assert not again.unsaved
    assert cabinet.runner.order == again.desk.order


def test_a_service_that_cannot_tell_now_is_there_and_a_proxy_in_front_of_it_is_not(tmp_path: Path) -> None:
    service = Service()
    cabinet = Cabinet(service.tables, tmp_path, clock=lambda: NOW)
    for second in range(cabinet.tables.backup_s + 1):
        cabinet.step(int(NOW) + second)

    def hear(error: LinkError) -> Callable[[Executor], Coroutine[Any, Any, None]]:
        async def scenario(executor: Executor) -> None:
            session = _session(cabinet, ScriptedLink(error), executor)
            with pytest.raises(asyncio.CancelledError):
                await session._listen()

        return scenario

    assert cabinet.runner.backup
    _run(hear(LinkError("503")))
    assert cabinet.runner.backup
    _run(hear(LinkError("503", there=True)))
    assert not cabinet.runner.backup
