"""Optimisations and evaluations: what takes a processor for long."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Path, Request, Response
from pydantic import Field
from starlette.responses import StreamingResponse

from api.centre.security import Actor, Right
from api.context import Context, context_of
from api.http.guards import Reader, require, still_valid
from api.http.held import FOR_PEOPLE, HeldAnswers
from api.http.idempotent import KeyHeader, commands
from api.http.paging import Limit
from api.http.routes.common import Frozen
from api.http.routing import VERSION_PREFIX, event_schema, problems, router
from api.jobs import Job, JobRequest, Jobs, JobState, Progress
from signals.wire import FORMAT, FORMAT_VERSION

__all__ = ["COMMANDS", "ROUTER"]

ROUTER = router("jobs", "/jobs")
COMMANDS = commands("jobs", "/jobs")

_HEARTBEAT_S = 15.0

Runner = Annotated[Actor, Depends(require(Right.JOBS))]
JobKey = Annotated[str, Path(pattern=r"^[A-Za-z0-9_\-]{1,100}$", description="Key of a job.")]
Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of a document of plans.")]


async def _jobs(request: Request) -> Jobs:
    return context_of(request).part(Jobs)


Here = Annotated[Jobs, Depends(_jobs)]


class JobOut(Frozen):
    """A job: what was asked, how far it is, and what came out."""

    key: str
    state: JobState
    request: JobRequest
    who: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    attempts: int
    cancel: bool = Field(description="Whether it is to end with what it has.")
    stopped: str | None = Field(description="Why it ended before its time: `cancelled` or `time limit`.")
    progress: Progress | None
    figures: dict[str, Any] | None = Field(description="What the command of the same name prints.")
    plans: str | None = Field(description="Digest of the plans that came out: `GET /v1/jobs/plans/{digest}`.")
    problem: dict[str, Any] | None = Field(description="Why it failed.")


class JobList(Frozen):
    """Jobs, the youngest first."""

    jobs: list[JobOut]


class PlansIn(Frozen):
    """A document of plans, as `jasyl optimize` writes it; whether it fits the city, the job finds out."""

    format: Annotated[str, Field(pattern=f"^{FORMAT}$")]
    format_version: Annotated[int, Field(ge=FORMAT_VERSION, le=FORMAT_VERSION)]
    name: str
    network: str
    plans: list[dict[str, Any]]


class PlansOut(Frozen):
    """What requests name plans by."""

    digest: str


def _shown(job: Job) -> JobOut:
    values = job.model_dump(exclude={"revision", "owner", "lease_until"})
    return JobOut.model_validate(values)


@COMMANDS.post("", status_code=202, responses=problems(401, 403, 404, 409, 503))
async def submit(
    request: JobRequest, response: Response, actor: Runner, here: Here, _key: KeyHeader = None
) -> JobOut:
    """Take in an optimisation or an evaluation. It waits for its turn; too many that wait are refused (503)."""
    job = await here.submit(request, actor.name)
    response.headers["Location"] = f"{VERSION_PREFIX}/jobs/{job.key}"
    return _shown(job)


@COMMANDS.post("/plans", status_code=201, responses=problems(401, 403, 409, 503))
async def keep_plans(plans: PlansIn, _actor: Runner, here: Here, _key: KeyHeader = None) -> PlansOut:
    """Keep plans that a job is to evaluate or to go on from."""
    content = json.dumps(plans.model_dump(), ensure_ascii=False, sort_keys=True).encode()
    return PlansOut(digest=await here.keep(content))


@ROUTER.get("", responses=problems(401, 403, 503))
async def list_jobs(_actor: Reader, here: Here, limit: Limit = 100) -> JobList:
    """List the youngest jobs."""
    return JobList(jobs=[_shown(job) for job in await here.recent(limit)])


@ROUTER.get("/plans/{digest}", responses=problems(401, 403, 404, 503))
async def get_plans(digest: Digest, _actor: Reader, here: Here) -> dict[str, Any]:
    """Return plans that a job found, or that were kept."""
    found: dict[str, Any] = json.loads(await here.plans(digest))
    return found


@ROUTER.get("/{job}", responses=problems(401, 403, 404, 503))
async def get_job(job: JobKey, _actor: Reader, here: Here) -> JobOut:
    """Return a job."""
    return _shown(await here.get(job))


@COMMANDS.post("/{job}/cancel", status_code=202, responses=problems(401, 403, 404, 409, 503))
async def cancel(job: JobKey, _actor: Runner, here: Here, _key: KeyHeader = None) -> JobOut:
    """Have a job end: at once if it waits, else with the best plans so far. One that has ended stays as it is."""
    return _shown(await here.cancel(job))


@ROUTER.get(
    "/{job}/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Events `job`, the job as it is; the last one when it has ended",
            "content": {"text/event-stream": {"schema": event_schema("job", "The job, as JSON.")}},
        },
        **problems(401, 403, 404, 503),
    },
)
async def events(job: JobKey, request: Request, actor: Reader, here: Here) -> StreamingResponse:
    """Send the job now and whenever it is further, until it has ended."""
    await here.get(job)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Connection": "close"}
    told = _events(here, context_of(request), actor, job)
    return StreamingResponse(told, media_type="text/event-stream", headers=headers)


async def _events(here: Jobs, context: Context, actor: Actor, key: str) -> AsyncIterator[bytes]:
    """Yield events; what changes while a slow reader takes one is told by the next, so nothing piles up."""
    yield b"retry: 2000\n\n"
    seen = 0
    with context.part(HeldAnswers).one(actor.token, FOR_PEOPLE) as gives_way:
        while not (context.stopping.asked or gives_way.done()) and still_valid(context, actor):
            job = await context.stopping.first(here.after(key, seen), _HEARTBEAT_S)
            if job is None:
                yield b": still here\n\n"
                continue
            seen = job.revision
            yield f"id: {seen}\nevent: job\ndata: {_shown(job).model_dump_json()}\n\n".encode()
            if job.state.final:
                return
