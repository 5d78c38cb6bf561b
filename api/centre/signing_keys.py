"""The service's own keys: PEM files in a folder that nobody else can read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from signals.signing import Signer
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["load_keys", "new_key"]

_PATTERN = "*.pem"


def load_keys(folder: Path) -> Mapping[str, Signer]:
    """Return the keys of a folder by their names; where there is none, one is made.

    Raises
    ------
    InputError
        Where a file is no key, or others may read it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = sorted(folder.glob(_PATTERN))
    if not files:
        new_key(folder)
        files = sorted(folder.glob(_PATTERN))
    signers = []
    for file in files:
        mode = file.stat().st_mode & 0o777
        if mode & 0o077:
            hint = f"Close it: chmod 600 {file}; then rotate the key, for others may have read it"
            raise InputError("must be readable by nobody else", file=file, value=f"{mode:o}", hint=hint)
        try:
            signers.append(Signer.from_pem(file.read_bytes()))
        except InputError as error:
            raise InputError(error.rule, file=file, field=error.field, hint=error.hint) from error
    return {signer.kid: signer for signer in signers}


def new_key(folder: Path) -> Signer:
    """Make a key in a folder, and return it once it is on disk."""
    signer = Signer.new()
    draft = folder / f".{signer.kid}.part"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(signer.to_pem())
        stream.flush()
        os.fsync(stream.fileno())
    draft.rename(folder / f"{signer.kid}.pem")
    parent = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)
    return signer
