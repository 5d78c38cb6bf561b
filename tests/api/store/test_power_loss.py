"""The append-only file cut at every record and within records: what remains is the beginning, batches whole or absent."""

from __future__ import annotations

import asyncio
import hashlib
import itertools

import numpy as np
import pytest

from api.store import Documents, RedisServer, Reports
from api.store.append_only import Aside
from tests.api.store.toy import WHO, Clock, append_only_file, copied, count, records, replicas, report
from traffic.errors import InputError

BATCHES = 5
JUNCTIONS = ("osm:1", "osm:2")


async def written(folder, binary):
    """Write batches of a ledger and of reports, and return the size of the file after each."""
    sizes = []
    async with RedisServer(folder, binary=binary) as server, replicas(server) as (ledger,):
        store = server.store()
        reports = Reports(store, clock=Clock())
        for batch in range(BATCHES):
            content = b"document %d" % batch
            name = hashlib.sha256(content).hexdigest()
            await ledger.commit(count(name, f"{batch}a", f"{batch}b"), documents=[content], **WHO)
            sizes.append(append_only_file(folder).stat().st_size)
            for junction in JUNCTIONS:
                await reports.accept(junction, [report(3 * batch + part) for part in (1, 2, 3)])
                sizes.append(append_only_file(folder).stat().st_size)
        await store.close()
    return sizes


async def found(folder, binary):
    """Start on a folder and return how many batches of the ledger and of each junction are there, each of them whole."""
    async with RedisServer(folder, binary=binary) as server, replicas(server) as (ledger,):
        store = server.store()
        reports = Reports(store, clock=Clock())
        words = ledger.state.words
        batches = len(words) // 3
        assert (
            list(words[1:]) == [f"{batch}{part}" for batch in range(batches) for part in "ab"] or batches != 1
        )
        assert [word for word in words if len(word) == 2] == [
            f"{batch}{part}" for batch in range(batches) for part in "ab"
        ]
        names = [word for word in words if len(word) == 64]
        assert [await Documents(store).get(name) for name in names] == [
            b"document %d" % batch for batch in range(batches)
        ]
        page = await reports.read(limit=1000)
        counted = []
        for junction in JUNCTIONS:
            numbers = [stored.number for stored in page.reports if stored.junction == junction]
            assert numbers == list(range(1, len(numbers) + 1))
            assert await reports.accepted_until(junction) == len(numbers)
            latest = await reports.latest(junction)
            assert (latest.number if latest else 0) == len(numbers)
            counted.append(len(numbers) / 3)
        await ledger.commit(count("goes on"), **WHO)
        await store.close()
    return [batches, *counted]


def test_what_remains_of_a_cut_file_is_its_beginning(each_binary, tmp_path):
    source = tmp_path / "source"
    sizes = asyncio.run(written(source, each_binary))
    whole = append_only_file(source)
    content = whole.read_bytes()
    ends = records(content)
    assert set(sizes) <= set(ends)
    chance = np.random.default_rng(20261127)
    within = [int(chance.integers(start + 1, stop)) for start, stop in itertools.pairwise(ends)]
    cuts = sorted({*ends[1:], *within})
    if len(cuts) > 60:  # every record of the first batches, then a choice
        cuts = sorted({*cuts[:45], *chance.choice(cuts[45:], 15, replace=False).tolist(), ends[-1]})
    seen = set()
    for cut in cuts:
        folder = tmp_path / f"cut{cut}"
        copied(source, folder)
        (folder / whole.relative_to(source)).write_bytes(content[:cut])
        batches = asyncio.run(found(folder, each_binary))
        complete = sum(size <= cut for size in sizes)
        expected = [len(range(place, complete, 3)) for place in range(3)]
        assert batches == expected, f"cut at byte {cut} of {len(content)}"
        seen.add(tuple(batches))
    assert (BATCHES,) * 3 in seen
    assert (0, 0, 0) in seen
    assert len(seen) >= 6


def test_what_was_left_out_is_kept_aside_and_said(binary, tmp_path, caplog):
    asyncio.run(written(tmp_path, binary))
    path = append_only_file(tmp_path)
    torn = path.read_bytes()[:-7]
    path.write_bytes(torn)
    asyncio.run(found(tmp_path, binary))
    assert "The last write was not finished" in caplog.text
    assert path.with_name(f"{path.name}.torn").read_bytes() == torn


@pytest.mark.parametrize(
    ("cut", "torn"),
    [
        (b"*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n*3\r\n$3\r\nSE", True),
        (b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r", True),
        (b"*", True),
        (b"*1\r\n$5\r\nMULTI\r\n*3\r\n$9\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n*1\r\n$4\r\nEXEC\r\n", False),
        (b"*3\r\n$3\r\nSET\r\n$9\r\na\r\n$1\r\nb\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n", False),
    ],
)
def test_only_an_unfinished_write_is_left_out(tmp_path, cut, torn):
    original, copy = tmp_path / "original", tmp_path / "copy"
    original.write_bytes(b"kept")
    copy.write_bytes(b"kept" + cut)
    aside = Aside(original, copy)
    if torn:
        aside.require_torn_end()
    else:
        with pytest.raises(InputError, match="must not be damaged before its end"):
            aside.require_torn_end()
