"""Headers of every answer: nothing is sniffed, framed, kept or loaded; who may read it in a browser; what will go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime

from fastapi import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.context import Context
from api.http.problems import Problem, problem_response

__all__ = ["Cors", "ResponseHeaders", "deprecated", "quiet_headers", "time_header"]

_POLICY = b"default-src 'none'; frame-ancestors 'none'"
_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
_UNLESS_SAID = ((b"content-security-policy", _POLICY), (b"cache-control", b"no-store"))
_ENCRYPTED = (b"strict-transport-security", b"max-age=31536000")

_METHODS = "GET, POST, PUT, PATCH, DELETE"
_ALLOWED_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, X-Request-ID"
)
_EXPOSED_HEADERS = "Deprecation, ETag, Link, Location, Retry-After, Sunset, X-Jasyl-Time, X-Request-ID"


def time_header(now: datetime) -> bytes:
    """Return a time as controllers set their clocks by it: UTC, milliseconds, ``Z``."""
    return f"{now.isoformat(timespec='milliseconds')[:23]}Z".encode()


def quiet_headers(now: datetime, *, encrypted: bool) -> list[tuple[bytes, bytes]]:
    """Return what `ResponseHeaders` adds to an answer that says for itself how it may be kept."""
    policy = (b"content-security-policy", _POLICY)
    more = (_ENCRYPTED,) if encrypted else ()
    return [*_ALWAYS, policy, (b"x-jasyl-time", time_header(now)), *more]


class ResponseHeaders:
    """Adds what every answer has: the time of the service and the headers that keep browsers strict."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app, self._context = app, context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        clock = self._context.clock
        encrypted = scope["scheme"] == "https"

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"] = list(message.get("headers", ()))
                said = {name for name, _ in headers}
                headers += _ALWAYS
                headers += [pair for pair in _UNLESS_SAID if pair[0] not in said]
                headers.append((b"x-jasyl-time", time_header(clock())))
                if encrypted:
                    headers.append(_ENCRYPTED)
            await send(message)

        await self._app(scope, receive, with_headers)


class Cors:
    """Lets pages of the origins in the settings, and of no others, read answers in a browser.

    Credentials of the browser (cookies) are never allowed: there are none.
    """

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app = app
        self._origins = frozenset(context.settings.cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        origin = _header(scope, b"origin") if scope["type"] == "http" and self._origins else None
        if origin is None:
            await self._app(scope, receive, send)
            return
        allowed = origin in self._origins
        if scope["method"] == "OPTIONS" and _header(scope, b"access-control-request-method") is not None:
            await self._preflight(allowed, origin)(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(b"vary", b"Origin")]
                if allowed:
                    added.append((b"access-control-allow-origin", origin.encode("latin-1")))
                    added.append((b"access-control-expose-headers", _EXPOSED_HEADERS.encode()))
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        await self._app(scope, receive, with_headers)

    @staticmethod
    def _preflight(allowed: bool, origin: str) -> Response:
        if not allowed:
            problem = Problem(403, "must be an origin that is allowed", field="Origin", value=origin)
            return problem_response(problem)
        headers = {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
            "Access-Control-Max-Age": "600",
            "Vary": "Origin",
        }
        return Response(status_code=204, headers=headers)


def _header(scope: Scope, name: bytes) -> str | None:
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return None


def deprecated(since: datetime, sunset: datetime, link: str) -> Callable[[Response], None]:
    """Return a dependency that announces the end of a route: ``dependencies=[Depends(deprecated(...))]``.

    Parameters
    ----------
    since
        From when on it is not to be used for anything new (RFC 9745).
    sunset
        From when on it may be gone (RFC 8594).
    link
        Where it is told what to use instead.
    """

    def announce(response: Response) -> None:
        response.headers["Deprecation"] = f"@{int(since.timestamp())}"
        response.headers["Sunset"] = format_datetime(sunset, usegmt=True)
        response.headers["Link"] = f'<{link}>; rel="deprecation"'

    return announce
