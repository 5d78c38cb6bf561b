"""Jobs from request to result: nothing is worked on twice at a time, and nothing that was taken in is forgotten.

Whoever works on a job holds a lease on it, which is renewed again and again. Where a process dies, its lease runs out, and
the job is begun again, by the process that comes after it or by another replica. A result is stored over the revision that
it was made for, so there is one result, whoever came late.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from api.http.problems import Problem
from api.jobs.model import EvaluateRequest, Job, JobState, OptimizeRequest
from api.jobs.store import JobStore
from api.jobs.supervision import Outcome, Times, supervised
from api.logs import logger
from traffic.errors import InputError, UnknownError

__all__ = ["Jobs", "Limits"]

_MOST_ATTEMPTS = 3
_DRAFT = "work-"


@dataclass(frozen=True)
class Limits:
    """Bounds of jobs.

    Attributes
    ----------
    workers
        How many are worked on at a time, by this process.
    unfinished
        How many may be queued or running, in all.
    job_seconds
        How long one may take.
    lease_seconds
        After this time without a sign of life of who works on a job, it is begun again.
    beat_seconds
        How often such a sign is given, and progress is told.
    grace_seconds
        How long an optimisation that was interrupted may take to end with what it has.
    """

    workers: int = 1
    unfinished: int = 20
    job_seconds: float = 3600.0
    lease_seconds: float = 10.0
    beat_seconds: float = 0.5
    grace_seconds: float = 60.0


class Jobs:
    """Takes jobs in and has them worked on.

    Parameters
    ----------
    store
        What keeps them.
    city
        The scenario of requests that name none.
    folder
        Where workers have their files.
    clock
        Gives the time in UTC.
    new_id
        Gives random identifiers.
    unavailable
        Errors that say that the store is away for now.
    ended
        Is told each job that ended here.
    """

    def __init__(
        self,
        store: JobStore,
        *,
        city: str,
        folder: Path,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        limits: Limits | None = None,
        unavailable: tuple[type[Exception], ...] = (),
        ended: Callable[[Job], None] = lambda _job: None,
    ) -> None:
        self._ended = ended
        self._store, self._city, self._folder = store, city, folder
        self._clock, self._new_id = clock, new_id
        self._limits = limits or Limits()
        self._unavailable = unavailable
        self._owner = new_id()
        self._wanted = asyncio.Event()
        self._bells: dict[str, asyncio.Event] = {}
        self._log = logger("jobs")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work on jobs, those of processes that died among them; at the end give back what is not done."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._clean()
        slots = [asyncio.create_task(self._slot()) for _ in range(self._limits.workers)]
        try:
            yield
        finally:
            for slot in slots:
                slot.cancel()
            await asyncio.gather(*slots, return_exceptions=True)

    async def submit(self, request: OptimizeRequest | EvaluateRequest, who: str) -> Job:
        """Take a job in.

        Raises
        ------
        InputError
            Where the city or the plans are unknown, or the time is more than a job may take.
        Problem
            Where too many jobs wait (503).
        """
        await self._check(request)
        job = Job(key=self._new_id(), request=request, who=who, created_at=self._clock())
        most = self._limits.unfinished
        if not await self._store.add(job, most):
            headers = {"Retry-After": "30"}
            rule = f"must be at most {most} that are queued or running"
            raise Problem(503, rule, field="jobs", hint="Wait for one, or cancel one", headers=headers)
        self._wanted.set()
        return job

    async def _check(self, request: OptimizeRequest | EvaluateRequest) -> None:
        from scenarios.loader import load  # noqa: PLC0415 - keeps the start of the service fast

        if request.city is not None:
            load(request.city)
        longest = self._limits.job_seconds
        if isinstance(request, OptimizeRequest) and request.seconds > longest:
            raise InputError(f"must be at most {longest:g} s", field="seconds", value=request.seconds)
        if request.plans is not None and await self._store.content(request.plans) is None:
            rule = "must be the digest of plans that are stored"
            raise InputError(rule, field="plans", value=request.plans)

    async def get(self, key: str) -> Job:
        """Return a job.

        Raises
        ------
        UnknownError
            Where there is none of this key.
        """
        job = await self._store.get(key)
        if job is None:
            raise UnknownError("must be the key of a job", field="job", value=key)
        return job

    async def recent(self, limit: int) -> tuple[Job, ...]:
        """Return the youngest jobs, the youngest first."""
        return await self._store.recent(limit)

    async def keep(self, plans: bytes) -> str:
        """Keep a document of plans, and return the digest that requests name it by."""
        return await self._store.put(plans)

    async def plans(self, digest: str) -> bytes:
        """Return plans that a job found, or that were kept."""
        content = await self._store.content(digest)
        if content is None:
            raise UnknownError("must be the digest of plans that are stored", field="plans", value=digest)
        return content

    async def cancel(self, key: str) -> Job:
        """Have a job end: at once if it waits, with the best so far if it is worked on. One that has ended stays."""

        def cancelled(job: Job) -> Job:
            if job.state is JobState.QUEUED:
                return job.ended(JobState.CANCELLED, self._clock(), cancel=True, stopped="cancelled")
            return job.changed(cancel=True)

        await self.get(key)
        await self._change(key, lambda job: not (job.state.final or job.cancel), cancelled)
        return await self.get(key)

    async def after(self, key: str, revision: int) -> Job:
        """Return a job as soon as it has another revision than this."""
        while True:
            bell = self._bells.setdefault(key, asyncio.Event())
            job = await self.get(key)
            if job.revision != revision:
                return job
            # Another replica may work on it, which rings no bell here.
            with suppress(TimeoutError):
                await asyncio.wait_for(bell.wait(), 2 * self._limits.beat_seconds)

    async def watch(self, key: str) -> AsyncIterator[Job]:
        """Yield a job whenever it has changed, until it has ended; some changes may be left out, never the last."""
        job = await self.get(key)
        while True:
            yield job
            if job.state.final:
                return
            job = await self.after(key, job.revision)

    async def _change(
        self, key: str, wanted: Callable[[Job], bool], change: Callable[[Job], Job]
    ) -> Job | None:
        """Store a change over whatever revision there is, as long as it is `wanted`; return what was stored."""
        while True:
            job = await self._store.get(key)
            if job is None or not wanted(job):
                return None
            changed = change(job)
            if await self._store.replace(changed):
                self._ring(key)
                return changed

    def _ring(self, key: str) -> None:
        bell = self._bells.pop(key, None)
        if bell is not None:
            bell.set()

    async def _slot(self) -> None:
        """Work on one job after the other."""
        while True:
            try:
                job = await self._claimed()
                if job is not None:
                    await self._work(job)
                    continue
            except self._unavailable as error:
                self._log.warning("jobs cannot be looked at", reason=str(error))
            except Exception:  # noqa: BLE001 - one job must not end the work on all others
                self._log.exception("work on a job failed")
            self._wanted.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), self._limits.lease_seconds / 2)

    async def _claimed(self) -> Job | None:
        """Return the oldest job that nobody works on, now that we do."""
        for job in await self._store.unfinished():
            now = self._clock()
            if job.state is JobState.RUNNING and job.lease_until is not None and job.lease_until > now:
                continue
            if job.cancel:
                await self._replace(job.ended(JobState.CANCELLED, now, stopped="cancelled"))
            elif job.attempts >= _MOST_ATTEMPTS:
                await self._replace(job.ended(JobState.FAILED, now, problem=_given_up(job)))
            else:
                if job.attempts:
                    self._log.warning("a job is begun again", job=job.key, attempt=job.attempts + 1)
                claimed = job.changed(
                    state=JobState.RUNNING,
                    owner=self._owner,
                    lease_until=now + self._lease(),
                    attempts=job.attempts + 1,
                    started_at=job.started_at or now,
                    progress=None,
                )
                if await self._replace(claimed):
                    return claimed
        return None

    async def _replace(self, job: Job) -> bool:
        stored = await self._store.replace(job)
        if stored:
            self._ring(job.key)
        return stored

    def _lease(self) -> timedelta:
        return timedelta(seconds=self._limits.lease_seconds)

    async def _work(self, job: Job) -> None:
        folder = self._folder / f"{_DRAFT}{os.getpid()}-{job.key}-{job.attempts}"
        folder.mkdir(mode=0o700)
        limits = self._limits
        interruptible = isinstance(job.request, OptimizeRequest)
        times = Times(limits.beat_seconds, limits.job_seconds, limits.grace_seconds if interruptible else 0.0)
        try:
            if job.request.plans is not None:
                (folder / "given.json").write_bytes(await self.plans(job.request.plans))

            async def renew(outcome: Outcome) -> Job | None:
                return await self._renewed(job, outcome)

            city = job.request.city or self._city
            outcome = await supervised(job, city, folder, times, renew)
            await self._settle(job, outcome, folder)
        except asyncio.CancelledError:
            await asyncio.shield(self._give_back(job))
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _ours(self, job: Job) -> Callable[[Job], bool]:
        """Return what tells whether work on a job is still that which was begun: another slot may have begun anew."""

        def ours(current: Job) -> bool:
            same = (current.owner, current.attempts) == (self._owner, job.attempts)
            return current.state is JobState.RUNNING and same

        return ours

    async def _renewed(self, job: Job, outcome: Outcome) -> Job | None:
        """Renew the lease and tell the progress; return the job, or `None` where it is not ours any more."""

        def renewed(current: Job) -> Job:
            return current.changed(lease_until=self._clock() + self._lease(), progress=outcome.progress)

        try:
            return await self._change(job.key, self._ours(job), renewed)
        except self._unavailable as error:
            # Whether it is still ours is seen when the store is there again.
            self._log.warning("a lease was not renewed", job=job.key, reason=str(error))
            return job

    async def _settle(self, job: Job, outcome: Outcome, folder: Path) -> None:
        """Store what came out."""
        if outcome.lost:
            self._log.warning("a job was taken over by another process", job=job.key)
            return
        if outcome.traceback is not None:
            self._log.error("a job crashed", job=job.key, traceback=outcome.traceback)
        while True:
            try:
                stored = await self._stored(job, outcome, folder)
                break
            except self._unavailable as error:
                self._log.warning("a result waits for the store", job=job.key, reason=str(error))
                await asyncio.sleep(self._limits.beat_seconds)
        if stored is not None:
            self._log.info("job ended", job=job.key, state=stored.state.value, stopped=stored.stopped)
            self._ended(stored)
            self._wanted.set()

    async def _stored(self, job: Job, outcome: Outcome, folder: Path) -> Job | None:
        found = outcome.figures is not None and isinstance(job.request, OptimizeRequest)
        plans = await self._store.put((folder / "found.json").read_bytes()) if found else None

        def settled(current: Job) -> Job:
            return outcome.settled(current, self._clock(), plans, _MOST_ATTEMPTS)

        return await self._change(job.key, self._ours(job), settled)

    async def _give_back(self, job: Job) -> None:
        """Let others work on a job, as this process ends; that it ends is not the job's fault."""

        def queued(current: Job) -> Job:
            return current.changed(
                state=JobState.QUEUED, owner=None, lease_until=None, attempts=current.attempts - 1
            )

        away: tuple[type[Exception], ...] = (TimeoutError, *self._unavailable)
        try:
            async with asyncio.timeout(self._limits.lease_seconds):
                await self._change(job.key, self._ours(job), queued)
        except away as error:
            # Its lease runs out, and then it is begun again all the same.
            self._log.warning("a job was not given back", job=job.key, reason=str(error))

    def _clean(self) -> None:
        """Remove the folders of processes that died."""
        for left in self._folder.glob(f"{_DRAFT}*"):
            number = left.name.removeprefix(_DRAFT).partition("-")[0]
            if number.isdigit() and not _lives(int(number)):
                shutil.rmtree(left, ignore_errors=True)


def _lives(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _given_up(job: Job) -> dict[str, object]:
    rule = f"must end, but the processes that worked on it died {job.attempts} times"
    return Problem(500, rule, field="job", value=job.key).problem()
