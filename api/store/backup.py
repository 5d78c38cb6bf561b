"""All that the service keeps in Redis, as members of a ZIP file: written while it runs, read back into an empty Redis.

Nothing holds the service up meanwhile, so the order counts. The documents are read after the entries that name them; the
numbers of reports are read before the reports, and those that came since are added from the reports themselves. So
whatever is in a back-up fits together, and is how things were at some moment while it was made, or later.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any
from zipfile import ZipFile

from api.store.chain import GENESIS, Entry, canonical, digest, entry_of, follow_on
from api.store.connection import Script, Store
from api.store.documents import Documents
from api.store.errors import StoreDamaged
from api.store.log import Log
from traffic.errors import InputError

__all__ = ["Content", "check_content", "load_content", "require_empty", "save_content"]

_LEDGER, _DOCUMENTS, _REPORTS = "ledger.jsonl", "documents/", "reports.jsonl"
_NUMBERS, _LATEST, _JOBS = "reports-accepted.json", "reports-latest.json", "jobs.json"
_NAME = "jasyl"
_ROWS, _ROOM = 500, 4 << 20
_CHUNK = 1000

_ADD_ROWS = Script(
    """
-- KEYS: a stream.  ARGV: length of a row, then rows of an id and names with values.
local length = tonumber(ARGV[1])
for i = 2, #ARGV, length do redis.call('XADD', KEYS[1], unpack(ARGV, i, i + length - 1)) end
return 'written'
"""
)

_ALL_JOBS = Script(
    """
-- KEYS: unfinished, recent, counter.  ARGV: what keys of jobs begin with.
-- Gives the counter, both lists with their scores, and key, revision, body and time left (ms) of each job.
local jobs, seen = {}, {}
for k = 1, 2 do
  for _, name in ipairs(redis.call('ZRANGE', KEYS[k], 0, -1)) do
    local revision, body = unpack(redis.call('HMGET', ARGV[1] .. name, 'revision', 'body'))
    if body and not seen[name] then
      seen[name] = true
      jobs[#jobs + 1] = {name, revision, body, redis.call('PTTL', ARGV[1] .. name)}
    end
  end
end
return {
  redis.call('GET', KEYS[3]) or '0',
  redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES'),
  redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES'),
  jobs
}
"""
)


@dataclass(frozen=True, slots=True)
class Content:
    """What a back-up holds.

    Attributes
    ----------
    entries, hash
        Of the ledger: how many, and the hash of the last one.
    documents, reports, jobs
        How many.
    """

    entries: int
    hash: str
    documents: int
    reports: int
    jobs: int


async def save_content(store: Store, archive: ZipFile) -> Content:
    """Write everything into `archive`.

    Raises
    ------
    StoreDamaged
        Where an entry or a document is not what was written.
    """
    last = await _save_ledger(store, archive)
    documents = await _save_documents(store, archive)
    reports = await _save_reports(store, archive)
    jobs = await _save_jobs(store, archive)
    return Content(*last, documents, reports, jobs)


def check_content(archive: ZipFile) -> tuple[Content, Iterator[Entry]]:
    """Read a back-up to its end; return what it holds, and its entries once more.

    Raises
    ------
    StoreDamaged
        Where something is not what was written.
    """
    seq, last = 0, GENESIS
    for entry in _entries(archive):
        seq, last = entry.seq, entry.hash
    documents = sum(1 for _ in _documents(archive))
    reports = sum(1 for _ in _lines(archive, _REPORTS))
    for name in (_NUMBERS, _LATEST):
        _json(archive, name)
    jobs = len(_json(archive, _JOBS)["jobs"])
    return Content(seq, last, documents, reports, jobs), _entries(archive)


async def load_content(store: Store, archive: ZipFile) -> None:
    """Write everything of `archive` into an empty Redis."""
    rows = ((f"{e.seq}-0", "body", _body(e), "hash", e.hash) for e in _entries(archive))
    await _add_rows(store, f"{_NAME}:ledger", rows)
    await _set_members(store, f"{_NAME}:documents", _documents(archive))
    reports = ((row["position"], "body", row["body"]) for row in _lines(archive, _REPORTS))
    await _add_rows(store, f"{_NAME}:reports", reports)
    await _set_members(store, f"{_NAME}:reports:accepted", _json(archive, _NUMBERS).items())
    await _set_members(store, f"{_NAME}:reports:latest", _json(archive, _LATEST).items())
    await _load_jobs(store, _json(archive, _JOBS))


async def require_empty(store: Store) -> None:
    """Refuse a Redis that has something of a service."""
    names = (f"{_NAME}:{name}" for name in ("ledger", "documents", "reports"))
    if await store.read("EXISTS", *names):
        rule = "must have nothing of a service"
        hint = "Restore into another database, such as redis://HOST:6379/1, or remove what is there"
        raise InputError(rule, field="JASYL_REDIS_URL", hint=hint)


async def _save_ledger(store: Store, archive: ZipFile) -> tuple[int, str]:
    log, seq, previous = Log(store, _NAME, lambda: "back-up"), 0, GENESIS
    with _member(archive, _LEDGER) as file:
        while entries := await log.read(seq + 1):
            for entry in entries:
                follow_on(entry, seq, previous)
                seq, previous = entry.seq, entry.hash
                file.write(canonical(entry.to_dict()) + b"\n")
    return seq, previous


async def _save_documents(store: Store, archive: ZipFile) -> int:
    documents, names = Documents(store, memory_bytes=0), set()
    async for name in _scanned(store, ("HSCAN", f"{_NAME}:documents"), step=2):
        if name not in names:  # a scan may give one twice
            names.add(name)
            archive.writestr(_DOCUMENTS + name, await documents.get(name))
    return len(names)


async def _scanned(
    store: Store, command: Sequence[str], options: Sequence[str] = (), *, step: int = 1
) -> AsyncIterator[str]:
    """Yield what a scan gives, of pairs the first."""
    cursor = b"0"
    while True:
        cursor, found = await store.read(*command, cursor, *options, "COUNT", 50)
        for name in found[::step]:
            yield name.decode()
        if cursor == b"0":
            return


async def _save_reports(store: Store, archive: ZipFile) -> int:
    numbers = await _members(store, f"{_NAME}:reports:accepted")
    latest = await _members(store, f"{_NAME}:reports:latest")
    count, after = 0, "-"
    with _member(archive, _REPORTS) as file:
        while rows := await store.read("XRANGE", f"{_NAME}:reports", after, "+", "COUNT", _CHUNK):
            for position, fields in rows:
                body = fields[1].decode()
                file.write(canonical({"position": position.decode(), "body": body}) + b"\n")
                _note(json.loads(body), body, numbers, latest)
                count += 1
            after = f"({rows[-1][0].decode()}"
    archive.writestr(_NUMBERS, canonical(numbers))
    archive.writestr(_LATEST, canonical(latest))
    return count


def _note(report: dict[str, Any], body: str, numbers: dict[str, str], latest: dict[str, str]) -> None:
    """Take note of a report that may have come after the numbers were read."""
    junction = report["junction"]
    if report["number"] > int(numbers.get(junction, 0)):
        numbers[junction] = str(report["number"])
    known = json.loads(latest[junction])["number"] if junction in latest else 0
    if report["kind"] == "status" and report["number"] > known:
        latest[junction] = body


async def _members(store: Store, key: str) -> dict[str, str]:
    found = await store.read("HGETALL", key)
    return {name.decode(): value.decode() for name, value in zip(found[::2], found[1::2], strict=True)}


async def _save_jobs(store: Store, archive: ZipFile) -> int:
    lists = [f"{_NAME}:jobs:{name}" for name in ("unfinished", "recent", "counter")]
    counter, unfinished, recent, jobs = await store.repeatedly(
        lambda: store.run(_ALL_JOBS, lists, (f"{_NAME}:job:",))
    )
    plans = {}
    prefix = f"{_NAME}:job-plans:"
    async for key in _scanned(store, ("SCAN",), ("MATCH", f"{prefix}*")):
        content, left = await store.read("GET", key), await store.read("PTTL", key)
        if content is not None:
            plans[key.removeprefix(prefix)] = [content.decode(), left]
    document = {
        "counter": int(counter),
        "unfinished": [part.decode() for part in unfinished],
        "recent": [part.decode() for part in recent],
        "jobs": [
            [name.decode(), revision.decode(), body.decode(), left] for name, revision, body, left in jobs
        ],
        "plans": plans,
    }
    archive.writestr(_JOBS, canonical(document))
    return len(jobs)


async def _load_jobs(store: Store, document: dict[str, Any]) -> None:
    for name, revision, body, left in document["jobs"]:
        key = f"{_NAME}:job:{name}"
        await store.call("HSET", key, "revision", revision, "body", body)
        if left > 0:
            await store.call("PEXPIRE", key, left)
    for name in ("unfinished", "recent"):
        pairs = document[name]
        for member, score in zip(pairs[::2], pairs[1::2], strict=True):
            await store.call("ZADD", f"{_NAME}:jobs:{name}", score, member)
    if document["counter"]:
        await store.call("SET", f"{_NAME}:jobs:counter", document["counter"])
    for name, (content, left) in document["plans"].items():
        await store.call("SET", f"{_NAME}:job-plans:{name}", content, "PX", max(1, left))


def _entries(archive: ZipFile) -> Iterator[Entry]:
    """Yield the entries of a back-up, each of which follows from the one before."""
    seq, previous = 0, GENESIS
    for members in _lines(archive, _LEDGER):
        entry = follow_on(entry_of(members, seq + 1), seq, previous)
        seq, previous = entry.seq, entry.hash
        yield entry


def _body(entry: Entry) -> bytes:
    return canonical({name: value for name, value in entry.to_dict().items() if name != "hash"})


def _documents(archive: ZipFile) -> Iterator[tuple[str, bytes]]:
    for member in archive.namelist():
        if member.startswith(_DOCUMENTS):
            name, content = member.removeprefix(_DOCUMENTS), archive.read(member)
            if digest(content) != name:
                rule = "must have the SHA-256 that it is stored under"
                raise StoreDamaged(rule, where=f"document {name}", value=digest(content), hint=_OTHER)
            yield name, content


_OTHER = "Take another back-up"


def _lines(archive: ZipFile, member: str) -> Iterator[dict[str, Any]]:
    with archive.open(member) as file:
        for number, line in enumerate(file, 1):
            yield _object(line, f"{member}, line {number}")


def _json(archive: ZipFile, member: str) -> dict[str, Any]:
    return _object(archive.read(member), member)


def _object(text: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise StoreDamaged("must be JSON", where=where, value=str(error), hint=_OTHER) from error
    if not isinstance(value, dict):
        raise StoreDamaged("must be an object", where=where, hint=_OTHER)
    return value


def _member(archive: ZipFile, name: str) -> IO[bytes]:
    return archive.open(name, "w", force_zip64=True)


async def _add_rows(store: Store, key: str, rows: Iterable[tuple[str | bytes, ...]]) -> None:
    for batch in _batches(rows):
        arguments = [part for row in batch for part in row]
        await store.run(_ADD_ROWS, (key,), (len(batch[0]), *arguments))


async def _set_members(store: Store, key: str, pairs: Iterable[tuple[str, str | bytes]]) -> None:
    for batch in _batches(pairs):
        await store.call("HSET", key, *(part for pair in batch for part in pair))


def _batches(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    """Yield rows together, as many as are quick to write."""
    batch: list[tuple[Any, ...]] = []
    room = _ROOM
    for row in rows:
        batch.append(row)
        room -= sum(map(len, row))
        if len(batch) == _ROWS or room <= 0:
            yield batch
            batch, room = [], _ROOM
    if batch:
        yield batch
