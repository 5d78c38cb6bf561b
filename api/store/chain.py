"""Entries of the ledger and the chain of their hashes: pure functions, no Redis.

An entry is stored as its body, canonical JSON of all members but the hash, and the SHA-256 of the body. The body names
the hash of the entry before, so nothing can be changed, taken out or put in without breaking every later hash.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Protocol

from api.store.errors import LedgerDamaged
from traffic.errors import InputError

__all__ = [
    "GENESIS",
    "Entry",
    "Fact",
    "canonical",
    "digest",
    "entry_of",
    "follow_on",
    "read_entry",
    "seal",
    "stamp",
    "to_milliseconds",
]

GENESIS = "0" * 64
"""What the first entry gives as the hash of the one before."""

_MEMBERS = ("at", "command", "data", "kind", "previous", "seq", "who", "why")
_MAX_TEXT = {"command": 200, "kind": 100, "who": 300, "why": 4000}
_MAX_BODY = 4 * 2**20


class Fact(Protocol):
    """What a decision states: the kind of what happened, and its particulars as plain values."""

    @property
    def kind(self) -> str:
        """What happened: ``plan_set.published``."""
        ...

    @property
    def data(self) -> Mapping[str, Any]:
        """The particulars, of what JSON has."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """A fact of the ledger.

    Parameters
    ----------
    seq
        The number of the entry, from 1 without gaps.
    at
        When it was decided (UTC, whole milliseconds).
    who, why
        Who gave the command, and the reason given.
    kind, data
        The fact.
    command
        The id of the command; its facts share it.
    previous, hash
        The hash of the entry before, and of this one.
    """

    seq: int
    at: datetime
    who: str
    why: str
    kind: str
    data: Mapping[str, Any]
    command: str
    previous: str
    hash: str

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as plain values, as it is shown to auditors."""
        return {
            "at": stamp(self.at),
            "command": self.command,
            "data": dict(self.data),
            "hash": self.hash,
            "kind": self.kind,
            "previous": self.previous,
            "seq": self.seq,
            "who": self.who,
            "why": self.why,
        }


def canonical(value: object, *, field: str = "data") -> bytes:
    """Return plain values as canonical JSON: sorted keys, no spaces, UTF-8."""
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        hint = "Use objects with text as keys, lists, texts, finite numbers, true, false and null"
        raise InputError("must be what JSON has", field=field, value=str(error), hint=hint) from error


def digest(content: bytes) -> str:
    """Return the SHA-256 of `content` in hexadecimal digits."""
    return sha256(content).hexdigest()


def to_milliseconds(at: datetime) -> datetime:
    """Return a time in UTC, cut to whole milliseconds."""
    if at.tzinfo is None:
        raise InputError("must have a time zone", field="time", value=at.isoformat())
    return at.astimezone(UTC).replace(microsecond=at.microsecond // 1000 * 1000)


def stamp(at: datetime) -> str:
    """Return a time as it is written: ``2026-11-27T12:00:00.000Z``."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seal(
    fact: Fact, *, seq: int, previous: str, at: datetime, who: str, why: str, command: str
) -> tuple[Entry, bytes]:
    """Return the entry of a fact and its body.

    The entry holds what was read back from the body, so that whoever writes it has the same as whoever reads it.

    Raises
    ------
    InputError
        For a fact that JSON cannot hold, or too long a text.
    """
    texts = {"command": command, "kind": fact.kind, "who": who, "why": why}
    for field, limit in _MAX_TEXT.items():
        if not isinstance(texts[field], str) or len(texts[field]) > limit:
            raise InputError(f"must be text of at most {limit} characters", field=field, value=texts[field])
    members = {**texts, "at": stamp(at), "data": dict(fact.data), "previous": previous, "seq": seq}
    body = canonical(members)
    if len(body) > _MAX_BODY:
        rule = f"must be at most {_MAX_BODY} bytes as JSON"
        raise InputError(rule, field=f"{fact.kind}, data", value=f"{len(body)} bytes")
    return read_entry(body, digest(body), seq), body


def read_entry(body: bytes, stored_hash: str, seq: int) -> Entry:
    """Return the entry that is stored as number `seq`, or raise `LedgerDamaged`."""
    if digest(body) != stored_hash:
        raise LedgerDamaged("must have the hash that is stored with it", seq=seq, value=stored_hash)
    try:
        members = json.loads(body.decode())
        at = datetime.fromisoformat(members["at"])
        entry = Entry(hash=stored_hash, **{**members, "at": at})
    except (TypeError, ValueError, KeyError, RecursionError) as error:
        raise LedgerDamaged(
            f"must have the members {', '.join(_MEMBERS)}", seq=seq, value=str(error)
        ) from error
    if entry.seq != seq or not isinstance(entry.data, dict):
        raise LedgerDamaged("must carry the number that it is stored under", seq=seq, value=entry.seq)
    return entry


def entry_of(members: Mapping[str, Any], seq: int) -> Entry:
    """Return the entry number `seq` of its plain values with the hash, as `Entry.to_dict` gives them."""
    if not isinstance(members, Mapping):
        raise LedgerDamaged("must be an object", seq=seq)
    body = {name: value for name, value in members.items() if name != "hash"}
    return read_entry(canonical(body), str(members.get("hash")), seq)


def follow_on(entry: Entry, seq: int, previous: str) -> Entry:
    """Return `entry` if it follows the entry `seq` with the hash `previous`, or raise `LedgerDamaged`."""
    if entry.seq != seq + 1:
        raise LedgerDamaged(f"must be there: entry {entry.seq} follows entry {seq}", seq=seq + 1)
    if entry.previous != previous:
        rule = "must name the hash of the entry before"
        raise LedgerDamaged(rule, seq=entry.seq, value=entry.previous)
    return entry
