"""Jobs over HTTP: submitted, watched, cancelled, with their plans; rights, bounds, and the same request sent twice."""

from __future__ import annotations

import asyncio
import json

import pytest

from api.jobs import Jobs, process
from tests.api.jobs import acting_worker as acts
from tests.api.service.centres import service, serving

_FOUND = {"kind": "optimize", "seed": acts.FOUND}
_PLANS = {"format": "jasyl-plans", "format_version": 1, "name": "a", "network": "corridor", "plans": []}


@pytest.fixture(autouse=True)
def _acting(monkeypatch):
    monkeypatch.setattr(process, "_PROGRAM", (acts.__file__,))


def _events(text):
    """Return the jobs that a stream tells."""
    return [
        json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")
    ]


def test_a_job_from_request_to_plans(tmp_path):
    async def test(service):
        answer = await service.ask("POST", "/jobs", _FOUND, who="engineer")
        assert answer.status_code == 202, answer.text
        job = answer.json()
        assert answer.headers["location"] == f"/v1/jobs/{job['key']}"
        assert (job["who"], job["request"]["seed"]) == ("Bolat", acts.FOUND)
        stream = await service.ask("GET", f"/jobs/{job['key']}/events", who="viewer")
        assert stream.headers["content-type"].startswith("text/event-stream")
        told = _events(stream.text)
        assert told[-1]["state"] == "done"
        assert [event["state"] for event in told] == sorted(
            (event["state"] for event in told), key=["queued", "running", "done"].index
        )
        assert told[-1] == await service.done("GET", f"/jobs/{job['key']}", who="viewer")
        plans = await service.done("GET", f"/jobs/plans/{told[-1]['plans']}", who="viewer")
        assert plans == {"objective": 70.0}
        listed = await service.done("GET", "/jobs", who="viewer")
        assert listed["jobs"] == [told[-1]]
        count = 'jasyl_jobs_ended_total{kind="optimize",state="done"} 1.0'
        assert count in service.context.metrics.text().decode()

    serving(tmp_path, test)


def test_progress_and_cancel(tmp_path):
    async def test(service):
        request = {"kind": "optimize", "seed": acts.UNTIL_INTERRUPTED}
        job = await service.done("POST", "/jobs", request, who="engineer", status=202)
        jobs = service.context.part(Jobs)
        async with asyncio.timeout(30):
            async for seen in jobs.watch(job["key"]):
                if seen.progress and seen.progress.share == 0.5:
                    break
        told = await service.done("POST", f"/jobs/{job['key']}/cancel", who="engineer", status=202)
        assert told["cancel"]
        last = _events((await service.ask("GET", f"/jobs/{job['key']}/events", who="viewer")).text)[-1]
        assert (last["state"], last["stopped"]) == ("cancelled", "cancelled")
        assert last["progress"]["objective"] == 80.0
        assert last["figures"]["objective_after"] == 80.0

    serving(tmp_path, test)


def test_a_stream_ends_when_the_service_stops(tmp_path):
    async def test(service):
        request = {"kind": "optimize", "seed": acts.DEAF}
        job = await service.done("POST", "/jobs", request, who="engineer", status=202)
        stream = asyncio.create_task(service.ask("GET", f"/jobs/{job['key']}/events", who="viewer"))
        async for seen in service.context.part(Jobs).watch(job["key"]):
            if seen.progress:
                break
        service.context.stopping.ask()
        answer = await asyncio.wait_for(stream, 20)
        assert answer.status_code == 200
        assert _events(answer.text)[-1]["state"] != "done"

    serving(tmp_path, test)


def test_plans_are_given_by_their_digest(tmp_path):
    async def test(service):
        kept = await service.done("POST", "/jobs/plans", _PLANS, who="engineer", status=201)
        assert kept == await service.done("POST", "/jobs/plans", _PLANS, who="engineer", status=201)
        request = {"kind": "optimize", "seed": acts.FOUND, "plans": kept["digest"]}
        job = await service.done("POST", "/jobs", request, who="engineer", status=202)
        await service.ask("GET", f"/jobs/{job['key']}/events", who="viewer")
        assert await service.done("GET", f"/jobs/plans/{kept['digest']}", who="viewer") == _PLANS

    serving(tmp_path, test)


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"kind": "optimise"}, 422, "body.kind"),
        ({"kind": "optimize", "city": "../x"}, 422, "body.optimize.city"),
        ({"kind": "optimize", "city": "almatty"}, 422, "SCENARIO"),
        ({"kind": "optimize", "seconds": 1e9}, 422, "body.optimize.seconds"),
        ({"kind": "optimize", "seconds": 4000}, 422, "seconds"),
        ({"kind": "optimize", "planned_scale": 1}, 422, "body.optimize"),
        ({"kind": "optimize", "robust": "mean"}, 422, "body.optimize"),
        ({"kind": "evaluate"}, 422, "body.evaluate.plans"),
        ({"kind": "evaluate", "plans": "0" * 64}, 422, "plans"),
        ({"kind": "optimize", "steps": -1}, 422, "body.optimize.steps"),
        ({"kind": "optimize", "path": "/etc/passwd"}, 422, "body.optimize.path"),
    ],
)
def test_requests_that_are_wrong(requests_of, body, status, field):
    problem = requests_of(body)
    assert problem["status"] == status
    assert problem["field"] == field
    assert problem["rule"]


@pytest.fixture(scope="module")
def requests_of(tmp_path_factory):
    """Send a request for a job to one service, which is not to take it in, and return the problem."""
    folder = tmp_path_factory.mktemp("service")
    with asyncio.Runner() as runner:
        opening = service(folder)
        opened = runner.run(opening.__aenter__())
        runner.run(opened.staff())

        def ask(body):
            answer = runner.run(opened.ask("POST", "/jobs", body, who="engineer"))
            assert answer.headers["content-type"] == "application/problem+json"
            return answer.json()

        yield ask
        runner.run(opening.__aexit__(None, None, None))


def test_who_may_and_how_many(tmp_path):
    async def test(service):
        for who, status in (("viewer", 403), ("approver", 403), (None, 401)):
            assert (await service.ask("POST", "/jobs", _FOUND, who=who)).status_code == status
        assert (await service.ask("GET", "/jobs", who=None)).status_code == 401
        assert (await service.ask("GET", "/jobs/none", who="viewer")).status_code == 404
        assert (await service.ask("GET", f"/jobs/plans/{'0' * 64}", who="viewer")).status_code == 404
        key = {"Idempotency_Key": "morning"}
        first = await service.done("POST", "/jobs", _FOUND, who="engineer", status=202, **key)
        assert await service.done("POST", "/jobs", _FOUND, who="engineer", status=202, **key) == first
        await service.done("POST", "/jobs", _FOUND, who="engineer", status=202)
        full = await service.ask("POST", "/jobs", _FOUND, who="engineer")
        assert full.status_code == 503
        assert full.headers["retry-after"] == "30"

    serving(tmp_path, test, job_workers=0, job_queue=2)
