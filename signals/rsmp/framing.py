"""Bytes to JSON objects and back: UTF-8, each message ended by a form feed.

JSON escapes control characters, so a form feed is never inside of a message, and whatever comes after one can be read
again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NoReturn

__all__ = ["FORM_FEED", "MAX_MESSAGE_BYTES", "FrameDecoder", "Garbage", "encoded"]

FORM_FEED = b"\f"
MAX_MESSAGE_BYTES = 256 * 1024
"""Far more than any message of the traffic-light list needs; a peer that sends more in one piece is not read."""


@dataclass(frozen=True)
class Garbage:
    """What stood between two form feeds and is no JSON object; the content is kept out, it may hold secrets."""

    reason: str
    size_bytes: int


def encoded(document: dict[str, Any]) -> bytes:
    """Return `document` as one frame."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8") + FORM_FEED


class FrameDecoder:
    """Puts the pieces together in which messages arrive.

    Parameters
    ----------
    limit_bytes
        Size of the largest message that is read.
    """

    def __init__(self, limit_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._limit = limit_bytes
        self._buffer = bytearray()
        self._skipped = 0  # bytes dropped of a message over the limit; 0: none is being dropped

    @property
    def waiting_bytes(self) -> int:
        """Bytes of a message whose end has not arrived."""
        return len(self._buffer)

    def feed(self, chunk: bytes) -> list[dict[str, Any] | Garbage]:
        """Return what `chunk` completes: messages, and `Garbage` in the place of what cannot be read."""
        found: list[dict[str, Any] | Garbage] = []
        *ends, rest = chunk.split(FORM_FEED)
        for part in ends:
            self._grow(part)
            if self._skipped:
                found.append(Garbage(f"must be {self._limit} bytes at most", self._skipped))
            elif self._buffer.strip(b" \t\r\n"):
                found.append(_decoded(bytes(self._buffer)))
            self._buffer.clear()
            self._skipped = 0
        self._grow(rest)
        return found

    def _grow(self, part: bytes) -> None:
        if self._skipped:
            self._skipped += len(part)
        elif len(self._buffer) + len(part) > self._limit:
            self._skipped = len(self._buffer) + len(part)
            self._buffer.clear()
        else:
            self._buffer += part


def _decoded(frame: bytes) -> dict[str, Any] | Garbage:
    try:
        text = frame.decode("utf-8")
    except UnicodeDecodeError as error:
        return Garbage(f"must be UTF-8, but byte {error.start} is not", len(frame))
    try:
        document = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        if "\\u" in text:
            json.dumps(document, ensure_ascii=False).encode(
                "utf-8"
            )  # half a surrogate pair cannot be sent back
    except json.JSONDecodeError as error:
        return Garbage(f"must be JSON, but {error.msg} at character {error.pos}", len(frame))
    except UnicodeEncodeError:
        return Garbage("must not hold half a surrogate pair", len(frame))
    except (
        ValueError,
        RecursionError,
    ):  # a key twice, NaN, numbers of thousands of digits, lists within lists
        return Garbage("must be JSON with every key once, finite numbers and few levels", len(frame))
    if not isinstance(document, dict):
        return Garbage("must be a JSON object", len(frame))
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key twice")
    return document


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
