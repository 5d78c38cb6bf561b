"""Documents that nobody needs any more as files under their digest: complete, on disk, and found again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

__all__ = ["read_document", "write_documents"]

_DRAFT = ".part"


def write_documents(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write documents by their digests; they are on disk when this returns."""
    places = {name: _place(folder, name) for name in contents}
    for path in places.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    for name, path in places.items():
        draft = path.with_name(path.name + _DRAFT)
        with draft.open("wb") as file:
            file.write(contents[name])
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    for own in {path.parent for path in places.values()} | {folder, folder.parent}:
        _folder_to_disk(own)


def read_document(folder: Path, name: str) -> bytes | None:
    """Return the bytes of a document; None where it is not there."""
    try:
        return _place(folder, name).read_bytes()
    except FileNotFoundError:
        return None


def _place(folder: Path, name: str) -> Path:
    return folder / name[:2] / name


def _folder_to_disk(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
