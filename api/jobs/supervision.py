"""Watching over one worker: signs of life, time, wishes to cancel, and what came out in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from api.http.problems import Problem
from api.jobs.model import Job, JobState, Progress
from api.jobs.process import Worker, worker
from api.masking import mask

__all__ = ["Outcome", "Times", "supervised"]

_TAIL = 1000


@dataclass(frozen=True)
class Times:
    """Seconds between two signs of life, that a job may take, and that one that is interrupted may take to end."""

    beat: float
    job: float
    grace: float


@dataclass
class Outcome:
    """What is known of the work on a job.

    Attributes
    ----------
    figures, problem, traceback
        What came out: a result, an error of the request, a failure of ours.
    stopped
        Why it was interrupted.
    lost
        Whether somebody else works on the job now.
    death
        How the worker ended; tells something where nothing came out.
    """

    progress: Progress | None = None
    figures: dict[str, Any] | None = None
    problem: dict[str, Any] | None = None
    traceback: str | None = None
    stopped: Literal["cancelled", "time limit"] | None = None
    lost: bool = False
    death: str | None = None

    def take(self, event: dict[str, Any]) -> None:
        """Take note of what a worker tells."""
        kind = event.pop("event")
        if kind == "progress":
            self.progress = Progress.model_validate(event)
        elif kind == "done":
            self.figures = event["figures"]
        elif kind == "failed":
            self.problem = event["problem"]
        elif kind == "crashed":
            self.traceback = event["traceback"]

    def settled(self, job: Job, now: datetime, plans: str | None, most_attempts: int) -> Job:
        """Return the job with what came out.

        Parameters
        ----------
        plans
            Digest of the plans that came out.
        """
        last = {"progress": self.progress, "stopped": self.stopped}
        if self.figures is not None:
            state = JobState.CANCELLED if self.stopped == "cancelled" else JobState.DONE
            figures = {**self.figures, "plans": plans} if plans is not None else self.figures
            return job.ended(state, now, figures=figures, plans=plans, **last)
        if self.problem is not None:
            return job.ended(JobState.FAILED, now, problem=self.problem, **last)
        if self.stopped == "cancelled":
            return job.ended(JobState.CANCELLED, now, **last)
        if self.stopped == "time limit":
            problem = Problem(422, "must end within the time that a job may take", field="job", value=job.key)
            return job.ended(JobState.FAILED, now, problem=problem.problem(), **last)
        if self.traceback is None and job.attempts < most_attempts:
            return job.changed(state=JobState.QUEUED, owner=None, lease_until=None, progress=None)
        rule = "must end, but the service failed; its log tells more under the job's key"
        if self.traceback is None:
            rule = f"must end, but its process died {job.attempts} times, the last time with {self.death}"
        problem = Problem(500, rule, field="job", value=job.key)
        return job.ended(JobState.FAILED, now, problem=problem.problem(), **last)


async def supervised(
    job: Job,
    city: str,
    folder: Path,
    times: Times,
    renew: Callable[[Outcome], Awaitable[Job | None]],
) -> Outcome:
    """Have a worker carry out a job, and return what came out.

    Parameters
    ----------
    renew
        Gives a sign of life; returns the job as it is stored now, or `None` where somebody else works on it.
    """
    outcome = Outcome()
    async with worker(job.request.model_dump(mode="json"), city, folder) as process:
        listening = asyncio.create_task(_listen(process, outcome))
        try:
            await _attend(process, listening, outcome, times, renew)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        if outcome.lost:
            return outcome
        death = await process.ended()
        if outcome.death is None:
            outcome.death = f"{death}: {mask(process.errors())[-_TAIL:]}".rstrip(": ")
    return outcome


async def _listen(process: Worker, outcome: Outcome) -> None:
    try:
        async for event in process.events():
            outcome.take(event)
    except (LookupError, ValueError) as error:  # it tells what nobody understands, which is as good as death
        outcome.death = f"words that nobody understands: {error}"
        process.kill()


async def _attend(
    process: Worker,
    listening: asyncio.Task[None],
    outcome: Outcome,
    times: Times,
    renew: Callable[[Outcome], Awaitable[Job | None]],
) -> None:
    """Give signs of life until the worker has said everything; interrupt it, or kill it, where need be."""
    loop = asyncio.get_running_loop()
    deadline, kill_at = loop.time() + times.job, float("inf")
    while not listening.done():
        await asyncio.wait({listening}, timeout=times.beat)
        current = await renew(outcome)
        if current is None:
            outcome.lost = True
            return
        now = loop.time()
        if outcome.stopped is None and (current.cancel or now >= deadline):
            outcome.stopped = "cancelled" if current.cancel else "time limit"
            kill_at = now + times.grace
            if times.grace:
                process.interrupt()
        if now >= kill_at and not listening.done():
            process.kill()
    listening.result()
