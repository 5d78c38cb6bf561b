"""Names of columns that people write down: which column of their table holds what."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traffic.errors import InputError

if TYPE_CHECKING:
    import os

__all__ = ["checked_names", "example_of", "read_names"]


def read_names(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a TOML file."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError("must be a file that exists", file=path, hint="Check the path") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError("must be TOML", file=path, value=str(error)) from error


def checked_names(
    names: Mapping[str, Any], meaning: type[Any], needed: Sequence[str], *, file: object = None
) -> Mapping[str, str]:
    """Return what a dictionary, or the table ``[columns]`` in it, says for the fields of a dataclass of texts."""
    inner = names.get("columns", names)
    if not isinstance(inner, Mapping):
        raise InputError("must be a table", file=file, field="columns", value=inner)
    known = [field.name for field in fields(meaning)]
    for name, value in inner.items():
        if name not in known:
            raise InputError(f"must be one of {', '.join(known)}", file=file, field="columns", value=name)
        if not isinstance(value, str):
            raise InputError("must be a text", file=file, field=f"columns.{name}", value=value)
    missing = [name for name in needed if name not in inner]
    if missing:
        hint = "Name the column that holds it"
        raise InputError("must be given", file=file, field=f"columns.{missing[0]}", hint=hint)
    return inner


def example_of(words: Mapping[str, Sequence[str]], columns: Collection[str]) -> str:
    """Return a map in TOML for a table: for each field the column that has one of some words for its name, else ``"..."``."""
    given = {name.lower(): name for name in columns}
    pairs = []
    for field, likely in words.items():
        found = next((given[word] for word in (field, *likely) if word in given), "...")
        pairs.append(f'{field} = "{found}"')
    return f"columns = {{ {', '.join(pairs)} }}"
