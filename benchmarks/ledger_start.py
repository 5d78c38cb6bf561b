"""Start of a replica on a long ledger: with mappings that are copied for each entry, with tables, and from a snapshot.

    python -m benchmarks.ledger_start --entries 100000 --junctions 450
    python -m benchmarks.ledger_start --entries 100000 --junctions 10 --json

A city publishes plan sets, one a day, each of which is acknowledged and run by all its controllers. All starts are on the same
ledger, in one run, and give the same state; the times are processor time of the replica, the least of several.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from api.centre.state import FORM, ServiceState, applied
from api.store import Ledger, RedisServer, SnapshotKeeper, Snapshots, Store
from signals.lifecycle import coordination, decisions, words
from signals.lifecycle.decision import Decision
from signals.lifecycle.facts import Fact
from signals.lifecycle.records import Lifecycle, Slot
from signals.lifecycle.table import Table

__all__ = ["Found", "measured"]

FIRST_DAY = datetime(2024, 1, 1, 7, tzinfo=UTC)
TOKEN_BYTES = 315  # a signed activation in base64 has 420 characters


class Copied(dict[str, Any]):
    """What a table stands in for: a dictionary that is copied as a whole for each change."""

    def with_item(self, key: str, value: object) -> Copied:
        return Copied({**self, key: value})

    def without(self, key: str) -> Copied:
        return Copied({name: value for name, value in self.items() if name != key})


@dataclass(frozen=True)
class Found:
    """Processor times (s) and sizes (bytes)."""

    entries: int
    plan_sets: int
    copied_s: float
    table_s: float
    snapshot_s: float
    snapshot_json: int
    snapshot_stored: int
    ledger_bytes_per_publish: int
    audit_s: float


def _next_day(state: ServiceState, at: datetime, *, number: int, junctions: int) -> list[Fact]:
    return _day(state.plans, at, number, junctions)


def _day(state: Lifecycle, at: datetime, number: int, junctions: int) -> list[Fact]:
    """Return the facts of a day: a set is drafted, published, accepted, activated and run."""
    rng = np.random.default_rng(number)
    keys = [f"osm:{place}" for place in range(junctions)]
    made = Decision(state, at, "service")

    def add(facts: list[Fact]) -> None:
        for fact in facts:
            made.record(fact.kind, **fact.data)

    name = f"set-{number}"
    groups = {f"group {first}": keys[first : first + 50] for first in range(0, junctions, 50)}
    new = decisions.Draft(name, "day", Slot.BASE, f"{number:064x}", groups)
    add(decisions.draft(made.state, at, "Bolat", new))
    add(decisions.check(made.state, at, "service", name, ()))
    add(decisions.approve(made.state, at, "Dana", name, four_eyes=True))
    versions = {
        key: decisions.NewVersion(made.state.junction(key).last_version + 1, f"{number:064x}") for key in keys
    }
    deadline = at + timedelta(minutes=2)
    add(decisions.publish(made.state, at, "Dana", name, versions, deadline=deadline))
    for key in keys:
        add(words.accept(made.state, at, f"controller:{key}", key, versions[key].version))
    for what in coordination.ready(made.state, at):
        tokens = {key: base64.b64encode(rng.bytes(TOKEN_BYTES)).decode() for key in what.versions}
        add(coordination.activate(made.state, at, "service", what, tokens, at + timedelta(seconds=30)))
    for key in keys:
        add(words.run(made.state, at, f"controller:{key}", key, versions[key].version))
    return made.facts


class Clock:
    def __init__(self) -> None:
        self.now = FIRST_DAY

    def __call__(self) -> datetime:
        return self.now


async def _filled(ledger: Ledger[ServiceState], clock: Clock, entries: int, junctions: int) -> int:
    for number in itertools.count(1):
        await ledger.commit(partial(_next_day, number=number, junctions=junctions), who="city", why="daily")
        clock.now += timedelta(days=1)
        if ledger.seq >= entries:
            return number
    raise AssertionError


async def _started(make: Callable[[], Ledger[ServiceState]], rounds: int) -> tuple[float, ServiceState]:
    times = []
    for _ in range(rounds):
        ledger = make()
        begin = time.process_time()
        await ledger.open()
        times.append(time.process_time() - begin)
        await ledger.close()
    return min(times), ledger.state


async def _measured(store: Store, entries: int, junctions: int, rounds: int) -> Found:
    clock, numbers = Clock(), itertools.count(1)
    snapshots = Snapshots(store, FORM)

    def replica(plans: Lifecycle, snapshots: Snapshots[ServiceState] | None) -> Ledger[ServiceState]:
        first = ServiceState(plans)
        new_id = lambda: f"id-{next(numbers)}"  # noqa: E731
        return Ledger(store, first, applied, clock=clock, new_id=new_id, snapshots=snapshots)

    ledger = replica(Lifecycle(), snapshots)
    await ledger.open()
    plan_sets = await _filled(ledger, clock, entries, junctions)
    size = await store.read("MEMORY", "USAGE", "jasyl:ledger", "SAMPLES", 0)
    plain: Any = Copied()
    copied_s, copied = await _started(lambda: replica(Lifecycle(plain, alarms=plain), None), rounds)
    table_s, table = await _started(lambda: replica(Lifecycle(), None), rounds)
    keeper = SnapshotKeeper(
        store, ledger, snapshots, new_id=lambda: f"id-{next(numbers)}", who="service", every=1
    )
    named = await keeper.keep()
    assert named is not None
    snapshot_s, state = await _started(lambda: replica(Lifecycle(), snapshots), rounds)
    assert state == table == copied == ledger.state
    assert isinstance(state.plans.sets, Table)
    begin = time.process_time()
    assert (await ledger.verify()).snapshot == named.seq
    audit_s = time.process_time() - begin
    stored = await store.read("HSTRLEN", snapshots.key, "body")
    seq = ledger.seq
    await ledger.close()
    return Found(
        seq,
        plan_sets,
        copied_s,
        table_s,
        snapshot_s,
        named.size,
        stored,
        size // plan_sets,
        audit_s,
    )


async def measured(folder: Path, entries: int, junctions: int, rounds: int) -> Found:
    """Fill a ledger and start on it in each way."""
    async with RedisServer(folder) as server:
        store = server.store()
        try:
            return await _measured(store, entries, junctions, rounds)
        finally:
            await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--junctions", type=int, default=450)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measured(Path(folder), options.entries, options.junctions, options.rounds))
    if options.json:
        print(json.dumps({name: getattr(found, name) for name in Found.__dataclass_fields__}))
        return
    print(f"{found.entries} entries, {found.plan_sets} plan sets, audit in {found.audit_s:.2f} s")
    print(f"copied    {found.copied_s:8.3f} s")
    print(f"tables    {found.table_s:8.3f} s  {found.copied_s / found.table_s:6.2f} times as fast")
    print(f"snapshot  {found.snapshot_s:8.3f} s  {found.copied_s / found.snapshot_s:6.2f} times as fast")
    print(f"snapshot  {found.snapshot_json} bytes of JSON, {found.snapshot_stored} stored")
    print(f"ledger    {found.ledger_bytes_per_publish} bytes for each plan set")


if __name__ == "__main__":
    main()
