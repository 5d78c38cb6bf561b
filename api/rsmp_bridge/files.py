"""Capability files and security codes of the data folder: ``rsmp/*.toml`` and ``rsmp/secrets/<name>.toml``."""

from __future__ import annotations

import os
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from signals.junction import Junction
from signals.rsmp.capability import Capability
from signals.rsmp.capability_file import read_capability
from signals.rsmp.commissioning import require_junction
from signals.rsmp.security import SecurityCode, SecurityCodes
from traffic.errors import InputError

__all__ = ["Commissioned", "read_codes", "read_sites", "secret_file"]

_LEVELS = ("level_1", "level_2")


@dataclass(frozen=True)
class Commissioned:
    """A capability file of the data folder.

    Attributes
    ----------
    problem
        Why it cannot be used; then no site may connect by it, and nothing is published for its junction.
    """

    file: Path
    capability: Capability | None
    problem: str | None = None


def read_sites(folder: Path, junctions: Mapping[str, Junction]) -> list[Commissioned]:
    """Read the capability files of a folder against the junctions of the city; one that is wrong stops no other."""
    files = sorted([*folder.glob("*.toml"), *folder.glob("*.json")]) if folder.is_dir() else []
    found = [_read(file, folder, junctions) for file in files]
    known = [row.capability for row in found if row.capability is not None]
    sites, keys = Counter(one.site for one in known), Counter(one.junction for one in known)
    return [
        Commissioned(row.file, one, f"site {one.site}: must be the only file of its site and of its junction")
        if (one := row.capability) and (sites[one.site] > 1 or keys[one.junction] > 1)
        else row
        for row in found
    ]


def _read(file: Path, folder: Path, junctions: Mapping[str, Junction]) -> Commissioned:
    capability = None
    try:
        capability = read_capability(file)
        require_junction(capability, _junction(capability, junctions, file))
        read_codes(folder, capability.security)
    except InputError as error:
        return Commissioned(file, capability, str(error))
    return Commissioned(file, capability)


def _junction(capability: Capability, junctions: Mapping[str, Junction], file: Path) -> Junction:
    if capability.junction not in junctions:
        rule = "must be a junction of the city"
        raise InputError(rule, file=file, field="junction", value=capability.junction)
    return junctions[capability.junction]


def secret_file(folder: Path, name: str) -> Path:
    """Return where the security codes of a name are kept; other letters than a file name has are quoted."""
    return folder / "secrets" / f"{quote(name, safe=':+=')}.toml"


def read_codes(folder: Path, name: str) -> SecurityCodes:
    """Read the security codes kept under a name; no error shows one.

    Raises
    ------
    InputError
        Where there are none, or others may read them.
    """
    file = secret_file(folder, name)
    hint = 'Write level_1 = "..." and level_2 = "..." into it, and close it: chmod 600'
    try:
        with file.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode & 0o777
            if mode & 0o077:
                rule = "must be readable by nobody else"
                told = f"Close it: chmod 600 {file}; then change the codes, for others may have read them"
                raise InputError(rule, file=file, field="security codes", value=f"{mode:o}", hint=told)
            values = tomllib.load(stream)
    except FileNotFoundError:
        rule = "must be a file with the security codes of the site"
        raise InputError(rule, file=file, field="security", value=name, hint=hint) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        # What is wrong with it is not told: it might quote a code.
        rule = "must be TOML in UTF-8 that can be read"
        raise InputError(rule, file=file, field="security codes", hint=hint) from None
    if set(values) != set(_LEVELS) or not all(isinstance(code, str) and code for code in values.values()):
        rule = f"must have {' and '.join(_LEVELS)}, as text, and nothing else"
        raise InputError(rule, file=file, field="security codes", hint=hint)
    return SecurityCodes(SecurityCode(values["level_1"]), SecurityCode(values["level_2"]))
