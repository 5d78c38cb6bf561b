"""A service that runs on loopback with the clock of this machine, its people, and controllers that do as they are told."""

from __future__ import annotations

import asyncio
import threading
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from api.centre.security import Role
from api.client import AsyncJasylClient, JasylClient, calls
from api.context import Context
from api.http.routes import ROUTERS
from api.opening import opener
from api.settings import Settings
from api.store.errors import StoreUnavailable
from tests.api.service.centres import CITY
from tests.api.service.services import captured_logs, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from api.client.models import Assignment


@dataclass
class Running:
    """A service that runs."""

    url: str
    first_token: str | None
    context: Context
    folder: Path
    tokens: dict[str, str] = field(default_factory=dict)

    def client(self, who: str) -> JasylClient:
        return JasylClient(self.url, self.tokens[who])

    def staff(self) -> None:
        """Make an administrator, an engineer, an approver and a viewer, each with a file of their token."""
        assert self.first_token is not None
        with JasylClient(self.url, self.first_token) as first:
            self._keep("admin", first.create_token("Aigerim", [Role.ADMINISTRATOR], why="first").token)
        with self.client("admin") as admin:
            for who, name in (("engineer", "Bolat"), ("approver", "Dana"), ("viewer", "Erlan")):
                self._keep(who, admin.create_token(name, [Role(who)], why="staff").token)

    def _keep(self, who: str, token: str) -> None:
        self.tokens[who] = token
        self.file(who).touch(mode=0o600)
        self.file(who).write_text(token)

    def file(self, who: str) -> Path:
        return self.folder / f"{who}.token"

    def register(self, *junctions: str) -> None:
        with self.client("admin") as admin:
            for key in junctions:
                self.tokens[key] = admin.register_controller(key, why="commissioned").token


@contextmanager
def served(folder: Path, **settings: Any) -> Iterator[Running]:
    folder.mkdir(exist_ok=True)
    told: list[str] = []
    made = {"city": CITY, "activation_lead_s": 1.0, "rsmp": False, "job_workers": 0, **settings}
    context = Context(
        settings=Settings(data_folder=folder / "data", **made),
        clock=lambda: datetime.now(UTC),
        new_id=lambda: uuid.uuid4().hex,
        routers=ROUTERS,
        openers=[opener(told.append)],
        unavailable=(StoreUnavailable,),
    )
    with captured_logs(context.settings), running(context) as (host, port):
        yield Running(f"http://{host}:{port}", told[0] if told else None, context, folder)


@contextmanager
def obedient(found: Running, *junctions: str) -> Iterator[None]:
    """Run controllers that accept whatever they are sent, over streams, in another thread."""

    async def control(junction: str) -> None:
        async with AsyncJasylClient(found.url, found.tokens[junction]) as client:
            said: set[tuple[int, str]] = set()
            async for assignment in client.assignments(junction):
                for version, result in _answers(assignment):
                    if (version, result) not in said:
                        said.add((version, result))
                        at = datetime.now(UTC)
                        await client.send(
                            calls.acknowledge_version(junction, version=version, result=result, at=at)
                        )

    async def all_of_them() -> None:
        tasks.append(asyncio.current_task())
        loops.append(asyncio.get_running_loop())
        started.set()
        await asyncio.gather(*(control(key) for key in junctions))

    def run() -> None:
        try:
            asyncio.run(all_of_them())
        except asyncio.CancelledError:
            ended.set()

    tasks: list[Any] = []
    loops: list[asyncio.AbstractEventLoop] = []
    started, ended = threading.Event(), threading.Event()
    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert started.wait(10)
        yield
    finally:
        loops[0].call_soon_threadsafe(tasks[0].cancel)
        thread.join(20)
    assert ended.is_set()


def _answers(assignment: Assignment) -> Iterator[tuple[int, Any]]:
    for slot in assignment.slots.values():
        if slot["pending"]:
            yield slot["pending"]["version"], "accepted"
        if slot["current"] and slot["current"]["activation"]:
            yield slot["current"]["version"], "in_force"
