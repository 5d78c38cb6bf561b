"""The running service: its folder, its socket, what it opens, and a stop that leaves nobody without an answer."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import uvicorn

from api.context import Context, opened
from api.http.app import create_app
from api.http.connections import guarded
from api.http.routes import ROUTERS
from api.logs import configure_logs, logger
from api.opening import opener
from api.settings import Settings
from api.store.errors import StoreUnavailable
from api.tls import server_tls
from api.warm import warm_kernels
from traffic.errors import InputError

__all__ = ["bound_socket", "made_context", "run_service", "serve", "usable_folder"]

_BACKLOG = 4096
_KEEP_ALIVE_S = 75  # longer than controllers wait between two polls


def made_context(
    settings: Settings, tell_token: Callable[[str], None], *, change_city: bool = False
) -> Context:
    """Return the context of a service on this machine's clock, with identifiers that nobody guesses.

    Parameters
    ----------
    tell_token
        Is told the token of the first start, while there is no administrator.
    change_city
        Whether a ledger of another city goes on with this one.
    """
    return Context(
        settings=settings,
        clock=lambda: datetime.now(UTC),
        new_id=lambda: uuid.uuid4().hex,
        routers=ROUTERS,
        openers=[warm_kernels, opener(tell_token, change_city=change_city)],
        unavailable=(StoreUnavailable,),
    )


def serve(
    settings: Settings,
    announce: Callable[[str], None],
    tell_token: Callable[[str], None],
    *,
    change_city: bool = False,
) -> None:
    """Run the service until it is told to stop (SIGTERM, Ctrl-C).

    Parameters
    ----------
    announce
        Is told the address once the service answers there.
    tell_token
        Is told the token of the first start.
    change_city
        Whether a ledger of another city goes on with this one.

    Raises
    ------
    InputError
        Where the folder, the port or a certificate cannot be used.
    """
    usable_folder(settings.data_folder)
    configure_logs(settings)
    context = made_context(settings, tell_token, change_city=change_city)
    with bound_socket(settings.host, settings.port, settings.write_seconds) as listener:
        work = run_service(context, listener, announce)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(work)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - not on every system
    except ImportError:
        return None
    return uvloop.new_event_loop


async def run_service(context: Context, listener: socket.socket, announce: Callable[[str], None]) -> None:
    """Open what the service needs, answer on `listener`, and close all of it at the stop."""
    settings = context.settings
    tls = server_tls(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
    config = uvicorn.Config(
        create_app(context),
        http=guarded(settings),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=settings.graceful_seconds,
        backlog=_BACKLOG,
    )
    config.load()
    config.ssl = tls
    scheme = "http" if tls is None else "https"
    server = _Server(config, context, partial(announce, f"{scheme}://{_address(listener)}"))
    with server.stopped_by_signals():
        async with opened(context):
            await server.serve(sockets=[listener])
    logger("service").info("stopped")


class _Server(uvicorn.Server):
    """A server that lets go of held answers first when it stops, and ends well on a signal."""

    def __init__(self, config: uvicorn.Config, context: Context, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._context, self._announce = context, announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        self._announce()

    async def on_tick(self, counter: int) -> bool:
        """Return whether to stop."""
        return await super().on_tick(counter) or self._context.stopping.asked

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what waits, then wait for what is being answered."""
        self._context.stopping.ask()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `stopped_by_signals`, which sees them while the stores open too."""
        yield

    @contextmanager
    def stopped_by_signals(self) -> Iterator[None]:
        """Stop on SIGINT and SIGTERM; a second SIGINT does not wait for answers."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        interrupted = False

        def stop(number: int) -> None:
            nonlocal interrupted
            logger("service").info("stopping", signal=signal.Signals(number).name)
            self.handle_exit(number, None)
            if not self.started and not interrupted:
                interrupted = True
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop, number)
        try:
            yield
        except asyncio.CancelledError:
            if not interrupted:
                raise
            task.uncancel()
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


def usable_folder(folder: Path) -> None:
    """Make the data folder, for nobody else to read, and make sure that it can be written to."""
    hint = "Choose a folder that you may write to, with --data"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        rule = "must be a folder that can be written to"
        value = f"{folder}: {error.strerror}"
        raise InputError(rule, field="--data", value=value, hint=hint) from None


@contextmanager
def bound_socket(host: str, port: int, write_seconds: float = 30.0) -> Iterator[socket.socket]:
    """Listen, so that a port that is taken is told before anything is opened.

    Connections whose other end is gone are noticed by the system: they are asked for a sign of life, and closed when
    what was sent to them is not taken for `write_seconds`.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        hint = "Give an address of this machine, such as 127.0.0.1"
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError("must be an address", field="--host", value=f"{host}: {reason}", hint=hint) from None
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _watch_over(listener, write_seconds)
        try:
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError as error:
            raise _not_bound(error, host, port) from None
        listener.setblocking(False)  # noqa: FBT003 - the library takes it by position
        yield listener


def _watch_over(listener: socket.socket, write_seconds: float) -> None:
    """Set what accepted connections take over from their listener."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    options = {
        "TCP_KEEPIDLE": 30,
        "TCP_KEEPINTVL": 10,
        "TCP_KEEPCNT": 3,
        "TCP_USER_TIMEOUT": int(write_seconds * 1000),
    }
    for name, value in options.items():
        if hasattr(socket, name):  # not on every system
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _not_bound(error: OSError, host: str, port: int) -> InputError:
    if error.errno == errno.EADDRINUSE:
        hint = "Another program listens there: stop it, or choose another port with --port"
        return InputError("must be a port that is free", field="--port", value=port, hint=hint)
    if error.errno in {errno.EACCES, errno.EPERM}:
        hint = "Choose one of 1024 or more with --port"
        return InputError("must be a port that you may open", field="--port", value=port, hint=hint)
    hint = "Give an address of this machine, such as 127.0.0.1"
    reason = os.strerror(error.errno) if error.errno else str(error)
    return InputError(
        "must be an address of this machine", field="--host", value=f"{host}: {reason}", hint=hint
    )


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
