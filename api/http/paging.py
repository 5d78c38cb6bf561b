"""Pages of lists, by cursors: what a cursor holds is for the service alone to know."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import Query

from traffic.errors import InputError

__all__ = ["Cursor", "Limit", "page_of"]

_T = TypeVar("_T")

Limit = Annotated[int, Query(ge=1, le=1000, description="How many at most.")]
Cursor = Annotated[
    str | None, Query(max_length=2000, description="`next` of the page before; without it, the first page.")
]


def page_of(
    rows: Sequence[_T], key: Callable[[_T], str], limit: int, cursor: str | None
) -> tuple[Sequence[_T], str | None]:
    """Return a page of `rows` and the cursor of the next one; none where this is the last.

    Parameters
    ----------
    rows
        In the order of `key`, which is unique. A row that is gone meanwhile does not disturb.
    """
    after = None if cursor is None else _read(cursor)
    left = [row for row in rows if after is None or key(row) > after]
    page = left[:limit]
    return page, _written(key(page[-1])) if len(left) > len(page) else None


def _written(after: str) -> str:
    return base64.urlsafe_b64encode(after.encode()).rstrip(b"=").decode()


def _read(cursor: str) -> str:
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        hint = "Give the value of `next` of the page before"
        raise InputError("must be a cursor of this list", field="cursor", value=cursor, hint=hint) from error
