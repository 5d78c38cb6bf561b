"""What every part of the service is handed: settings, time, who asks, what is ready, and when to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar, cast

from fastapi import APIRouter, Request
from starlette.types import Scope

from api.centre.security import Actor
from api.http.health import Readiness
from api.http.metrics import Metrics
from api.http.problems import Problem
from api.settings import Role, Settings

__all__ = [
    "Caller",
    "Context",
    "Identify",
    "Opener",
    "Stopping",
    "caller_of",
    "context_of",
    "nobody",
    "opened",
]

_T = TypeVar("_T")


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes
    ----------
    role
        What the caller may do at most.
    name
        Who it is, for logs; never a secret.
    key
        What requests are counted by.
    actor
        Whoever has a valid token, with the rights.
    """

    role: Role
    name: str
    key: str
    actor: Actor | None = None


Identify = Callable[[Mapping[bytes, bytes]], Caller | None]
"""Tells from the headers of a request who asks; `None`: nobody that is known."""


class Stopping:
    """Whether the service has been asked to stop, for those who hold an answer back."""

    def __init__(self) -> None:
        self._asked = False
        self._waiting: set[asyncio.Future[None]] = set()  # a set, as thousands come and go

    @property
    def asked(self) -> bool:
        """Whether to come to an end."""
        return self._asked

    def ask(self) -> None:
        """Ask everybody to come to an end."""
        self._asked = True
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    async def first(self, waiting: Awaitable[_T], timeout_s: float | None = None) -> _T | None:
        """Return what is waited for, or `None` when the time is over or the service stops."""
        work = asyncio.ensure_future(waiting)
        stop = asyncio.get_running_loop().create_future()
        self._waiting.add(stop)
        try:
            if not self._asked:
                await asyncio.wait({work, stop}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            return work.result() if work.done() else None
        finally:
            self._waiting.discard(stop)
            if not work.done():
                work.cancel()
                # Not awaited itself: its end by our hand must not be taken for that of the caller.
                await asyncio.gather(work, return_exceptions=True)


def nobody(_headers: Mapping[bytes, bytes]) -> Caller | None:
    """Know nobody."""
    return None


@dataclass(eq=False)
class Context:
    """One running service.

    Attributes
    ----------
    clock
        Gives the time in UTC.
    new_id
        Gives a random identifier.
    identify
        Tells who asks.
    routers
        The routes, made by `api.http.routing.router`.
    openers
        What is opened at start and closed, the last first, at the stop.
    parts
        What openers have opened, by its type.
    unavailable
        Errors that say that something behind the service is away for now (503).
    """

    settings: Settings
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    identify: Identify = nobody
    routers: Sequence[APIRouter] = ()
    openers: list[Opener] = field(default_factory=list)
    unavailable: tuple[type[Exception], ...] = ()
    readiness: Readiness = field(default_factory=Readiness)
    metrics: Metrics = field(default_factory=Metrics)
    stopping: Stopping = field(default_factory=Stopping)
    parts: dict[type[object], object] = field(default_factory=dict)

    def part(self, kind: type[_T]) -> _T:
        """Return the part of a type, or raise that the service is not ready (503)."""
        if kind not in self.parts:
            raise Problem(503, "must be ready", field="service", headers={"Retry-After": "1"})
        return cast("_T", self.parts[kind])


Opener = Callable[[Context], AbstractAsyncContextManager[object]]
"""Opens something that the service needs for as long as it runs."""


@asynccontextmanager
async def opened(context: Context) -> AsyncIterator[None]:
    """Open what a service needs; close it, the last first, whatever happens."""
    async with AsyncExitStack() as stack:
        for opener in context.openers:
            await stack.enter_async_context(opener(context))
        yield


def context_of(request: Request) -> Context:
    """Return the context that a request is answered in."""
    return cast("Context", request.app.state.context)


def caller_of(scope: Scope) -> Caller | None:
    """Return who makes the request of `scope`."""
    return cast("Caller | None", scope.get("state", {}).get("caller"))
