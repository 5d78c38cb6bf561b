"""What commands that talk to a running service share: where it is, who asks, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from api.console import FiniteRange

if TYPE_CHECKING:
    from api.client import JasylClient

__all__ = ["Service", "instant_option", "service_options", "service_options_of_waiting", "why_option"]

_PATIENCE_S = 30.0
_FILE = click.Path(path_type=Path, dir_okay=False)
_Command = TypeVar("_Command", bound=Callable[..., Any])


class Service:
    """A service as the options name it; nothing is asked before it is opened."""

    def __init__(
        self,
        url: str | None,
        token_file: Path | None,
        ca: Path | None,
        cert: Path | None,
        key: Path | None,
        *,
        patience_s: float,
        quiet: bool,
    ) -> None:
        self._url, self._token_file, self._ca, self._cert, self._key = url, token_file, ca, cert, key
        self._patience_s, self._quiet = patience_s, quiet

    @contextmanager
    def opened(self) -> Iterator[JasylClient]:
        """Hand out a client."""
        from api.client import JasylClient
        from api.client.sending import read_token
        from traffic.errors import InputError

        if (self._cert is None) != (self._key is None):
            raise InputError("must be given together", field="--cert, --key")
        certificate = None if self._cert is None or self._key is None else (self._cert, self._key)
        token = read_token(self._token_file)
        if token is None:
            hint = "Give a file with --token-file, or set JASYL_TOKEN"
            raise InputError("must be given", field="--token-file", hint=hint)
        with JasylClient(
            self._url,
            token,
            ca=self._ca,
            certificate=certificate,
            patience_s=self._patience_s,
            notice=None if self._quiet else _tell_that_it_is_tried_again,
        ) as client:
            yield client


def _tell_that_it_is_tried_again(error: Exception, left_s: float) -> None:
    click.echo(f"{error}\nIt is tried again, for {left_s:g} s at most (--timeout).", err=True)


def service_options(command: _Command) -> _Command:
    """Add the options that say which service is asked, as whom, and for how long; the command is handed a `Service`."""
    return click.option(
        "--timeout",
        "patience_s",
        type=FiniteRange(min=0.0),
        default=_PATIENCE_S,
        show_default=True,
        help="Seconds for which a service that does not answer is asked again.",
    )(service_options_of_waiting(command))


def service_options_of_waiting(command: _Command) -> _Command:
    """Add the options of a command whose own `--timeout` says how long it waits."""
    url = click.option(
        "--url", default=None, help="Root of the service; default: JASYL_URL, else http://127.0.0.1:8000."
    )
    token = click.option(
        "--token-file",
        type=_FILE,
        default=None,
        help="File with your token, which nobody else can read; default: the variable JASYL_TOKEN.",
    )
    ca = click.option("--ca", type=_FILE, default=None, help="Authority of the service's certificate (PEM).")
    cert = click.option("--cert", type=_FILE, default=None, help="Your certificate (PEM), for mutual TLS.")
    key = click.option("--key", type=_FILE, default=None, help="Key of your certificate (PEM).")

    @wraps(command)
    def asked(
        *,
        url: str | None,
        token_file: Path | None,
        ca: Path | None,
        cert: Path | None,
        key: Path | None,
        patience_s: float = _PATIENCE_S,
        **rest: Any,
    ) -> Any:
        quiet = bool(rest.get("as_json"))
        service = Service(url, token_file, ca, cert, key, patience_s=patience_s, quiet=quiet)
        return command(service=service, **rest)

    return url(token(ca(cert(key(asked)))))  # type: ignore[return-value]


why_option = click.option("--why", required=True, help="The reason; it stands in the ledger.")


def instant_option(name: str, about: str) -> Callable[[_Command], _Command]:
    """Return an option that takes an instant with its time zone."""

    def read(_context: click.Context, _parameter: click.Parameter, value: str | None) -> datetime | None:
        from signals.instants import instant

        return None if value is None else instant(value, name)

    return click.option(name, callback=read, default=None, metavar="INSTANT", help=about)
