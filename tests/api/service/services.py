"""A service of the tests: a context with a clock and identifiers that are handed in, and a client in the same process."""

from __future__ import annotations

import asyncio
import io
import itertools
import logging
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import structlog
from fastapi import APIRouter, FastAPI

from api.context import Caller, Context
from api.http.app import create_app
from api.logs import configure_logs
from api.serving import bound_socket, run_service
from api.settings import Settings

NOW = datetime(2026, 11, 27, 12, 0, 0, 123_000, tzinfo=UTC)
TOKEN = "jsy_c2VjcmV0LXRva2VuLW9mLXRoZS10ZXN0cw"  # noqa: S105


def identify(headers: Mapping[bytes, bytes]) -> Caller | None:
    """Know one token."""
    if headers.get(b"authorization") == f"Bearer {TOKEN}".encode():
        return Caller(role="engineer", name="token:1f3a (Aigerim)", key="token:1f3a")
    return None


def made_context(folder: Path, *routers: APIRouter, **settings: Any) -> Context:
    numbers = itertools.count(1)
    return Context(
        settings=Settings(data_folder=folder, **settings),
        clock=lambda: NOW,
        new_id=lambda: f"request-{next(numbers)}",
        identify=identify,
        routers=routers,
    )


@asynccontextmanager
async def client_of(app: FastAPI, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, **options)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


def asked(
    context: Context, ask: Callable[[httpx.AsyncClient], Coroutine[Any, Any, Any]], **options: Any
) -> Any:
    """Return what `ask` returns of a client of a service in `context`."""

    async def asking() -> Any:
        async with client_of(create_app(context), **options) as client:
            return await ask(client)

    return asyncio.run(asking())


@contextmanager
def running(context: Context) -> Iterator[tuple[str, int]]:
    """Run a real server on loopback in another thread, and stop it at the end."""
    started, addresses, loops = threading.Event(), [], []

    def announce(address: str) -> None:
        addresses.append(address)
        loops.append(asyncio.get_running_loop())
        started.set()

    settings = context.settings
    failures = []

    def run(listener: socket.socket) -> None:
        try:
            asyncio.run(run_service(context, listener, announce))
        except BaseException as error:  # noqa: BLE001 - told by the test's own thread
            failures.append(error)
        finally:
            started.set()

    with bound_socket("127.0.0.1", 0, settings.write_seconds) as listener:
        port = listener.getsockname()[1]
        thread = threading.Thread(target=run, args=(listener,))
        thread.start()
        try:
            assert started.wait(30)
            if not failures:
                yield "127.0.0.1", port
        finally:
            if loops and thread.is_alive():
                loops[0].call_soon_threadsafe(context.stopping.ask)
            thread.join(30)
        assert not thread.is_alive()
        if failures:
            raise failures[0]


@contextmanager
def captured_logs(settings: Settings) -> Iterator[io.StringIO]:
    """Catch every log line, and leave logging as it was."""
    root, access = logging.getLogger(), logging.getLogger("uvicorn.access")
    handlers, level, disabled = list(root.handlers), root.level, access.disabled
    stream = io.StringIO()
    try:
        configure_logs(settings, stream)
        yield stream
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        access.disabled = disabled
        structlog.reset_defaults()
