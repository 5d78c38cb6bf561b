"""Secrets are taken out of text before anybody reads it: tokens, signed documents, passwords."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["MASK", "mask", "masked_values"]

MASK = "***"
"""What stands in the place of a secret."""

# Strangers write what is looked through here, so nothing that repeats may be read again from each of its places.
_SECRETS = re.compile(
    r"(?P<token>jsy_)[A-Za-z0-9_\-.]+"
    r"|(?P<scheme>\b(?:bearer|basic|digest)\s+)[A-Za-z0-9+/=_\-.~]{4,}"
    r"|(?P<jws>(?-i:eyJ))[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]*){0,2}"
    r"|(?P<url>(?<=[a-z0-9+.\-])://[^\s/@:\"']*:)[^\s/\"']+(?=@)"
    r"|(?P<key>-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?:-----END|$)",
    re.IGNORECASE | re.DOTALL,
)
_SECRET_NAMES = re.compile(
    r"authorization|cookie|credential|passw|passphrase|private_?key|secret|security_?code|token$",
    re.IGNORECASE,
)


def mask(text: str) -> str:
    """Return `text` without tokens, credentials, signed documents, private keys and passwords in addresses.

    What says of which kind the secret was stays, so that a reader knows what stood there.
    """
    return _SECRETS.sub(_kept, text)


def _kept(found: re.Match[str]) -> str:
    return next(part for part in found.groups() if part is not None) + MASK


def masked_values(values: Mapping[str, object]) -> dict[str, object]:
    """Return `values` without those whose name says that they are secret, at any depth."""
    return {name: _masked(name, value) for name, value in values.items()}


def _masked(name: object, value: object) -> object:
    if isinstance(name, str) and value is not None and _SECRET_NAMES.search(name):
        return MASK
    if isinstance(value, Mapping):
        return {key: _masked(key, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(None, item) for item in value]
    return value
