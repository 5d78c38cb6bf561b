"""Controllers: registered with their junction, with credentials of their own."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import Request
from pydantic import Field

from api.centre.centre import Centre
from api.centre.presence import Presence
from api.centre.security import issue, register_controller, revoke_controller, rotate_controller
from api.context import context_of
from api.http.guards import Manager, Reader
from api.http.idempotent import SECRET, KeyHeader, command_of, commands, require_first
from api.http.paging import Cursor, Limit, page_of
from api.http.routes.common import Frozen, Here, JunctionKey, Reason
from api.http.routing import links, problems
from signals.instants import instant_text

__all__ = ["ROUTER"]

ROUTER = commands("controllers", "/controllers")
_SHOWN_ONCE = {SECRET: True}


class ControllerIn(Reason):
    """The junction whose controller is to be registered."""

    junction: Annotated[str, Field(min_length=1, max_length=200)]


class ControllerOut(Frozen):
    """A controller that is registered."""

    junction: str
    credentials: list[str]
    last_heard: Annotated[str | None, Field(description="Within some seconds.")]


class CredentialOut(Frozen):
    """A credential, shown once: give it to the controller, with the keys that it is to trust."""

    junction: str
    token: str
    keys: dict[str, list[dict[str, str]]]


class Controllers(Frozen):
    """A page of controllers, by their junctions."""

    controllers: list[ControllerOut]
    next: str | None


async def _credential(here: Centre, junction: str, text: str) -> CredentialOut:
    return CredentialOut(junction=junction, token=text, keys=(await here.keys_of([junction])).jwks)


_CHANGES = problems(400, 401, 403, 404, 409, 415, 422, 429, 503)


@ROUTER.get("", responses=problems(401, 403, 422, 429, 503))
async def list_controllers(
    request: Request, _actor: Reader, here: Here, limit: Limit = 100, cursor: Cursor = None
) -> Controllers:
    """List the controllers that are registered."""
    presence = context_of(request).part(Presence)
    access = here.ledger.state.access
    page, following = page_of(sorted(access.controllers), str, limit, cursor)
    found = [
        ControllerOut(
            junction=key,
            credentials=list(access.controllers[key]),
            last_heard=None if (at := presence.heard(key)) is None else instant_text(at),
        )
        for key in page
    ]
    return Controllers(controllers=found, next=following)


_NEXT = ("controllers_rotate", "controllers_revoke")


@ROUTER.post(
    "",
    status_code=201,
    responses={201: {"links": links("junction", "/junction", *_NEXT)}, **_CHANGES},
    openapi_extra=_SHOWN_ONCE,
)
async def register(
    wanted: ControllerIn, request: Request, actor: Manager, here: Here, _key: KeyHeader = None
) -> CredentialOut:
    """Register the controller of a junction; its credential is shown once."""
    here.city.junction(wanted.junction)
    if here.limits is not None:
        here.limits.require_none(wanted.junction)
    issued = issue(secrets.token_bytes)
    entries = await here.enter(
        lambda state, _at: register_controller(state.access, wanted.junction, issued),
        actor,
        wanted.why,
        command_of(request),
    )
    require_first(entries, issued.id)
    return await _credential(here, wanted.junction, issued.text)


@ROUTER.post("/{junction}/rotate", responses=_CHANGES, openapi_extra=_SHOWN_ONCE)
async def rotate(
    junction: JunctionKey,
    reason: Reason,
    request: Request,
    actor: Manager,
    here: Here,
    _key: KeyHeader = None,
) -> CredentialOut:
    """Give a controller a new credential, shown once; the old one counts for 15 minutes more."""
    issued = issue(secrets.token_bytes)
    entries = await here.enter(
        lambda state, at: rotate_controller(state.access, at, junction, issued),
        actor,
        reason.why,
        command_of(request),
    )
    require_first(entries, issued.id)
    return await _credential(here, junction, issued.text)


@ROUTER.post("/{junction}/revoke", status_code=204, responses=_CHANGES)
async def revoke(
    junction: JunctionKey,
    reason: Reason,
    request: Request,
    actor: Manager,
    here: Here,
    _key: KeyHeader = None,
) -> None:
    """Take all credentials of a controller back, at once."""
    await here.enter(
        lambda state, _at: revoke_controller(state.access, junction),
        actor,
        reason.why,
        command_of(request),
    )
