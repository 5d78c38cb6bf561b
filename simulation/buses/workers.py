"""Runs of a study shared among processes: what they are made from is sent to each process once."""

from __future__ import annotations

import gc
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, TypeVar

from traffic.errors import JasylError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["WorkerLostError", "made"]

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


class WorkerLostError(JasylError):
    """A process died: most often there was no memory left for it."""


def made(
    function: Callable[[_Task], _Result], tasks: Sequence[_Task], *, workers: int = 1
) -> Iterator[tuple[_Task, _Result]]:
    """Yield tasks and their results in the order of the tasks.

    Parameters
    ----------
    function
        Can be pickled, and gives the same in every process.
    workers
        How many processes; with one, or one task, it is this process that works.
    """
    workers = min(workers, len(tasks))
    if workers <= 1:
        yield from ((task, function(task)) for task in tasks)
        return
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_begin, initargs=(function,)
    )
    try:
        yield from zip(tasks, pool.map(_work, tasks), strict=True)
    except BrokenProcessPool as error:
        message = "a process that replayed a day died; is there memory enough? Try it with fewer workers"
        raise WorkerLostError(message) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_kept: dict[str, Callable[[Any], Any]] = {}


def _begin(function: Callable[[Any], Any]) -> None:
    """Keep what all tasks of this process are made with, out of the way of the garbage collector."""
    _kept["function"] = function
    gc.collect()
    gc.freeze()


def _work(task: Any) -> Any:
    return _kept["function"](task)
