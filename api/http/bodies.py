"""Bodies come in whole, in time and within bounds before a route sees them."""

from __future__ import annotations

import asyncio
import re

import numpy as np
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import Problem, problem_response
from api.settings import Settings

__all__ = ["Bodies", "json_depth"]

_CLOSE = {"Connection": "close"}  # what is left of the body must not be read as the next request
# One that never ends matches too, up to the end of the body: else it would be read again from each quote in it.
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_ALL_BUT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")


def json_depth(body: bytes | bytearray, enough: int) -> int:
    """Return how deep the JSON of `body` is nested, without parsing it.

    Parameters
    ----------
    enough
        Where no more brackets are opened than this, their number is returned: the depth is not greater.
    """
    opened = body.count(b"[") + body.count(b"{")
    if opened <= enough:
        return opened
    steps = np.frombuffer(_STRINGS.sub(b"", body).translate(_STEPS, _ALL_BUT_BRACKETS), np.int8)
    return int(steps.cumsum(dtype=np.int32).max(initial=0))


class Bodies:
    """Reads each body before the application is called.

    A body that is too long, too deep, too slow or compressed is answered here; so is one for which there is no room
    beside those that are arriving.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._arriving = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        body = bytearray()
        try:
            try:
                complete = await self._read(scope, receive, body)
            except Problem as problem:
                await problem_response(problem)(scope, receive, send)
                return
            if complete:
                await self._app(scope, _replayed(bytes(body), receive), send)
        finally:
            self._arriving -= len(body)

    async def _read(self, scope: Scope, receive: Receive, body: bytearray) -> bool:
        """Read into `body`; return False where the sender went away."""
        self._check_head(scope)
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return False
                    part = message.get("body", b"")
                    body += part
                    self._arriving += len(part)
                    self._check_size(len(body))
                    more = message.get("more_body", False)
        except TimeoutError:
            rule = f"must arrive within {self._settings.body_seconds:g} s"
            raise Problem(408, rule, field="body", headers=_CLOSE) from None
        limit = self._settings.json_depth
        if json_depth(body, limit) > limit:
            raise Problem(422, f"must not be nested deeper than {limit}", field="body")
        return True

    def _check_head(self, scope: Scope) -> None:
        for name, value in scope["headers"]:
            if name == b"content-length":
                self._check_size(int(value))  # the server has seen to it that it is a number
            elif name == b"content-encoding" and value.strip().lower() not in {b"", b"identity"}:
                encoding = value.decode("latin-1")
                headers = {**_CLOSE, "Accept-Encoding": "identity"}
                rule = "must not be compressed"
                raise Problem(415, rule, field="Content-Encoding", value=encoding, headers=headers)

    def _check_size(self, size: int) -> None:
        limit = self._settings.body_limit_bytes
        if size > limit:
            raise Problem(413, f"must be at most {limit} bytes", field="body", value=size, headers=_CLOSE)
        if self._arriving > self._settings.buffered_limit_bytes:
            headers = {**_CLOSE, "Retry-After": "1"}
            rule = "must wait until other bodies have arrived"
            raise Problem(503, rule, field="body", headers=headers)


def _has_body(scope: Scope) -> bool:
    """Return whether a body follows: by its head, a request without a length or chunks has none."""
    return any(
        (name == b"content-length" and value.strip() != b"0") or name == b"transfer-encoding"
        for name, value in scope["headers"]
    )


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return what hands out `body` once, and then what the connection says."""
    given = False

    async def once() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once
