"""The results of one section while they are being measured: stored after every entry, so that a run can go on later."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.report_results import AnyEntry, Made, Section, read_section, write_section
from traffic.errors import InputError

__all__ = ["Store"]


class Store:
    """The file of a section, which grows entry by entry.

    Parameters
    ----------
    resume
        Keep the entries of the file, if there is one, and measure what is not in it.
    made
        Written with each entry that is measured.

    Raises
    ------
    InputError
        Where the file to go on with is broken, or was measured otherwise (`quick`).
    """

    def __init__(self, folder: Path, name: str, *, quick: bool, resume: bool, made: Made) -> None:
        self.file, self.made = folder / f"{name}.json", made
        self._section = Section(section=name, quick=quick)
        if resume and self.file.is_file():
            found = read_section(self.file)
            if found.quick != quick:
                rule = "must be as asked for to be gone on with"
                hint = f"Run {'with' if found.quick else 'without'} --quick, or without --resume"
                raise InputError(rule, file=self.file, field="quick", value=found.quick, hint=hint)
            self._section = found.model_copy(update={"missing": {}})
        write_section(self._section, self.file)

    @property
    def entries(self) -> tuple[AnyEntry, ...]:
        """What has been measured."""
        return self._section.entries

    def has(self, key: str) -> bool:
        """Return whether an entry has been measured."""
        return any(entry.key == key for entry in self.entries)

    def measure(self, key: str, work: Callable[[], AnyEntry]) -> None:
        """Measure an entry and store it, unless it has been measured."""
        if self.has(key):
            return
        print(f"{self._section.section}: {key}", file=sys.stderr, flush=True)
        began = time.perf_counter()
        found = work()
        seconds = round(time.perf_counter() - began, 1)
        entry = found.model_copy(update={"key": key, "seconds": seconds, "made": self.made})
        self._keep(entries=(*self.entries, entry))

    def missing(self, what: str, why: str) -> None:
        """Store that something cannot be measured, and why."""
        print(f"{self._section.section}: {what}: {why}", file=sys.stderr, flush=True)
        self._keep(missing={**self._section.missing, what: why})

    def _keep(self, **changes: object) -> None:
        self._section = self._section.model_copy(update=changes)
        write_section(self._section, self.file)
