"""Members of JSON objects, read one by one; what is wrong is said with its name, its value and the rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

from traffic.errors import InputError

__all__ = ["SECRET", "Members", "is_secret", "timestamp_text", "timestamp_value"]

SECRET = "***"  # noqa: S105 - what is shown in the place of one

_ID = re.compile(r"[a-fA-F0-9]{8}-[a-fA-F0-9]{4}-4[a-fA-F0-9]{3}-[89abAB][a-fA-F0-9]{3}-[a-fA-F0-9]{12}")
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")

_Item = TypeVar("_Item")


def is_secret(name: str) -> bool:
    """Return whether the argument called `name` holds a security code."""
    return "securitycode" in name.lower()


def timestamp_text(at: datetime) -> str:
    """Return a time as RSMP writes it: UTC with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def timestamp_value(text: object, field: str) -> datetime:
    """Return the time that `text` says, or raise `InputError`."""
    rule = "must be a time in UTC with milliseconds, such as 2026-11-27T06:30:00.000Z"
    if not isinstance(text, str) or _TIMESTAMP.fullmatch(text) is None:
        raise InputError(rule, field=field, value=text)
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # no such day or hour
        raise InputError(rule, field=field, value=text) from None


class Members:
    """The members of one JSON object.

    Parameters
    ----------
    document
        What should be an object.
    where
        Its name in errors: ``"Alarm"``, ``"StatusUpdate.sS[2]"``.
    only
        The members that it may have, where the schemas allow no others.
    """

    def __init__(self, document: object, where: str, *, only: Iterable[str] | None = None) -> None:
        if not isinstance(document, dict):
            raise InputError("must be an object", field=where, value=_kind(document))
        self.where = where
        self._values: dict[str, Any] = document
        if only is not None:
            known = set(only)
            for name in document:
                if name not in known:
                    raise InputError(
                        f"must have no members but {', '.join(sorted(known))}", field=where, value=name
                    )

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def field(self, name: str) -> str:
        """Return the name of a member in errors."""
        return f"{self.where}.{name}"

    def value(self, name: str) -> Any:
        """Return a member of any type."""
        if name not in self._values:
            raise InputError("must be there", field=self.field(name))
        return self._values[name]

    def text(self, name: str, *, secret: bool = False) -> str:
        """Return a member that is text."""
        value = self.value(name)
        if not isinstance(value, str):
            raise InputError("must be text", field=self.field(name), value=SECRET if secret else value)
        return value

    def text_or_none(self, name: str) -> str | None:
        """Return a member that is text or null."""
        return None if self.value(name) is None else self.text(name)

    def text_or_empty(self, name: str) -> str:
        """Return a member that is text, or empty text where it is absent."""
        return self.text(name) if name in self else ""

    def flag(self, name: str) -> bool:
        """Return a member that is true or false."""
        value = self.value(name)
        if not isinstance(value, bool):
            raise InputError("must be true or false", field=self.field(name), value=value)
        return value

    def choice(self, name: str, known: Iterable[str]) -> str:
        """Return a member that is one of `known`, in this casing."""
        value, names = self.value(name), list(known)
        if not isinstance(value, str) or value not in names:
            raise InputError(f"must be one of {', '.join(names)}", field=self.field(name), value=value)
        return value

    def matching(self, name: str, pattern: re.Pattern[str], rule: str) -> str:
        """Return a member that is text which `pattern` matches as a whole."""
        value = self.value(name)
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise InputError(rule, field=self.field(name), value=value)
        return value

    def identifier(self, name: str) -> str:
        """Return a member that is the id of a message."""
        return self.matching(name, _ID, "must be a UUID of version 4")

    def code(self, name: str, letter: str) -> str:
        """Return the code of a command (M), a status (S) or an alarm (A)."""
        value = self.value(name)
        if not isinstance(value, str) or not value.startswith(letter):
            raise InputError(f"must be a code that starts with {letter}", field=self.field(name), value=value)
        return value

    def time(self, name: str) -> datetime:
        """Return a member that is a time."""
        return timestamp_value(self.value(name), self.field(name))

    def items(
        self, name: str, read: Callable[[Members], _Item], *, only: Iterable[str] | None, least: int = 0
    ) -> tuple[_Item, ...]:
        """Return a member that is a list of objects, each made into what `read` returns."""
        rows = self.value(name)
        if not isinstance(rows, list):
            raise InputError("must be a list", field=self.field(name), value=_kind(rows))
        if len(rows) < least:
            raise InputError(f"must have {least} items or more", field=self.field(name), value=len(rows))
        known = None if only is None else tuple(only)
        return tuple(
            read(Members(row, f"{self.field(name)}[{position}]", only=known))
            for position, row in enumerate(rows)
        )


def _kind(value: object) -> str:
    """Return the type of `value`: values of the wrong type may be large, or secret."""
    return "null" if value is None else type(value).__name__
