"""A service that is killed while it works on a job: the next one finds the job and does it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager

import httpx
import psutil
import pytest

_JASYL = [sys.executable, "-c", "from api.cli import main; main()", "serve", "corridor", "--port", "0"]


@contextmanager
def _served(folder):
    """Give the process, its address, and the token of the first start."""
    process = subprocess.Popen(
        [*_JASYL, "--data", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        told = ""
        try:
            for line in process.stdout:
                told += line
                if line.startswith("Serving "):
                    break
            token = re.search(r"jsy_[0-9a-f]{16}_[\w-]{43}", told)
            yield process, told.split()[-1], token and token[0]
        finally:
            process.send_signal(signal.SIGTERM)


def _last(client, key, wanted):
    """Read the events of a job until one is as wanted."""
    with client.stream("GET", f"/v1/jobs/{key}/events") as stream:
        for line in stream.iter_lines():
            if line.startswith("data: ") and wanted in line:
                return
    raise AssertionError(client.get(f"/v1/jobs/{key}").text)


@pytest.mark.slow
def test_a_job_survives_its_service(tmp_path):
    with _served(tmp_path) as (process, address, token):
        headers = {"Authorization": f"Bearer {token}"}
        new = {"name": "Aigerim", "roles": ["administrator"], "why": "first"}
        made = httpx.post(f"{address}/v1/tokens", json=new, headers=headers).json()
        headers = {"Authorization": f"Bearer {made['token']}"}
        with httpx.Client(base_url=address, headers=headers, timeout=120) as client:
            job = client.post("/v1/jobs", json={"kind": "optimize", "seconds": 20, "seed": 4}).json()
            _last(client, job["key"], '"stage":"optimize","share":0.')
            workers = [p for p in psutil.Process(process.pid).children() if "api.jobs.worker" in p.cmdline()]
            assert len(workers) == 1
            os.kill(process.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(workers, timeout=20)
        assert not alive
    with _served(tmp_path) as (_, address, token):
        assert token is None
        with httpx.Client(base_url=address, headers=headers, timeout=120) as client:
            _last(client, job["key"], '"state":"done"')
            done = client.get(f"/v1/jobs/{job['key']}").json()
            assert done["attempts"] == 2
            assert done["created_at"] == job["created_at"]
            plans = client.get(f"/v1/jobs/plans/{done['plans']}").json()
            assert len(plans["plans"]) == done["figures"]["junctions"] == 10
    assert not list((tmp_path / "jobs").iterdir())
