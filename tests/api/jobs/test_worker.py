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

from api.cli import run
from api.jobs import EvaluateRequest, Jobs, JobState, MemoryJobStore, OptimizeRequest
from api.jobs.manager import Limits


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


async def _all(jobs, request):
    job = await jobs.submit(request, "a")
    async with asyncio.timeout(120):
        return [seen async for seen in jobs.watch(job.key)]


def test_a_job_gives_the_plans_and_figures_of_the_command(tmp_path, commanded, capsys):
    async def both():
        jobs = _jobs(tmp_path)
        async with jobs.running():
            seen = await _all(jobs, OptimizeRequest(seed=5, steps=2))
            request = EvaluateRequest(plans=seen[-1].plans)
            return seen, await jobs.plans(seen[-1].plans), (await _all(jobs, request))[-1]

    seen, plans, evaluated = asyncio.run(both())
    found = seen[-1]
    assert found.state is JobState.DONE, found.problem
    assert plans == commanded.read_bytes()
    assert found.figures["junctions"] == 4
    assert found.figures["objective_after"] <= found.figures["objective_before"]
    assert (found.progress.share, found.progress.objective) == (1.0, found.figures["objective_after"])
    stages = [job.progress.stage for job in seen if job.progress]
    assert stages == sorted(stages, key=["compile", "build", "optimize"].index)
    assert evaluated.state is JobState.DONE, evaluated.problem
    assert run(["evaluate", "grid-2x2", "--plans", str(commanded), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {**evaluated.figures, "seconds": 0} == {**printed, "seconds": 0}


def test_a_cancelled_optimisation_gives_its_best_and_wrong_plans_are_told(tmp_path, commanded):
    async def both():
        jobs = _jobs(tmp_path)
        async with jobs.running():
            other = json.dumps({**json.loads(commanded.read_bytes()), "network": "elsewhere"}).encode()
            digest = await jobs.keep(other)
            refused = (await _all(jobs, EvaluateRequest(plans=digest)))[-1]
            key = (await jobs.submit(OptimizeRequest(seconds=600), "a")).key
            async with asyncio.timeout(120):
                async for job in jobs.watch(key):
                    if job.progress and job.progress.objective is not None and not job.cancel:
                        await jobs.cancel(key)
            return refused, job, await jobs.plans(job.plans)

    refused, job, plans = asyncio.run(both())
    assert refused.state is JobState.FAILED
    assert refused.problem["field"] == "network"
    assert refused.problem["value"] == "elsewhere"
    assert (job.state, job.stopped) == (JobState.CANCELLED, "cancelled")
    assert job.figures["seconds"] < 500
    assert len(json.loads(plans)["plans"]) == 4


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
