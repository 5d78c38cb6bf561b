"""XML files of SUMO, also gzipped: the children of their root one by one, and the attributes of these."""

from __future__ import annotations

import gzip
import math
import os
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from traffic.errors import InputError

__all__ = ["number_of", "records", "text_of"]

_GZIP = b"\x1f\x8b"


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a file of SUMO, gzipped or not."""
    file = Path(path)
    try:
        stream = file.open("rb")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=file) from error
    with stream:
        packed = stream.read(2) == _GZIP
        stream.seek(0)
        if packed:
            with gzip.open(stream) as text:
                yield text  # type: ignore[misc]
        else:
            yield stream


def records(path: str | os.PathLike[str], *roots: str) -> Iterator[ET.Element]:
    """Yield the children of the root of an XML file one by one, freeing each after use.

    Parameters
    ----------
    roots
        Names that the root may have; none: any.
    """
    depth = 0
    try:
        with _opened(path) as stream:
            for event, element in ET.iterparse(stream, events=("start", "end")):  # noqa: S314 - no entities: expat >= 2.4
                if event == "start":
                    depth += 1
                    if depth == 1:
                        root = element
                        if roots and root.tag not in roots:
                            rule = f"must be an XML file of SUMO with the root <{'> or <'.join(roots)}>"
                            raise InputError(rule, file=path, field="root", value=root.tag)
                    continue
                depth -= 1
                if depth == 1:
                    yield element
                    root.clear()
    except (ET.ParseError, EOFError, gzip.BadGzipFile, OSError) as error:
        hint = "It may have been cut off; fetch or write it again"
        raise InputError(f"cannot be read as XML: {error}", file=path, hint=hint) from error


def text_of(element: ET.Element, name: str, path: Path) -> str:
    """Return an attribute that must be there."""
    value = element.get(name)
    if not value:
        raise InputError(f"must have the attribute {name}", file=path, field=_place(element))
    return value


def number_of(element: ET.Element, name: str, path: Path, default: str | None = None) -> float:
    """Return an attribute that must be a finite number; it may be absent where there is a `default`."""
    text = text_of(element, name, path) if default is None else element.get(name, default)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError("must be a number", file=path, field=f"{_place(element)}, {name}", value=text)
    return value


def _place(element: ET.Element) -> str:
    return f"{element.tag} {element.get('id', '')}".strip()
