"""Speed of the store, each answer on disk: single commits, acknowledgements and reports of a city at once, and a start."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from api.store import Entry, Ledger, RedisServer, Report, Reports

CONTROLLERS = 450
LOG = 100_000
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)

State = Mapping[str, int]


@dataclass(frozen=True)
class Acknowledged:
    """A fact of the size of an acknowledgement."""

    data: Mapping[str, Any]
    kind: str = "plan.acknowledged"


def apply(state: State, entry: Entry) -> State:
    return {**state, entry.data["junction"]: entry.data["version"]}


class Bench:
    """An own Redis with a ledger and reports, and the event loop that they run in."""

    def __init__(self, folder: Path) -> None:
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.numbers = itertools.count(1)
        self.runner.run(self._open(folder))

    async def _open(self, folder: Path) -> None:
        server = await self.stack.enter_async_context(RedisServer(folder))
        self.store = server.store()
        self.stack.push_async_callback(self.store.close)
        self.reports = Reports(self.store, clock=lambda: NOON)
        self.ledger = await self.replica()
        self.stack.push_async_callback(self.ledger.close)

    async def replica(self) -> Ledger[State]:
        ledger: Ledger[State] = Ledger(
            self.store, {}, apply, clock=lambda: NOON, new_id=lambda: f"id-{next(self.numbers)}"
        )
        await ledger.open()
        return ledger

    async def acknowledge(self, controllers: int) -> None:
        version = next(self.numbers)
        await asyncio.gather(*(self._acknowledge(f"osm:{place}", version) for place in range(controllers)))

    async def _acknowledge(self, junction: str, version: int) -> None:
        data = {
            "at": "2026-11-27T12:00:00.000Z",
            "junction": junction,
            "reason": "",
            "result": "accepted",
            "version": version,
        }
        await self.ledger.commit(
            lambda _state, _now: [Acknowledged(data)], who=f"controller:{junction}", why=""
        )

    async def report(self, controllers: int) -> int:
        number = next(self.numbers)
        status = {
            "plan": 7,
            "stage": 2,
            "cycle_s": 90,
            "position_s": 41,
            "lamps": "ok",
            "detectors": [3, 0, 5, 1],
        }
        reports = [Report(number, "status", NOON + timedelta(seconds=1), status)]
        accepted = await asyncio.gather(
            *(self.reports.accept(f"osm:{place}", reports) for place in range(controllers))
        )
        return sum(batch.new for batch in accepted)

    async def start(self) -> int:
        ledger = await self.replica()
        seq = ledger.seq
        await ledger.close()
        return seq

    def close(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


@pytest.mark.parametrize("controllers", [1, CONTROLLERS])
def test_commits(benchmark: BenchmarkFixture, bench: Bench, controllers: int) -> None:
    before = bench.ledger.seq
    benchmark.pedantic(lambda: bench.runner.run(bench.acknowledge(controllers)), rounds=50, warmup_rounds=2)
    assert bench.ledger.seq - before == 52 * controllers or benchmark.disabled
    assert len(bench.ledger.state) == controllers


@pytest.mark.parametrize("controllers", [1, CONTROLLERS])
def test_reports(benchmark: BenchmarkFixture, bench: Bench, controllers: int) -> None:
    new = benchmark.pedantic(lambda: bench.runner.run(bench.report(controllers)), rounds=50, warmup_rounds=2)
    assert new == controllers


def test_start_with_a_long_log(benchmark: BenchmarkFixture, bench: Bench) -> None:
    for _ in range(LOG // 1000):
        bench.runner.run(bench.acknowledge(1000))
    seq = benchmark.pedantic(lambda: bench.runner.run(bench.start()), rounds=3)
    assert seq == LOG
