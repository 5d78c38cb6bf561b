"""Bodies come in whole, in time and within bounds, and only of those who may send them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import numpy as np
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.context import caller_of
from api.http.problems import Problem
from api.settings import Settings

__all__ = ["Bodies", "json_depth"]

_CLOSE = {"Connection": "close"}  # what is left of the body must not be read as the next request
_CLOSE_HEADERS = [(b"connection", b"close")]
_OF_SIZE = {b"content-length", b"expect"}
_CALLERS = 8  # who send the largest bodies at once, and there is still room
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
    """Reads each body when the application asks for it: once it knows who sends it, and that they may.

    A body that is too long, too deep, too slow or compressed is a problem then; so is one for which there is no room
    beside those that are arriving. A body that the application answers without is dropped as it comes.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._room = _Room(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        body = _Body(scope, receive, send, self._settings, self._room)
        try:
            await self._app(scope, body.receive, body.send)
        finally:
            body.leave()


class _Room:
    """How much the bodies that are arriving take, in all and of each caller; so nobody takes it from all others."""

    def __init__(self, settings: Settings) -> None:
        self._limit = settings.buffered_limit_bytes
        self._limit_each = max(settings.body_limit_bytes, self._limit // _CALLERS)
        self._taken = 0
        self._taken_by: dict[str, int] = {}

    def take(self, key: str, size: int) -> bool:
        """Take so much, and return whether there was room."""
        self._taken += size
        self._taken_by[key] = self._taken_by.get(key, 0) + size
        return self._taken <= self._limit and self._taken_by[key] <= self._limit_each

    def leave(self, key: str, size: int) -> None:
        """Give back what was taken."""
        self._taken -= size
        self._taken_by[key] -= size
        if self._taken_by[key] == 0:
            del self._taken_by[key]


class _Body:
    """The body of one request."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, settings: Settings, room: _Room) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._settings, self._room = settings, room
        caller = caller_of(scope)
        self._key = "" if caller is None else caller.key
        self._taken = 0
        self._asked = self._answered = self._gone = False

    def leave(self) -> None:
        """Give back the room that it took."""
        if self._taken:
            self._room.leave(self._key, self._taken)

    async def receive(self) -> Message:
        """Hand out the whole body, and then what the connection says."""
        if self._asked:
            return await self._receive()
        self._asked = True
        try:
            content = await self._read()
        except Problem:
            if not self._answered:
                raise
            content = None
        self._gone = content is None
        return {"type": "http.disconnect"} if content is None else {"type": "http.request", "body": content}

    async def send(self, message: Message) -> None:
        """Hand on the answer, after a body that nobody has asked for: its sender may not read before it has written."""
        if message["type"] == "http.response.start":
            self._answered = True
            if not self._asked:
                self._asked = True
                if not await self._dropped():
                    message["headers"] = [*message.get("headers", ()), *_CLOSE_HEADERS]
        if not self._gone:
            await self._send(message)

    async def _read(self) -> bytes | None:
        """Return the body; None where the sender went away."""
        self._check_head()
        content = bytearray()
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                async for part in _parts(self._receive):
                    content += part
                    self._taken += len(part)
                    has_room = self._room.take(self._key, len(part))
                    self._check_size(len(content))
                    if not has_room:
                        raise _no_room()
        except TimeoutError:
            rule = f"must arrive within {self._settings.body_seconds:g} s"
            raise Problem(408, rule, field="body", headers=_CLOSE) from None
        except _SenderGone:
            return None
        limit = self._settings.json_depth
        if json_depth(content, limit) > limit:
            raise Problem(422, f"must not be nested deeper than {limit}", field="body")
        return bytes(content)

    async def _dropped(self) -> bool:
        """Read to the end without keeping anything, and return whether the end came."""
        size, limit = 0, self._settings.body_limit_bytes
        names = {name: value for name, value in self._scope["headers"] if name in _OF_SIZE}
        if b"expect" in names or int(names.get(b"content-length", 0)) > limit:
            return False
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                async for part in _parts(self._receive):
                    size += len(part)
                    if size > limit:
                        return False
        except (TimeoutError, _SenderGone):
            return False
        return True

    def _check_head(self) -> None:
        for name, value in self._scope["headers"]:
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


class _SenderGone(Exception):  # noqa: N818 - it is not wrong, only over
    """The connection ended before the body did."""


async def _parts(receive: Receive) -> AsyncIterator[bytes]:
    """Yield the parts of a body as they arrive."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _SenderGone
        yield message.get("body", b"")
        more = message.get("more_body", False)


def _no_room() -> Problem:
    headers = {**_CLOSE, "Retry-After": "1"}
    return Problem(503, "must wait until other bodies have arrived", field="body", headers=headers)


def _has_body(scope: Scope) -> bool:
    """Return whether a body follows: by its head, a request without a length or chunks has none."""
    return any(
        (name == b"content-length" and value.strip() != b"0") or name == b"transfer-encoding"
        for name, value in scope["headers"]
    )
