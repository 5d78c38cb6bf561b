"""A road network in one compact file: a zip archive of NumPy arrays (``.npz``) and a JSON header.

The header names the format and its version; the archive's checksums find damage. The same network always
gives the same bytes: entries have a fixed order and no date.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from traffic.errors import InputError
from traffic.files import replacing
from traffic.network import (
    Connections,
    Crossings,
    Junctions,
    LaneGroups,
    Links,
    Movements,
    Nodes,
    Places,
    RoadNetwork,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["FORMAT", "VERSION", "load_network", "load_overrides", "save_network"]

FORMAT = "jasyl-network"
"""Format name in the header of a saved network."""

VERSION = 2  # 1 did not keep the overrides
"""Version of the format that this release writes, and the only one that it reads."""

_HEADER = "header.json"
_TABLES: dict[str, type[Any]] = {
    "nodes": Nodes,
    "links": Links,
    "lane_groups": LaneGroups,
    "movements": Movements,
    "connections": Connections,
    "junctions": Junctions,
    "crossings": Crossings,
    "places": Places,
}
_SHAPE = ("shape_x_m", "shape_y_m")
_TEXT = {("junctions", "key"), ("junctions", "name"), ("junctions", "osm_nodes"), ("places", "name")}
_LEVEL = 6  # level 9 takes four times as long for 1 % fewer bytes
_HINT = "Import the network again"
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ValueError,  # includes JSON, Unicode and NumPy header errors
    KeyError,
    TypeError,
    IndexError,
    EOFError,
    RuntimeError,  # an entry marked as encrypted, or as compressed in a way that zipfile does not know
    OverflowError,
    SyntaxError,
)


def save_network(network: RoadNetwork, path: str | os.PathLike[str], *, overrides: str = "") -> None:
    """Save `network` to `path`; an existing file is replaced in one step.

    Parameters
    ----------
    network
        The network to save.
    path
        The file to write, by custom with the suffix ``.npz``.
    overrides
        The overrides file that the network was imported with (`traffic.overrides`), as text.
    """
    with replacing(path) as draft:
        draft.write_bytes(_pack(network, overrides))


def load_network(path: str | os.PathLike[str]) -> RoadNetwork:
    """Load the network saved at `path`.

    Returns
    -------
    RoadNetwork
        Equal to the saved one in every array and name.

    Raises
    ------
    InputError
        If the file is missing, damaged, of another format or version, or holds a network that breaks a rule.
    """
    with _opened(path) as (archive, header):
        arrays = {entry: _array(archive, entry) for entry in _array_names()}
        return _network(header, arrays)


def load_overrides(path: str | os.PathLike[str]) -> str:
    """Return the overrides that the network saved at `path` was imported with; empty without any.

    Raises
    ------
    InputError
        As `load_network` does.
    """
    with _opened(path) as (_, header):
        return str(header["overrides"])


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[tuple[zipfile.ZipFile, dict[str, Any]]]:
    """Open a saved network and read its header; whatever is wrong with the file is an `InputError`."""
    source = Path(path)
    try:
        data = source.read_bytes()
    except OSError as error:
        hint = "Check its name and who may read it"
        raise InputError(
            "cannot be read", file=source, field="file", value=error.strerror, hint=hint
        ) from error
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield archive, _header(archive, source)
    except InputError as error:
        if error.file is not None:
            raise
        raise InputError(error.rule, file=source, field=error.field, value=error.value, hint=_HINT) from error
    except _DAMAGE as error:
        rule = "is damaged or no network saved by Jasyl"
        raise InputError(rule, file=source, field="file content", value=str(error), hint=_HINT) from error


def _array_names() -> list[str]:
    columns = [f"{table}.{f.name}" for table, kind in _TABLES.items() for f in fields(kind)]
    return [c for c in columns if tuple(c.split(".")) not in _TEXT] + list(_SHAPE)


def _pack(network: RoadNetwork, overrides: str) -> bytes:
    header: dict[str, object] = {"format": FORMAT, "version": VERSION}
    header |= {"name": network.name, "crs": network.crs, "names": network.names}
    header |= {"overrides": overrides}
    header |= {f"{table}.{field}": getattr(getattr(network, table), field) for table, field in sorted(_TEXT)}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        _write(archive, _HEADER, json.dumps(header, ensure_ascii=False).encode())
        for entry in _array_names():
            owner: Any = network
            for part in entry.split("."):
                owner = getattr(owner, part)
            buffer = io.BytesIO()
            little = owner.astype(owner.dtype.newbyteorder("<"), copy=False)
            np.lib.format.write_array(buffer, little, version=(1, 0), allow_pickle=False)
            _write(archive, f"{entry}.npy", buffer.getvalue())
    return stream.getvalue()


def _write(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name)  # dated 1980-01-01
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data, compresslevel=_LEVEL)


def _header(archive: zipfile.ZipFile, source: Path) -> dict[str, Any]:
    header = json.loads(archive.read(_HEADER))
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise InputError(
            f"must be {FORMAT!r}", file=source, field="format", value=str(header)[:80], hint=_HINT
        )
    if header.get("version") != VERSION:
        rule = f"must be {VERSION}, the version that this release of Jasyl reads"
        raise InputError(rule, file=source, field="version", value=header.get("version"), hint=_HINT)
    for field in ("name", "crs", "overrides"):
        if not isinstance(header[field], str):
            raise InputError("must be text", file=source, field=field, value=header[field], hint=_HINT)
    return header


def _array(archive: zipfile.ZipFile, entry: str) -> NDArray[Any]:
    array = np.lib.format.read_array(io.BytesIO(archive.read(f"{entry}.npy")), allow_pickle=False)
    array = np.asarray(array, dtype=array.dtype.newbyteorder("="))
    array.flags.writeable = False  # so that the tables take it over without another copy
    return array


def _network(header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> RoadNetwork:
    tables = {table: _table(table, kind, header, arrays) for table, kind in _TABLES.items()}
    return RoadNetwork(
        name=header["name"],
        crs=header["crs"],
        names=tuple(header["names"]),
        shape_x_m=arrays["shape_x_m"],
        shape_y_m=arrays["shape_y_m"],
        **tables,
    )


def _table(table: str, kind: type[Any], header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Any:
    columns: dict[str, object] = {}
    for field in fields(kind):
        entry = f"{table}.{field.name}"
        if (table, field.name) in _TEXT:
            columns[field.name] = tuple(tuple(v) if isinstance(v, list) else v for v in header[entry])
        else:
            columns[field.name] = arrays[entry]
    return kind(**columns)
