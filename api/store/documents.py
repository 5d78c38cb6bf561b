"""Bytes under their SHA-256: plan sets, signed plans, results. Written once, never changed, checked whenever they are read."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path

from api.store.chain import digest
from api.store.connection import Store
from api.store.document_files import read_document, write_documents
from api.store.errors import StoreDamaged
from traffic.errors import InputError

__all__ = ["Documents"]

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Documents:
    """The documents of a ledger.

    Parameters
    ----------
    redis
        Where they are.
    name
        What the keys in Redis begin with.
    memory_bytes
        How many bytes of those used last are kept in memory.
    folder
        Where old ones are moved.
    """

    def __init__(
        self,
        redis: Store,
        *,
        name: str = "jasyl",
        memory_bytes: int = 64 * 2**20,
        folder: Path | None = None,
    ) -> None:
        self._redis = redis
        self._key, self._folder = f"{name}:documents", folder
        self._memory: OrderedDict[str, bytes] = OrderedDict()
        self._room = self._limit = memory_bytes

    async def get(self, name: str) -> bytes:
        """Return the document with the digest `name`.

        Raises
        ------
        InputError
            When there is none.
        StoreDamaged
            When its bytes have another digest.
        """
        if not _DIGEST.fullmatch(name):
            raise InputError("must be 64 hexadecimal digits", field="digest", value=name)
        if name in self._memory:
            self._memory.move_to_end(name)
            return self._memory[name]
        content: bytes | None = await self._redis.read("HGET", self._key, name)
        if content is None and self._folder is not None:
            content = await asyncio.to_thread(read_document, self._folder, name)
        if content is None:
            raise InputError("must be the digest of a document that is stored", field="digest", value=name)
        _require(name, content)
        self._remember(name, content)
        return content

    async def put(self, content: bytes) -> str:
        """Store a document that no entry names yet, and return its digest."""
        name = digest(content)
        await self._redis.repeatedly(lambda: self._redis.call("HSETNX", self._key, name, content))
        self._remember(name, content)
        return name

    def at_hand(self, contents: Iterable[bytes]) -> None:
        """Keep documents in memory that were stored just now, since they will be asked for."""
        for content in contents:
            self._remember(digest(content), content)

    async def move_out(self, names: Sequence[str]) -> int:
        """Move documents from Redis into files, and return how many were still there.

        Raises
        ------
        StoreDamaged
            When the bytes of one have another digest; none is moved.
        """
        if self._folder is None:
            raise InputError("must be given", field="folder of documents", hint="Give it to `Documents`")
        found = await self._redis.read("HMGET", self._key, *names) if names else []
        contents = {name: content for name, content in zip(names, found, strict=True) if content is not None}
        for name, content in contents.items():
            _require(name, content)
        if contents:
            await asyncio.to_thread(write_documents, self._folder, contents)
            await self._redis.read("HDEL", self._key, *contents)
        return len(contents)

    async def verify(self) -> int:
        """Read every document, check its digest, and return how many there are."""
        cursor, names = b"0", set()
        while True:
            cursor, found = await self._redis.read("HSCAN", self._key, cursor, "COUNT", 50)
            for name, content in zip(found[::2], found[1::2], strict=True):
                _require(name.decode(), content)
                names.add(name)
            if cursor == b"0":
                return len(names)

    def _remember(self, name: str, content: bytes) -> None:
        if name in self._memory or len(content) > self._limit:
            return
        self._memory[name] = content
        self._room -= len(content)
        while self._room < 0:
            _, dropped = self._memory.popitem(last=False)
            self._room += len(dropped)


def _require(name: str, content: bytes) -> None:
    found = digest(content)
    if found != name:
        rule = "must have the SHA-256 that it is stored under"
        raise StoreDamaged(rule, where=f"document {name}", value=found)
