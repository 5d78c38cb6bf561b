"""A small state with a rule: each number is one more than the one before, whoever commits."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from api.store import Ledger, RedisServer, Report, Store, StoreUnavailable
from api.store.scripts import APPEND
from api.store.snapshot import SNAPSHOT
from traffic.errors import InputError

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
WHO = {"who": "token:1", "why": "because"}


@dataclass(frozen=True)
class Counted:
    """A fact."""

    data: Mapping[str, Any]
    kind: str = "counted"


@dataclass(frozen=True)
class Toy:
    """How many numbers there are, and the words that came with them in order."""

    count: int = 0
    words: tuple[str, ...] = ()


def apply(state: Toy, entry: Any) -> Toy:
    if entry.kind == SNAPSHOT:
        return state
    if entry.data["count"] != state.count + 1:
        raise ValueError(f"{entry.data['count']} does not follow {state.count}")
    return Toy(state.count + 1, (*state.words, entry.data["word"]))


def count(*words: str) -> Callable[[Toy, datetime], list[Counted]]:
    """Give a decision that adds words, with the numbers that follow on the state."""

    def decide(state: Toy, _now: datetime) -> list[Counted]:
        return [Counted({"count": state.count + 1 + place, "word": word}) for place, word in enumerate(words)]

    return decide


def refuse(_state: Toy, _now: datetime) -> list[Counted]:
    raise InputError("must be something else", field="word", value="no")


def identifiers(prefix: str = "id") -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"{prefix}-{next(numbers)}"


class Clock:
    """Noon, until it is set."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def ledger_on(
    store: Store, *, replica: str = "a", clock: Callable[[], datetime] | None = None, **more: Any
) -> Ledger[Toy]:
    return Ledger(store, Toy(), apply, clock=clock or Clock(), new_id=identifiers(replica), **more)


@asynccontextmanager
async def replicas(
    server: RedisServer, number: int = 1, *, patience_s: float = 2.0, **more: Any
) -> AsyncIterator[list[Ledger[Toy]]]:
    """Open ledgers, each with connections of its own, and close them."""
    async with AsyncExitStack() as stack:
        opened = []
        for place in range(number):
            store = server.store(patience_s=patience_s)
            stack.push_async_callback(store.close)
            ledger = ledger_on(store, replica=f"replica{place}", **more)
            await ledger.open()
            stack.push_async_callback(ledger.close)
            opened.append(ledger)
        yield opened


async def heard(ledger: Ledger[Toy], seq: int) -> None:
    """Wait until a replica has an entry."""
    async with asyncio.timeout(20):
        async for entry in ledger.follow(max(seq - 1, 0)):
            if entry.seq >= seq:
                return


def append_only_file(folder: Path) -> Path:
    """The append-only file of a data folder, as Redis 6 or 7 writes it."""
    numbered = sorted((folder / "appendonlydir").glob("*.incr.aof"), key=lambda path: path.stat().st_mtime)
    return numbered[-1] if numbered else folder / "appendonly.aof"


def records(content: bytes) -> list[int]:
    """Where the records of an append-only file end."""
    ends, place = [], 0
    while place < len(content):
        stop = content.index(b"\r\n", place)
        parts, place = int(content[place + 1 : stop]), stop + 2
        for _ in range(parts):
            stop = content.index(b"\r\n", place)
            place = stop + 2 + int(content[place + 1 : stop]) + 2
        ends.append(place)
    return ends


def on_redis(binary, folder, test, replicas_number=1, **more):
    """Run a test with a Redis of its own and replicas on it."""

    async def run():
        async with asyncio.timeout(60):
            async with (
                RedisServer(folder, binary=binary) as server,
                replicas(server, replicas_number, **more) as ledgers,
            ):
                return await test(server, *ledgers)

    return asyncio.run(run())


def report(number, kind="status", **data):
    return Report(number, kind, NOON + timedelta(seconds=number % 3600), {"number": number, **data})


class Unreliable(Store):
    """A store that does to a script what a lost connection does: the next answers are lost, or the script comes late."""

    lost_answers = 0
    late: asyncio.Event | None = None
    before: object = None

    async def run(self, script, keys, arguments):
        if script is APPEND and self.before is not None:
            before, self.before = self.before, None
            await before()
        if script is APPEND and self.late is not None:
            self.on_its_way = asyncio.create_task(self._later(self.late, keys, arguments))
            self.late = None
            raise StoreUnavailable("the connection was lost", unknown=True)
        answer = await super().run(script, keys, arguments)
        if script is APPEND and self.lost_answers:
            self.lost_answers -= 1
            raise StoreUnavailable("the connection was lost", unknown=True)
        return answer

    async def _later(self, arrives, keys, arguments):
        await arrives.wait()
        return await super().run(APPEND, keys, arguments)


def copied(source, folder):
    folder.mkdir()
    for path in source.rglob("*"):
        if path.is_dir():
            (folder / path.relative_to(source)).mkdir()
        elif path.is_file() and not path.name.endswith(".lock"):
            (folder / path.relative_to(source)).write_bytes(path.read_bytes())
