"""Alarms: what an operator must see."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request

from api.http.guards import Operator, Reader
from api.http.idempotent import KeyHeader, command_of, commands
from api.http.paging import Cursor, Limit, page_of
from api.http.routes.common import Frozen, Here, Reason
from api.http.routing import links, problems
from signals.instants import instant_text
from signals.lifecycle import operators

__all__ = ["ROUTER"]

ROUTER = commands("alarms", "/alarms")


class AlarmOut(Frozen):
    """An alarm."""

    id: str
    kind: str
    text: str
    junctions: list[str]
    raised_at: str
    acknowledged_by: str | None


class Alarms(Frozen):
    """A page of alarms."""

    alarms: list[AlarmOut]
    next: str | None


@ROUTER.get(
    "",
    responses={
        200: {"links": links("alarm", "/alarms/0/id", "alarms_acknowledge")},
        **problems(401, 403, 422, 429, 503),
    },
)
async def list_alarms(_actor: Reader, here: Here, limit: Limit = 100, cursor: Cursor = None) -> Alarms:
    """List the alarms that stand."""
    alarms = here.plans.alarms
    page, following = page_of(sorted(alarms), str, limit, cursor)
    found = [
        AlarmOut(
            id=alarm.id,
            kind=alarm.kind,
            text=alarm.text,
            junctions=list(alarm.junctions),
            raised_at=instant_text(alarm.raised_at),
            acknowledged_by=alarm.acknowledged_by,
        )
        for alarm in (alarms[key] for key in page)
    ]
    return Alarms(alarms=found, next=following)


@ROUTER.post(
    "/{alarm}/acknowledge", status_code=204, responses=problems(400, 401, 403, 404, 409, 415, 422, 429, 503)
)
async def acknowledge(
    alarm: Annotated[str, Path(min_length=1, max_length=500, description="Identifier of an alarm.")],
    reason: Reason,
    request: Request,
    actor: Operator,
    here: Here,
    _key: KeyHeader = None,
) -> None:
    """Say that an alarm has been seen; one on what has happened, not on what lasts, ends by it."""
    await here.commit(
        lambda plans, at, who: operators.acknowledge_alarm(plans, at, who, alarm),
        actor,
        reason.why,
        command_of(request),
    )
