"""A service on loopback for controllers of tests: it stores what it is told, and can misbehave on purpose."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tests.simulation.controller.signing_desk import Service


class FakeService:
    """Assignments of some junctions, each signed by its own desk."""

    def __init__(self, junctions: list[str]) -> None:
        self.desks = {key: Service(junction=key) for key in junctions}
        self.documents = {key: desk.assignment for key, desk in self.desks.items()}
        self.acknowledged: list[tuple[str, int, str]] = []
        self.reports: dict[str, dict[int, dict]] = {key: {} for key in junctions}
        self.sent_again = 0
        self.requests: list[tuple[str, str | None]] = []
        self.trouble: Callable[[Request], Response | None] = lambda _request: None
        self.lose_answers_of_reports = 0
        self.time: str | Callable[[], str] | None = None
        self._news = asyncio.Event()

    def _notify(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def change(self, change: Callable[[Service], None]) -> None:
        """Change every desk, and let everybody hear of it."""
        for key, desk in self.desks.items():
            change(desk)
            self.documents[key] = desk.assignment
        self._notify()

    def hang_up(self) -> None:
        """Break all streams off."""
        for key, document in self.documents.items():
            self.documents[key] = document | {"sequence": 99, "hang_up": True}
        self._notify()

    async def until(self, condition: Callable[[], bool], *, timeout_s: float = 30.0) -> None:
        """Wait until something that controllers tell makes a condition true."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                await self._news.wait()

    def _app(self) -> Starlette:
        root = "/v1/controllers/{junction}"
        return Starlette(
            routes=[
                Route(f"{root}/assignment", self._assignment),
                Route(f"{root}/stream", self._stream),
                Route(f"{root}/acknowledgements", self._acknowledge, methods=["POST"]),
                Route(f"{root}/reports", self._report, methods=["POST"]),
            ]
        )

    async def asked(self) -> None:
        """Wait for the next request."""
        seen = len(self.requests)
        await self.until(lambda: len(self.requests) > seen)

    async def _checked(self, request: Request) -> tuple[str, Response | None]:
        key = request.path_params["junction"]
        self.requests.append((request.url.path, request.headers.get("last-event-id")))
        self._notify()
        if request.headers.get("authorization") != f"Bearer secret of {quote(key)}":
            return key, Response(status_code=401)
        return key, self.trouble(request)

    async def _assignment(self, request: Request) -> Response:
        key, trouble = await self._checked(request)
        if trouble is not None:
            return trouble
        tag = request.headers.get("if-none-match")
        wait_s = float(request.query_params.get("wait", "0"))
        try:
            await self.until(lambda: self._tag(key) != tag, timeout_s=wait_s)
        except TimeoutError:
            return Response(status_code=304, headers=self._headers(tag or ""))
        body = json.dumps(self.documents[key])
        return Response(body, headers=self._headers(self._tag(key)))

    def _headers(self, tag: str) -> dict[str, str]:
        return {"ETag": tag} | self._time()

    def _time(self) -> dict[str, str]:
        if self.time is None:
            return {}
        return {"X-Jasyl-Time": self.time if isinstance(self.time, str) else self.time()}

    def _tag(self, key: str) -> str:
        return f'"{self.documents[key]["sequence"]}"'

    async def _stream(self, request: Request) -> Response:
        key, trouble = await self._checked(request)
        if trouble is not None:
            return trouble

        async def events() -> AsyncIterator[str]:
            last = request.headers.get("last-event-id")
            yield ": welcome\n\n"
            while True:
                while str(self.documents[key]["sequence"]) == last:
                    await self._news.wait()
                    yield ": still here\n\n"
                document = self.documents[key]
                last = str(document["sequence"])
                if document.get("hang_up"):
                    return
                yield f"id: {last}\nevent: assignment\ndata: {json.dumps(document)}\n\n"

        return StreamingResponse(events(), media_type="text/event-stream", headers=self._time())

    async def _acknowledge(self, request: Request) -> Response:
        key, trouble = await self._checked(request)
        if trouble is not None:
            return trouble
        told = await request.json()
        self.acknowledged.append((key, told["version"], told["result"]))
        self._notify()
        return Response(status_code=204)

    async def _report(self, request: Request) -> Response:
        key, trouble = await self._checked(request)
        if trouble is not None:
            return trouble
        stored = self.reports[key]
        for report in (await request.json())["reports"]:
            self.sent_again += report["number"] in stored
            if report["number"] > max(stored, default=0):
                stored[report["number"]] = report
        self._notify()
        if self.lose_answers_of_reports:
            self.lose_answers_of_reports -= 1
            return Response(status_code=503, headers={"Retry-After": "0"})
        return Response(json.dumps({"accepted_until": max(stored, default=0)}), headers=self._time())

    def statuses(self, key: str) -> list[dict[str, Any]]:
        return [row["data"] for row in self.reports[key].values() if row["kind"] == "status"]

    def faults(self, key: str) -> list[str]:
        return [row["data"]["text"] for row in self.reports[key].values() if row["kind"] == "fault"]

    @asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator[int]:
        """Serve on loopback; yields the port."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(512)
        config = uvicorn.Config(
            self._app(), log_level="critical", lifespan="off", timeout_graceful_shutdown=0, ws="none"
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            self._notify()
            await task
            listener.close()
