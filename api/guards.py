"""Who asks, and whether they may: from the token of a request to the actor that decisions are made for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from api.context import Caller, Context, caller_of, context_of
from api.presence import Presence
from api.problems import Problem
from api.security import Actor, Right, Role, authenticate
from api.state import ServiceState
from api.store.ledger import Ledger

__all__ = [
    "Approver",
    "Controlling",
    "Drafter",
    "Manager",
    "Operator",
    "Publisher",
    "Reader",
    "identifier",
    "require",
]

_BEARER = HTTPBearer(auto_error=False, description="A token of the form `jsy_<id>_<secret>`.")
_PREFIX = b"bearer "

# Of the roles of a token, the one whose rate limit it has.
_STRONGEST = (
    Role.ADMINISTRATOR,
    Role.APPROVER,
    Role.ENGINEER,
    Role.FEED,
    Role.CONTROLLER,
    Role.VIEWER,
)


def identifier(
    context: Context, ledger: Ledger[ServiceState]
) -> Callable[[Mapping[bytes, bytes]], Caller | None]:
    """Return what tells from the headers of a request who asks."""

    def identify(headers: Mapping[bytes, bytes]) -> Caller | None:
        presented = headers.get(b"authorization", b"")
        if presented[: len(_PREFIX)].lower() != _PREFIX:
            return None
        token = presented[len(_PREFIX) :].strip().decode("latin-1")
        actor = authenticate(ledger.state.access, token, context.clock())
        if actor is None:
            return None
        role = next(role for role in _STRONGEST if role in actor.roles)
        return Caller(role.value, actor.name, f"token:{actor.token}", actor)

    return identify


def require(right: Right) -> Callable[..., Actor]:
    """Return the dependency that gives who asks, where they have a right."""

    def allowed(request: Request, _bearer: Annotated[object, Security(_BEARER)]) -> Actor:
        caller = caller_of(request.scope)
        actor = None if caller is None else caller.actor
        if actor is None:
            headers = {"WWW-Authenticate": 'Bearer realm="jasyl"'}
            hint = "Send Authorization: Bearer jsy_..., of somebody who is known and has not expired"
            raise Problem(401, "must hold a valid token", field="Authorization", hint=hint, headers=headers)
        if right not in actor.rights:
            rule = f"must have the right {right.value}"
            raise Problem(403, rule, field="token", value=", ".join(sorted(actor.rights)))
        return actor

    return allowed


def _own_junction(
    request: Request, junction: str, actor: Annotated[Actor, Depends(require(Right.CONTROL))]
) -> Actor:
    """Return the controller that asks, which may ask for its own junction only."""
    if actor.junction != junction:
        rule = "must be the junction of the credential"
        raise Problem(403, rule, field="junction", value=junction)
    context_of(request).part(Presence).note(junction)
    return actor


Reader = Annotated[Actor, Depends(require(Right.READ))]
Drafter = Annotated[Actor, Depends(require(Right.DRAFT))]
Approver = Annotated[Actor, Depends(require(Right.APPROVE))]
Publisher = Annotated[Actor, Depends(require(Right.PUBLISH))]
Operator = Annotated[Actor, Depends(require(Right.OPERATE))]
Manager = Annotated[Actor, Depends(require(Right.ACCESS))]
Controlling = Annotated[Actor, Depends(_own_junction)]
