"""Old reports move from Redis into files: written first, taken out of Redis after."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from api.store.archive_files import remove_days, remove_drafts, write_reports
from api.store.connection import Store
from api.store.errors import StoreDamaged, StoreUnavailable
from api.store.reports import Reports, StoredReport, stored_report
from api.store.scripts import RELEASE

__all__ = ["Archive"]

_LOG = logging.getLogger("jasyl.store")

_CHUNK = 200
_LEASE_MS = 300_000


class Archive:
    """Moves all reports but the newest into a folder.

    Parameters
    ----------
    redis
        Where the reports are.
    reports
        The reports.
    folder
        Where the files go: ``2026-11-27/FIRST_LAST.parquet``.
    new_id
        Gives identifiers that nobody else gives.
    keep, keep_bytes
        How many of the newest reports stay in Redis, and how much memory they may take there.
    batch, batch_bytes
        How many, and how many bytes, are moved at once; nothing moves before that many are due or memory is short.
    kept_for, clock
        How long archived reports are kept, whole days of UTC; without them for ever.
    """

    def __init__(
        self,
        redis: Store,
        reports: Reports,
        folder: Path,
        *,
        new_id: Callable[[], str],
        keep: int = 100_000,
        batch: int = 20_000,
        keep_bytes: int = 512 << 20,
        batch_bytes: int = 32 << 20,
        kept_for: timedelta | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._redis = redis
        self._stream = reports.stream
        self._lock = f"{reports.stream}:archiver"
        self._folder = folder
        self._new_id = new_id
        self._keep, self._batch = keep, batch
        self._keep_bytes, self._batch_bytes = keep_bytes, batch_bytes
        self._kept_for, self._clock = kept_for, clock

    async def run(self, every_s: float = 60.0) -> None:
        """Move what is due, again and again, until cancelled."""
        await asyncio.to_thread(remove_drafts, self._folder)
        while True:
            try:
                await self.move()
                await self.forget()
            except (StoreUnavailable, StoreDamaged, OSError) as error:
                _LOG.error("Reports are not archived, next try in %g s: %s", every_s, error)
            await asyncio.sleep(every_s)

    async def move(self) -> int:
        """Move what is due now, unless another replica is at it, and return how many reports were moved."""
        token = self._new_id()
        held = await self._redis.call("SET", self._lock, token, "NX", "PX", _LEASE_MS)
        if held is None:
            return 0
        try:
            moved = 0
            while await self._is_due():
                moved += await self._move_batch()
                await self._redis.read("PEXPIRE", self._lock, _LEASE_MS)
            return moved
        finally:
            await self._redis.repeatedly(lambda: self._redis.run(RELEASE, (self._lock,), (token,)))

    async def forget(self) -> None:
        """Remove the files of days that are over for longer than reports are kept."""
        if self._kept_for is None or self._clock is None:
            return
        oldest = (self._clock().astimezone(UTC) - self._kept_for).date()
        for day in await asyncio.to_thread(remove_days, self._folder, oldest):
            _LOG.info("Archived reports of %s are removed", day)

    async def _is_due(self) -> bool:
        count = await self._redis.read("XLEN", self._stream)
        if count == 0 or count - self._keep >= self._batch:
            return bool(count)
        # All nodes are counted: by a sample of the oldest, large reports among the newest would not be seen.
        taken = await self._redis.read("MEMORY", "USAGE", self._stream, "SAMPLES", 0)
        return int(taken or 0) > self._keep_bytes

    async def _move_batch(self) -> int:
        reports = await self._oldest()
        files = await asyncio.to_thread(write_reports, self._folder, reports)
        milliseconds, _, part = str(reports[-1].position).partition("-")
        beyond = f"{milliseconds}-{int(part) + 1}"
        await self._redis.read("XTRIM", self._stream, "MINID", beyond)
        _LOG.info("Archived %d reports in %s", len(reports), ", ".join(path.name for path in files))
        return len(reports)

    async def _oldest(self) -> list[StoredReport]:
        found: list[StoredReport] = []
        start, room = "-", self._batch_bytes
        while len(found) < self._batch:
            count = min(_CHUNK, self._batch - len(found))
            rows = await self._redis.read("XRANGE", self._stream, start, "+", "COUNT", count)
            for position, fields in rows:
                room -= len(fields[1])
                if room < 0 and found:
                    return found
                found.append(stored_report(position.decode(), fields[1]))
            if len(rows) < count:
                break
            start = f"({found[-1].position}"
        return found
