"""Answers that are held back: streams and long polls. A credential has few of them, so that none takes every connection."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from api.http.problems import Problem

__all__ = ["FOR_CONTROLLERS", "FOR_PEOPLE", "HeldAnswers"]

FOR_CONTROLLERS = 4
"""A controller needs one; the others are for connections whose end has not been noticed yet."""
FOR_PEOPLE = 16


class HeldAnswers:
    """Which answers are held, by credential; where one has too many, the oldest gives way.

    Parameters
    ----------
    connections
        How many may be open; a tenth of them is left to those who do not hold one.
    """

    def __init__(self, connections: int) -> None:
        self._most = max(connections - max(connections // 10, 1), 1)
        self._held: dict[str, dict[asyncio.Future[None], None]] = {}
        self._number = 0

    def require_room(self, key: str) -> None:
        """Raise (503) where all that may be held are, and none of them is of this credential and would give way."""
        if self._number >= self._most and not self._held.get(key):
            rule = "must wait until fewer answers are held back"
            raise Problem(503, rule, field="connection", headers={"Retry-After": "5"})

    @contextmanager
    def one(self, key: str, most: int) -> Iterator[asyncio.Future[None]]:
        """Hold an answer inside the block; it is to end when the future that is handed out is done.

        Parameters
        ----------
        key
            Of the credential.
        most
            How many it may hold.
        """
        mine = self._held.setdefault(key, {})
        full = self._number >= self._most
        for oldest in list(mine)[: max(len(mine) + 1 - most, 1 if full and mine else 0)]:
            self._drop(key, oldest)
        gives_way: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._held.setdefault(key, {})[gives_way] = None
        self._number += 1
        try:
            yield gives_way
        finally:
            self._drop(key, gives_way)

    def _drop(self, key: str, one: asyncio.Future[None]) -> None:
        mine = self._held.get(key, {})
        if one in mine:
            del mine[one]
            self._number -= 1
        if not mine:
            self._held.pop(key, None)
        if not one.done():
            one.set_result(None)
