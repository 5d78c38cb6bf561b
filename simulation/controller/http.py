"""The way to the service over HTTP: long poll, server-sent events, acknowledgements and reports. The only importer of aiohttp.

Whatever the service or somebody in its place answers is bounded in size and read as plain values; what it means is for
`simulation.controller.assignment`.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import quote

import aiohttp
from yarl import URL

from traffic.errors import InputError, JasylError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from simulation.controller.verdicts import Acknowledgement

__all__ = ["Answer", "Event", "Link", "LinkError", "ServiceTime", "Settings", "connect", "register"]

LARGEST_BYTES = 4_000_000
_CONNECT_S, _QUIET_S = 5.0, 45.0  # the service sends a comment on a quiet stream every 15 s
_KEPT_S = 60.0  # less than the service keeps a connection on which nothing is said
_FAILED = (aiohttp.ClientError, TimeoutError, OSError)
_STALE = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionResetError)
_BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_FINAL = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)


class LinkError(JasylError):
    """The service could not be reached, or did not do what it was asked.

    Attributes
    ----------
    retry_s
        After how many seconds it wants to be asked again, where it has said so.
    final
        True where asking again cannot help.
    there
        True where the service has said itself that it cannot tell now what is to be done.
    """

    def __init__(self, text: str, *, retry_s: float = 0.0, final: bool = False, there: bool = False) -> None:
        super().__init__(text)
        self.retry_s, self.final, self.there = retry_s, final, there


class Answer(NamedTuple):
    """An assignment, or `None` where nothing has changed; and its tag."""

    document: object
    tag: str | None


class Event(NamedTuple):
    """A server-sent event; one without a name only says that the service is there."""

    name: str
    id: str
    data: str


class ServiceTime(NamedTuple):
    """What the service has said of the time, and between which instants, by the controller's clock, it has said so."""

    text: str
    asked_s: float
    heard_s: float


@dataclass(frozen=True)
class Settings:
    """How to reach the service.

    Attributes
    ----------
    url
        Its root: ``http://127.0.0.1:8000``.
    ca, certificate, key
        PEM files: whom to trust in place of the system's authorities, and who one is (mutual TLS).
    wait_s
        For how long a poll may be held.
    """

    url: str
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    wait_s: int = 25

    def __post_init__(self) -> None:
        try:
            url = URL(self.url)
        except ValueError:
            url = URL()
        if url.scheme not in {"http", "https"} or not url.host:
            hint = "Give the root of the service: http://127.0.0.1:8000"
            raise InputError("must be an http or https address", field="url", value=self.url, hint=hint)

    def trust(self) -> ssl.SSLContext | Literal[True]:
        """Return whom to trust, and who one is; true for the system's authorities."""
        if not self.url.startswith("https"):
            return True
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            hint = "Give certificates and keys as PEM files"
            raise InputError("must be readable", field="certificates", value=str(error), hint=hint) from error
        return context


class Client(NamedTuple):
    """Connections of one controller, or of many, to the service at `root`."""

    session: aiohttp.ClientSession
    root: str

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str], values: object = None, read_s: float
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Ask; `path` is quoted already, and no redirection is followed."""
        body = None if values is None else json.dumps(values).encode()
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=read_s)
        if body is not None:
            headers = {**headers, "Content-Type": "application/json"}
        return self.session.request(
            method,
            URL(self.root + path, encoded=True),
            data=body,
            headers=headers,
            timeout=timeout,
            allow_redirects=False,
        )


@asynccontextmanager
async def connect(settings: Settings, trust: ssl.SSLContext | Literal[True]) -> AsyncIterator[Client]:
    """Hand out connections of one controller, or of many."""
    connector = aiohttp.TCPConnector(limit=0, ssl=trust, keepalive_timeout=_KEPT_S, use_dns_cache=False)
    async with aiohttp.ClientSession(
        connector=connector,
        headers={"Accept-Encoding": "identity"},
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    ) as session:
        yield Client(session, str(URL(settings.url)).rstrip("/"))


class Link:
    """One controller's way to the service.

    Parameters
    ----------
    credential
        What the service knows this controller by; it is never shown.
    clock
        The controller's: POSIX seconds.

    Attributes
    ----------
    time
        What the service has said last of the time.
    """

    def __init__(
        self,
        client: Client,
        junction: str,
        credential: str,
        *,
        wait_s: int = 25,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not (credential.isascii() and credential.isprintable() and credential):
            rule = "must be printable ASCII characters"
            raise InputError(rule, field=f"credential of {junction}")
        self._client, self._wait_s, self._clock = client, wait_s, clock
        self.time: ServiceTime | None = None
        self._root = f"/v1/controllers/{quote(junction, safe='')}"
        self._headers = {"Authorization": f"Bearer {credential}"}

    async def poll(self, tag: str | None) -> Answer:
        """Ask for the assignment; the service may hold the answer until there is something new."""
        headers = {} if tag is None else {"If-None-Match": tag}
        response, body = await self._ask("GET", f"/assignment?wait={self._wait_s}", headers=headers)
        if response.status == HTTPStatus.NOT_MODIFIED:
            return Answer(None, tag)
        return Answer(_plain(body), response.headers.get("ETag"))

    async def stream(self, last: str | None) -> AsyncIterator[Event]:
        """Yield what the service pushes, from after the event `last` on."""
        headers = self._headers | {"Accept": "text/event-stream"}
        if last is not None:
            headers["Last-Event-ID"] = last
        url, asked_s = f"{self._root}/stream", self._clock()
        try:
            async with self._client.request("GET", url, headers=headers, read_s=_QUIET_S) as response:
                self._note(response, asked_s)
                if response.status != HTTPStatus.OK:
                    _check(response, await _bounded(response))
                    raise LinkError(f"{response.status} is no stream")
                events = _events(response)
                while True:
                    async with asyncio.timeout(_QUIET_S):
                        event = await anext(events, None)
                    if event is None:
                        return
                    yield event
        except _FAILED as error:
            raise LinkError(f"{type(error).__name__}: {error}") from error

    async def acknowledge(self, told: Acknowledgement, at: str) -> None:
        """Tell what was found of a version."""
        values = {"version": told.version, "result": told.result, "reason": told.reason[:500], "at": at}
        await self._ask("POST", "/acknowledgements", values=values)

    async def report(self, reports: Sequence[Mapping[str, Any]], at: str) -> object:
        """Send reports and return up to which number the service has them; `at` is the time now, they may be old."""
        _, body = await self._ask("POST", "/reports", values={"reports": list(reports), "at": at})
        answer = _plain(body)
        return answer.get("accepted_until") if isinstance(answer, dict) else None

    async def _ask(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, values: object = None
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        url, headers = self._root + path, {**self._headers, **(headers or {})}
        read_s = self._wait_s + 15.0
        for again in (True, False):
            asked_s = self._clock()
            try:
                async with (
                    asyncio.timeout(self._wait_s + _QUIET_S),
                    self._client.request(
                        method, url, headers=headers, values=values, read_s=read_s
                    ) as response,
                ):
                    self._note(response, asked_s)
                    body = await _bounded(response)
            except _FAILED as error:
                if not (again and _was_closed(error)):
                    raise LinkError(f"{type(error).__name__}: {error}") from error
            else:
                break
        _check(response, body)
        return response, body

    def _note(self, response: aiohttp.ClientResponse, asked_s: float) -> None:
        """Take the time of the service down; refuse an encoding, which can hide a body of any size."""
        said = response.headers.get("X-Jasyl-Time")
        self.time = self.time if said is None else ServiceTime(said, asked_s, self._clock())
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            raise LinkError(f"an answer in the encoding {encoding}")


async def register(
    settings: Settings, token: str, junction: str, why: str, *, rotate: bool = False
) -> Mapping[str, Any]:
    """Register the controller of a junction, or give it another credential: ``token`` and ``keys`` of the answer.

    Parameters
    ----------
    token
        Of somebody who may do so; it is never shown.
    """
    path = f"/v1/controllers/{quote(junction, safe='')}/rotate" if rotate else "/v1/controllers"
    values = {"why": why} if rotate else {"junction": junction, "why": why}
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with (
            connect(settings, settings.trust()) as client,
            client.request("POST", path, headers=headers, values=values, read_s=_QUIET_S) as response,
        ):
            body = await _bounded(response)
    except _FAILED as error:
        raise LinkError(f"{type(error).__name__}: {error}") from error
    _check(response, body)
    answer = _plain(body)
    if not isinstance(answer, dict) or not isinstance(answer.get("token"), str):
        raise LinkError("an answer without a credential")
    return answer


def _was_closed(error: Exception) -> bool:
    """Return whether a kept connection may have been closed as it was taken up; to ask twice has the effect of once."""
    return isinstance(error, _STALE) and not isinstance(error, aiohttp.ClientConnectorError)


def _check(response: aiohttp.ClientResponse, body: bytes) -> None:
    status = response.status
    if status < HTTPStatus.MULTIPLE_CHOICES or status == HTTPStatus.NOT_MODIFIED:
        return
    wanted = response.headers.get("Retry-After", "")
    retry_s = float(wanted) if status in _BUSY and wanted.isascii() and wanted.isdigit() else 0.0
    text = body[:300].decode("utf-8", "replace")
    there = status == HTTPStatus.SERVICE_UNAVAILABLE and "X-Jasyl-Time" in response.headers
    told = f"{status} {response.reason}: {text}"
    raise LinkError(told, retry_s=retry_s, final=status in _FINAL, there=there)


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > LARGEST_BYTES:
            raise LinkError(f"an answer of more than {LARGEST_BYTES} bytes")
    return b"".join(parts)


def _plain(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise LinkError(f"an answer that is no JSON: {error}") from error


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[Event]:
    """Yield the events of a stream, as in the HTML standard; comments are events without a name."""
    name, identifier, size = "", "", 0
    data: list[str] = []
    async for line in _lines(response):
        size += len(line)
        if size > LARGEST_BYTES:
            raise LinkError(f"an event of more than {LARGEST_BYTES} bytes")
        if not line:
            if data:
                yield Event(name or "message", identifier, "\n".join(data))
            name, data, size = "", [], 0
            continue
        if line.startswith(":"):
            yield Event("", identifier, "")
            continue
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if key == "data":
            data.append(value)
        elif key == "event":
            name = value
        elif key == "id" and "\0" not in value:
            identifier = value


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[str]:
    rest = b""
    async for part in response.content.iter_any():
        *lines, rest = (rest + part).split(b"\n")
        if len(rest) > LARGEST_BYTES:
            raise LinkError(f"a line of more than {LARGEST_BYTES} bytes")
        for line in lines:
            yield line.removesuffix(b"\r").decode("utf-8", "replace")
