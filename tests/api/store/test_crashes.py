"""kill -9 of Redis and of the service at random moments under load: what was answered is there, exactly once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from api.store import RedisServer, Reports, StoreUnavailable
from tests.api.store.toy import WHO, Clock, count, heard, replicas, report

WORKERS, CONTROLLERS = 6, 4


class Load:
    """Workers that commit and controllers that report, until they are told to stop; and what they were answered.

    Parameters
    ----------
    persistent
        Whether commands without an answer are sent again with the same id until they have one; else they are left at that.
    """

    def __init__(self, ledger, store, name, *, persistent):
        self.ledger, self.name, self.persistent = ledger, name, persistent
        self.reports = Reports(store, clock=Clock())
        self.answered, self.unknown = [], []
        self.accepted = Counter()
        self.stopping = False
        self.progress = asyncio.Event()

    async def run(self):
        workers = [self._work(f"{self.name}{number}") for number in range(WORKERS)]
        controllers = [self._control(f"{self.name}:{number}") for number in range(CONTROLLERS)]
        await asyncio.gather(*workers, *controllers)

    async def _work(self, name):
        number = 0
        while not self.stopping:
            word, number = f"{name}-{number}", number + 1
            while not await self._committed(word):
                if not self.persistent:
                    self.unknown.append(word)
                    break
            else:
                self.answered.append(word)
                self.progress.set()

    async def _committed(self, word):
        try:
            entries = await self.ledger.commit(count(word, word + "'"), command=word, **WHO)
        except StoreUnavailable:
            return False
        assert [entry.data["word"] for entry in entries] == [word, word + "'"]
        assert entries[-1].seq <= self.ledger.seq
        return True

    async def _control(self, junction):
        while not self.stopping:
            last = self.accepted[junction]
            try:
                accepted = await self.reports.accept(junction, [report(last + part) for part in (1, 2, 3)])
            except StoreUnavailable:
                continue
            assert accepted.until == last + 3
            self.accepted[junction] = accepted.until


async def kill_at_random(server, loads, rounds, chance):
    """Kill Redis `rounds` times, each after a random number of answers and a random moment more."""
    killed = 0
    while killed < rounds:
        for _ in range(int(chance.integers(1, 12))):
            load = loads[int(chance.integers(len(loads)))]
            load.progress.clear()
            await load.progress.wait()
        if chance.random() < 0.3:
            await rewrite(server)
        await asyncio.sleep(float(chance.uniform(0, 0.01)))  # wherever it is then
        if server.pid is not None:
            with suppress(ProcessLookupError):  # the one before has not been missed yet
                os.kill(server.pid, signal.SIGKILL)
                killed += 1


async def rewrite(server):
    """Have Redis write its append-only file anew, as it does by itself when the file has grown; it may be down just then."""
    store = server.store(patience_s=10)
    await store.read("BGREWRITEAOF")
    await store.close()


async def check(server, ledgers, loads):
    newest = max(ledger.seq for ledger in ledgers)
    async with replicas(server) as (fresh,):
        for ledger in (*ledgers, fresh):
            await heard(ledger, newest)
            assert ledger.state == fresh.state
            assert (await ledger.verify()).hash == fresh.hash
        counted = Counter(fresh.state.words)
        assert set(counted.values()) == {1}
        words = fresh.state.words
        assert all(second == first + "'" for first, second in zip(words[::2], words[1::2], strict=True))
        answered = {word for load in loads for word in load.answered}
        unknown = {word for load in loads for word in load.unknown}
        assert answered <= set(words[::2]) <= answered | unknown
    stored = await all_reports(server)
    for load in loads:
        for junction, last in load.accepted.items():
            assert stored[junction] == list(range(1, len(stored[junction]) + 1))
            assert last <= len(stored[junction]) <= last + 3


async def all_reports(server):
    store = server.store()
    reports, after, complete, found = Reports(store, clock=Clock()), "0-0", False, {}
    while not complete:
        page = await reports.read(after, limit=1000)
        after, complete = page.after, page.complete
        for stored in page.reports:
            found.setdefault(stored.junction, []).append(stored.number)
    await store.close()
    return found


async def killed_redis(folder, binary, rounds, seed):
    chance = np.random.default_rng(seed)
    async with (
        RedisServer(folder, binary=binary) as server,
        replicas(server) as (patient,),
        replicas(server, patience_s=0.02) as (hasty,),
    ):
        stores = [server.store(), server.store(patience_s=0.02)]
        loads = [
            Load(patient, stores[0], "patient", persistent=True),
            Load(hasty, stores[1], "hasty", persistent=False),
        ]
        async with asyncio.TaskGroup() as group:  # which ends all when one fails
            for load in loads:
                group.create_task(load.run())
            await kill_at_random(server, loads, rounds, chance)
            for load in loads:
                load.stopping = True
        await check(server, (patient, hasty), loads)
        for store in stores:
            await store.close()
        return sum(len(load.answered) for load in loads), sum(len(load.unknown) for load in loads)


def test_redis_is_killed_again_and_again(each_binary, tmp_path, monkeypatch):
    monkeypatch.setattr("api.store.redis_server._LONGEST_PAUSE_S", 0.2)
    answered, unknown = asyncio.run(killed_redis(tmp_path, each_binary, 6, 20261127))
    assert answered > 20
    assert unknown > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_redis_is_killed_fifty_times(each_binary, tmp_path, monkeypatch, seed):
    monkeypatch.setattr("api.store.redis_server._LONGEST_PAUSE_S", 0.2)
    answered, unknown = asyncio.run(killed_redis(tmp_path, each_binary, 50, seed))
    assert answered > 200
    assert unknown > 0


def killed_services(folder, binary, rounds, seed):
    """Kill a service with all it does `rounds` times, and return the number of the last command that was answered."""
    chance = np.random.default_rng(seed)
    last = -1
    for _ in range(rounds):
        command = [sys.executable, "-m", "tests.api.store.load", folder, binary, str(last + 1)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
        ) as service:
            for _ in range(int(chance.integers(1, 60))):
                line = service.stdout.readline()
                assert line, "the service ended by itself"
                last = int(line)
            service.kill()
            last = max([last, *(int(line) for line in service.stdout.read().splitlines())])
    return last


async def check_services(folder, binary, last):
    async with RedisServer(folder, binary=binary) as server, replicas(server) as (ledger,):
        done = ledger.state.count // 2
        assert done in {last + 1, last + 2}
        assert ledger.state.words == tuple(f"{number}{end}" for number in range(done) for end in ("", "'"))
        stored = (await all_reports(server))["osm:1"]
        assert stored == list(range(1, len(stored) + 1))
        assert 2 * (last + 1) <= len(stored) <= 2 * done


def test_the_service_is_killed_and_started_again(binary, tmp_path):
    last = killed_services(tmp_path, binary, 3, 20261127)
    asyncio.run(check_services(tmp_path, binary, last))


@pytest.mark.slow
def test_the_service_is_killed_fifty_times(binary, tmp_path):
    last = killed_services(tmp_path, binary, 50, 1)
    asyncio.run(check_services(tmp_path, binary, last))
