"""Answers that are held: the oldest of a credential gives way, and people get in whatever a controller holds."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack, ExitStack
from typing import TYPE_CHECKING

import pytest

from api.http.held import FOR_CONTROLLERS, HeldAnswers
from api.http.problems import Problem
from tests.api.ops.running import served
from tests.api.service.centres import Service, serving
from tests.api.service.test_plan_sets import keys
from tests.api.service.test_streams import streaming

if TYPE_CHECKING:
    from pathlib import Path

HERE = keys()[0]


def test_the_oldest_stream_of_a_credential_ends_when_it_has_too_many(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        async with AsyncExitStack() as open_streams:
            streams = []
            for _ in range(FOR_CONTROLLERS + 2):
                stream = await open_streams.enter_async_context(streaming(service, HERE))
                assert await stream.began() == 200
                assert stream.headers["connection"] == "close"
                assert await stream.event() == "retry: 2000"
                assert (await stream.event()).startswith("id: 0.1")
                streams.append(stream)
            for stream in streams[:2]:
                while await stream.event():  # a word that the service is there may come before the end
                    pass
                assert stream.ended
            assert [stream.ended for stream in streams[2:]] == [False] * FOR_CONTROLLERS

    serving(tmp_path, test)


def test_a_long_poll_that_gives_way_is_answered_and_its_connection_closed(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        path = f"/controllers/{HERE}/assignment?wait=60"
        asking = [
            asyncio.ensure_future(service.ask("GET", path, who=HERE, If_None_Match='"0.1"'))
            for _ in range(FOR_CONTROLLERS + 1)
        ]
        async with asyncio.timeout(10):
            done, left = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        (found,) = [one.result() for one in done]
        assert (found.status_code, found.headers["connection"]) == (304, "close")
        service.context.stopping.ask()
        assert ["connection" in one.headers for one in await asyncio.gather(*left)] == [
            False
        ] * FOR_CONTROLLERS

    serving(tmp_path, test)


def test_a_tenth_is_left_to_others_and_who_holds_one_may_have_it_anew() -> None:
    async def test() -> None:
        held = HeldAnswers(20)
        with ExitStack() as blocks:
            first = blocks.enter_context(held.one("0", 4))
            for number in range(1, 18):
                held.require_room(str(number))
                blocks.enter_context(held.one(str(number), 4))
            with pytest.raises(Problem) as refused:
                held.require_room("18")
            assert refused.value.status == 503
            held.require_room("0")
            again = blocks.enter_context(held.one("0", 4))
            assert (first.done(), again.done()) == (True, False)
            with pytest.raises(Problem):
                held.require_room("18")
        held.require_room("18")

    asyncio.run(test())


def test_one_credential_cannot_keep_people_out(tmp_path: Path) -> None:
    """It opens more streams than there may be connections, and then as many that are done with their request."""
    with served(tmp_path, connections=12) as found, ExitStack() as peers:
        found.staff()
        found.register(HERE)
        host, port = found.url.removeprefix("http://").split(":")
        head = f"Host: {host}\r\nAuthorization: Bearer {found.tokens[HERE]}\r\n\r\n"
        for path in [f"/v1/controllers/{HERE}/stream"] * 20 + [f"/v1/controllers/{HERE}/assignment"] * 20:
            peer = peers.enter_context(socket.create_connection((host, int(port)), timeout=20))
            peer.sendall(f"GET {path} HTTP/1.1\r\n{head}".encode())
            assert peer.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        with found.client("admin") as admin:
            assert admin.get_me().name == "Aigerim"
