"""TLS of the service's own listeners: a certificate, and where it is asked for, one of each client."""

from __future__ import annotations

import ssl
from pathlib import Path

from traffic.errors import InputError

__all__ = ["server_tls"]


def server_tls(
    cert: Path | None, key: Path | None, client_ca: Path | None, *, prefix: str = ""
) -> ssl.SSLContext | None:
    """Return the TLS context of a listener, or `None` where it has no certificate.

    Parameters
    ----------
    cert, key
        PEM files of the certificate, with the chain to its authority, and of its key.
    client_ca
        PEM file of the authority whose certificates clients must have; `None`: they need none.
    prefix
        What the names of these settings begin with.
    """
    if cert is None or key is None:
        return None
    for name, file in (("tls_cert", cert), ("tls_key", key), ("tls_client_ca", client_ca)):
        _require_readable(f"{prefix}{name}", file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a password of our own, the library would ask for one on the terminal.
        context.load_cert_chain(cert, key, password="")
    except (ssl.SSLError, ValueError) as error:
        rule = "must be a certificate in PEM, and tls_key its key without a passphrase"
        raise InputError(rule, file=cert, field=f"{prefix}tls_cert", value=_reason(error)) from None
    if client_ca is not None:
        try:
            context.load_verify_locations(client_ca)
        except ssl.SSLError as error:
            rule = "must be certificates of authorities in PEM"
            raise InputError(
                rule, file=client_ca, field=f"{prefix}tls_client_ca", value=_reason(error)
            ) from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _require_readable(field: str, file: Path | None) -> None:
    if file is None:
        return
    try:
        file.read_bytes()
    except OSError as error:
        rule = "must be a file that can be read"
        raise InputError(rule, file=file, field=field, value=error.strerror) from None


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error)
