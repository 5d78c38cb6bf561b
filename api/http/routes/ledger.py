"""The ledger as auditors read it, its check, and who asks."""

from __future__ import annotations

import logging
from typing import Annotated, Any

from fastapi import Query, Request

from api.centre.audit import Audit
from api.context import context_of
from api.http.guards import Reader
from api.http.paging import Limit
from api.http.problems import Problem
from api.http.routes.common import Frozen, Here
from api.http.routing import problems, router
from api.store.errors import LedgerDamaged

__all__ = ["ROUTER"]

ROUTER = router("ledger")
_LOG = logging.getLogger("jasyl.ledger")


class Entries(Frozen):
    """A page of the ledger, the oldest entry first."""

    entries: list[dict[str, Any]]
    next: int | None


class VerifiedOut(Frozen):
    """A chain that was found whole: keep the hash elsewhere, and compare later.

    `snapshot` is the entry after which the snapshot was made that was found to follow from the entries; null without one.
    """

    entries: int
    hash: str
    snapshot: int | None


class Me(Frozen):
    """Who asks."""

    name: str
    roles: list[str]
    rights: list[str]


@ROUTER.get("/ledger", responses=problems(401, 403, 422, 429, 503))
async def list_entries(
    _actor: Reader,
    here: Here,
    after: Annotated[int, Query(ge=0, le=2**53, description="Number of the last entry that you have.")] = 0,
    limit: Limit = 100,
) -> Entries:
    """List the entries of the ledger: who has done what, when, and why."""
    newest = here.ledger.seq
    found = []
    if after < newest:
        async for entry in here.ledger.follow(after):
            found.append(entry.to_dict())
            if len(found) == limit or entry.seq >= newest:
                break
    last = after + len(found)
    return Entries(entries=found, next=last if last < newest else None)


@ROUTER.get("/ledger/verification", responses=problems(401, 403, 422, 429, 500, 503))
async def verify(request: Request, _actor: Reader) -> VerifiedOut:
    """Read the whole ledger anew, and check links, state and snapshot; what is not right is told (500)."""
    try:
        found = await context_of(request).part(Audit).verified()
    except LedgerDamaged as error:
        _LOG.critical("The ledger is damaged: %s", error)
        raise Problem(500, error.rule, field=error.field, value=error.value, hint=error.hint) from error
    return VerifiedOut(entries=found.entries, hash=found.hash, snapshot=found.snapshot)


@ROUTER.get("/me", responses=problems(401, 403, 422, 429, 503))
async def get_me(actor: Reader) -> Me:
    """Tell who asks, and what they may do."""
    return Me(name=actor.name, roles=list(actor.roles), rights=sorted(actor.rights))
