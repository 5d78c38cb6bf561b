"""A session: one controller talks with the service, for ever, whatever comes between them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from simulation.controller.http import LinkError
from simulation.controller.reading import instant, shown_instant
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

    from simulation.controller.cabinet import Cabinet
    from simulation.controller.disk import Disk
    from simulation.controller.http import Link
    from simulation.controller.verdicts import Acknowledgement

__all__ = ["Backoff", "Session", "Tally"]

_BATCH = 200
_FORGET_TAG = 3


@dataclass
class Backoff:
    """Waits that grow with every failure, each drawn from the whole range, so that many controllers do not come at once.

    Attributes
    ----------
    generator
        Where the draws come from.
    first_s, longest_s
        Upper ends of the first range and of all.
    """

    generator: Generator
    first_s: float = 1.0
    longest_s: float = 30.0
    failures: int = 0

    def next_s(self, wanted_s: float = 0.0) -> float:
        """Return how long to wait after one more failure, and at least what the service wants."""
        self.failures += 1
        most = min(self.first_s * 2.0 ** min(self.failures - 1, 16), self.longest_s)
        return min(wanted_s, 300.0) + float(self.generator.uniform(0.0, most))

    def reset(self) -> None:
        """Begin anew after a success."""
        self.failures = 0


@dataclass
class Tally:
    """What all sessions of a process have counted.

    Attributes
    ----------
    counts
        Of answers, failures, acknowledgements and reports, by name.
    acknowledged
        For each plan set and result: how many, and when the first and the last were taken by the service.
    latency_s
        From the arrival of an assignment to the taken acknowledgement, the latest of them.
    clock_ahead_s
        How far the controllers' clock was ahead of the service's when it was last told, give or take half of the way there
        and back.
    last_error
        What went wrong last.
    """

    counts: dict[str, int] = field(default_factory=dict)
    acknowledged: dict[tuple[str, str], tuple[int, float, float]] = field(default_factory=dict)
    latency_s: list[float] = field(default_factory=list)
    clock_ahead_s: float | None = None
    last_error: str | None = None

    def count(self, name: str, number: int = 1) -> None:
        """Count something."""
        self.counts[name] = self.counts.get(name, 0) + number

    def taken(self, release: str, result: str, at_s: float) -> None:
        """Note that the service has taken an acknowledgement."""
        number, first, last = self.acknowledged.get((release, result), (0, at_s, at_s))
        self.acknowledged[release, result] = (number + 1, min(first, at_s), max(last, at_s))

    def delayed(self, seconds: float) -> None:
        """Note how long an acknowledgement took."""
        self.latency_s.append(seconds)
        del self.latency_s[:-20_000]


class Session:
    """One controller and its way to the service.

    Parameters
    ----------
    push
        Whether the service pushes (server-sent events), or is polled.
    retry_s
        Upper ends of the first wait after a failure, and of all.
    disk
        Where this controller remembers.
    """

    def __init__(
        self,
        cabinet: Cabinet,
        link: Link,
        *,
        push: bool,
        generator: Generator,
        retry_s: tuple[float, float] = (1.0, 30.0),
        clock: Callable[[], float],
        disk: Disk,
        tally: Tally,
    ) -> None:
        self.cabinet, self._link, self._push = cabinet, link, push
        self._clock, self._disk, self._tally = clock, disk, tally
        self._backoffs = [Backoff(generator, *retry_s) for _ in range(2)]
        self._tag: str | None = None
        self._due: dict[int, tuple[Acknowledgement, float]] = {}
        self._said: set[tuple[int, str]] = set()
        self._work = asyncio.Event()

    def wake(self) -> None:
        """Say that there is something to tell the service."""
        self._work.set()

    async def run(self) -> None:
        """Listen and tell, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._tell())

    async def _listen(self) -> None:
        backoff = self._backoffs[0]
        while not _ending():
            try:
                if self._push:
                    await self._follow(backoff)
                else:
                    await self._poll()
                backoff.reset()
            except (LinkError, OSError) as error:
                if isinstance(error, LinkError) and error.there:
                    self._heard()
                await self._failed(error, backoff)
                if backoff.failures >= _FORGET_TAG:
                    self._tag = None  # it may be what the service stumbles over

    async def _failed(self, error: LinkError | OSError, backoff: Backoff) -> None:
        """Wait after a failure of the way to the service, or of the disk."""
        self._tally.count("link_errors" if isinstance(error, LinkError) else "disk_errors")
        self._tally.last_error = str(error)
        await asyncio.sleep(backoff.next_s(error.retry_s if isinstance(error, LinkError) else 0.0))

    async def _poll(self) -> None:
        answer = await self._link.poll(self._tag)
        self._heard()
        if answer.document is None:
            self._tally.count("not_modified")
            return
        self._tally.count("assignments")
        await self._take(answer.document)
        self._tag = answer.tag

    async def _follow(self, backoff: Backoff) -> None:
        async for event in self._link.stream(self._tag):
            if _ending():
                return
            self._heard()
            backoff.reset()
            if event.name != "assignment":
                continue
            self._tally.count("assignments")
            try:
                document = json.loads(event.data)
            except (ValueError, RecursionError) as error:
                raise LinkError(f"an event that is no JSON: {error}") from error
            await self._take(document)
            self._tag = event.id or self._tag
        self._tally.count("streams_ended")
        await asyncio.sleep(backoff.next_s())

    def _heard(self) -> None:
        """Note that the service is there, and what its clock says."""
        self.cabinet.runner.heard()
        self._compare_clocks()

    def _compare_clocks(self) -> None:
        """Hold the clock against what the service has said last: it said so after it was asked, and before it was heard."""
        said, self._link.time = self._link.time, None
        if said is None:
            return
        try:
            service_s = instant(said.text, "X-Jasyl-Time")
        except InputError as error:
            self.cabinet.complain(str(error))
            return
        least_s, most_s = said.asked_s - service_s, said.heard_s - service_s
        self._tally.clock_ahead_s = (least_s + most_s) / 2.0
        self.cabinet.compare_clock(least_s, most_s)

    async def _take(self, document: object) -> None:
        """Judge an assignment, write it to disk, put it into force, and acknowledge it, in this order."""
        arrived = self._clock()
        try:
            received = self.cabinet.receive(document)
        except InputError as error:
            self._tally.count("assignments_refused")
            self.cabinet.complain(str(error))
            self.wake()
            return
        if self.cabinet.unsaved:  # also what an earlier assignment has changed, when the disk failed
            await self._disk.do(self.cabinet.save)
        self.cabinet.put_in_force()
        self._tally.count("problems", len(received.problems))
        for told in received.acknowledgements:
            if (told.version, told.result) not in self._said:
                self._due[told.version] = (told, arrived)
        self.wake()

    async def _tell(self) -> None:
        backoff = self._backoffs[1]
        while not _ending():
            await self._work.wait()
            self._work.clear()
            try:
                await self._acknowledge()
                await self._report()
                self._compare_clocks()
                backoff.reset()
            except (LinkError, OSError) as error:
                await self._failed(error, backoff)
                self.wake()

    async def _acknowledge(self) -> None:
        shown = self.cabinet.running()
        if shown is not None and (shown.version, shown.result) not in self._said:
            self._due[shown.version] = (shown, self._clock())
        for version, (told, arrived) in sorted(self._due.items()):
            try:
                await self._link.acknowledge(told, shown_instant(self._clock()))
            except LinkError as error:
                if not error.final:
                    raise
                # The service wants no word on this version any more, or never did.
                self._tally.count("acknowledgements_declined")
                self.cabinet.fault(f"acknowledgement of version {version} declined: {error}")
            else:
                now = self._clock()
                self._tally.count(told.result)
                self._tally.taken(self._release(version), told.result, now)
                self._tally.delayed(now - arrived)
            self._said.add((told.version, told.result))
            if self._due.get(version) == (told, arrived):
                del self._due[version]

    def _release(self, version: int) -> str:
        releases = (r for rows in self.cabinet.desk.releases.values() for r in rows)
        return next((r.release for r in releases if r.version == version), "")

    async def _report(self) -> None:
        outbox = self.cabinet.outbox
        await self._disk.do(outbox.flush)
        while batch := outbox.batch(_BATCH):
            until: Any = await self._link.report(batch, shown_instant(self._clock()))
            try:
                await self._disk.do(partial(outbox.accept, until))
            except InputError as error:
                raise LinkError(str(error)) from error
            if until < batch[-1]["number"]:
                raise LinkError(f"reports up to {until} only were accepted")
            self._tally.count("reports", len(batch))


def _ending() -> bool:
    """Return whether this task has been cancelled, also where a library has kept that to itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
