"""Plain values, as they come in JSON from elsewhere, read with suspicion.

The controller has readers of its own: those of `signals.wire` know the plan class, and the last gate must not.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traffic.errors import InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

__all__ = [
    "choice",
    "instant",
    "items",
    "json_value",
    "record",
    "shown_instant",
    "text",
    "time_of_day",
    "whole",
]

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", re.ASCII)


def record(value: object, keys: Sequence[str], where: str, *, others: bool = False) -> Mapping[str, Any]:
    """Return `value` if it is an object that has `keys`, and no others unless they are let in."""
    if not isinstance(value, dict):
        raise InputError("must be an object", field=where, value=value)
    for key in keys:
        if key not in value:
            raise InputError(f"must have the key {key!r}", field=where, value=sorted(map(str, value)))
    for key in value:
        if key not in keys and not others:
            hint = f"Known are {', '.join(keys)}"
            raise InputError("must be a known key", field=where, value=key, hint=hint)
    return value


def items(value: object, where: str) -> list[Any]:
    """Return `value` if it is a list."""
    if not isinstance(value, list):
        raise InputError("must be a list", field=where, value=value)
    return value


def text(value: object, where: str, *, empty: bool = False) -> str:
    """Return `value` if it is text."""
    if not isinstance(value, str) or not (value or empty):
        raise InputError("must be text", field=where, value=value)
    return value


def whole(value: object, where: str, *, low: int = 0, high: int | None = None) -> int:
    """Return `value` if it is a whole number within bounds; true and 1.0 are none."""
    if type(value) is not int:
        raise InputError("must be a whole number", field=where, value=value)
    if value < low or (high is not None and value > high):
        rule = f"must be {low} or more" if high is None else f"must be from {low} to {high}"
        raise InputError(rule, field=where, value=value)
    return value


def choice(value: object, known: Sequence[str], where: str) -> str:
    """Return `value` if it is one of the `known` words."""
    if not isinstance(value, str) or value not in known:
        raise InputError(f"must be one of {', '.join(known)}", field=where, value=value)
    return value


def time_of_day(value: object, where: str) -> int:
    """Return seconds after midnight of a time as ``"06:30"`` or ``"06:30:15"``."""
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise InputError("must be a time from 00:00 to 23:59:59", field=where, value=value)
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def instant(value: object, where: str) -> float:
    """Return the POSIX seconds of an instant as ``"2026-11-27T12:00:00.000Z"``."""
    hint = 'Write UTC with a Z: "2026-11-27T12:00:00.000Z"'
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise InputError("must be an instant", field=where, value=value, hint=hint)
    try:
        return datetime.fromisoformat(value).timestamp()
    except ValueError:
        raise InputError("must be an instant", field=where, value=value, hint=hint) from None


def shown_instant(posix_s: float) -> str:
    """Return POSIX seconds as UTC with milliseconds and Z."""
    return datetime.fromtimestamp(posix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def json_value(path: str | os.PathLike[str]) -> object:
    """Return what a JSON file holds; a key that is given twice, NaN and infinity are refused."""
    file = Path(path)
    try:
        content = file.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise InputError("must be a file that exists", file=file, hint="Check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        rule = "must be a readable file in UTF-8"
        raise InputError(rule, file=file, field="file content", value=str(error)) from error
    try:
        return json.loads(content, object_pairs_hook=_unique, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise InputError("must be JSON", file=file, field="file content", value=str(error)) from error
    except InputError as error:
        raise InputError(error.rule, file=file, field=error.field, value=error.value) from error


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise InputError("must not give a key twice", field=twice)
    return dict(pairs)


def _no_number(word: str) -> object:
    raise InputError("must be a number", field="file content", value=word)
