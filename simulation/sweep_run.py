"""A sweep carried out: what is known already taken up, the rest handed to workers, results kept as they come."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulation.cluster import completed
from simulation.sweep import evaluate
from simulation.sweep_results import partial_path, read_results, write_results
from traffic.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from simulation.sweep import Run
    from traffic.progress import Progress

__all__ = ["Ledger", "carry_out", "opened"]

_KEEP_EVERY_S = 2.0  # the whole file is written anew each time


@dataclass
class Ledger:
    """The results of a sweep that are known so far.

    Attributes
    ----------
    runs
        All runs by key.
    path
        The file of the complete results. Until then they stand in `simulation.sweep_results.partial_path`.
    results
        Rows of the results file by key.
    resumed
        How many of them were known before.
    dropped
        Results found that are none of this sweep: of other factors, or from before a file or Jasyl has changed.
    """

    runs: dict[str, Run]
    path: Path
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    resumed: int = 0
    dropped: int = 0

    def open_runs(self) -> dict[str, Run]:
        """Return the runs without a result."""
        return {key: run for key, run in self.runs.items() if key not in self.results}

    def enter(self, key: str, figures: dict[str, float]) -> None:
        """Take up a result."""
        self.results[key] = {**self.runs[key].factors(), **figures}

    def rows(self) -> list[dict[str, Any]]:
        """Return the results in the order of the runs."""
        return [self.results[key] for key in self.runs if key in self.results]

    def keep(self) -> None:
        """Write what is known: to `path` if that is all, else to the partial file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = partial_path(self.path)
        if self.open_runs():
            write_results(self.rows(), partial)
            return
        write_results(self.rows(), self.path)
        partial.unlink(missing_ok=True)


def opened(runs: tuple[Run, ...], path: Path, *, resume: bool) -> Ledger:
    """Return the ledger of a sweep, with the results that are there already if it is to be resumed."""
    ledger = Ledger({run.key: run for run in runs}, path)
    partial = partial_path(path)
    if not resume:
        if partial.exists():
            rule = "must not replace the results of a sweep that was interrupted"
            hint = "Go on with it by --resume, remove the file, or choose another --output"
            raise InputError(rule, file=partial, field="--output", hint=hint)
        return ledger
    for row in [*read_results(path), *read_results(partial)]:
        key = str(row["key"])
        if key in ledger.runs:
            ledger.results[key] = row
        else:
            ledger.dropped += 1
    ledger.resumed = len(ledger.results)
    return ledger


def carry_out(
    ledger: Ledger,
    *,
    workers: int = 2,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> None:
    """Compute what a ledger lacks, and keep it: every few seconds, and whatever ends this.

    Parameters
    ----------
    workers, scheduler
        Who does the work: see `simulation.cluster.completed`.
    """
    kept = time.monotonic()
    # the prefix is what Dask sums up its tasks by
    tasks = {f"jasyl-{key}": run for key, run in ledger.open_runs().items()}
    try:
        with closing(completed(evaluate, tasks, workers=workers, scheduler=scheduler)) as results:
            for name, figures in results:
                ledger.enter(name.removeprefix("jasyl-"), figures)
                if progress is not None:
                    progress(
                        len(ledger.results), len(ledger.runs), f"{len(ledger.results)} of {len(ledger.runs)}"
                    )
                if time.monotonic() - kept > _KEEP_EVERY_S:
                    ledger.keep()
                    kept = time.monotonic()
    finally:
        if len(ledger.results) > ledger.resumed or not ledger.open_runs():
            ledger.keep()
