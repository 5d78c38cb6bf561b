"""Types of the values in commands, statuses and alarms: nearly all of them are sent as text.

`Argument.check` holds what the schemas of the list hold; `Argument.check_range` also the ranges, which stand in the
list but not in its schemas. Values that are sent, and commands that arrive, keep to both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from signals.rsmp.members import SECRET, Members, is_secret, timestamp_value
from traffic.errors import InputError

__all__ = [
    "Argument",
    "ArgumentKind",
    "boolean",
    "booleans",
    "choice",
    "choices",
    "integer",
    "integers",
    "records",
    "text",
    "timestamp",
]

ArgumentKind = Literal[
    "string", "integer", "boolean", "timestamp", "integer_list", "boolean_list", "string_list", "array"
]

_INTEGER = "-?[0-9]{1,9}"
_FORMS: dict[str, tuple[re.Pattern[str], str]] = {
    "integer": (re.compile(_INTEGER), "must be a whole number, as text"),
    "boolean": (re.compile("True|False"), "must be True or False"),
    "integer_list": (
        re.compile(f"{_INTEGER}(,{_INTEGER})*"),
        "must be whole numbers with commas between them",
    ),
    "boolean_list": (
        re.compile("(True|False)(,(True|False))*"),
        "must be True and False with commas between them",
    ),
}


@dataclass(frozen=True)
class Argument:
    """One argument of a command, or one value of a status or an alarm.

    Attributes
    ----------
    low, high
        Range of a whole number, or of each in a list.
    values
        The words that are allowed; empty: any text.
    pattern
        What the text must match as a whole.
    parts
        Members of each object of an array.
    """

    name: str
    kind: ArgumentKind
    low: int | None = None
    high: int | None = None
    values: tuple[str, ...] = ()
    optional: bool = False
    pattern: str | None = None
    parts: tuple[Argument, ...] = ()

    def check(self, value: object, field: str) -> None:
        """Raise `InputError` if the schemas would refuse `value`."""
        if self.kind == "array":
            self._check_array(value, field)
            return
        shown = SECRET if is_secret(self.name) else value
        if not isinstance(value, str):
            raise InputError("must be text", field=field, value=shown)
        if self.kind == "timestamp":
            timestamp_value(value, field)
        elif self.kind in _FORMS:
            form, rule = _FORMS[self.kind]
            if form.fullmatch(value) is None:
                raise InputError(rule, field=field, value=shown)
        if self.pattern is not None and re.fullmatch(self.pattern, value, re.ASCII) is None:
            raise InputError(f"must match {self.pattern}", field=field, value=shown)
        self._check_words(value, field)

    def check_range(self, value: object, field: str) -> None:
        """Raise `InputError` if the schemas, or the ranges of the list, would refuse `value`."""
        self.check(value, field)
        if self.kind == "array" and isinstance(value, list):
            for position, row in enumerate(value):
                for part in self.parts:
                    if part.name in row:
                        part.check_range(row[part.name], f"{field}[{position}].{part.name}")
        if self.low is None or self.high is None or not isinstance(value, str):
            return
        for number in value.split(","):
            if not self.low <= int(number) <= self.high:
                raise InputError(f"must be from {self.low} to {self.high}", field=field, value=value)

    def _check_words(self, value: str, field: str) -> None:
        if not self.values:
            return
        words = value.split(",") if self.kind == "string_list" else [value]
        for word in words:
            if word not in self.values:
                raise InputError(f"must be one of {', '.join(self.values)}", field=field, value=value)

    def _check_array(self, value: object, field: str) -> None:
        if not isinstance(value, list):
            raise InputError("must be a list", field=field, value=type(value).__name__)
        names = [part.name for part in self.parts]
        for position, row in enumerate(value):
            values = Members(row, f"{field}[{position}]", only=names)
            for part in self.parts:
                if part.name in values or not part.optional:
                    part.check(values.value(part.name), values.field(part.name))


def text(name: str, *, pattern: str | None = None, optional: bool = False) -> Argument:
    """Return an argument that is any text."""
    return Argument(name, "string", pattern=pattern, optional=optional)


def choice(name: str, *values: str, optional: bool = False) -> Argument:
    """Return an argument that is one of some words."""
    return Argument(name, "string", values=values, optional=optional)


def choices(name: str, *values: str) -> Argument:
    """Return an argument that is some words with commas between them."""
    return Argument(name, "string_list", values=values)


def integer(name: str, low: int, high: int, *, optional: bool = False) -> Argument:
    """Return an argument that is a whole number."""
    return Argument(name, "integer", low, high, optional=optional)


def integers(name: str, low: int, high: int) -> Argument:
    """Return an argument that is whole numbers with commas between them."""
    return Argument(name, "integer_list", low, high)


def boolean(name: str) -> Argument:
    """Return an argument that is True or False."""
    return Argument(name, "boolean")


def booleans(name: str) -> Argument:
    """Return an argument that is True and False with commas between them."""
    return Argument(name, "boolean_list")


def timestamp(name: str) -> Argument:
    """Return an argument that is a time."""
    return Argument(name, "timestamp")


def records(name: str, *parts: Any) -> Argument:
    """Return an argument that is a list of objects."""
    return Argument(name, "array", parts=parts)
