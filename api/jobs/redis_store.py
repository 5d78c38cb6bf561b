"""Jobs in Redis: they outlive every process of the service, and all replicas see the same."""

from __future__ import annotations

from datetime import timedelta

from pydantic import ValidationError

from api.jobs.model import Job
from api.jobs.store import plans_digest
from api.logs import logger
from api.store.connection import Script, Store
from api.store.errors import StoreDamaged

__all__ = ["RedisJobStore"]

_MOST_RECENT = 1000

_ADD = Script(
    """
-- KEYS: job, unfinished, recent, counter.  ARGV: key, body, revision, how many may be unfinished, how many are listed.
-- Gives whether it was stored; sent again, it changes nothing.
if redis.call('EXISTS', KEYS[1]) == 1 then return 1 end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[4]) then return 0 end
local number = redis.call('INCR', KEYS[4])
redis.call('HSET', KEYS[1], 'revision', ARGV[3], 'body', ARGV[2])
redis.call('ZADD', KEYS[2], number, ARGV[1])
redis.call('ZADD', KEYS[3], number, ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -1 - tonumber(ARGV[5]))
return 1
"""
)

_REPLACE = Script(
    """
-- KEYS: job, unfinished.  ARGV: key, body, revision, 1 where it has ended, time that an ended one is kept (ms).
-- Gives whether the revision before it was stored; sent again, it changes nothing.
local revision, body = unpack(redis.call('HMGET', KEYS[1], 'revision', 'body'))
if revision == ARGV[3] and body == ARGV[2] then return 1 end
if not revision or tonumber(revision) ~= tonumber(ARGV[3]) - 1 then return 0 end
redis.call('HSET', KEYS[1], 'revision', ARGV[3], 'body', ARGV[2])
if ARGV[4] == '1' then
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
return 1
"""
)

_LIST = Script(
    """
-- KEYS: the list.  ARGV: what keys of jobs begin with, first and last rank.  Gives the bodies that are there.
local bodies = {}
for _, key in ipairs(redis.call('ZRANGE', KEYS[1], ARGV[2], ARGV[3])) do
  local body = redis.call('HGET', ARGV[1] .. key, 'body')
  if body then bodies[#bodies + 1] = body end
end
return bodies
"""
)


class RedisJobStore:
    """Keeps jobs in Redis.

    Parameters
    ----------
    store
        Where they are.
    name
        What the keys in Redis begin with.
    kept_for
        How long jobs that have ended are kept, and plans from the day that they came.
    """

    def __init__(
        self, store: Store, *, name: str = "jasyl", kept_for: timedelta = timedelta(days=30)
    ) -> None:
        self._store = store
        self._job, self._plans = f"{name}:job:", f"{name}:job-plans:"
        self._unfinished, self._recent = f"{name}:jobs:unfinished", f"{name}:jobs:recent"
        self._counter = f"{name}:jobs:counter"
        self._kept_ms = kept_for // timedelta(milliseconds=1)

    async def add(self, job: Job, most: int) -> bool:
        """Store a new job, unless `most` are unfinished; return whether it was stored."""
        keys = (self._job + job.key, self._unfinished, self._recent, self._counter)
        arguments = (job.key, job.model_dump_json(), job.revision, most, _MOST_RECENT)
        return bool(await self._store.repeatedly(lambda: self._store.run(_ADD, keys, arguments)))

    async def get(self, key: str) -> Job | None:
        """Return a job."""
        body = await self._store.read("HGET", self._job + key, "body")
        return None if body is None else Job.model_validate_json(body)

    async def replace(self, job: Job) -> bool:
        """Store `job` in place of the revision before it; return False where another one is stored."""
        keys = (self._job + job.key, self._unfinished)
        final = int(job.state.final)
        arguments = (job.key, job.model_dump_json(), job.revision, final, self._kept_ms)
        return bool(await self._store.repeatedly(lambda: self._store.run(_REPLACE, keys, arguments)))

    async def unfinished(self) -> tuple[Job, ...]:
        """Return the jobs that are queued or running, the oldest first."""
        return await self._listed(self._unfinished, 0, -1)

    async def recent(self, limit: int) -> tuple[Job, ...]:
        """Return the youngest jobs, the youngest first."""
        return (await self._listed(self._recent, -limit, -1))[::-1]

    async def _listed(self, name: str, first: int, last: int) -> tuple[Job, ...]:
        arguments = (self._job, first, last)
        bodies = await self._store.repeatedly(lambda: self._store.run(_LIST, (name,), arguments))
        return tuple(job for body in bodies if (job := _read(body)) is not None)

    async def put(self, content: bytes) -> str:
        """Keep bytes, and return their digest."""
        digest = plans_digest(content)
        key = self._plans + digest
        await self._store.repeatedly(lambda: self._store.call("SET", key, content, "PX", self._kept_ms))
        return digest

    async def content(self, digest: str) -> bytes | None:
        """Return bytes that are kept.

        Raises
        ------
        StoreDamaged
            Where they have another digest.
        """
        content: bytes | None = await self._store.read("GET", self._plans + digest)
        if content is not None and plans_digest(content) != digest:
            rule = "must have the SHA-256 that it is stored under"
            raise StoreDamaged(rule, where=f"plans {digest}", value=plans_digest(content))
        return content


def _read(body: bytes) -> Job | None:
    """Return a job; none where another version of the service asks for what this one does not know."""
    try:
        return Job.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        logger("jobs").error("a job cannot be read and is left alone", field=place, rule=first["msg"])
        return None
