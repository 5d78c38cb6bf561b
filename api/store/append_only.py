"""The end of an append-only file that a power loss cut within a record.

Redis cuts such an end off. It does the same when a length in the middle of the file is damaged, so that all after it seems
to be one unfinished record; but then whole transactions follow, and nothing may be cut.
"""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from traffic.errors import InputError

__all__ = ["Aside", "set_aside"]

_LOG = logging.getLogger("jasyl.redis")

_NUMBERED = re.compile(r"appendonly\.aof\.(\d+)\.incr\.aof")
_RECORD = re.compile(rb"\r\n\*[1-9]\d*\r\n\$\d+\r\n")


@dataclass(frozen=True, slots=True)
class Aside:
    """A file that Redis may cut, and a copy of it.

    Parameters
    ----------
    original, copy
        The file and its copy.
    """

    original: Path
    copy: Path

    def require_torn_end(self) -> None:
        """Raise `InputError` if what was cut off is more than an unfinished write."""
        kept = self.original.stat().st_size
        with self.copy.open("rb") as file:
            file.seek(kept)
            cut = file.read()
        if _goes_on(cut):
            raise InputError(
                "must not be damaged before its end",
                file=self.original,
                field=f"byte {kept} and after",
                value=f"{len(cut)} bytes, with whole transactions among them",
                hint="Put the folder aside and restore a back-up, or see what redis-check-aof says of a copy",
            )
        _LOG.warning(
            "The last write was not finished: %d bytes are left out, and kept in %s", len(cut), self.copy
        )


def _goes_on(cut: bytes) -> bool:
    """Return whether whole records follow in what was cut off, other than those of an unfinished transaction."""
    if b"\r\n$4\r\nEXEC\r\n" in cut:
        return True
    return not cut.startswith(b"*1\r\n$5\r\nMULTI\r\n") and _RECORD.search(cut) is not None


@contextmanager
def set_aside(folder: Path) -> Iterator[Aside]:
    """Copy the append-only file that is being written; on an error the copy takes its place again."""
    original = _newest(folder)
    copy = original.with_name(f"{original.name}.torn")
    shutil.copy2(original, copy)
    try:
        yield Aside(original, copy)
    except BaseException:
        copy.replace(original)
        raise


def _newest(folder: Path) -> Path:
    """Return the append-only file that is written to: one in Redis 6, the last of a folder since Redis 7."""
    numbered = {
        int(found[1]): path
        for path in (folder / "appendonlydir").glob("appendonly.aof.*.incr.aof")
        if (found := _NUMBERED.fullmatch(path.name))
    }
    return numbered[max(numbered)] if numbered else folder / "appendonly.aof"
