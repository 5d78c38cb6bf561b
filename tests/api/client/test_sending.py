"""How calls are sent: again or not, with which key, to whom, and what errors tell."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from api.client import AsyncJasylClient, JasylClient, ServiceError, UnreachableError
from api.client.events import Event, EventReader
from api.client.sending import read_token, service_url
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ME = {"name": "Aigerim", "roles": ["viewer"], "rights": ["read"]}
KEYS = {"keys": [], "signing": "A"}
PROBLEM = {"type": "about:blank", "title": "Conflict", "status": 409, "detail": "x: must be so", "field": "x",
           "rule": "must be so", "hint": "Do it"}  # fmt: skip


class Server:
    """Answers one after the other, and remembers what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers, self.asked, self.pauses = list(answers), [], []  # type: ignore[var-annotated]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, **more: Any) -> JasylClient:
        keys = iter("abcdef")
        return JasylClient(
            "http://localhost:1",
            "jsy_test",
            transport=httpx.MockTransport(self),
            sleep=self.pauses.append,
            chance=lambda: 0.5,
            new_key=lambda: next(keys),
            **more,
        )


def _problem(status: int, **headers: str) -> httpx.Response:
    body = {**PROBLEM, "status": status}
    return httpx.Response(status, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()})


def test_a_question_is_asked_again_while_the_service_is_away() -> None:
    server = Server(
        httpx.ConnectError("refused"),
        _problem(503, Retry_After="3"),
        _problem(429, Retry_After="1"),
        httpx.Response(200, json=ME),
    )
    with server.client() as client:
        assert client.get_me().name == "Aigerim"
    assert server.pauses == [0.2, 3.0, 1.0]
    assert {request.headers["Authorization"] for request in server.asked} == {"Bearer jsy_test"}


def test_a_command_that_is_sent_again_has_the_same_key_and_the_next_one_another() -> None:
    lost = httpx.ReadError("the connection broke")
    server = Server(lost, httpx.Response(200, json=KEYS), httpx.Response(200, json=KEYS))
    with server.client() as client:
        client.rotate_signing_key("A" * 43, why="yearly")
        client.rotate_signing_key("A" * 43, why="yearly")
    assert [request.headers["Idempotency-Key"] for request in server.asked] == ["a", "a", "b"]
    assert server.asked[0].content == server.asked[1].content


def test_a_key_of_ones_own_is_used() -> None:
    server = Server(httpx.Response(200, json=KEYS))
    with server.client() as client:
        client.rotate_signing_key("A" * 43, why="yearly", key="mine")
    assert server.asked[0].headers["Idempotency-Key"] == "mine"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 422, 500])
def test_a_refusal_is_not_asked_again_and_tells_all(status: int) -> None:
    server = Server(_problem(status))
    with server.client() as client, pytest.raises(ServiceError) as caught:
        client.get_me()
    assert (len(server.asked), server.pauses) == (1, [])
    assert caught.value.status == status
    assert caught.value.problem() == {**PROBLEM, "status": status}
    assert str(caught.value) == "x: must be so. Do it"


def test_a_command_that_is_under_way_is_waited_for() -> None:
    busy = httpx.Response(409, json={**PROBLEM, "field": "Idempotency-Key"}, headers={"Retry-After": "2"})
    server = Server(busy, httpx.Response(200, json=KEYS))
    with server.client() as client:
        client.rotate_signing_key("A" * 43, why="yearly")
    assert server.pauses == [2.0]


def test_patience_ends() -> None:
    server = Server(*(_problem(503, Retry_After="4") for _ in range(9)))
    with server.client(patience_s=10.0) as client, pytest.raises(ServiceError):
        client.get_me()
    assert server.pauses == [4.0, 4.0]
    server = Server(httpx.ConnectError("refused"))
    with server.client(patience_s=0.0) as client, pytest.raises(UnreachableError) as caught:
        client.get_me()
    assert "http://localhost:1: refused" in str(caught.value)


def test_an_error_that_is_no_problem_is_told_too() -> None:
    server = Server(httpx.Response(400, text="<html>no</html>"))
    with server.client() as client, pytest.raises(ServiceError, match="status 400"):
        client.get_me()


def test_nobody_sees_the_token() -> None:
    server = Server(_problem(401))
    with server.client() as client:
        with pytest.raises(ServiceError) as caught:
            client.get_me()
        assert "jsy_test" not in repr(client) + repr(caught.value) + json.dumps(caught.value.problem())


def test_pages_are_asked_for_one_by_one() -> None:
    alarm = {"id": "a", "kind": "k", "text": "t", "junctions": [], "raised_at": "2026-11-27T07:00:00Z",
             "acknowledged_by": None}  # fmt: skip
    server = Server(
        httpx.Response(200, json={"alarms": [alarm, alarm], "next": "more"}),
        httpx.Response(200, json={"alarms": [alarm], "next": None}),
        httpx.Response(200, json={"entries": [{"seq": 1}], "next": 1}),
        httpx.Response(200, json={"entries": [{"seq": 2}], "next": None}),
    )
    with server.client() as client:
        assert len(list(client.iter_alarms(limit=2))) == 3
        assert [entry["seq"] for entry in client.iter_ledger()] == [1, 2]
    assert [request.url.query for request in server.asked] == [
        b"limit=2",
        b"limit=2&cursor=more",
        b"",
        b"after=1",
    ]


def _event(sequence: int) -> str:
    body = {"junction": "osm:1", "sequence": sequence, "slots": {}, "order": None, "keys": None}
    return f"id: {sequence}.1\nevent: assignment\ndata: {json.dumps(body)}\n\n"


def _stream(text: str) -> httpx.Response:
    return httpx.Response(200, text=text, headers={"Content-Type": "text/event-stream"})


def test_a_stream_that_breaks_is_taken_up_where_it_broke() -> None:
    server = Server(
        _stream(f"retry: 700\n\n{_event(1)}: still here\n\n{_event(2)}"),
        httpx.ConnectError("refused"),
        _stream(_event(3)),
    )
    with server.client() as client:
        told = client.assignments("osm:1")
        assert [next(told).sequence for _ in range(3)] == [1, 2, 3]
    assert [request.headers.get("Last-Event-ID") for request in server.asked] == [None, "2.1", "2.1"]
    assert server.pauses == [0.7, 0.2]


def test_an_event_that_was_cut_off_is_not_told() -> None:
    server = Server(_stream(_event(1) + _event(2)[:-9]), _stream(_event(2)))
    with server.client() as client:
        told = client.assignments("osm:1")
        assert [next(told).sequence for _ in range(2)] == [1, 2]
    assert server.asked[1].headers["Last-Event-ID"] == "1.1"


def test_a_stream_that_is_refused_is_told() -> None:
    server = Server(_problem(403))
    with server.client() as client, pytest.raises(ServiceError):
        next(client.assignments("osm:1"))


def test_lines_become_events() -> None:
    reader = EventReader()
    lines = [": hello", "event: job", "id: 4", "data: a", "data:b", "", "data: c", "", "", "retry: x"]
    found = [event for line in lines if (event := reader.take(line))]
    assert found == [Event("job", "a\nb", "4"), Event("message", "c", "4")]
    assert reader.retry_s == 2.0


def test_the_asynchronous_client_does_the_same() -> None:
    server = Server(
        _problem(503, Retry_After="3"),
        httpx.Response(200, json=KEYS),
        _stream(_event(1)),
        httpx.ConnectError("refused"),
        _stream(_event(2)),
        httpx.Response(200, json={"alarms": [], "next": "more"}),
        httpx.Response(200, json={"alarms": [], "next": None}),
    )

    async def sleep(seconds: float) -> None:
        server.pauses.append(seconds)

    async def test() -> None:
        async with AsyncJasylClient(
            "http://localhost:1",
            "jsy_test",
            transport=httpx.MockTransport(server),
            sleep=sleep,
            chance=lambda: 0.5,
            new_key=lambda: "a",
        ) as client:
            await client.rotate_signing_key("A" * 43, why="yearly")
            told = client.assignments("osm:1")
            assert [(await anext(told)).sequence for _ in range(2)] == [1, 2]
            await told.aclose()  # type: ignore[attr-defined]
            assert [alarm async for alarm in client.iter_alarms()] == []

    asyncio.run(test())
    assert server.pauses == [3.0, 2.0, 0.2]
    assert [r.headers.get("Idempotency-Key") for r in server.asked[:2]] == ["a", "a"]


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("ftp://localhost", "must be the root of a service"),
        ("localhost:8000", "must be the root of a service"),
        ("http://user:password@localhost", "must be the root of a service"),
        ("http://centre.example", "must be https://"),
        ("http://10.0.0.1:8000", "must be https://"),
    ],
)
def test_where_no_token_is_sent(url: str, rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        service_url(url)


def test_where_the_service_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JASYL_URL", raising=False)
    assert service_url(None) == "http://127.0.0.1:8000"
    monkeypatch.setenv("JASYL_URL", "https://centre.example/")
    assert service_url(None) == "https://centre.example"
    assert service_url("http://[::1]:8000") == "http://[::1]:8000"


@pytest.fixture
def token_file(tmp_path: Path) -> Callable[[str, int], Path]:
    def made(text: str, mode: int) -> Path:
        file = tmp_path / "token"
        file.write_text(text)
        file.chmod(mode)
        return file

    return made


def test_a_token_comes_from_a_file_that_nobody_else_reads(
    token_file: Callable[[str, int], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert read_token(token_file("jsy_a\n", 0o600)) == "jsy_a"
    for text, mode, rule in (
        ("jsy_a", 0o644, "must be readable by nobody else"),
        ("", 0o600, "must hold one token"),
        ("jsy_a jsy_b", 0o600, "must hold one token"),
    ):
        with pytest.raises(InputError, match=rule) as caught:
            read_token(token_file(text, mode))
        assert "jsy_a" not in str(caught.value)
    with pytest.raises(InputError, match="must be a file with a token"):
        read_token(tmp_path / "none")
    monkeypatch.setenv("JASYL_TOKEN", "jsy_env")
    assert read_token(None) == "jsy_env"
