"""What is left when all is stopped: reports in Redis and in the archive; and power cuts of copies of the folder."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from api.store.archive_files import archived_days, read_day
from api.store.connection import Store, connect
from api.store.redis_server import RedisServer
from api.store.reports import Reports, StoredReport
from benchmarks.crash.compare import compared_answers, compared_reports, require_chain
from benchmarks.crash.fleet import fingerprint
from benchmarks.crash.journal import read_journal
from benchmarks.crash.world import World, started_service

__all__ = ["Cuts", "power_cuts", "stored_reports"]

Stored = tuple[str, int, str]


def stored_reports(world: World) -> list[Stored]:
    """Return junction, number and fingerprint of every stored report; the service must be stopped, a shared Redis not."""
    folders = [service.folder / "archive" for service in world.services]
    url = f"redis://127.0.0.1:{world.redis_port}/0" if world.plan.replicas else None
    return _reports(world.services[0].folder, folders, url)


def _reports(data: Path, archives: list[Path], url: str | None = None) -> list[Stored]:
    in_redis = asyncio.run(_in_redis(data / "redis", url))
    archived = [row for folder in archives for day in archived_days(folder) for row in read_day(folder, day)]
    # What was archived, and not yet taken out of Redis when the power went, is in both: at the same position.
    found = {(row.junction, row.number, row.position): row for row in (*archived, *in_redis)}
    return [(row.junction, row.number, fingerprint(row.kind, row.data)) for row in found.values()]


async def _in_redis(folder: Path, url: str | None) -> list[StoredReport]:
    if url is not None:
        store = await connect(url)
        try:
            return await _all(store)
        finally:
            await store.close()
    async with RedisServer(folder) as server:
        store = server.store()
        try:
            return await _all(store)
        finally:
            await store.close()


async def _all(store: Store) -> list[StoredReport]:
    reports, found = Reports(store, clock=lambda: datetime.now(UTC)), list[StoredReport]()
    after, complete = "0-0", False
    while not complete:
        page = await reports.read(after, limit=1000)
        found += page.reports
        after, complete = page.after, page.complete
    return found


@dataclass
class Cuts:
    """What has come of power cuts.

    Attributes
    ----------
    cuts, within
        How many, and how many of them within a record.
    answered
        How many answers there had been before each cut, all together.
    problems
        What was not there, or not as it must be.
    """

    cuts: int = 0
    within: int = 0
    answered: int = 0
    problems: list[str] = field(default_factory=list)


def power_cuts(world: World, entries: list[dict[str, Any]], count: int, folder: Path) -> Cuts:
    """Start the whole service on copies whose append-only file is cut off, and look for what had been answered."""
    assert not world.plan.replicas, "a Redis that others run is theirs to recover"
    source, file = world.services[0].folder, world.append_only_file
    content = file.read_bytes()
    ends = _ends(content)
    found = Cuts()
    for number, cut in enumerate(_places(world, len(content), count)):
        copy = folder / f"cut{number}"
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("*.lock", "*.sock"))
        (copy / file.relative_to(source)).write_bytes(content[:cut])
        found.cuts += 1
        found.within += cut not in ends
        _after_power_cut(world, copy, cut, entries, found)
        shutil.rmtree(copy)
    return found


def _places(world: World, size: int, count: int) -> list[int]:
    """Return where to cut: half of them where an answer had just come, half anywhere after the first answer."""
    journals = (world.folder / "people.jsonl", world.folder / "fleet.jsonl")
    answers = sorted({row["aof"] for path in journals for row in read_journal(path) if row.get("aof")})
    chance = np.random.default_rng(world.plan.seed)
    chosen = chance.choice(answers, min(count // 2, len(answers)), replace=False)
    anywhere = chance.integers(answers[0] + 1, size, count - len(chosen))
    return sorted({int(place) for place in (*chosen, *anywhere) if place <= size})


def _after_power_cut(world: World, copy: Path, cut: int, entries: list[dict[str, Any]], found: Cuts) -> None:
    where = f"cut at byte {cut}"
    with started_service(world.plan, copy, world.folder / "cuts.log", world.tokens) as service:
        there = service.entries()
        service.ask("GET", "/ledger/verification")
    same = sum(1 for one, other in zip(there, entries, strict=False) if one["hash"] == other["hash"])
    own = [entry for entry in there[same:] if not entry["who"].startswith("service")]
    found.problems += [f"{where}: {problem}" for problem in require_chain(there)]
    if own:
        found.problems.append(f"{where}: the ledger is no beginning of what it was from entry {same + 1} on")
    rows = [row for row in compared_answers(there, world.folder, up_to=cut) if row.name != "unsafe"]
    stored = _reports(copy, [copy / "archive"])
    rows.append(compared_reports(stored, world.folder, up_to=cut))
    found.answered += sum(row.acknowledged for row in rows)
    found.problems += [
        f"{where}: {row.name} {example}" for row in rows if row.lost or row.double for example in row.examples
    ]


def _ends(content: bytes) -> set[int]:
    """Return where the records of an append-only file end."""
    return set(_walk(content))


def _walk(content: bytes) -> Iterator[int]:
    place = 0
    while place < len(content) and content[place : place + 1] == b"*":
        stop = content.index(b"\r\n", place)
        parts, place = int(content[place + 1 : stop]), stop + 2
        for _ in range(parts):
            stop = content.index(b"\r\n", place)
            place = stop + 2 + int(content[place + 1 : stop]) + 2
        yield place
