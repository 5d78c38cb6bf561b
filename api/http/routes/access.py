"""Tokens of people and feeds."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import Path, Request
from pydantic import Field

from api.centre.security import Credential, Right, Role, create_token, issue, revoke_token
from api.http.guards import FirstManager, Manager
from api.http.idempotent import SECRET, KeyHeader, command_of, commands, require_first
from api.http.paging import Cursor, Limit, page_of
from api.http.routes.common import Frozen, Here, Instant, Now, Reason, Why
from api.http.routing import links, problems
from signals.instants import instant_text

__all__ = ["ROUTER"]

ROUTER = commands("access", "/tokens")


class TokenIn(Frozen):
    """Whose token, and what it may do."""

    name: Annotated[str, Field(min_length=1, max_length=80, examples=["Aigerim"])]
    roles: Annotated[list[Role], Field(min_length=1, max_length=6, examples=[["engineer"]])]
    rights: Annotated[list[Right] | None, Field(description="Fewer rights than the roles have.")] = None
    expires_at: Annotated[Instant | None, Field(description="Default: in a year.")] = None
    why: Why


class TokenOut(Frozen):
    """A token as it is known: without its secret."""

    id: str
    name: str
    roles: list[Role]
    rights: list[Right]
    expires_at: str | None


class NewToken(TokenOut):
    """A token with its secret, shown once."""

    token: str


class Tokens(Frozen):
    """A page of tokens."""

    tokens: list[TokenOut]
    next: str | None


def _members(credential: Credential) -> dict[str, object]:
    end = credential.expires_at
    return {
        "id": credential.id,
        "name": credential.name,
        "roles": list(credential.roles),
        "rights": sorted(credential.rights),
        "expires_at": None if end is None else instant_text(end),
    }


_CHANGES = problems(400, 401, 403, 404, 409, 415, 422, 429, 503)


@ROUTER.get("", responses=problems(401, 403, 422, 429, 503))
async def list_tokens(
    _actor: Manager, here: Here, now: Now, limit: Limit = 100, cursor: Cursor = None
) -> Tokens:
    """List the tokens of people and feeds that count now."""
    found = [
        credential
        for credential in here.ledger.state.access.credentials.values()
        if credential.junction is None and (credential.expires_at is None or credential.expires_at > now)
    ]
    found.sort(key=_id)
    page, following = page_of(found, _id, limit, cursor)
    return Tokens(tokens=[TokenOut.model_validate(_members(c)) for c in page], next=following)


def _id(credential: Credential) -> str:
    return credential.id


@ROUTER.post(
    "",
    status_code=201,
    responses={201: {"links": links("token", "/id", "access_revoke")}, **_CHANGES},
    openapi_extra={SECRET: True},
)
async def create(
    wanted: TokenIn, request: Request, actor: FirstManager, here: Here, _key: KeyHeader = None
) -> NewToken:
    """Make a token; it is shown once. The token of the first start makes the first administrator, and is spent."""
    issued = issue(secrets.token_bytes)
    entries = await here.enter(
        lambda state, at: create_token(
            state.access,
            at,
            actor,
            issued,
            name=wanted.name,
            roles=wanted.roles,
            rights=wanted.rights,
            expires_at=wanted.expires_at,
        ),
        actor,
        wanted.why,
        command_of(request),
    )
    require_first(entries, issued.id)
    made = entries[0].data
    shown = {name: made[name] for name in ("name", "roles", "rights", "expires_at")}
    return NewToken.model_validate({"id": issued.id, **shown, "token": issued.text})


@ROUTER.post("/{token}/revoke", status_code=204, responses=_CHANGES)
async def revoke(
    token: Annotated[str, Path(min_length=1, max_length=100, description="Identifier of a token.")],
    reason: Reason,
    request: Request,
    actor: Manager,
    here: Here,
    _key: KeyHeader = None,
) -> None:
    """Take a token back, at once."""
    await here.enter(
        lambda state, at: revoke_token(state.access, at, token),
        actor,
        reason.why,
        command_of(request),
    )
