"""Text from outside that is shown to people in one line: names, reasons."""

from __future__ import annotations

import re

__all__ = ["as_line", "cut", "escaped", "is_line"]

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Characters that end a line, move the cursor, or turn the direction of what follows."""


def is_line(text: str) -> bool:
    """Return whether `text` is shown as one line, all of it."""
    return _UNSEEN.search(text) is None


def as_line(text: str) -> str:
    """Return `text` with a space in the place of what would not be shown in its line."""
    return _UNSEEN.sub(" ", text)


def cut(text: str, longest: int) -> str:
    """Return `text` of at most so many characters, with a mark where it was cut."""
    mark = f" ... (cut, of {len(text)} characters)"
    return text if len(text) <= longest else text[: longest - len(mark)] + mark


def escaped(text: str) -> str:
    """Return `text` with escapes, as in Python, in the place of what would not be shown in its line."""
    return _UNSEEN.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
