"""Long polls and streams: what is new comes at once, what is known does not come again, and nobody is forgotten."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from api.http.routes import assignments
from tests.api.service.centres import Service, serving
from tests.api.service.test_plan_sets import assignment, document, keys, say

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HERE, ELSEWHERE = keys()[0], keys()[1]


class Stream:
    """An answer that comes in parts, read as a client would."""

    def __init__(self) -> None:
        self.parts: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.status, self.headers, self.text = 0, {}, ""
        self.ended = False

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        await self.parts.put(message)

    async def began(self) -> int:
        message = await self._next()
        self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        return int(message["status"])

    async def event(self) -> str:
        """Return the next event or comment, without its blank line; empty at the end."""
        while "\n\n" not in self.text and not self.ended:
            message = await self._next()
            self.text += message["body"].decode()
            self.ended = not message.get("more_body", False)
        event, _, self.text = self.text.partition("\n\n")
        return event

    async def _next(self) -> dict[str, Any]:
        async with asyncio.timeout(10):
            return await self.parts.get()


@asynccontextmanager
async def streaming(service: Service, junction: str, **headers: str) -> AsyncIterator[Stream]:
    stream = Stream()
    named = {"host": "localhost", "authorization": f"Bearer {service.tokens[junction]}", **headers}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": f"/v1/controllers/{junction}/stream",
        "raw_path": b"",
        "query_string": b"",
        "root_path": "",
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in named.items()],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
    }
    task = asyncio.ensure_future(service.app(scope, stream.receive, stream.send))
    try:
        yield stream
    finally:
        stream.gone.set()
        async with asyncio.timeout(10):
            await task


def _members(event: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in event.split("\n"))


def test_a_long_poll_is_answered_as_soon_as_there_is_something_new(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        path = f"/controllers/{HERE}/assignment"
        first = await service.ask("GET", path, who=HERE)
        assert (first.status_code, first.headers["etag"]) == (200, '"0.1"')
        asking = asyncio.ensure_future(
            service.ask("GET", f"{path}?wait=60", who=HERE, If_None_Match=first.headers["etag"])
        )
        await asyncio.sleep(0)
        await service.published(document())
        async with asyncio.timeout(5):
            second = await asking
        assert second.status_code == 200
        assert second.headers["etag"] == '"1.1"'
        assert second.json()["slots"]["base"]["pending"]["version"] == 1

    serving(tmp_path, test)


def test_a_long_poll_without_news_ends_with_304_and_with_a_stop_at_once(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        path = f"/controllers/{HERE}/assignment"
        for wait, tag in (("0.05", '"0.1"'), ("0.05", 'W/"0.1", "7.1"'), ("0", "*")):
            found = await service.ask("GET", f"{path}?wait={wait}", who=HERE, If_None_Match=tag)
            assert (found.status_code, found.headers["etag"], found.content) == (304, '"0.1"', b"")
        for tag in ('"7.1"', "0.1", '"0.1', ""):  # another one, or none at all
            found = await service.ask("GET", f"{path}?wait=60", who=HERE, If_None_Match=tag)
            assert found.status_code == 200
        asking = asyncio.ensure_future(service.ask("GET", f"{path}?wait=60", who=HERE, If_None_Match='"0.1"'))
        await asyncio.sleep(0)
        service.context.stopping.ask()
        async with asyncio.timeout(5):
            assert (await asking).status_code == 304

    serving(tmp_path, test)


def test_how_long_may_be_waited(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        for wait in ("-1", "61", "nan", "inf", "x", "1e999"):
            found = await service.ask("GET", f"/controllers/{HERE}/assignment?wait={wait}", who=HERE)
            assert found.status_code == 422
            assert found.json()["field"] == "query.wait"

    serving(tmp_path, test)


def test_what_happens_elsewhere_wakes_nobody_here(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE, ELSEWHERE)
        path = f"/controllers/{HERE}/assignment?wait=60"
        asking = asyncio.ensure_future(service.ask("GET", path, who=HERE, If_None_Match='"0.1"'))
        one = {**document(), "plans": document()["plans"][1:2]}
        await service.published(one)
        assert (await assignment(service, ELSEWHERE))["slots"]["base"]["pending"] is not None
        assert not asking.done()
        service.context.stopping.ask()
        assert (await asking).status_code == 304

    serving(tmp_path, test)


def test_a_stream_tells_what_is_now_and_then_what_changes(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(*keys())
        async with streaming(service, HERE) as stream:
            assert await stream.began() == 200
            assert stream.headers["content-type"].startswith("text/event-stream")
            assert stream.headers["cache-control"] == "no-store"
            assert await stream.event() == "retry: 2000"
            now = _members(await stream.event())
            assert (now["id"], now["event"]) == ("0.1", "assignment")
            await service.published(document())
            assert _members(await stream.event())["id"] == "1.1"
            for key in keys():
                await say(service, key, 1, "accepted")
            activated = _members(await stream.event())
            assert activated["id"] == "2.1"
            assert '"activation":"eyJ' in activated["data"]

    serving(tmp_path, test)


def test_a_stream_goes_on_after_the_last_event_that_was_seen(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        await service.published(document())
        async with streaming(service, HERE, last_event_id="1.1") as known:
            await known.began()
            assert await known.event() == "retry: 2000"
            async with streaming(service, HERE, last_event_id="0.1") as behind:
                await behind.began()
                await behind.event()
                assert _members(await behind.event())["id"] == "1.1"
            assert known.parts.empty()  # nothing that it has comes again

    serving(tmp_path, test)


def test_a_stream_without_news_says_that_it_is_there(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(assignments, "_HEARTBEAT_S", 0.01)

    async def test(service: Service) -> None:
        await service.register(HERE)
        async with streaming(service, HERE, last_event_id="0.1") as stream:
            await stream.began()
            told = [await stream.event() for _ in range(4)]
            assert told == ["retry: 2000", *[": still here"] * 3]

    serving(tmp_path, test)


def test_a_stream_ends_with_the_service(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        async with streaming(service, HERE) as stream:
            await stream.began()
            await stream.event()
            await stream.event()
            service.context.stopping.ask()
            assert await stream.event() == ""
            assert stream.ended

    serving(tmp_path, test)


@pytest.mark.parametrize("how", ["revoked", "rotated"])
def test_a_stream_and_a_long_poll_end_with_their_credential(tmp_path: Path, monkeypatch, how: str) -> None:
    monkeypatch.setattr(assignments, "_HEARTBEAT_S", 0.01)

    async def test(service: Service) -> None:
        await service.register(HERE)
        path = f"/controllers/{HERE}/assignment?wait=60"
        asking = asyncio.ensure_future(service.ask("GET", path, who=HERE, If_None_Match='"0.1"'))
        async with streaming(service, HERE, last_event_id="0.1") as stream:
            await stream.began()
            await stream.event()
            step = "revoke" if how == "revoked" else "rotate"
            status = 204 if how == "revoked" else 200
            await service.done(
                "POST", f"/controllers/{HERE}/{step}", {"why": "x"}, who="admin", status=status
            )
            service.clock.wait(minutes=15)  # for so long the old credential still counts
            while not stream.ended:
                assert await stream.event() in {"", ": still here"}
        await service.published(document())  # of which whoever has no credential hears nothing
        assert (await asking).status_code == 401

    serving(tmp_path, test)


def test_who_goes_away_leaves_nothing_behind(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        from api.centre.news import News

        await service.register(HERE)
        for _ in range(3):
            async with streaming(service, HERE) as stream:
                await stream.began()
                await stream.event()
                await stream.event()
        assert service.context.part(News)._waiting == {}
        assert service.context.stopping._waiting == set()

    serving(tmp_path, test)
