"""What controllers fetch and tell: assignments, acknowledgements, reports."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Header, Query, Request, Response
from pydantic import AfterValidator, Field
from starlette.responses import JSONResponse, StreamingResponse

from api.centre.centre import Centre
from api.centre.lookout import Lookout
from api.centre.news import News
from api.centre.presence import Presence
from api.centre.security import Actor
from api.context import Context, context_of
from api.http.guards import Controlling, require_still, still_valid
from api.http.held import FOR_CONTROLLERS, HeldAnswers
from api.http.limits import ReportBudget
from api.http.routes.common import Frozen, Here, Instant, JunctionKey
from api.http.routing import event_schema, problems, router
from api.store.reports import Report, Reports
from signals.lifecycle import words
from signals.texts import as_line, cut

__all__ = ["ROUTER"]

ROUTER = router("controllers", "/controllers/{junction}")

LONGEST_WAIT_S = 60.0
_HEARTBEAT_S = 15.0
_RECENT = timedelta(minutes=2)
_LONGEST_REASON = 1000
_CLOSING = {"Connection": "close"}  # what has ended would keep its connection for a while

IfNoneMatch = Annotated[
    str | None,
    Header(alias="If-None-Match", max_length=1000, description="The ETag of the assignment that you have."),
]


def _shown(reason: str) -> str:
    """Return a reason as a line that is not too long: however long it is, the refusal must not be lost."""
    return cut(as_line(reason), _LONGEST_REASON)


class Result(StrEnum):
    """What a controller says of a version."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    IN_FORCE = "in_force"


class AcknowledgementIn(Frozen):
    """What a controller says of a version, by its own check and clock."""

    version: Annotated[int, Field(ge=1, le=2**53, strict=True)]
    result: Result
    reason: Annotated[
        str,
        AfterValidator(_shown),
        Field(description="Of a refusal; what is beyond 1000 characters is cut off, with a mark."),
    ] = ""
    at: Instant


class AcknowledgementOut(Frozen):
    """What was entered; nothing new where it had been entered before."""

    junction: str
    version: int
    result: Result
    entries: int


class ReportIn(Frozen):
    """A report, numbered by the controller."""

    number: Annotated[int, Field(ge=1, le=2**53 - 1, strict=True)]
    kind: Annotated[str, Field(pattern="^(status|fault|event)$")]
    at: Instant
    data: dict[str, Any]


class ReportsIn(Frozen):
    """Reports in the order of their numbers."""

    reports: Annotated[list[ReportIn], Field(min_length=1, max_length=1000)]
    at: Annotated[
        Instant | None,
        Field(description="When they are sent, by the controller's clock; they may have waited long."),
    ] = None


class ReportsOut(Frozen):
    """Up to which number reports are stored: they are safe, and can be forgotten."""

    accepted_until: int
    new: int
    missing: int


@ROUTER.get(
    "/assignment", responses={304: {"description": "Nothing new"}, **problems(401, 403, 404, 422, 429, 503)}
)
async def get_assignment(
    junction: JunctionKey,
    request: Request,
    actor: Controlling,
    here: Here,
    if_none_match: IfNoneMatch = None,
    wait: Annotated[
        float, Query(ge=0, le=LONGEST_WAIT_S, description="Seconds to wait for something new.")
    ] = 0.0,
) -> Response:
    """Return what the controller is to have: signed plans, activations, orders. With `If-None-Match`, only something new."""
    here.city.junction(junction)
    here.require_news()
    context = context_of(request)
    known = _tags(if_none_match)
    tag = here.plans.tag(junction)
    closing: Mapping[str, str] = {}
    if wait > 0 and f'"{tag}"' in known:
        held = context.part(HeldAnswers)
        held.require_room(actor.token)
        with held.one(actor.token, FOR_CONTROLLERS) as gives_way:
            await context.stopping.first(_either(context.part(News).of(junction, tag), gives_way), wait)
            closing = _CLOSING if gives_way.done() else {}
        require_still(context, actor)
        here.require_news()
        tag = here.plans.tag(junction)
    if f'"{tag}"' in known or "*" in known:
        return Response(status_code=304, headers={**_headers(tag), **closing})
    tag, assignment = await here.assignment(junction)
    return JSONResponse(assignment, headers=_headers(tag))


async def _either(news: Awaitable[None], gives_way: asyncio.Future[None]) -> None:
    """Return when there is news, or when a held answer is to give way to newer ones of the same credential."""
    waiting = asyncio.ensure_future(news)
    try:
        await asyncio.wait({waiting, gives_way}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()


def _tags(header: str | None) -> set[str]:
    parts = (part.strip() for part in (header or "").split(","))
    return {part.removeprefix("W/") for part in parts}


def _headers(tag: str) -> Mapping[str, str]:
    return {"ETag": f'"{tag}"', "Cache-Control": "private, no-cache"}


@ROUTER.get(
    "/stream",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Events `assignment`, with the tag as id; a comment every 15 s",
            "content": {
                "text/event-stream": {"schema": event_schema("assignment", "The assignment, as JSON.")}
            },
        },
        **problems(401, 403, 404, 422, 429, 503),
    },
)
async def stream(
    junction: JunctionKey,
    request: Request,
    actor: Controlling,
    here: Here,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", max_length=100, description="Id of the last event.")
    ] = None,
) -> StreamingResponse:
    """Send the assignment now, unless `Last-Event-ID` is that of it, and whenever it changes."""
    here.city.junction(junction)
    here.require_news()
    context = context_of(request)
    context.part(HeldAnswers).require_room(actor.token)
    events = _events(here, context, actor, junction, last_event_id)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", **_CLOSING}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


async def _events(
    here: Centre, context: Context, actor: Actor, junction: str, seen: str | None
) -> AsyncIterator[bytes]:
    """Yield events; what happens while a slow reader takes one is told by the next, so nothing piles up.

    Whoever was let in stays until the service stops or does not hear of what is decided, the credential is revoked or over, or
    has newer streams.
    """
    news, presence = context.part(News), context.part(Presence)
    yield b"retry: 2000\n\n"
    with context.part(HeldAnswers).one(actor.token, FOR_CONTROLLERS) as gives_way:
        while (
            not (context.stopping.asked or gives_way.done())
            and here.ledger.ready
            and still_valid(context, actor)
        ):
            tag = here.plans.tag(junction)
            if tag != seen:
                tag, assignment = await here.assignment(junction)
                body = json.dumps(assignment, separators=(",", ":"))
                yield f"id: {tag}\nevent: assignment\ndata: {body}\n\n".encode()
                seen = tag
                continue
            await context.stopping.first(_either(news.of(junction, tag), gives_way), _HEARTBEAT_S)
            presence.note(junction)
            if not context.stopping.asked and here.ledger.ready and here.plans.tag(junction) == tag:
                yield b": still here\n\n"


@ROUTER.post("/acknowledgements", responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503))
async def acknowledge(
    junction: JunctionKey, said: AcknowledgementIn, actor: Controlling, here: Here
) -> AcknowledgementOut:
    """Enter what the controller says of a version. Saying it again changes nothing."""
    here.city.junction(junction)
    if said.result is Result.REFUSED:
        reason = said.reason or "without a reason"
        entries = await here.commit(
            lambda plans, at, who: words.refuse(plans, at, who, junction, said.version, reason),
            actor,
            reason,
        )
    else:
        decide = words.accept if said.result is Result.ACCEPTED else words.run
        entries = await here.commit(
            lambda plans, at, who: decide(plans, at, who, junction, said.version),
            actor,
            said.result.value,
        )
    return AcknowledgementOut(
        junction=junction, version=said.version, result=said.result, entries=len(entries)
    )


@ROUTER.post("/reports", responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503))
async def report(
    junction: JunctionKey, told: ReportsIn, request: Request, actor: Controlling, here: Here
) -> ReportsOut:
    """Store reports, each number once; they are on disk when this is answered."""
    here.city.junction(junction)
    context = context_of(request)
    rows = [Report(row.number, row.kind, row.at, row.data) for row in told.reports]

    async def admit(size: int) -> None:
        require_still(context, actor)
        context.part(ReportBudget).admit(junction, size)
        await _tell_fault(context, junction, rows)

    found = await context.part(Reports).accept(junction, rows, admit=admit)
    last = next((row for row in reversed(told.reports) if row.kind == "status"), None)
    if last is not None and last.number == found.until:
        now = context.clock()
        # A status may be old, as it waits while the service is away; it cannot be from the time to come.
        clock = told.at or max(last.at, now)
        recent = last.data if clock - last.at < _RECENT else None
        await context.part(Lookout).status(junction, last.data.get("fault"), clock, now, recent=recent)
    return ReportsOut(accepted_until=found.until, new=found.new, missing=found.missing)


async def _tell_fault(context: Context, junction: str, rows: Sequence[Report]) -> None:
    """Raise an alarm on the first fault that is new, before it is stored: once it is, it is new no more."""
    faults = [row for row in rows if row.kind == "fault"]
    if not faults:
        return
    known = await context.part(Reports).accepted_until(junction)
    new = next((row for row in faults if row.number > known), None)
    if new is not None:
        text = str(new.data.get("text") or json.dumps(new.data, ensure_ascii=False))
        await context.part(Lookout).fault(junction, text, new.at)
