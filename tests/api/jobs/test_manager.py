"""Jobs with workers that act: run, progress, cancel, death, restart, limits. The processes are real."""

from __future__ import annotations

import asyncio
import itertools
import json
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from api.http.problems import Problem
from api.jobs import EvaluateRequest, Job, Jobs, JobState, MemoryJobStore, OptimizeRequest, Progress, process
from api.jobs.manager import Limits
from api.settings import Settings
from tests.api.jobs import acting_worker as acts
from tests.api.service.services import captured_logs
from traffic.errors import InputError, JasylError, UnknownError

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


class AwayError(JasylError):
    """The store is away."""


@pytest.fixture(autouse=True)
def logs(monkeypatch, tmp_path):
    monkeypatch.setattr(process, "_PROGRAM", (acts.__file__,))
    with captured_logs(Settings(data_folder=tmp_path, log_format="json")) as lines:
        yield lines


@pytest.fixture
def clock():
    return Clock()


_numbers = itertools.count(1)


def _jobs(folder, clock, store=None, **limits):
    return Jobs(
        store or MemoryJobStore(),
        city="corridor",
        folder=folder / "jobs",
        clock=clock,
        new_id=lambda: f"{next(_numbers):032x}",
        limits=Limits(**{"beat_seconds": 0.02, "grace_seconds": 20.0, **limits}),
        unavailable=(AwayError,),
    )


async def _last(jobs, key):
    async with asyncio.timeout(30):
        seen = [job async for job in jobs.watch(key)]
    return seen[-1]


async def _until(jobs, key, wanted):
    """Return the job as soon as it is as wanted."""
    async with asyncio.timeout(30):
        async for job in jobs.watch(key):
            if wanted(job):
                return job
    raise AssertionError(await jobs.get(key))


def _ran(folder, clock, seed, **limits):
    async def run():
        jobs = _jobs(folder, clock, **limits)
        async with jobs.running():
            job = await jobs.submit(OptimizeRequest(seed=seed), "token:1")
            return jobs, await _last(jobs, job.key)

    return asyncio.run(run())


def test_a_job_runs_and_what_comes_out_is_kept(tmp_path, clock):
    jobs, job = _ran(tmp_path, clock, acts.FOUND)
    assert job.state is JobState.DONE
    assert (job.attempts, job.stopped, job.problem, job.owner) == (1, None, None, None)
    assert (job.created_at, job.started_at, job.finished_at) == (NOW, NOW, NOW)
    assert job.who == "token:1"
    assert job.progress == Progress(stage="optimize", share=1.0, objective=70.0)
    plans = asyncio.run(jobs.plans(job.plans))
    assert json.loads(plans) == {"objective": 70.0}
    assert job.figures == {"objective_after": 70.0, "plans": job.plans}
    assert list((tmp_path / "jobs").iterdir()) == []


def test_progress_is_told_while_it_runs_and_a_cancelled_job_keeps_its_best(tmp_path, clock):
    async def run():
        jobs = _jobs(tmp_path, clock)
        async with jobs.running():
            key = (await jobs.submit(OptimizeRequest(seed=acts.UNTIL_INTERRUPTED), "a")).key
            running = await _until(jobs, key, lambda job: job.progress and job.progress.share == 0.5)
            assert running.state is JobState.RUNNING
            assert running.progress.objective == 80.0
            told = await jobs.cancel(key)
            assert told.cancel
            assert not told.state.final
            last = await _last(jobs, key)
            assert await jobs.cancel(key) == last
            return last

    job = asyncio.run(run())
    assert (job.state, job.stopped) == (JobState.CANCELLED, "cancelled")
    assert job.figures["objective_after"] == 80.0
    assert job.plans


def test_a_job_that_waits_is_cancelled_at_once(tmp_path, clock):
    async def run():
        jobs = _jobs(tmp_path, clock, workers=0)
        async with jobs.running():
            job = await jobs.submit(OptimizeRequest(seed=acts.FOUND), "a")
            return await jobs.cancel(job.key)

    job = asyncio.run(run())
    assert (job.state, job.attempts, job.figures) == (JobState.CANCELLED, 0, None)


def test_a_worker_that_does_not_listen_is_killed(tmp_path, clock):
    async def run():
        jobs = _jobs(tmp_path, clock, grace_seconds=0.1)
        async with jobs.running():
            key = (await jobs.submit(OptimizeRequest(seed=acts.DEAF), "a")).key
            await _until(jobs, key, lambda job: job.progress)
            await jobs.cancel(key)
            return await _last(jobs, key)

    job = asyncio.run(run())
    assert (job.state, job.figures) == (JobState.CANCELLED, None)


def test_time_is_limited_and_the_best_so_far_counts(tmp_path, clock):
    limits = {"job_seconds": 20.0}
    _, job = _ran(tmp_path, clock, acts.FOUND, **limits)
    assert job.stopped is None

    async def limited(seed, **limits):
        jobs = _jobs(tmp_path, clock, **limits)
        async with jobs.running():
            return await _last(jobs, (await jobs.submit(OptimizeRequest(seed=seed, seconds=0.2), "a")).key)

    job = asyncio.run(limited(acts.UNTIL_INTERRUPTED, job_seconds=1.5))
    assert (job.state, job.stopped, job.figures["objective_after"]) == (JobState.DONE, "time limit", 80.0)
    job = asyncio.run(limited(acts.DEAF, job_seconds=0.3, grace_seconds=0.1))
    assert (job.state, job.stopped) == (JobState.FAILED, "time limit")
    assert "time that a job may take" in job.problem["rule"]


def test_a_job_whose_worker_is_killed_is_begun_again(tmp_path, clock):
    _, job = _ran(tmp_path, clock, acts.DIES_ONCE)
    assert (job.state, job.attempts) == (JobState.DONE, 2)
    assert job.figures["objective_after"] == 70.0


def test_a_job_that_kills_every_worker_is_given_up(tmp_path, clock):
    _, job = _ran(tmp_path, clock, acts.DIES)
    assert (job.state, job.attempts) == (JobState.FAILED, 3)
    assert job.problem["status"] == 500
    assert "died 3 times" in job.problem["rule"]
    assert "SIGKILL" in job.problem["rule"]
    assert "out of memory" in job.problem["rule"]
    assert "c2VjcmV0" not in job.problem["rule"]


def test_errors_of_the_request_and_of_ours(tmp_path, clock, logs):
    _, job = _ran(tmp_path, clock, acts.FAILS)
    assert (job.state, job.problem["rule"], job.attempts) == (JobState.FAILED, "must be known", 1)
    _, job = _ran(tmp_path, clock, acts.CRASHES)
    assert (job.state, job.problem["status"]) == (JobState.FAILED, 500)
    assert "ZeroDivisionError" not in json.dumps(job.problem)
    assert "ZeroDivisionError" in logs.getvalue()


def test_a_worker_that_talks_nonsense_does_not_end_the_work_on_others(tmp_path, clock):
    async def run():
        jobs = _jobs(tmp_path, clock)
        async with jobs.running():
            bad = (await jobs.submit(OptimizeRequest(seed=acts.GARBAGE), "a")).key
            good = (await jobs.submit(OptimizeRequest(seed=acts.FOUND), "a")).key
            return await _last(jobs, bad), await _last(jobs, good)

    bad, good = asyncio.run(run())
    assert (bad.state, bad.attempts) == (JobState.FAILED, 3)
    assert "nobody understands" in bad.problem["rule"]
    assert good.state is JobState.DONE


def test_the_queue_is_bounded(tmp_path, clock):
    async def run():
        jobs = _jobs(tmp_path, clock, workers=0, unfinished=2)
        first = await jobs.submit(OptimizeRequest(), "a")
        await jobs.submit(OptimizeRequest(), "a")
        with pytest.raises(Problem) as refused:
            await jobs.submit(OptimizeRequest(), "a")
        assert refused.value.status == 503
        assert refused.value.headers["Retry-After"]
        await jobs.cancel(first.key)
        await jobs.submit(OptimizeRequest(), "a")
        return await jobs.recent(2)

    youngest, older = asyncio.run(run())
    assert youngest.created_at >= older.created_at
    assert len({youngest.key, older.key}) == 2


def test_the_oldest_comes_first_and_one_at_a_time(tmp_path, clock):
    async def run():
        jobs = _jobs(tmp_path, clock)
        keys = [(await jobs.submit(OptimizeRequest(seed=acts.FOUND), "a")).key for _ in range(3)]
        ended = []

        async def watch(key):
            async for job in jobs.watch(key):
                running = [j for j in await jobs.recent(9) if j.state is JobState.RUNNING]
                assert len(running) <= 1
                if job.state.final:
                    ended.append(key)

        async with jobs.running():
            await asyncio.gather(*(watch(key) for key in keys))
        return keys, ended

    keys, ended = asyncio.run(run())
    assert ended == keys


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (OptimizeRequest(city="almatty"), "SCENARIO"),
        (OptimizeRequest(seconds=4000), "seconds"),
        (EvaluateRequest(plans="0" * 64), "plans"),
        (OptimizeRequest(plans="0" * 64), "plans"),
    ],
)
def test_requests_that_cannot_be_met(tmp_path, clock, request_, field):
    with pytest.raises(InputError) as refused:
        asyncio.run(_jobs(tmp_path, clock).submit(request_, "a"))
    assert refused.value.field == field


def test_unknown_keys(tmp_path, clock):
    jobs = _jobs(tmp_path, clock)
    for asked in (jobs.get("x"), jobs.cancel("x"), jobs.plans("0" * 64)):
        with pytest.raises(UnknownError):
            asyncio.run(asked)


@pytest.mark.parametrize("city", ["../secret", "/etc/passwd", "a.toml", "grid 2x2", "", "x" * 80])
def test_a_city_is_a_name_and_no_path(city):
    with pytest.raises(ValueError, match="city"):
        OptimizeRequest(city=city)


def _running(seed, **members):
    return Job(
        key="ab" * 16,
        request=OptimizeRequest(seed=seed),
        who="a",
        created_at=NOW,
        state=JobState.RUNNING,
        owner="a process that died",
        attempts=1,
        **members,
    )


def test_a_job_of_a_process_that_died_is_found_and_run_again(tmp_path, clock):
    async def run():
        store = MemoryJobStore()
        job = _running(acts.FOUND, lease_until=NOW + timedelta(seconds=5))
        await store.add(job, 9)
        left = tmp_path / "jobs" / "work-999999999-abab-1"
        left.mkdir(parents=True)
        jobs = _jobs(tmp_path, clock, store, lease_seconds=0.1)
        async with jobs.running():
            assert not left.exists()
            other = await jobs.submit(OptimizeRequest(seed=acts.FOUND), "a")
            assert (await _last(jobs, other.key)).state is JobState.DONE
            assert (await jobs.get(job.key)).owner == "a process that died"  # it may still live
            clock.now += timedelta(seconds=5)
            return await _last(jobs, job.key)

    job = asyncio.run(run())
    assert (job.state, job.attempts) == (JobState.DONE, 2)


def test_a_job_that_was_to_be_cancelled_when_its_process_died_is_not_begun_again(tmp_path, clock):
    async def run():
        store = MemoryJobStore()
        job = _running(acts.FOUND, lease_until=NOW, cancel=True)
        await store.add(job, 9)
        jobs = _jobs(tmp_path, clock, store)
        async with jobs.running():
            return await _last(jobs, job.key)

    job = asyncio.run(run())
    assert (job.state, job.attempts) == (JobState.CANCELLED, 1)


def test_a_stop_gives_the_job_back_and_the_next_process_does_it(tmp_path, clock):
    async def run():
        store = MemoryJobStore()
        first = _jobs(tmp_path, clock, store)
        async with first.running():
            key = (await first.submit(OptimizeRequest(seed=acts.WITH_CHILD), "a")).key
            running = await _until(first, key, lambda job: job.progress)
            child = psutil.Process(int(running.progress.note))
        given_back = await first.get(key)
        gone = await asyncio.to_thread(psutil.wait_procs, [child], 10)
        second = _jobs(tmp_path, clock, store)
        async with second.running():
            await _until(second, key, lambda job: job.state is JobState.RUNNING)
            await second.cancel(key)
        return given_back, gone

    job, (gone, alive) = asyncio.run(run())
    assert (job.state, job.owner, job.attempts) == (JobState.QUEUED, None, 0)
    assert len(gone) == 1
    assert not alive


def test_who_has_lost_a_job_stores_nothing_and_leaves_no_process(tmp_path, clock):
    async def run():
        store = MemoryJobStore()
        jobs = _jobs(tmp_path, clock, store)
        async with jobs.running():
            key = (await jobs.submit(OptimizeRequest(seed=acts.WITH_CHILD), "a")).key
            running = await _until(jobs, key, lambda job: job.progress)
            child = psutil.Process(int(running.progress.note))
            taken = await jobs._change(key, jobs._ours(running), lambda job: job.changed(owner="another"))
            _, alive = await asyncio.to_thread(psutil.wait_procs, [child], 10)
            return taken, await jobs.get(key), alive

    taken, stored, alive = asyncio.run(run())
    assert stored == taken
    assert not alive


def test_a_slot_that_another_of_its_process_has_overtaken_stores_nothing(tmp_path, clock, logs):
    async def run():
        jobs = _jobs(tmp_path, clock)
        async with jobs.running():
            key = (await jobs.submit(OptimizeRequest(seed=acts.WITH_CHILD), "a")).key
            running = await _until(jobs, key, lambda job: job.progress)
            child = psutil.Process(int(running.progress.note))
            clock.now += timedelta(seconds=11)  # the loop has stood still for longer than the lease
            again = await jobs._claimed()
            assert (again.owner, again.attempts) == (running.owner, 2)
            _, alive = await asyncio.to_thread(psutil.wait_procs, [child], 10)
            return again, await jobs.get(key), alive

    again, stored, alive = asyncio.run(run())
    assert stored == again
    assert not alive
    assert "taken over" in logs.getvalue()


class Flaky(MemoryJobStore):
    """A store that is away now and then."""

    def __init__(self):
        super().__init__()
        self.away = False
        self.refused, self.has_refused = 0, asyncio.Event()

    async def replace(self, job):
        if self.away:
            self.refused += 1
            self.has_refused.set()
            raise AwayError
        return await super().replace(job)


def test_while_the_store_is_away_work_goes_on_and_the_result_waits(tmp_path, clock):
    async def run():
        store = Flaky()
        jobs = _jobs(tmp_path, clock, store)
        async with jobs.running():
            key = (await jobs.submit(OptimizeRequest(seed=acts.UNTIL_INTERRUPTED), "a")).key
            running = await _until(jobs, key, lambda job: job.progress and job.progress.share == 0.5)
            await jobs.cancel(running.key)
            store.away = True
            while store.refused < 5:  # signs of life are lost, and perhaps the result has to wait
                store.has_refused.clear()
                await store.has_refused.wait()
            assert not (await jobs.get(key)).state.final
            store.away = False
            return await _last(jobs, key)

    job = asyncio.run(run())
    assert (job.state, job.attempts, job.figures["objective_after"]) == (JobState.CANCELLED, 1, 80.0)


def test_several_replicas_do_each_job_once(tmp_path, clock):
    async def run():
        store = MemoryJobStore()
        replicas = [_jobs(tmp_path / str(number), clock, store) for number in range(3)]
        async with replicas[0].running(), replicas[1].running(), replicas[2].running():
            keys = []
            for number in range(6):
                request = OptimizeRequest(seed=acts.FOUND)
                keys.append((await replicas[number % 3].submit(request, "a")).key)
            return [await _last(replicas[0], key) for key in keys]

    done = asyncio.run(run())
    assert [(job.state, job.attempts) for job in done] == [(JobState.DONE, 1)] * 6
