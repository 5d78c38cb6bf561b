"""A real server on loopback: slow, silent, endless and broken peers get a clear answer, everybody else is served."""

from __future__ import annotations

import asyncio
import socket
import threading

import httpx
import pytest
from fastapi import Request
from starlette.responses import StreamingResponse

from api.context import Stopping, context_of
from api.http.routing import router
from api.serving import bound_socket
from tests.api.service.services import made_context, running
from traffic.errors import InputError


class Held:
    """What the routes of a test tell the test."""

    def __init__(self):
        self.waiting, self.ended = threading.Event(), threading.Event()


def _routes(held):
    made = router("plans", "/plans")

    @made.post("")
    async def post(plan: dict[str, int]) -> dict[str, int]:
        return plan

    @made.get("/endless", response_class=StreamingResponse)
    async def endless() -> StreamingResponse:
        async def parts():
            try:
                while True:
                    yield b"x" * (1 << 16)
                    await asyncio.sleep(0)
            finally:
                held.ended.set()

        return StreamingResponse(parts(), media_type="application/octet-stream")

    @made.get("/held")
    async def wait(request: Request) -> dict[str, bool]:
        context = context_of(request)
        held.waiting.set()
        changed = await context.stopping.first(asyncio.Event().wait(), 60)
        return {"changed": changed is not None}

    return made


def _exchange(address, *parts: bytes) -> bytes:
    """Send `parts` and return all that is answered until the other end closes."""
    with socket.create_connection(address, timeout=20) as peer:
        for part in parts:
            peer.sendall(part)
        return _all(peer)


def _all(peer: socket.socket) -> bytes:
    answer = b""
    while chunk := peer.recv(1 << 16):
        answer += chunk
    return answer


def _head(path: str, *lines: str, method: str = "POST") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


_JSON = "Content-Type: application/json"
_SLOW_BODY = _head("/v1/plans", _JSON, "Content-Length: 100") + b'{"a": '
_TOO_LONG = _head("/v1/plans", _JSON, "Content-Length: 5000", "Expect: 100-continue")
_CHUNKED = _head("/v1/plans", _JSON, "Transfer-Encoding: chunked")
_CHUNK = b"400\r\n" + b" " * 1024 + b"\r\n"


@pytest.mark.parametrize(
    ("parts", "status", "word"),
    [
        ((), 408, "must arrive within"),
        ((b"GET /health/li",), 408, "must arrive within"),
        ((_SLOW_BODY,), 408, "must arrive within"),
        ((_CHUNKED, _CHUNK[:100]), 408, "must arrive within"),
        ((_TOO_LONG,), 413, "at most 2048 bytes"),
        ((_CHUNKED, _CHUNK, _CHUNK, _CHUNK), 413, "at most 2048 bytes"),
        ((_head("/v1/plans", "X: " + "y" * 5000, method="GET"),), 431, "at most 4096 bytes"),
        ((b"GET /", *(b"y" * 1000 for _ in range(5))), 431, "at most 4096 bytes"),
        ((b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",), 400, "HTTP/1.1"),
        ((b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",), 400, "HTTP/1.1"),
        ((b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",), 400, "HTTP/1.1"),
        ((b"GET /health/live HTTP/1.1\r\nConnection: close\r\n\r\n",), 400, "given once"),
    ],
)
def test_peers_that_are_slow_silent_endless_or_broken(tmp_path, parts, status, word):
    limits = {
        "header_seconds": 0.3,
        "body_seconds": 0.3,
        "body_limit_bytes": 2048,
        "header_limit_bytes": 4096,
    }
    with running(made_context(tmp_path, _routes(Held()), **limits)) as address:
        answer = _exchange(address, *parts)
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())
        assert b"application/problem+json" in answer
        assert word.encode() in answer
        assert b"100 Continue" not in answer
        assert answer.count(b"\r\n\r\n") == 1
        assert httpx.get(f"http://{address[0]}:{address[1]}/health/live").status_code == 200


def test_requests_in_one_piece_are_answered_in_turn(tmp_path):
    """What came before a head in the same piece is no part of it."""
    with running(made_context(tmp_path, header_limit_bytes=4096, header_seconds=0.3)) as address:
        one = _head("/health/live", method="GET")
        answer = _exchange(address, one * 200 + one[:10])
        assert answer.count(b"HTTP/1.1 200 OK") == 200
        assert answer.count(b"HTTP/1.1 408 ") == 1


def test_others_are_served_while_slow_ones_hold_on(tmp_path):
    with running(made_context(tmp_path, _routes(Held()), header_seconds=30, body_seconds=30)) as address:
        slow = [socket.create_connection(address) for _ in range(50)]
        try:
            for number, peer in enumerate(slow):
                peer.sendall(b"GET /heal" if number % 2 else _SLOW_BODY)
            response = httpx.post(f"http://{address[0]}:{address[1]}/v1/plans", json={"a": 1})
            assert response.json() == {"a": 1}
        finally:
            for peer in slow:
                peer.close()


def test_more_connections_than_allowed_are_told_so(tmp_path):
    held = Held()
    with running(made_context(tmp_path, _routes(held), connections=2)) as address:
        first, second = (socket.create_connection(address, timeout=20) for _ in range(2))
        with first, second:
            for peer in (first, second):
                peer.sendall(_head("/v1/plans/held", method="GET"))
                assert held.waiting.wait(20)
                held.waiting.clear()
            assert _exchange(address).startswith(b"HTTP/1.1 503 ")


def _ask_whether_it_lives(peer: socket.socket) -> None:
    peer.sendall(_head("/health/live", method="GET"))
    answer = b""
    while b'"live"' not in answer:
        answer += peer.recv(1 << 16)
    assert answer.startswith(b"HTTP/1.1 200")


def test_a_connection_without_a_request_gives_way_to_one_that_comes(tmp_path):
    with running(made_context(tmp_path, connections=2)) as address:
        first, second = (socket.create_connection(address, timeout=20) for _ in range(2))
        with first, second:
            for peer in (first, second):
                _ask_whether_it_lives(peer)
            answer = _exchange(address, _head("/health/live", "Connection: close", method="GET"))
            assert answer.startswith(b"HTTP/1.1 200")
            assert _all(first) == b""  # the one that has waited for longest is closed
            _ask_whether_it_lives(second)


def test_there_is_room_for_so_many_bodies_at_once(tmp_path):
    limits = {"body_limit_bytes": 4096, "buffered_limit_bytes": 4096}
    with running(made_context(tmp_path, _routes(Held()), **limits)) as address:
        url = f"http://{address[0]}:{address[1]}/v1/plans"
        with socket.create_connection(address, timeout=20) as peer:
            peer.sendall(_head("/v1/plans", _JSON, "Content-Length: 4000", "Connection: close") + b" " * 3900)
            content = b"%-3000s" % b'{"a": 1}'
            response = httpx.post(url, content=content, headers={"Content-Type": "application/json"})
            assert response.status_code == 503
            assert response.headers["retry-after"] == "1"
            peer.sendall(b"%-100s" % b'{"a": 2}')
            assert b'{"a":2}' in _all(peer)
        assert httpx.post(url, content=content, headers={"Content-Type": "application/json"}).json() == {
            "a": 1
        }


def test_who_does_not_read_its_answer_is_let_go(tmp_path):
    held = Held()
    with running(made_context(tmp_path, _routes(held), write_seconds=0.3)) as address:
        with socket.create_connection(address) as peer:
            peer.sendall(_head("/v1/plans/endless", method="GET"))
            assert held.ended.wait(20)
        assert httpx.get(f"http://{address[0]}:{address[1]}/health/live").status_code == 200


def test_a_held_answer_is_given_at_the_stop(tmp_path):
    held, answers = Held(), []
    with running(made_context(tmp_path, _routes(held))) as address:
        url = f"http://{address[0]}:{address[1]}/v1/plans/held"
        asking = threading.Thread(target=lambda: answers.append(httpx.get(url, timeout=30)))
        asking.start()
        assert held.waiting.wait(20)
    asking.join(20)
    assert answers[0].json() == {"changed": False}


def test_what_waits_ends_with_time_with_the_stop_and_with_whoever_waits():
    async def run():
        stopping, never = Stopping(), asyncio.Event()
        assert await stopping.first(asyncio.sleep(0, "here"), 10) == "here"
        assert await stopping.first(never.wait(), 0.01) is None
        cleaned = asyncio.Event()

        async def slow_to_end():
            try:
                await never.wait()
            finally:
                await asyncio.sleep(0)
                cleaned.set()

        waiting = asyncio.create_task(stopping.first(slow_to_end(), 10))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert cleaned.is_set()
        held = asyncio.create_task(stopping.first(never.wait(), 10))
        await asyncio.sleep(0)
        stopping.ask()
        assert await held is None
        assert await stopping.first(never.wait(), 10) is None
        assert not stopping._waiting

    asyncio.run(run())


def test_a_port_that_is_taken_is_told_before_anything_is_opened():
    with bound_socket("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(InputError) as refused, bound_socket("127.0.0.1", port):
            pass
    assert (refused.value.field, refused.value.value) == ("--port", port)
    assert "--port" in refused.value.hint


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host", "x" * 300])
def test_a_host_that_is_none_of_ours(host):
    with pytest.raises(InputError) as refused, bound_socket(host, 0):
        pass
    assert refused.value.field == "--host"
