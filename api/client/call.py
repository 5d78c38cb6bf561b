"""A request that is not sent yet, and what such requests are made with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter

from api.client.models import PlanSet
from signals.instants import instant_text

__all__ = ["Call", "do", "do_silently", "get", "given", "plain", "reader"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Call(Generic[T_co]):
    """A request that is not sent yet.

    Attributes
    ----------
    route
        The path as the OpenAPI document has it, with `places` for what stands in braces.
    answer
        The type of the answer, for readers and tests.
    read
        Reads the answer.
    command
        Whether it is sent with an idempotency key.
    """

    method: str
    route: str
    answer: Any
    read: Callable[[httpx.Response], T_co]
    places: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str | int | float] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    command: bool = False
    key: str | None = None
    wait_s: float = 0.0

    @property
    def path(self) -> str:
        """The path, with everything in its place."""
        return self.route.format(**{name: quote(value, safe="") for name, value in self.places.items()})


def plain(value: object) -> Any:
    """Return what JSON has for a value."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def given(**values: object) -> dict[str, Any]:
    """Return the values that are given, as JSON has them."""
    return {name: plain(value) for name, value in values.items() if value is not None}


def reader(answer: type[T]) -> Callable[[httpx.Response], T]:
    """Return what reads an answer of a type."""
    adapter = TypeAdapter(answer)
    return lambda response: adapter.validate_json(response.content)


def _nothing(_response: httpx.Response) -> None:
    return None


def get(route: str, answer: type[T], places: Mapping[str, str] | None = None, **query: Any) -> Call[T]:
    """Return a question."""
    return Call("GET", route, answer, reader(answer), places or {}, given(**query))


def do(
    route: str,
    answer: type[T],
    body: Mapping[str, Any] | None,
    key: str | None,
    *,
    method: str = "POST",
    seen: PlanSet | None = None,
    **places: str,
) -> Call[T]:
    """Return a command."""
    headers = {} if seen is None else {"If-Match": seen.tag}
    read = reader(answer)
    return Call(method, route, answer, read, places, {}, headers, body, command=True, key=key)


def do_silently(route: str, body: Mapping[str, Any], key: str | None, **places: str) -> Call[None]:
    """Return a command whose answer is empty."""
    return Call("POST", route, None, _nothing, places, {}, {}, body, command=True, key=key)
