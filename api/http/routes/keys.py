"""The keys that sign what controllers are told."""

from __future__ import annotations

from typing import Annotated

from fastapi import Request
from pydantic import Field

from api.centre.centre import Centre
from api.http.guards import Manager, Reader
from api.http.idempotent import KeyHeader, command_of, commands
from api.http.routes.common import Frozen, Here, Reason
from api.http.routing import problems

__all__ = ["ROUTER"]

ROUTER = commands("keys", "/keys")


class Keys(Frozen):
    """Public keys, as a JWK set (RFC 7517), and which of them signs."""

    keys: list[dict[str, str]]
    signing: str
    in_use: Annotated[
        list[str],
        Field(description="Names of the key that signs, and of those that signed what is in force or waits."),
    ]


class SigningIn(Reason):
    """The key that is to sign from now on."""

    key: Annotated[str, Field(min_length=43, max_length=43, description="Its name: `kid`.")]


async def _keys(here: Centre) -> Keys:
    return Keys(
        keys=here.signatory.known_keys.jwks["keys"],
        signing=here.signatory.signer.kid,
        in_use=list((await here.keys_of(here.plans.junctions)).keys),
    )


@ROUTER.get("", responses=problems(401, 403, 409, 422, 429, 503))
async def get_keys(_actor: Reader, here: Here) -> Keys:
    """Return the public keys of this replica, and which of them signs now."""
    return await _keys(here)


@ROUTER.post("/signing", responses=problems(400, 401, 403, 409, 415, 422, 429, 503))
async def rotate(
    wanted: SigningIn, request: Request, actor: Manager, here: Here, _key: KeyHeader = None
) -> Keys:
    """Let another key sign from now on. The old one tells the controllers, which then trust both."""
    await here.rotate_key(wanted.key, actor, wanted.why, command_of(request))
    return await _keys(here)
