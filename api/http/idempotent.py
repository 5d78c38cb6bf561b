"""Requests that may be sent twice: with an ``Idempotency-Key`` the second one gets the answer of the first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from api.context import caller_of, context_of
from api.http.problems import Problem, problem_response
from api.http.routing import VERSION_PREFIX, Handler, StrictRequest, StrictRoute, operation_id
from api.store.chain import Entry
from api.store.errors import KeyInUse, StoreDamaged
from api.store.idempotency import Answer, Claim, Idempotency, fingerprint
from traffic.errors import InputError, RefusedError

__all__ = ["SECRET", "KeyHeader", "command_of", "commands", "require_first"]

_KEY = "idempotency-key"
_CHANGE_NOTHING = {"GET", "HEAD", "OPTIONS"}
SECRET = "x-jasyl-secret-answer"  # noqa: S105
"""Mark of routes whose answer holds a secret, which is not stored."""

KeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x20-\x7e]+$",
        description="Chosen by you, new for each request; sent again with the same request, it gets the same answer.",
    ),
]


def command_of(request: Request) -> str | None:
    """Return the id that the ledger knows the request by, the same whenever it is sent again."""
    found: str | None = getattr(request.state, "command", None)
    return found


class _IdempotentRoute(StrictRoute):
    """A route that keeps its answer for whoever sends a request again."""

    def answering(self, answer: Handler) -> Handler:
        """Return what answers a request that has been let in, once."""
        secret = bool((self.openapi_extra or {}).get(SECRET))

        async def once(request: Request) -> Response:
            caller = caller_of(request.scope)
            keys = request.headers.getlist(_KEY)
            if caller is None or caller.actor is None or not keys or request.method in _CHANGE_NOTHING:
                return await answer(request)
            if len(keys) > 1:
                raise Problem(400, "must be given once", field="Idempotency-Key")
            store = context_of(request).part(Idempotency)
            if not isinstance(request, StrictRequest):  # what has been read once is not sent again
                request = StrictRequest(request.scope, request.receive)
            body = await request.body()
            place = f"{request.method} {request.url.path}?{request.url.query}"
            seal = fingerprint(place.encode(), request.headers.get("if-match", "").encode(), body)
            found = await _begun(store, caller.actor.token, keys[0], seal)
            if isinstance(found, Answer):
                return _restored(found)
            request.state.command = found.command
            return await _settled(store, found, answer, request, secret=secret)

        return once


async def _begun(store: Idempotency, actor: str, key: str, seal: str) -> Claim | Answer:
    try:
        return await store.begin(actor, key, seal)
    except KeyInUse as error:
        wait = error.retry_after_s
        headers = {} if wait is None else {"Retry-After": str(wait)}
        raise Problem(409, error.rule, field="Idempotency-Key", value=key, headers=headers) from error


async def _settled(
    store: Idempotency,
    claim: Claim,
    answer: Handler,
    request: Request,
    *,
    secret: bool,
) -> Response:
    """Carry the request out and keep what it is answered with.

    A failure of the service is not kept, nor that somebody may not: neither has decided anything.
    """
    try:
        response = await answer(request)
    except StoreDamaged:
        await store.abandon(claim)
        raise
    except (InputError, RefusedError, Problem) as error:
        response = problem_response(error)
    except BaseException:
        await store.abandon(claim)
        raise
    if response.status_code >= 500 or response.status_code in {401, 403}:
        await store.abandon(claim)
    elif secret and response.status_code < 300:
        await store.finish(claim, _kept(problem_response(_shown_once())))
    else:
        await store.finish(claim, _kept(response))
    return response


def require_first(entries: Sequence[Entry], token: str) -> None:
    """Raise (409) where a new secret was made by the same request before: what is at hand now is not what was entered."""
    if all(entry.data.get("token") != token for entry in entries):
        raise _shown_once()


def _shown_once() -> Problem:
    rule = "was carried out; its answer held a secret, which is shown once"
    hint = "Revoke what was made, and make another"
    return Problem(409, rule, field="Idempotency-Key", hint=hint)


def _kept(response: Response) -> Answer:
    names = {"content-type", "etag", "location", "retry-after"}
    headers = tuple((name, value) for name, value in response.headers.items() if name in names)
    return Answer(response.status_code, headers, bytes(response.body))


def _restored(answer: Answer) -> Response:
    headers = {**dict(answer.headers), "Idempotency-Replayed": "true"}
    return Response(answer.body, answer.status, headers)


def commands(tag: str, prefix: str = "") -> APIRouter:
    """Return a router whose routes change something, and may be sent twice."""
    return APIRouter(
        prefix=f"{VERSION_PREFIX}{prefix}",
        tags=[tag],
        route_class=_IdempotentRoute,
        generate_unique_id_function=operation_id,
    )
