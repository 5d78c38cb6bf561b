"""Who asks, and whether they may: from the token of a request to the actor that decisions are made for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from starlette.types import Scope

from api.centre.centre import Centre
from api.centre.presence import Presence
from api.centre.security import Actor, Right, Role, authenticate, is_valid
from api.centre.state import ServiceState
from api.context import Caller, Context, caller_of, context_of
from api.http.problems import Problem
from api.settings import is_loopback
from api.store.ledger import Ledger

__all__ = [
    "Approver",
    "Controlling",
    "Drafter",
    "FirstManager",
    "Manager",
    "Operator",
    "Publisher",
    "Reader",
    "Withdrawer",
    "certified_junction",
    "identifier",
    "may_see_figures",
    "require",
    "require_still",
    "still_valid",
]

_BEARER = HTTPBearer(
    scheme_name="bearer",
    bearerFormat="jsy_<id>_<secret>",
    auto_error=False,
    description="A token that an administrator has given out: `Authorization: Bearer jsy_...`.",
)
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


class require:  # noqa: N801 - used as a function is
    """The dependency that gives who asks, where they have a right.

    Parameters
    ----------
    rights
        What they must be allowed to do; one of them is enough.
    first_start
        Whether the token of the first start may do it too: it is for one thing only.
    """

    def __init__(self, *rights: Right, first_start: bool = False) -> None:
        self._rights, self._first_start = rights, first_start

    async def __call__(self, request: Request, _bearer: Annotated[object, Security(_BEARER)]) -> Actor:
        """Return who asks, now that the request has been read, which may have taken its time."""
        actor = self.before_reading(request)
        require_still(context_of(request), actor)
        return actor

    def before_reading(self, request: Request) -> Actor:
        """Return who asks, or raise (401, 403); nothing of the request but its head has been looked at."""
        caller = caller_of(request.scope)
        actor = None if caller is None else caller.actor
        if actor is None:
            raise _unknown()
        if actor.rights.isdisjoint(self._rights):
            rule = f"must have the right {' or '.join(right.value for right in self._rights)}"
            raise Problem(403, rule, field="token", value=", ".join(sorted(actor.rights)))
        if actor.once and not self._first_start:
            rule = "can make the first administrator, and nothing else"
            raise Problem(403, rule, field="token", value="token of the first start")
        return actor


def _unknown() -> Problem:
    headers = {"WWW-Authenticate": 'Bearer realm="jasyl"'}
    hint = (
        "Send Authorization: Bearer jsy_..., of somebody who is known and has not expired. The token of a first start "
        "counts once, for 24 h, until there is an administrator, and until the next start prints a newer one"
    )
    return Problem(401, "must hold a valid token", field="Authorization", hint=hint, headers=headers)


def still_valid(context: Context, actor: Actor) -> bool:
    """Return whether the token of a request that is still being answered has not been revoked meanwhile, nor is over."""
    return is_valid(context.part(Centre).ledger.state.access, actor.token, context.clock())


def require_still(context: Context, actor: Actor) -> None:
    """Raise (401) where the token of a request that was held back does not count any more."""
    if not still_valid(context, actor):
        raise _unknown()


def may_see_figures(request: Request) -> None:
    """Raise unless the figures are asked for on this machine, or by somebody who may read."""
    host = (request.scope.get("client") or ("", 0))[0]
    if not is_loopback(host):
        _READS.before_reading(request)


_READS = require(Right.READ)


def certified_junction(context: Context, scope: Scope) -> str | None:
    """Return the junction that the client's certificate names; none where there is none, or it names something else."""
    name = scope.get("state", {}).get("client_certificate")
    return name if name in context.part(Centre).city.junctions else None


async def _own_junction(
    request: Request, junction: str, actor: Annotated[Actor, Depends(require(Right.CONTROL))]
) -> Actor:
    """Return the controller that asks, which may ask for its own junction only."""
    if actor.junction != junction:
        rule = "must be the junction of the credential"
        raise Problem(403, rule, field="junction", value=junction)
    named = certified_junction(context_of(request), request.scope)
    if named not in {None, junction}:
        rule = "must be the junction that the client's certificate names"
        raise Problem(403, rule, field="junction", value=junction)
    context_of(request).part(Presence).note(junction)
    return actor


Reader = Annotated[Actor, Depends(_READS)]
Drafter = Annotated[Actor, Depends(require(Right.DRAFT))]
Withdrawer = Annotated[Actor, Depends(require(Right.DRAFT, Right.PUBLISH))]
Approver = Annotated[Actor, Depends(require(Right.APPROVE))]
Publisher = Annotated[Actor, Depends(require(Right.PUBLISH))]
Operator = Annotated[Actor, Depends(require(Right.OPERATE))]
Manager = Annotated[Actor, Depends(require(Right.ACCESS))]
FirstManager = Annotated[Actor, Depends(require(Right.ACCESS, first_start=True))]
Controlling = Annotated[Actor, Depends(_own_junction)]
