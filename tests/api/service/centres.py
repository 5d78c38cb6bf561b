"""A whole service of the tests: own Redis, a small city, people and controllers, in one process."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from api.centre.centre import Centre
from api.centre.news import News
from api.context import Context
from api.http.app import create_app
from api.http.routes import ROUTERS
from api.opening import opener
from api.settings import Settings
from api.store.errors import StoreUnavailable
from signals.signing import TrustedKeys

CITY = "corridor"


@dataclass
class Clock:
    """A clock that the test moves."""

    at: datetime = datetime(2026, 11, 27, 7, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def wait(self, **time: float) -> None:
        self.at += timedelta(**time)


@dataclass
class Service:
    """A service that is open, and clients of those who use it."""

    app: FastAPI
    context: Context
    clock: Clock
    first_token: str | None
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def centre(self) -> Centre:
        return self.context.part(Centre)

    @property
    def trusted(self) -> TrustedKeys:
        return TrustedKeys.of_signers([self.centre.signatory.signer])

    async def ask(
        self, method: str, path: str, body: object = None, *, who: str | None = None, **headers: str
    ) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if who is not None:
            named["Authorization"] = f"Bearer {self.tokens.get(who, who)}"
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, f"/v1{path}", json=body, headers=named)

    async def done(
        self, method: str, path: str, body: object = None, *, who: str, status: int = 200, **headers: str
    ) -> Any:
        answer = await self.ask(method, path, body, who=who, **headers)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def staff(self) -> None:
        """Make an administrator, an engineer, an approver and a viewer."""
        assert self.first_token is not None
        new = {"name": "Aigerim", "roles": ["administrator"], "why": "first"}
        made = await self.done("POST", "/tokens", new, who=self.first_token, status=201)
        self.tokens["admin"] = made["token"]
        for who, name in (("engineer", "Bolat"), ("approver", "Dana"), ("viewer", "Erlan")):
            new = {"name": name, "roles": [who], "why": "staff"}
            made = await self.done("POST", "/tokens", new, who="admin", status=201)
            self.tokens[who] = made["token"]

    async def register(self, *junctions: str) -> None:
        for key in junctions:
            new = {"junction": key, "why": "commissioned"}
            made = await self.done("POST", "/controllers", new, who="admin", status=201)
            self.tokens[key] = made["token"]

    async def published(self, document: Mapping[str, Any], **more: Any) -> str:
        """Bring a plan set to the state published."""
        new = {"document": document, "why": "test", **more}
        made = await self.done("POST", "/plan-sets", new, who="engineer", status=201)
        for step, who in (("check", "engineer"), ("approve", "approver"), ("publish", "approver")):
            await self.done("POST", f"/plan-sets/{made['id']}/{step}", {"why": "test"}, who=who)
        return str(made["id"])

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the state is so."""
        news = self.context.part(News)
        async with asyncio.timeout(10):
            while not condition():
                await news.anything()


@asynccontextmanager
async def service(
    folder: Path,
    *,
    clock: Clock | None = None,
    first_id: int = 1,
    change_city: bool = False,
    **settings: Any,
) -> AsyncIterator[Service]:
    """Open a service; one that is opened again in its folder needs identifiers that were not given before."""
    clock = clock or Clock()
    numbers = itertools.count(first_id)
    told: list[str] = []
    context = Context(
        settings=Settings(data_folder=folder, **{"city": CITY, "activation_lead_s": 10, **settings}),
        clock=clock,
        new_id=lambda: f"{next(numbers):08x}-{folder.name}",
        routers=ROUTERS,
        unavailable=(StoreUnavailable,),
    )
    async with opener(told.append, change_city=change_city)(context):
        yield Service(create_app(context), context, clock, told[0] if told else None)


def serving(folder: Path, test: Callable[[Service], Coroutine[Any, Any, None]], **settings: Any) -> None:
    """Run a test of a service that has its staff."""

    async def run() -> None:
        async with service(folder, **settings) as opened:
            await opened.staff()
            await test(opened)

    asyncio.run(run())
