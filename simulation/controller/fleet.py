"""A fleet: many controllers in one process, each with lamps, memory and connections of its own."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from simulation.controller.cabinet import Cabinet
from simulation.controller.disk import Disk
from simulation.controller.folder_lock import locked
from simulation.controller.http import Link, Settings, connect
from simulation.controller.session import Session, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from simulation.controller.runner import InForce
    from simulation.controller.tables import Tables

__all__ = ["Fleet", "FleetSettings", "Pulse"]

_MOST_MISSED_S = 5
_DISK_THREADS = 8


@dataclass
class Pulse:
    """Which seconds are due: one for each second of the steady clock, numbered by the clock on the wall.

    The wall is followed when it is off by half a second or more; less is the late waking of a busy machine.

    Attributes
    ----------
    most
        How many seconds may be due at once; more were missed, and nobody knows what the lamps have shown.
    """

    most: float = _MOST_MISSED_S
    _begun_s: float | None = None
    _shown: int = 0
    _wall_s: int = 0

    def due(self, steady_s: float, wall_s: float) -> list[int] | None:
        """Return the POSIX seconds that are to be shown now, or `None` where too many were missed.

        Parameters
        ----------
        steady_s
            Of a clock that never jumps.
        wall_s
            POSIX seconds by the controller's clock.
        """
        if self._begun_s is None:
            self._begun_s, self._shown, self._wall_s = steady_s, 1, int(wall_s)
            return [self._wall_s]
        missed = int(steady_s - self._begun_s) + 1 - self._shown
        self._shown += missed
        expected = self._wall_s + missed
        if not expected - 0.5 <= wall_s < expected + 1.5:
            expected = int(wall_s // 1)
        self._wall_s = expected
        if missed > self.most:
            return None
        return list(range(expected - missed + 1, expected + 1))

    def until_next_s(self, steady_s: float) -> float:
        """Return after how many seconds the next second is due."""
        assert self._begun_s is not None
        return max(self._begun_s + self._shown - steady_s, 0.0)


@dataclass(frozen=True)
class FleetSettings:
    """How a fleet runs.

    Attributes
    ----------
    push
        Whether the service pushes, or is polled.
    shared
        Whether all controllers share one pool of connections, instead of having their own.
    events
        Whether every change of aspects is reported.
    planning_s
        For how long, in each second, changeovers may be worked out; the rest waits for the next.
    spread_s
        Over how many seconds the controllers begin to talk.
    retry_s
        Upper ends of the first wait after a failure, and of all.
    seed
        Of the generators of waits.
    """

    service: Settings
    push: bool = True
    shared: bool = False
    events: bool = False
    planning_s: float = 0.3
    spread_s: float = 0.0
    retry_s: tuple[float, float] = (1.0, 30.0)
    seed: int = 0


@dataclass
class Fleet:
    """Controllers of one process.

    Parameters
    ----------
    tables
        One for each controller.
    credentials
        By junction.
    folder
        Where each controller gets a folder for its memory.
    clock, steady
        POSIX seconds, and seconds of a clock that never jumps.
    observe
        Is told of every change of what is run: junction, what, and POSIX seconds.
    pace
        How many of their seconds pass in a second; more than 1 shows hours in minutes.
    make_link
        Makes each controller's way to the service.
    """

    tables: Sequence[Tables]
    credentials: Mapping[str, str]
    folder: Path
    settings: FleetSettings
    clock: Callable[[], float]
    steady: Callable[[], float]
    observe: Callable[[str, InForce, int], None] | None = None
    pace: float = 1.0
    make_link: type[Link] = Link
    tally: Tally = field(default_factory=Tally)
    cabinets: list[Cabinet] = field(default_factory=list)
    restarts: int = 0
    late_s: float = 0.0

    def __post_init__(self) -> None:
        self._locks = []
        for tables in self.tables:
            own = self.folder / quote(tables.junction, safe="")
            own.mkdir(parents=True, exist_ok=True)
            self._locks.append(locked(own, tables.junction))
            self.cabinets.append(Cabinet(tables, own, clock=self.clock, events=self.settings.events))
        self._sessions: list[Session] = []
        self._told: dict[str, InForce] = {}

    async def run(self, until: asyncio.Event, ready: asyncio.Event | None = None) -> None:
        """Run all controllers until `until` is set; `ready` is set when the first second is shown."""
        with ExitStack() as held, ThreadPoolExecutor(_DISK_THREADS, "disk") as executor:
            for lock in self._locks:
                held.callback(lock.release)
            async with AsyncExitStack() as stack:
                await self._connect(stack, Disk(executor))
                async with asyncio.TaskGroup() as tasks:
                    running = [tasks.create_task(self._pulse(ready))]
                    waits = np.random.default_rng(self.settings.seed).uniform(
                        0.0, self.settings.spread_s, len(self._sessions)
                    )
                    for session, wait in zip(self._sessions, waits.tolist(), strict=True):
                        running.append(tasks.create_task(_later(session, wait)))
                    await until.wait()
                    for task in running:
                        task.cancel()

    async def _connect(self, stack: AsyncExitStack, disk: Disk) -> None:
        service = self.settings.service
        trust = service.trust()
        shared = self.settings.shared
        clients = [
            await stack.enter_async_context(connect(service, trust))
            for _ in range(1 if shared else len(self.cabinets))
        ]
        seeds = np.random.SeedSequence(self.settings.seed).spawn(len(self.cabinets))
        for position, (cabinet, seed) in enumerate(zip(self.cabinets, seeds, strict=True)):
            client = clients[0 if shared else position]
            junction = cabinet.tables.junction
            link = self.make_link(
                client, junction, self.credentials[junction], wait_s=service.wait_s, clock=self.clock
            )
            session = Session(
                cabinet,
                link,
                push=self.settings.push,
                generator=np.random.default_rng(seed),
                retry_s=self.settings.retry_s,
                clock=self.clock,
                disk=disk,
                tally=self.tally,
            )
            self._sessions.append(session)

    async def _pulse(self, ready: asyncio.Event | None) -> None:
        pulse = Pulse(_MOST_MISSED_S * max(self.pace, 1.0))
        await asyncio.sleep(
            -self.clock() % 1.0 / self.pace
        )  # offsets hold to the second from full seconds on
        while True:
            seconds = pulse.due(self.steady(), self.clock())
            if seconds is None:
                self.restarts += 1
                for cabinet in self.cabinets:
                    cabinet.restart()
            for wall_s in seconds or ():
                self._show(wall_s)
            if ready is not None:
                ready.set()
            wait_s = pulse.until_next_s(self.steady())
            self.late_s = max(self.late_s, len(seconds or ()) - 1.0)
            await asyncio.sleep(wait_s / self.pace)

    def _show(self, wall_s: int) -> None:
        began = self.steady()
        for cabinet, session in zip(self.cabinets, self._sessions, strict=True):
            may_plan = self.steady() - began < self.settings.planning_s
            if cabinet.step(wall_s, may_plan=may_plan):
                session.wake()
                self._tell(cabinet, wall_s)

    def _tell(self, cabinet: Cabinet, wall_s: int) -> None:
        junction, now = cabinet.tables.junction, cabinet.runner.in_force()
        if self.observe is not None and self._told.get(junction) != now:
            self._told[junction] = now
            self.observe(junction, now, wall_s)

    def summary(self) -> dict[str, Any]:
        """Return what the controllers do and have done, as plain values."""
        shown = [cabinet.runner.in_force() for cabinet in self.cabinets]
        faults = [cabinet.runner.monitor.fault for cabinet in self.cabinets]
        tally = self.tally
        return {
            "controllers": len(self.cabinets),
            "in_step": sum(now.in_step for now in shown),
            "by_source": _counted([now.source for now in shown]),
            "backup": sum(cabinet.runner.backup for cabinet in self.cabinets),
            "monitor_faults": [str(fault) for fault in faults if fault is not None],
            "counts": dict(sorted(tally.counts.items())),
            "plan_sets": [
                {
                    "release": release,
                    "result": result,
                    "controllers": number,
                    "first_s": first,
                    "last_s": last,
                }
                for (release, result), (number, first, last) in tally.acknowledged.items()
            ],
            "acknowledgement_ms": _percentiles(tally.latency_s),
            "clock_ahead_s": tally.clock_ahead_s,
            "waiting_reports": sum(len(cabinet.outbox) for cabinet in self.cabinets),
            "lost_reports": sum(cabinet.outbox.lost for cabinet in self.cabinets),
            "missed_seconds": self.late_s,
            "restarts": self.restarts,
            "last_error": tally.last_error,
        }


async def _later(session: Session, wait_s: float) -> None:
    await asyncio.sleep(wait_s)
    await session.run()


def _counted(words: Sequence[str]) -> dict[str, int]:
    return {word: words.count(word) for word in sorted(set(words))}


def _percentiles(seconds: Sequence[float]) -> dict[str, float] | None:
    if not seconds:
        return None
    p50, p99, most = np.percentile(seconds, [50, 99, 100]) * 1000.0
    return {"p50": round(float(p50), 1), "p99": round(float(p99), 1), "max": round(float(most), 1)}
