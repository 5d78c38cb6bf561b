"""The way to the service: whatever comes back is bounded in size and in time."""

from __future__ import annotations

import asyncio
import gzip
import itertools
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from simulation.controller import http
from simulation.controller.http import Event, Link, LinkError, Settings, connect
from simulation.controller.verdicts import Acknowledgement
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


@asynccontextmanager
async def answering(
    *answers: bytes, then: bytes = b"", wait_s: int = 1
) -> AsyncIterator[tuple[Link, list[bytes]]]:
    """A link to a server that answers each request with the next bytes, and then repeats others for ever."""
    requests: list[bytes] = []
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while left:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(x[15:]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length:")), 0
                )
                requests.append(head + await reader.readexactly(length))
                answer = left.pop(0)
                if not answer:
                    return  # the connection is closed without a word
                writer.write(answer)
                await writer.drain()
                while then:
                    writer.write(then)
                    await writer.drain()
                    await asyncio.sleep(0.01)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = Settings(f"http://127.0.0.1:{port}", wait_s=wait_s)
    async with connect(settings, settings.trust()) as client:
        instants = itertools.count(7)
        yield Link(client, "osm:1", "jsy_x", wait_s=wait_s, clock=lambda: float(next(instants))), requests
    server.close()
    await server.wait_closed()


def _refused(call: Callable, told: str, *answers: bytes, then: bytes = b"") -> None:
    async def scenario() -> None:
        async with answering(*answers, then=then) as (link, _):
            with pytest.raises(LinkError, match=told):
                await call(link)

    asyncio.run(scenario())


def _poll(link: Link):
    return link.poll(None)


async def _stream(link: Link) -> list[Event]:
    return [event async for event in link.stream("41")]


def _answer(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    head = b"\r\n".join([b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers])
    return head + b"\r\n\r\n" + body


def test_an_encoded_answer_is_refused_before_it_is_unpacked() -> None:
    body = gzip.compress(b" " * 10_000_000)
    for call in (_poll, _stream):
        _refused(call, "in the encoding gzip", _answer(body, b"Content-Encoding: gzip"))


def test_a_body_without_end_is_given_up() -> None:
    _refused(_poll, "more than 4000000 bytes", HEAD + b"\r\n", then=b" " * 500_000)


def test_a_line_or_an_event_without_end_is_given_up() -> None:
    _refused(_stream, "a line of more than", HEAD + b"\r\n", then=b"x" * 500_000)
    _refused(_stream, "an event of more than", HEAD + b"\r\n", then=b"data: x" + b"x" * 500_000 + b"\n")


def test_an_answer_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_QUIET_S", 0.3)

    async def patient(link: Link) -> object:
        link._wait_s = 0
        return await link.poll(None)

    _refused(patient, "TimeoutError", HEAD + b"\r\n", then=b" ")
    _refused(_stream, "TimeoutError", HEAD + b"\r\n", then=b"x")


def test_nobody_there_and_a_redirection_are_told() -> None:
    async def scenario() -> None:
        settings = Settings("http://127.0.0.1:1")
        async with connect(settings, settings.trust()) as client:
            with pytest.raises(LinkError, match="ConnectorError"):
                await Link(client, "a", "x").poll(None)

    asyncio.run(scenario())
    _refused(_poll, "302 Found", _answer(b"", b"Location: http://127.0.0.1:1/", status=b"302 Found"))


def test_what_the_service_wants_to_wait_is_heard() -> None:
    async def scenario() -> None:
        busy = _answer(b"{}", b"Retry-After: 7", status=b"429 Too Many Requests")
        odd = _answer(b"{}", b"Retry-After: soon", status=b"503 Service Unavailable")
        conflict = _answer(b"{}", status=b"409 Conflict")
        async with answering(busy, odd, conflict) as (link, _):
            for retry_s, final in ((7.0, False), (0.0, False), (0.0, True)):
                with pytest.raises(LinkError) as caught:
                    await link.acknowledge(Acknowledgement(1, "accepted"), "now")
                assert (caught.value.retry_s, caught.value.final) == (retry_s, final)

    asyncio.run(scenario())


def test_only_the_service_itself_can_say_that_it_is_there_and_knows_nothing() -> None:
    async def scenario() -> None:
        away, own_time = b"503 Service Unavailable", b"X-Jasyl-Time: 2026-11-27T12:00:00.000Z"
        own = _answer(b"{}", b"Retry-After: 2", own_time, status=away)
        proxy = _answer(b"{}", b"Retry-After: 2", status=away)
        revoked = _answer(b"{}", own_time, status=b"401 Unauthorized")
        async with answering(own, proxy, revoked) as (link, _):
            for there in (True, False, False):
                with pytest.raises(LinkError) as caught:
                    await link.poll(None)
                assert caught.value.there == there

    asyncio.run(scenario())


def test_a_connection_that_was_closed_is_taken_up_anew() -> None:
    async def scenario() -> None:
        empty = _answer(b"{}", b'ETag: "5"')
        async with answering(empty, b"", empty) as (link, requests):
            assert (await link.poll(None)).tag == '"5"'
            assert (await link.poll('"5"')).tag == '"5"'
        assert len(requests) == 3
        assert b'if-none-match: "5"' in requests[1].lower()
        assert b"authorization: bearer jsy_x" in requests[1].lower()
        assert b"GET /v1/controllers/osm%3A1/assignment?wait=1 " in requests[1]

    asyncio.run(scenario())


def test_events_are_read_as_the_standard_says() -> None:
    text = (
        "retry: 2000\n\n: still here\n\nid: 42\nevent: assignment\ndata: {\ndata:  1}\r\n\r\n"
        "data\n\ndata: x\n\nevent: lost\n\nid: 4\0\ndata: y\n\ndata: never ended"
    )

    async def scenario() -> None:
        body = text.encode()
        async with answering(_answer(body, b"X-Jasyl-Time: now")) as (link, requests):
            events = [event async for event in link.stream("41")]
        assert events == [
            Event("", "", ""),
            Event("assignment", "42", "{\n 1}"),
            Event("message", "42", ""),
            Event("message", "42", "x"),
            Event("message", "42", "y"),
        ]
        assert link.time is not None
        assert (link.time.text, link.time.asked_s, link.time.heard_s) == ("now", 7.0, 8.0)
        assert b"last-event-id: 41" in requests[0].lower()

    asyncio.run(scenario())


def test_credentials_that_no_header_can_hold_are_refused_unseen() -> None:
    for credential in ("", "Абай", "a\nb"):
        with pytest.raises(InputError, match="must be printable ASCII") as caught:
            Link(None, "a", credential)  # type: ignore[arg-type]
        assert not credential or credential not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8000", "ftp://127.0.0.1", "http://", "http://h:99999", "http://[::1"]
)
def test_addresses_that_nobody_can_ask_are_refused_at_once(url: str) -> None:
    with pytest.raises(InputError, match="must be an http or https address"):
        Settings(url)
