"""What keeps jobs and what came out of them."""

from __future__ import annotations

import hashlib
from typing import Protocol

from api.jobs.model import Job

__all__ = ["JobStore", "MemoryJobStore", "plans_digest"]


def plans_digest(content: bytes) -> str:
    """Return the name that bytes are kept under: their SHA-256."""
    return hashlib.sha256(content).hexdigest()


class JobStore(Protocol):
    """Keeps jobs. Several processes may use the same one; every change is made over a known revision."""

    async def add(self, job: Job, most: int) -> bool:
        """Store a new job, unless `most` are unfinished; return whether it was stored."""

    async def get(self, key: str) -> Job | None:
        """Return a job."""

    async def replace(self, job: Job) -> bool:
        """Store `job` in place of the revision before it; return False where another one is stored."""

    async def unfinished(self) -> tuple[Job, ...]:
        """Return the jobs that are queued or running, the oldest first."""

    async def recent(self, limit: int) -> tuple[Job, ...]:
        """Return the youngest jobs, the youngest first."""

    async def put(self, content: bytes) -> str:
        """Keep bytes, and return their digest."""

    async def content(self, digest: str) -> bytes | None:
        """Return bytes that are kept."""


class MemoryJobStore:
    """Jobs of one process, gone with it."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}  # in the order of their coming
        self._contents: dict[str, bytes] = {}

    async def add(self, job: Job, most: int) -> bool:
        """Store a new job, unless `most` are unfinished; return whether it was stored."""
        if len(await self.unfinished()) >= most:
            return False
        self._jobs[job.key] = job
        return True

    async def get(self, key: str) -> Job | None:
        """Return a job."""
        return self._jobs.get(key)

    async def replace(self, job: Job) -> bool:
        """Store `job` in place of the revision before it; return False where another one is stored."""
        if self._jobs[job.key].revision != job.revision - 1:
            return False
        self._jobs[job.key] = job
        return True

    async def unfinished(self) -> tuple[Job, ...]:
        """Return the jobs that are queued or running, the oldest first."""
        return tuple(job for job in self._jobs.values() if not job.state.final)

    async def recent(self, limit: int) -> tuple[Job, ...]:
        """Return the youngest jobs, the youngest first."""
        return tuple(reversed(self._jobs.values()))[:limit]

    async def put(self, content: bytes) -> str:
        """Keep bytes, and return their digest."""
        digest = plans_digest(content)
        self._contents[digest] = content
        return digest

    async def content(self, digest: str) -> bytes | None:
        """Return bytes that are kept."""
        return self._contents.get(digest)
