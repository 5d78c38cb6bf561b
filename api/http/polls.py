"""Polls that bring nothing new, which are most of all requests, answered before everything else.

What is answered here is answered word for word as the whole service would; whatever is the least bit unusual goes there.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from api.centre.centre import Centre
from api.centre.presence import Presence
from api.http.guards import certified_junction
from api.http.headers import quiet_headers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from api.context import Context
    from api.http.limits import Hosts, Limiters

__all__ = ["QuietPolls"]

_BEFORE, _AFTER = "/v1/controllers/", "/assignment"
_ROUTE = "/v1/controllers/{junction}/assignment"
_READ = {b"authorization", b"if-none-match", b"host"}
_PASSED_OVER = {b"user-agent", b"accept", b"accept-encoding", b"connection", b"content-length"}


class QuietPolls:
    """Answers 304 to a controller that has what it is to have.

    Parameters
    ----------
    app
        The whole service.
    hosts, limiters
        The guards that a request must pass.
    """

    def __init__(self, app: ASGIApp, context: Context, hosts: Hosts, limiters: Limiters) -> None:
        self._app = app
        self._context = context
        self._hosts = hosts
        self._limiters = limiters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["method"] == "GET" and not scope["query_string"]:
            began = time.perf_counter()
            tag = self._nothing_new(scope)
            if tag is not None:
                self._context.part(Presence).note(scope["path"][len(_BEFORE) : -len(_AFTER)])
                await self._answer(scope, send, tag, began)
                return
        await self._app(scope, receive, send)

    def _nothing_new(self, scope: Scope) -> bytes | None:
        """Return the entity tag that the controller has, where it has the newest; `None`: ask the whole service."""
        path: str = scope["path"]
        centre = self._context.parts.get(Centre)
        if not (path.startswith(_BEFORE) and path.endswith(_AFTER) and isinstance(centre, Centre)):
            return None
        if not centre.ledger.ready:
            return None
        junction = path[len(_BEFORE) : -len(_AFTER)]
        headers = _usual(scope["headers"])
        tag = headers.get(b"if-none-match")
        if tag != f'"{centre.plans.tag(junction)}"'.encode() or junction not in centre.city.junctions:
            return None
        if certified_junction(self._context, scope) not in {None, junction}:
            return None
        return tag if self._allowed(headers, junction) else None

    def _allowed(self, headers: Mapping[bytes, bytes], junction: str) -> bool:
        caller = self._context.identify(headers)
        if caller is None or caller.actor is None or caller.actor.junction != junction:
            return False
        return self._hosts.allows(headers[b"host"]) and self._limiters.wait_s(caller) <= 0.0

    async def _answer(self, scope: Scope, send: Send, tag: bytes, began: float) -> None:
        request_id = self._context.new_id().encode("ascii")
        headers = [
            (b"etag", tag),
            (b"cache-control", b"private, no-cache"),
            *quiet_headers(self._context.clock(), encrypted=scope["scheme"] == "https"),
            (b"x-request-id", request_id),
        ]
        start: Message = {"type": "http.response.start", "status": 304, "headers": headers}
        self._context.metrics.began()
        await send(start)
        await send({"type": "http.response.body", "body": b""})
        self._context.metrics.answered("GET", _ROUTE, 304, time.perf_counter() - began)


def _usual(pairs: Iterable[tuple[bytes, bytes]]) -> Mapping[bytes, bytes]:
    """Return what has to be read of the headers of a usual request; nothing of any other one."""
    headers: dict[bytes, bytes] = {}
    for name, value in pairs:
        if name in _READ and name not in headers:
            headers[name] = value
        elif name not in _PASSED_OVER or (name == b"accept" and value != b"*/*"):
            return {}
    return headers if len(headers) == len(_READ) else {}
