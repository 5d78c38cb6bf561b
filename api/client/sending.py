"""What clients share: the address, the headers of a request, whether it is sent again, and errors."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from api.client.call import Call
from api.client.models import PlanSet
from api.settings import is_loopback
from signals.lifecycle.records import SetState
from traffic.errors import InputError

__all__ = [
    "DEFAULT_URL",
    "Again",
    "ServiceError",
    "UnreachableError",
    "authorization",
    "failure",
    "pause_after",
    "read_token",
    "request_of",
    "service_url",
    "settled",
    "stream_request",
    "tls",
    "unreachable",
]

DEFAULT_URL = "http://127.0.0.1:8000"
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 10.0
_AGAIN = frozenset({429, 502, 503, 504})
_IDEMPOTENCY = "Idempotency-Key"
_CONNECT_S, _ANSWER_S = 5.0, 60.0
_QUIET_S = 45.0  # the service sends a comment on a quiet stream every 15 s
_UNDER_WAY = frozenset({SetState.PUBLISHED, SetState.ACKNOWLEDGED})


class ServiceError(InputError):
    """The service has answered with a problem.

    Attributes
    ----------
    status
        Of the answer.
    retry_after_s
        When to ask again, where the service says so.
    """

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after_s: float | None = None) -> None:
        self.status = status
        self.retry_after_s = retry_after_s
        self._problem = dict(problem)
        rule = str(problem.get("rule") or problem.get("detail") or problem.get("title") or f"status {status}")
        field, value, hint = (problem.get(name) for name in ("field", "value", "hint"))
        super().__init__(rule, field=field, value=value, hint=hint)

    def problem(self) -> dict[str, object]:
        """Return the problem object as the service has sent it."""
        return {
            "type": "about:blank",
            "title": "Refused",
            "detail": str(self),
            **self._problem,
            "status": self.status,
        }


class UnreachableError(InputError):
    """The service does not answer."""


@dataclass
class Again:
    """Whether a call is sent again, and after which pause.

    Every call may be: it only reads, or it is known by its key, or saying it twice is saying it once.

    Attributes
    ----------
    patience_s
        How long pauses may take together.
    random
        Gives a number from 0 to 1, so that clients do not come back all at once.
    """

    patience_s: float
    random: Callable[[], float]
    _pause_s: float = _FIRST_PAUSE_S

    def pause_s(self, wanted_s: float | None) -> float | None:
        """Return how long to wait before the next try; none where patience is at its end."""
        own, self._pause_s = self._pause_s * (0.5 + self.random()), min(2 * self._pause_s, _LONGEST_PAUSE_S)
        pause = max(own, wanted_s or 0.0)
        if pause > self.patience_s:
            return None
        self.patience_s -= pause
        return pause


def service_url(url: str | None) -> str:
    """Return the root of a service: what is given, else ``JASYL_URL``, else this machine.

    Raises
    ------
    InputError
        Where it is none, or a token would cross the network unencrypted.
    """
    root = url or os.environ.get("JASYL_URL") or DEFAULT_URL
    parts = urlsplit(root)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.username:
        hint = "Such as https://centre.example"
        raise InputError("must be the root of a service", field="--url", value=root, hint=hint)
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        rule = "must be https:// for another machine: a token must not cross the network unencrypted"
        raise InputError(rule, field="--url", value=root)
    return root.rstrip("/")


def authorization(token: str | None) -> dict[str, str]:
    """Return the headers of a token: what is given, else ``JASYL_TOKEN``; none without either."""
    found = token or os.environ.get("JASYL_TOKEN")
    return {"Authorization": f"Bearer {found}"} if found else {}


def tls(ca: Path | None, certificate: tuple[Path, Path] | None) -> ssl.SSLContext:
    """Return how certificates are checked and shown."""
    try:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    except OSError as error:
        rule = "must be certificates of authorities in PEM"
        raise InputError(rule, file=ca, field="--ca", value=str(error)) from error
    if certificate is not None:
        try:
            context.load_cert_chain(*certificate, password="")
        except OSError as error:
            rule = "must be a certificate in PEM, with its key without a passphrase"
            raise InputError(rule, file=certificate[0], field="--cert", value=str(error)) from error
    return context


def read_token(file: Path | None) -> str | None:
    """Return the token in a file that nobody else may read, else that of ``JASYL_TOKEN``."""
    if file is None:
        return os.environ.get("JASYL_TOKEN") or None
    try:
        mode = file.stat().st_mode & 0o777
        text = file.read_text(encoding="ascii").strip()
    except OSError as error:
        rule, hint = "must be a file with a token that can be read", "Check the path, and whose file it is"
        raise InputError(rule, file=file, field="--token-file", value=error.strerror, hint=hint) from error
    except UnicodeDecodeError as error:
        raise InputError("must hold one token and nothing else", file=file, field="--token-file") from error
    if mode & 0o077:
        hint = f"Close it: chmod 600 {file}"
        raise InputError("must be readable by nobody else", file=file, value=f"{mode:o}", hint=hint)
    if not text or any(character.isspace() for character in text):
        raise InputError("must hold one token and nothing else", file=file, field="--token-file")
    return text


def request_of(
    client: httpx.Client | httpx.AsyncClient, call: Call[Any], new_key: Callable[[], str]
) -> httpx.Request:
    """Return the request of a call; sent again, it is the same one."""
    headers = dict(call.headers)
    if call.command:
        headers[_IDEMPOTENCY] = call.key or new_key()
    timeout = httpx.Timeout(_ANSWER_S + call.wait_s, connect=_CONNECT_S)
    return client.build_request(
        call.method, call.path, params=dict(call.query), headers=headers, json=call.body, timeout=timeout
    )


def stream_request(client: httpx.Client | httpx.AsyncClient, call: Call[Any]) -> httpx.Request:
    """Return the request of a stream, whose next line may be as far away as the service's sign of life."""
    timeout = httpx.Timeout(_QUIET_S, connect=_CONNECT_S)
    return client.build_request(call.method, call.path, headers=dict(call.headers), timeout=timeout)


def failure(response: httpx.Response) -> ServiceError | None:
    """Return the error that an answer tells; none where it is a good one."""
    if response.is_success or response.status_code == httpx.codes.NOT_MODIFIED:
        return None
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    return ServiceError(response.status_code, problem, _retry_after_s(response))


def unreachable(request: httpx.Request, error: httpx.TransportError) -> UnreachableError:
    """Return the error of a service that does not answer."""
    hint = "Check the address, and whether `jasyl serve` runs there"
    where = f"{request.url.scheme}://{request.url.netloc.decode()}"
    reason = str(error) or type(error).__name__
    return UnreachableError(
        "must be a service that answers", field="--url", value=f"{where}: {reason}", hint=hint
    )


def pause_after(again: Again, error: ServiceError | UnreachableError) -> float:
    """Return how long to wait before the next try after an error; raises it where there is to be none."""
    wanted_s = error.retry_after_s if isinstance(error, ServiceError) else None
    pause = None if isinstance(error, ServiceError) and not _may_pass(error) else again.pause_s(wanted_s)
    if pause is None:
        raise error
    return pause


def settled(found: PlanSet) -> bool:
    """Return whether the publication of a plan set has come to an end."""
    return found.state not in _UNDER_WAY


def _may_pass(error: ServiceError) -> bool:
    """Return whether the same request may be answered otherwise in a while."""
    busy = error.status == httpx.codes.CONFLICT and error.field == _IDEMPOTENCY
    return error.status in _AGAIN or (busy and error.retry_after_s is not None)


def _retry_after_s(response: httpx.Response) -> float | None:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else None
