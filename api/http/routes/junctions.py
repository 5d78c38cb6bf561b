"""Junctions: what they have, who holds them, and what is ordered there."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from pydantic import Field

from api.centre.security import Actor, Right
from api.http.guards import Operator, Reader, require
from api.http.idempotent import KeyHeader, command_of, commands
from api.http.paging import Cursor, Limit, page_of
from api.http.routes.common import Frozen, Here, Instant, JunctionKey, Now, Reason
from api.http.routing import links, problems
from signals.instants import instant_text
from signals.lifecycle import operators
from signals.lifecycle.records import JunctionRecord, OrderMode, Slot, Version

__all__ = ["ROUTER"]

ROUTER = commands("junctions", "/junctions")
Ejector = Annotated[Actor, Depends(require(Right.EJECT))]


class VersionOut(Frozen):
    """A version of a junction's plan."""

    version: int
    plan_set: str
    activated: bool
    begins_at: str | None
    until: str | None


class SlotOut(Frozen):
    """What a junction has in a slot."""

    current: VersionOut | None
    pending: VersionOut | None


class HoldOut(Frozen):
    """Who has the junction for himself, until when."""

    by: str
    until: str


class OrderOut(Frozen):
    """What an operator has ordered."""

    mode: OrderMode
    slot: Slot | None
    by: str
    expires_at: str


class JunctionOut(Frozen):
    """A junction, and what the service wants of it."""

    junction: str
    name: str
    digest: str
    sequence: int
    last_version: int
    slots: dict[Slot, SlotOut]
    hold: HoldOut | None
    order: OrderOut | None


class Junctions(Frozen):
    """A page of junctions, by their keys."""

    junctions: list[JunctionOut]
    next: str | None


class HoldIn(Reason):
    """Until when a junction is to be held."""

    until: Instant


class OrderIn(Reason):
    """What a junction is to show, until when."""

    mode: OrderMode
    slot: Annotated[Slot | None, Field(description="With the mode `slot`: which one.")] = None
    expires_at: Instant


def _version(version: Version | None) -> VersionOut | None:
    if version is None:
        return None
    return VersionOut(
        version=version.number,
        plan_set=version.plan_set,
        activated=version.activation is not None,
        begins_at=None if version.begins_at is None else instant_text(version.begins_at),
        until=None if version.until is None else instant_text(version.until),
    )


def _out(here: Here, key: str, record: JunctionRecord, now: datetime) -> JunctionOut:
    junction = here.city.junction(key)
    held = record.hold if record.hold and record.hold.until > now else None
    order = record.order if record.order and record.order.expires_at > now else None
    return JunctionOut(
        junction=key,
        name=junction.name,
        digest=junction.digest,
        sequence=record.sequence,
        last_version=record.last_version,
        slots={
            slot: SlotOut(current=_version(content.current), pending=_version(content.pending))
            for slot, content in record.slots.items()
        },
        hold=held and HoldOut(by=held.by, until=instant_text(held.until)),
        order=order
        and OrderOut(
            mode=order.mode, slot=order.slot, by=order.by, expires_at=instant_text(order.expires_at)
        ),
    )


_NEXT = tuple(f"junctions_{step}" for step in ("get_junction", "hold", "release", "eject", "order"))


@ROUTER.get(
    "",
    responses={
        200: {"links": links("junction", "/junctions/0/junction", *_NEXT)},
        **problems(401, 403, 422, 429, 503),
    },
)
async def list_junctions(
    _actor: Reader, here: Here, now: Now, limit: Limit = 100, cursor: Cursor = None
) -> Junctions:
    """List the junctions of the city, by their keys."""
    page, following = page_of(sorted(here.city.junctions), str, limit, cursor)
    plans = here.plans
    found = [_out(here, key, plans.junction(key), now) for key in page]
    return Junctions(junctions=found, next=following)


@ROUTER.get("/{junction}", responses=problems(401, 403, 404, 422, 429, 503))
async def get_junction(junction: JunctionKey, _actor: Reader, here: Here, now: Now) -> JunctionOut:
    """Return a junction, and what the service wants of it."""
    here.city.junction(junction)
    return _out(here, junction, here.plans.junction(junction), now)


_CHANGES = problems(400, 401, 403, 404, 409, 415, 422, 429, 503)


@ROUTER.put("/{junction}/hold", responses=_CHANGES)
async def hold(
    junction: JunctionKey,
    wanted: HoldIn,
    request: Request,
    actor: Operator,
    here: Here,
    now: Now,
    _key: KeyHeader = None,
) -> JunctionOut:
    """Hold a junction, for at most 8 h, so that nobody else publishes or gives orders there."""
    here.city.junction(junction)
    await here.commit(
        lambda plans, at, who: operators.hold(plans, at, who, junction, wanted.until),
        actor,
        wanted.why,
        command_of(request),
    )
    return _out(here, junction, here.plans.junction(junction), now)


@ROUTER.post("/{junction}/release", responses=_CHANGES)
async def release(
    junction: JunctionKey,
    reason: Reason,
    request: Request,
    actor: Operator,
    here: Here,
    now: Now,
    _key: KeyHeader = None,
) -> JunctionOut:
    """Release a junction that one holds oneself."""
    return await _released(junction, reason, request, actor, here, now, eject=False)


@ROUTER.post("/{junction}/eject", responses=_CHANGES)
async def eject(
    junction: JunctionKey,
    reason: Reason,
    request: Request,
    actor: Ejector,
    here: Here,
    now: Now,
    _key: KeyHeader = None,
) -> JunctionOut:
    """Release a junction, whoever holds it."""
    return await _released(junction, reason, request, actor, here, now, eject=True)


async def _released(
    junction: str, reason: Reason, request: Request, actor: Actor, here: Here, now: datetime, *, eject: bool
) -> JunctionOut:
    here.city.junction(junction)
    await here.commit(
        lambda plans, at, who: operators.release(plans, at, who, junction, eject=eject),
        actor,
        reason.why,
        command_of(request),
    )
    return _out(here, junction, here.plans.junction(junction), now)


@ROUTER.put("/{junction}/order", responses=_CHANGES)
async def order(
    junction: JunctionKey,
    wanted: OrderIn,
    request: Request,
    actor: Operator,
    here: Here,
    now: Now,
    _key: KeyHeader = None,
) -> JunctionOut:
    """Order flash, all red or another slot, until an expiry; `none` ends an order. The junction must be held."""
    await here.order(
        junction, wanted.mode, wanted.slot, wanted.expires_at, actor, wanted.why, command_of(request)
    )
    return _out(here, junction, here.plans.junction(junction), now)
