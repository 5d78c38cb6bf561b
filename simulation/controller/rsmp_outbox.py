"""What a site has to tell and the supervisor has not acknowledged yet, in order."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from signals.rsmp.messages import Identified, StatusUpdate

__all__ = ["Entry", "Outbox"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Entry:
    """A message, and the number of the connection that stood when it was put in (0: none)."""

    message: Identified
    connection: int

    def renewed(self, identifier: str, connection: int) -> Identified:
        """Return the message with another id; values from before `connection` are marked as old."""
        new = replace(self.message, id=identifier)
        if self.connection == connection or not isinstance(new, StatusUpdate):
            return new
        rows = (replace(row, quality="old") if row.quality == "recent" else row for row in new.values)
        return replace(new, values=tuple(rows))


class Outbox:
    """A queue that messages leave only when they are acknowledged.

    Parameters
    ----------
    limit
        How many messages are kept; the oldest are dropped.
    buffered
        Whether updates of a status are kept while there is no connection.
    """

    def __init__(self, limit: int, buffered: Callable[[str], bool]) -> None:
        self._entries: deque[Entry] = deque(maxlen=limit)
        self._limit, self._buffered = limit, buffered
        self._filled, self._empty = asyncio.Event(), asyncio.Event()
        self._empty.set()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, message: Identified, connection: int) -> None:
        """Put a message at the end; without a connection, only what is to be kept."""
        if connection == 0 and isinstance(message, StatusUpdate):
            kept = tuple(value for value in message.values if self._buffered(value.code))
            if not kept:
                return
            message = replace(message, values=kept)
        self._empty.clear()
        if len(self._entries) == self._limit:
            self.dropped += 1
            _LOG.warning("the buffer of %d messages is full: the oldest is dropped", self._limit)
        self._entries.append(Entry(message, connection))
        self._filled.set()

    async def first(self, count: int) -> list[Entry]:
        """Return up to `count` entries from the head, as soon as there is one; they stay in the queue."""
        while not self._entries:
            self._filled.clear()
            await self._filled.wait()
        return [self._entries[row] for row in range(min(count, len(self._entries)))]

    def done(self, entries: list[Entry]) -> None:
        """Let go of entries from the head; those that were dropped meanwhile are passed over."""
        for entry in entries:
            if self._entries and self._entries[0] is entry:
                self._entries.popleft()
        if not self._entries:
            self._empty.set()

    def cut(self) -> None:
        """Let go of what is not to be kept without a connection: one has just ended."""
        entries = list(self._entries)
        self._entries.clear()
        for entry in entries:
            self.put(entry.message, entry.connection if not isinstance(entry.message, StatusUpdate) else 0)
        if not self._entries:
            self._empty.set()

    async def emptied(self) -> None:
        """Wait until every message has been acknowledged."""
        await self._empty.wait()
