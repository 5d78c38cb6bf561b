"""People who publish all the time: drafts, approvals, publications, some unsafe, withdrawn or rolled back, and orders.

Every request has an ``Idempotency-Key`` and is sent again, with the same key, until it has an answer that is one. What was
asked and what was answered is written down.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
from numpy.random import Generator

from benchmarks.crash.documents import Documents
from benchmarks.crash.journal import Journal

__all__ = ["run_people"]

_AT_ONCE = 4
_GIVE_UP = 0.01  # share of the tries without an answer after which a request is left at that
_AGAIN_S = 0.25


class _NoAnswerError(Exception):
    """A request was given up: it may have been carried out, or not."""


class _DeclinedError(Exception):
    """The service has decided against it."""


@dataclass
class _People:
    client: httpx.AsyncClient
    tokens: Mapping[str, str]
    journal: Journal
    documents: Documents
    chance: Generator
    run: str
    patience_s: float
    active: int = 0
    count: int = 0
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    free: asyncio.Event = field(default_factory=asyncio.Event)
    published: list[tuple[str, str]] = field(default_factory=list)

    async def work(self) -> None:
        """Do one thing after the other, some at once, until told to stop."""
        async with asyncio.TaskGroup() as tasks:
            while not self.stopping.is_set():
                while self.active >= _AT_ONCE:
                    self.free.clear()
                    await self.free.wait()
                self.active += 1
                tasks.create_task(self._thing())
                await asyncio.sleep(float(self.chance.uniform(0.0, 0.8)))

    async def _thing(self) -> None:
        self.count += 1
        name = f"{self.run}-{self.count}"
        things = (self._publish, self._unsafe, self._roll_back, self._order)
        choice = int(self.chance.choice(len(things), p=(0.65, 0.1, 0.1, 0.15)))
        try:
            await things[choice](name)
        except (_NoAnswerError, _DeclinedError):
            return
        finally:
            self.active -= 1
            self.free.set()

    def _some(self) -> list[str]:
        """Return some neighbours by their order."""
        keys = self.documents.keys
        size = int(self.chance.integers(2, 7))
        first = int(self.chance.integers(len(keys)))
        return [keys[(first + place) % len(keys)] for place in range(size)]

    def _groups(self, keys: Sequence[str]) -> dict[str, list[str]]:
        cut = int(self.chance.integers(1, len(keys) + 1))
        return {name: part for name, part in (("a", [*keys[:cut]]), ("b", [*keys[cut:]])) if part}

    async def _publish(self, name: str) -> None:
        keys, chance = self._some(), self.chance
        slot = str(chance.choice(["base", "event", "incident"], p=(0.9, 0.05, 0.05)))
        until = None if slot == "base" else _later(float(chance.uniform(30, 90)))
        document = self.documents.safe(name, keys, chance)
        body = {"document": document, "name": name, "slot": slot, "groups": self._groups(keys)}
        made = await self.ask(name, "draft", "POST", "/plan-sets", {**body, "valid_until": until})
        for step in ("check", "approve", "publish"):
            if chance.random() < 0.05:
                await self._withdraw(name, made["id"])
                return
            await self.ask(name, step, "POST", f"/plan-sets/{made['id']}/{step}")
        self.published.append((made["id"], slot))
        if chance.random() < 0.1:
            await self._withdraw(name, made["id"])
        elif slot != "base" and chance.random() < 0.3:
            await asyncio.sleep(8.0)
            await self.ask(name, "end", "POST", f"/plan-sets/{made['id']}/end")

    async def _withdraw(self, name: str, plan_set: str) -> None:
        await self.ask(name, "withdraw", "POST", f"/plan-sets/{plan_set}/withdraw")

    async def _unsafe(self, name: str) -> None:
        keys = self._some()
        document = self.documents.unsafe(name, keys, self.chance)
        await self.ask(name, "unsafe", "POST", "/plan-sets", {"document": document, "name": name})

    async def _roll_back(self, name: str) -> None:
        base = [plan_set for plan_set, slot in self.published[-20:] if slot == "base"]
        if base:
            plan_set = base[int(self.chance.integers(len(base)))]
            made = await self.ask(name, "roll_back", "POST", f"/plan-sets/{plan_set}/roll-back")
            self.published.append((made["id"], "base"))

    async def _order(self, name: str) -> None:
        keys = self.documents.keys
        place = f"/junctions/{quote(keys[int(self.chance.integers(len(keys)))], safe='')}"
        mode = str(self.chance.choice(["flash", "all_red"]))
        await self.ask(name, "hold", "PUT", f"{place}/hold", {"until": _later(60.0)})
        expires = _later(float(self.chance.uniform(3.0, 10.0)))
        try:
            await self.ask(name, "order", "PUT", f"{place}/order", {"mode": mode, "expires_at": expires})
        finally:
            await self.ask(name, "release", "POST", f"{place}/release")

    async def ask(
        self, name: str, kind: str, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Any:
        """Send a request until it has an answer; its name is the reason that the ledger keeps."""
        operation = f"{name}-{kind}"
        who = "approver" if kind in {"approve", "publish", "roll_back", "end"} else "engineer"
        headers = {"Authorization": f"Bearer {self.tokens[who]}", "Idempotency-Key": operation}
        values = {**(body or {}), "why": operation}
        self.journal.write({"asked": operation, "kind": kind, "at": time.time()})
        answer = await self._answered(operation, method, path, values, headers)
        found = answer.json() if answer.content else {}
        made = found.get("id") if isinstance(found, dict) else None
        self.journal.write(
            {"answered": operation, "kind": kind, "status": answer.status_code, "id": made, "path": path}
            | ({"said": found} if answer.status_code >= 300 else {})
        )
        if answer.status_code >= 300:
            raise _DeclinedError
        return found

    async def _answered(
        self, operation: str, method: str, path: str, values: object, headers: Mapping[str, str]
    ) -> httpx.Response:
        parked = False
        try:
            deadline = None
            while True:
                try:
                    answer = await self.client.request(method, f"/v1{path}", json=values, headers=headers)
                except httpx.HTTPError:
                    answer = None
                if answer is not None and not _passing(answer):
                    return answer
                if not parked and answer is not None and answer.status_code == 409:
                    parked = True  # the claim of a service that is dead: others go on meanwhile
                    self.active -= 1
                    self.free.set()
                if self.stopping.is_set() and deadline is None:
                    deadline = time.monotonic() + self.patience_s
                late = deadline is not None and time.monotonic() > deadline
                if late or self.chance.random() < _GIVE_UP:
                    self.journal.write({"given_up": operation})
                    raise _NoAnswerError
                await asyncio.sleep(1.0 if parked else _AGAIN_S)
        finally:
            if parked:
                self.active += 1


def _passing(answer: httpx.Response) -> bool:
    """Return whether an answer says that there is none yet."""
    if answer.status_code == 409:
        return bool(answer.json().get("field") == "Idempotency-Key")
    return answer.status_code >= 500 or answer.status_code == 429


def _later(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


async def _work(settings: Mapping[str, Any], say_ready: Callable[..., None]) -> None:
    folder, redis = Path(settings["folder"]), settings["append_only_file"]
    limits = httpx.Limits(max_keepalive_connections=0)  # a replica that dies takes no connection with it
    async with httpx.AsyncClient(base_url=settings["url"], timeout=10.0, limits=limits) as client:
        people = _People(
            client,
            settings["tokens"],
            Journal(folder / "people.jsonl", None if redis is None else Path(redis)),
            Documents(settings["city"]),
            np.random.default_rng(settings["seed"]),
            f"{settings['seed']}",
            settings["patience_s"],
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, people.stopping.set)
        say_ready()
        await people.work()


def run_people(settings: Mapping[str, Any], say_ready: Callable[..., None]) -> None:
    """Let people work until told to stop."""
    asyncio.run(_work(settings, say_ready))
