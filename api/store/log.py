"""The stream of entries in Redis: read in pieces, and appended to if nobody else has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from api.store.batch import Draft
from api.store.chain import Entry, read_entry
from api.store.connection import Store
from api.store.errors import LedgerDamaged, StoreUnavailable
from api.store.scripts import APPEND

__all__ = ["CHUNK", "Log"]

S = TypeVar("S")

CHUNK = 1000
"""Entries that are read at once."""

_WAIT_S = 2.0
_FENCE_S = 3600


class Log:
    """The entries of a ledger, as they are stored.

    Parameters
    ----------
    redis
        Where they are.
    name
        What the keys in Redis begin with.
    new_id
        Gives identifiers that nobody else gives.
    """

    def __init__(self, redis: Store, name: str, new_id: Callable[[], str]) -> None:
        self._redis = redis
        self._key, self._documents, self._fence = f"{name}:ledger", f"{name}:documents", f"{name}:fence:"
        self._new_id = new_id
        self._waits = redis.blocking(_WAIT_S)

    async def read(self, first: int, last: int | None = None) -> list[Entry]:
        """Return the entries of these numbers, at most `CHUNK` of them."""
        end = "+" if last is None else f"{last}-0"
        return _entries(await self._redis.read("XRANGE", self._key, f"{first}-0", end, "COUNT", CHUNK))

    async def news(self, seq: Callable[[], int]) -> list[Entry] | None:
        """Wait for entries, and return those after the last one that is known; None after a while without any.

        Parameters
        ----------
        seq
            Gives the number of the last entry that is known, before the wait and after it.
        """
        answer = await self._redis.wait(
            self._waits,
            *("XREAD", "COUNT", CHUNK, "BLOCK", int(1000 * _WAIT_S)),
            *("STREAMS", self._key, f"{seq()}-0"),
        )
        return _entries(answer[0][1], after=seq()) if answer else None

    async def highest(self) -> int:
        """Return the highest number that was ever given, also to an entry that was deleted since."""
        if not await self._redis.read("EXISTS", self._key):
            return 0
        about = await self._redis.read("XINFO", "STREAM", self._key)
        values = dict(zip(about[::2], about[1::2], strict=True))
        return int(values[b"last-generated-id"].split(b"-")[0])

    async def append(self, draft: Draft[S]) -> bool:
        """Append a draft, and return whether it is written; if not, it has to be decided anew on what is new.

        One without entries is "written" if nothing is new.

        Raises
        ------
        StoreUnavailable
            When Redis is away; with `unknown` where the draft may have been written.
        """
        fence = self._fence + self._new_id()
        arguments: list[Any] = [f"{draft.base.seq}-0", draft.base.hash, len(draft.entries)]
        for entry, body in zip(draft.entries, draft.bodies, strict=True):
            arguments += (f"{entry.seq}-0", body, entry.hash)
        for name, content in draft.documents.items():
            arguments += (name, content)
        try:
            answer = await self._redis.repeatedly(
                lambda: self._redis.run(APPEND, (self._key, self._documents, fence), arguments),
                also_unknown=False,
            )
        except StoreUnavailable as error:
            if not error.unknown:
                raise
            await self._put_up(fence, error)
            return False
        return bool(answer == b"written")

    async def _put_up(self, fence: str, error: StoreUnavailable) -> None:
        """Make sure that a script which was sent, and may still be on its way, does nothing from now on."""
        try:
            await self._redis.read("SET", fence, "1", "EX", _FENCE_S)
        except StoreUnavailable:
            raise error from None


def _entries(rows: Sequence[Any], after: int = 0) -> list[Entry]:
    """Return the entries of an answer of Redis: rows of an id and a list of names and values."""
    entries = []
    for stored_id, fields in rows:
        seq, _, part = stored_id.decode().partition("-")
        if int(seq) <= after:
            continue
        values = dict(zip(fields[::2], fields[1::2], strict=True))
        if part != "0" or values.keys() != {b"body", b"hash"}:
            raise LedgerDamaged("must have a body and a hash", seq=int(seq), value=stored_id.decode())
        entries.append(read_entry(values[b"body"], values[b"hash"].decode(errors="replace"), int(seq)))
    return entries
