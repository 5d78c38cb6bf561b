"""Requests that servers read differently, byte by byte against a real service on loopback."""

from __future__ import annotations

import itertools
import socket
from typing import Any

import httpx
import pytest

from api.context import Context
from api.http.routes import ROUTERS
from api.opening import opener
from api.settings import Settings
from tests.api.service.centres import CITY, Clock
from tests.api.service.services import captured_logs, running
from tests.api.service.test_plan_sets import keys

HERE, ELSEWHERE = keys()[0], keys()[1]
WHY = {"why": "test"}


@pytest.fixture(scope="module")
def wire(tmp_path_factory):
    """Give what sends bytes to a real service, and a token of a viewer."""
    folder, numbers, told = tmp_path_factory.mktemp("wire"), itertools.count(1), []
    context = Context(
        settings=Settings(data_folder=folder, city=CITY, header_seconds=2),
        clock=Clock(),
        new_id=lambda: f"{next(numbers):08x}-wire",
        routers=ROUTERS,
        openers=[opener(told.append)],
    )
    with captured_logs(context.settings), running(context) as address:
        first = {"Authorization": f"Bearer {told[0]}"}
        new = {"name": "Aigerim", "roles": ["administrator"], **WHY}
        url = f"http://{address[0]}:{address[1]}/v1/tokens"
        token = httpx.post(url, json=new, headers=first).json()["token"]
        url, admin = url.replace("tokens", "controllers"), {"Authorization": f"Bearer {token}"}
        made = httpx.post(url, json={"junction": HERE, **WHY}, headers=admin)
        controller = made.json()["token"]

        def exchange(lines: str, body: str = "") -> bytes:
            head = lines.format(token=token, controller=controller).replace("\n", "\r\n")
            with socket.create_connection(address, timeout=10) as peer:
                peer.sendall(f"{head}\r\n\r\n{body}".encode("latin-1"))
                return b"".join(iter(lambda: peer.recv(1 << 16), b""))

        yield exchange


_ME = "GET /v1/me HTTP/1.1\nHost: localhost\nConnection: close\nAuthorization: Bearer {token}"


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (_ME, 200),
        (f"{_ME}\nAuthorization: Bearer jsy_other", 400),
        (f"{_ME}\nauthorization: Bearer {{token}}", 400),
        (_ME.replace("Bearer", "Bearer\tx"), 401),
        (f"{_ME}\nHost: evil.example", 400),
        (_ME.replace("Host: localhost", "Host: evil.example"), 421),
        (f"{_ME}\nContent-Length: 4\nContent-Length: 5", 400),
        (f"{_ME}\nContent-Length: 4, 4", 400),
        (f"{_ME}\nContent-Length: +4", 400),
        (f"{_ME}\nContent-Length: 0x4", 400),
        (f"{_ME}\nContent-Length: 4\nTransfer-Encoding: chunked", 400),
        (f"{_ME}\nTransfer-Encoding: identity, chunked, identity", 400),
        (f"{_ME}\nTransfer-Encoding : chunked", 400),
        (f"{_ME}\nX-A: b\n folded: c", 400),
        (f"{_ME}\nX A: b", 400),
        (f"{_ME}\n: b", 400),
        (f"{_ME}\nX-A: b\x00c", 400),
        (_ME.replace("HTTP/1.1", "HTTP/9.9"), 400),
        (_ME.replace("/v1/me", "/v1/m\xe9"), 400),
        (_ME.replace("/v1/me", "/v1/%ff"), 404),
        (_ME.replace("GET", "TRACE"), 405),
        (_ME.replace("GET", "CONNECT").replace("/v1/me", "localhost:80"), (400, 404, 405)),
        (_ME.replace("/v1/me", "http://evil.example/v1/me"), (400, 404, 421, 200)),
        ("GET /v1/me HTTP/1.0\nAuthorization: Bearer {token}", 400),
    ],
)
def test_heads_that_two_servers_would_read_differently(wire: Any, lines: str, status: Any) -> None:
    answer = wire(lines)
    statuses = status if isinstance(status, tuple) else (status,)
    assert answer[:13] in {f"HTTP/1.1 {number} ".encode() for number in statuses}, answer
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_request_is_not_smuggled_in_the_body_of_another(wire: Any) -> None:
    hidden = "GET /v1/tokens HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for lines in (
        f"POST /v1/me HTTP/1.1\nHost: localhost\nContent-Length: {len(hidden)}\nConnection: close",
        f"GET /health/live HTTP/1.1\nHost: localhost\nContent-Length: {len(hidden)}\nConnection: close",
    ):
        assert wire(lines, hidden).count(b"HTTP/1.1 ") == 1
    chunked = "POST /v1/me HTTP/1.1\nHost: localhost\nTransfer-Encoding: chunked\nConnection: close"
    for body in (
        "0\r\n\r\n",
        "0;x=y\r\n\r\n",
        "1\r\nZ\r\n0\r\n\r\n",
        "-1\r\n",
        "1\n",
        "FFFFFFFFFFFFFFFFF\r\n",
    ):
        assert wire(chunked, body).count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "path",
    [
        f"/controllers/{HERE}/../{ELSEWHERE}/assignment",
        f"/controllers/{HERE}%2f..%2f{ELSEWHERE}/assignment",
        f"/controllers/{HERE}/%2e%2e/{ELSEWHERE}/assignment",
        f"/controllers/%2e%2e/controllers/{ELSEWHERE}/assignment",
        f"/controllers//{ELSEWHERE}/assignment",
        f"/controllers/{ELSEWHERE}/assignment/",
        f"/controllers/{ELSEWHERE}/assignment;junction={HERE}",
        f"/controllers/{ELSEWHERE}%00/assignment",
        f"/controllers/{ELSEWHERE}/assignment?junction={HERE}",
        f"/controllers/{ELSEWHERE}/assignment#/controllers/{HERE}/assignment",
        f"/controllers/{HERE}%252f{ELSEWHERE}/assignment",
        f"/controllers/{ELSEWHERE.upper()}/assignment",
        "/./me",
        "//me",
        "/%6de/",
        "/me%2f",
        "/../health/../v1/me",
        "/../health/live/../../v1/me",
    ],
)
def test_no_path_leads_around_a_guard(wire: Any, path: str) -> None:
    for who in ("{token}", "{controller}"):
        answer = wire(_ME.replace("/v1/me", f"/v1{path}").replace("{token}", who))
        assert answer[9:12] in {b"403", b"404"}, answer


def test_an_encoded_path_is_the_path(wire: Any) -> None:
    """A slash that is encoded is one: what is compared with the credential is what the route has read."""
    key = HERE.replace(":", "%3A")
    for path in (f"/controllers/{key}/assignment", f"/controllers/{HERE}%2Fassignment"):
        lines = _ME.replace("/v1/me", f"/v1{path}")
        assert wire(lines.replace("{token}", "{controller}"))[9:12] == b"200"
        assert wire(lines)[9:12] == b"403"
