"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["is_file", "replacing"]


def is_file(path: str | os.PathLike[str]) -> bool:
    """Return whether there is a file, for any text: also one that no file system takes as a name."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Hand out a temporary path beside `path` that takes its place when the block ends without an error.

    Parameters
    ----------
    path
        The file to write; its folder must exist.

    Yields
    ------
    Path
        Where to write. It keeps the suffix of `path`, which some libraries choose the format by.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise InputError("must be in a folder that exists", file=target, hint="Make the folder first")
    if target.is_dir():
        raise InputError("must be a file, not a folder", file=target)
    draft = target.with_name(f".{target.stem}.{os.getpid()}.part{target.suffix}")
    try:
        yield draft
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
