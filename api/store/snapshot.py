"""A snapshot: the state after some entry, so that a start reads only the entries after it.

An entry of the ledger names the SHA-256 of the state's JSON, so a snapshot is as safe from changes as the entries. One that does
not fit, or that another release has written in another form, is passed over: the whole ledger is read then, as it is by
every audit, which also proves that the snapshot is the state that follows from the entries.
"""

from __future__ import annotations

import asyncio
import json
import logging
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from api.store.batch import Head
from api.store.chain import Entry, canonical, digest, follow_on
from api.store.connection import Store
from api.store.errors import LedgerDamaged
from api.store.log import CHUNK, Log

__all__ = ["SNAPSHOT", "Form", "Named", "Snapshots", "Start"]

S = TypeVar("S")

SNAPSHOT = "ledger.snapshot"
"""Kind of the entries that name a snapshot; they change no state."""

_LOG = logging.getLogger("jasyl.store")

_HINT = "Find out who has changed it; without the key NAME:snapshot in Redis, a start reads the whole ledger"


@dataclass(frozen=True, slots=True)
class Form(Generic[S]):
    """How states are written.

    Parameters
    ----------
    encode
        Gives the plain value of a state; equal for states that follow from the same entries.
    decode
        Gives the state; raises `ValueError` for what is none.
    mark
        Another one for each form.
    """

    encode: Callable[[S], Any]
    decode: Callable[[Any], S]
    mark: str


@dataclass(frozen=True, slots=True)
class Named:
    """A snapshot as its entry names it.

    Parameters
    ----------
    entry
        The number of the entry that names it.
    seq, hash
        The entry that it is the state after.
    digest, size
        SHA-256 and length of its JSON.
    form
        The mark of its form.
    """

    entry: int
    seq: int
    hash: str
    digest: str
    size: int
    form: str

    def data(self) -> dict[str, Any]:
        """Return the particulars of the entry that names it."""
        return {
            "seq": self.seq,
            "hash": self.hash,
            "digest": self.digest,
            "size": self.size,
            "form": self.form,
        }


@dataclass(frozen=True, slots=True)
class Start(Generic[S]):
    """Where a replica begins.

    Parameters
    ----------
    head
        What the snapshot holds.
    before
        The entries up to it whose commands may be sent again; at least the last one.
    """

    head: Head[S]
    before: list[Entry]


class Snapshots(Generic[S]):
    """The newest snapshot of a ledger.

    Parameters
    ----------
    redis
        Where it is.
    form
        How it is written.
    name
        What the keys in Redis begin with.
    """

    def __init__(self, redis: Store, form: Form[S], *, name: str = "jasyl") -> None:
        self._redis, self._form = redis, form
        self.key = f"{name}:snapshot"
        self.passed_over: int | None = None
        """The entry that names the snapshot that the start could not use."""

    async def start(self, log: Log, since: datetime) -> Start[S] | None:
        """Return where to begin; None where there is no snapshot that fits.

        Parameters
        ----------
        since
            The time from which on commands must be known.
        """
        try:
            found = await self.found(log)
            if found is None:
                return None
            named, body = found
            self.passed_over = named.entry
            if named.form != self._form.mark:
                _LOG.warning("The snapshot has the form of another release; the whole ledger is read")
                return None
            state = await asyncio.to_thread(self._decoded, named, body)
            before = await _back_to(log, named.seq, since)
        except LedgerDamaged as error:
            _LOG.error("The snapshot does not fit, and the whole ledger is read: %s", error)
            return None
        self.passed_over = None
        return Start(Head(state, named.seq, named.hash), before)

    async def named(self, log: Log) -> Named | None:
        """Return what the ledger says of the snapshot that is stored; None where there is none.

        Raises
        ------
        LedgerDamaged
            Where the ledger does not say what is stored.
        """
        number = await self._redis.read("HGET", self.key, "entry")
        return None if number is None else await _named(log, number)

    async def found(self, log: Log) -> tuple[Named, bytes] | None:
        """Return the snapshot and what the ledger says of it, like `named`."""
        number, body = await self._redis.read("HMGET", self.key, "entry", "body")
        return None if number is None else (await _named(log, number), bytes(body or b""))

    async def made(self, head: Head[S]) -> tuple[Named, bytes]:
        """Return the snapshot of a state: what its entry, which is not there yet, is to say, and its bytes."""
        text = await asyncio.to_thread(self._text, head.state)
        named = Named(0, head.seq, head.hash, digest(text), len(text), self._form.mark)
        return named, await asyncio.to_thread(zlib.compress, text, 1)

    async def store(self, entry: int, body: bytes) -> None:
        """Put a snapshot in the place of the one before, once an entry names it."""
        values = ("entry", str(entry), "body", body)
        await self._redis.repeatedly(lambda: self._redis.call("HSET", self.key, *values))

    async def proved(self, named: Named, body: bytes, state: S) -> bool:
        """Prove that a snapshot is `state`, which follows from the entries; return False for one of another form.

        Raises
        ------
        LedgerDamaged
            Where it is another state.
        """
        if named.form != self._form.mark:
            return False
        stored = await asyncio.to_thread(self._opened, named, body)
        if await asyncio.to_thread(self._text, state) != stored:
            rule = "must have the snapshot that follows from the entries"
            raise LedgerDamaged(rule, seq=named.seq, value=named.digest, hint=_HINT)
        return True

    def _text(self, state: S) -> bytes:
        return canonical(self._form.encode(state))

    def _opened(self, named: Named, body: bytes) -> bytes:
        """Return the JSON of a snapshot."""
        try:
            text = zlib.decompressobj().decompress(body, named.size + 1)
        except zlib.error as error:
            rule = "must have a snapshot that can be read"
            raise LedgerDamaged(rule, seq=named.seq, value=str(error), hint=_HINT) from error
        if digest(text) != named.digest:
            rule = "must have the snapshot that the ledger names"
            raise LedgerDamaged(rule, seq=named.seq, value=digest(text), hint=_HINT)
        return text

    def _decoded(self, named: Named, body: bytes) -> S:
        try:
            return self._form.decode(json.loads(self._opened(named, body)))
        except (ValueError, RecursionError) as error:
            rule = "must have a snapshot of its form"
            raise LedgerDamaged(rule, seq=named.seq, value=str(error), hint=_HINT) from error


async def _named(log: Log, number: bytes) -> Named:
    """Return what an entry says of a snapshot."""
    seq = int(number) if number.isdigit() and len(number) < 19 else 0
    found = await log.read(seq, seq) if seq else []
    if not found or found[0].kind != SNAPSHOT:
        raise LedgerDamaged("must be an entry that names a snapshot", seq=seq, hint=_HINT)
    try:
        named = Named(entry=seq, **found[0].data)
    except TypeError as error:
        raise LedgerDamaged("must name a snapshot", seq=seq, value=str(error), hint=_HINT) from error
    last = await log.read(named.seq, named.seq)
    if not last or last[0].hash != named.hash:
        raise LedgerDamaged("must be the entry that the snapshot was made after", seq=named.seq, hint=_HINT)
    return named


async def _back_to(log: Log, seq: int, since: datetime) -> list[Entry]:
    """Return the entries up to `seq`, from a time on, and at least that one."""
    found: list[Entry] = []
    while seq > 0:
        first = max(1, seq + 1 - CHUNK)
        part = await log.read(first, seq)
        if len(part) < seq + 1 - first:
            raise LedgerDamaged("must be there", seq=first)
        for one, other in zip(part, [*part[1:], *found[:1]], strict=False):
            follow_on(other, one.seq, one.hash)
        found = part + found
        seq = first - 1
        if part[0].at < since:
            break
    keep = next((place for place, entry in enumerate(found) if entry.at >= since), len(found) - 1)
    return found[keep:]
