"""Real workers: the same plans and figures as the commands, an interrupt, and an end together with the service."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import uuid
from datetime import UTC, datetime

import psutil
import pytest

from api.child import child_environment
from api.cli import run
from api.jobs import EvaluateRequest, Jobs, JobState, MemoryJobStore, OptimizeRequest
from api.jobs.manager import Limits
from api.jobs.work import worked
from traffic.errors import InputError


@pytest.fixture(scope="module")
def commanded(tmp_path_factory):
    """What `jasyl optimize` and `jasyl evaluate` write and print for a small grid."""
    plans = tmp_path_factory.mktemp("plans") / "plans.json"
    assert run(["optimize", "grid-2x2", "--steps", "2", "--seed", "5", "-o", str(plans)]) == 0
    return plans


def _jobs(folder):
    return Jobs(
        MemoryJobStore(),
        city="grid-2x2",
        folder=folder,
        clock=lambda: datetime.now(UTC),
        new_id=lambda: uuid.uuid4().hex,
        limits=Limits(beat_seconds=0.05),
    )


def test_a_job_gives_the_plans_of_the_command(tmp_path, commanded):
    async def found():
        jobs = _jobs(tmp_path)
        async with jobs.running():
            job = await jobs.submit(OptimizeRequest(seed=5, steps=2), "a")
            async with asyncio.timeout(120):
                seen = [job async for job in jobs.watch(job.key)]
            return seen, await jobs.plans(seen[-1].plans)

    seen, plans = asyncio.run(found())
    job = seen[-1]
    assert job.state is JobState.DONE, job.problem
    assert plans == commanded.read_bytes()
    assert job.figures["junctions"] == 4
    assert job.figures["objective_after"] <= job.figures["objective_before"]
    assert (job.progress.share, job.progress.objective) == (1.0, job.figures["objective_after"])
    stages = [job.progress.stage for job in seen if job.progress]
    assert stages == sorted(stages, key=["compile", "build", "optimize"].index)


def test_an_optimisation_that_is_cancelled_gives_its_best(tmp_path):
    async def cancelled():
        jobs = _jobs(tmp_path)
        async with jobs.running():
            key = (await jobs.submit(OptimizeRequest(seconds=600), "a")).key
            async with asyncio.timeout(120):
                async for job in jobs.watch(key):
                    if job.progress and job.progress.objective is not None and not job.cancel:
                        await jobs.cancel(key)
            return job, await jobs.plans(job.plans)

    job, plans = asyncio.run(cancelled())
    assert (job.state, job.stopped) == (JobState.CANCELLED, "cancelled")
    assert job.figures["seconds"] < 500
    assert len(json.loads(plans)["plans"]) == 4


def _worked(request, folder, told):
    return worked(request, "grid-2x2", folder, tell=told.append, should_stop=lambda: False)


def test_an_evaluation_gives_the_figures_of_the_command(tmp_path, commanded, capsys):
    told = []
    (tmp_path / "given.json").write_bytes(commanded.read_bytes())
    figures = _worked(EvaluateRequest(plans="0" * 64), tmp_path, told)
    assert run(["evaluate", "grid-2x2", "--plans", str(commanded), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {**figures, "seconds": 0} == {**printed, "seconds": 0}
    assert told[-1].stage == "evaluate"


def test_an_optimisation_goes_on_from_plans_and_counts_its_steps(tmp_path, commanded):
    told = []
    (tmp_path / "given.json").write_bytes(commanded.read_bytes())
    request = OptimizeRequest(plans="0" * 64, steps=2, robust="worst", at=(0.9, 1.1))
    figures = _worked(request, tmp_path, told)
    assert figures["objective_after"] <= figures["objective_before"]
    shares = [progress.share for progress in told if progress.stage == "optimize"]
    assert shares[:2] == pytest.approx([1 / 3, 2 / 3])
    assert set(shares[2:]) == {1.0}
    assert json.loads((tmp_path / "found.json").read_bytes())["network"]


def test_plans_of_another_network_are_refused(tmp_path, commanded):
    other = {**json.loads(commanded.read_bytes()), "network": "elsewhere"}
    (tmp_path / "given.json").write_text(json.dumps(other), encoding="utf-8")
    with pytest.raises(InputError) as refused:
        _worked(EvaluateRequest(plans="0" * 64), tmp_path, [])
    assert (refused.value.field, refused.value.value) == ("network", "elsewhere")


def test_a_worker_does_not_outlive_the_service(tmp_path):
    worker = subprocess.Popen(
        [sys.executable, "-m", "api.jobs.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with worker:
        request = OptimizeRequest(seconds=600).model_dump(mode="json")
        message = {"request": request, "city": "grid-2x2", "folder": os.fspath(tmp_path)}
        worker.stdin.write(json.dumps(message).encode() + b"\n")
        worker.stdin.flush()
        assert json.loads(worker.stdout.readline())["event"] == "progress"
        worker.stdin.close()  # as when the service is killed
        assert worker.wait(30) == -9
    assert not [p for p in psutil.process_iter() if _group(p.pid) == worker.pid]


def _group(pid):
    try:
        return os.getpgid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def test_a_worker_is_told_no_secret_of_the_service(monkeypatch):
    monkeypatch.setenv("JASYL_REDIS_URL", "redis://u:pa55word@127.0.0.1/0")
    monkeypatch.setenv("jasyl_redis_url", "redis://u:pa55word@127.0.0.1/0")
    monkeypatch.setenv("JASYL_CACHE_DIR", "cache")
    told = child_environment()
    assert "pa55word" not in "".join(told.values())
    assert told["JASYL_CACHE_DIR"] == "cache"
    assert told["PATH"] == os.environ["PATH"]
