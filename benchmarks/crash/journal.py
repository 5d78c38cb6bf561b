"""What clients were answered, written down by themselves: one line each, on disk before they go on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["Journal", "read_journal"]


class Journal:
    """A file that only grows.

    Parameters
    ----------
    path
        The file; a line that a kill has torn is ended first.
    append_only_file
        That of Redis: its size when an answer has come says how much of it was needed for the answer.
    """

    def __init__(self, path: Path, append_only_file: Path | None = None) -> None:
        self._redis = append_only_file
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        if os.fstat(self._file).st_size:
            os.write(self._file, b"\n")

    def write(self, record: Mapping[str, Any]) -> None:
        """Append a record; it is on disk when this returns."""
        self.note({**record, "aof": self._needed()})
        os.fsync(self._file)

    def note(self, record: Mapping[str, Any]) -> None:
        """Append a record that outlasts this process, and need not outlast the machine."""
        os.write(self._file, json.dumps(record, separators=(",", ":")).encode() + b"\n")

    def _needed(self) -> int | None:
        try:
            return None if self._redis is None else self._redis.stat().st_size
        except FileNotFoundError:  # the moment in which Redis is started anew
            return None


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a file; what a kill has cut off is passed over, it was never acted on."""
    if not path.exists():
        return
    for line in path.read_bytes().splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        yield record
