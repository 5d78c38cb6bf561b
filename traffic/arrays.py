"""Frozen arrays and the checks that every table of arrays shares."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from traffic.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

__all__ = ["frozen", "require", "require_finite", "require_index", "set_columns", "table_length"]


def frozen(values: object, dtype: DTypeLike) -> NDArray[Any]:
    """Return `values` as a read-only, C-contiguous array of `dtype`.

    The result never shares memory with a writeable array of the caller.
    """
    array = np.ascontiguousarray(np.asarray(values, dtype=dtype))
    if array.flags.writeable:
        array = array.copy()
        array.flags.writeable = False
    return array


def require(valid: NDArray[np.bool_], field: str, rule: str, values: NDArray[Any]) -> None:
    """Raise `InputError` naming the first value for which `valid` is false."""
    mask = np.broadcast_to(np.asarray(valid), values.shape)
    if mask.all():
        return
    first = tuple(int(i) for i in np.argwhere(~mask)[0])
    where = ", ".join(str(i) for i in first)
    raise InputError(rule, field=f"{field}[{where}]", value=values[first].item())


def require_finite(field: str, values: NDArray[Any]) -> None:
    """Raise `InputError` if any value is NaN or infinite."""
    require(np.isfinite(values), field, "must be a finite number", values)


def require_index(field: str, values: NDArray[Any], size: int, *, allow_none: bool = False) -> None:
    """Raise `InputError` unless every value indexes a table of `size` rows (-1: none)."""
    low = -1 if allow_none else 0
    require((values >= low) & (values < size), field, f"must be an index from {low} to {size - 1}", values)


def set_columns(table: Any, **columns: tuple[object, type]) -> None:
    """Set columns of a frozen table from values and dtype, as `frozen` arrays."""
    for name, (values, dtype) in columns.items():
        object.__setattr__(table, name, frozen(values, dtype))


def table_length(table: Any, *, name: str) -> int:
    """Return the common length of all array fields of `table`, or raise `InputError`."""
    lengths = {f.name: len(getattr(table, f.name)) for f in fields(table)}
    expected = next(iter(lengths.values()))
    for field, length in lengths.items():
        if length != expected:
            raise InputError(f"must have {expected} rows", field=f"{name}.{field}", value=length)
    return expected


def rows_by(keys: NDArray[np.integer[Any]], kept: NDArray[np.bool_]) -> dict[int, list[int]]:
    """Return the rows of the table that are `kept`, by their key."""
    found: dict[int, list[int]] = {}
    rows = np.flatnonzero(kept)
    for row, key in zip(rows.tolist(), keys[rows].tolist(), strict=True):
        found.setdefault(key, []).append(row)
    return found
