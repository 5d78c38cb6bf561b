"""Dask: independent tasks on worker processes, of this machine or of a cluster. The only importer of distributed."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

import dask
from distributed import Client, KilledWorker, LocalCluster, as_completed
from distributed.comm import connect

from traffic.errors import InputError, JasylError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

__all__ = ["ClusterLostError", "completed"]

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

_LOOPBACK = "127.0.0.1"
_RESTART_S = 30.0


class ClusterLostError(JasylError):
    """The scheduler went away, or a task's workers died again and again."""


def completed(
    function: Callable[[_Task], _Result],
    tasks: Mapping[str, _Task],
    *,
    workers: int = 2,
    scheduler: str | None = None,
    timeout_s: float = 10.0,
) -> Generator[tuple[str, _Result], None, None]:
    """Yield key and result of every task, each once, in the order in which they are done.

    What a lost worker was working on, and results that were lost with it, are done again by others. An error that
    `function` raises is raised here.

    Parameters
    ----------
    function
        Can be pickled, as tasks and results can.
    tasks
        By key: two tasks of one key are one task, also among all users of a scheduler.
    workers
        Processes of this machine.
    scheduler
        Address of a scheduler whose workers do the work instead.
    timeout_s
        How long a scheduler may take to answer and to have a worker.
    """
    if not tasks:
        return
    with ExitStack() as stack:
        if scheduler is None:
            client = stack.enter_context(_local(min(workers, len(tasks))))
        else:
            client = stack.enter_context(_connected(scheduler, timeout_s))
        futures = client.map(function, list(tasks.values()), key=list(tasks), pure=False, batch_size=1000)
        for future in as_completed(futures, loop=client.loop):
            try:
                result = future.result()
            except KilledWorker as error:
                died = f"workers died {error.allowed_failures + 1} times over one task ({future.key})"
                raise ClusterLostError(f"{died}; is there memory enough for one run?") from error
            except CancelledError as error:
                raise ClusterLostError("the scheduler was lost, or somebody cancelled the tasks") from error
            yield str(future.key), result
            future.release()


@contextmanager
def _local(workers: int) -> Iterator[Client]:
    """Start worker processes on this machine, that nobody else can reach, and end them."""
    with (
        tempfile.TemporaryDirectory(prefix="jasyl-") as folder,
        dask.config.set({"temporary-directory": folder}),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host=_LOOPBACK,
            dashboard_address=None,
            scheduler_kwargs={"dashboard": False, "dashboard_address": f"{_LOOPBACK}:0"},
            silence_logs=logging.CRITICAL,  # lost workers are what is put up with here
            memory_limit=0,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        try:
            yield client
        finally:
            # a cluster that is closed while a worker is being started again fails to close
            with suppress(TimeoutError):
                client.wait_for_workers(workers, timeout=_RESTART_S)


@contextmanager
def _connected(address: str, timeout_s: float) -> Iterator[Client]:
    """Connect to a scheduler that has a worker."""
    hint = "Start one with `dask scheduler`, and its workers with `dask worker ADDRESS`"
    try:
        asyncio.run(_answered(address, timeout_s))
        client = Client(address, timeout=timeout_s, set_as_default=False)
    except (OSError, ValueError) as error:
        rule = f"must be the address of a Dask scheduler that answers within {timeout_s:g} s"
        raise InputError(rule, field="--scheduler", value=address, hint=hint) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=timeout_s)
        except TimeoutError as error:
            rule = f"must be a scheduler that has a worker within {timeout_s:g} s"
            raise InputError(rule, field="--scheduler", value=address, hint=hint) from error
        yield client


async def _answered(address: str, timeout_s: float) -> None:
    """Raise an error unless something of Dask answers: a client that failed to connect cannot be closed in peace."""
    # connect() itself waits for ever for a server that takes the connection and says nothing
    comm = await asyncio.wait_for(connect(address, timeout=timeout_s), timeout_s)
    await comm.close()
