"""Plan sets: handed in, checked, approved, published, rolled back."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Request, Response
from pydantic import Field

from api.centre.asking import NewPlanSet
from api.http.guards import Approver, Drafter, Publisher, Reader, Withdrawer
from api.http.idempotent import KeyHeader, command_of, commands
from api.http.paging import Cursor, Limit, page_of
from api.http.routes.common import (
    Frozen,
    Here,
    IfMatch,
    Instant,
    Line,
    PlanSetKey,
    Reason,
    Why,
    matching,
    plan_set_tag,
)
from api.http.routing import links, problems
from signals.instants import instant_text
from signals.lifecycle import decisions
from signals.lifecycle.facts import Fact
from signals.lifecycle.records import GroupState, Lifecycle, PlanSetRecord, SetState, Slot

__all__ = ["ROUTER"]

ROUTER = commands("plan sets", "/plan-sets")

_EXAMPLE = {
    "format": "jasyl-plans",
    "format_version": 1,
    "name": "morning",
    "network": "almaty",
    "plans": [
        {
            "junction": "osm:1",
            "digest": "1f0c2a3b4d5e6f70-8192a3b4c5d6e7f8",
            "name": "",
            "version": 1,
            "cycle_s": 60,
            "offset_s": 12,
            "stages": [
                {"groups": ["N", "S"], "duration_s": 35},
                {"groups": ["E", "W"], "duration_s": 25},
            ],
        }
    ],
}


class PlanSetIn(Frozen):
    """A plan set, or a schedule of plan sets."""

    document: Annotated[
        dict[str, Any],
        Field(
            description="In the format `jasyl-plans` or `jasyl-schedule`, as the commands write it.",
            examples=[_EXAMPLE],
        ),
    ]
    name: Annotated[Line, Field(max_length=200)] = ""
    slot: Slot = Slot.BASE
    activate_from: Instant | None = None
    valid_until: Instant | None = None
    groups: Annotated[
        dict[str, list[str]] | None,
        Field(
            description="Junctions that switch together, by the name of their group. Without it: neighbours whose cycles fit."
        ),
    ] = None
    why: Why


class GroupOut(Frozen):
    """A coordinated group of a plan set."""

    name: str
    state: GroupState
    members: list[str]
    accepted: int
    running: int
    missing: list[str]
    activate_at: str | None


class PlanSetOut(Frozen):
    """A plan set, and how far it is."""

    id: str
    name: str
    slot: Slot
    state: SetState
    author: str
    approver: str | None
    created_at: str
    published_at: str | None
    activate_from: str | None
    valid_until: str | None
    ends: Annotated[dict[str, str], Field(description="Junctions whose plans end before the set does.")]
    deadline: str | None
    rollback_of: str | None
    document: Annotated[str, Field(description="SHA-256 of the document.")]
    findings: list[str]
    revision: int
    junctions: int
    groups: list[GroupOut]


class PlanSets(Frozen):
    """A page of plan sets, the oldest first."""

    plan_sets: list[PlanSetOut]
    next: str | None


class PublishIn(Reason):
    """Why plans are to be given out, and whether to junctions that others hold, too."""

    over_holds: Annotated[
        bool,
        Field(
            strict=True,
            description="Also to junctions that others hold; it stands in the ledger whose holds.",
        ),
    ] = False


class EndIn(Reason):
    """When a plan set is to end."""

    until: Annotated[Instant | None, Field(description="Default: at once.")] = None


def _out(record: PlanSetRecord) -> PlanSetOut:
    def text(at: Any) -> str | None:
        return None if at is None else instant_text(at)

    groups = [
        GroupOut(
            name=group.name,
            state=group.state,
            members=list(group.members),
            accepted=len(group.accepted),
            running=len(group.running),
            missing=list(group.missing),
            activate_at=text(group.activate_at),
        )
        for group in record.groups.values()
    ]
    return PlanSetOut(
        id=record.id,
        name=record.name,
        slot=record.slot,
        state=record.state,
        author=record.author,
        approver=record.approver,
        created_at=instant_text(record.created_at),
        published_at=text(record.published_at),
        activate_from=text(record.activate_from),
        valid_until=text(record.valid_until),
        ends={key: instant_text(end) for key, end in record.ends.items()},
        deadline=text(record.deadline),
        rollback_of=record.rollback_of,
        document=record.document,
        findings=list(record.findings),
        revision=record.revision,
        junctions=len(record.junctions),
        groups=groups,
    )


def _answer(record: PlanSetRecord, response: Response) -> PlanSetOut:
    response.headers["ETag"] = plan_set_tag(record)
    return _out(record)


_NEXT = tuple(
    f"plan_sets_{step}"
    for step in ("get_plan_set", "get_document", "check", "approve", "publish", "withdraw")
)


@ROUTER.post(
    "",
    status_code=201,
    responses={
        201: {"links": links("plan_set", "/id", *_NEXT)},
        **problems(400, 401, 403, 409, 413, 415, 422, 429, 503),
    },
)
async def hand_in(
    new: PlanSetIn,
    request: Request,
    response: Response,
    actor: Drafter,
    here: Here,
    _key: KeyHeader = None,
) -> PlanSetOut:
    """Hand in a plan set as a draft. One that is unsafe, or made for other junctions, is refused with the place and the rule."""
    wanted = NewPlanSet(new.document, new.name, new.slot, new.activate_from, new.valid_until, new.groups)
    record = await here.draft(wanted, actor, new.why, command_of(request))
    response.headers["Location"] = f"{request.url.path}/{record.id}"
    return _answer(record, response)


@ROUTER.get(
    "",
    responses={
        200: {"links": links("plan_set", "/plan_sets/0/id", *_NEXT, "plan_sets_roll_back", "plan_sets_end")},
        **problems(401, 403, 422, 429, 503),
    },
)
async def list_plan_sets(
    _actor: Reader,
    here: Here,
    state: Annotated[SetState | None, Query(description="Only those in this state.")] = None,
    slot: Annotated[Slot | None, Query(description="Only those of this slot.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> PlanSets:
    """List plan sets, the oldest first."""
    found = [
        record
        for record in here.plans.sets.values()
        if state in {None, record.state} and slot in {None, record.slot}
    ]
    found.sort(key=_place)
    page, following = page_of(found, _place, limit, cursor)
    return PlanSets(plan_sets=[_out(record) for record in page], next=following)


def _place(record: PlanSetRecord) -> str:
    return f"{instant_text(record.created_at)} {record.id}"


@ROUTER.get("/{plan_set}", responses=problems(401, 403, 404, 422, 429, 503))
async def get_plan_set(plan_set: PlanSetKey, response: Response, _actor: Reader, here: Here) -> PlanSetOut:
    """Return a plan set, and how far it is."""
    return _answer(here.plans.plan_set(plan_set), response)


@ROUTER.get("/{plan_set}/document", responses=problems(401, 403, 404, 422, 429, 503))
async def get_document(plan_set: PlanSetKey, _actor: Reader, here: Here) -> dict[str, Any]:
    """Return the document that was handed in."""
    found: dict[str, Any] = json.loads(await here.documents.get(here.plans.plan_set(plan_set).document))
    return found


_CHANGES = problems(400, 401, 403, 404, 409, 412, 415, 422, 429, 503)


@ROUTER.post("/{plan_set}/check", responses=_CHANGES)
async def check(
    plan_set: PlanSetKey,
    reason: Reason,
    request: Request,
    response: Response,
    actor: Drafter,
    here: Here,
    if_match: IfMatch = None,
    _key: KeyHeader = None,
) -> PlanSetOut:
    """Check a draft against the junctions as they are now, and against what their controllers can do."""
    record = await here.check(
        plan_set, actor, reason.why, command_of(request), condition=matching(if_match, plan_set)
    )
    return _answer(record, response)


@ROUTER.post("/{plan_set}/approve", responses=_CHANGES)
async def approve(
    plan_set: PlanSetKey,
    reason: Reason,
    request: Request,
    response: Response,
    actor: Approver,
    here: Here,
    if_match: IfMatch = None,
    _key: KeyHeader = None,
) -> PlanSetOut:
    """Approve a plan set that has been checked; its author may not, unless the setting `four_eyes` is off."""
    condition, four_eyes = matching(if_match, plan_set), here.rules.four_eyes

    def decide(plans: Lifecycle, at: datetime, who: str) -> list[Fact]:
        condition(plans)
        return decisions.approve(plans, at, who, plan_set, four_eyes=four_eyes)

    await here.commit(decide, actor, reason.why, command_of(request))
    return _answer(here.plans.plan_set(plan_set), response)


@ROUTER.post("/{plan_set}/publish", responses=_CHANGES)
async def publish(
    plan_set: PlanSetKey,
    wanted: PublishIn,
    request: Request,
    response: Response,
    actor: Publisher,
    here: Here,
    if_match: IfMatch = None,
    _key: KeyHeader = None,
) -> PlanSetOut:
    """Sign the plans and give them out, to all junctions of the set in one act."""
    record = await here.publish(
        plan_set,
        actor,
        wanted.why,
        command_of(request),
        over_holds=wanted.over_holds,
        condition=matching(if_match, plan_set),
    )
    return _answer(record, response)


@ROUTER.post("/{plan_set}/withdraw", responses=_CHANGES)
async def withdraw(
    plan_set: PlanSetKey,
    reason: Reason,
    request: Request,
    response: Response,
    actor: Withdrawer,
    here: Here,
    if_match: IfMatch = None,
    _key: KeyHeader = None,
) -> PlanSetOut:
    """Take a plan set back; of one that is published, the groups that have not been activated."""
    condition = matching(if_match, plan_set)

    def decide(plans: Lifecycle, at: datetime, who: str) -> list[Fact]:
        condition(plans)
        return decisions.withdraw(plans, at, who, plan_set)

    await here.commit(decide, actor, reason.why, command_of(request))
    return _answer(here.plans.plan_set(plan_set), response)


@ROUTER.post("/{plan_set}/roll-back", status_code=201, responses=_CHANGES)
async def roll_back(
    plan_set: PlanSetKey,
    wanted: PublishIn,
    request: Request,
    response: Response,
    actor: Publisher,
    here: Here,
    if_match: IfMatch = None,
    _key: KeyHeader = None,
) -> PlanSetOut:
    """Publish the plans that were in force before a set, as a new one."""
    record = await here.roll_back(
        plan_set,
        actor,
        wanted.why,
        command_of(request),
        over_holds=wanted.over_holds,
        condition=matching(if_match, plan_set),
    )
    response.headers["Location"] = f"{request.url.path.rsplit('/', 2)[0]}/{record.id}"
    return _answer(record, response)


@ROUTER.post("/{plan_set}/end", responses=_CHANGES)
async def end(
    plan_set: PlanSetKey,
    wanted: EndIn,
    request: Request,
    response: Response,
    actor: Publisher,
    here: Here,
    if_match: IfMatch = None,
    _key: KeyHeader = None,
) -> PlanSetOut:
    """End a plan set of an event or an incident before its time."""
    record = await here.end(
        plan_set,
        wanted.until,
        actor,
        wanted.why,
        command_of(request),
        condition=matching(if_match, plan_set),
    )
    return _answer(record, response)
