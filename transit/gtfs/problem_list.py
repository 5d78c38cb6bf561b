"""Where the parts of the reader write down what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from transit.problems import FeedProblem, Severity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.gtfs.tables import Table

__all__ = ["ProblemList"]


class ProblemList:
    """Problems of a feed, in the order in which they are found."""

    def __init__(self) -> None:
        self._found: list[FeedProblem] = []

    def error(self, file: str, field: str, rule: str, *, line: int = 0, value: str = "") -> None:
        """Keep a problem for which a record, or a file, was left out."""
        self._found.append(FeedProblem(Severity.ERROR, file, line, field, value, rule))

    def warning(self, file: str, field: str, rule: str, *, line: int = 0, value: str = "") -> None:
        """Keep a problem of something that was used all the same."""
        self._found.append(FeedProblem(Severity.WARNING, file, line, field, value, rule))

    def errors(self, table: Table, rows: NDArray[np.bool_], field: str, rule: str) -> None:
        """Keep a problem for each of some rows that are left out."""
        self._rows(Severity.ERROR, table, rows, field, rule)

    def warnings(self, table: Table, rows: NDArray[np.bool_], field: str, rule: str) -> None:
        """Keep a problem for each of some rows that are used all the same."""
        self._rows(Severity.WARNING, table, rows, field, rule)

    def _rows(self, severity: Severity, table: Table, rows: NDArray[np.bool_], field: str, rule: str) -> None:
        for row in np.flatnonzero(rows).tolist():
            line, value = int(table.line[row]), table.value(field, row)
            self._found.append(FeedProblem(severity, table.file, line, field, value, rule))

    def ordered(self) -> tuple[FeedProblem, ...]:
        """Return all problems by file and line; those of one line stay in the order in which they were found."""
        return tuple(sorted(self._found, key=lambda problem: (problem.file, problem.line)))
