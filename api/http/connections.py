"""Connections that may not be slow, silent, endless or too many: what Uvicorn's HTTP protocol leaves open."""

from __future__ import annotations

import asyncio
import json
from asyncio.events import TimerHandle
from typing import ClassVar, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.http.problems import MEDIA_TYPE, Problem
from api.settings import Settings

__all__ = ["guarded"]


class _HeadRefused(Exception):  # noqa: N818 - only stops the parser
    """The head of a request was answered already."""


class _GuardedProtocol(HttpToolsProtocol):
    """HTTP with time for each head and each answer, a bound on heads, and a bound on connections."""

    settings: ClassVar[Settings]
    _head_timer: TimerHandle | None = None
    _write_timer: TimerHandle | None = None
    _in_head = _in_body = _refused = False
    _begun = _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.settings.connections and not self._an_idle_one_is_closed():
            headers = {"Retry-After": "5"}
            self._refuse(Problem(503, "must wait for a free connection", field="connection", headers=headers))
            return
        self._expect_head()

    def _an_idle_one_is_closed(self) -> bool:
        """Close the connection that has been without a request for longest, and return whether there was one."""
        waits = {
            one: one.timeout_keep_alive_task.when()
            for one in self.connections
            if isinstance(one, _GuardedProtocol) and one.timeout_keep_alive_task is not None
        }
        for one in sorted(waits, key=lambda one: waits[one]):
            if not one.transport.is_closing():
                one.transport.close()
                return True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_timer = _cancelled(self._head_timer)
        self._write_timer = _cancelled(self._write_timer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        idle, self._begun = not (self._in_head or self._in_body), 0
        super().data_received(data)
        if self._begun:
            self._head_bytes = 0
        if self._in_head and self._begun <= idle:  # all of `data` belongs to this head
            self._head_bytes += len(data)
            if self._head_bytes > self.settings.header_limit_bytes:
                self._refuse(self._too_long())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._begun += 1
        self._expect_head()
        if self.settings.tls_client_ca is not None:
            self.scope["state"]["client_certificate"] = self._common_name()

    def on_headers_complete(self) -> None:
        self._in_head, self._in_body = False, True
        self._head_timer = _cancelled(self._head_timer)
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self.settings.header_limit_bytes:
            self._refuse(self._too_long())
            raise _HeadRefused
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        if not self._refused:
            self._refuse(Problem(400, "must be HTTP/1.1", field="request", value=msg))

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_timer = self.loop.call_later(self.settings.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        self._write_timer = _cancelled(self._write_timer)
        super().resume_writing()

    def _expect_head(self) -> None:
        self._head_timer = _cancelled(self._head_timer)
        self._head_timer = self.loop.call_later(self.settings.header_seconds, self._head_is_late)

    def _head_is_late(self) -> None:
        rule = f"must arrive within {self.settings.header_seconds:g} s"
        self._refuse(Problem(408, rule, field="head"))

    def _too_long(self) -> Problem:
        rule = f"must be at most {self.settings.header_limit_bytes} bytes"
        return Problem(431, rule, field="head")

    def _refuse(self, problem: Problem) -> None:
        """Answer for the application, and close."""
        self._refused = True
        self._head_timer = _cancelled(self._head_timer)
        if self.transport.is_closing():
            return
        members = problem.problem()
        body = json.dumps(members).encode()
        lines = [
            f"HTTP/1.1 {problem.status} {members['title']}",
            f"content-type: {MEDIA_TYPE}",
            f"content-length: {len(body)}",
            "cache-control: no-store",
            "x-content-type-options: nosniff",
            "connection: close",
            *(f"{name.lower()}: {value}" for name, value in problem.headers.items()),
        ]
        self.transport.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        self.transport.close()

    def _common_name(self) -> str | None:
        """Return for whom the client's certificate was made, as its authority says."""
        tls = self.transport.get_extra_info("ssl_object")
        certificate = tls.getpeercert() if tls is not None else None
        for relative in (certificate or {}).get("subject", ()):
            for name, value in relative:
                if name == "commonName":
                    return str(value)
        return None


def _cancelled(timer: TimerHandle | None) -> TimerHandle | None:
    """Cancel a timer, and return what stands in its place."""
    if timer is not None:
        timer.cancel()
    return None


def guarded(settings: Settings) -> type[asyncio.Protocol]:
    """Return the HTTP protocol for Uvicorn with the limits of `settings`."""
    made = type("GuardedProtocol", (_GuardedProtocol,), {"settings": settings})
    return cast("type[asyncio.Protocol]", made)
