"""Records as plain JSON and back, by the types of their fields; nothing but what a type names is ever made.

========================================  =========================================
type                                      JSON
========================================  =========================================
text, whole numbers, truth values, none   themselves
instant                                   text in UTC, to the microsecond
enumeration of texts                      its value
tuple of one type                         list
frozenset                                 list, sorted
mapping, table                            list of pairs in their order, which counts
dataclass                                 object of its fields
========================================  =========================================
"""

from __future__ import annotations

import collections.abc
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from hashlib import sha256
from typing import Any, Generic, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from signals.lifecycle.table import Table

__all__ = ["Codec", "codec_of"]

T = TypeVar("T")

_PLAIN = (str, int, bool, type(None))


@dataclass(frozen=True)
class Codec(Generic[T]):
    """How a type is written and read.

    Attributes
    ----------
    encode
        Gives the plain value.
    decode
        Gives what a plain value stands for; raises `ValueError` for one that stands for nothing of the type.
    shape
        The type in words, with all that it is made of.
    """

    encode: Callable[[T], Any]
    decode: Callable[[Any], T]
    shape: str

    @property
    def mark(self) -> str:
        """What changes with the names and types of fields and members: the begin of the SHA-256 of `shape`."""
        return sha256(self.shape.encode()).hexdigest()[:16]


@cache
def codec_of(kind: Any) -> Codec[Any]:
    """Return the codec of a type.

    Raises
    ------
    TypeError
        For a type that is not in the list above.
    """
    if get_origin(kind) is not None:
        return _of_arguments(kind, get_origin(kind), get_args(kind))
    if kind in _PLAIN:
        return _plain(kind)
    if kind is datetime:
        return Codec(lambda at: at.astimezone(UTC).isoformat(), _instant, "instant")
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _enumeration(kind)
    if is_dataclass(kind):
        return _record(cast("type[Any]", kind))
    raise _formless(kind)


def _of_arguments(kind: Any, origin: Any, arguments: tuple[Any, ...]) -> Codec[Any]:
    if origin in {Union, types.UnionType} and len(arguments) == 2 and type(None) in arguments:
        return _optional(codec_of(next(one for one in arguments if one is not type(None))))
    if origin is tuple and arguments[1:] == (...,):
        return _sequence(codec_of(arguments[0]), tuple, list, "tuple")
    if origin is frozenset:
        return _sequence(codec_of(arguments[0]), frozenset, sorted, "frozenset")
    if origin is Table:
        return _pairs(codec_of(str), codec_of(arguments[0]), Table.of, "table")
    if origin is collections.abc.Mapping:
        return _pairs(codec_of(arguments[0]), codec_of(arguments[1]), dict, "mapping")
    raise _formless(kind)


def _formless(kind: Any) -> TypeError:
    return TypeError(f"{kind} has no form in JSON")


def _plain(kind: type[Any]) -> Codec[Any]:
    def decode(value: Any) -> Any:
        if type(value) is not kind:
            raise ValueError(f"must be {kind.__name__}, and is {value!r:.80}")
        return value

    return Codec(lambda value: value, decode, kind.__name__)


def _instant(value: Any) -> datetime:
    at = datetime.fromisoformat(_checked(value, str))
    if at.tzinfo is None:
        raise ValueError(f"must have a time zone: {value}")
    return at.astimezone(UTC)


def _optional(one: Codec[Any]) -> Codec[Any]:
    return Codec(
        lambda value: None if value is None else one.encode(value),
        lambda value: None if value is None else one.decode(value),
        f"{one.shape}?",
    )


def _sequence(
    one: Codec[Any],
    made: Callable[[Iterable[Any]], Any],
    ordered: Callable[[Iterable[Any]], list[Any]],
    name: str,
) -> Codec[Any]:
    return Codec(
        lambda values: ordered(map(one.encode, values)),
        lambda values: made(map(one.decode, _checked(values, list))),
        f"{name}[{one.shape}]",
    )


def _pairs(
    key: Codec[Any], one: Codec[Any], made: Callable[[Iterable[tuple[Any, Any]]], Any], name: str
) -> Codec[Any]:
    return Codec(
        lambda values: [[key.encode(name), one.encode(value)] for name, value in values.items()],
        lambda values: made(
            [(key.decode(name), one.decode(value)) for name, value in _checked(values, list)]
        ),
        f"{name}[{key.shape}, {one.shape}]",
    )


def _enumeration(kind: type[StrEnum]) -> Codec[Any]:
    members = ", ".join(member.value for member in kind)
    return Codec(lambda member: member.value, kind, f"{kind.__name__}({members})")


def _record(kind: type[Any]) -> Codec[Any]:
    hints = get_type_hints(kind)
    parts = [(field.name, codec_of(hints[field.name])) for field in fields(kind)]
    names = {name for name, _ in parts}

    def encode(record: Any) -> dict[str, Any]:
        return {name: part.encode(getattr(record, name)) for name, part in parts}

    def decode(value: Any) -> Any:
        if _checked(value, dict).keys() != names:
            raise ValueError(f"must have the members of {kind.__name__}: {', '.join(sorted(names))}")
        return kind(**{name: part.decode(value[name]) for name, part in parts})

    shape = ", ".join(f"{name}: {part.shape}" for name, part in parts)
    return Codec(encode, decode, f"{kind.__name__}({shape})")


def _checked(value: Any, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise ValueError(f"must be {kind.__name__}, and is {value!r:.80}")  # noqa: TRY004 - a value that was read
    return value
