"""What is wrong with a feed: kept with file and line, so that somebody can mend it, while what is right is used."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

__all__ = ["FeedProblem", "Severity"]


class Severity(StrEnum):
    """What became of the record."""

    ERROR = "error"  # left out
    WARNING = "warning"  # used, perhaps otherwise than it was meant


class FeedProblem(NamedTuple):
    """One thing that is wrong.

    Attributes
    ----------
    file
        Name of the file, or of the table within a feed.
    line
        From 1, the header included; 0 where it is about the whole file.
    field, value, rule
        As in `traffic.errors.InputError`.
    """

    severity: Severity
    file: str
    line: int
    field: str
    value: str
    rule: str

    def __str__(self) -> str:
        place = f"{self.file}, line {self.line}" if self.line else self.file
        found = f" (got {self.value!r})" if self.value else ""
        return f"{place}: {self.field}: {self.rule}{found}"
