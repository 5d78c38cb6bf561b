"""Memory on disk: plain values that are there whole, or as they were before, whenever the power fails.

The file is one line of JSON whose checksum stands in front. A torn or edited one is refused: the controller then runs its local
schedule until the service speaks.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traffic.errors import InputError
from traffic.files import replacing

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Memory", "sealed", "sync_folder", "unsealed"]

_DIGITS = 64


class Memory:
    """One file with what a controller must not forget.

    Parameters
    ----------
    path
        The file; its folder must exist.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def save(self, content: Mapping[str, Any]) -> None:
        """Replace what is remembered; it is on disk when this returns."""
        with replacing(self.path) as draft, draft.open("wb") as file:
            file.write(sealed(content))
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self.path.parent)

    def load(self) -> Any:
        """Return what is remembered, or `None` where there is no file.

        Raises
        ------
        InputError
            For a file that is torn or was edited.
        """
        try:
            return unsealed(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError("must be readable", file=self.path, value=str(error)) from error
        except InputError as error:
            raise InputError(error.rule, file=self.path, field=error.field, value=error.value) from error


def sealed(content: object) -> bytes:
    """Return plain values as one line that begins with its checksum."""
    text = json.dumps(content, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)
    body = text.encode()
    return hashlib.sha256(body).hexdigest().encode() + b" " + body + b"\n"


def unsealed(line: bytes) -> Any:
    """Return the plain values of a line that `sealed` made; any other is refused."""
    digest, body = line[:_DIGITS], line[_DIGITS + 1 : -1]
    whole = line[_DIGITS : _DIGITS + 1] == b" " and line[-1:] == b"\n"
    if not whole or hashlib.sha256(body).hexdigest().encode() != digest:
        raise InputError("must be whole, as it was written", field="file content", value=f"{len(line)} bytes")
    return json.loads(body)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder outlast a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
