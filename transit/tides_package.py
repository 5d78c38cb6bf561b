"""What the description of a TIDES package says beside its tables."""

from __future__ import annotations

import json
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["PACKAGE", "ZONE", "package_zone"]

PACKAGE = "datapackage.json"
ZONE = "time_zone"
"""A property of ours: TIDES has none for it, and a package may have properties that its specification does not name."""


def package_zone(folder: Path) -> str | None:
    """Return the time zone that the package in a folder says; nothing where it says none that is known."""
    try:
        found = json.loads((folder / PACKAGE).read_text(encoding="utf-8")).get(ZONE)
        return ZoneInfo(found).key if found else None
    except (OSError, ValueError, AttributeError, TypeError, ZoneInfoNotFoundError):
        return None
