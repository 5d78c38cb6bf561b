"""What runs in the processes of a crash ledger.

They are forked from a server that has imported everything: on a machine of two cores the imports would take longer than all
that the rounds are about. From there on a service runs as `jasyl serve` does, but that it compiles no kernels.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from api.logs import configure_logs
from api.serving import bound_socket, made_context, run_service, usable_folder
from api.settings import load_settings
from api.warm import warm_kernels
from benchmarks.crash.engineer import run_people
from benchmarks.crash.fleet import run_fleet

__all__ = ["Child", "start_fleet", "start_people", "start_service"]

_START_S = 300.0


class Child:
    """A process, and what it has said when it was ready.

    Parameters
    ----------
    main
        Runs there; it is given `arguments` and a function that says that it is ready, with plain values.
    log
        Gets what it prints.
    """

    def __init__(self, main: Callable[..., None], log: Path, *arguments: Any) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["benchmarks.crash.started"])
        here, there = context.Pipe(duplex=False)
        self.process: ForkServerProcess = context.Process(
            target=_run, args=(main, log, there, arguments), daemon=True
        )
        self.process.start()
        there.close()
        with here:
            if not here.poll(_START_S):
                raise RuntimeError(f"{main.__name__} is not ready after {_START_S:g} s, see {log}")
            try:
                self.said: Mapping[str, Any] = here.recv()
            except EOFError:
                text = log.read_text(encoding="utf-8")[-2000:]
                raise RuntimeError(f"{main.__name__} has ended: {text}") from None

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    @property
    def runs(self) -> bool:
        return self.process.is_alive()

    def stop(self, within_s: float) -> None:
        """Ask the process to end, and wait for it."""
        self.process.terminate()
        self.process.join(within_s)
        assert self.process.exitcode == 0, f"{self.process} has not ended well"

    def kill(self) -> None:
        """End the process at once."""
        self.process.kill()
        self.process.join()


def _run(main: Callable[..., None], log: Path, there: Connection, arguments: tuple[Any, ...]) -> None:
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for number in (1, 2):
        os.dup2(output, number)
    os.close(output)

    def ready(**values: Any) -> None:
        with suppress(BrokenPipeError):
            there.send(values)
        there.close()

    main(*arguments, ready)
    sys.stdout.flush()


def start_service(city: str, port: int, data: Path, settings: Mapping[str, str], log: Path) -> Child:
    """Start a service; it says its port, and the token of the first start."""
    return Child(_serve, log, city, port, data, dict(settings))


def start_fleet(settings: Mapping[str, Any], log: Path) -> Child:
    """Start controllers."""
    return Child(run_fleet, log, dict(settings))


def start_people(settings: Mapping[str, Any], log: Path) -> Child:
    """Let people begin to work."""
    return Child(run_people, log, dict(settings))


def _serve(
    city: str, port: int, data: Path, environment: Mapping[str, str], ready: Callable[..., None]
) -> None:
    os.environ.update(environment)
    settings = load_settings(None, city=city, port=port, data_folder=data)
    usable_folder(settings.data_folder)
    configure_logs(settings)
    tokens: list[str] = []
    context = made_context(settings, tokens.append)
    context.openers.remove(warm_kernels)
    with bound_socket(settings.host, settings.port, settings.write_seconds) as listener:
        own = listener.getsockname()[1]
        asyncio.run(
            run_service(context, listener, lambda _: ready(port=own, token=tokens[-1] if tokens else None))
        )
