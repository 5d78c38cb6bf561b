"""What is owed to the service: reports with numbers that only grow, on disk until they are accepted.

The file has a line for each report and for each number up to which all are accepted, every line with its checksum. A report is
on disk before it is sent, so that its number can never be given to another one; a torn last line was never sent. What a write
that failed has left behind is cut off by the next one.

The first report of a new file is sent alone, and should tell nothing that another one does not: if there was a file before, which
is lost, the service takes it for an old one.
"""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from itertools import islice, takewhile
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from simulation.controller.memory import sealed, sync_folder, unsealed
from simulation.controller.reading import record, whole
from traffic.errors import InputError
from traffic.files import replacing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Outbox"]

MOST_REPORTS = 5000
_COMPACT_BYTES = 262_144


class Outbox:
    """Reports that wait to be accepted.

    Parameters
    ----------
    path
        The file; its folder must exist.
    most
        How many may wait; the oldest are given up for newer ones, and `lost` counts them.

    Attributes
    ----------
    accepted_until, last
        Numbers of the last report that was accepted, and of the last one.
    """

    def __init__(self, path: str | os.PathLike[str], *, most: int = MOST_REPORTS) -> None:
        self.path, self.most = Path(path), most
        self.accepted_until = self.last = self.lost = 0
        self._waiting: deque[dict[str, Any]] = deque()
        self._lock = Lock()  # lamps add reports while the disk is waited for
        self._written = 0  # number of the last report that is on disk
        self._length = self._lines = 0  # of the file, as far as it is whole
        self._new = not self.path.exists()
        self._stale = False  # the file has other numbers
        self._synced = self._new
        if not self._new:
            self._load()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def fresh(self) -> bool:
        """Whether it is not known which numbers the service has: its answer to the first report tells."""
        return self.accepted_until == 0

    def add(self, kind: str, at: str, data: Mapping[str, Any]) -> int:
        """Add a report and return its number; it may be sent after `flush`."""
        with self._lock:
            self.last += 1
            report = {"number": self.last, "kind": kind, "at": at, "data": dict(data)}
            self._waiting.append(report)
            while len(self._waiting) > self.most:
                self._waiting.popleft()
                self.lost += 1
            return self.last

    def flush(self) -> None:
        """Write what has been added; it is on disk when this returns, and not taken for written before."""
        if self._stale:
            self._rewrite()
        with self._lock:
            new = list(takewhile(lambda report: report["number"] > self._written, reversed(self._waiting)))
            lines = [sealed({"report": report}) for report in reversed(new)]
        if lines or not self._synced:
            self._append(lines)
            self._sync_folder()
        if lines:
            self._written = new[0]["number"]
        if self._length > _COMPACT_BYTES and self._lines > 2 * len(self):
            with suppress(OSError):  # the file is whole, and only larger than it has to be
                self._rewrite()

    def batch(self, most: int) -> Sequence[Mapping[str, Any]]:
        """Return the oldest reports that are on disk, to be sent; while `fresh`, the first only."""
        if self.fresh:
            most = 1
        with self._lock:
            return [row for row in islice(self._waiting, most) if row["number"] <= self._written]

    def accept(self, until: int) -> None:
        """Note that the service has all reports up to a number; this much need not be on disk at once.

        Where it has more than have been sent, this controller has lost its memory and begun to count anew: what waits gets
        numbers that are new to the service.
        """
        whole(until, "accepted_until")
        if until > (1 if self.fresh else self.last):
            self._renumber(until)
            return
        if until <= self.accepted_until:
            return
        with self._lock:
            self._drop(until)
        if not self._stale:
            self._append([sealed({"accepted_until": until})], sync=False)

    def _append(self, lines: Sequence[bytes], *, sync: bool = True) -> None:
        """Write lines after those that are whole."""
        with self.path.open("ab") as file:
            if file.tell() > self._length:
                file.truncate(self._length)
            file.write(b"".join(lines))
            file.flush()
            if sync:
                os.fsync(file.fileno())
            self._length = file.tell()
        self._lines += len(lines)
        self._synced = self._synced or sync

    def _sync_folder(self) -> None:
        if self._new:
            sync_folder(self.path.parent)
            self._new = False

    def _load(self) -> None:
        """Read the file, up to a last line that is torn."""
        lines = self.path.read_bytes().splitlines(keepends=True)
        for position, line in enumerate(lines):
            try:
                self._read(unsealed(line))
            except InputError as error:
                if position == len(lines) - 1 and not line.endswith(b"\n"):
                    break  # torn by a power cut, and never sent
                where = f"line {position + 1}"
                raise InputError(error.rule, file=self.path, field=where, value=error.value) from error
            self._length, self._lines = self._length + len(line), position + 1
        self._written = self.last

    def _read(self, row: Mapping[str, Any]) -> None:
        if "report" in row:
            report = record(row["report"], ("number", "kind", "at", "data"), "report")
            self.last = whole(report["number"], "number", low=self.last + 1)
            self._waiting.append(dict(report))
            return
        until = whole(row.get("accepted_until"), "accepted_until")
        self.last = max(self.last, until)
        self._drop(until)

    def _drop(self, until: int) -> None:
        self.accepted_until = until
        while self._waiting and self._waiting[0]["number"] <= until:
            self._waiting.popleft()

    def _rewrite(self) -> None:
        with self._lock:
            written = self.last
            head = sealed({"accepted_until": max(self.accepted_until, self._first() - 1)})
            lines = [head, *(sealed({"report": report}) for report in self._waiting)]
        content = b"".join(lines)
        with replacing(self.path) as draft, draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        self._length, self._lines, self._new = len(content), len(lines), True
        self._sync_folder()
        self._written, self._synced, self._stale = written, True, False

    def _renumber(self, until: int) -> None:
        with self._lock:
            if self.fresh and self._waiting:
                self._waiting.popleft()  # the service took it for an old one; it only asked where to go on
            self.accepted_until, self.last = until, until + len(self._waiting)
            for number, report in enumerate(self._waiting, until + 1):
                report["number"] = number
            self._written, self._stale = until, True
        self._rewrite()

    def _first(self) -> int:
        return int(self._waiting[0]["number"]) if self._waiting else self.last + 1
