"""Answers to requests with an ``Idempotency-Key``: the same request sent again gets the same answer, and does nothing.

A key is claimed for a while before its request is carried out. Where a service dies in between, the request may be sent
again when the claim has run out; the id that it gives to the ledger is the same, so it is still carried out once.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.store.chain import canonical, digest
from api.store.connection import Store
from api.store.errors import KeyInUse
from api.store.scripts import CLAIM_KEY, RELEASE, SETTLE_KEY
from traffic.errors import InputError

__all__ = ["Answer", "Claim", "Idempotency", "fingerprint"]

_LONGEST_KEY = 255
_MOST_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered with.

    Parameters
    ----------
    status
        The HTTP status.
    headers
        Names and values that belong to the answer.
    body
        The bytes.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to carry out the request of a key.

    Parameters
    ----------
    key
        Where the claim is stored.
    token
        Whose claim it is.
    command
        The id for the ledger, the same whenever the request is sent again.
    """

    key: str
    token: str
    command: str


class Idempotency:
    """The idempotency keys of all who send requests.

    Parameters
    ----------
    redis
        Where they are.
    name
        What the keys in Redis begin with.
    clock
        Gives the time (with time zone).
    new_id
        Gives identifiers that nobody else gives.
    kept_for
        How long a key is known.
    lease
        How long a request may take before it may be tried again. It is for how long the requests of a service that was
        killed have to wait; one that takes longer is carried out once all the same.
    """

    def __init__(
        self,
        redis: Store,
        *,
        name: str = "jasyl",
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        kept_for: timedelta = timedelta(days=1),
        lease: timedelta = timedelta(seconds=15),
    ) -> None:
        self._redis = redis
        self._prefix = f"{name}:idempotency:"
        self._clock = clock
        self._new_id = new_id
        self._kept_ms, self._lease_ms = (span // timedelta(milliseconds=1) for span in (kept_for, lease))

    async def begin(self, actor: str, key: str, request: str) -> Claim | Answer:
        """Return the answer of a request that was carried out before, or the claim to carry it out.

        Parameters
        ----------
        actor
            Who sends it; keys of different actors have nothing to do with each other.
        key
            The idempotency key.
        request
            The `fingerprint` of the request.

        Raises
        ------
        KeyInUse
            When the key was used for another request, or this one is being carried out.
        """
        if not 1 <= len(key) <= _LONGEST_KEY or not key.isascii() or not key.isprintable():
            rule = f"must be 1 to {_LONGEST_KEY} printable ASCII characters"
            raise InputError(rule, field="Idempotency-Key", value=key)
        name = fingerprint(actor.encode(), key.encode())
        claim = Claim(self._prefix + name, self._new_id(), f"idempotency:{name}")
        now = int(self._clock().timestamp() * 1000)
        arguments = (request, claim.token, now, now + self._lease_ms, self._kept_ms)
        outcome, *rest = await self._redis.repeatedly(
            lambda: self._redis.run(CLAIM_KEY, (claim.key,), arguments)
        )
        if outcome == b"claimed":
            return claim
        if outcome == b"done":
            return _unpacked(rest[0])
        if outcome == b"busy":
            wait_s = max(1, -(-(int(rest[0]) - now) // 1000))
            raise KeyInUse("the request with this key is being carried out", retry_after_s=min(wait_s, 5))
        raise KeyInUse("this key was used for another request", retry_after_s=None)

    async def finish(self, claim: Claim, answer: Answer) -> bool:
        """Store the answer of a claimed request; give False where somebody else has claimed it since, or it is too long."""
        packed = _packed(answer)
        if len(packed) > _MOST_BYTES:
            await self.abandon(claim)
            return False
        arguments = (claim.token, packed, self._kept_ms)
        return bool(
            await self._redis.repeatedly(lambda: self._redis.run(SETTLE_KEY, (claim.key,), arguments))
        )

    async def abandon(self, claim: Claim) -> None:
        """Give up a claim, so that the request can be sent again: it was not carried out."""
        await self._redis.repeatedly(lambda: self._redis.run(RELEASE, (claim.key,), (claim.token,)))


def fingerprint(*parts: bytes) -> str:
    """Return a digest of several parts, which differs wherever any of them does."""
    return digest(b"".join(len(part).to_bytes(8, "big") + part for part in parts))


def _packed(answer: Answer) -> bytes:
    head = {"headers": [list(pair) for pair in answer.headers], "status": answer.status}
    return canonical(head, field="answer") + b"\n" + answer.body


def _unpacked(packed: bytes) -> Answer:
    head, _, body = packed.partition(b"\n")
    members = json.loads(head)
    headers = tuple((name, value) for name, value in members["headers"])
    return Answer(members["status"], headers, body)
