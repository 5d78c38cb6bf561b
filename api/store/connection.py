"""A Redis server behind a few plain calls. The only importer of redis.

Answers come as Redis sends them (numbers, bytes and lists), whatever the version of the client. No call is repeated
behind the caller's back: whether a command that was not answered may be sent again is for the caller to know.
"""

from __future__ import annotations

import asyncio
import logging
import re
from hashlib import sha1
from typing import TYPE_CHECKING, Any, Self

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from api.store.errors import StoreUnavailable
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

__all__ = ["OLDEST_VERSION", "Script", "Store", "connect"]

OLDEST_VERSION = (6, 2)
"""The oldest Redis that has what the store uses."""

_LOG = logging.getLogger("jasyl.store")

_CONNECT_S = 2.0
_ANSWER_S = 5.0
_FIRST_FILE_S = 300.0
_FIRST_FILE_S = 300.0
_CONNECTIONS = 64
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.01, 0.25
_REFUSALS = (
    exceptions.AuthenticationError,
    exceptions.BusyLoadingError,
    exceptions.NoPermissionError,
    exceptions.OutOfMemoryError,
    exceptions.ReadOnlyError,
)
_REFUSAL = re.compile(r"\b(BUSY|MASTERDOWN|MISCONF|NOREPLICAS|OOM|READONLY) ")
"""Codes of refusals that the client has no exception for, or that stand inside the error of a script."""

Argument = str | bytes | int


class Script:
    """A Lua script, which Redis runs as a whole or not at all.

    Parameters
    ----------
    text
        The script.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = sha1(text.encode(), usedforsecurity=False).hexdigest()


class Store:
    """Connections to one Redis server.

    Parameters
    ----------
    pool
        Makes a pool of at most so many connections, each of which waits so many seconds for an answer.
    patience_s
        How long calls that may be repeated wait for a server that is being restarted.
    """

    def __init__(
        self, pool: Callable[[int, float], BlockingConnectionPool], *, patience_s: float = 2.0
    ) -> None:
        self.patience_s = patience_s
        self._make_pool = pool
        self._client = _client(pool(_CONNECTIONS, _ANSWER_S))
        self._blocking: set[Redis] = set()

    @classmethod
    def at_socket(cls, path: str | Path, *, patience_s: float = 2.0) -> Self:
        """Return the store behind a Unix socket; nothing is sent yet."""

        def pool(connections: int, answer_s: float) -> BlockingConnectionPool:
            return BlockingConnectionPool(
                connection_class=UnixDomainSocketConnection,
                path=str(path),
                **_options(connections, answer_s),
            )

        return cls(pool, patience_s=patience_s)

    @classmethod
    def at_url(cls, url: str, *, patience_s: float = 2.0) -> Self:
        """Return the store behind ``redis://``, ``rediss://`` or ``unix://``; nothing is sent yet."""

        def pool(connections: int, answer_s: float) -> BlockingConnectionPool:
            made: BlockingConnectionPool = BlockingConnectionPool.from_url(
                url, **_options(connections, answer_s)
            )
            return made

        try:
            return cls(pool, patience_s=patience_s)
        except ValueError:
            rule = "must be a URL such as redis://HOST:6379/0, rediss://HOST:6379/0 or unix:///PATH"
            raise InputError(rule, field="JASYL_REDIS_URL", value=_without_secrets(url)) from None

    async def call(self, *command: Argument) -> Any:
        """Send a command once and return the answer.

        Raises
        ------
        StoreUnavailable
            When Redis is away, does not answer in time or may not be written to.
        """
        return await _sent(self._client, command)

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run a script once and return its answer; the same errors as `call`."""
        rest = (len(keys), *keys, *arguments)
        try:
            return await self.call("EVALSHA", script.sha, *rest)
        except exceptions.NoScriptError:
            return await self.call("EVAL", script.text, *rest)

    async def repeatedly(self, send: Callable[[], Awaitable[Any]], *, also_unknown: bool = True) -> Any:
        """Return what `send` gives, sent again until it is answered or patience ends.

        Parameters
        ----------
        also_unknown
            Whether it may be sent again when it may have been carried out.
        """
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + self.patience_s, _FIRST_PAUSE_S
        while True:
            try:
                return await send()
            except StoreUnavailable as error:
                if (error.unknown and not also_unknown) or loop.time() + pause > deadline:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def read(self, *command: Argument) -> Any:
        """Send a command that changes nothing, again if need be, and return the answer."""
        return await self.repeatedly(lambda: self.call(*command))

    def blocking(self, longest_s: float) -> Redis:
        """Return a client of its own for commands that wait up to `longest_s` for news."""
        client = _client(self._make_pool(1, longest_s + _ANSWER_S))
        self._blocking.add(client)
        return client

    async def wait(self, client: Redis, *command: Argument) -> Any:
        """Send a command that waits for news on a client from `blocking`."""
        return await _sent(client, command)

    async def close(self) -> None:
        """Close all connections."""
        for client in (self._client, *self._blocking):
            await client.aclose()
            await client.connection_pool.disconnect()
        self._blocking.clear()


async def connect(url: str, *, patience_s: float = 2.0) -> Store:
    """Return the store behind a URL, after a look at whether it keeps what it is given.

    Where Redis is not set to write everything to disk before it answers, it is set so; where that is not allowed, a
    warning names what can be lost.

    Raises
    ------
    InputError
        For a URL that is none, a server that does not answer, or one that is too old.
    """
    store = Store.at_url(url, patience_s=patience_s)
    try:
        await _require_version(store, url)
        await _require_disk(store)
    except BaseException:
        await store.close()
        raise
    return store


async def _require_version(store: Store, url: str) -> None:
    try:
        lines = (await store.read("INFO", "server")).decode().splitlines()
    except StoreUnavailable as error:
        hint = "Start Redis, or check address, user and password"
        raise InputError(
            f"must be a Redis that answers: {error.reason}",
            field="JASYL_REDIS_URL",
            value=_without_secrets(url),
            hint=hint,
        ) from error
    found = next((line.partition(":")[2] for line in lines if line.startswith("redis_version:")), "0")
    if tuple(int(part) for part in found.split(".")[:2]) < OLDEST_VERSION:
        rule = "must be a Redis of version {}.{} or newer".format(*OLDEST_VERSION)
        raise InputError(rule, field="JASYL_REDIS_URL", value=found)


async def _require_disk(store: Store) -> None:
    wanted = {
        "appendonly": ("yes", "everything since the last snapshot is lost when Redis stops"),
        "appendfsync": ("always", "the last second of answered commands is lost when the machine stops"),
        "maxmemory-policy": ("noeviction", "plans are dropped when memory is short"),
    }
    for name, (value, loss) in wanted.items():
        try:
            answer = await store.call("CONFIG", "GET", name)
            found = answer[1].decode() if answer else "unknown"
            if found == value:
                continue
            await store.call("CONFIG", "SET", name, value)
        except (exceptions.ResponseError, StoreUnavailable) as error:
            _LOG.warning("Redis may not have %s %s (%s): %s", name, value, error, loss)
        else:
            _LOG.warning(
                "Redis had %s %s and now has %s: set it in its configuration too", name, found, value
            )
    await _require_file_written(store)


async def _require_file_written(store: Store) -> None:
    """Wait for the first append-only file: until it is complete, what Redis answers is not on disk."""
    done = (b"aof_rewrite_in_progress:0", b"aof_rewrite_scheduled:0")
    for _ in range(int(_FIRST_FILE_S / _LONGEST_PAUSE_S)):
        about = await store.read("INFO", "persistence")
        if all(line in about for line in done):
            return
        await asyncio.sleep(_LONGEST_PAUSE_S)
    rule = f"must write its first append-only file within {_FIRST_FILE_S:g} s"
    raise InputError(rule, field="JASYL_REDIS_URL", hint="See in the log of Redis why it does not")


def _options(connections: int, answer_s: float) -> dict[str, Any]:
    return {
        "max_connections": connections,
        "timeout": _ANSWER_S,
        "socket_timeout": answer_s,
        "socket_connect_timeout": _CONNECT_S,
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
    }


def _client(pool: BlockingConnectionPool) -> Redis:
    client = Redis(connection_pool=pool)
    client.response_callbacks.clear()
    return client


async def _sent(client: Redis, command: Sequence[Argument]) -> Any:
    """Send a command once, and end with `CancelledError` whenever the task was cancelled meanwhile.

    The client sends within `asyncio.wait_for`, which until Python 3.12 can swallow a cancellation.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        return await _translated(client, command)
    finally:
        if task and task.cancelling() > before:
            raise asyncio.CancelledError


async def _translated(client: Redis, command: Sequence[Argument]) -> Any:
    send: Callable[..., Awaitable[Any]] = client.execute_command
    try:
        return await send(*command)
    except _REFUSALS as error:
        raise StoreUnavailable(str(error)) from error
    except (exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
        raise StoreUnavailable(str(error) or type(error).__name__, unknown=True) from error
    except exceptions.ResponseError as error:
        if _REFUSAL.search(str(error)):
            raise StoreUnavailable(str(error)) from error
        raise


def _without_secrets(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if rest else "(not shown)"
